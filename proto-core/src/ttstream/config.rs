//! Switches and limits of a connection.

use std::time::Duration;

use crate::config::Switch;

/// How a connection speaks, and bounds on what a peer can make it do. A plain value, shared by all connections of a
/// server or client. SPEC.md lists each limit with its default and effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Whether flow control is offered, or taken up. Default on; Kitex has none, and ignores the offer.
    pub flow_control: Switch,
    /// Charge of messages that one stream may have waiting for its reader. Default 1 MiB.
    pub stream_window: u64,
    /// The same for all streams together, and at most [`Self::connection_memory`]. Default 16 MiB.
    pub connection_window: u64,
    /// How long a client without an answer to its offer waits when it has sent what it may. Default 100 ms.
    pub answer_wait: Duration,
    /// Largest message, sent or received. Default 16 MiB (Kitex: 4 GiB).
    pub max_message: u32,
    /// Streams at once. A server answers more with an exception; a client opens no more. Default 1,024.
    pub max_streams: u32,
    /// Unsent bytes above which senders wait. Default 256 KiB.
    pub send_buffer: usize,
    /// Charge of waiting messages that all streams together may hold where the peer obeys no flow control; entries of
    /// headers and trailers may take half as many bytes. Default 32 MiB.
    pub connection_memory: u64,
    /// The charge above which one stream is slow, where the peer obeys no flow control. Default 4 MiB.
    pub stream_queue: u64,
    /// What happens when [`Self::connection_memory`] is used up. Default [`Stall::Pause`] for servers,
    /// [`Stall::Reset`] for clients.
    pub stall: Option<Stall>,
    /// How long [`Stall::Pause`] stops reading. Default 2 s.
    pub max_pause: Duration,
    /// Client: the connection carries one stream at a time, which can be stopped by not reading. Default off.
    pub exclusive: Switch,
    /// The own name, as the way of a cancel shows it. Default empty: not shown.
    pub service_name: String,
    /// Client: whether meta frames are told. Default off: they are dropped.
    pub meta_frames: Switch,
    /// Most entries in one header. Default 1,024.
    pub max_header_entries: u32,
    /// How long a connection without a stream stays open. Default: servers 10 min, clients 60 s.
    pub idle_timeout: Option<Duration>,
    /// From the first byte of a frame until it is whole; starts anew with each 64 KiB of it. Default 5 s.
    pub frame_timeout: Duration,
    /// Server: from a header until the single request of a method that has one. Default 30 s.
    pub request_timeout: Duration,
    /// Bytes to send, and none taken by the socket. Default 30 s.
    pub write_stall_timeout: Duration,
}

/// What to do about streams whose readers are slow, where the peer obeys no flow control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stall {
    /// Stop reading for [`Config::max_pause`], all streams together, and then as [`Self::Reset`].
    Pause,
    /// Give up the stream that holds most.
    Reset,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            flow_control: Switch::On,
            stream_window: 1024 * 1024,
            connection_window: 16 * 1024 * 1024,
            answer_wait: Duration::from_millis(100),
            max_message: 16 * 1024 * 1024,
            max_streams: 1024,
            send_buffer: 256 * 1024,
            connection_memory: 32 * 1024 * 1024,
            stream_queue: 4 * 1024 * 1024,
            stall: None,
            max_pause: Duration::from_secs(2),
            exclusive: Switch::Off,
            service_name: String::new(),
            meta_frames: Switch::Off,
            max_header_entries: 1024,
            idle_timeout: None,
            frame_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// What is offered for all streams together.
    pub(super) fn window(&self) -> u64 {
        self.connection_window.min(self.connection_memory).max(1)
    }
}
