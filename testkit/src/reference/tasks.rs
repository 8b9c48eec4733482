//! Futures polled by hand, in the order in which they were spawned.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// Futures that run until none of them has been woken.
#[derive(Debug, Default)]
pub struct Tasks {
    tasks: Vec<Task>,
    spawner: Spawner,
}

/// Adds futures to [`Tasks`], from inside of one of them too.
#[derive(Clone, Default)]
pub struct Spawner(Rc<RefCell<Vec<Future>>>);

type Future = Pin<Box<dyn std::future::Future<Output = ()>>>;

/// What a spawned future has returned, once it has.
#[derive(Debug)]
pub struct Spawned<T>(Rc<RefCell<Option<T>>>);

struct Task {
    future: Future,
    woken: Arc<Woken>,
}

#[derive(Debug)]
struct Woken(AtomicBool);

impl Tasks {
    /// For futures that start others.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Adds a future.
    pub fn spawn<T: 'static>(&mut self, future: impl std::future::Future<Output = T> + 'static) -> Spawned<T> {
        self.spawner.spawn(future)
    }

    /// Polls what has been woken until nothing is, and says whether anything was.
    ///
    /// # Panics
    /// If the futures never come to rest.
    pub fn run(&mut self) -> bool {
        for turn in 0..MOST_TURNS {
            if !self.turn() {
                return turn > 0;
            }
        }
        panic!("the futures wake one another for ever");
    }

    /// Polls every future, woken or not, and on until nothing is woken: for changes made from outside.
    pub fn run_all(&mut self) {
        for task in &self.tasks {
            task.woken.0.store(true, Ordering::Relaxed);
        }
        self.run();
    }

    fn turn(&mut self) -> bool {
        let new = self.spawner.0.take();
        self.tasks.extend(new.into_iter().map(Task::new));
        let mut polled = false;
        self.tasks.retain_mut(|task| {
            if !task.woken.0.swap(false, Ordering::Relaxed) {
                return true;
            }
            polled = true;
            let waker = Waker::from(task.woken.clone());
            task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        polled
    }
}

impl Spawner {
    /// Adds a future.
    pub fn spawn<T: 'static>(&self, future: impl std::future::Future<Output = T> + 'static) -> Spawned<T> {
        let slot = Rc::new(RefCell::new(None));
        let result = slot.clone();
        self.0.borrow_mut().push(Box::pin(async move {
            let value = future.await;
            *result.borrow_mut() = Some(value);
        }));
        Spawned(slot)
    }
}

impl<T> Spawned<T> {
    /// The result, once.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }

    /// The result of a future that has ended.
    ///
    /// # Panics
    /// If it has not, or if the result was taken before.
    #[must_use]
    #[track_caller]
    pub fn done(&self) -> T {
        self.take().expect("the future has ended")
    }
}

impl Task {
    fn new(future: Future) -> Self {
        Self {
            future,
            woken: Arc::new(Woken(AtomicBool::new(true))),
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} new tasks", self.0.borrow().len())
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("woken", &self.woken).finish()
    }
}

/// More turns than any script needs.
const MOST_TURNS: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    #[test]
    fn a_task_runs_when_it_is_woken() {
        let mut tasks = Tasks::default();
        let gate: Rc<RefCell<(bool, Option<Waker>)>> = Rc::default();
        let inner = gate.clone();
        let spawner = tasks.spawner();
        let result = tasks.spawn(async move {
            poll_fn(|context| {
                let mut gate = inner.borrow_mut();
                gate.1 = Some(context.waker().clone());
                if gate.0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            spawner.spawn(async { 2 })
        });
        assert!(tasks.run());
        assert!(!tasks.run(), "nothing was woken");
        gate.borrow_mut().0 = true;
        assert!(!tasks.run(), "still nothing");
        gate.borrow_mut().1.take().expect("it waits").wake();
        assert!(tasks.run());
        assert_eq!(result.done().take(), Some(2));
    }
}
