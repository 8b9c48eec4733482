//! Handlers of plain requests in tasks of their own.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Response;
use kitewire_proto::http::RequestId;

use super::Work;
use crate::server::Link;

/// How a handler ended.
pub(super) enum Outcome {
    Answered(Response<Bytes>),
    Panicked,
    /// It was dropped, as nobody waited for it.
    Dropped,
}

/// Polls a handler; one that has ended is gone after it. Panics end here, those of its destructors too.
pub(super) fn poll(work: &mut Option<Work>, cx: &mut Context<'_>) -> Poll<Outcome> {
    let Some(running) = work else {
        return Poll::Ready(Outcome::Dropped);
    };
    // Unwind safety: after a panic the future is dropped, and what it shared is the handler's own affair.
    let outcome = match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(response)) => Outcome::Answered(response),
        Err(_) => Outcome::Panicked,
    };
    discard(work);
    Poll::Ready(outcome)
}

fn discard(work: &mut Option<Work>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(work.take())));
}

/// A handler on its way through a task of its own.
pub(crate) struct Background {
    id: RequestId,
    work: Option<Work>,
    wish: Arc<Wish>,
    desk: Arc<Desk>,
}

impl Background {
    pub(super) const fn new(id: RequestId, work: Work, wish: Arc<Wish>, desk: Arc<Desk>) -> Self {
        Self {
            id,
            work: Some(work),
            wish,
            desk,
        }
    }
}

impl Future for Background {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.wish.is_cancelled(cx) {
            discard(&mut this.work);
        }
        match poll(&mut this.work, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(outcome) => {
                this.desk.hand_in(this.id, outcome);
                Poll::Ready(())
            }
        }
    }
}

/// Whether a handler's end is still wanted, between its connection and its task.
#[derive(Default)]
pub(super) struct Wish {
    state: Mutex<WishState>,
}

#[derive(Default)]
struct WishState {
    cancelled: bool,
    task: Option<Waker>,
}

impl Wish {
    /// Has the handler dropped by its task.
    pub(super) fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Asks, and has the task woken when the answer changes.
    fn is_cancelled(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if !state.cancelled && !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            state.task = Some(cx.waker().clone());
        }
        state.cancelled
    }

    fn lock(&self) -> MutexGuard<'_, WishState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the tasks of a connection's handlers leave what they ended with.
pub(super) struct Desk {
    link: Arc<Link>,
    done: Mutex<Vec<(RequestId, Outcome)>>,
}

impl Desk {
    pub(super) const fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            done: Mutex::new(Vec::new()),
        }
    }

    /// Takes what lies there; `batch` must be empty, and its memory is used for what comes next.
    pub(super) fn clear(&self, batch: &mut Vec<(RequestId, Outcome)>) {
        std::mem::swap(&mut *self.lock(), batch);
    }

    /// Gives back what an idle connection does not need.
    pub(super) fn release_memory(&self) {
        let mut done = self.lock();
        if done.is_empty() {
            *done = Vec::new();
        }
    }

    /// Only the first one of a batch wakes the connection's task.
    fn hand_in(&self, id: RequestId, outcome: Outcome) {
        let mut done = self.lock();
        done.push((id, outcome));
        let first = done.len() == 1;
        drop(done);
        if first {
            self.link.alert();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(RequestId, Outcome)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
