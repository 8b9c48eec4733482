//! Connections that carry gRPC.

mod client;
mod client_ends;
mod client_messages;
mod duo;
#[cfg(feature = "gzip")]
mod hostile;
mod pair;
#[cfg(feature = "gzip")]
mod raw;
mod rig;
mod server;
