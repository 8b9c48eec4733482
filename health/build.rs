//! Compiles the service's Protobuf file.

fn main() {
    kitewire_build::Builder::new()
        .file_descriptor_set("health.bin")
        .compile_protos(&["proto/grpc/health/v1/health.proto"], &["proto"]);
}
