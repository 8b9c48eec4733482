//! The clock of a connection: what it waits for, and what happens when that does not come.

use std::time::Duration;

use super::event::PingError;
use super::life::Step;
use super::{Connection, Role};
use crate::error::CloseReason;
use crate::time::{Deadline, Instant, TimerKind};
use crate::wire::http2::{ErrorCode, Flags};

/// When what began.
#[derive(Debug)]
pub(super) struct Times {
    /// The connection began.
    pub(super) start: Instant,
    /// Own settings were sent, and are not acknowledged.
    pub(super) settings: Option<Instant>,
    /// A frame began.
    pub(super) frame: Option<Instant>,
    /// Something was read.
    pub(super) read: Instant,
    /// The last stream was released, or the connection began.
    pub(super) idle: Option<Instant>,
    /// A keep-alive ping was sent, and nothing was read since.
    pub(super) keep_alive: Option<Instant>,
    /// Unsent bytes last moved.
    pub(super) write: Option<Instant>,
}

impl Times {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            start: now,
            settings: Some(now),
            frame: None,
            read: now,
            idle: Some(now),
            keep_alive: None,
            write: None,
        }
    }
}

impl Connection {
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
        if self.is_closed() {
            return due;
        }
        note(self.times.frame, limits.frame_timeout, TimerKind::Frame);
        if let Some(block) = &self.block {
            note(Some(block.since), limits.frame_timeout, TimerKind::Frame);
        }
        if self.life.settings_missing {
            note(Some(self.times.start), limits.handshake_timeout, TimerKind::Handshake);
        } else {
            note(self.times.settings, limits.settings_timeout, TimerKind::Settings);
        }
        if let Some(keep_alive) = &self.config.keep_alive {
            match self.times.keep_alive {
                Some(asked) => note(Some(asked), keep_alive.timeout, TimerKind::KeepAlive),
                None if !self.streams.is_empty() || keep_alive.without_streams.is_on() => {
                    note(Some(self.times.read), keep_alive.interval, TimerKind::KeepAlive);
                }
                None => {}
            }
        }
        match &self.life.drain {
            Some(drain) => {
                note(Some(drain.until), Duration::ZERO, TimerKind::Drain);
                if let Step::Announced { since } = drain.step {
                    note(Some(since), limits.drain_ping_timeout, TimerKind::Drain);
                }
            }
            None if self.role == Role::Server => {
                if let Some(max_age) = self.config.max_age {
                    note(Some(self.times.start), max_age, TimerKind::Age);
                }
                note(self.times.idle, limits.idle_timeout, TimerKind::Idle);
            }
            None => {}
        }
        due
    }

    /// Does what is due at `now`. Calling early or more often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.poll_timeout().filter(|due| due.at <= now) {
            match due.timer {
                TimerKind::Settings => {
                    self.fail(ErrorCode::SETTINGS_TIMEOUT, "SETTINGS were not acknowledged");
                }
                TimerKind::KeepAlive if self.times.keep_alive.is_none() => {
                    self.writer().ping(Flags::NONE, KEEP_ALIVE_PING);
                    self.times.keep_alive = Some(now);
                    self.life.keep_alive_unanswered = true;
                }
                TimerKind::Drain => self.on_drain_timeout(now),
                TimerKind::Age => {
                    let until = now + self.config.max_age_grace;
                    self.drain(
                        now,
                        until,
                        "maximum connection age",
                        CloseReason::TimedOut(TimerKind::Age),
                    );
                }
                TimerKind::Idle => {
                    let until = now + self.config.limits.drain_ping_timeout;
                    self.drain(now, until, "idle", CloseReason::TimedOut(TimerKind::Idle));
                }
                TimerKind::Frame | TimerKind::Handshake => {
                    let text = match due.timer {
                        TimerKind::Frame => "a frame or header block did not become whole",
                        _ => "no SETTINGS",
                    };
                    self.close(ErrorCode::PROTOCOL_ERROR, text, CloseReason::TimedOut(due.timer));
                }
                // The peer does not answer, or takes no bytes: nothing that is sent would reach it.
                timer => self.time_out(timer),
            }
        }
        self.settle(now);
    }

    /// Asks the peer for a sign of life, or for the time a round trip takes; the answer is
    /// [`Event::Pong`](super::Event::Pong).
    ///
    /// # Errors
    ///
    /// One ping can be on its way at a time, and none on a connection that is over.
    pub fn ping(&mut self, now: Instant, payload: [u8; 8]) -> Result<(), PingError> {
        let _ = now;
        if self.is_closed() {
            return Err(PingError::Closed);
        }
        if self.life.own_ping.is_some() {
            return Err(PingError::Outstanding);
        }
        self.life.own_ping = Some(payload);
        self.writer().ping(Flags::NONE, payload);
        Ok(())
    }

    fn on_drain_timeout(&mut self, now: Instant) {
        match &self.life.drain {
            Some(drain) if drain.until <= now => self.end_drain(),
            Some(_) => self.name_last_stream(),
            None => {}
        }
    }

    /// Something was read.
    #[inline]
    pub(super) const fn note_read(&mut self, now: Instant) {
        self.times.read = now;
        self.times.keep_alive = None;
    }

    /// Remembers what is left of the input, and since when a frame is incomplete.
    #[inline]
    pub(super) fn note_input(&mut self, now: Instant, len: usize) {
        self.counts.input = len;
        if len == 0 || self.life.blocked || self.is_closed() {
            self.times.frame = None;
        } else if self.times.frame.is_none() {
            self.times.frame = Some(now);
        }
    }
}

/// The payload of own keep-alive pings, as Kitex's.
const KEEP_ALIVE_PING: [u8; 8] = [0; 8];
