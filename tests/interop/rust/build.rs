//! Generates our peers' services from the IDL that the Go program is generated from, too.

use kitewire_build::{Builder, Combine};

fn main() {
    kitewire_build::compile("../idl/interop.thrift");
    kitewire_build::compile("../idl/stranger.thrift");
    Builder::new()
        .combine_service(Combine::On)
        .compile("../idl/combined.thrift");
    kitewire_build::compile_protos(&["../idl/interop.proto", "../idl/strangerpb.proto"], &["../idl"]);
}
