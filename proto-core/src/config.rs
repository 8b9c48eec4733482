//! Switches and limits of a connection. Both are plain values, set once and shared by all connections of a server or
//! client.

use std::time::Duration;

use crate::wire::Transport;

/// Bounds on what a peer can make a connection do. SPEC.md lists each with its default and effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest frame in bytes, length prefix excluded. A larger announced length closes the connection at once.
    pub max_frame: u32,
    /// Most key-value entries in one header.
    pub max_header_entries: u32,
    /// Longest method name in bytes.
    pub max_method_name: u32,
    /// Deepest nesting of structs and containers in a Thrift body.
    pub max_depth: u16,
    /// Most calls in flight on one connection; further frames wait unread. A client has 1,048,576 at most.
    pub max_calls: u32,
    /// Most bytes one connection may hold (queued frames, unsent answers); it stops reading above.
    pub max_memory: usize,
    /// Unsent bytes above which no further call is read.
    pub max_unsent: usize,
    /// From the first byte of a connection until its protocol is known.
    pub detection_timeout: Duration,
    /// From the first byte of a frame until it is whole; starts anew with each 64 KiB of it.
    pub frame_timeout: Duration,
    /// Without an open call and without a byte.
    pub idle_timeout: Duration,
    /// Bytes to send, and none taken by the socket.
    pub write_stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame: 16 * 1024 * 1024,
            max_header_entries: 1024,
            max_method_name: 4096,
            max_depth: 64,
            max_calls: 1024,
            max_memory: 32 * 1024 * 1024,
            max_unsent: 1024 * 1024,
            detection_timeout: Duration::from_secs(15),
            frame_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(600),
            write_stall_timeout: Duration::from_secs(30),
        }
    }
}

/// A feature that is on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Switch {
    /// Enabled.
    On,
    /// Disabled.
    Off,
}

impl Switch {
    /// Whether the feature is enabled.
    #[must_use]
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// When a server runs several calls of one connection at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Multiplex {
    /// Requests with TTHeader flag `0x0001` run at once and are answered in any order; all others strictly in order.
    Auto,
    /// Kitex's multiplexing server: TTHeader only, every request runs at once.
    Only,
}

/// What a [`ServerConnection`](crate::ServerConnection) does beyond the plain protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// TTHeader meta keys (message type, business status, `crrst`) in replies. Default on (Kitex: off).
    pub meta: Switch,
    /// CRC-32C payload check of TTHeader frames. Default off.
    pub crc32c: Switch,
    /// Whether the RPC-timeout header becomes the call's deadline. Default off, as in Kitex.
    pub deadline_from_header: Switch,
    /// When calls of one connection run at once.
    pub multiplex: Multiplex,
    /// Bounds on what a peer can do.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            meta: Switch::On,
            crc32c: Switch::Off,
            deadline_from_header: Switch::Off,
            multiplex: Multiplex::Auto,
            limits: Limits::default(),
        }
    }
}

/// How a [`ClientConnection`](crate::ClientConnection) speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Framing of requests. Default [`Transport::TtHeaderFramed`].
    pub transport: Transport,
    /// Several calls at once over one connection (TTHeader transports only). Default off.
    pub multiplex: Switch,
    /// TTHeader meta keys in requests and their use in replies. Default on (Kitex: off).
    pub meta: Switch,
    /// CRC-32C payload check of TTHeader frames. Default off.
    pub crc32c: Switch,
    /// Own service name, sent as the caller (int key 3). Empty: not sent.
    pub caller: String,
    /// Destination service name, as known to service discovery (int key 6). Empty: not sent.
    pub destination: String,
    /// Bounds on what a peer can do.
    pub limits: Limits,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            transport: Transport::TtHeaderFramed,
            multiplex: Switch::Off,
            meta: Switch::On,
            crc32c: Switch::Off,
            caller: String::new(),
            destination: String::new(),
            limits: Limits::default(),
        }
    }
}
