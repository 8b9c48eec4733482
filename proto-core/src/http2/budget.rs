//! Budgets for what costs the sender little and us more (RFC 9113 §10.5).
//!
//! Each is a bucket that leaks: what goes in without need makes it fuller, useful work takes out again, and time empties
//! it. An honest peer's frames come with work, so its buckets stay low however fast it goes.

use std::time::Duration;

use crate::time::Instant;

/// What a budget is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Abuse {
    /// Streams that the peer reset or that had to be refused or reset because of the peer.
    Resets,
    /// SETTINGS frames.
    Settings,
    /// PING frames.
    Pings,
    /// DATA frames without content that do not end their stream.
    EmptyData,
    /// WINDOW_UPDATE frames.
    WindowUpdates,
    /// PRIORITY frames, frames of unknown types and frames of streams that are gone.
    Ignored,
}

/// A bucket that leaks.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    used: u32,
    limit: u32,
    /// Up to when it has leaked.
    leaked: Instant,
}

/// All budgets of a connection.
#[derive(Debug)]
pub(super) struct Budgets {
    buckets: [Bucket; Abuse::COUNT],
}

impl Abuse {
    const COUNT: usize = 6;

    /// The text of the GOAWAY that answers too much of it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Resets => "too many reset or refused streams",
            Self::Settings => "too many SETTINGS frames",
            // grpc-go and Kitex know this text and slow their pings down.
            Self::Pings => "too_many_pings",
            Self::EmptyData => "too many empty DATA frames",
            Self::WindowUpdates => "too many WINDOW_UPDATE frames",
            Self::Ignored => "too many frames without use",
        }
    }
}

impl Budgets {
    /// Budgets with these limits, in the order of [`Abuse`].
    pub(super) fn new(limits: [u32; Abuse::COUNT], now: Instant) -> Self {
        Self {
            buckets: limits.map(|limit| Bucket {
                used: 0,
                limit,
                leaked: now,
            }),
        }
    }

    /// Counts one. Returns whether it still fits.
    #[inline]
    pub(super) fn charge(&mut self, now: Instant, what: Abuse) -> bool {
        let Some(bucket) = self.buckets.get_mut(what as usize) else {
            return true;
        };
        bucket.used = bucket.used.saturating_add(1);
        bucket.used <= bucket.limit || bucket.leak(now)
    }

    /// Useful work was done: takes `n` out.
    #[inline]
    pub(super) fn refund(&mut self, what: Abuse, n: u32) {
        if let Some(bucket) = self.buckets.get_mut(what as usize) {
            bucket.used = bucket.used.saturating_sub(n);
        }
    }
}

impl Bucket {
    /// Lets out what time has let out. Returns whether the rest fits.
    #[cold]
    fn leak(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_since(self.leaked).as_nanos();
        let gone = elapsed
            .saturating_mul(u128::from(self.limit))
            .checked_div(EMPTY_AFTER.as_nanos())
            .unwrap_or(0);
        if gone > 0 {
            self.used = self.used.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
            self.leaked = now;
        }
        self.used <= self.limit
    }
}

/// A full bucket is empty after this time.
const EMPTY_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_is_refunded_and_leaks() {
        let start = Instant::ZERO;
        let mut budgets = Budgets::new([10; Abuse::COUNT], start);
        for _ in 0..10 {
            assert!(budgets.charge(start, Abuse::Pings));
        }
        assert!(!budgets.charge(start, Abuse::Pings));
        assert!(budgets.charge(start, Abuse::Settings), "each has its own");
        budgets.refund(Abuse::Pings, 1);
        assert!(!budgets.charge(start, Abuse::Pings));
        budgets.refund(Abuse::Pings, 3);
        assert!(budgets.charge(start, Abuse::Pings));
        let later = start + Duration::from_secs(1);
        assert!(budgets.charge(later, Abuse::Pings));
        assert!(budgets.charge(later, Abuse::Pings), "a tenth has leaked");
        assert!(!budgets.charge(later, Abuse::Pings));
        let much_later = start + Duration::from_secs(1_000_000);
        for _ in 0..10 {
            assert!(budgets.charge(much_later, Abuse::Pings));
        }
    }
}
