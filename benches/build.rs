//! Generates the services; the strings of the Thrift ones share the memory they were read from.

use kitewire_build::{Builder, StringType};

fn main() {
    for file in ["idl/echo.thrift", "idl/lines.thrift"] {
        Builder::new().string_type(StringType::Text).compile(file);
    }
    kitewire_build::compile_protos(&["idl/chat.proto"], &["idl"]);
}
