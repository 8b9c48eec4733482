//! How a connection ends.

use bytes::BytesMut;

use super::streams::Phase;
use super::{Connection, Event, Exception, StreamId};
use crate::error::{CloseReason, Disconnect};
use crate::http2::Role;
use crate::pingpong::Shutdown;
use crate::record::Recorded;
use crate::stream::lifecycle::{Receiving, Sending};
use crate::time::{Instant, TimerKind};

/// Where a connection is in its life.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Until when streams may go on; no new ones begin.
    pub(super) drain: Option<Instant>,
    /// Nothing is read until then.
    pub(super) paused: Option<Instant>,
    /// Input has been left over.
    pub(super) blocked: bool,
    /// Bytes of the input that is left.
    pub(super) input_len: usize,
    /// Bytes of the block that is read into, and what was left of them behind the last input.
    block: usize,
    pub(super) block_left: usize,
    /// Client: somebody wants to open a stream.
    pub(super) wants_stream: bool,
    pub(super) closed: Option<CloseReason>,
    /// Nobody takes any more bytes.
    pub(super) abandoned: bool,
}

impl Life {
    /// Bytes of the block that `input` lies in, about: a slice of it keeps all of them.
    #[inline]
    pub(super) fn block_of(&mut self, input: &BytesMut) -> usize {
        if input.capacity() != self.block_left {
            self.block = input.capacity();
        }
        self.block
    }
}

impl Connection {
    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        if self.recorder.is_some() {
            return self.record_disconnect(now, why, Self::handle_disconnect);
        }
        match why {
            Disconnect::ReadEnd => {
                self.fail(match self.life.input_len {
                    0 => CloseReason::PeerClosed,
                    _ => CloseReason::PeerClosedMidway,
                });
            }
            Disconnect::ReadFailed | Disconnect::WriteFailed => {
                self.fail(CloseReason::SocketFailed);
                self.abandon_output();
            }
        }
        self.settle(now);
    }

    /// Ends the connection; see [`Shutdown`]. Streams that run go on until the deadline, and are then given up.
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        if self.recorder.is_some() {
            return self.record_shutdown(now, how, Self::shutdown);
        }
        if self.life.closed.is_some() {
            return;
        }
        match how {
            Shutdown::Graceful { until } => {
                if self.life.drain.is_none() && self.role == Role::Client {
                    self.events.push_back(Event::Draining);
                }
                self.life.drain = Some(self.life.drain.map_or(until, |earlier| earlier.min(until)));
            }
            Shutdown::Immediate => self.end_all_streams(CloseReason::Shutdown),
        }
        self.settle(now);
    }

    /// Ends the connection at once, for a reason of its owner's: its streams fail with `why`.
    pub fn abort(&mut self, now: Instant, why: &Exception) {
        if self.recorder.is_some() {
            return self.record_abort(now, why);
        }
        self.fail_with(CloseReason::Shutdown, why);
        self.settle(now);
    }

    /// Patience is over: what still runs is given up, and the connection ends.
    pub(super) fn end_all_streams(&mut self, reason: CloseReason) {
        if self.life.closed.is_none() {
            let why = match self.role {
                Role::Client => Exception::connection_closed("connection closed by this side"),
                Role::Server => Exception::canceled_with_connection(None),
            };
            for id in self.streams.ids() {
                self.give_up(id, why.clone());
            }
        }
        self.fail(reason);
    }

    /// Draws the conclusions of whatever just happened.
    #[inline]
    pub(super) fn settle(&mut self, now: Instant) {
        if self.is_unused() {
            self.times.idle.get_or_insert(now);
            if self.life.drain.is_some() && self.life.closed.is_none() {
                self.fail(CloseReason::Shutdown);
            }
        } else {
            self.times.idle = None;
        }
    }

    /// Whether nothing runs. A client's streams that are over count no more, whoever still holds them; a server's have
    /// handlers.
    pub(super) fn is_unused(&self) -> bool {
        let over = match self.role {
            Role::Client => self.over,
            Role::Server => 0,
        };
        self.streams.len() == over
    }

    /// Ends the connection, and with it what runs.
    #[cold]
    pub(super) fn fail(&mut self, reason: CloseReason) {
        let why = self.loss(&reason);
        self.fail_with(reason, &why);
    }

    /// The same, where what the streams are told is not for the reason to say.
    fn fail_with(&mut self, reason: CloseReason, why: &Exception) {
        if self.life.closed.is_some() {
            return;
        }
        self.life.closed = Some(reason.clone());
        self.life.paused = None;
        self.times.frame = None;
        self.blocked.clear();
        self.updates.clear();
        for id in self.streams.ids() {
            self.lose(id, why);
        }
        self.events.push_back(Event::Closed { reason });
    }

    /// What the streams of a connection that ends are told.
    fn loss(&self, reason: &CloseReason) -> Exception {
        let broken = match reason {
            CloseReason::Malformed(error) => Some(Exception::illegal_frame(error.kind.to_string())),
            CloseReason::LimitReached(what) => Some(Exception::illegal_frame(*what)),
            _ => None,
        };
        match (self.role, broken) {
            (Role::Server, broken) => Exception::canceled_with_connection(broken.as_ref()),
            (Role::Client, Some(broken)) => broken,
            (Role::Client, None) => Exception::connection_closed(match reason {
                CloseReason::PeerClosed | CloseReason::PeerClosedMidway | CloseReason::SocketFailed => {
                    "connection closed by peer".to_owned()
                }
                reason => reason.to_string(),
            }),
        }
    }

    /// A stream loses its connection.
    fn lose(&mut self, id: StreamId, why: &Exception) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.sending = Sending::Over;
        if !stream.receiving.is_over() {
            stream.receiving = Receiving::ResetThere;
        }
        match stream.phase {
            Phase::Collecting { .. } => self.forget(id),
            Phase::Open => {
                stream.phase = Phase::Ended;
                stream.fail(why.clone());
                self.tell_over(id);
            }
            Phase::Ended => {}
        }
    }

    pub(super) fn abandon_output(&mut self) {
        self.life.abandoned = true;
        self.queues.abandon();
        self.times.write = None;
    }

    /// The connection did not get on in time.
    pub(super) fn time_out(&mut self, timer: TimerKind) {
        self.fail(CloseReason::TimedOut(timer));
        if timer != TimerKind::Idle {
            self.abandon_output();
        }
    }
}
