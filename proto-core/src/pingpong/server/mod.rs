//! The server's side of a ping-pong connection.

mod calls;
mod life;
pub(crate) mod recorded;
mod write;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::frame::{Frame, FrameError, Framer};
use super::incoming::{Incoming, Target};
use super::slots::{CallId, Slots};
use super::{Demand, Shutdown};
use crate::buf::{Output, Transmit};
use crate::call_timers::CallTimers;
use crate::config::ServerConfig;
use crate::dispatch::{MethodRef, Services};
use crate::error::{CloseReason, DecodeError};
use crate::exception::ApplicationException;
use crate::record::{Op, Recorded, Recorder};
use crate::time::Instant;
use crate::wire::grpc::Status;
use crate::wire::{Codec, SequenceId, Transport};

/// The server's side of one connection: bytes and time in, calls and bytes out.
///
/// Drive it in this order, and again after every call on it: due timeout ([`Self::handle_timeout`]), input
/// ([`Self::receive`]), events ([`Self::poll_event`]), output ([`Self::poll_transmit`]), then read as
/// [`Self::read_demand`] says and sleep until [`Self::poll_timeout`]. When [`Self::is_drained`], close the socket.
///
/// ```
/// use std::sync::Arc;
/// use bytes::{Bytes, BytesMut};
/// use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
/// use kitewire_proto::wire::Codec;
/// use kitewire_proto::{Instant, Reply, ReplyOutcome, ServerConfig, ServerConnection, ServerEvent, Transmit};
///
/// static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
/// let mut table = Services::builder();
/// table.add(ServiceInfo::new("", "Echo", Codec::Thrift, &METHODS), ServiceRole::Ordinary);
/// let services = Arc::new(table.build().expect("one service is fine"));
///
/// let now = Instant::ZERO;
/// let mut connection = ServerConnection::new(services, Arc::new(ServerConfig::default()), now);
/// // A framed call of `echo` with an empty argument struct, in two pieces.
/// let call = b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0";
/// let mut input = BytesMut::new();
/// for piece in call.chunks(10) {
///     input.extend_from_slice(piece);
///     connection.receive(now, &mut input);
/// }
/// let Some(ServerEvent::Opened { id }) = connection.poll_event() else { panic!("a whole call opens") };
/// let request = connection.request(id).expect("the call is open");
/// assert_eq!(request.method_name(), "echo");
/// let result = Bytes::from_static(b"\0");
/// connection.respond(now, id, &Reply::new(ReplyOutcome::Result(&result))).expect("bytes always encode");
/// let mut out = Transmit::new();
/// assert!(connection.poll_transmit(now, &mut out));
/// assert_eq!(out.to_vec(), b"\0\0\0\x11\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x07\0");
/// ```
pub struct ServerConnection {
    services: Arc<Services>,
    config: Arc<ServerConfig>,
    peer: Option<Arc<str>>,
    framer: Framer,
    calls: Slots<Call>,
    call_timers: CallTimers<CallId>,
    events: VecDeque<ServerEvent>,
    output: Output,
    /// Where the last request went; most requests are like the one before.
    last: Option<Found>,
    /// A whole in-order request that waits for the calls before it.
    held: Option<Box<Frame>>,
    /// Bytes of requests that were taken in and are not answered yet.
    held_bytes: usize,
    /// Bytes in the caller's input buffer, as last seen.
    input_len: usize,
    /// Bytes in the caller's transmit list, as last seen.
    handed: usize,
    life: Life,
    times: Times,
    recorder: Option<Box<Recorder>>,
}

/// What is known about the connection's phase.
#[derive(Debug, Default)]
struct Life {
    /// The protocol has been told.
    detected: bool,
    /// A request asked to run beside others, so control frames are understood.
    multiplexed: bool,
    /// An in-order call is open: nothing else is taken in.
    in_order: bool,
    /// Input was left over because a call or a limit stood in the way.
    blocked: bool,
    read_ended: bool,
    draining: bool,
    /// The control frame that says so has been sent.
    told: bool,
    closed: Option<CloseReason>,
    /// Nobody takes any more bytes, those in the caller's transmit list included.
    abandoned: bool,
}

/// When what began.
#[derive(Debug)]
struct Times {
    /// A frame began, or made progress.
    frame: Option<Instant>,
    /// Input length at that time.
    frame_len: usize,
    /// The last time something happened.
    active: Instant,
    /// Unsent bytes last moved.
    write: Option<Instant>,
    /// When patience with a graceful stop ends.
    drain: Option<Instant>,
    /// Since when a draining connection has no call open.
    linger: Option<Instant>,
}

/// An open call.
#[derive(Debug)]
struct Call {
    /// The request, until it is released.
    frame: Option<Frame>,
    frame_len: u32,
    target: Target,
    sequence: SequenceId,
    transport: Transport,
    codec: Codec,
    answered: Answered,
    concurrent: bool,
    cancelled: bool,
    deadline: Option<Instant>,
    /// The method's name where the table has none; boxed twice to keep the others small.
    name: Option<Box<Bytes>>,
}

/// A method that a request was found to go to.
#[derive(Debug, Clone, Copy)]
struct Found {
    method: MethodRef,
    /// The request named its service.
    named: bool,
    codec: Codec,
    answered: Answered,
}

/// Whether a call is answered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Yes,
    /// The method is declared oneway.
    No,
}

/// What a server connection tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A request for a known method (or the unknown-service handler) is there: see [`ServerConnection::request`].
    Opened {
        /// The call.
        id: CallId,
    },
    /// Nobody waits for this call's answer any more. The handler may run on; responding does no harm.
    Cancelled {
        /// The call.
        id: CallId,
        /// Why.
        reason: CancelReason,
    },
    /// A request was refused, and answered if the protocol has an answer. For logs and metrics.
    Refused(Box<Refusal>),
    /// The connection is over, once its last bytes are sent. The last event.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why nobody waits for an answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// The caller's connection is gone.
    CallerGone,
    /// The caller's deadline has passed.
    DeadlinePassed,
}

/// A request that reached no handler.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No handler for it: the exception sent says why.
    Exception {
        /// The method name on the wire.
        method: String,
        /// What was answered.
        exception: ApplicationException,
    },
    /// A multiplexed frame whose payload cannot be read; its caller will time out, as with Kitex.
    Unreadable(DecodeError),
    /// A call over gRPC: the status that it was answered with.
    Status(Status),
}

impl ServerConnection {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(services: Arc<Services>, config: Arc<ServerConfig>, now: Instant) -> Self {
        Self {
            services,
            config,
            peer: None,
            framer: Framer::default(),
            calls: Slots::new(),
            call_timers: CallTimers::new(),
            events: VecDeque::new(),
            output: Output::new(),
            last: None,
            held: None,
            held_bytes: 0,
            input_len: 0,
            handed: 0,
            life: Life::default(),
            times: Times {
                frame: None,
                frame_len: 0,
                active: now,
                write: None,
                drain: None,
                linger: None,
            },
            recorder: None,
        }
    }

    /// Names the peer, for texts that mention it.
    pub fn set_peer(&mut self, peer: Arc<str>) {
        if self.recorder.is_some() {
            return self.record_peer(peer);
        }
        self.peer = Some(peer);
    }

    /// Takes in what was read. Whole frames are split off `input`; an incomplete tail, and whatever has to wait, stays
    /// there. Call it again with the same buffer when [`Self::read_demand`] says [`Demand::Receive`].
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_receive(now, input, Self::receive);
        }
        if input.len() != self.input_len {
            self.times.active = now;
        }
        self.life.blocked = false;
        while self.life.closed.is_none() && !input.is_empty() {
            if !self.may_take_more() {
                self.life.blocked = true;
                break;
            }
            if !self.life.detected && !self.detect(input) {
                break;
            }
            match self.framer.next(input, &self.config.limits) {
                Ok(Some(frame)) => {
                    self.times.frame = None;
                    self.take(now, frame);
                }
                Ok(None) => break,
                Err(bad) => self.refuse_bytes(bad, input),
            }
        }
        if self.life.closed.is_some() {
            input.clear();
        }
        self.note_input(now, input.len());
        if self.input_len >= self.config.limits.max_memory && !self.life.blocked && self.held.is_none() {
            // The rest of this frame would be more than the connection may hold.
            self.fail(CloseReason::LimitReached("max_memory"));
            input.clear();
        }
        self.settle(now);
    }

    #[cold]
    fn refuse_bytes(&mut self, bad: FrameError, input: &mut BytesMut) {
        if !self.survives(&bad) {
            if let Some(layout) = bad.head {
                self.refuse_head(&layout, input, bad.error.to_string());
            }
            return self.fail(CloseReason::Malformed(bad.error));
        }
        let _ = input.split_to(bad.boundary.unwrap_or(0).min(input.len()));
        let refusal = Refusal::Unreadable(bad.error);
        self.events.push_back(ServerEvent::Refused(Box::new(refusal)));
    }

    /// What to do with the reading side of the socket now.
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        if self.life.closed.is_some() {
            return Demand::Stop;
        }
        let free = self.may_take_more();
        if free && self.life.blocked {
            return Demand::Receive;
        }
        if self.life.read_ended {
            return Demand::Stop;
        }
        let room = self.usage() < self.config.limits.max_memory;
        let ahead = self.life.in_order && self.input_len < READ_AHEAD && !self.over_limits();
        if room && (free || ahead) {
            Demand::Read
        } else {
            Demand::Pause
        }
    }

    /// The next event, until there is none.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        if self.recorder.is_some() {
            return self.record_event(Self::poll_event);
        }
        self.events.pop_front()
    }

    /// The request of an open call. It can be looked at until the call is answered, or until
    /// [`Self::release_request`].
    #[inline]
    pub fn request(&self, id: CallId) -> Option<Incoming<'_>> {
        let call = self.calls.get(id)?;
        Some(Incoming {
            target: call.target,
            deadline: call.deadline,
            concurrent: call.concurrent,
            frame: call.frame.as_ref()?,
        })
    }

    /// Lets go of the request of a call that is not answered yet, so that the received block can be used again.
    pub fn release_request(&mut self, id: CallId) {
        if self.recorder.is_some() {
            return self.record_id(Op::ReleaseRequest, id, Self::release_request);
        }
        if let Some(call) = self.calls.get_mut(id) {
            call.frame = None;
        }
    }

    /// Whether a call is not answered yet.
    pub(crate) fn is_open(&self, id: CallId) -> bool {
        self.calls.get(id).is_some()
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write; never after the socket has
    /// failed or stalled, whatever is left in `out` then.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.recorder.is_some() {
            return self.record_transmit(now, out, Self::poll_transmit);
        }
        if self.life.abandoned {
            return false;
        }
        let moved = out.len() < self.handed || self.handed == 0;
        if out.len() < MAX_HANDED {
            out.append(&mut self.output);
        }
        self.handed = out.len();
        if self.handed == 0 {
            self.times.write = None;
            self.settle(now);
        } else if moved || self.times.write.is_none() {
            self.times.write = Some(now);
        }
        self.handed > 0
    }

    /// Ends the connection; see [`Shutdown`].
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        if self.recorder.is_some() {
            return self.record_shutdown(now, how, Self::shutdown);
        }
        match how {
            Shutdown::Graceful { until } => {
                self.life.draining = true;
                self.times.drain = Some(self.times.drain.map_or(until, |earlier| earlier.min(until)));
            }
            Shutdown::Immediate => self.fail(CloseReason::Shutdown),
        }
        self.settle(now);
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.life.closed.is_some() && self.output.is_empty() && self.handed == 0
    }

    /// Calls that are open.
    #[must_use]
    pub const fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Bytes that this connection makes its owner hold: input not yet whole, requests not yet answered, output not yet
    /// sent.
    #[must_use]
    pub fn usage(&self) -> usize {
        self.input_len + self.held_bytes + self.unsent()
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        if self.recorder.is_some() {
            return self.record_release_memory(Self::release_memory);
        }
        self.output.release();
        if self.calls.is_empty() {
            self.calls.shrink();
            if self.events.is_empty() {
                self.events.shrink_to(0);
            }
        }
    }

    fn unsent(&self) -> usize {
        self.output.len() + self.handed
    }

    /// Whether calls must end, or bytes be sent, before another request is taken in.
    fn over_limits(&self) -> bool {
        let limits = &self.config.limits;
        self.unsent() >= limits.max_unsent || self.held_bytes + self.unsent() >= limits.max_memory
    }

    fn may_take_more(&self) -> bool {
        !self.life.in_order
            && self.held.is_none()
            && self.calls.len() < self.config.limits.max_calls as usize
            && !self.over_limits()
    }

    fn method_name<'a>(services: &'a Services, call: &'a Call) -> &'a [u8] {
        match call.target {
            Target::Method(method) => name_in_table(services, method),
            Target::Unknown => call.name.as_ref().map_or(&[], |name| name),
        }
    }
}

impl fmt::Debug for ServerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConnection")
            .field("peer", &self.peer)
            .field("calls", &self.calls.len())
            .field("usage", &self.usage())
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

fn name_in_table(services: &Services, method: MethodRef) -> &[u8] {
    services.method(method).map_or(&[], |(_, info)| info.name.as_bytes())
}

/// Input that may gather behind an in-order call, so that the end of the connection is seen while it runs.
const READ_AHEAD: usize = 64 * 1024;
/// Bytes handed out above which nothing is added before the socket took some.
const MAX_HANDED: usize = 256 * 1024;
