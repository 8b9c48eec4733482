//! Settings and limits of an HTTP/2 connection. Plain values, set once and shared by all connections of a server or
//! client.

use std::time::Duration;

use super::Role;
use crate::config::Switch;
use crate::wire::http2::{
    DEFAULT_HEADER_TABLE_SIZE, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, ErrorCode, LARGEST_MAX_FRAME_SIZE, MAX_WINDOW,
};

/// How a connection behaves. Windows and sizes outside what HTTP/2 allows are brought to the nearest value that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Bytes that a stream may receive before the application takes them; announced as SETTINGS_INITIAL_WINDOW_SIZE.
    /// At most 2^31-1. Default 256 KiB.
    pub stream_window: u32,
    /// The same for all streams together. By default so much that no stream has to wait for others that nobody reads:
    /// [`Self::stream_window`] for each of [`Self::max_concurrent_streams`], for a client of
    /// [`Self::initial_max_streams`]; at most half of [`Limits::max_memory`], and at least 65,535, with which every
    /// connection begins.
    pub connection_window: Option<u32>,
    /// Largest frame payload that is taken, 16,384 to 16,777,215. Default 16,384.
    pub max_frame_size: u32,
    /// Streams that the peer may have open at once, those included whose handlers still run. Default 100.
    pub max_concurrent_streams: u32,
    /// Streams that a client opens before the server has announced its limit. Default 100.
    pub initial_max_streams: u32,
    /// Size of the table that the peer's header blocks are decoded with. Default 4,096.
    pub header_table_size: u32,
    /// Largest table that own header blocks are encoded with, even if the peer allows more. Default 4,096.
    pub encoder_table_size: u32,
    /// Bytes that wait to be sent on one stream, above which nothing more is taken. One message may go beyond it.
    /// Default 64 KiB.
    pub send_buffer: usize,
    /// Own pings on quiet connections. Default none.
    pub keep_alive: Option<KeepAlive>,
    /// The age at which a server begins to end a connection. Default none.
    pub max_age: Option<Duration>,
    /// How long streams may go on after that. Default 30 s.
    pub max_age_grace: Duration,
    /// The code that streams are reset with when a graceful stop runs out of time. Default CANCEL.
    pub drain_code: ErrorCode,
    /// Bounds on what a peer can do.
    pub limits: Limits,
}

/// Own pings on quiet connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long nothing is read before a ping is sent.
    pub interval: Duration,
    /// How long anything may take to come back before the connection is given up.
    pub timeout: Duration,
    /// Whether connections without streams are asked too.
    pub without_streams: Switch,
}

/// Bounds on what a peer can make a connection do. SPEC.md lists each with its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest field section, by the rule of RFC 9113 §6.5.2; announced as SETTINGS_MAX_HEADER_LIST_SIZE. Default 64 KiB.
    pub max_header_list: u32,
    /// Most bytes of one encoded header block. Default 128 KiB.
    pub max_header_block: usize,
    /// Most CONTINUATION frames of one header block. Default 32.
    pub max_continuations: u32,
    /// Most 1xx responses before the final one. Default 16.
    pub max_interim: u32,
    /// Most bytes that one connection may hold. Default 32 MiB.
    pub max_memory: usize,
    /// Unsent bytes above which nothing more is read. Default 1 MiB.
    pub max_unsent: usize,
    /// From the first byte of a connection until the peer's SETTINGS. Default 10 s.
    pub handshake_timeout: Duration,
    /// From own SETTINGS until they are acknowledged. Default 10 s.
    pub settings_timeout: Duration,
    /// From the first byte of a frame or header block until it is whole. Default 5 s.
    pub frame_timeout: Duration,
    /// Server: without a stream. The connection is then drained. Default 10 min.
    pub idle_timeout: Duration,
    /// Bytes to send, and none taken by the socket. Default 30 s.
    pub write_stall_timeout: Duration,
    /// How long a server that drains waits for its ping before it names the last stream. Default 1 s.
    pub drain_ping_timeout: Duration,
    /// Budget for streams that were reset or refused because of the peer; 2 × [`Config::max_concurrent_streams`] are
    /// added. Default 200.
    pub max_resets: u32,
    /// Budget for SETTINGS frames. Default 100.
    pub max_settings: u32,
    /// Budget for PING frames. Default 100.
    pub max_pings: u32,
    /// Budget for DATA frames that carry nothing. Default 100.
    pub max_empty_data: u32,
    /// Budget for WINDOW_UPDATE frames; 2 × [`Config::max_concurrent_streams`] are added. Default 1,000.
    pub max_window_updates: u32,
    /// Budget for PRIORITY frames, frames of unknown types and frames of streams that are gone. Default 1,000.
    pub max_ignored: u32,
}

impl Config {
    /// [`Self::stream_window`], within what HTTP/2 allows.
    pub(super) const fn legal_stream_window(&self) -> u32 {
        if self.stream_window > MAX_WINDOW {
            return MAX_WINDOW;
        }
        self.stream_window
    }

    /// [`Self::connection_window`] or its default, within what HTTP/2 allows.
    pub(super) fn legal_connection_window(&self, role: Role) -> u32 {
        let window = self.connection_window.unwrap_or_else(|| {
            let streams = match role {
                Role::Server => self.max_concurrent_streams,
                Role::Client => self.initial_max_streams,
            };
            let memory = u32::try_from(self.limits.max_memory / 2).unwrap_or(u32::MAX);
            self.stream_window.saturating_mul(streams).min(memory)
        });
        window.clamp(DEFAULT_WINDOW, MAX_WINDOW)
    }

    /// [`Self::max_frame_size`], within what HTTP/2 allows.
    pub(super) fn legal_max_frame_size(&self) -> u32 {
        self.max_frame_size
            .clamp(DEFAULT_MAX_FRAME_SIZE, LARGEST_MAX_FRAME_SIZE)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stream_window: 256 * 1024,
            connection_window: None,
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_concurrent_streams: 100,
            initial_max_streams: 100,
            header_table_size: DEFAULT_HEADER_TABLE_SIZE,
            encoder_table_size: DEFAULT_HEADER_TABLE_SIZE,
            send_buffer: 64 * 1024,
            keep_alive: None,
            max_age: None,
            max_age_grace: Duration::from_secs(30),
            drain_code: ErrorCode::CANCEL,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_list: 64 * 1024,
            max_header_block: 128 * 1024,
            max_continuations: 32,
            max_interim: 16,
            max_memory: 32 * 1024 * 1024,
            max_unsent: 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            settings_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(600),
            write_stall_timeout: Duration::from_secs(30),
            drain_ping_timeout: Duration::from_secs(1),
            max_resets: 200,
            max_settings: 100,
            max_pings: 100,
            max_empty_data: 100,
            max_window_updates: 1000,
            max_ignored: 1000,
        }
    }
}
