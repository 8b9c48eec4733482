//! The task of one server connection: socket, clock and handlers around the sans-IO connection.
//!
//! One turn: due timeouts, finished handlers, then read and handle what there is, then one write for all of it, then
//! sleep. A turn's work is bounded; what is left over waits for the next one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kitewire_proto::{CloseReason, Demand, Disconnect, Instant, ServerConnection, Shutdown, Transmit};
use kitewire_runtime::{Io, IoSlice, Runtime};

use super::link::Link;
use super::serving::{Background, Budget, Serving};
use super::shared::{Shared, Stop};
use crate::alarm::{Alarm, is_known};
use crate::buffers::Input;

pub(crate) struct Driver<R: Runtime> {
    runtime: R,
    io: R::Io,
    serving: Serving,
    link: Arc<Link>,
    /// The key to leave the server with.
    key: usize,
    input: Input,
    out: Transmit,
    alarm: Alarm<R::Timer>,
    /// This task, as others know it.
    task: Option<Waker>,
    phase: Phase,
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

/// What a try to read led to.
enum Read {
    Progress,
    Waiting,
}

impl<R: Runtime> Driver<R> {
    pub(crate) fn new(runtime: R, io: R::Io, server: &Arc<Shared>) -> Self {
        let now = runtime.now();
        let link = Arc::new(Link::new(Arc::clone(server), io.peer()));
        let key = server.enter(&link);
        let connection = ServerConnection::new(Arc::clone(&server.services), Arc::clone(&server.config), now);
        let alarm = Alarm::new(runtime.timer());
        Self {
            runtime,
            io,
            serving: Serving::new(connection, Arc::clone(&link)),
            link,
            key,
            input: Input::new(),
            out: Transmit::new(),
            alarm,
            task: None,
            phase: Phase::Serving,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.runtime.now();
        if !is_known(self.task.as_ref(), cx) {
            self.link.adopt(cx.waker());
            self.task = Some(cx.waker().clone());
        }
        if self.link.take_attention() {
            self.obey_server(now);
            self.serving.collect(now);
        }
        if self.alarm.has_gone_off(now) {
            self.serving.connection.handle_timeout(now, &mut self.input.bytes);
            if self.alarm.is_quiet(now) {
                self.serving.release_memory();
                self.out.release();
            }
        }
        self.serving.resume(now, cx);
        let more = self.exchange(now, cx);
        self.link.set_calls(self.serving.connection.open_calls());
        if self.serving.connection.is_drained() {
            return self.end(now, cx);
        }
        if more {
            cx.waker().wake_by_ref();
        }
        self.serving.rest();
        self.input.rest();
        let due = self
            .serving
            .connection
            .poll_timeout()
            .map_or(Instant::FAR_FUTURE, |deadline| deadline.at);
        self.alarm.arm(due, cx);
        Poll::Pending
    }

    fn obey_server(&mut self, now: Instant) {
        match self.link.server().stop_state() {
            Stop::Serving => {}
            Stop::Graceful(until) => self.serving.connection.shutdown(now, Shutdown::Graceful { until }),
            Stop::AtOnce => self.serving.connection.shutdown(now, Shutdown::Immediate),
        }
    }

    /// Reads, handles and writes until nothing more can be done. Returns whether that was for want of budget.
    fn exchange(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        let mut budget = Budget::new();
        loop {
            let runtime = &self.runtime;
            let spawn = |work: Background| runtime.spawn(work);
            self.serving.handle_events(now, cx, &mut budget, Some(&spawn));
            let demand = self.serving.connection.read_demand();
            let spent = budget.is_spent();
            match demand {
                Demand::Receive if !spent => {
                    self.serving.connection.receive(now, &mut self.input.bytes);
                    continue;
                }
                Demand::Read if !spent => {
                    if let Read::Progress = self.read(now, cx, &mut budget) {
                        continue;
                    }
                }
                _ => {}
            }
            let wrote = self.write(now, cx);
            if spent {
                return true;
            }
            let connection = &self.serving.connection;
            // Room for output ends a pause, and sending the last byte can end the connection.
            let resumed = demand == Demand::Pause && connection.read_demand() != Demand::Pause;
            let ended = connection.is_drained() && self.serving.closed.is_none();
            if !wrote || !(resumed || ended) {
                return false;
            }
        }
    }

    fn read(&mut self, now: Instant, cx: &mut Context<'_>, budget: &mut Budget) -> Read {
        match self.input.poll_read(&mut self.io, cx) {
            Poll::Pending => return Read::Waiting,
            Poll::Ready(Ok(0)) => self.serving.connection.handle_disconnect(now, Disconnect::ReadEnd),
            Poll::Ready(Ok(read)) => {
                self.alarm.touch(now);
                budget.spend_bytes(read);
                self.serving.connection.receive(now, &mut self.input.bytes);
            }
            Poll::Ready(Err(_)) => self.serving.connection.handle_disconnect(now, Disconnect::ReadFailed),
        }
        Read::Progress
    }

    /// Writes what there is. Returns whether the socket took any of it, or failed.
    fn write(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        let mut wrote = false;
        while self.serving.connection.poll_transmit(now, &mut self.out) {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = self.out.slices(&mut slices);
            match self.io.poll_write(cx, &slices[..used]) {
                Poll::Pending => break,
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.out.advance(written);
                    wrote = true;
                }
                Poll::Ready(_) => {
                    self.out = Transmit::new();
                    self.serving.connection.handle_disconnect(now, Disconnect::WriteFailed);
                    return true;
                }
            }
        }
        wrote
    }

    /// The connection has said everything.
    fn end(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let peer_may_still_send = matches!(
            self.serving.closed,
            Some(
                CloseReason::Malformed(_)
                    | CloseReason::Refused
                    | CloseReason::ProtocolNotServed(_)
                    | CloseReason::LimitReached(_)
                    | CloseReason::TimedOut(_)
            )
        );
        let runtime = &self.runtime;
        let spawn = |work: Background| runtime.spawn(work);
        self.serving.abandon(Some(&spawn));
        if !peer_may_still_send {
            return Poll::Ready(());
        }
        let until = now + LINGER;
        self.phase = Phase::Lingering { until };
        self.alarm.stop_tidying();
        self.alarm.arm(until, cx);
        self.linger(cx, until)
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
        match this.phase {
            Phase::Lingering { until } => return this.linger(cx, until),
            Phase::Serving if this.link.has_attention() => {
                this.phase = Phase::Gathering;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Phase::Serving | Phase::Gathering => this.phase = Phase::Serving,
        }
        this.turn(cx)
    }
}

/// Nothing in it is pinned.
impl<R: Runtime> Unpin for Driver<R> {}

impl<R: Runtime> Drop for Driver<R> {
    fn drop(&mut self) {
        self.serving.abandon(None);
        self.link.server().leave(self.key);
    }
}

/// Pieces handed to one write.
const MAX_SLICES: usize = 16;
/// How long the peer may take to read our last answer.
const LINGER: Duration = Duration::from_secs(1);
/// Reads that one wake of a lingering connection makes at most.
const MAX_LINGER_READS: usize = 16;
