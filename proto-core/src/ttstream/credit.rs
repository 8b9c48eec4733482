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

/// The credit of a connection, in both directions. Charges are counted from its beginning: it ends long before a u64 is
/// used up.
#[derive(Debug)]
pub(super) struct Credit {
    pub(super) agreement: Agreement,
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
    /// What of it has to be taken so that telling the peer is worth a frame.
    tell_at: u64,
    window: u64,
    /// How far each stream's peer is told it may go at first.
    pub(super) stream_window: u64,
    /// The peer has to obey.
    enforced: bool,
    /// Charge of waiting messages that is too much from a peer that need not obey.
    stall_at: u64,
}

/// How far flow control is settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Agreement {
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
    /// The clock has not been asked yet.
    Due,
    Since(Instant),
}

impl Credit {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        let offers = config.flow_control.is_on() && role == Role::Client;
        Self {
            agreement: match role {
                Role::Server => Agreement::Unread,
                Role::Client if offers => Agreement::Offered,
                Role::Client => Agreement::Stock,
            },
            sent: 0,
            limit: if offers { UNANSWERED } else { u64::MAX },
            stream_limit: u64::MAX,
            wait: Wait::No,
            received: 0,
            taken: 0,
            granted: config.window(),
            tell_at: u64::MAX,
            window: config.window(),
            stream_window: config.stream_window.max(1),
            enforced: false,
            stall_at: match config.exclusive.is_on() && role == Role::Client {
                true => config.stream_queue,
                false => config.connection_memory,
            }
            .max(2),
        }
    }

    /// The peer is none that obeys.
    pub(super) fn settle_without(&mut self) {
        self.agreement = Agreement::Stock;
        self.lift();
    }

    /// An answer has been waited for long enough.
    pub(super) fn go_on_without(&mut self) {
        self.agreement = Agreement::Waited;
        self.lift();
    }

    fn lift(&mut self) {
        self.limit = u64::MAX;
        self.stream_limit = u64::MAX;
        self.wait = Wait::No;
    }

    /// Both sides obey from here on.
    pub(super) fn agree(&mut self, peer: FlowSettings) {
        self.agreement = Agreement::Agreed;
        self.limit = peer.connection;
        self.stream_limit = peer.stream;
        self.wait = Wait::No;
        self.tell_at = tell_at(self.granted, self.window);
    }

    /// The peer has said that it obeys, or did so before it sent anything.
    pub(super) const fn enforce(&mut self) {
        self.enforced = true;
        self.stall_at = u64::MAX;
    }

    #[inline]
    pub(super) const fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// Charge of waiting messages that is too much.
    #[inline]
    pub(super) const fn stall_at(&self) -> u64 {
        self.stall_at
    }

    /// Whether reading that was stopped stays so.
    #[inline]
    pub(super) const fn has_stalled(&self) -> bool {
        self.queued() >= self.stall_at / 2
    }

    /// The peer is told how far it may go.
    pub(super) fn grant(&mut self, limit: u64) {
        self.granted = limit;
        self.tell_at = tell_at(limit, self.window);
    }

    /// When a stream's peer is told for the first time.
    pub(super) fn first_tell(&self) -> u64 {
        match self.agreement {
            Agreement::Agreed => tell_at(self.stream_window, self.stream_window),
            _ => u64::MAX,
        }
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
        self.sent = self.sent.wrapping_add(charge.into());
        if self.sent >= self.limit && self.agreement == Agreement::Offered && self.wait == Wait::No {
            self.wait = Wait::Due;
        }
    }

    /// Takes in a data frame. Returns whether it was one too many.
    #[inline]
    pub(super) const fn receive(&mut self, charge: u32) -> bool {
        let over = self.enforced && self.received >= self.granted;
        self.received = self.received.wrapping_add(charge as u64);
        over
    }

    #[inline]
    pub(super) const fn take(&mut self, charge: u64) {
        self.taken = self.taken.wrapping_add(charge);
    }

    /// How far the peer may be told that it may go, if that is worth a frame: when it is half a window, and for what little
    /// there is when the peer has nothing left, as the rest may belong to streams that nobody reads.
    #[inline]
    pub(super) fn update(&self) -> Option<u64> {
        if self.taken >= self.tell_at || self.is_scarce() {
            return Some(self.taken.saturating_add(self.window));
        }
        None
    }

    #[inline]
    fn is_scarce(&self) -> bool {
        let step = (self.window / 8).min(SMALL_STEP);
        let next = self.taken.saturating_add(self.window);
        self.agreement == Agreement::Agreed
            && self.granted.saturating_sub(self.received) <= step
            && next > self.granted
            && next.saturating_sub(self.granted) >= step
    }
}

/// What has to be taken so that the next limit is half a window above `granted`.
pub(super) fn tell_at(granted: u64, window: u64) -> u64 {
    let before = granted.saturating_sub(window);
    before.saturating_add((window / 2).max(1))
}

/// Charge that a client sends before it has an answer to its offer.
pub(super) const UNANSWERED: u64 = 256 * 1024;
/// A step that is told when the peer can send nothing more.
const SMALL_STEP: u64 = 8 * 1024;
