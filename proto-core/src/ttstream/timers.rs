//! The clock of a connection: what it waits for, and what happens when that does not come.

use std::time::Duration;

use super::Connection;
use super::credit::Wait;
use super::output::Moved;
use crate::error::CloseReason;
use crate::http2::Role;
use crate::record::Recorded;
use crate::time::{Deadline, Instant, TimerKind};

/// When what began.
#[derive(Debug)]
pub(super) struct Times {
    /// A frame began, or made progress.
    pub(super) frame: Option<Instant>,
    /// Input length at that time.
    frame_len: usize,
    /// The last stream was released, or the connection began.
    pub(super) idle: Option<Instant>,
    /// Unsent bytes last moved.
    pub(super) write: Option<Instant>,
}

impl Times {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            frame: None,
            frame_len: 0,
            idle: Some(now),
            write: None,
        }
    }
}

impl Connection {
    /// When [`Self::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let mut due: Option<Deadline> = None;
        let mut note = |at: Option<Instant>, timer| {
            if let Some(at) = at.filter(|at| *at != Instant::FAR_FUTURE)
                && due.is_none_or(|due| at < due.at)
            {
                due = Some(Deadline { at, timer });
            }
        };
        note(self.write_due(), TimerKind::WriteStall);
        if self.life.closed.is_some() {
            return due;
        }
        note(self.frame_due(), TimerKind::Frame);
        note(self.idle_due(), TimerKind::Idle);
        note(self.deadlines.next(), TimerKind::Call);
        note(self.answer_due(), TimerKind::Settings);
        note(self.life.paused, TimerKind::Pause);
        note(self.life.drain, TimerKind::Drain);
        note(Some(self.next_due), TimerKind::Frame);
        due
    }

    /// Does what is due at `now`. Calling early or more often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.recorder.is_some() {
            return self.record_timeout(now, Self::handle_timeout);
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        while let Some(id) = self.deadlines.expired(now) {
            self.on_deadline(id);
        }
        self.prune_deadlines();
        self.end_overdue(now);
        if is_due(self.answer_due()) {
            self.end_answer_wait();
        }
        // What was taken since may have ended it.
        self.resume();
        if is_due(self.life.paused) {
            self.life.paused = None;
            if self.credit.has_stalled() {
                self.reset_largest();
            }
        }
        if is_due(self.write_due()) {
            self.time_out(TimerKind::WriteStall);
        }
        if self.life.closed.is_some() {
            return;
        }
        if is_due(self.life.drain) {
            self.end_all_streams(CloseReason::Shutdown);
        } else if is_due(self.frame_due()) {
            self.time_out(TimerKind::Frame);
        } else if is_due(self.idle_due()) {
            self.time_out(TimerKind::Idle);
        }
        self.settle(now);
    }

    fn write_due(&self) -> Option<Instant> {
        Some(self.times.write? + self.config.write_stall_timeout)
    }

    /// The peer is not late while this side does not read.
    fn frame_due(&self) -> Option<Instant> {
        let since = self.times.frame.filter(|_| !self.is_paused())?;
        Some(since + self.config.frame_timeout)
    }

    /// When there has been no stream, and nothing under way, for long enough.
    fn idle_due(&self) -> Option<Instant> {
        let since = self.times.idle.filter(|_| self.times.frame.is_none())?;
        Some(since + self.idle_timeout())
    }

    fn idle_timeout(&self) -> Duration {
        self.config.idle_timeout.unwrap_or(match self.role {
            Role::Server => SERVER_IDLE,
            Role::Client => CLIENT_IDLE,
        })
    }

    /// Something was read.
    #[inline]
    pub(super) fn note_read(&mut self, now: Instant, len: usize) {
        self.life.blocked = false;
        if self.times.idle.is_some() && len != self.life.input_len {
            self.times.idle = Some(now);
        }
    }

    /// Remembers what is left of the input, and since when a frame is incomplete.
    #[inline]
    pub(super) fn note_input(&mut self, now: Instant, len: usize) {
        self.life.input_len = len;
        if len == 0 || self.life.blocked || self.life.closed.is_some() {
            self.times.frame = None;
        } else if self.times.frame.is_none()
            || len < self.times.frame_len
            || len.saturating_sub(self.times.frame_len) >= PROGRESS
        {
            self.times.frame = Some(now);
            self.times.frame_len = len;
        }
    }

    /// The caller was given what there is to send.
    #[inline]
    pub(super) fn note_transmit(&mut self, now: Instant, moved: Moved) {
        if moved.resumes && self.times.frame.is_some() {
            // Its time was not counted.
            self.times.frame = Some(now);
        }
        if self.credit.wait == Wait::Due {
            self.credit.wait = Wait::Since(now);
        }
        if self.queues.handed == 0 {
            self.times.write = None;
        } else if moved.progress || self.times.write.is_none() {
            self.times.write = Some(now);
        }
        self.settle(now);
    }
}

/// Input that starts the frame deadline anew.
const PROGRESS: usize = 64 * 1024;
/// How long a server keeps a connection without a stream. Kitex leaves that to TCP keep-alive of the same period.
const SERVER_IDLE: Duration = Duration::from_secs(600);
/// As Kitex's pools.
const CLIENT_IDLE: Duration = Duration::from_secs(60);
