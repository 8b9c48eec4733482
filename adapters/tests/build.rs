//! Generates the service that the tests call.

fn main() {
    kitewire_build::compile("idl/echo.thrift");
}
