//! Generates the echo service, with strings that share the memory they were read from.

use kitewire_build::{Builder, StringType};

fn main() {
    Builder::new().string_type(StringType::Text).compile("idl/echo.thrift");
}
