//! One side of a connection, whatever it speaks, with one model of a call.
//!
//! [`Connection`] is the way in for programs with an event loop of their own. A server's connection finds out by the
//! first bytes what its peer speaks; a client's is made for one protocol. From then on both are driven the same way, and
//! so are their calls: a ping-pong call is a stream with one message each way.
//!
//! Both sides are driven as every [`Machine`](crate::Machine) is, whose documentation has the loop. When a connection is
//! drained, [`lingers`](Connection::lingers) says how to close the socket.
//!
//! # Calls
//!
//! A server's call is its owner's from [`Event::Opened`] until [`finish`](Connection::finish) or
//! [`release`](Connection::release); a client's from [`open`](Connection::open) or [`call`](Connection::call) until
//! `release`. In between every verb on it is harmless, whatever becomes of the connection, and what cannot be done any
//! more says so. After [`Event::Closed`] nothing has to be released.
//!
//! What a protocol has beyond this model (headers and trailers, metadata, meta frames) is reached through
//! [`Connection::engine`].

mod client;
mod ending;
mod engine;
mod event;
mod message;
mod pingpong;
mod request;
mod server;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;

use crate::buf::Transmit;
use crate::dispatch::Services;
use crate::error::{CloseReason, Disconnect};
use crate::pingpong::{Demand, Shutdown};
use crate::record::Recorder;
use crate::time::{Deadline, Instant};
use crate::wire::Protocol;
use crate::wire::detect::{Detection, detect};
use crate::{ClientConfig, ClientConnection, Limits, ServerConfig, ServerConnection, grpc, http1, ttstream};

pub use ending::{Ending, Failure, Outcome};
pub use engine::Engine;
pub use event::Event;
pub use message::{Message, Pull};
pub use request::{OpenError, Request, SendError};
pub use server::Incoming;

use pingpong::PingPongClient;

/// One side of a connection, whatever it speaks. The [module](self) describes how it is driven.
///
/// ```
/// use std::sync::Arc;
/// use bytes::{Bytes, BytesMut};
/// use kitewire_proto::connection::{Config, Connection, Ending, Event, Pull, Request, Speaks};
/// use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, Services};
/// use kitewire_proto::wire::Codec;
/// use kitewire_proto::{Instant, Transmit};
///
/// static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
/// static ECHO: ServiceInfo = ServiceInfo::new("", "Echo", Codec::Protobuf, &METHODS);
///
/// let now = Instant::ZERO;
/// let services = Arc::new(Services::of(&[&ECHO]).expect("one service is fine"));
/// let mut server = Connection::server(services, Arc::new(Config::default()), now);
/// let mut client = Connection::client(Speaks::Grpc(Arc::default()), now);
/// let call = client.call(now, &Request::new(&ECHO, "echo"), &Bytes::from_static(b"hello")).expect("it has room");
///
/// // Both sides in one place; a socket lies in between otherwise.
/// let (mut out, mut wire) = (Transmit::new(), BytesMut::new());
/// loop {
///     while client.poll_transmit(now, &mut out) {
///         wire.extend_from_slice(&out.to_vec());
///         out.advance(out.len());
///     }
///     server.receive(now, &mut wire);
///     while let Some(event) = server.poll_event() {
///         if let Event::Opened { id } = event {
///             let Pull::Message(message) = server.pull(id) else { panic!("a call comes with its request") };
///             let answer = message.to_bytes();
///             server.send(now, id, &answer).expect("there is room");
///             server.finish(now, id, &Ending::Ok);
///         }
///     }
///     let mut back = BytesMut::new();
///     while server.poll_transmit(now, &mut out) {
///         back.extend_from_slice(&out.to_vec());
///         out.advance(out.len());
///     }
///     client.receive(now, &mut back);
///     let mut over = false;
///     while let Some(event) = client.poll_event() {
///         over |= event == Event::Ended { id: call };
///     }
///     if over {
///         break;
///     }
/// }
/// let Pull::Message(answer) = client.pull(call) else { panic!("it was answered") };
/// assert_eq!(answer.bytes(), b"hello");
/// ```
pub struct Connection {
    inner: Inner,
    /// Server: what another engine is made of, until the peer has told what it speaks.
    undecided: Option<Undecided>,
    /// Events of this layer, ahead of the engine's.
    events: VecDeque<Event>,
    /// Why the connection is over, once that was told.
    closed: Option<CloseReason>,
    /// How deep Thrift structs and containers may lie inside one another.
    max_depth: u16,
}

/// What a client's connection speaks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Speaks {
    /// Ping-pong: Thrift or Kitex-Protobuf, bare, framed or in TTHeader, as the configuration says.
    PingPong(Arc<ClientConfig>),
    /// gRPC over HTTP/2.
    Grpc(Arc<grpc::Config>),
    /// Streams over TTHeader.
    TtHeaderStreams(Arc<ttstream::Config>),
}

/// How a server speaks each protocol.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Ping-pong calls; its limits hold while the peer has not told what it speaks.
    pub pingpong: Arc<ServerConfig>,
    /// gRPC, and plain requests over HTTP/2.
    pub grpc: Arc<grpc::Config>,
    /// Streams over TTHeader.
    pub tt_header_streams: Arc<ttstream::Config>,
    /// Plain requests over HTTP/1.
    pub http1: Arc<http1::Config>,
}

enum Inner {
    /// Also as long as nothing is known: this engine waits for the bytes that tell, within its deadline.
    PingPong(Box<ServerConnection>),
    PingPongClient(Box<PingPongClient>),
    Grpc(Box<grpc::Connection>),
    TtHeader(Box<ttstream::Connection>),
    Http1(Box<http1::Connection>),
}

/// Calls a verb that all engines have.
macro_rules! each {
    ($inner:expr, $verb:ident($($argument:expr),*)) => {
        match $inner {
            Inner::PingPong(connection) => connection.$verb($($argument),*),
            Inner::PingPongClient(client) => client.connection.$verb($($argument),*),
            Inner::Grpc(connection) => connection.$verb($($argument),*),
            Inner::TtHeader(connection) => connection.$verb($($argument),*),
            Inner::Http1(connection) => connection.$verb($($argument),*),
        }
    };
}

struct Undecided {
    services: Arc<Services>,
    config: Arc<Config>,
    stop: Option<Shutdown>,
}

impl Connection {
    /// The server's side of a connection that has just been accepted. What the peer speaks is found out.
    #[must_use]
    pub fn server(services: Arc<Services>, config: Arc<Config>, now: Instant) -> Self {
        let connection = ServerConnection::new(Arc::clone(&services), Arc::clone(&config.pingpong), now);
        let max_depth = config.pingpong.limits.max_depth;
        Self {
            inner: Inner::PingPong(Box::new(connection)),
            undecided: Some(Undecided {
                services,
                config,
                stop: None,
            }),
            events: VecDeque::new(),
            closed: None,
            max_depth,
        }
    }

    /// The client's side of a connection that has just been established.
    #[must_use]
    pub fn client(speaks: Speaks, now: Instant) -> Self {
        let mut max_depth = Limits::default().max_depth;
        let inner = match speaks {
            Speaks::PingPong(config) => {
                max_depth = config.limits.max_depth;
                let connection = ClientConnection::new(config, now);
                Inner::PingPongClient(Box::new(PingPongClient::new(connection)))
            }
            Speaks::Grpc(config) => Inner::Grpc(Box::new(grpc::Connection::client(config, now))),
            Speaks::TtHeaderStreams(config) => Inner::TtHeader(Box::new(ttstream::Connection::client(config, now))),
        };
        Self {
            inner,
            undecided: None,
            events: VecDeque::new(),
            closed: None,
            max_depth,
        }
    }

    /// What the connection speaks; nothing as long as a server's peer has not told.
    #[must_use]
    pub const fn protocol(&self) -> Option<Protocol> {
        match &self.inner {
            Inner::PingPong(_) if self.undecided.is_some() => None,
            Inner::PingPong(_) | Inner::PingPongClient(_) => Some(Protocol::PingPong),
            Inner::Grpc(_) => Some(Protocol::Http2),
            Inner::TtHeader(_) => Some(Protocol::TtHeaderStreaming),
            Inner::Http1(_) => Some(Protocol::Http1),
        }
    }

    /// Takes in what was read. What is not whole, or has to wait, stays in `input`. Call it again with the same buffer
    /// when [`Self::read_demand`] says [`Demand::Receive`].
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        // What comes after the end does not begin anything anew.
        if self.undecided.is_some() && self.read_demand() != Demand::Stop {
            self.recognise(now, input);
        }
        each!(&mut self.inner, receive(now, input));
    }

    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        each!(&mut self.inner, handle_disconnect(now, why));
    }

    /// What to do with the reading side of the socket now.
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        each!(&self.inner, read_demand())
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write; never after the socket has
    /// failed, whatever is left in `out` then.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        each!(&mut self.inner, poll_transmit(now, out))
    }

    /// When [`Self::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        each!(&self.inner, poll_timeout())
    }

    /// Does what is due at `now`. Calling early or more often changes nothing. `input` is the buffer that
    /// [`Self::receive`] works on: a request whose body did not come in time is answered from its head.
    pub fn handle_timeout(&mut self, now: Instant, input: &mut BytesMut) {
        match &mut self.inner {
            Inner::PingPong(connection) => connection.handle_timeout(now, input),
            Inner::PingPongClient(client) => client.connection.handle_timeout(now),
            Inner::Grpc(connection) => connection.handle_timeout(now),
            Inner::TtHeader(connection) => connection.handle_timeout(now),
            Inner::Http1(connection) => connection.handle_timeout(now),
        }
    }

    /// The next event, until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front().or_else(|| self.engine_event());
        if let Some(Event::Closed { reason }) = &event {
            self.closed = Some(reason.clone());
        }
        event
    }

    fn engine_event(&mut self) -> Option<Event> {
        match &mut self.inner {
            Inner::PingPong(connection) => connection.poll_event().map(Event::of_pingpong),
            Inner::PingPongClient(client) => client.poll_event(&mut self.events),
            Inner::Grpc(connection) => std::iter::from_fn(|| connection.poll_event()).find_map(Event::of_grpc),
            Inner::TtHeader(connection) => std::iter::from_fn(|| connection.poll_event()).find_map(Event::of_tt_header),
            Inner::Http1(connection) => connection.poll_event().map(Event::of_http),
        }
    }

    /// Ends the connection; see [`Shutdown`].
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        if let Some(undecided) = &mut self.undecided {
            undecided.stop = Some(undecided.stop.map_or(how, |earlier| earlier.sooner(how)));
        }
        each!(&mut self.inner, shutdown(now, how));
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        each!(&self.inner, is_drained())
    }

    /// Why the connection is over, once [`Event::Closed`] was told.
    #[must_use]
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// Whether a drained connection's socket is to be closed gently, because the peer may still send: closing it over
    /// bytes that nobody has read could take our last answer away from the peer. End the sending side then, and read and
    /// drop until the peer has ended its own, or a second has passed.
    #[must_use]
    pub fn lingers(&self) -> bool {
        let has_requests_coming = matches!(self.inner, Inner::Grpc(_) | Inner::TtHeader(_) | Inner::Http1(_));
        match &self.closed {
            // Whoever is stopped may not know it yet.
            Some(CloseReason::Shutdown) => has_requests_coming,
            Some(reason) => reason.lingers(),
            None => false,
        }
    }

    /// Calls that are not over or not released, and plain requests that are not answered.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        match &self.inner {
            Inner::PingPong(connection) => connection.open_calls(),
            Inner::PingPongClient(client) => client.open_calls(),
            Inner::Grpc(connection) => connection.open_calls(),
            Inner::TtHeader(connection) => connection.open_streams(),
            Inner::Http1(connection) => connection.open_requests(),
        }
    }

    /// Bytes that this connection makes its owner hold.
    #[must_use]
    pub fn usage(&self) -> usize {
        match &self.inner {
            Inner::PingPong(connection) => connection.usage(),
            Inner::PingPongClient(client) => client.usage(),
            Inner::Grpc(connection) => connection.usage(),
            Inner::TtHeader(connection) => connection.usage(),
            Inner::Http1(connection) => connection.usage(),
        }
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        each!(&mut self.inner, release_memory());
    }

    /// Records everything that is put into the connection from now on, so that it can be [replayed](crate::record). To be
    /// called first of all.
    pub fn record(&mut self, recorder: Recorder) {
        each!(&mut self.inner, record(recorder));
    }

    /// The recorder, to take from it what it has. There is none as long as a server's peer has not told what it speaks.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        match &mut self.inner {
            Inner::PingPong(_) if self.undecided.is_some() => None,
            inner => each!(inner, recorder()),
        }
    }

    /// The engine of the protocol spoken, for what only that one has.
    pub fn engine(&mut self) -> Engine<'_> {
        match &mut self.inner {
            Inner::PingPong(connection) => Engine::PingPong(connection),
            Inner::PingPongClient(client) => Engine::PingPongClient(&mut client.connection),
            Inner::Grpc(connection) => Engine::Grpc(connection),
            Inner::TtHeader(connection) => Engine::TtHeaderStreams(connection),
            Inner::Http1(connection) => Engine::Http1(connection),
        }
    }

    /// Goes over to another engine as soon as the first bytes ask for it.
    #[cold]
    fn recognise(&mut self, now: Instant, input: &BytesMut) {
        let Detection::Protocol(protocol) = detect(input) else {
            return;
        };
        let Some(undecided) = self.undecided.take() else {
            return;
        };
        let Undecided { services, config, stop } = undecided;
        let recorder = match &mut self.inner {
            Inner::PingPong(connection) => connection.recorder().map(|recorder| recorder.again()),
            _ => None,
        };
        self.inner = match protocol {
            Protocol::PingPong => return,
            Protocol::Http1 => Inner::Http1(Box::new(http1::Connection::server(Arc::clone(&config.http1), now))),
            Protocol::Http2 => {
                let connection = grpc::Connection::server(services, Arc::clone(&config.grpc), now);
                Inner::Grpc(Box::new(connection))
            }
            Protocol::TtHeaderStreaming => {
                let connection = ttstream::Connection::server(services, Arc::clone(&config.tt_header_streams), now);
                Inner::TtHeader(Box::new(connection))
            }
        };
        if let Some(recorder) = recorder {
            self.record(recorder);
        }
        if let Some(how) = stop {
            self.shutdown(now, how);
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("protocol", &self.protocol())
            .field("open_calls", &self.open_calls())
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}
