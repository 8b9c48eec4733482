//! Generates the services that the recorded connections were made with, and those of our own tests.

use kitewire_build::{Builder, Combine};

fn main() {
    kitewire_build::compile("idl/promises.thrift");
    kitewire_build::compile_protos(&["idl/parcels.proto"], &["idl"]);
    kitewire_build::compile("vectors/idl/pingpong.thrift");
    kitewire_build::compile("vectors/idl/multi.thrift");
    kitewire_build::compile("vectors/idl/ttstream.thrift");
    kitewire_build::compile("vectors/idl/wire.thrift");
    kitewire_build::compile("vectors/idl/NoNamespace.thrift");
    Builder::new()
        .combine_service(Combine::On)
        .compile("vectors/idl/comb.thrift");
    kitewire_build::compile_protos(
        &[
            "vectors/idl/pingpong_pb.proto",
            "vectors/idl/multi.proto",
            "vectors/idl/wire.proto",
            "vectors/idl/nopackage.proto",
        ],
        &["vectors/idl"],
    );
}
