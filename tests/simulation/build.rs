//! Generates the services of the simulated worlds.

fn main() {
    kitewire_build::compile("idl/work.thrift");
    kitewire_build::compile_protos(&["idl/workpb.proto"], &["idl"]);
}
