//! The only clock of a loop: the core has none.

use std::time::{Duration, Instant as StdInstant};

use kitewire_proto::Instant;

/// Counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock(StdInstant);

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(StdInstant::now())
    }

    /// The present time, as the core takes it.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    /// The time until `at`, rounded up to what a system call can wait: never ready too early, never `Duration::ZERO`
    /// for a time that is still to come.
    #[must_use]
    pub fn until(self, at: Instant) -> Duration {
        let left = at.saturating_since(self.now());
        if left.is_zero() {
            return left;
        }
        Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1))
    }
}
