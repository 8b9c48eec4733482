//! Tasks whose outcome somebody waits for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A task that was started with [`Simulated::start`](crate::Simulated::start), as a future of its outcome.
///
/// Dropping it lets the task run on.
#[derive(Debug)]
#[must_use = "a task's outcome is usually of interest; drop it to let the task run on by itself"]
pub struct Task<T> {
    slot: Arc<Slot<T>>,
}

/// The task ended without an outcome: its host was killed, or its world is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed;

/// Where the outcome goes.
#[derive(Debug)]
struct Slot<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    outcome: Outcome<T>,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum Outcome<T> {
    Pending,
    Ready(T),
    Killed,
    Taken,
}

/// Says that nothing will come, when it is dropped before something has.
struct Promise<T> {
    slot: Arc<Slot<T>>,
}

impl<T> Task<T> {
    /// A task of `future`, and what has to be run for it.
    pub(crate) fn new(future: impl Future<Output = T>) -> (Self, impl Future<Output = ()>) {
        let slot = Arc::new(Slot(Mutex::new(State {
            outcome: Outcome::Pending,
            waker: None,
        })));
        let promise = Promise {
            slot: Arc::clone(&slot),
        };
        let work = async move {
            let outcome = future.await;
            promise.slot.settle(Outcome::Ready(outcome));
        };
        (Self { slot }, work)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !matches!(self.slot.lock().outcome, Outcome::Pending)
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Killed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.lock();
        match std::mem::replace(&mut state.outcome, Outcome::Taken) {
            Outcome::Ready(outcome) => Poll::Ready(Ok(outcome)),
            Outcome::Killed | Outcome::Taken => Poll::Ready(Err(Killed)),
            Outcome::Pending => {
                state.outcome = Outcome::Pending;
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Slot<T> {
    fn settle(&self, outcome: Outcome<T>) {
        let mut state = self.lock();
        if matches!(state.outcome, Outcome::Pending) {
            state.outcome = outcome;
            let waker = state.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.slot.settle(Outcome::Killed);
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task ended without an outcome: its host was killed")
    }
}

impl std::error::Error for Killed {}
