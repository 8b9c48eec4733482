use prost_types::{EnumValueDescriptorProto, FileDescriptorSet, MethodDescriptorProto, OneofDescriptorProto};

use super::*;

#[test]
fn everything_with_a_name_is_found_by_it() {
    let files = files([shop(), base()]);
    for (symbol, file) in [
        ("shop.Cart", "shop.proto"),
        ("shop.Cart.Add", "shop.proto"),
        ("shop.Item", "shop.proto"),
        ("shop.Item.name", "shop.proto"),
        ("shop.Item.choice", "shop.proto"),
        ("shop.Item.Size", "shop.proto"),
        ("shop.Item.Size.depth", "shop.proto"),
        ("shop.Item.Unit", "shop.proto"),
        ("shop.Item.METRE", "shop.proto"),
        ("shop.Item.Unit.METRE", "shop.proto"),
        ("shop.Item.colour", "shop.proto"),
        ("shop.weight", "shop.proto"),
        ("Base", "base.proto"),
        ("Kind", "base.proto"),
        ("BIG", "base.proto"),
    ] {
        let found = files.by_symbol(symbol);
        assert!(found.is_some(), "{symbol}");
        assert_eq!(found, files.by_name(file), "{symbol}");
    }
    for symbol in ["", "shop", "Cart", ".shop.Cart", "shop.Cart.add", "shop.Size"] {
        assert_eq!(files.by_symbol(symbol), None, "{symbol}");
    }
    assert_eq!(files.services().collect::<Vec<_>>(), ["shop.Cart"]);
}

#[test]
fn extensions_are_found_by_what_they_extend() {
    let files = files([shop(), base()]);
    let shop = files.by_name("shop.proto");
    assert_eq!(files.by_extension("Base", 100), shop);
    assert_eq!(files.by_extension("Base", 101), shop);
    assert_eq!(files.by_extension("Base", 102), None);
    assert_eq!(files.by_extension("shop.Item", 100), None);
    assert_eq!(files.extension_numbers("Base"), Some(vec![100, 101]));
    assert_eq!(files.extension_numbers("shop.Item"), Some(vec![]));
    assert_eq!(files.extension_numbers("shop.Nothing"), None);
}

/// As grpc-go: what is asked for comes always and first, then breadth first what it needs and was not sent.
#[test]
fn imports_come_once() {
    let import = |name: &str, imports: &[&str]| FileDescriptorProto {
        name: Some(name.to_owned()),
        dependency: imports.iter().map(|&name| name.to_owned()).collect(),
        ..FileDescriptorProto::default()
    };
    let files = files([
        import("d", &[]),
        import("b", &["d", "e", "missing"]),
        import("c", &["d"]),
        import("a", &["b", "c"]),
        import("e", &[]),
    ]);
    let names = |file: &str, sent: &mut Sent| {
        let encoded = files.with_imports(files.by_name(file).unwrap(), sent);
        let name = |encoded: &Vec<u8>| FileDescriptorProto::decode(encoded.as_slice()).unwrap().name.unwrap();
        encoded.iter().map(name).collect::<String>()
    };
    let mut sent = Sent::new();
    assert_eq!(names("c", &mut sent), "cd");
    assert_eq!(names("a", &mut sent), "abe");
    assert_eq!(names("a", &mut sent), "a");
    assert_eq!(names("d", &mut sent), "d");
    assert_eq!(names("a", &mut Sent::new()), "abcde");
}

#[test]
fn files_are_sent_as_they_were_given() {
    let mut encoded = base().encode_to_vec();
    // A field that nobody knows: options that are extensions look like it.
    encoded.extend([0xfa, 0x7f, 3, b'a', b'b', b'c']);
    let set = EncodedSet {
        file: vec![encoded.clone().into()],
    };
    let mut files = Files::default();
    files.add(&set.encode_to_vec()).unwrap();
    let file = files.by_name("base.proto").unwrap();
    assert_eq!(files.with_imports(file, &mut Sent::new()), [encoded]);
}

#[test]
fn the_first_file_of_a_name_counts() {
    let mut files = files([base()]);
    let other = FileDescriptorProto {
        name: Some("base.proto".to_owned()),
        message_type: vec![message("Other", &[])],
        ..FileDescriptorProto::default()
    };
    files
        .add(&FileDescriptorSet { file: vec![other] }.encode_to_vec())
        .unwrap();
    assert_eq!(files.by_symbol("Other"), None);
    assert!(files.by_symbol("Base").is_some());
}

#[test]
fn what_is_no_set_is_refused_and_changes_nothing() {
    let mut files = Files::default();
    assert!(files.add(b"\x0a\x05nope").is_err());
    let mut set = FileDescriptorSet { file: vec![base()] }.encode_to_vec();
    set.extend([0x0a, 1, 0xff]);
    assert!(files.add(&set).is_err());
    assert_eq!(files.by_name("base.proto"), None);
    files.add(b"").unwrap();
}

fn files<const N: usize>(files: [FileDescriptorProto; N]) -> Files {
    let mut out = Files::default();
    out.add(&FileDescriptorSet { file: files.into() }.encode_to_vec())
        .unwrap();
    out
}

/// A file with a package that has everything.
fn shop() -> FileDescriptorProto {
    let size = message("Size", &["depth"]);
    let item = DescriptorProto {
        nested_type: vec![size],
        enum_type: vec![enumeration("Unit", "METRE")],
        extension: vec![extension("colour", 101)],
        oneof_decl: vec![OneofDescriptorProto {
            name: Some("choice".to_owned()),
            options: None,
        }],
        ..message("Item", &["name"])
    };
    FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop".to_owned()),
        dependency: vec!["base.proto".to_owned()],
        message_type: vec![item],
        extension: vec![extension("weight", 100)],
        service: vec![ServiceDescriptorProto {
            name: Some("Cart".to_owned()),
            method: vec![MethodDescriptorProto {
                name: Some("Add".to_owned()),
                ..MethodDescriptorProto::default()
            }],
            options: None,
        }],
        ..FileDescriptorProto::default()
    }
}

/// A file without a package.
fn base() -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some("base.proto".to_owned()),
        message_type: vec![message("Base", &[])],
        enum_type: vec![enumeration("Kind", "BIG")],
        ..FileDescriptorProto::default()
    }
}

fn message(name: &str, fields: &[&str]) -> DescriptorProto {
    let field = |name: &&str| FieldDescriptorProto {
        name: Some((*name).to_owned()),
        ..FieldDescriptorProto::default()
    };
    DescriptorProto {
        name: Some(name.to_owned()),
        field: fields.iter().map(field).collect(),
        ..DescriptorProto::default()
    }
}

fn enumeration(name: &str, value: &str) -> EnumDescriptorProto {
    EnumDescriptorProto {
        name: Some(name.to_owned()),
        value: vec![EnumValueDescriptorProto {
            name: Some(value.to_owned()),
            number: Some(0),
            options: None,
        }],
        ..EnumDescriptorProto::default()
    }
}

/// An extension of `Base`.
fn extension(name: &str, number: i32) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        extendee: Some(".Base".to_owned()),
        ..FieldDescriptorProto::default()
    }
}
