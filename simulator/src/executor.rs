//! The tasks of a world, and which of them runs next.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use crate::core::{Order, Shared, Spawned};
use crate::network::HostId;
use crate::random::Random;
use crate::trace::Event;

/// Which of the tasks that are ready runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Schedule {
    /// Any of them, drawn from the seed. It finds more: a task may be far behind the others, or run again at once.
    #[default]
    Seeded,
    /// The one that has been ready longest, as most runtimes do. A task that wakes itself runs after all that are ready
    /// by then.
    Fair,
}

pub(crate) struct Executor {
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    ready: Arc<Ready>,
    schedule: Schedule,
    random: Random,
    begun: u64,
    /// The number of the latest future that the world was run with.
    main: u64,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    host: Option<HostId>,
    name: Option<Box<str>>,
    number: u64,
    waker: Waker,
}

/// The tasks that have been woken and not run since.
#[derive(Default)]
struct Ready(Mutex<VecDeque<Arc<Token>>>);

/// What a waker holds.
struct Token {
    /// Where the task stands; nothing for the future that the world is run with.
    slot: Option<usize>,
    number: u64,
    queued: AtomicBool,
    ready: Weak<Ready>,
}

/// Who runs next.
pub(crate) enum Turn {
    Main,
    Task(usize),
}

impl Executor {
    pub(crate) fn new(schedule: Schedule, random: Random) -> Self {
        Self {
            tasks: Vec::new(),
            free: Vec::new(),
            ready: Arc::default(),
            schedule,
            random,
            begun: 0,
            main: 0,
        }
    }

    /// A waker for the future that the world is run with, which is ready now.
    pub(crate) fn main(&mut self) -> Waker {
        self.main = self.begun;
        self.token(None)
    }

    /// Takes in what was spawned, and drops what was killed.
    pub(crate) fn obey(&mut self, shared: &Shared) {
        for order in shared.with(|state| std::mem::take(&mut state.orders.list)) {
            match order {
                Order::Spawn(task) => self.take_in(task),
                Order::Kill(host) => self.kill(host, shared),
            }
        }
    }

    /// Who runs next, or nobody.
    pub(crate) fn next(&mut self) -> Option<Turn> {
        loop {
            let token = {
                let mut ready = self.ready.lock();
                let index = match self.schedule {
                    Schedule::Fair => 0,
                    Schedule::Seeded => self.random.index(ready.len()),
                };
                match self.schedule {
                    Schedule::Fair => ready.pop_front(),
                    Schedule::Seeded => ready.swap_remove_back(index),
                }?
            };
            token.queued.store(false, Ordering::Relaxed);
            match token.slot {
                None if token.number == self.main => return Some(Turn::Main),
                None => {}
                Some(slot) => {
                    let task = self.tasks.get(slot).and_then(Option::as_ref);
                    if task.is_some_and(|task| task.number == token.number) {
                        return Some(Turn::Task(slot));
                    }
                }
            }
        }
    }

    /// Lets a task run until it waits.
    pub(crate) fn run(&mut self, slot: usize, shared: &Shared) {
        let Some(task) = self.tasks.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let number = task.number;
        shared.with(|state| state.core.record(Event::Step { task: number }));
        let waker = task.waker.clone();
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
            self.remove(slot);
        }
    }

    /// Drops every task.
    pub(crate) fn clear(&mut self) {
        for slot in 0..self.tasks.len() {
            self.remove(slot);
        }
        self.ready.lock().clear();
    }

    /// The tasks there are, by host and name.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, Option<HostId>, Option<&str>)> {
        let tasks = self.tasks.iter().flatten();
        tasks.map(|task| (task.number, task.host, task.name.as_deref()))
    }

    fn take_in(&mut self, spawned: Spawned) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let number = self.begun;
        let waker = self.token(Some(slot));
        self.tasks[slot] = Some(Task {
            future: spawned.future,
            host: spawned.host,
            name: spawned.name,
            number,
            waker,
        });
    }

    fn kill(&mut self, host: HostId, shared: &Shared) {
        for slot in 0..self.tasks.len() {
            if self.tasks[slot].as_ref().is_some_and(|task| task.host == Some(host)) {
                self.remove(slot);
            }
        }
        // What their destructors have begun ends with them.
        let is_its = |order: &mut Order| matches!(order, Order::Spawn(task) if task.host == Some(host));
        let begun = || shared.with(|state| state.orders.list.extract_if(.., is_its).collect::<Vec<_>>());
        while !begun().is_empty() {}
    }

    fn remove(&mut self, slot: usize) {
        if let Some(task) = self.tasks[slot].take() {
            self.free.push(slot);
            drop(task);
        }
    }

    fn token(&mut self, slot: Option<usize>) -> Waker {
        let token = Arc::new(Token {
            slot,
            number: self.begun,
            queued: AtomicBool::new(true),
            ready: Arc::downgrade(&self.ready),
        });
        self.begun += 1;
        self.ready.lock().push_back(Arc::clone(&token));
        Waker::from(token)
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Token>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed)
            && let Some(ready) = self.ready.upgrade()
        {
            ready.lock().push_back(Arc::clone(self));
        }
    }
}
