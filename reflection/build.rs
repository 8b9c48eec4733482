//! Compiles the Protobuf files of both versions of the service.

fn main() {
    let files = ["v1", "v1alpha"].map(|version| format!("proto/grpc/reflection/{version}/reflection.proto"));
    kitewire_build::Builder::new()
        .file_descriptor_set("reflection.bin")
        .compile_protos(&files, &["proto"]);
}
