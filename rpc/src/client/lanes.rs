//! Where calls that share connections find one.
//!
//! Each address has a fixed number of lanes, used in turn. A lane is dialled when it is first needed, by a task of its
//! own, so that a caller who loses patience takes nobody's connection away.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kitewire_runtime::{Address, Io};

use super::carrier::{Carrier, Driver};
use super::connector::{Connector, Dial};
use crate::error::SharedError;
use crate::server::Load;
use crate::stream::wake_all;

/// The shared connections of a client.
pub(crate) struct Lanes<C: Carrier> {
    config: Arc<C::Config>,
    connector: Arc<dyn Connector>,
    per_address: usize,
    /// The client's own address.
    main: Arc<Group<C>>,
    /// Addresses given for single calls.
    others: Mutex<BTreeMap<Address, Arc<Group<C>>>>,
    /// Counts the uses of [`Self::others`].
    clock: AtomicU64,
}

/// The lanes to one address. Its connections are retired when it goes.
pub(crate) struct Group<C: Carrier> {
    connector: Arc<dyn Connector>,
    address: Address,
    lanes: Vec<Mutex<Lane<C>>>,
    next: AtomicUsize,
    /// When it was last asked for, by the clock of [`Lanes`].
    used: AtomicU64,
}

enum Lane<C: Carrier> {
    Empty,
    Dialing(Arc<Dialling<C>>),
    Open(Arc<C>),
}

/// What a caller gets to go on with.
pub(crate) enum Found<C: Carrier> {
    Open(Arc<C>),
    /// Somebody is dialling; wait for them.
    Dialing(Arc<Dialling<C>>),
}

/// A dial that several callers may wait for.
pub(crate) struct Dialling<C: Carrier> {
    state: Mutex<DialState<C>>,
}

struct DialState<C: Carrier> {
    outcome: Option<Dialled<C>>,
    waiting: Vec<Waker>,
}

/// What came of a dial.
type Dialled<C> = Result<Arc<C>, SharedError>;

impl<C: Carrier> Lanes<C> {
    pub(crate) fn new(
        config: &Arc<C::Config>,
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
            clock: AtomicU64::new(0),
        }
    }

    /// The next lane to `address`; dials it if nobody has, with as much patience as told. Others may come to wait for the
    /// same dial, so the time that one caller has left is no measure for it.
    pub(crate) fn find(&self, address: &Address, patience: Duration) -> Found<C> {
        if *address == self.main.address {
            return self.find_in(&self.main, patience);
        }
        let group = {
            let mut others = self.others();
            if others.len() >= MAX_IDLE_GROUPS && !others.contains_key(address) {
                make_room(&mut others);
            }
            let make = || Arc::new(Group::new(&self.connector, address.clone(), self.per_address));
            Arc::clone(others.entry(address.clone()).or_insert_with(make))
        };
        group
            .used
            .store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.find_in(&group, patience)
    }

    /// A connection that nobody else uses. It is retired with the group that is given back.
    pub(crate) fn dial_alone(&self, address: &Address, patience: Duration) -> (Arc<Group<C>>, Arc<Dialling<C>>) {
        let group = Arc::new(Group::new(&self.connector, address.clone(), 1));
        let dialling = Arc::new(Dialling::new());
        *group.lane(0) = Lane::Dialing(Arc::clone(&dialling));
        self.dial(&group, 0, &dialling, patience);
        (group, dialling)
    }

    /// How much the connections have to do and to hold.
    pub(crate) fn load(&self) -> Load {
        let others: Vec<_> = self.others().values().cloned().collect();
        let others = others.iter().map(|group| group.load());
        others.fold(self.main.load(), Load::plus)
    }

    /// Takes a connection out that was found at its end.
    pub(crate) fn retire(&self, address: &Address, connection: &Arc<C>) {
        if *address == self.main.address {
            return self.main.remove(connection);
        }
        let group = self.others().get(address).cloned();
        if let Some(group) = group {
            group.remove(connection);
        }
    }

    fn find_in(&self, group: &Arc<Group<C>>, patience: Duration) -> Found<C> {
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
                self.dial(group, index, &dialling, patience);
                Found::Dialing(dialling)
            }
        }
    }

    fn dial(&self, group: &Arc<Group<C>>, index: usize, dialling: &Arc<Dialling<C>>, patience: Duration) {
        let dial = Dial::new(&*self.connector, group.address.clone(), patience);
        self.connector.spawn(Box::pin(LaneTask {
            stage: TaskStage::Dialing(dial),
            outcome: Announce {
                dialling: Arc::clone(dialling),
                group: Arc::downgrade(group),
                index,
                connector: Arc::clone(&self.connector),
            },
            config: Arc::clone(&self.config),
        }));
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<Address, Arc<Group<C>>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets addresses without a connection, or else the one that was not called for the longest time. Those with calls
/// under way stay.
fn make_room<C: Carrier>(others: &mut BTreeMap<Address, Arc<Group<C>>>) {
    others.retain(|_, group| group.is_used());
    if others.len() < MAX_IDLE_GROUPS {
        return;
    }
    let idle = others.iter().filter(|(_, group)| !group.is_busy());
    let oldest = idle.min_by_key(|(_, group)| group.used.load(Ordering::Relaxed));
    if let Some(address) = oldest.map(|(address, _)| address.clone()) {
        others.remove(&address);
    }
}

impl<C: Carrier> Group<C> {
    fn new(connector: &Arc<dyn Connector>, address: Address, lanes: usize) -> Self {
        Self {
            connector: Arc::clone(connector),
            address,
            lanes: (0..lanes.max(1)).map(|_| Mutex::new(Lane::Empty)).collect(),
            next: AtomicUsize::new(0),
            used: AtomicU64::new(0),
        }
    }

    /// Takes `connection` out, so that the next call makes another one.
    pub(crate) fn remove(&self, connection: &Arc<C>) {
        for index in 0..self.lanes.len() {
            let mut lane = self.lane(index);
            if matches!(&*lane, Lane::Open(open) if Arc::ptr_eq(open, connection)) {
                *lane = Lane::Empty;
            }
        }
    }

    fn load(&self) -> Load {
        let open = (0..self.lanes.len()).map(|index| match &*self.lane(index) {
            Lane::Open(connection) => connection.load(),
            Lane::Empty | Lane::Dialing(_) => Load::default(),
        });
        open.fold(Load::default(), Load::plus)
    }

    fn is_used(&self) -> bool {
        (0..self.lanes.len()).any(|index| !matches!(&*self.lane(index), Lane::Empty))
    }

    fn is_busy(&self) -> bool {
        (0..self.lanes.len()).any(|index| match &*self.lane(index) {
            Lane::Empty => false,
            Lane::Dialing(_) => true,
            Lane::Open(connection) => connection.open_calls() > 0,
        })
    }

    fn lane(&self, index: usize) -> MutexGuard<'_, Lane<C>> {
        self.lanes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Carrier> Drop for Group<C> {
    /// Nobody can call any more: connections end, and dials find nobody to tell.
    fn drop(&mut self) {
        let now = self.connector.now();
        for lane in &mut self.lanes {
            let lane = lane.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Lane::Open(connection) = lane {
                connection.retire(now);
            }
        }
    }
}

impl<C: Carrier> Dialling<C> {
    const fn new() -> Self {
        Self {
            state: Mutex::new(DialState {
                outcome: None,
                waiting: Vec::new(),
            }),
        }
    }

    /// Waits until the connection is there.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<io::Result<Arc<C>>> {
        let mut state = self.lock();
        match &state.outcome {
            Some(Ok(connection)) => Poll::Ready(Ok(Arc::clone(connection))),
            Some(Err(error)) => Poll::Ready(Err(error.clone().into())),
            None => {
                if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    fn finish(&self, outcome: Dialled<C>) {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        wake_all(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, DialState<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a lane: dials, announces what came of it, and then moves the connection's bytes.
struct LaneTask<C: Carrier> {
    stage: TaskStage<C>,
    outcome: Announce<C>,
    config: Arc<C::Config>,
}

enum TaskStage<C: Carrier> {
    Dialing(Dial),
    Driving(Box<Driver<C>>),
    Over,
}

/// Tells a lane and those who wait for it what came of a dial; that it came to nothing, if the task just goes.
struct Announce<C: Carrier> {
    dialling: Arc<Dialling<C>>,
    group: Weak<Group<C>>,
    index: usize,
    connector: Arc<dyn Connector>,
}

impl<C: Carrier> LaneTask<C> {
    fn connected(&mut self, io: Box<dyn Io>) {
        let connector = &self.outcome.connector;
        let connection = Arc::new(C::new(&self.config, connector.now()));
        connection.connected(&*io);
        let group = Weak::clone(&self.outcome.group);
        let driver = Driver::new(Arc::clone(&connection), group, Arc::clone(connector), io);
        self.stage = TaskStage::Driving(Box::new(driver));
        self.outcome.set(Ok(connection));
    }
}

impl<C: Carrier> Future for LaneTask<C> {
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
                        this.outcome.set(Err(error.into()));
                    }
                    Poll::Ready(Ok(io)) => this.connected(io),
                },
            }
        }
    }
}

/// Nothing in it is pinned.
impl<C: Carrier> Unpin for LaneTask<C> {}

impl<C: Carrier> Announce<C> {
    fn set(&self, outcome: Dialled<C>) {
        match self.group.upgrade() {
            Some(group) => {
                *group.lane(self.index) = match &outcome {
                    Ok(connection) => Lane::Open(Arc::clone(connection)),
                    Err(_) => Lane::Empty,
                };
            }
            // Nobody is there any more who could call.
            None => {
                if let Ok(connection) = &outcome {
                    connection.retire(self.connector.now());
                }
            }
        }
        self.dialling.finish(outcome);
    }
}

impl<C: Carrier> Drop for LaneTask<C> {
    fn drop(&mut self) {
        if let TaskStage::Dialing(_) = self.stage {
            let gone = io::Error::new(io::ErrorKind::Interrupted, "the runtime has ended");
            self.outcome.set(Err(gone.into()));
        }
    }
}

/// Addresses of single calls above which those that are not in use are forgotten.
const MAX_IDLE_GROUPS: usize = 64;
