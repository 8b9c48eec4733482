//! gRPC's health service, [`grpc.health.v1.Health`](https://grpc.io/docs/guides/health-checking/), for kitewire servers.
//!
//! Load balancers, orchestrators and gRPC clients ask it whether a server, or one of its services, takes calls. A
//! [`HealthReporter`] is the handle by which a program says so; it is registered as a service, and cloned to wherever the
//! program knows better:
//!
//! ```
//! # use kitewire_tokio::Tokio;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use kitewire::{Client, Server, Transport};
//! use kitewire_health::v1::{HealthCheckRequest, HealthClient};
//! use kitewire_health::{HealthReporter, ServingStatus};
//!
//! let health = HealthReporter::new();
//! health.set("shop.Cart", ServingStatus::Serving);
//! let server = Server::new(Tokio).register(&health).bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?;
//! tokio::spawn(server.run());
//!
//! // In another program:
//! let client = HealthClient::new(Client::to(address).transport(Transport::Grpc).build(Tokio)?);
//! let request = HealthCheckRequest { service: "shop.Cart".into() };
//! let mut changes = client.watch(request).await?;
//! assert_eq!(changes.recv().await?.unwrap().status, 1);
//! health.set("shop.Cart", ServingStatus::NotServing);
//! assert_eq!(changes.recv().await?.unwrap().status, 2);
//! # Ok(()) }
//! ```
//!
//! | method | what it answers | a service that nobody reported |
//! |---|---|---|
//! | `Check` | its status now | code 5, NOT_FOUND |
//! | `Watch` | its status now, and each time it becomes another one | `SERVICE_UNKNOWN`, until it is reported |
//! | `List` | the status of all services; code 8, RESOURCE_EXHAUSTED, for more than 100 | is not there |
//!
//! Nothing here depends on a runtime.

mod board;
mod reporter;
mod service;

pub use reporter::{HealthReporter, ServingStatus};

/// The messages, the client and the service trait of `grpc.health.v1`.
pub mod v1 {
    kitewire::include_idl!("grpc.health.v1");
}

/// The service's Protobuf file as an encoded `FileDescriptorSet`, for a reflection service.
pub const FILE_DESCRIPTOR_SET: &[u8] = kitewire::include_file_descriptor_set!("health.bin");
