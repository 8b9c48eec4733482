//! Generates the two services; the strings of the Thrift one share the memory they were read from.

use kitewire_build::{Builder, StringType};

fn main() {
    Builder::new().string_type(StringType::Text).compile("idl/echo.thrift");
    kitewire_build::compile_protos(&["idl/chat.proto"], &["idl"]);
}
