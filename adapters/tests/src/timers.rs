//! Timers and the clock.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kitewire::runtime::{Io, IoSlice, Timer};
use kitewire::{Instant, Runtime};

use crate::stream::{pair, sleep_until, spawn};

/// Whatever the time is.
pub async fn an_idle_timer_stays_pending<R: Runtime>(runtime: R) {
    let mut timer = runtime.timer();
    assert!(is_pending(&mut timer).await);
    sleep_until(&runtime, runtime.now() + SOON).await;
    assert!(is_pending(&mut timer).await);
}

/// Until it is armed anew.
pub async fn time_that_has_passed_is_told_again_and_again<R: Runtime>(runtime: R) {
    let mut timer = runtime.timer();
    for at in [Instant::ZERO, runtime.now(), runtime.now() + SOON] {
        timer.arm(at);
        poll_fn(|cx| timer.poll_expired(cx)).await;
        for _ in 0..3 {
            assert!(!is_pending(&mut timer).await);
        }
        timer.arm(runtime.now() + LATE);
        assert!(is_pending(&mut timer).await);
    }
}

/// Never earlier, and many at once in the right order.
pub async fn a_timer_waits_for_its_time<R: Runtime>(runtime: R) {
    let begin = runtime.now();
    let waiting: Vec<_> = (0_u64..50)
        .map(|number| {
            let at = begin + Duration::from_millis(50 - number);
            let runtime = runtime.clone();
            spawn(&runtime.clone(), async move {
                sleep_until(&runtime, at).await;
                (at, runtime.now())
            })
        })
        .collect();
    for waiting in waiting {
        let (at, now) = waiting.await;
        assert!(now >= at, "{at:?} was told at {now:?}");
        assert!(now < at + LATE, "{at:?} was told at {now:?}");
    }
}

/// Whether it was later or earlier, waited for or not.
pub async fn arming_anew_replaces_the_earlier_time<R: Runtime>(runtime: R) {
    let mut timer = runtime.timer();
    timer.arm(runtime.now() + LATE);
    assert!(is_pending(&mut timer).await);
    let soon = runtime.now() + SOON;
    timer.arm(soon);
    poll_fn(|cx| timer.poll_expired(cx)).await;
    assert!(runtime.now() >= soon);
    assert!(runtime.now() < soon + LATE);

    timer.arm(runtime.now() + SOON);
    assert!(is_pending(&mut timer).await);
    let later = runtime.now() + 4 * SOON;
    timer.arm(later);
    poll_fn(|cx| timer.poll_expired(cx)).await;
    assert!(runtime.now() >= later, "the earlier time went by unnoticed");
}

/// For ever is a time like any other.
pub async fn far_times_do_not_overflow<R: Runtime>(runtime: R) {
    let mut timer = runtime.timer();
    for at in [
        Instant::FAR_FUTURE,
        Instant::from_nanos(u64::MAX - 1),
        Instant::from_nanos(u64::MAX / 2),
    ] {
        timer.arm(at);
        assert!(is_pending(&mut timer).await);
        timer.arm(runtime.now() + SOON);
        poll_fn(|cx| timer.poll_expired(cx)).await;
    }
}

/// A timer that changes tasks wakes the one that waits now.
pub async fn the_latest_waker_counts<R: Runtime>(runtime: R) {
    let mut timer = runtime.timer();
    let at = runtime.now() + SOON;
    timer.arm(at);
    let former = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&former));
    assert!(timer.poll_expired(&mut Context::from_waker(&waker)).is_pending());
    poll_fn(|cx| timer.poll_expired(cx)).await;
    assert!(runtime.now() >= at);
    assert_eq!(
        former.0.load(Ordering::Relaxed),
        0,
        "it had nothing to wait for any more"
    );
}

/// However much the task has done in the same turn, and though it is woken for something else meanwhile: connections ask
/// their timer once.
pub async fn a_timer_armed_at_the_end_of_a_busy_turn_wakes<R: Runtime>(runtime: R) {
    let (mut io, _other) = pair(&runtime, &"127.0.0.1:0".into()).await;
    let mut timer = runtime.timer();
    let clock = runtime.clone();
    let mut due = None;
    let asking_once = poll_fn(move |cx| {
        if let Some(due) = due {
            return match clock.now() < due {
                true => Poll::Pending,
                false => Poll::Ready(()),
            };
        }
        for _ in 0..MUCH {
            if io.poll_write(cx, &[IoSlice::new(b"x")]).is_pending() {
                break;
            }
        }
        let at = clock.now() + SOON;
        timer.arm(at);
        due = Some(at);
        timer.poll_expired(cx)
    });
    spawn(&runtime, asking_once).await;
}

#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn is_pending(timer: &mut impl Timer) -> bool {
    poll_fn(|cx| Poll::Ready(timer.poll_expired(cx).is_pending())).await
}

/// More than an executor lets a task do in one turn, if it counts that.
const MUCH: u32 = 1000;
const SOON: Duration = Duration::from_millis(15);
/// Later than any machine is late.
const LATE: Duration = Duration::from_secs(10);
