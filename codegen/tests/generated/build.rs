//! Compiles every IDL of the folder beside.

use kitewire_build::{Builder, Combine, Containers, Layer, StringType, UnknownFields};

fn main() {
    for name in ["everything", "pingpong", "multi", "NoNamespace", "wire", "ttstream"] {
        kitewire_build::compile(format!("../idl/{name}.thrift"));
    }
    for name in ["comb", "streams"] {
        Builder::new()
            .combine_service(Combine::On)
            .compile(format!("../idl/{name}.thrift"));
    }
    let folder = std::env::var("OUT_DIR").expect("Cargo sets it") + "/other";
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    Builder::new()
        .out_dir(&folder)
        .string_type(StringType::Text)
        .containers(Containers::Hash)
        .unknown_fields(UnknownFields::Keep)
        .compile("../idl/pingpong.thrift");
    Builder::new()
        .out_dir(&folder)
        .string_type(StringType::Bytes)
        .containers(Containers::BTree)
        .compile("../idl/everything.thrift");
    let folder = std::env::var("OUT_DIR").expect("Cargo sets it") + "/core";
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    for name in ["everything", "pingpong", "ttstream"] {
        Builder::new()
            .out_dir(&folder)
            .layer(Layer::Core)
            .compile(format!("../idl/{name}.thrift"));
    }
    let protos = ["multi", "nopackage", "pingpong_pb", "wire"].map(|name| format!("../idl/{name}.proto"));
    kitewire_build::compile_protos(&protos, &["../idl"]);
    Builder::new()
        .file_descriptor_set("options.bin")
        .compile_protos(&["../idl/options.proto"], &["../idl"]);
}
