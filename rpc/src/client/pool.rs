//! Idle connections that wait for their next call.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kitewire_proto::Instant;
use kitewire_runtime::{Address, Timer};

use super::connector::Connector;

/// How many idle connections a client keeps, and for how long. Connections in use are not limited.
///
/// Names and defaults are Kitex's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// Idle connections per address. Default 10.
    pub max_idle_per_address: usize,
    /// Idle connections over all addresses. Default 100.
    pub max_idle_global: usize,
    /// How long a connection may be idle. Default 60 s, at least 2 s. The peer must allow as much.
    pub max_idle_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_idle_per_address: 10,
            max_idle_global: 100,
            max_idle_timeout: Duration::from_secs(60),
        }
    }
}

impl PoolOptions {
    /// Sets [`Self::max_idle_per_address`], and raises [`Self::max_idle_global`] to it.
    #[must_use]
    pub const fn max_idle_per_address(mut self, connections: usize) -> Self {
        self.max_idle_per_address = connections;
        if self.max_idle_global < connections {
            self.max_idle_global = connections;
        }
        self
    }

    /// Sets [`Self::max_idle_global`].
    #[must_use]
    pub const fn max_idle_global(mut self, connections: usize) -> Self {
        self.max_idle_global = connections;
        self
    }

    /// Sets [`Self::max_idle_timeout`].
    #[must_use]
    pub fn max_idle_timeout(mut self, timeout: Duration) -> Self {
        self.max_idle_timeout = timeout.max(LEAST_IDLE);
        self
    }
}

/// Idle connections by address, the one used last on top.
pub(crate) struct Pool<C> {
    options: PoolOptions,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// The sweep removes lists that have become empty.
    idle: BTreeMap<Address, Vec<Idle<C>>>,
    total: usize,
    /// A task is there that drops what was idle for too long.
    swept: Swept,
}

struct Idle<C> {
    connection: C,
    since: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Swept {
    Yes,
    No,
}

impl<C: Send + 'static> Pool<C> {
    pub(crate) fn new(options: PoolOptions) -> Self {
        Self {
            options,
            state: Mutex::new(State {
                idle: BTreeMap::new(),
                total: 0,
                swept: Swept::No,
            }),
        }
    }

    /// The connection to `address` that was used last, if it was not idle for too long.
    pub(crate) fn take(&self, address: &Address, now: Instant) -> Option<C> {
        let newest = {
            let mut state = self.lock();
            let newest = state.idle.get_mut(address)?.pop()?;
            state.total -= 1;
            newest
        };
        // If this one is too old, the others below it are as well; the sweep drops them.
        (now.saturating_since(newest.since) <= self.options.max_idle_timeout).then_some(newest.connection)
    }

    /// Keeps `connection` for the next call, or drops it where there are enough. Returns whether somebody must start a
    /// [`Sweep`].
    pub(crate) fn put(&self, address: &Address, connection: C, now: Instant) -> Sweeping {
        let mut state = self.lock();
        let state = &mut *state;
        let full = state.total >= self.options.max_idle_global;
        let list = match state.idle.get_mut(address) {
            Some(list) => list,
            None => state.idle.entry(address.clone()).or_default(),
        };
        if full || list.len() >= self.options.max_idle_per_address {
            if list.is_empty() {
                state.idle.remove(address);
            }
            return Sweeping::Running;
        }
        list.push(Idle { connection, since: now });
        state.total += 1;
        if state.swept == Swept::Yes {
            return Sweeping::Running;
        }
        state.swept = Swept::Yes;
        Sweeping::Needed
    }

    /// Drops what was idle for too long. Returns whether there is anything left to look after.
    pub(crate) fn sweep(&self, now: Instant) -> bool {
        let mut expired = Vec::new();
        let mut state = self.lock();
        let State { idle, total, swept } = &mut *state;
        idle.retain(|_, list| {
            let fresh = list
                .iter()
                .position(|idle| now.saturating_since(idle.since) <= self.options.max_idle_timeout)
                .unwrap_or(list.len());
            expired.extend(list.drain(..fresh));
            !list.is_empty()
        });
        *total -= expired.len();
        let any = !idle.is_empty();
        if !any {
            *swept = Swept::No;
        }
        drop(state);
        // Sockets are closed without the lock.
        drop(expired);
        any
    }

    /// Connections that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether idle connections are looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweeping {
    /// They are.
    Running,
    /// A [`Sweep`] must be spawned.
    Needed,
}

/// The task that drops connections which were idle for too long. It ends with the last of them, or with the pool.
pub(crate) struct Sweep<C> {
    pool: Weak<Pool<C>>,
    connector: Arc<dyn Connector>,
    timer: Box<dyn Timer>,
    every: Duration,
}

impl<C: Send + 'static> Sweep<C> {
    pub(crate) fn new(pool: &Arc<Pool<C>>, connector: &Arc<dyn Connector>) -> Self {
        let every = pool.options.max_idle_timeout;
        let mut timer = connector.timer();
        timer.arm(connector.now() + every);
        Self {
            pool: Arc::downgrade(pool),
            connector: Arc::clone(connector),
            timer,
            every,
        }
    }
}

impl<C: Send + 'static> Future for Sweep<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.poll_expired(cx));
            let now = self.connector.now();
            match self.pool.upgrade() {
                Some(pool) if pool.sweep(now) => {}
                _ => return Poll::Ready(()),
            }
            let next = now + self.every;
            self.timer.arm(next);
        }
    }
}

/// As Kitex.
const LEAST_IDLE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pool(per_address: usize, global: usize) -> Pool<u32> {
        Pool::new(PoolOptions {
            max_idle_per_address: per_address,
            max_idle_global: global,
            max_idle_timeout: 10 * SECOND,
        })
    }

    #[test]
    fn the_connection_used_last_comes_first() {
        let (pool, here) = (pool(10, 10), Address::from("h:1"));
        let now = Instant::ZERO;
        for connection in 0..3 {
            pool.put(&here, connection, now);
        }
        assert_eq!(pool.take(&here, now), Some(2));
        assert_eq!(pool.take(&Address::from("h:2"), now), None);
        assert_eq!(pool.len(), 2);
    }

    #[test]
    fn limits_hold_per_address_and_over_all() {
        let (pool, now) = (pool(2, 3), Instant::ZERO);
        let (a, b) = (Address::from("a:1"), Address::from("b:1"));
        for connection in 0..5 {
            pool.put(&a, connection, now);
        }
        assert_eq!(pool.len(), 2);
        for connection in 5..9 {
            pool.put(&b, connection, now);
        }
        assert_eq!(pool.len(), 3);
        assert_eq!(pool.take(&b, now), Some(5));
    }

    #[test]
    fn what_was_idle_for_too_long_is_not_given_out_and_swept() {
        let (pool, here) = (pool(10, 10), Address::from("h:1"));
        assert_eq!(pool.put(&here, 1, Instant::ZERO), Sweeping::Needed);
        assert_eq!(pool.put(&here, 2, Instant::ZERO + 5 * SECOND), Sweeping::Running);
        assert!(pool.sweep(Instant::ZERO + 11 * SECOND));
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.take(&here, Instant::ZERO + 16 * SECOND), None);
        assert_eq!(pool.put(&here, 3, Instant::ZERO + 16 * SECOND), Sweeping::Running);
        assert!(!pool.sweep(Instant::ZERO + 40 * SECOND));
        assert_eq!(pool.len(), 0);
        assert_eq!(
            pool.put(&here, 4, Instant::ZERO + 41 * SECOND),
            Sweeping::Needed,
            "the sweep had ended"
        );
    }

    #[test]
    fn a_pool_that_keeps_nothing_grows_nowhere() {
        let (pool, now) = (pool(0, 0), Instant::ZERO);
        for port in 0..100 {
            pool.put(&Address::from(format!("h:{port}")), port, now);
        }
        assert_eq!(pool.lock().idle.len(), 0);
    }
}
