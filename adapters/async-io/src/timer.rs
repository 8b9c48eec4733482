//! Timers and the clock they follow.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::Timer as Sleep;
use kitewire_runtime::{Instant, Timer};

/// The present time, counted from when it was first asked for.
#[must_use]
pub fn now() -> Instant {
    Instant::ZERO + std::time::Instant::now().saturating_duration_since(epoch())
}

/// A timer of async-io's reactor, which hears of it when it is first waited for.
#[derive(Debug)]
pub struct AsyncIoTimer {
    sleep: Sleep,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Armed,
    Expired,
}

impl AsyncIoTimer {
    /// A timer that is not armed, and costs nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sleep: Sleep::never(),
            state: State::Idle,
        }
    }
}

impl Default for AsyncIoTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for AsyncIoTimer {
    fn arm(&mut self, at: Instant) {
        self.sleep
            .set_at(epoch() + Duration::from_nanos(at.as_nanos()).min(FARTHEST));
        self.state = State::Armed;
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.state {
            State::Idle => Poll::Pending,
            State::Expired => Poll::Ready(()),
            State::Armed => Pin::new(&mut self.sleep).poll(cx).map(|_| self.state = State::Expired),
        }
    }
}

fn epoch() -> std::time::Instant {
    static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
    *EPOCH.get_or_init(std::time::Instant::now)
}

/// About a century; later than any timer waits, and not so late that the sum overflows.
const FARTHEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
