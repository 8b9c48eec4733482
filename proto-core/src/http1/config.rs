//! Limits of an HTTP/1.1 server connection.

use std::time::Duration;

use crate::config::Switch;
use crate::http::RequestLimits;

/// How an HTTP/1.1 server [`Connection`](super::Connection) behaves: plain values, set once and shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on requests, which hold for every version of HTTP.
    pub requests: RequestLimits,
    /// Bounds on what a peer can make this connection do.
    pub limits: Limits,
    /// Whether requests come over a secured transport. Where a target names no scheme, that is `https` then, and `http`
    /// otherwise (RFC 9112 §3.3). Default off.
    pub secured: Switch,
}

impl Config {
    pub(super) const fn scheme(&self) -> &'static [u8] {
        match self.secured {
            Switch::On => b"https",
            Switch::Off => b"http",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            requests: RequestLimits::default(),
            limits: Limits::default(),
            secured: Switch::Off,
        }
    }
}

/// Bounds on what a peer can make an HTTP/1.1 server connection do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest request line in bytes; a longer one is answered with 414. Default 16 KiB.
    pub max_request_line: usize,
    /// Longest head (request line and fields) in bytes; a longer one is answered with 431. Default 64 KiB.
    pub max_head: usize,
    /// Most field lines in a head or trailer section; more are answered with 431. Default 100.
    pub max_fields: usize,
    /// Most bytes of chunk extensions in one body; more are answered with 400. Default 4 KiB.
    pub max_chunk_extensions: usize,
    /// Longest trailer section in bytes; a longer one is answered with 431. Default 16 KiB.
    pub max_trailers: usize,
    /// Input that may gather behind a request that is not answered yet, so that the end of the connection is seen
    /// meanwhile; reading pauses above. Default 64 KiB.
    pub max_pipelined: usize,
    /// Unsent bytes above which no further request is taken in. Default 1 MiB.
    pub max_unsent: usize,
    /// From the first byte of a request until its head is whole, however it dribbles in; then 408. Default 10 s.
    pub header_timeout: Duration,
    /// Without a request; then the connection is closed. Default 75 s.
    pub idle_timeout: Duration,
    /// Bytes to send, and none taken by the socket; then the connection is closed. Default 30 s.
    pub write_stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_line: 16 * 1024,
            max_head: 64 * 1024,
            max_fields: 100,
            max_chunk_extensions: 4 * 1024,
            max_trailers: 16 * 1024,
            max_pipelined: 64 * 1024,
            max_unsent: 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_stall_timeout: Duration::from_secs(30),
        }
    }
}
