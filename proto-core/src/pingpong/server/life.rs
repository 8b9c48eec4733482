//! The phases of a server connection, and its clock.

use std::time::Duration;

use bytes::BytesMut;

use super::{CancelReason, ServerConnection, ServerEvent};
use crate::config::Multiplex;
use crate::error::{CloseReason, DecodeErrorKind, Disconnect};
use crate::pingpong::frame::FrameError;
use crate::record::{Op, Recorded};
use crate::time::{Deadline, Instant, TimerKind};
use crate::wire::Protocol;
use crate::wire::detect::{Detection, detect};

use super::write::ReplyWriter;

impl ServerConnection {
    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    ///
    /// After [`Disconnect::ReadEnd`] requests already read are still answered; the other two end everything at once.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        if self.recorder.is_some() {
            return self.record_disconnect(now, why, Self::handle_disconnect);
        }
        match why {
            Disconnect::ReadEnd => {
                self.life.read_ended = true;
                let open: Vec<_> = self.calls.ids().collect();
                for id in open {
                    self.cancel(id, CancelReason::CallerGone);
                }
            }
            Disconnect::ReadFailed | Disconnect::WriteFailed => {
                self.fail(CloseReason::SocketFailed);
                self.abandon_output();
            }
        }
        self.settle(now);
    }

    /// When [`Self::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let limits = &self.config.limits;
        let mut due: Option<Deadline> = None;
        let mut note = |since: Option<Instant>, after: Duration, timer| {
            if let Some(since) = since {
                let at = since + after;
                if due.is_none_or(|due| at < due.at) {
                    due = Some(Deadline { at, timer });
                }
            }
        };
        note(self.times.write, limits.write_stall_timeout, TimerKind::WriteStall);
        if self.life.closed.is_some() {
            return due;
        }
        if self.times.frame.is_some() {
            let (after, timer) = match self.life.detected {
                true => (limits.frame_timeout, TimerKind::Frame),
                false => (limits.detection_timeout, TimerKind::Detection),
            };
            note(self.times.frame, after, timer);
        } else if self.is_idle() {
            note(Some(self.times.active), limits.idle_timeout, TimerKind::Idle);
        }
        note(self.call_timers.next(), Duration::ZERO, TimerKind::Call);
        note(self.times.drain, Duration::ZERO, TimerKind::Drain);
        note(self.times.linger, self.linger_time(), TimerKind::Drain);
        due
    }

    /// Does what is due at `now`. Calling early or more often changes nothing. `input` is the buffer that
    /// [`Self::receive`] works on: a request whose body did not come in time is answered from its head.
    pub fn handle_timeout(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_input(Op::Timeout, now, input, Self::handle_timeout);
        }
        while let Some(id) = self.call_timers.expired(now) {
            self.cancel(id, CancelReason::DeadlinePassed);
        }
        let calls = &self.calls;
        self.call_timers
            .prune(|id| calls.get(id).is_some_and(|call| !call.cancelled));
        while let Some(due) = self.poll_timeout().filter(|due| due.at <= now) {
            match due.timer {
                TimerKind::Frame => {
                    self.refuse_unfinished(input);
                    self.fail(CloseReason::TimedOut(TimerKind::Frame));
                }
                TimerKind::Drain => self.fail(CloseReason::Shutdown),
                TimerKind::WriteStall => {
                    self.fail(CloseReason::TimedOut(TimerKind::WriteStall));
                    self.abandon_output();
                }
                timer => self.fail(CloseReason::TimedOut(timer)),
            }
        }
        if self.life.closed.is_some() {
            input.clear();
            self.input_len = 0;
        }
        self.settle(now);
    }

    /// Looks at the first bytes once. Returns whether ping-pong messages may be read.
    pub(super) fn detect(&mut self, input: &BytesMut) -> bool {
        match detect(input) {
            Detection::NeedMore => false,
            Detection::Protocol(Protocol::PingPong) => {
                self.life.detected = true;
                self.times.frame = None;
                true
            }
            Detection::Protocol(other) => {
                self.close(CloseReason::ProtocolNotServed(other));
                false
            }
        }
    }

    /// Whether a bad frame can be stepped over: its boundary is known and others are under way.
    pub(super) fn survives(&self, bad: &FrameError) -> bool {
        bad.boundary.is_some()
            && (self.life.multiplexed || self.config.multiplex == Multiplex::Only)
            && !matches!(
                bad.error.kind,
                DecodeErrorKind::EmptyMethodName | DecodeErrorKind::BadMessageType(_)
            )
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

    /// Draws the conclusions of whatever just happened.
    #[inline]
    pub(super) fn settle(&mut self, now: Instant) {
        if self.life.read_ended || self.life.draining {
            self.wind_down(now);
        }
    }

    fn wind_down(&mut self, now: Instant) {
        if self.life.closed.is_some() || !self.calls.is_empty() || self.held.is_some() {
            return;
        }
        if self.life.read_ended && !self.life.blocked {
            let whole = self.input_len == 0;
            self.close(if whole {
                CloseReason::PeerClosed
            } else {
                CloseReason::PeerClosedMidway
            });
        } else if self.life.draining && self.input_len == 0 && self.times.linger.is_none() {
            self.times.linger = Some(now);
            if self.life.multiplexed && !self.life.told {
                self.life.told = true;
                ReplyWriter {
                    out: &mut self.output,
                    config: &self.config,
                }
                .write_control();
            }
        }
    }

    /// Ends a connection without open calls behind what is already in the write arena.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.life.closed.is_none() {
            self.life.closed = Some(reason.clone());
            self.times.frame = None;
            self.events.push_back(ServerEvent::Closed { reason });
        }
    }

    /// Ends the connection and cancels what runs.
    pub(super) fn fail(&mut self, reason: CloseReason) {
        let open: Vec<_> = self.calls.ids().collect();
        for id in open {
            self.cancel(id, CancelReason::CallerGone);
            self.calls.remove(id);
        }
        self.held = None;
        self.held_bytes = 0;
        self.life.in_order = false;
        self.close(reason);
    }

    fn abandon_output(&mut self) {
        self.life.abandoned = true;
        self.output = crate::Output::new();
        self.handed = 0;
        self.times.write = None;
    }

    fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.held.is_none() && self.times.frame.is_none() && self.handed == 0
    }

    /// How long a draining connection without calls stays open for a call that is on its way.
    const fn linger_time(&self) -> Duration {
        if self.life.multiplexed {
            LINGER_MULTIPLEXED
        } else {
            LINGER
        }
    }
}

/// Input that starts the frame deadline anew.
const PROGRESS: usize = 64 * 1024;
/// As Kitex: an idle connection ends this long after the stop.
const LINGER: Duration = Duration::from_millis(150);
/// As Kitex: a multiplexing client gets about a second to go away by itself.
const LINGER_MULTIPLEXED: Duration = Duration::from_secs(1);
