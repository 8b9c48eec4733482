//! The task of one server connection: socket, clock and handlers around the sans-IO connection.
//!
//! One turn: due timeouts, finished handlers, then read and handle what there is, then one write for all of it, then
//! sleep. A turn's work is bounded; what is left over waits for the next one. Turns are the same for every protocol.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kitewire_proto::wire::Protocol;
use kitewire_proto::wire::detect::{Detection, detect};
use kitewire_proto::{Demand, Disconnect, Instant, Machine, ServerConnection, Shutdown, Transmit};
use kitewire_runtime::{Io, IoSlice, Runtime};

use super::engine::{Budget, Engine};
use super::link::Link;
use super::plain::HttpServing;
use super::recording::Tape;
use super::serving::Serving;
use super::shared::{Shared, Stop};
use super::streams::StreamServing;
use crate::alarm::{Alarm, is_known};
use crate::buffers::Input;

pub(crate) struct Driver<R: Runtime> {
    speaks: Speaks,
    line: Line<R>,
}

/// What the connection speaks.
enum Speaks {
    /// Also as long as nothing is known: this engine waits for the bytes that tell, within its deadline, and refuses
    /// what nobody speaks.
    PingPong(Box<Serving>),
    /// HTTP/1.
    Http(Box<HttpServing>),
    /// HTTP/2, or streams over TTHeader.
    Streams(Box<StreamServing>),
}

/// Everything about the connection that does not depend on what it speaks.
struct Line<R: Runtime> {
    runtime: R,
    io: R::Io,
    link: Arc<Link>,
    /// The key to leave the server with.
    key: usize,
    input: Input,
    out: Transmit,
    alarm: Alarm<R::Timer>,
    /// This task, as others know it.
    task: Option<Waker>,
    phase: Phase,
    /// The first bytes may still turn out to be HTTP, or streams over TTHeader.
    undecided: bool,
    tape: Tape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// A producer woke the task; others that are about to finish get their chance first, so that one write carries all.
    Gathering,
    /// The last byte is sent. What the peer still sends is read and dropped until it goes away, as closing the socket
    /// over unread bytes could take our last answer away from it.
    Lingering {
        until: Instant,
    },
}

/// Another engine that a connection goes on with.
enum Other {
    Http(Box<HttpServing>),
    Streams(Box<StreamServing>),
}

/// What a try to read led to.
enum Read {
    Progress,
    Waiting,
    /// The first bytes are something else than was thought.
    Other(Other),
}

/// What became of an exchange with the socket.
enum Exchanged {
    All,
    /// There was more to do than the budget allowed.
    Part,
    Other(Other),
}

/// How a turn ended.
enum Turn {
    Over(Poll<()>),
    /// The connection goes on with another engine.
    Other(Other),
}

impl<R: Runtime> Driver<R> {
    pub(crate) fn new(runtime: R, io: R::Io, server: &Arc<Shared>) -> Self {
        let now = runtime.now();
        let link = Arc::new(Link::new(Arc::clone(server), io.peer()));
        let key = server.enter(&link);
        let connection = ServerConnection::new(Arc::clone(&server.services), Arc::clone(&server.config), now);
        let alarm = Alarm::new(runtime.timer());
        let mut serving = Box::new(Serving::new(connection, Arc::clone(&link)));
        let tape = Tape::choose(&link);
        tape.begin(&mut *serving);
        Self {
            speaks: Speaks::PingPong(serving),
            line: Line {
                runtime,
                io,
                link,
                key,
                input: Input::new(),
                out: Transmit::new(),
                alarm,
                task: None,
                phase: Phase::Serving,
                undecided: true,
                tape,
            },
        }
    }
}

impl Speaks {
    /// Whether somebody has something to send.
    fn is_called(&self) -> bool {
        match self {
            Self::PingPong(_) | Self::Http(_) => false,
            Self::Streams(serving) => serving.is_called(),
        }
    }
}

impl<R: Runtime> Line<R> {
    fn turn<E: Engine>(&mut self, engine: &mut E, cx: &mut Context<'_>) -> Turn {
        let now = self.runtime.now();
        if !is_known(self.task.as_ref(), cx) {
            self.link.adopt(cx.waker());
            engine.adopt(cx.waker());
            self.task = Some(cx.waker().clone());
        }
        engine.wake();
        if self.link.take_attention() {
            self.obey_server(engine, now);
            engine.collect(now);
        }
        if self.alarm.has_gone_off(now) {
            // What came in time is not late because this task is.
            if let Some(other) = self.catch_up(engine, now, cx) {
                return Turn::Other(other);
            }
            engine.machine().handle_timeout(now, &mut self.input.bytes);
            if self.alarm.is_quiet(now) {
                engine.release_memory();
                self.out.release();
            }
        }
        engine.resume(now, cx);
        let more = match self.exchange(engine, now, cx) {
            Exchanged::All => false,
            Exchanged::Part => true,
            Exchanged::Other(other) => return Turn::Other(other),
        };
        self.link.set_load(engine.load());
        let drained = engine.machine().is_drained();
        // Where there is more to do, its end may still have to be told.
        if drained && !(more && engine.closed().is_none()) {
            return Turn::Over(self.end(engine, now, cx));
        }
        if more || engine.has_more() {
            cx.waker().wake_by_ref();
        }
        engine.rest();
        if !self.undecided {
            self.tape.keep(engine, &self.link);
        }
        self.input.rest();
        let due = engine
            .machine()
            .poll_timeout()
            .map_or(Instant::FAR_FUTURE, |deadline| deadline.at);
        self.alarm.arm(due, cx);
        Turn::Over(Poll::Pending)
    }

    fn obey_server<E: Engine>(&self, engine: &mut E, now: Instant) {
        match self.link.server().stop_state() {
            Stop::Serving => {}
            Stop::Graceful(until) => engine.machine().shutdown(now, Shutdown::Graceful { until }),
            Stop::AtOnce => engine.machine().shutdown(now, Shutdown::Immediate),
        }
    }

    /// Reads, handles and writes until nothing more can be done.
    fn exchange<E: Engine>(&mut self, engine: &mut E, now: Instant, cx: &mut Context<'_>) -> Exchanged {
        let mut budget = Budget::new();
        loop {
            let runtime = &self.runtime;
            let spawn = |work: E::Background| runtime.spawn(work);
            engine.handle_events(now, cx, &mut budget, Some(&spawn));
            let demand = engine.machine().read_demand();
            let spent = budget.is_spent();
            match demand {
                Demand::Receive if !spent => {
                    engine.machine().receive(now, &mut self.input.bytes);
                    continue;
                }
                Demand::Read if !spent => match self.read(engine, now, cx, &mut budget) {
                    Read::Progress => continue,
                    Read::Waiting => {}
                    Read::Other(other) => return Exchanged::Other(other),
                },
                _ => {}
            }
            let wrote = self.write(engine, now, cx);
            let told = wrote && engine.after_write();
            if spent {
                return Exchanged::Part;
            }
            // Room for output ends a pause. The connection can end with its last byte, or where there is none to send.
            let resumed = demand == Demand::Pause && engine.machine().read_demand() != Demand::Pause;
            let ended = engine.closed().is_none() && engine.machine().is_drained();
            if !ended && !(wrote && (resumed || told)) {
                return Exchanged::All;
            }
        }
    }

    /// Takes in what the socket has, before something else becomes of the connection. Returns the engine to go on with, if
    /// that is another one.
    fn catch_up<E: Engine>(&mut self, engine: &mut E, now: Instant, cx: &mut Context<'_>) -> Option<Other> {
        if engine.machine().read_demand() != Demand::Read {
            return None;
        }
        match self.read(engine, now, cx, &mut Budget::new()) {
            Read::Other(other) => Some(other),
            Read::Progress | Read::Waiting => None,
        }
    }

    fn read<E: Engine>(&mut self, engine: &mut E, now: Instant, cx: &mut Context<'_>, budget: &mut Budget) -> Read {
        match self.input.poll_read(&mut self.io, cx) {
            Poll::Pending => return Read::Waiting,
            Poll::Ready(Ok(0)) => engine.machine().handle_disconnect(now, Disconnect::ReadEnd),
            Poll::Ready(Ok(read)) => {
                self.alarm.touch(now);
                budget.spend_bytes(read);
                if self.undecided
                    && let Some(other) = self.recognise(now)
                {
                    return Read::Other(other);
                }
                engine.machine().receive(now, &mut self.input.bytes);
            }
            Poll::Ready(Err(error)) => {
                self.link.notice_failure(&error);
                engine.machine().handle_disconnect(now, Disconnect::ReadFailed);
            }
        }
        Read::Progress
    }

    /// What to go on with if the first bytes are not ping-pong, those taken in.
    fn recognise(&mut self, now: Instant) -> Option<Other> {
        let Detection::Protocol(protocol) = detect(&self.input.bytes) else {
            return None;
        };
        self.undecided = false;
        // No call can have begun before, and no handshake is still going on.
        if let Some(identity) = self.io.peer_identity() {
            self.link.identify(identity);
        }
        match protocol {
            Protocol::Http1 => {
                let mut serving = Box::new(HttpServing::new(&self.link, now)?);
                self.begin(&mut *serving, now);
                Some(Other::Http(serving))
            }
            Protocol::Http2 => Some(self.begin_streams(StreamServing::grpc(&self.link, now), now)),
            Protocol::TtHeaderStreaming => Some(self.begin_streams(StreamServing::tt_header(&self.link, now), now)),
            Protocol::PingPong => None,
        }
    }

    fn begin_streams(&mut self, serving: StreamServing, now: Instant) -> Other {
        let mut serving = Box::new(serving);
        self.begin(&mut *serving, now);
        Other::Streams(serving)
    }

    /// Hands the connection to another engine, with what has been read.
    fn begin<E: Engine>(&mut self, engine: &mut E, now: Instant) {
        // What the other one did before the first bytes is not worth a recording.
        self.tape.begin(engine);
        if let Some(task) = &self.task {
            engine.adopt(task);
        }
        self.obey_server(engine, now);
        engine.machine().receive(now, &mut self.input.bytes);
    }

    /// Writes what there is. Returns whether the socket took any of it, or failed.
    fn write<E: Engine>(&mut self, engine: &mut E, now: Instant, cx: &mut Context<'_>) -> bool {
        let mut wrote = false;
        while engine.machine().poll_transmit(now, &mut self.out) {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = self.out.slices(&mut slices);
            match self.io.poll_write(cx, &slices[..used]) {
                Poll::Pending => break,
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.out.advance(written);
                    wrote = true;
                }
                Poll::Ready(result) => {
                    if let Err(error) = result {
                        self.link.notice_failure(&error);
                    }
                    self.out = Transmit::new();
                    engine.machine().handle_disconnect(now, Disconnect::WriteFailed);
                    return true;
                }
            }
        }
        wrote
    }

    /// The connection has said everything.
    fn end<E: Engine>(&mut self, engine: &mut E, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let runtime = &self.runtime;
        let spawn = |work: E::Background| runtime.spawn(work);
        engine.abandon(Some(&spawn));
        self.tape.end(engine, &self.link);
        if !engine.lingers() {
            return Poll::Ready(());
        }
        let until = now + LINGER;
        self.phase = Phase::Lingering { until };
        self.alarm.stop_tidying();
        self.alarm.arm(until, cx);
        self.linger(cx, until)
    }

    /// The task is dropped.
    fn abandon(&mut self, engine: &mut impl Engine) {
        engine.abandon(None);
        self.tape.end(engine, &self.link);
    }

    fn linger(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let now = self.runtime.now();
        if now >= until {
            return Poll::Ready(());
        }
        if self.alarm.has_gone_off(now) {
            self.alarm.arm(until, cx);
        }
        if self.io.poll_close(cx).is_pending() {
            return Poll::Pending;
        }
        for _ in 0..MAX_LINGER_READS {
            self.input.bytes.clear();
            match self.input.poll_read(&mut self.io, cx) {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    self.input.rest();
                    return Poll::Pending;
                }
            }
        }
        // A peer that pours on without end has had its chance to read our answer.
        Poll::Ready(())
    }
}

impl<R: Runtime> Future for Driver<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match this.line.phase {
            Phase::Lingering { until } => return this.line.linger(cx, until),
            Phase::Serving if this.line.link.has_attention() || this.speaks.is_called() => {
                this.line.phase = Phase::Gathering;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Phase::Serving | Phase::Gathering => this.line.phase = Phase::Serving,
        }
        loop {
            let turn = match &mut this.speaks {
                Speaks::PingPong(serving) => this.line.turn(&mut **serving, cx),
                Speaks::Http(serving) => this.line.turn(&mut **serving, cx),
                Speaks::Streams(serving) => this.line.turn(&mut **serving, cx),
            };
            match turn {
                Turn::Over(poll) => return poll,
                Turn::Other(Other::Http(serving)) => this.speaks = Speaks::Http(serving),
                Turn::Other(Other::Streams(serving)) => this.speaks = Speaks::Streams(serving),
            }
        }
    }
}

/// Nothing in it is pinned.
impl<R: Runtime> Unpin for Driver<R> {}

impl<R: Runtime> Drop for Driver<R> {
    fn drop(&mut self) {
        match &mut self.speaks {
            Speaks::PingPong(serving) => self.line.abandon(&mut **serving),
            Speaks::Http(serving) => self.line.abandon(&mut **serving),
            Speaks::Streams(serving) => self.line.abandon(&mut **serving),
        }
        self.line.link.server().leave(self.line.key);
    }
}

/// Pieces handed to one write.
const MAX_SLICES: usize = 16;
/// How long the peer may take to read our last answer.
const LINGER: Duration = Duration::from_secs(1);
/// Reads that one wake of a lingering connection makes at most.
const MAX_LINGER_READS: usize = 16;
