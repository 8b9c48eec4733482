//! HTTP/1.1 without I/O: the server's side of one connection (RFC 9112).
//!
//! A [`Connection`] hands out whole requests, one at a time, and takes whole responses. Requests that a client sends
//! ahead wait unread and are answered in order. Heads become the same [`Fields`] that HTTP/2 has,
//! so that a handler need not know the version.
//!
//! The parser is strict where two readers could disagree about where a message ends: such a request is answered with
//! 400, and the connection closed. Every refusal closes, as does every request that reaches no handler.

#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
mod body;
mod config;
mod life;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
mod parse;
mod recorded;
mod respond;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
mod scan;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
mod target;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

pub use config::{Config, Limits};

use self::body::{Chunked, Progress};
use self::life::Times;
use self::parse::{Expectation, Framing, Persistence, Version, parse_head};
use self::scan::{Lengths, Scan};
use crate::buf::{Output, Transmit};
use crate::error::CloseReason;
use crate::http::{Fields, Refusal, Request, RequestId, ServerEvent};
use crate::pingpong::{Demand, Shutdown};
use crate::record::{Recorded, Recorder};
use crate::time::Instant;

/// The server's side of an HTTP/1.1 connection: bytes and time in, requests and bytes out.
///
/// Drive it as a [`ServerConnection`](crate::ServerConnection), with the same verbs.
///
/// ```
/// use std::sync::Arc;
/// use bytes::BytesMut;
/// use kitewire_proto::http::{Response, ServerEvent};
/// use kitewire_proto::{Instant, Transmit, http1};
///
/// let now = Instant::ZERO;
/// let mut connection = http1::Connection::server(Arc::new(http1::Config::default()), now);
/// let mut input = BytesMut::from("GET /status HTTP/1.1\r\nHost: stock:8888\r\n\r\n");
/// connection.receive(now, &mut input);
/// let Some(ServerEvent::Request { id }) = connection.poll_event() else { panic!("the request is whole") };
/// let request = connection.request(id).expect("it is open");
/// assert_eq!((request.path(), request.authority()), (&b"/status"[..], &b"stock:8888"[..]));
/// connection.respond(now, id, &Response::new(200, "fine\n")).expect("nothing is wrong with it");
/// let mut out = Transmit::new();
/// assert!(connection.poll_transmit(now, &mut out));
/// assert_eq!(out.to_vec(), b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfine\n");
/// ```
pub struct Connection {
    config: Arc<Config>,
    phase: Phase,
    /// The head of the present request; its memory stays for the next.
    head: Fields,
    /// The body of an open request.
    body: Bytes,
    /// What was in the present head beside its fields.
    version: Version,
    persistence: Persistence,
    /// Requests taken in so far.
    requests: u64,
    events: VecDeque<ServerEvent>,
    output: Output,
    /// Bytes in the caller's input buffer, as last seen.
    input_len: usize,
    /// Bytes in the caller's transmit list, as last seen.
    handed: usize,
    life: Life,
    times: Times,
    recorder: Option<Box<Recorder>>,
}

/// Where the connection is between two requests.
///
/// ```text
/// Head --whole--> Length | Chunked --whole--> Open --answered--> Head
///   `------- refused, timed out --------------------------------> closed
/// ```
#[derive(Debug)]
enum Phase {
    /// A head is awaited or comes in.
    Head(Scan),
    /// A body of so many bytes gathers in the input.
    Length(usize),
    Chunked(Box<Chunked>),
    /// A request waits for its answer.
    Open,
}

/// What is known about the connection's end.
#[derive(Debug, Default)]
struct Life {
    /// Input was left over because a request or a limit stood in the way.
    blocked: bool,
    read_ended: bool,
    draining: bool,
    /// The open request's end has been told.
    cancelled: bool,
    /// What is not sent yet will never be.
    abandoned: bool,
    closed: Option<CloseReason>,
}

impl Connection {
    /// A connection that has just been accepted, or whose first bytes have just been found to be HTTP/1.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Instant) -> Self {
        Self {
            config,
            phase: Phase::Head(Scan::default()),
            head: Fields::new(),
            body: Bytes::new(),
            version: Version::Http11,
            persistence: Persistence::KeepAlive,
            requests: 0,
            events: VecDeque::new(),
            output: Output::new(),
            input_len: 0,
            handed: 0,
            life: Life::default(),
            times: Times::new(now),
            recorder: None,
        }
    }

    /// Takes in what was read. What is not whole, or has to wait, stays in `input`. Call it again with the same buffer
    /// when [`Self::read_demand`] says [`Demand::Receive`].
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_receive(now, input, Self::receive);
        }
        self.life.blocked = false;
        while self.life.closed.is_none() {
            if !self.may_go_on() {
                self.life.blocked = !input.is_empty();
                break;
            }
            match self.step(input) {
                Ok(Progress::Whole) => {}
                Ok(Progress::Partial) => break,
                Err(refusal) => {
                    let method = self.method_of_refused(input);
                    self.refuse(refusal, method, CloseReason::Refused);
                }
            }
        }
        if self.life.closed.is_some() {
            input.clear();
        }
        self.note_input(now, input.len());
        self.settle();
    }

    /// What to do with the reading side of the socket now.
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        if self.life.closed.is_some() {
            return Demand::Stop;
        }
        let free = self.may_go_on();
        if free && self.life.blocked {
            return Demand::Receive;
        }
        if self.life.read_ended {
            return Demand::Stop;
        }
        if free || self.input_len < self.config.limits.max_pipelined && self.unsent() < self.config.limits.max_unsent {
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

    /// The open request, until it is answered.
    #[must_use]
    pub fn request(&self, id: RequestId) -> Option<Request<'_>> {
        self.is_open(id).then(|| Request::new(&self.head, &self.body))
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.recorder.is_some() {
            return self.record_transmit(now, out, Self::poll_transmit);
        }
        if self.life.abandoned {
            return false;
        }
        let before = self.handed;
        let moved = out.len() < before || before == 0;
        if out.len() < MAX_HANDED {
            out.append(&mut self.output);
        }
        self.handed = out.len();
        if self.handed == 0 {
            self.times.write = None;
            if before > 0 {
                self.times.active = now;
            }
        } else if moved || self.times.write.is_none() {
            self.times.write = Some(now);
        }
        self.handed > 0
    }

    /// Ends the connection; see [`Shutdown`]. A request that has begun is finished and answered with
    /// `connection: close`; between two requests the connection ends at once.
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
        self.settle();
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.life.closed.is_some() && self.output.is_empty() && self.handed == 0
    }

    /// Requests that wait for an answer: none or one.
    #[must_use]
    pub const fn open_requests(&self) -> usize {
        match self.phase {
            Phase::Open => 1,
            Phase::Head(_) | Phase::Length(_) | Phase::Chunked(_) => 0,
        }
    }

    /// Bytes that this connection makes its owner hold: input not yet whole, the present request, output not yet sent.
    #[must_use]
    pub fn usage(&self) -> usize {
        let body = match &self.phase {
            Phase::Chunked(chunked) => chunked.capacity(),
            Phase::Head(_) | Phase::Length(_) | Phase::Open => self.body.len(),
        };
        [self.input_len, self.head.capacity(), body, self.unsent()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        if self.recorder.is_some() {
            return self.record_release_memory(Self::release_memory);
        }
        self.output.release();
        if self.events.is_empty() {
            self.events.shrink_to(0);
        }
        if matches!(self.phase, Phase::Head(_)) {
            self.head = Fields::new();
        }
    }

    /// Goes from one phase to the next, if the input has what it takes.
    fn step(&mut self, input: &mut BytesMut) -> Result<Progress, Refusal> {
        match &mut self.phase {
            Phase::Head(_) => self.take_head(input),
            Phase::Length(length) if input.len() >= *length => {
                self.body = input.split_to(*length).freeze();
                self.open();
                Ok(Progress::Whole)
            }
            Phase::Length(_) | Phase::Open => Ok(Progress::Partial),
            Phase::Chunked(chunked) => {
                let progress = chunked.advance(input, &self.config)?;
                if progress == Progress::Whole {
                    self.body = chunked.take_body();
                    self.open();
                }
                Ok(progress)
            }
        }
    }

    fn take_head(&mut self, input: &mut BytesMut) -> Result<Progress, Refusal> {
        let Phase::Head(scan) = &mut self.phase else {
            return Ok(Progress::Partial);
        };
        // RFC 9112 §2.2: empty lines in front of a request line are skipped.
        while scan.is_fresh() && input.starts_with(b"\r\n") {
            input.advance(2);
        }
        if scan.is_fresh() && matches!(input[..], [] | [b'\r']) {
            return Ok(Progress::Partial);
        }
        let limits = &self.config.limits;
        let lengths = Lengths {
            first_line: limits.max_request_line,
            section: limits.max_head,
        };
        let Some(length) = scan.advance(input, lengths).map_err(scan::Flaw::refusal)? else {
            return Ok(Progress::Partial);
        };
        let lines = scan.lines();
        if lines.saturating_sub(1) > limits.max_fields {
            return Err(Refusal::new(431, "too many fields"));
        }
        let head = input.get(..length).unwrap_or(&[]);
        let head = parse_head(head, lines, self.config.scheme(), &mut self.head)?;
        input.advance(length);
        (self.version, self.persistence) = (head.version, head.persistence);
        self.times.head = None;
        self.begin_body(head.framing, head.expectation)?;
        Ok(Progress::Whole)
    }

    fn begin_body(&mut self, framing: Framing, expectation: Expectation) -> Result<(), Refusal> {
        self.phase = match framing {
            Framing::Length(0) => {
                self.open();
                return Ok(());
            }
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= self.config.requests.max_body => Phase::Length(length),
                _ => return Err(Refusal::new(413, "body too large")),
            },
            Framing::Chunked => Phase::Chunked(Box::default()),
        };
        if expectation == Expectation::Continue {
            // RFC 9110 §10.1.1. Not left out when the body is there already, so that the output does not depend on how
            // the input was cut.
            self.output.put(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Ok(())
    }

    /// The request is whole.
    fn open(&mut self) {
        self.phase = Phase::Open;
        self.times.body = None;
        self.requests = self.requests.saturating_add(1);
        let id = RequestId(self.requests);
        self.events.push_back(ServerEvent::Request { id });
    }

    fn is_open(&self, id: RequestId) -> bool {
        matches!(self.phase, Phase::Open) && id == RequestId(self.requests)
    }

    const fn unsent(&self) -> usize {
        self.output.len().saturating_add(self.handed)
    }

    /// Whether input can be taken in: no request is open, and before a new one not too much is unsent.
    fn may_go_on(&self) -> bool {
        match &self.phase {
            Phase::Open => false,
            Phase::Head(scan) if scan.is_fresh() => self.unsent() < self.config.limits.max_unsent,
            Phase::Head(_) | Phase::Length(_) | Phase::Chunked(_) => true,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("requests", &self.requests)
            .field("phase", &self.phase)
            .field("usage", &self.usage())
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// Bytes handed out above which nothing is added before the socket took some.
const MAX_HANDED: usize = 256 * 1024;
