//! What the fuzz targets do with their bytes, as ordinary functions that property tests call too.
//!
//! Each function panics when a property does not hold, and does the same whenever it is given the same bytes.

mod choices;
mod client;
mod codecs;
mod dynamic;
#[cfg(feature = "idl")]
mod idl;
mod server;

pub use client::client_connection;
pub use codecs::{detection, kitex_protobuf, thrift_reader, ttheader};
pub use dynamic::{Dynamic, Fields};
#[cfg(feature = "idl")]
pub use idl::idl_parser;
pub use server::server_connection;
