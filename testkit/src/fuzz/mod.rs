//! What the fuzz targets do with their bytes, as ordinary functions that property tests call too.
//!
//! Each function panics when a property does not hold, and does the same whenever it is given the same bytes.

pub(crate) mod choices;
mod client;
mod codecs;
mod connection_pair;
mod connection_server;
mod driven;
mod dynamic;
mod grpc_chaos;
mod grpc_client;
mod grpc_codecs;
mod grpc_exchanges;
mod grpc_script;
mod grpc_server;
mod hpack;
mod http1;
mod http2_chaos;
mod http2_client;
#[cfg(feature = "h2")]
mod http2_differential;
mod http2_frames;
mod http2_output;
mod http2_passive;
mod http2_script;
mod http2_server;
mod http_exchanges;
#[cfg(feature = "idl")]
mod idl;
mod recording;
mod server;
mod ttstream_chaos;
mod ttstream_client;
mod ttstream_frames;
mod ttstream_output;
mod ttstream_pair;
mod ttstream_script;
mod ttstream_server;

pub use client::client_connection;
pub use codecs::{detection, kitex_protobuf, thrift_reader, ttheader};
pub use connection_pair::connection_pair;
pub use connection_server::connection_server;
pub use dynamic::{Dynamic, Fields};
pub use grpc_client::grpc_client;
pub use grpc_codecs::grpc_codecs;
pub use grpc_exchanges::grpc_exchanges;
pub use grpc_server::grpc_server;
pub use hpack::hpack;
pub use http_exchanges::http_exchanges;
pub use http1::http1;
pub use http2_client::http2_client;
#[cfg(feature = "h2")]
pub use http2_differential::{http2_differences, http2_differences_of, http2_differential};
pub use http2_frames::http2_frames;
pub use http2_server::http2_server;
#[cfg(feature = "idl")]
pub use idl::idl_parser;
pub use recording::{recorded_session, recording};
pub use server::server_connection;
pub use ttstream_client::ttstream_client;
pub use ttstream_frames::ttstream_frames;
pub use ttstream_pair::ttstream_pair;
pub use ttstream_server::ttstream_server;
