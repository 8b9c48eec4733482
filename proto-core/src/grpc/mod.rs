//! gRPC over HTTP/2 as Kitex speaks it, without I/O: bytes and time in, calls and messages and bytes out.
//!
//! One [`Connection`] is one side of one connection. Every method, unary ones included, is a stream of messages each
//! way with a header in front and trailers behind; [`MethodKind`](crate::dispatch::MethodKind) says how many messages
//! there may be. Message bodies are Thrift structs or Protobuf messages, and opaque here.
//!
//! Drive it as an [`http2::Connection`], with the same verbs:
//!
//! ```
//! use std::sync::Arc;
//! use bytes::{Bytes, BytesMut};
//! use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
//! use kitewire_proto::grpc::{Config, Connection, Event, Pull, Request};
//! use kitewire_proto::http::Fields;
//! use kitewire_proto::wire::Codec;
//! use kitewire_proto::wire::grpc::Outcome;
//! use kitewire_proto::{Instant, Transmit};
//!
//! static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
//! let mut services = Services::builder();
//! services.add(ServiceInfo::new("demo", "Echo", Codec::Protobuf, &METHODS), ServiceRole::Ordinary);
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
//! let call = client.open(now, &Request::new("demo", "Echo", "echo", Codec::Protobuf, MethodKind::Unary)).unwrap();
//! let mut sender = client.sender(call).unwrap();
//! sender.send(&Bytes::from_static(b"hello")).unwrap();
//! sender.finish().unwrap();
//! carry(&mut client, &mut server);
//! while let Some(event) = server.poll_event() {
//!     if let Event::Opened { id } = event {
//!         let Pull::Message(message) = server.receiver(id).unwrap().pull() else { panic!("it is there") };
//!         let answer = message.to_bytes();
//!         server.sender(id).unwrap().send(&answer).unwrap();
//!         server.finish(id, &Outcome::default(), &Fields::new());
//!     }
//! }
//! carry(&mut server, &mut client);
//! let Pull::Message(answer) = client.receiver(call).unwrap().pull() else { panic!("it is there") };
//! assert_eq!(answer.bytes(), b"hello");
//! # drop(answer);
//! client.release(call);
//! ```

mod calls;
mod client;
mod config;
mod event;
#[cfg_attr(not(feature = "gzip"), path = "gzip_absent.rs")]
mod gzip;
mod inbox;
mod incoming;
mod opening;
mod receive;
mod recorded;
mod send;
mod server;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;

use crate::buf::{Output, Transmit};
use crate::call_timers::CallTimers;
use crate::dispatch::Services;
use crate::error::{CloseReason, Disconnect};
use crate::http::{Exchanges, Fields};
use crate::http2;
use crate::http2::{ErrorCode, Role};
use crate::pingpong::{Demand, Shutdown};
use crate::record::{Op, Recorded, Recorder};
use crate::time::{Deadline, Instant, TimerKind};
use crate::wire::grpc::Outcome;

use calls::{Calls, Ending, Phase};
use client::Template;
use gzip::Gzip;

pub use crate::http2::{StreamId, UnknownStream};
pub use client::{CallerNames, OpenError, Request};
pub use config::{Config, UnknownNames};
pub use event::{Event, SendError};
pub use incoming::IncomingCall;
pub use receive::{Message, Pull, Receiver};
pub use send::Sender;

/// One side of a connection that carries gRPC; see the [module documentation](self).
pub struct Connection {
    role: Role,
    http2: http2::Connection,
    config: Arc<Config>,
    calls: Calls,
    events: VecDeque<Event>,
    deadlines: CallTimers<StreamId>,
    /// Client: what the header of the last request in `section` was made from.
    template: Template,
    /// Client: the last call that a server which ends the connection will process.
    last_processed: Option<StreamId>,
    /// Server: what it serves.
    services: Option<Arc<Services>>,
    /// Server: plain requests.
    http: Option<Box<Exchanges>>,
    /// Server: no message of a single request is overdue before.
    next_due: Instant,
    /// Bytes of messages that are not in their streams any more.
    held: usize,
    gzip: Gzip,
    /// Memory for the message that is being sent.
    scratch: Output,
    /// Memory for the section that is being sent.
    section: Fields,
    recorder: Option<Box<Recorder>>,
}

impl Connection {
    /// The server's side of a connection that has just been accepted. It expects the client's preface.
    #[must_use]
    pub fn server(services: Arc<Services>, config: Arc<Config>, now: Instant) -> Self {
        let http2 = http2::Connection::server(Arc::clone(&config.http2), now);
        let http = config.http.clone().map(|limits| Box::new(Exchanges::new(limits)));
        Self {
            services: Some(services),
            http,
            ..Self::new(Role::Server, http2, config)
        }
    }

    /// The client's side of a connection that has just been made.
    #[must_use]
    pub fn client(config: Arc<Config>, now: Instant) -> Self {
        let http2 = http2::Connection::client(Arc::clone(&config.http2), now);
        Self::new(Role::Client, http2, config)
    }

    fn new(role: Role, http2: http2::Connection, config: Arc<Config>) -> Self {
        Self {
            role,
            http2,
            config,
            calls: Calls::default(),
            events: VecDeque::new(),
            deadlines: CallTimers::new(),
            template: Template::default(),
            last_processed: None,
            services: None,
            http: None,
            next_due: Instant::FAR_FUTURE,
            held: 0,
            gzip: Gzip::default(),
            scratch: Output::new(),
            section: Fields::new(),
            recorder: None,
        }
    }

    /// Takes in what was read. What is not whole, or has to wait, stays in `input`. Call it again with the same buffer
    /// when [`Self::read_demand`] says [`Demand::Receive`].
    #[inline]
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_receive(now, input, Self::receive);
        }
        self.http2.receive(now, input);
        self.go_on(now);
    }

    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        if self.recorder.is_some() {
            return self.record_disconnect(now, why, Self::handle_disconnect);
        }
        self.http2.handle_disconnect(now, why);
        self.go_on(now);
    }

    /// What to do with the reading side of the socket now.
    #[inline]
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        self.http2.read_demand()
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write.
    #[inline]
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.recorder.is_some() {
            return self.record_transmit(now, out, Self::poll_transmit);
        }
        let any = self.http2.poll_transmit(now, out);
        self.go_on(now);
        any
    }

    /// Whether something waits for [`Self::poll_transmit`] that does not belong to a message: what reading or releasing
    /// a call leads to. An owner with several tasks need not wake the one that writes otherwise.
    #[inline]
    #[must_use]
    pub const fn has_output(&self) -> bool {
        self.http2.has_output()
    }

    /// Whether the connection has more to do although nothing waits to be sent: releasing a call can make room for
    /// another one, or be the end of a connection that drains. Whoever drives it has to be woken then.
    #[must_use]
    pub fn wants_turn(&self) -> bool {
        let ends = self.calls.len() == 0 && self.http2.is_draining();
        ends || !self.events.is_empty() || self.http2.has_events()
    }

    /// When [`Self::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let due = |at, timer| Some(Deadline { at, timer });
        let call = self.deadlines.next().and_then(|at| due(at, TimerKind::Call));
        let message = match self.next_due {
            Instant::FAR_FUTURE => None,
            at => due(at, TimerKind::Frame),
        };
        let http = self.http.as_ref().and_then(|http| http.poll_timeout());
        [self.http2.poll_timeout(), call, message, http]
            .into_iter()
            .flatten()
            .min_by_key(|due| due.at)
    }

    /// Does what is due at `now`. Calling early or more often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.recorder.is_some() {
            return self.record_timeout(now, Self::handle_timeout);
        }
        self.http2.handle_timeout(now);
        self.go_on(now);
        while let Some(id) = self.deadlines.expired(now) {
            match self.role {
                Role::Server => self.on_deadline(now, id),
                Role::Client => self.on_client_deadline(id),
            }
        }
        self.prune_deadlines();
        if self.role == Role::Server {
            self.end_overdue(now);
        }
        if let Some(http) = &mut self.http {
            http.handle_timeout(now, &mut self.http2);
        }
        self.go_on(now);
    }

    /// The next event, until there is none.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.recorder.is_some() {
            return self.record_event(Self::poll_event);
        }
        self.events.pop_front()
    }

    /// The receiving half of a call.
    ///
    /// # Errors
    ///
    /// The call is unknown, or released.
    #[inline]
    pub fn receiver(&mut self, id: StreamId) -> Result<Receiver<'_>, UnknownStream> {
        match self.calls.find(id) {
            Some(key) => Ok(Receiver::new(self, key)),
            None => Err(UnknownStream(id)),
        }
    }

    /// The sending half of a call.
    ///
    /// # Errors
    ///
    /// The call is unknown, or released.
    #[inline]
    pub fn sender(&mut self, id: StreamId) -> Result<Sender<'_>, UnknownStream> {
        match self.calls.find(id) {
            Some(key) => Ok(Sender::new(self, key)),
            None => Err(UnknownStream(id)),
        }
    }

    /// How a call ended, once [`Event::Ended`] was told or a [`pull`](Receiver::pull) failed. For a server: why the rest
    /// of the request will not come, or nobody waits for the answer.
    #[must_use]
    pub fn outcome(&self, id: StreamId) -> Option<&Outcome> {
        self.calls.get(id)?.ending.as_ref().map(Ending::outcome)
    }

    /// Whether [`Event::Ended`] was told of a call: a client's is over, and for an answer of a server nobody waits. What
    /// comes in can have become unreadable without that.
    #[must_use]
    pub fn is_over(&self, id: StreamId) -> bool {
        let phase = self.calls.get(id).map(|call| call.phase);
        matches!(phase, Some(Phase::Late | Phase::Ended))
    }

    /// Tells that the application is done with a call. Every call has to be released, or finished by a server, however
    /// it ended. One that is not over is given up: the peer sees it cancelled.
    pub fn release(&mut self, id: StreamId) {
        if self.recorder.is_some() {
            return self.record_id(Op::Release, id, Self::release);
        }
        if let Some(call) = self.calls.remove(id) {
            self.held = self.held.saturating_sub(call.inbox.held());
            if self.role == Role::Client
                && let Ok(mut sender) = self.http2.sender(id)
            {
                // What waits to be sent is not wanted any more.
                sender.cancel(ErrorCode::CANCEL);
            }
            self.http2.release(id);
            if call.deadline.is_some() {
                self.prune_deadlines();
            }
        }
    }

    /// Ends the connection; see [`Shutdown`]. Calls that run go on until the deadline, and are then reset with
    /// [`drain_code`](http2::Config::drain_code).
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        if self.recorder.is_some() {
            return self.record_shutdown(now, how, Self::shutdown);
        }
        self.http2.shutdown(now, how);
        self.go_on(now);
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.http2.is_drained()
    }

    /// Why the connection is over, if it is.
    #[must_use]
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        self.http2.close_reason()
    }

    /// Calls that are not released, and plain requests whose handlers run.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        let requests = self.http.as_ref().map_or(0, |http| http.running());
        self.calls.len().saturating_add(requests)
    }

    /// Bytes that this connection makes its owner hold: input not yet whole, messages not yet pulled, header sections,
    /// output not yet sent.
    #[must_use]
    pub fn usage(&self) -> usize {
        let requests = self.http.as_ref().map_or(0, |http| http.usage());
        self.http2.usage().saturating_add(self.held).saturating_add(requests)
    }

    /// Bytes of the connection's receive window that wait for their readers. Nothing, when no call is open.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.http2.withheld()
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        if self.recorder.is_some() {
            return self.record_release_memory(Self::release_memory);
        }
        self.http2.release_memory();
        self.calls.shrink();
        self.gzip.release_memory();
        self.scratch = Output::new();
        self.section = Fields::new();
        self.template = Template::default();
        if self.events.is_empty() {
            self.events.shrink_to(0);
        }
        if let Some(http) = &mut self.http {
            http.release_memory();
        }
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Draws the conclusions of what happened to the HTTP/2 connection.
    #[inline]
    fn go_on(&mut self, now: Instant) {
        while let Some(event) = self.http2.poll_event() {
            match self.role {
                Role::Server => self.on_server_event(now, event),
                Role::Client => self.on_client_event(now, event),
            }
        }
    }

    fn watch_deadline(&mut self, id: StreamId, deadline: Instant) {
        let calls = &self.calls;
        self.deadlines
            .insert(deadline, id, |id| calls.find(id).is_some(), calls.len());
    }

    fn prune_deadlines(&mut self) {
        let calls = &self.calls;
        self.deadlines.prune(|id| calls.find(id).is_some());
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("http2", &self.http2)
            .field("calls", &self.calls.len())
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
