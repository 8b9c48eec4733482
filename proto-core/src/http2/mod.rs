//! HTTP/2 (RFC 9113) without I/O: bytes and time in, events and bytes out.
//!
//! One [`Connection`] is one side of one connection. It knows streams, header sections and body bytes, and nothing of
//! what they mean; gRPC and plain requests stand on top of it. Server push is not offered and refused.
//!
//! Drive it in this order, and again after every call on it: due timeout ([`Connection::handle_timeout`]), input
//! ([`Connection::receive`]), events ([`Connection::poll_event`]), output ([`Connection::poll_transmit`]), then read as
//! [`Connection::read_demand`] says and sleep until [`Connection::poll_timeout`]. When [`Connection::is_drained`], close
//! the socket.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::BytesMut;
//! use kitewire_proto::http::Fields;
//! use kitewire_proto::http2::{Config, Connection, Event, Finish};
//! use kitewire_proto::{Instant, Transmit};
//!
//! let now = Instant::ZERO;
//! let config = Arc::new(Config::default());
//! let mut client = Connection::client(Arc::clone(&config), now);
//! let mut server = Connection::server(config, now);
//! let mut carry = |from: &mut Connection, to: &mut Connection| {
//!     let mut out = Transmit::new();
//!     while from.poll_transmit(now, &mut out) {
//!         to.receive(now, &mut BytesMut::from(&out.to_vec()[..]));
//!         out.advance(out.len());
//!     }
//! };
//!
//! let stream = client.open(now, &Fields::request("GET", "http", "localhost", "/"), Finish::Now).unwrap();
//! carry(&mut client, &mut server);
//! while let Some(event) = server.poll_event() {
//!     if let Event::Opened { id } = event {
//!         assert_eq!(server.head(id).unwrap().path(), b"/");
//!         let mut answer = server.sender(id).unwrap();
//!         answer.respond(&Fields::response(200), Finish::Later).unwrap();
//!         answer.push(b"hello", Finish::Now).unwrap();
//!         server.release(id);
//!     }
//! }
//! carry(&mut server, &mut client);
//! assert_eq!(client.poll_event(), Some(Event::Answered { id: stream }));
//! assert_eq!(client.head(stream).unwrap().status(), 200);
//! assert_eq!(client.receiver(stream).unwrap().chunk(), b"hello");
//! client.release(stream);
//! ```

mod budget;
mod chunks;
mod config;
mod control;
mod data;
mod event;
mod flush;
mod headers;
mod life;
mod receive;
mod section;
mod send;
mod streams;
mod timers;
mod window;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::buf::{Mark, Output};
use crate::error::CloseReason;
use crate::http::Fields;
use crate::time::Instant;
use crate::wire::hpack::{Decoder, Encoder};
use crate::wire::http2::{DEFAULT_HEADER_TABLE_SIZE, DEFAULT_WINDOW};

use crate::stream::index::Key;
use budget::Budgets;
use streams::Streams;
use window::{RecvWindow, SendWindow};

pub use crate::wire::http2::{ErrorCode, StreamId};
pub use config::{Config, KeepAlive, Limits};
pub use data::{Pull, RecvHalf};
pub use event::{Event, Finish, Initiator, OpenError, Outcome, PingError, SendError, UnknownStream};
pub use send::SendHalf;

/// One side of an HTTP/2 connection; see the [module documentation](self).
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    streams: Streams,
    events: VecDeque<Event>,
    output: Output,
    /// The DATA frame at the end of `output`, as long as it is the last one.
    tail: Option<Tail>,
    /// Streams that have something to send, in turn.
    ready: VecDeque<(StreamId, Key)>,
    decoder: Decoder,
    encoder: Encoder,
    /// A header block whose end has not come.
    block: Option<Box<headers::Block>>,
    send_window: SendWindow,
    recv_window: RecvWindow,
    peer: PeerSettings,
    /// The last stream that the peer opened.
    last_peer: StreamId,
    /// The next stream that this side opens.
    next_local: u32,
    budgets: Budgets,
    counts: Counts,
    life: life::Life,
    times: timers::Times,
}

/// Which side of the connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It opens streams.
    Client,
    /// It answers them.
    Server,
}

/// What the peer's SETTINGS say, or their defaults (RFC 9113 §6.5.2).
#[derive(Clone, Copy, Debug)]
struct PeerSettings {
    initial_window: u32,
    max_streams: u32,
    max_header_list: u32,
}

/// Bytes held, by place.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// In the caller's input buffer, as last seen.
    input: usize,
    /// Received and not taken by the application.
    unread: usize,
    /// Given by the application and not written.
    queued: usize,
    /// Header sections of streams that are not released.
    heads: usize,
    /// In the caller's transmit list, as last seen.
    handed: usize,
}

/// A DATA frame that more bytes of its stream can be added to.
#[derive(Clone, Copy, Debug)]
struct Tail {
    id: StreamId,
    head: Mark,
    len: usize,
    /// Length of the output behind it.
    end: usize,
}

impl Connection {
    /// The server's side of a connection that has just been accepted. It expects the client's preface.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Instant) -> Self {
        Self::new(Role::Server, config, now)
    }

    /// The client's side of a connection that has just been made.
    #[must_use]
    pub fn client(config: Arc<Config>, now: Instant) -> Self {
        Self::new(Role::Client, config, now)
    }

    fn new(role: Role, config: Arc<Config>, now: Instant) -> Self {
        let connection_window = config.legal_connection_window(role);
        let limits = &config.limits;
        let budgets = Budgets::new(
            [
                limits
                    .max_resets
                    .saturating_add(config.max_concurrent_streams.saturating_mul(2)),
                limits.max_settings,
                limits.max_pings,
                limits.max_empty_data,
                limits
                    .max_window_updates
                    .saturating_add(config.max_concurrent_streams.saturating_mul(2)),
                limits.max_ignored,
            ],
            now,
        );
        let mut connection = Self {
            role,
            streams: Streams::default(),
            events: VecDeque::new(),
            output: Output::new(),
            tail: None,
            ready: VecDeque::new(),
            // Until the peer has acknowledged a smaller table it may use the one every connection begins with.
            decoder: Decoder::new(config.header_table_size.max(DEFAULT_HEADER_TABLE_SIZE)),
            encoder: Encoder::new(config.encoder_table_size),
            block: None,
            send_window: SendWindow::new(DEFAULT_WINDOW),
            recv_window: RecvWindow::new(connection_window),
            peer: PeerSettings {
                initial_window: DEFAULT_WINDOW,
                max_streams: config.initial_max_streams,
                max_header_list: u32::MAX,
            },
            last_peer: StreamId::CONNECTION,
            next_local: 1,
            budgets,
            counts: Counts::default(),
            life: life::Life::new(role),
            times: timers::Times::new(now),
            config,
        };
        connection.write_handshake(connection_window);
        connection
    }

    /// The next event, until there is none.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The peer's head of a stream: the request for a server, the final response for a client. `None` until it is there
    /// and after [`Self::release`].
    #[inline]
    #[must_use]
    pub fn head(&self, id: StreamId) -> Option<&Fields> {
        let stream = self.streams.get(self.known(id)?)?;
        (!stream.head.is_empty()).then_some(&stream.head)
    }

    /// The peer's trailers of a stream, once its body has ended with some; the bytes before them may still wait to be
    /// read.
    #[inline]
    #[must_use]
    pub fn trailers(&self, id: StreamId) -> Option<&Fields> {
        let stream = self.streams.get(self.known(id)?)?;
        (!stream.trailers.is_empty()).then_some(&stream.trailers)
    }

    /// Client: whether the head of the answer was its end, too, so that there is neither body nor trailers.
    pub(crate) fn is_head_only(&self, id: StreamId) -> bool {
        let stream = self.known(id).and_then(|key| self.streams.get(key));
        stream.is_some_and(|stream| stream.head_only)
    }

    /// The sending half of a stream.
    ///
    /// # Errors
    ///
    /// The stream is unknown, or released.
    #[inline]
    pub fn sender(&mut self, id: StreamId) -> Result<SendHalf<'_>, UnknownStream> {
        match self.known(id) {
            Some(key) => Ok(SendHalf::new(self, key)),
            None => Err(UnknownStream(id)),
        }
    }

    /// The receiving half of a stream.
    ///
    /// # Errors
    ///
    /// The stream is unknown, or released.
    #[inline]
    pub fn receiver(&mut self, id: StreamId) -> Result<RecvHalf<'_>, UnknownStream> {
        match self.known(id) {
            Some(key) => Ok(RecvHalf::new(self, key)),
            None => Err(UnknownStream(id)),
        }
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Streams that are open, or over and not released, or released with bytes still to be sent.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Bytes that this connection makes its owner hold: input not yet whole, bodies not yet read, header sections,
    /// output not yet sent.
    #[must_use]
    pub fn usage(&self) -> usize {
        let Counts {
            input,
            unread,
            queued,
            heads,
            ..
        } = self.counts;
        let block = self.block.as_ref().map_or(0, |block| block.len());
        [input, unread, queued, heads, block, self.unsent()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Bytes of the connection's receive window that wait for their readers. Nothing, when no stream is open.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.recv_window.held()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// When the connection began.
    pub(crate) const fn start(&self) -> Instant {
        self.times.start
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        self.output.release();
        self.streams.shrink();
        self.ready.shrink_to_fit();
        if self.events.is_empty() {
            self.events.shrink_to_fit();
        }
    }

    /// A stream that the application has not released.
    #[inline]
    fn known(&self, id: StreamId) -> Option<Key> {
        let key = self.streams.find(id)?;
        self.streams.get(key).filter(|stream| !stream.released).map(|_| key)
    }

    const fn is_closed(&self) -> bool {
        self.life.closed.is_some()
    }

    #[inline]
    const fn unsent(&self) -> usize {
        self.output.len().saturating_add(self.counts.handed)
    }

    /// Whether frames wait for [`Self::poll_transmit`], bodies apart: window updates after reading, resets, headers.
    #[inline]
    #[must_use]
    pub const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether one side ends the connection gracefully: it is over when its streams are, which
    /// [`Self::poll_transmit`] notices.
    #[must_use]
    pub const fn is_draining(&self) -> bool {
        self.life.drain.is_some() || self.life.peer_last.is_some()
    }

    /// Whether [`Self::poll_event`] has something to tell.
    #[inline]
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Why the connection is over, if it is.
    #[must_use]
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        self.life.closed.as_ref()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("streams", &self.streams.len())
            .field("usage", &self.usage())
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
