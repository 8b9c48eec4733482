//! What the driver asks of a protocol: a sans-IO connection and the handlers of what comes in over it.

use std::future::Future;
use std::ops::DerefMut;
use std::task::{Context, Waker};

use kitewire_proto::record::Recorder;
use kitewire_proto::{CloseReason, Instant, Machine};

/// A connection with its handlers.
pub(crate) trait Engine {
    /// A handler on its way through a task of its own.
    type Background: Future<Output = ()> + Send + 'static;

    type Machine: Machine;

    /// The connection, which nobody else reaches in the meantime.
    fn machine(&mut self) -> impl DerefMut<Target = Self::Machine>;

    /// Records the connection, on which nothing has happened.
    fn record(&mut self, recorder: Recorder);

    /// What `take` takes from the recorder; nothing without one.
    fn recorded(&mut self, take: fn(&mut Recorder) -> Vec<u8>) -> Vec<u8>;

    /// Whether a part of the work was left for the next turn.
    fn has_more(&self) -> bool {
        false
    }

    /// Whom to wake from now on.
    fn adopt(&mut self, _task: &Waker) {}

    /// The connection's task goes to work.
    fn wake(&mut self) {}

    /// Bytes have been written. Returns whether that led to events.
    fn after_write(&mut self) -> bool {
        false
    }

    /// Answers what handlers in tasks of their own have finished.
    fn collect(&mut self, now: Instant);

    /// Polls the handler that waits here, if there is one.
    fn resume(&mut self, now: Instant, cx: &mut Context<'_>);

    /// Does what the connection's events ask for, as far as `budget` allows. Without `spawn` every handler stays here.
    fn handle_events(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        spawn: Option<Spawn<'_, Self::Background>>,
    );

    /// How much the connection has to do.
    fn load(&self) -> Load;

    /// Why the connection is over, once that has been told.
    fn closed(&self) -> Option<&CloseReason>;

    /// Whether the peer may still send although the connection is over.
    fn lingers(&self) -> bool;

    /// The connection's task goes to sleep.
    fn rest(&mut self);

    /// Gives back what an idle connection does not need.
    fn release_memory(&mut self);

    /// The connection is over, and nobody waits for its handlers any more.
    fn abandon(&mut self, spawn: Option<Spawn<'_, Self::Background>>);
}

/// Runs handlers in tasks of their own, where there are any.
pub(crate) type Spawn<'a, B> = &'a dyn Fn(B);

/// How much a connection has to do and to hold; for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Requests that are not answered.
    pub(crate) calls: usize,
    /// Bytes held.
    pub(crate) memory: usize,
    /// Flow-control credit that the peer gets back once somebody reads.
    pub(crate) withheld: usize,
}

impl Load {
    /// That of both.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            memory: self.memory.saturating_add(other.memory),
            withheld: self.withheld.saturating_add(other.withheld),
        }
    }
}

/// How much may still be done before others get their turn.
#[derive(Debug)]
pub(crate) struct Budget {
    calls: u32,
    bytes: usize,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self {
            calls: MAX_CALLS,
            bytes: MAX_BYTES,
        }
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.calls == 0 || self.bytes == 0
    }

    pub(crate) const fn spend_call(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    pub(crate) const fn spend_bytes(&mut self, read: usize) {
        self.bytes = self.bytes.saturating_sub(read);
    }
}

/// Calls that one wake of a connection starts at most.
const MAX_CALLS: u32 = 256;
/// Bytes that one wake of a connection reads at most.
const MAX_BYTES: usize = 512 * 1024;
