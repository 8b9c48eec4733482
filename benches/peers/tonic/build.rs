//! Generates the chat service from its IDL.

fn main() {
    let file = "../../idl/chat.proto";
    let descriptors = protox::compile([file], ["../../idl"]).expect("the chat service has a valid IDL");
    tonic_prost_build::configure()
        .compile_fds(descriptors)
        .expect("the chat service can be generated");
    println!("cargo::rerun-if-changed={file}");
}
