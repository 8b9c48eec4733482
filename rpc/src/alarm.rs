//! One timer for everything that a connection waits for.

use std::task::{Context, Waker};
use std::time::Duration;

use kitewire_runtime::{Instant, Timer};

/// A timer that is moved only when something is due earlier than it goes off. Deadlines that move away, as they do with
/// every call, cost nothing: the timer goes off once, finds nothing due, and is set anew.
pub(crate) struct Alarm<T> {
    timer: T,
    /// When it goes off; [`Instant::FAR_FUTURE`] when it is not armed. Never later than anything that is due.
    armed: Instant,
    /// When to look whether memory can be given back.
    tidy: Instant,
    /// The last time something happened.
    active: Instant,
    /// Whom the armed timer wakes.
    task: Option<Waker>,
}

impl<T: Timer> Alarm<T> {
    pub(crate) const fn new(timer: T) -> Self {
        Self {
            timer,
            armed: Instant::FAR_FUTURE,
            tidy: Instant::FAR_FUTURE,
            active: Instant::ZERO,
            task: None,
        }
    }

    /// Whether it has gone off, so that something may be due.
    pub(crate) fn has_gone_off(&mut self, now: Instant) -> bool {
        let due = now >= self.armed;
        if due {
            self.armed = Instant::FAR_FUTURE;
        }
        due
    }

    /// Notes that something happened: memory is given back only after a time of quiet.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.active = now;
        if self.tidy == Instant::FAR_FUTURE {
            self.tidy = now + TIDY_AFTER;
        }
    }

    /// Whether it has been quiet long enough to give memory back. True once per quiet time.
    pub(crate) fn is_quiet(&mut self, now: Instant) -> bool {
        if now < self.tidy {
            return false;
        }
        let quiet_from = self.active + TIDY_AFTER;
        let quiet = now >= quiet_from;
        self.tidy = if quiet { Instant::FAR_FUTURE } else { quiet_from };
        quiet
    }

    /// There is nothing to tidy up any more.
    pub(crate) const fn stop_tidying(&mut self) {
        self.tidy = Instant::FAR_FUTURE;
    }

    /// Makes sure that the task is woken at `due`, or when it is time to tidy up.
    pub(crate) fn arm(&mut self, due: Instant, cx: &mut Context<'_>) {
        let due = due.min(self.tidy);
        if due < self.armed {
            self.armed = due;
            self.timer.arm(due);
        } else if self.armed == Instant::FAR_FUTURE || is_known(self.task.as_ref(), cx) {
            return;
        }
        if !is_known(self.task.as_ref(), cx) {
            self.task = Some(cx.waker().clone());
        }
        if self.timer.poll_expired(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Forgets the task, which is about to hand the connection on.
    pub(crate) fn disown(&mut self) {
        self.task = None;
    }
}

/// Whether `task` is the one that runs.
pub(crate) fn is_known(task: Option<&Waker>, cx: &Context<'_>) -> bool {
    task.is_some_and(|task| task.will_wake(cx.waker()))
}

/// Quiet time after which a connection gives back what it does not need.
const TIDY_AFTER: Duration = Duration::from_secs(3);
