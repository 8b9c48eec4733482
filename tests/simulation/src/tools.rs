//! Small futures that the scripts are made of.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use kitewire::Runtime;
use kitewire::runtime::Timer;
use kitewire_simulator::Simulated;

/// Lets `time` pass.
pub(crate) async fn sleep(runtime: &Simulated, time: Duration) {
    if time.is_zero() {
        return;
    }
    let mut timer = runtime.timer();
    timer.arm(runtime.now() + time);
    poll_fn(|cx| timer.poll_expired(cx)).await;
}

/// What `future` gives, if it does so before `time` is over; else it is dropped where it is.
pub(crate) async fn within<T>(runtime: &Simulated, time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut timer = runtime.timer();
    timer.arm(runtime.now() + time);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => timer.poll_expired(cx).map(|()| None),
    })
    .await
}

/// Both, one beside the other.
pub(crate) async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(cx)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(cx)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits for tasks to end.
#[derive(Clone, Default)]
pub(crate) struct Group(Arc<Mutex<Members>>);

#[derive(Default)]
struct Members {
    running: usize,
    waiting: Vec<Waker>,
}

/// One of the tasks; it has ended when this is dropped.
pub(crate) struct Member(Group);

impl Group {
    pub(crate) fn enter(&self) -> Member {
        self.with(|members| members.running += 1);
        Member(self.clone())
    }

    /// Runs `task` in the background, as one of the group.
    pub(crate) fn spawn(&self, runtime: &Simulated, task: impl Future<Output = ()> + Send + 'static) {
        let member = self.enter();
        runtime.spawn(async move {
            task.await;
            drop(member);
        });
    }

    /// Waits until nobody is left.
    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            self.with(|members| {
                if members.running == 0 {
                    return Poll::Ready(());
                }
                members.waiting.push(cx.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut Members) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let woken = self.0.with(|members| {
            members.running -= 1;
            match members.running {
                0 => std::mem::take(&mut members.waiting),
                _ => Vec::new(),
            }
        });
        for waker in woken {
            waker.wake();
        }
    }
}
