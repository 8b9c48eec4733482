//! Generates our peers' services from the IDL that the Go program is generated from, too.

use std::path::PathBuf;

use kitewire_build::{Builder, Combine};

fn main() {
    kitewire_build::compile("../idl/interop.thrift");
    kitewire_build::compile("../idl/stranger.thrift");
    Builder::new()
        .combine_service(Combine::On)
        .compile("../idl/combined.thrift");
    kitewire_build::compile_protos(&["../idl/interop.proto", "../idl/strangerpb.proto"], &["../idl"]);
    kitewire_build::compile("../idl/streams.thrift");
    kitewire_build::compile("../idl/strangestreams.thrift");
    kitewire_build::compile_protos(
        &["../idl/streamspb.proto", "../idl/strangestreamspb.proto"],
        &["../idl"],
    );
    kitewire_build::compile_protos(&["../idl/grpc_testing.proto", "../idl/peers.proto"], &["../idl"]);
    // Of the same package as the file above.
    let absent = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("absent");
    if let Err(error) = std::fs::create_dir_all(&absent) {
        panic!("{}: {error}", absent.display());
    }
    Builder::new()
        .out_dir(absent)
        .compile_protos(&["../idl/grpc_testing_absent.proto"], &["../idl"]);
}
