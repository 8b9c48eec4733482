//! What generated code stands on.

use std::path::PathBuf;

use kitewire_build::{Builder, Layer};

#[test]
fn the_core_layer_needs_the_core_alone() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "thrift") {
            let code = Builder::new().layer(Layer::Core).generate_to_string(&path).unwrap();
            assert!(!code.contains("kitewire::"), "{}", path.display());
            assert!(!code.contains("trait "), "{}", path.display());
        }
    }
}

#[test]
fn both_layers_have_the_same_messages_and_tables() {
    let of = |layer| {
        let path = folder().join("ttstream.thrift");
        Builder::new().layer(layer).generate_to_string(path).unwrap()
    };
    let (rpc, core) = (of(Layer::Rpc), of(Layer::Core));
    for begins in ["pub struct ", "pub enum ", "pub static "] {
        for line in core.lines().filter(|line| line.trim_start().starts_with(begins)) {
            let same = line.replace("kitewire_proto::dispatch::", "kitewire::");
            assert!(rpc.contains(&same), "{line}");
        }
    }
    assert!(core.contains("pub static "));
}

#[test]
#[cfg(feature = "protobuf")]
fn protobuf_of_the_core_layer_needs_prost_beside_it() {
    let file = folder().join("pingpong_pb.proto");
    let code = Builder::new()
        .layer(Layer::Core)
        .generate_protos(&[file], &[folder()])
        .unwrap();
    let code = &code["kw.pingpong"];
    assert!(!code.contains("kitewire::"));
    assert!(code.contains("::prost::Message"));
    assert!(code.contains("kitewire_proto::wire::Codec::Protobuf"));
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/idl")
}
