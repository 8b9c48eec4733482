//! Generates the service from the IDL that both sides share.

fn main() {
    let file = "../idl/peers.proto";
    let descriptors = protox::compile([file], ["../idl"]).expect("the IDL is valid");
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)
        .expect("the IDL can be generated");
    println!("cargo::rerun-if-changed={file}");
}
