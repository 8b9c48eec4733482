//! What must hold in every world.

use std::fmt;

/// What must hold in every world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// A call runs its handler once at most, and where nothing went wrong, once.
    Once,
    /// A call ends.
    Ends,
    /// Messages arrive as they were sent.
    Bytes,
    /// Messages of a stream arrive in order, all of them, and none after its end.
    Order,
    /// Nothing fails without a reason.
    Honest,
    /// A deadline ends its own call, in time and not before.
    Deadline,
    /// Nothing takes longer than it must.
    Prompt,
    /// A handler hears that nobody waits for it any more.
    Cancelled,
    /// Every handler ends.
    Handlers,
    /// A server without calls says so, and holds nothing.
    Idle,
    /// Flow-control credit comes back.
    Credit,
    /// Connections hold no more than they may.
    Memory,
    /// A server stops by its deadline, and breaks no call before it.
    Shutdown,
    /// No task and no connection is left behind.
    Tasks,
    /// The same seed gives the same world.
    Trace,
    /// Nothing panics.
    Panic,
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// A property that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// How it shows.
    pub what: String,
}
