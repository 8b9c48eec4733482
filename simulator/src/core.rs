//! What everything in a world shares: the clock, what is going to happen, and chance.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use kitewire_runtime::Instant;

use crate::faults::Faults;
use crate::network::{ConnectionId, HostId, Network, Side};
use crate::random::Random;
use crate::trace::{Event, Recorder};

/// How a world is made.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) latency: RangeInclusive<Duration>,
    /// How much one read or write moves; nothing means as much as there is.
    pub(crate) chunks: Option<RangeInclusive<usize>>,
    pub(crate) buffer: usize,
    pub(crate) backlog: usize,
    pub(crate) lateness: RangeInclusive<Duration>,
    pub(crate) poll_cost: RangeInclusive<Duration>,
    pub(crate) give_up: Duration,
    pub(crate) faults: Faults,
}

/// The state of a world, apart from its tasks.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) core: Core,
    pub(crate) network: Network,
    pub(crate) orders: Orders,
}

/// What the executor is asked to do before its next step.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) list: Vec<Order>,
    /// The world is gone: what is spawned now is dropped.
    pub(crate) over: bool,
}

#[derive(Debug)]
pub(crate) enum Order {
    Spawn(Spawned),
    /// The tasks of a host are dropped, those ordered before this included.
    Kill(HostId),
}

/// A task that has not been taken in yet.
pub(crate) struct Spawned {
    pub(crate) host: Option<HostId>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) future: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl fmt::Debug for Spawned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned")
            .field("host", &self.host)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The part that the network needs besides itself.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) now: Instant,
    pub(crate) settings: Settings,
    /// Decides what the network does.
    pub(crate) random: Random,
    /// Makes the generators that are handed out.
    pub(crate) forks: Random,
    pub(crate) recorder: Recorder,
    agenda: BTreeMap<Key, Entry>,
    next: u64,
    wakes: Vec<Waker>,
}

/// Where an entry stands in the agenda: by time, and in the order of asking where times are equal.
pub(crate) type Key = (Instant, u64);

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A timer expires.
    Timer(Waker),
    /// The first packet that this side has sent arrives.
    Packet(ConnectionId, Side),
    /// What this side has sent has not come through for too long.
    GiveUp(ConnectionId, Side),
    /// Two hosts hear each other again.
    Heal(HostId, HostId),
}

/// How the clock went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Something happened.
    Moved,
    /// Nothing is going to happen, ever.
    Never,
    /// What happens next is beyond the limit.
    Beyond,
}

impl Shared {
    pub(crate) fn new(seed: u64, settings: Settings, keep: usize) -> Self {
        let mut random = Random::new(seed);
        let core = Core {
            now: Instant::ZERO,
            settings,
            forks: random.fork(),
            random: random.fork(),
            recorder: Recorder::new(seed, keep),
            agenda: BTreeMap::new(),
            next: 0,
            wakes: Vec::new(),
        };
        let state = Mutex::new(State {
            core,
            network: Network::default(),
            orders: Orders::default(),
        });
        Self { state }
    }

    /// Works on the state, then wakes whom that concerns: a waker may be anybody's code, so it runs without the lock.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let outcome = work(&mut state);
        if state.core.wakes.is_empty() {
            return outcome;
        }
        let mut wakes = std::mem::take(&mut state.core.wakes);
        drop(state);
        wakes.drain(..).for_each(Waker::wake);
        let mut state = self.lock();
        if state.core.wakes.capacity() == 0 {
            state.core.wakes = wakes;
        }
        outcome
    }

    /// Hands a task to the executor.
    pub(crate) fn spawn(&self, task: Spawned) {
        // What is not taken is dropped without the lock: dropping a task may do anything.
        let refused = self.with(|state| {
            if state.orders.over {
                return Some(task);
            }
            state.orders.list.push(Order::Spawn(task));
            None
        });
        drop(refused);
    }

    /// Goes on to the next thing that happens, at `limit` at the latest.
    pub(crate) fn advance(&self, limit: Instant) -> Advance {
        self.with(|state| {
            let Some((&(at, _), _)) = state.core.agenda.first_key_value() else {
                return Advance::Never;
            };
            if at > limit {
                return Advance::Beyond;
            }
            state.catch_up(at);
            Advance::Moved
        })
    }

    /// Lets a step of a task take its time, and what happens meanwhile happen. Returns what time it is then.
    pub(crate) fn spend(&self, time: Duration) -> Instant {
        self.with(|state| {
            let until = state.core.now + time;
            state.catch_up(until);
            state.core.now = until;
            until
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Everything that is due by `until` happens, in order.
    fn catch_up(&mut self, until: Instant) {
        while let Some(first) = self.core.agenda.first_entry()
            && first.key().0 <= until
        {
            self.core.now = self.core.now.max(first.key().0);
            match first.remove() {
                Entry::Timer(waker) => self.core.wakes.push(waker),
                Entry::Packet(id, side) => self.network.arrive(&mut self.core, id, side),
                Entry::GiveUp(id, side) => self.network.give_up(&mut self.core, id, side),
                Entry::Heal(one, other) => self.network.heal(&mut self.core, one, other),
            }
        }
    }
}

impl Core {
    pub(crate) fn plan(&mut self, at: Instant, entry: Entry) -> Key {
        let key = (at, self.next);
        self.next += 1;
        self.agenda.insert(key, entry);
        key
    }

    pub(crate) fn forget(&mut self, key: Key) {
        self.agenda.remove(&key);
    }

    /// Puts another waker into a timer's entry. False when it has expired already.
    pub(crate) fn rewake(&mut self, key: Key, cx: &Context<'_>) -> bool {
        match self.agenda.entry(key) {
            Slot::Occupied(mut entry) => {
                if let Entry::Timer(waker) = entry.get_mut() {
                    waker.clone_from(cx.waker());
                }
                true
            }
            Slot::Vacant(_) => false,
        }
    }

    pub(crate) fn wake(&mut self, slot: &mut Option<Waker>) {
        self.wakes.extend(slot.take());
    }

    pub(crate) fn record(&mut self, event: Event) {
        self.recorder.record(self.now, event);
    }

    /// How much of `available` bytes one read or write moves.
    pub(crate) fn chunk(&mut self, available: usize) -> usize {
        match &self.settings.chunks {
            Some(range) if available > 1 => {
                let most = *range.end();
                // Half of the time everything goes at once, as it mostly does in the world.
                let chunk = match self.random.one_in(2) {
                    true => most,
                    false => self.random.size(range.clone()),
                };
                available.min(chunk.max(1))
            }
            _ => available,
        }
    }
}

/// Keeps the waker of the task that waits.
pub(crate) fn keep(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
