//! Generates the services that the scenarios call.

fn main() {
    kitewire_build::compile("idl/desk.thrift");
    kitewire_build::compile("idl/stranger.thrift");
    kitewire_build::compile_protos(&["idl/parcels.proto"], &["idl"]);
}
