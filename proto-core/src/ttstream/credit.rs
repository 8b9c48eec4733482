//! Flow control FC1: who may send how much, over all streams together.
//!
//! ```text
//! server:  Unread ──first frame is FC_SETTINGS──► Agreed, or Stock where it is off or declined
//!             └────── any other first frame ────► Stock
//! client:  Offered ──FC_SETTINGS──► Agreed, or Stock where it is declined
//!             └─ no answer in time, or a frame of a stream ─► Waited ──FC_SETTINGS──► the same
//! ```

use super::config::Config;
use crate::http2::Role;
use crate::time::Instant;
use crate::wire::ttstream::FlowSettings;

/// The credit of a connection, in both directions.
#[derive(Debug)]
pub(super) struct Credit {
    pub(super) phase: Phase,
    /// Charge of what was sent, and how far that may go.
    pub(super) sent: u64,
    pub(super) limit: u64,
    /// How far each stream may go at first.
    pub(super) stream_limit: u64,
    /// Client: what was sent has used up what may go without an answer.
    pub(super) wait: Wait,
    /// Charge of what has come, of what of it was taken, and how far the peer was told it may go.
    pub(super) received: u64,
    pub(super) taken: u64,
    pub(super) granted: u64,
    /// The peer has to obey.
    pub(super) enforced: bool,
}

/// How far flow control is settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Server: nothing has come.
    Unread,
    /// Client: it was offered.
    Offered,
    /// Client: the same, and it goes on without an answer.
    Waited,
    /// The peer obeys none.
    Stock,
    Agreed,
}

/// A client's patience with the answer to its offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    No,
    /// Since now, whenever that is.
    Due,
    Since(Instant),
}

impl Credit {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        let offers = config.flow_control.is_on() && role == Role::Client;
        Self {
            phase: match role {
                Role::Server => Phase::Unread,
                Role::Client if offers => Phase::Offered,
                Role::Client => Phase::Stock,
            },
            sent: 0,
            limit: if offers { UNANSWERED } else { u64::MAX },
            stream_limit: u64::MAX,
            wait: Wait::No,
            received: 0,
            taken: 0,
            granted: config.window(),
            enforced: false,
        }
    }

    /// The peer is none that obeys.
    pub(super) fn settle_without(&mut self) {
        self.phase = Phase::Stock;
        self.lift();
    }

    /// An answer has been waited for long enough.
    pub(super) fn go_on_without(&mut self) {
        self.phase = Phase::Waited;
        self.lift();
    }

    fn lift(&mut self) {
        self.limit = u64::MAX;
        self.stream_limit = u64::MAX;
        self.wait = Wait::No;
    }

    /// Both sides obey from here on.
    pub(super) fn agree(&mut self, peer: FlowSettings) {
        self.phase = Phase::Agreed;
        self.limit = peer.connection;
        self.stream_limit = peer.stream;
        self.wait = Wait::No;
    }

    /// Charge that waits for its readers.
    #[inline]
    pub(super) const fn queued(&self) -> u64 {
        self.received.saturating_sub(self.taken)
    }

    #[inline]
    pub(super) const fn may_send(&self) -> bool {
        self.sent < self.limit
    }

    #[inline]
    pub(super) fn note_sent(&mut self, charge: u32) {
        self.sent = self.sent.saturating_add(charge.into());
        if self.sent >= self.limit && self.phase == Phase::Offered && self.wait == Wait::No {
            self.wait = Wait::Due;
        }
    }

    /// Takes in a data frame. Returns whether it was one too many.
    #[inline]
    pub(super) const fn receive(&mut self, charge: u32) -> bool {
        let over = self.enforced && self.received >= self.granted;
        self.received = self.received.saturating_add(charge as u64);
        over
    }

    #[inline]
    pub(super) const fn take(&mut self, charge: u64) {
        self.taken = self.taken.saturating_add(charge);
    }

    /// How far the peer may be told that it may go, if that is worth a frame: when it is half a window, and for what little
    /// there is when the peer has nothing left, as the rest may belong to streams that nobody reads.
    #[inline]
    pub(super) fn update(&self, window: u64) -> Option<u64> {
        if self.phase != Phase::Agreed {
            return None;
        }
        let step = (window / 8).min(SMALL_STEP);
        let left = self.granted.saturating_sub(self.received);
        worth_telling(
            self.taken,
            self.granted,
            window,
            if left <= step { step } else { window / 2 },
        )
    }
}

/// The next limit, if it is at least so much above the last.
#[inline]
pub(super) const fn worth_telling(taken: u64, granted: u64, window: u64, step: u64) -> Option<u64> {
    let next = taken.saturating_add(window);
    let risen = next.saturating_sub(granted);
    if risen > 0 && risen >= step { Some(next) } else { None }
}

/// Charge that a client sends before it has an answer to its offer.
pub(super) const UNANSWERED: u64 = 256 * 1024;
/// A step that is told when the peer can send nothing more.
const SMALL_STEP: u64 = 8 * 1024;
