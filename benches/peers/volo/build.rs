//! Generates the echo service from its IDL.

fn main() {
    volo_build::Builder::thrift()
        .add_service("../../idl/echo.thrift")
        .write()
        .expect("the echo service has a valid IDL");
    println!("cargo::rerun-if-changed=../../idl/echo.thrift");
}
