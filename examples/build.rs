//! Generates the examples' services from their IDL.

fn main() {
    kitewire_build::compile("idl/shop.thrift");
    kitewire_build::compile("idl/library.thrift");
    kitewire_build::compile("idl/market.thrift");
    kitewire_build::compile_protos(&["idl/postcards.proto"], &["idl"]);
}
