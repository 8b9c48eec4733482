//! Tasks, and the order they are polled in.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use kitewire::Runtime;

use crate::stream::spawn;

/// Whoever spawned them, waited for or not.
pub async fn spawned_tasks_run<R: Runtime>(runtime: R) {
    let inner = runtime.clone();
    let outer = spawn(&runtime, async move {
        let tasks: Vec<_> = (0..100).map(|number| spawn(&inner, async move { number })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        sum
    });
    assert_eq!(outer.await, 4950);
}

/// The others run on.
pub async fn a_panic_ends_its_task_only<R: Runtime>(runtime: R) {
    struct Told(Arc<AtomicU32>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicU32::new(0));
    for round in 1..=3 {
        let told = Told(Arc::clone(&dropped));
        runtime.spawn(async move {
            let _told = told;
            panic!("a panic that the test wants");
        });
        // Behind the one that panics in any queue.
        while dropped.load(Ordering::Relaxed) < round {
            spawn(&runtime, async {}).await;
        }
    }
    assert_eq!(spawn(&runtime, async { 7 }).await, 7);
}

/// The rule that one write carries all answers rests on; see the notes on writing an adapter.
///
/// Holds for an executor of one thread, and on tokio for as many tasks as fit into a worker's own queue, which are 256.
/// With several threads another one may come by first.
pub async fn a_task_that_wakes_itself_comes_after_those_ready<R: Runtime>(runtime: R) {
    for ready in [1, 10, 100, 200] {
        let inner = runtime.clone();
        let run = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&run);
        let task = spawn(&runtime, async move {
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                if polls > 1 {
                    return Poll::Ready(counted.load(Ordering::Relaxed));
                }
                for _ in 0..ready {
                    let counted = Arc::clone(&counted);
                    inner.spawn(async move {
                        counted.fetch_add(1, Ordering::Relaxed);
                    });
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await
        });
        assert_eq!(task.await, ready, "tasks that were ready have run");
    }
}
