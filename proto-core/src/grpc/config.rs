//! Settings and limits of a connection that carries gRPC. Plain values, set once and shared by all connections of a
//! server or client.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Switch;
use crate::http::RequestLimits;
use crate::http2;
use crate::wire::grpc::GRACEFUL_SHUTDOWN;

/// How a connection behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The HTTP/2 connection below. [`drain_code`](http2::Config::drain_code) is Kitex's own 1000 by default, which its
    /// clients report as `graceful shutdown`.
    pub http2: Arc<http2::Config>,
    /// Largest message that is taken, after decompression. Default 16 MiB (Kitex: no limit).
    pub max_received_message: u32,
    /// Largest message that is sent, before compression. Default 16 MiB (Kitex: no limit).
    pub max_sent_message: u32,
    /// Most bytes of messages that one connection puts together or has decompressed for its application. Default 32 MiB.
    pub max_messages: usize,
    /// Server: how long the message of a call with a single request may not get on. Default 30 s.
    pub message_timeout: Duration,
    /// Whether compressed messages are taken. A client announces so only for calls that ask for it. Default on.
    pub accept_gzip: Switch,
    /// Server: whether callers that accept gzip are answered with it. Default off.
    pub send_gzip: Switch,
    /// Server: which status a call to an unknown service or method ends with. Default [`UnknownNames::Auto`].
    pub unknown_names: UnknownNames,
    /// Server: bounds on plain requests, which share connections with calls. `None`: they are refused. Default `Some`.
    pub http: Option<RequestLimits>,
    /// Client: the `user-agent`. It begins as Kitex's, by which servers know the dialect, and goes on with our own name.
    pub user_agent: String,
}

/// The status of a call to a service or method that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UnknownNames {
    /// Kitex's to callers that speak Thrift or say that they are Kitex, gRPC's to all others.
    #[default]
    Auto,
    /// Kitex's: code 20 `unknown service …`, code 1 `unknown method …`.
    Kitex,
    /// gRPC's: code 12 (UNIMPLEMENTED) with the same texts.
    Grpc,
}

impl Default for Config {
    fn default() -> Self {
        let http2 = Arc::new(http2::Config {
            drain_code: GRACEFUL_SHUTDOWN,
            ..http2::Config::default()
        });
        Self {
            http2,
            max_received_message: 16 * 1024 * 1024,
            max_sent_message: 16 * 1024 * 1024,
            max_messages: 32 * 1024 * 1024,
            message_timeout: Duration::from_secs(30),
            accept_gzip: Switch::On,
            send_gzip: Switch::Off,
            unknown_names: UnknownNames::Auto,
            http: Some(RequestLimits::default()),
            user_agent: concat!("kitex/v0.16.3 kitewire/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
