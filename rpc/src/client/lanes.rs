//! Where multiplexed calls find their connection.
//!
//! Each address has a fixed number of lanes, used in turn. A lane is dialled when it is first needed, by a task of its
//! own, so that a caller who loses patience takes nobody's connection away.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kitewire_proto::{ClientConfig, Instant};
use kitewire_runtime::Address;

use super::connector::{Connector, Dial};
use super::mux::{MuxConnection, MuxDriver};

/// The connections of a client that multiplexes.
pub(crate) struct Lanes {
    config: Arc<ClientConfig>,
    connector: Arc<dyn Connector>,
    per_address: usize,
    /// The client's own address.
    main: Arc<Group>,
    /// Addresses given for single calls.
    others: Mutex<BTreeMap<Address, Arc<Group>>>,
}

/// The lanes to one address.
pub(crate) struct Group {
    connector: Arc<dyn Connector>,
    address: Address,
    lanes: Vec<Mutex<Lane>>,
    next: AtomicUsize,
}

#[derive(Clone)]
enum Lane {
    Empty,
    Dialing(Arc<Dialling>),
    Open(Arc<MuxConnection>),
}

/// What a caller gets to go on with.
pub(crate) enum Found {
    Open(Arc<MuxConnection>),
    /// Somebody is dialling; wait for them.
    Dialing(Arc<Dialling>),
}

/// A dial that several callers may wait for.
pub(crate) struct Dialling {
    state: Mutex<DialState>,
}

struct DialState {
    outcome: Option<Result<Arc<MuxConnection>, (io::ErrorKind, String)>>,
    waiting: Vec<Waker>,
}

impl Lanes {
    pub(crate) fn new(
        config: &Arc<ClientConfig>,
        connector: &Arc<dyn Connector>,
        address: Address,
        per_address: usize,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            connector: Arc::clone(connector),
            per_address,
            main: Arc::new(Group::new(connector, address, per_address)),
            others: Mutex::default(),
        }
    }

    /// The next lane to `address`; dials it if nobody has, with as much patience as told.
    pub(crate) fn find(&self, address: &Address, patience: impl FnOnce() -> Duration) -> Found {
        if *address == self.main.address {
            return self.find_in(&self.main, patience);
        }
        let group = {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            if others.len() >= MAX_IDLE_GROUPS && !others.contains_key(address) {
                others.retain(|_, group| group.is_used());
            }
            let make = || Arc::new(Group::new(&self.connector, address.clone(), self.per_address));
            Arc::clone(others.entry(address.clone()).or_insert_with(make))
        };
        self.find_in(&group, patience)
    }

    /// Takes a connection out that was found at its end.
    pub(crate) fn retire(&self, address: &Address, connection: &Arc<MuxConnection>) {
        if *address == self.main.address {
            return self.main.remove(connection);
        }
        let group = self
            .others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(address)
            .cloned();
        if let Some(group) = group {
            group.remove(connection);
        }
    }

    fn find_in(&self, group: &Arc<Group>, patience: impl FnOnce() -> Duration) -> Found {
        let index = match group.lanes.len() {
            1 => 0,
            lanes => group.next.fetch_add(1, Ordering::Relaxed) % lanes,
        };
        let mut lane = group.lane(index);
        match &*lane {
            Lane::Open(connection) => Found::Open(Arc::clone(connection)),
            Lane::Dialing(dialling) => Found::Dialing(Arc::clone(dialling)),
            Lane::Empty => {
                let dialling = Arc::new(Dialling::new());
                *lane = Lane::Dialing(Arc::clone(&dialling));
                drop(lane);
                let dial = Dial::new(&*self.connector, group.address.clone(), patience());
                self.connector.spawn(Box::pin(LaneTask {
                    stage: TaskStage::Dialing(dial),
                    outcome: Announce {
                        dialling: Arc::clone(&dialling),
                        group: Arc::downgrade(group),
                        index,
                    },
                    config: Arc::clone(&self.config),
                    connector: Arc::clone(&self.connector),
                }));
                Found::Dialing(dialling)
            }
        }
    }
}

impl Group {
    fn new(connector: &Arc<dyn Connector>, address: Address, lanes: usize) -> Self {
        Self {
            connector: Arc::clone(connector),
            address,
            lanes: (0..lanes.max(1)).map(|_| Mutex::new(Lane::Empty)).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Takes `connection` out, so that the next call makes another one.
    pub(crate) fn remove(&self, connection: &Arc<MuxConnection>) {
        for index in 0..self.lanes.len() {
            let mut lane = self.lane(index);
            if matches!(&*lane, Lane::Open(open) if Arc::ptr_eq(open, connection)) {
                *lane = Lane::Empty;
            }
        }
    }

    fn is_used(&self) -> bool {
        (0..self.lanes.len()).any(|index| !matches!(&*self.lane(index), Lane::Empty))
    }

    fn lane(&self, index: usize) -> MutexGuard<'_, Lane> {
        self.lanes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Group {
    /// Nobody can call any more: connections end, and dials find nobody to tell.
    fn drop(&mut self) {
        for index in 0..self.lanes.len() {
            let lane = self.lane(index).clone();
            if let Lane::Open(connection) = lane {
                connection.shut_down(self.connector.now() + FAREWELL);
            }
        }
    }
}

impl Dialling {
    const fn new() -> Self {
        Self {
            state: Mutex::new(DialState {
                outcome: None,
                waiting: Vec::new(),
            }),
        }
    }

    /// Waits until the connection is there.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<io::Result<Arc<MuxConnection>>> {
        let mut state = self.lock();
        match &state.outcome {
            Some(Ok(connection)) => Poll::Ready(Ok(Arc::clone(connection))),
            Some(Err((kind, text))) => Poll::Ready(Err(io::Error::new(*kind, text.clone()))),
            None => {
                if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    fn finish(&self, outcome: Result<Arc<MuxConnection>, (io::ErrorKind, String)>) {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waker in waiting {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, DialState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a lane: dials, announces what came of it, and then moves the connection's bytes.
struct LaneTask {
    stage: TaskStage,
    outcome: Announce,
    config: Arc<ClientConfig>,
    connector: Arc<dyn Connector>,
}

enum TaskStage {
    Dialing(Dial),
    Driving(Box<MuxDriver>),
    Over,
}

/// Tells a lane and those who wait for it what came of a dial; that it came to nothing, if the task just goes.
struct Announce {
    dialling: Arc<Dialling>,
    group: Weak<Group>,
    index: usize,
}

impl Future for LaneTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                TaskStage::Driving(driver) => return Pin::new(&mut **driver).poll(cx),
                TaskStage::Over => return Poll::Ready(()),
                TaskStage::Dialing(dial) => match Pin::new(dial).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => {
                        this.stage = TaskStage::Over;
                        this.outcome.set(Err((error.kind(), error.to_string())));
                    }
                    Poll::Ready(Ok(io)) => {
                        let connection = Arc::new(MuxConnection::new(&this.config, this.connector.now()));
                        let group = Weak::clone(&this.outcome.group);
                        let connector = Arc::clone(&this.connector);
                        let driver = MuxDriver::new(Arc::clone(&connection), group, connector, io);
                        this.stage = TaskStage::Driving(Box::new(driver));
                        this.outcome.set(Ok(connection));
                    }
                },
            }
        }
    }
}

impl Announce {
    fn set(&self, outcome: Result<Arc<MuxConnection>, (io::ErrorKind, String)>) {
        match self.group.upgrade() {
            Some(group) => {
                *group.lane(self.index) = match &outcome {
                    Ok(connection) => Lane::Open(Arc::clone(connection)),
                    Err(_) => Lane::Empty,
                };
            }
            // The client has gone in the meantime.
            None => {
                if let Ok(connection) = &outcome {
                    connection.shut_down(Instant::ZERO);
                }
            }
        }
        self.dialling.finish(outcome);
    }
}

impl Drop for LaneTask {
    fn drop(&mut self) {
        if let TaskStage::Dialing(_) = self.stage {
            let gone = io::ErrorKind::Interrupted;
            self.outcome.set(Err((gone, "the runtime has ended".to_owned())));
        }
    }
}

/// What oneway calls get for reaching the socket after their client has gone.
const FAREWELL: Duration = Duration::from_secs(5);
/// Addresses of single calls above which those without a connection are forgotten.
const MAX_IDLE_GROUPS: usize = 64;
