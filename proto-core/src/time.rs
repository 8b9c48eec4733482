//! Time as the core sees it: a number that the caller hands in.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in time: nanoseconds since an epoch of the caller's choice.
///
/// The standard library's `Instant` cannot be made without reading a clock, which a simulator, a recording, a fuzzer
/// and `wasm32-unknown-unknown` must not do. All arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// Later than any other instant; "never" in comparisons.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero when `earlier` is the later one.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// When a connection wants [`handle_timeout`](crate::ServerConnection::handle_timeout) next, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// The time to call at; calling earlier or more often changes nothing.
    pub at: Instant,
    /// What will happen then.
    pub timer: TimerKind,
}

/// The reasons a connection waits for time to pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TimerKind {
    /// The first bytes have not yet told the protocol.
    Detection,
    /// A frame has begun and is not whole yet.
    Frame,
    /// No call is open and nothing was read for a while.
    Idle,
    /// Bytes to send have not moved.
    WriteStall,
    /// A call's own deadline.
    Call,
    /// The end of a graceful stop.
    Drain,
    /// The peer has not begun to speak the protocol.
    Handshake,
    /// Settings have not been acknowledged.
    Settings,
    /// A quiet connection is to be asked, or has not answered.
    KeepAlive,
    /// The connection has reached its greatest age.
    Age,
    /// Reading was stopped as too much waits for its readers.
    Pause,
}
