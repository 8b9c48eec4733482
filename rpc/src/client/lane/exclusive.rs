//! Connections that carry one stream at a time, while they wait for the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use kitewire_proto::Instant;
use kitewire_runtime::Address;

use super::StreamLane;
use crate::client::carrier::Carrier as _;
use crate::client::connector::Connector;

/// The connections that wait, by address, the one used last on top. Those that end meanwhile, be it because they waited
/// too long, are taken out by their drivers.
pub(super) struct Exclusive {
    connector: Arc<dyn Connector>,
    /// So many wait per address.
    max_idle: usize,
    idle: Mutex<BTreeMap<Address, Vec<Arc<StreamLane>>>>,
}

/// A connection that was taken out. It goes back with this, unless a stream was opened on it.
pub(super) struct Taken {
    pool: Arc<Exclusive>,
    lane: Arc<StreamLane>,
    goes_back: bool,
}

/// Where a connection goes when its stream is over.
pub(super) struct Home {
    pool: Weak<Exclusive>,
    address: Address,
}

impl Exclusive {
    pub(super) fn new(connector: &Arc<dyn Connector>, max_idle: usize) -> Arc<Self> {
        Arc::new(Self {
            connector: Arc::clone(connector),
            max_idle,
            idle: Mutex::default(),
        })
    }

    /// The connection to `address` that was used last.
    pub(super) fn take(self: &Arc<Self>, address: &Address) -> Option<Taken> {
        let lane = {
            let mut idle = self.lock();
            let stack = idle.get_mut(address)?;
            let lane = stack.pop();
            if stack.is_empty() {
                idle.remove(address);
            }
            lane
        };
        let pool = Arc::clone(self);
        lane.map(|lane| Taken {
            pool,
            lane,
            goes_back: true,
        })
    }

    pub(super) fn home(self: &Arc<Self>, address: &Address) -> Home {
        Home {
            pool: Arc::downgrade(self),
            address: address.clone(),
        }
    }

    /// Connections that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Address, Vec<Arc<StreamLane>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exclusive {
    /// Nobody can open a stream any more.
    fn drop(&mut self) {
        let now = self.connector.now();
        let idle = std::mem::take(&mut *self.lock());
        for lane in idle.into_values().flatten() {
            lane.retire(now);
        }
    }
}

impl Taken {
    pub(super) const fn lane(&self) -> &Arc<StreamLane> {
        &self.lane
    }

    /// A stream was opened on it, and will give it back.
    pub(super) fn leave_out(mut self) {
        self.goes_back = false;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.goes_back {
            self.lane.come_back(self.pool.connector.now());
        }
    }
}

impl Home {
    /// Keeps a connection for the next stream, or ends it where there are enough, or nobody is left to want it.
    pub(super) fn put(&self, lane: &Arc<StreamLane>, now: Instant) {
        if !self.try_put(lane) {
            lane.retire(now);
        }
    }

    /// Takes a connection out that has ended.
    pub(super) fn remove(&self, lane: &Arc<StreamLane>) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut idle = pool.lock();
        if let Some(stack) = idle.get_mut(&self.address) {
            stack.retain(|waiting| !Arc::ptr_eq(waiting, lane));
            if stack.is_empty() {
                idle.remove(&self.address);
            }
        }
    }

    fn try_put(&self, lane: &Arc<StreamLane>) -> bool {
        let Some(pool) = self.pool.upgrade() else {
            return false;
        };
        let mut idle = pool.lock();
        // Whoever ends it looks in here after saying so.
        if lane.is_ending() {
            return true;
        }
        let stack = idle.entry(self.address.clone()).or_default();
        let has_room = stack.len() < pool.max_idle;
        if has_room {
            stack.push(Arc::clone(lane));
        } else if stack.is_empty() {
            idle.remove(&self.address);
        }
        has_room
    }
}
