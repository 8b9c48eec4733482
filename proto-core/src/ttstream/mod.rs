//! Streaming over TTHeader as Kitex speaks it, without I/O: bytes and time in, streams and messages and bytes out.
//!
//! One [`Connection`] is one side of one connection. A stream has a header each way, messages each way, and a trailer
//! each way; either side may give it up. Messages are opaque here, each one frame. Towards peers that know it, flow
//! control keeps fast senders from filling slow readers' memory (SPEC.md, area TFC); towards others, memory is bounded
//! by not reading and by giving up the streams that hold most.
//!
//! Drive it as an [`http2::Connection`](crate::http2::Connection), with the same verbs:
//!
//! ```
//! use std::sync::Arc;
//! use bytes::{Bytes, BytesMut};
//! use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
//! use kitewire_proto::ttstream::{Config, Connection, Ending, Event, Pull, Request, Strings};
//! use kitewire_proto::wire::Codec;
//! use kitewire_proto::{Instant, Transmit};
//!
//! static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::BidirectionalStreaming)];
//! let mut services = Services::builder();
//! services.add(ServiceInfo::new("demo", "Echo", Codec::Thrift, &METHODS), ServiceRole::Ordinary);
//! let services = Arc::new(services.build().unwrap());
//!
//! let now = Instant::ZERO;
//! let mut server = Connection::server(services, Arc::new(Config::default()), now);
//! let mut client = Connection::client(Arc::new(Config::default()), now);
//! let carry = |from: &mut Connection, to: &mut Connection| {
//!     let mut out = Transmit::new();
//!     while from.poll_transmit(now, &mut out) {
//!         to.receive(now, &mut BytesMut::from(&out.to_vec()[..]));
//!         out.advance(out.len());
//!     }
//! };
//!
//! let stream = client.open(now, &Request::new("Echo", "echo", MethodKind::BidirectionalStreaming)).unwrap();
//! let mut sender = client.sender(stream).unwrap();
//! sender.send(&Bytes::from_static(b"hello")).unwrap();
//! sender.finish().unwrap();
//! carry(&mut client, &mut server);
//! while let Some(event) = server.poll_event() {
//!     if let Event::Opened { id } = event {
//!         let Pull::Message(message) = server.receiver(id).unwrap().pull() else { panic!("it is there") };
//!         let answer = message.to_bytes();
//!         server.sender(id).unwrap().send(&answer).unwrap();
//!         server.finish(id, &Ending::Ok, &Strings::new());
//!     }
//! }
//! carry(&mut server, &mut client);
//! let Pull::Message(answer) = client.receiver(stream).unwrap().pull() else { panic!("it is there") };
//! assert_eq!(answer.bytes(), b"hello");
//! drop(answer);
//! assert!(matches!(client.receiver(stream).unwrap().pull(), Pull::End));
//! client.release(stream);
//! ```

mod client;
mod config;
mod credit;
mod ending;
mod event;
mod exception;
mod flow;
mod inbox;
mod incoming;
mod life;
mod output;
mod pull;
mod receive;
mod recorded;
mod send;
mod server;
mod streams;
mod timers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::buf::Transmit;
use crate::call_timers::CallTimers;
use crate::dispatch::Services;
use crate::error::CloseReason;
use crate::http2::Role;
use crate::pingpong::Demand;
use crate::record::{Recorded, Recorder};
use crate::time::Instant;
use crate::wire::ttstream::KnownHead;

use credit::Credit;
use inbox::Spares;
use life::Life;
use output::Queues;
use streams::{Phase, Streams};
use timers::Times;

pub use crate::wire::ttstream::{StreamId, Strings, StringsIter};
pub use client::Request;
pub use config::{Config, Stall};
pub use event::{Event, MetaFrame, OpenError, SendError, UnknownStream};
pub use exception::{Class, Ending, Exception, FOREIGN_PATH, Outcome, Side, code};
pub use incoming::IncomingStream;
pub use pull::{Message, Pull, Receiver};
pub use send::Sender;

/// One side of a connection that carries streams over TTHeader; see the [module documentation](self).
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    /// Server: what it serves.
    services: Option<Arc<Services>>,
    streams: Streams,
    events: VecDeque<Event>,
    credit: Credit,
    queues: Queues,
    spares: Spares,
    /// What the data frames that come begin with.
    known: KnownHead,
    /// Streams that wait for room to send, by their turns; some may have got it since.
    blocked: VecDeque<(u64, StreamId)>,
    /// Turns that were given.
    turns: u64,
    /// Streams whose peers are to be told new limits.
    updates: Vec<StreamId>,
    deadlines: CallTimers<StreamId>,
    /// Client: the id of the last stream.
    last_id: StreamId,
    /// Bytes of header and trailer entries.
    held: usize,
    /// Server: no single request is overdue before.
    next_due: Instant,
    /// Streams that are over, and not released.
    over: usize,
    /// Server: headers with the id of a live stream.
    duplicates: u32,
    life: Life,
    times: Times,
    recorder: Option<Box<Recorder>>,
}

impl Connection {
    /// The server's side of a connection that has just been accepted.
    #[must_use]
    pub fn server(services: Arc<Services>, config: Arc<Config>, now: Instant) -> Self {
        Self {
            services: Some(services),
            ..Self::new(Role::Server, config, now)
        }
    }

    /// The client's side of a connection that has just been made.
    #[must_use]
    pub fn client(config: Arc<Config>, now: Instant) -> Self {
        let mut connection = Self::new(Role::Client, config, now);
        connection.offer_flow_control();
        connection
    }

    fn new(role: Role, config: Arc<Config>, now: Instant) -> Self {
        Self {
            role,
            credit: Credit::new(role, &config),
            config,
            services: None,
            streams: Streams::default(),
            events: VecDeque::new(),
            queues: Queues::default(),
            spares: Spares::default(),
            known: KnownHead::default(),
            blocked: VecDeque::new(),
            turns: 0,
            updates: Vec::new(),
            deadlines: CallTimers::new(),
            last_id: StreamId::CONNECTION,
            held: 0,
            next_due: Instant::FAR_FUTURE,
            over: 0,
            duplicates: 0,
            life: Life::default(),
            times: Times::new(now),
            recorder: None,
        }
    }

    /// What to do with the reading side of the socket now.
    #[inline]
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        if self.life.closed.is_some() {
            return Demand::Stop;
        }
        let paused = self.is_paused();
        match (self.life.blocked, paused) {
            (true, false) => Demand::Receive,
            (_, true) => Demand::Pause,
            _ => Demand::Read,
        }
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write.
    #[inline]
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.recorder.is_some() {
            return self.record_transmit(now, out, Self::poll_transmit);
        }
        if self.life.abandoned {
            return false;
        }
        if Queues::has_way(out) {
            self.write_updates();
        }
        let moved = self.queues.transmit(out);
        self.note_transmit(now, moved);
        if moved.has_room && !self.blocked.is_empty() {
            self.unblock();
        }
        self.queues.handed > 0
    }

    /// Whether something waits for [`Self::poll_transmit`] that does not belong to a message: what reading or releasing
    /// a stream leads to. An owner with several tasks need not wake the one that writes otherwise.
    #[inline]
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.queues.has_control()
            || !self.updates.is_empty()
            || self.credit.update().is_some() && self.life.closed.is_none()
    }

    /// Whether the connection has more to do although nothing waits to be sent: it has just become idle, or ends as
    /// nothing runs on it any more. Whoever drives it has to be woken then.
    #[must_use]
    pub fn wants_turn(&self) -> bool {
        let is_idle = self.is_unused() && (self.life.drain.is_some() || self.times.idle.is_none());
        is_idle || !self.events.is_empty()
    }

    /// The next event, until there is none.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.recorder.is_some() {
            return self.record_event(Self::poll_event);
        }
        self.events.pop_front()
    }

    /// The receiving half of a stream.
    ///
    /// # Errors
    ///
    /// The stream is unknown, or released.
    #[inline]
    pub fn receiver(&mut self, id: StreamId) -> Result<Receiver<'_>, UnknownStream> {
        match self.streams.find(id) {
            Some(key) => Ok(Receiver::new(self, key)),
            None => Err(UnknownStream(id)),
        }
    }

    /// The sending half of a stream.
    ///
    /// # Errors
    ///
    /// The stream is unknown, or released.
    #[inline]
    pub fn sender(&mut self, id: StreamId) -> Result<Sender<'_>, UnknownStream> {
        match self.streams.find(id) {
            Some(key) => Ok(Sender::new(self, key)),
            None => Err(UnknownStream(id)),
        }
    }

    /// Client: the entries of the server's header, once it came.
    #[must_use]
    pub fn header(&self, id: StreamId) -> Option<&Strings> {
        let stream = self.streams.get(id)?;
        Some(&stream.head.as_ref()?.strings)
    }

    /// Client: the entries of the server's trailer, once it came; those of a business status are among them.
    #[must_use]
    pub fn trailer(&self, id: StreamId) -> Option<&Strings> {
        self.streams.get(id)?.trailer.as_deref()
    }

    /// How a stream ended, once [`Event::Ended`] was told or a [`pull`](Receiver::pull) failed. For a server: why the rest
    /// of the request will not come, or nobody waits for the answer.
    #[must_use]
    pub fn outcome(&self, id: StreamId) -> Option<&Outcome> {
        self.streams.get(id)?.ending.as_deref()
    }

    /// Whether [`Event::Ended`] was told of a stream.
    #[must_use]
    pub fn is_over(&self, id: StreamId) -> bool {
        self.streams.get(id).is_some_and(|stream| stream.phase == Phase::Ended)
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.life.closed.is_some() && (self.life.abandoned || self.queues.is_empty())
    }

    /// Why the connection is over, if it is.
    #[must_use]
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        self.life.closed.as_ref()
    }

    /// Streams that are not released.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Bytes that this connection makes its owner hold: input not yet whole, messages not yet taken, entries of headers,
    /// output not yet sent.
    #[must_use]
    pub fn usage(&self) -> usize {
        let unsent = self.queues.unsent();
        self.life
            .input_len
            .saturating_add(self.waiting())
            .saturating_add(unsent)
    }

    /// The part of [`Self::usage`] that nobody has taken yet: messages, and entries of headers.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let messages = usize::try_from(self.credit.queued()).unwrap_or(usize::MAX);
        messages.saturating_add(self.held)
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        if self.recorder.is_some() {
            return self.record_release_memory(Self::release_memory);
        }
        self.queues.release_memory();
        self.spares.release();
        self.known = KnownHead::default();
        for stream in self.streams.iter_mut() {
            stream.release_memory();
        }
        self.streams.shrink();
        if self.blocked.is_empty() {
            self.blocked.shrink_to(0);
        }
        if self.updates.is_empty() {
            self.updates.shrink_to(0);
        }
        if self.events.is_empty() {
            self.events.shrink_to(0);
        }
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether both sides obey flow control.
    #[must_use]
    pub fn has_flow_control(&self) -> bool {
        self.credit.agreement == credit::Agreement::Agreed
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("streams", &self.streams.len())
            .field("credit", &self.credit)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
