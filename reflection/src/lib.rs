//! gRPC's reflection service, `grpc.reflection.v1.ServerReflection`, for kitewire servers: tools such as grpcurl ask it
//! which services a server has and what their Protobuf files say, and then call them without having the files.
//!
//! A [`Reflection`] answers from encoded `FileDescriptorSet`s. `kitewire-build` writes one beside the code it generates:
//!
//! ```no_run
//! // In build.rs:
//! kitewire_build::Builder::new()
//!     .file_descriptor_set("shop.bin")
//!     .compile_protos(&["idl/shop.proto"], &["idl"]);
//! ```
//!
//! ```
//! # use kitewire_tokio::Tokio;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use kitewire::{Client, Server, Transport};
//! use kitewire_reflection::Reflection;
//! use kitewire_reflection::v1::server_reflection_request::MessageRequest;
//! use kitewire_reflection::v1::{ServerReflectionClient, ServerReflectionRequest};
//!
//! # /*
//! const SHOP: &[u8] = kitewire::include_file_descriptor_set!("shop.bin");
//! # */
//! # const SHOP: &[u8] = kitewire_reflection::FILE_DESCRIPTOR_SET;
//! let reflection = Reflection::new().file_descriptor_set(SHOP)?;
//! let server = Server::new(Tokio).register(reflection).bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?;
//! tokio::spawn(server.run());
//!
//! // In another program:
//! let client = ServerReflectionClient::new(Client::to(address).transport(Transport::Grpc).build(Tokio)?);
//! let mut questions = client.server_reflection_info().await?;
//! questions.send(ServerReflectionRequest {
//!     host: String::new(),
//!     message_request: Some(MessageRequest::ListServices(String::new())),
//! }).await?;
//! println!("{:?}", questions.recv().await?);
//! # Ok(()) }
//! ```
//!
//! The older `grpc.reflection.v1alpha.ServerReflection` is served by the same registration: its messages are the same,
//! and services are found by their name without the package.
//!
//! | question | answer |
//! |---|---|
//! | `list_services` | all services of the files, this one in both versions among them, by name |
//! | `file_by_filename` | the file, and those it imports directly or not |
//! | `file_containing_symbol` | as above, by the full name of a service, method, message, field, oneof, enum, enum value or extension, nested ones too |
//! | `file_containing_extension` | as above, by the extended message and the field number |
//! | `all_extension_numbers_of_type` | the numbers, ascending |
//! | anything that is not there | an `ErrorResponse` with code 5, NOT_FOUND; the stream goes on |
//! | nothing at all | the stream ends with code 3, INVALID_ARGUMENT |
//!
//! Files are sent as they were given, so that options which are extensions survive. A file that was sent on a stream
//! before comes again only if it is what is asked for. Nothing here depends on a runtime.

mod files;
mod service;

use std::error::Error as StdError;
use std::fmt;

use kitewire::Registration;
use kitewire::prost::DecodeError;

use files::Files;
use service::ReflectionService;

/// The messages, the client and the service trait of `grpc.reflection.v1`.
pub mod v1 {
    kitewire::include_idl!("grpc.reflection.v1");
}

/// The messages, the client and the service trait of `grpc.reflection.v1alpha`, which [`v1`] took over as they were.
pub mod v1alpha {
    kitewire::include_idl!("grpc.reflection.v1alpha");
}

/// The service's own Protobuf files as an encoded `FileDescriptorSet`. A [`Reflection`] has them already.
pub const FILE_DESCRIPTOR_SET: &[u8] = kitewire::include_file_descriptor_set!("reflection.bin");

/// The reflection service: what it knows, on its way into a server.
///
/// It is registered like any service: `server.register(reflection)`.
#[derive(Debug)]
pub struct Reflection {
    files: Files,
}

impl Reflection {
    /// One that knows the reflection service alone.
    #[must_use]
    pub fn new() -> Self {
        let mut files = Files::default();
        let added = files.add(FILE_DESCRIPTOR_SET);
        debug_assert!(added.is_ok(), "written by the same build");
        Self { files }
    }

    /// Adds the files of an encoded `FileDescriptorSet`. Of files with the same name, the first one counts.
    ///
    /// # Errors
    /// The bytes are no `FileDescriptorSet`.
    pub fn file_descriptor_set(mut self, encoded: &[u8]) -> Result<Self, InvalidDescriptors> {
        self.files.add(encoded).map_err(InvalidDescriptors)?;
        Ok(self)
    }
}

impl Default for Reflection {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Reflection> for Registration {
    fn from(reflection: Reflection) -> Self {
        Self::new(v1::ServerReflectionServer::new(ReflectionService::new(
            reflection.files,
        )))
    }
}

/// Bytes that are no encoded `FileDescriptorSet`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidDescriptors(DecodeError);

impl fmt::Display for InvalidDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an encoded FileDescriptorSet: {}", self.0)
    }
}

impl StdError for InvalidDescriptors {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}
