//! What is in a descriptor set that was written beside the code.

use kitewire::prost::Message;
use kitewire_build_generated::OPTIONS;
use prost_types::FileDescriptorSet;

#[test]
fn imports_are_in_the_set_and_comments_are_not() {
    let set = FileDescriptorSet::decode(OPTIONS).unwrap();
    let names: Vec<&str> = set.file.iter().map(|file| file.name()).collect();
    let expected = [
        "google/protobuf/descriptor.proto",
        "google/protobuf/timestamp.proto",
        "options.proto",
    ];
    assert_eq!(names, expected);
    assert!(set.file.iter().all(|file| file.source_code_info.is_none()));
}

/// prost's descriptors do not know extensions, so a set that went through them would have lost this one.
#[test]
fn options_that_are_extensions_are_in_the_set() {
    assert!(OPTIONS.windows(8).any(|window| window == b"the text"));
    let set = FileDescriptorSet::decode(OPTIONS).unwrap().encode_to_vec();
    assert!(!set.windows(8).any(|window| window == b"the text"));
}
