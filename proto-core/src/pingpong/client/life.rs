//! The phases of a client connection, and its clock.

use super::{ClientConnection, ClientEvent};
use crate::buf::Output;
use crate::error::{CloseReason, Disconnect};
use crate::pingpong::call_error::CallError;
use crate::record::Recorded;
use crate::time::{Deadline, Instant, TimerKind};

impl ClientConnection {
    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        if self.recorder.is_some() {
            return self.record_disconnect(now, why, Self::handle_disconnect);
        }
        let reason = match why {
            Disconnect::ReadFailed | Disconnect::WriteFailed => CloseReason::SocketFailed,
            Disconnect::ReadEnd if self.life.draining => CloseReason::PeerDrained,
            Disconnect::ReadEnd if self.input_len == 0 => CloseReason::PeerClosed,
            Disconnect::ReadEnd => CloseReason::PeerClosedMidway,
        };
        self.fail(reason);
    }

    /// When [`Self::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if self.life.closed.is_some() {
            return None;
        }
        let limits = &self.config.limits;
        let frame = self.times.frame.map(|since| Deadline {
            at: since + limits.frame_timeout,
            timer: TimerKind::Frame,
        });
        let write = self.times.write.map(|since| Deadline {
            at: since + limits.write_stall_timeout,
            timer: TimerKind::WriteStall,
        });
        let call = self.call_timers.next().map(|at| Deadline {
            at,
            timer: TimerKind::Call,
        });
        let drain = self.times.drain.map(|at| Deadline {
            at,
            timer: TimerKind::Drain,
        });
        [frame, write, call, drain]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }

    /// Does what is due at `now`. Calling early or more often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.recorder.is_some() {
            return self.record_timeout(now, Self::handle_timeout);
        }
        while let Some(id) = self.call_timers.expired(now) {
            if self.calls.get(id).is_some_and(|call| call.answer.is_none()) {
                self.fail_call(id, CallError::TimedOut);
                self.life.retired |= !self.config.multiplex.is_on();
            }
        }
        while let Some(due) = self.poll_timeout().filter(|due| due.at <= now) {
            match due.timer {
                TimerKind::Drain => self.fail(CloseReason::Shutdown),
                timer => self.fail(CloseReason::TimedOut(timer)),
            }
        }
        self.settle();
    }

    /// Remembers what is left of the input, and since when a frame is incomplete.
    pub(super) fn note_input(&mut self, now: Instant, len: usize) {
        self.input_len = len;
        if len == 0 || self.life.blocked || self.life.closed.is_some() {
            self.times.frame = None;
        } else if self.times.frame.is_none() || len < self.times.frame_len || len - self.times.frame_len >= PROGRESS {
            self.times.frame = Some(now);
            self.times.frame_len = len;
        }
    }

    /// A connection that is not to be used again ends with its last call.
    pub(super) fn settle(&mut self) {
        let sent = self.output.is_empty() && self.handed == 0;
        if self.life.retired && self.calls.is_empty() && self.life.closed.is_none() && sent {
            let reason = match (self.times.drain, self.life.draining) {
                (None, true) => CloseReason::PeerDrained,
                _ => CloseReason::Shutdown,
            };
            self.close(reason);
        }
    }

    /// Ends the connection and every call without an answer.
    pub(super) fn fail(&mut self, reason: CloseReason) {
        let open: Vec<_> = self.calls.ids().collect();
        for id in open {
            if self.calls.get(id).is_some_and(|call| call.answer.is_none()) {
                self.fail_call(id, CallError::Closed(reason.clone()));
            }
        }
        self.output = Output::new();
        self.life.abandoned = true;
        self.handed = 0;
        self.close(reason);
    }

    fn close(&mut self, reason: CloseReason) {
        self.life.retired = true;
        if self.life.closed.is_none() {
            self.life.closed = Some(reason.clone());
            self.times.frame = None;
            self.times.write = None;
            self.events.push_back(ClientEvent::Closed { reason });
        }
    }
}

/// Input that starts the frame deadline anew.
const PROGRESS: usize = 64 * 1024;
