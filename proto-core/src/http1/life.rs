//! The end of a connection, and its clock.

use std::time::Duration;

use bytes::Bytes;

use super::scan::Scan;
use super::{Connection, Phase};
use crate::buf::Output;
use crate::error::{CloseReason, Disconnect};
use crate::http::{PROGRESS, Refusal, RequestId, ServerEvent};
use crate::record::Recorded;
use crate::time::{Deadline, Instant, TimerKind};

/// When what began.
#[derive(Debug)]
pub(super) struct Times {
    /// The first byte of a head came.
    pub(super) head: Option<Instant>,
    /// A body began, or made progress.
    pub(super) body: Option<Instant>,
    /// Bytes of the body at that time.
    pub(super) body_len: usize,
    /// Unsent bytes last moved.
    pub(super) write: Option<Instant>,
    /// The connection began, or its last response was sent.
    pub(super) active: Instant,
    /// When patience with a graceful stop ends.
    pub(super) drain: Option<Instant>,
}

impl Times {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            head: None,
            body: None,
            body_len: 0,
            write: None,
            active: now,
            drain: None,
        }
    }
}

impl Connection {
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
                self.cancel();
            }
            Disconnect::ReadFailed | Disconnect::WriteFailed => {
                self.fail(CloseReason::SocketFailed);
                self.abandon_output();
            }
        }
        self.settle();
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
        if !self.is_drained() {
            note(self.times.drain, Duration::ZERO, TimerKind::Drain);
        }
        if self.life.closed.is_some() {
            return due;
        }
        note(self.times.head, limits.header_timeout, TimerKind::Frame);
        note(self.times.body, self.config.requests.body_timeout, TimerKind::Frame);
        let idle = self.is_between_requests() && self.input_len == 0 && self.unsent() == 0;
        note(idle.then_some(self.times.active), limits.idle_timeout, TimerKind::Idle);
        due
    }

    /// Does what is due at `now`. Calling early or more often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.recorder.is_some() {
            return self.record_timeout(now, Self::handle_timeout);
        }
        while let Some(due) = self.poll_timeout().filter(|due| due.at <= now) {
            match due.timer {
                // RFC 9110 §15.5.9.
                TimerKind::Frame => {
                    let reason = CloseReason::TimedOut(TimerKind::Frame);
                    let refusal = Refusal::new(408, "the request did not come in time");
                    self.refuse(refusal, self.method_of_refused(&[]), reason);
                }
                TimerKind::Drain => {
                    self.fail(CloseReason::Shutdown);
                    self.abandon_output();
                }
                TimerKind::WriteStall => {
                    self.fail(CloseReason::TimedOut(TimerKind::WriteStall));
                    self.abandon_output();
                }
                timer => self.fail(CloseReason::TimedOut(timer)),
            }
        }
    }

    /// Remembers what is left of the input, and since when a head or body is incomplete.
    pub(super) fn note_input(&mut self, now: Instant, len: usize) {
        self.input_len = len;
        if self.life.closed.is_some() || self.life.blocked {
            return;
        }
        let body_len = match &self.phase {
            Phase::Head(_) => {
                if len > 0 {
                    self.times.head.get_or_insert(now);
                } else {
                    // Nothing but empty lines.
                    self.times.head = None;
                }
                return;
            }
            Phase::Length(_) => len,
            Phase::Chunked(chunked) => chunked.len(),
            Phase::Open => return,
        };
        if self.times.body.is_none() || body_len.saturating_sub(self.times.body_len) >= PROGRESS {
            self.times.body = Some(now);
            self.times.body_len = body_len;
        }
    }

    /// Draws the conclusions of whatever just happened.
    pub(super) fn settle(&mut self) {
        if self.life.closed.is_some() || self.life.blocked || matches!(self.phase, Phase::Open) {
            return;
        }
        let whole = self.is_between_requests() && self.input_len == 0;
        if self.life.read_ended {
            self.close(if whole {
                CloseReason::PeerClosed
            } else {
                CloseReason::PeerClosedMidway
            });
        } else if self.life.draining && whole {
            self.close(CloseReason::Shutdown);
        }
    }

    /// Ends the connection behind what is already in the write arena.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.life.closed.is_some() {
            return;
        }
        self.life.closed = Some(reason.clone());
        self.life.blocked = false;
        self.phase = Phase::Head(Scan::default());
        self.body = Bytes::new();
        self.head.clear();
        self.input_len = 0;
        self.times.head = None;
        self.times.body = None;
        self.events.push_back(ServerEvent::Closed { reason });
    }

    /// Ends the connection and cancels what runs.
    pub(super) fn fail(&mut self, reason: CloseReason) {
        self.cancel();
        self.close(reason);
    }

    /// Tells the open request, if there is one, that nobody waits for its answer.
    fn cancel(&mut self) {
        if matches!(self.phase, Phase::Open) && !self.life.cancelled {
            self.life.cancelled = true;
            let id = RequestId(self.requests);
            self.events.push_back(ServerEvent::Cancelled { id });
        }
    }

    fn abandon_output(&mut self) {
        self.life.abandoned = true;
        self.output = Output::new();
        self.handed = 0;
        self.times.write = None;
    }

    const fn is_between_requests(&self) -> bool {
        match &self.phase {
            Phase::Head(scan) => scan.is_fresh(),
            Phase::Length(_) | Phase::Chunked(_) | Phase::Open => false,
        }
    }
}
