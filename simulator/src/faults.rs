//! What goes wrong by itself, and how often it did.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use kitewire_runtime::Instant;

use crate::network::{ConnectionId, HostId};
use crate::runtime::Simulated;

/// Faults that happen by themselves, as the seed decides. Without any, the network is slow but honest.
///
/// Each is given as "once in so many times" on average; 0 is never. What may go wrong while data arrives is drawn for
/// each piece that does, once, so a connection with more traffic meets more faults, and what was held back arrives in the end.
///
/// ```
/// use std::time::Duration;
/// use kitewire_simulator::{Faults, World};
///
/// let faults = Faults::none()
///     .resets(500)
///     .stalls(100, Duration::from_millis(1)..=Duration::from_millis(200));
/// let world = World::builder(7).faults(faults).build();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Faults {
    pub(crate) refusals: u32,
    pub(crate) accept_failures: u32,
    pub(crate) resets: u32,
    pub(crate) cuts: u32,
    pub(crate) vanishings: u32,
    pub(crate) stalls: u32,
    pub(crate) stall: RangeInclusive<Duration>,
    pub(crate) partitions: u32,
    pub(crate) partition: RangeInclusive<Duration>,
}

impl Faults {
    /// No fault.
    pub const fn none() -> Self {
        Self {
            refusals: 0,
            accept_failures: 0,
            resets: 0,
            cuts: 0,
            vanishings: 0,
            stalls: 0,
            stall: Duration::ZERO..=Duration::ZERO,
            partitions: 0,
            partition: Duration::ZERO..=Duration::ZERO,
        }
    }

    /// A connect is refused once in `connects`.
    pub const fn refusals(mut self, connects: u32) -> Self {
        self.refusals = connects;
        self
    }

    /// Accepting fails once in `accepts`, as if the process had no file descriptor left. The connection stays in the
    /// queue.
    pub const fn accept_failures(mut self, accepts: u32) -> Self {
        self.accept_failures = accepts;
        self
    }

    /// A connection is reset at both ends once in `arrivals`.
    pub const fn resets(mut self, arrivals: u32) -> Self {
        self.resets = arrivals;
        self
    }

    /// A connection ends early at both ends, without an error, once in `arrivals`: what is under way is lost.
    pub const fn cuts(mut self, arrivals: u32) -> Self {
        self.cuts = arrivals;
        self
    }

    /// A connection dies once in `arrivals` without anybody being told: nothing arrives any more, in either direction.
    pub const fn vanishings(mut self, arrivals: u32) -> Self {
        self.vanishings = arrivals;
        self
    }

    /// One direction of a connection stands still for a while once in `arrivals`.
    pub const fn stalls(mut self, arrivals: u32, time: RangeInclusive<Duration>) -> Self {
        self.stalls = arrivals;
        self.stall = time;
        self
    }

    /// Two hosts do not hear each other for a while once in `arrivals`. What they send meanwhile arrives afterwards.
    pub const fn partitions(mut self, arrivals: u32, time: RangeInclusive<Duration>) -> Self {
        self.partitions = arrivals;
        self.partition = time;
        self
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

/// What went wrong, drawn from the seed or asked for through [`Net`](crate::Net).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A connect was refused although somebody listened.
    Refused,
    /// Accepting a connection failed once.
    AcceptFailed,
    /// A connection was reset at both ends.
    Reset,
    /// A connection ended early at both ends.
    Cut,
    /// A connection, or one direction of it, fell silent for ever.
    Vanished,
    /// A connection, or one direction of it, stood still for a while.
    Stalled,
    /// Two hosts did not hear each other for a while.
    Partitioned,
    /// The tasks of a host were ended, and its connections closed as by an operating system.
    Killed,
    /// A host fell silent, and its tasks were ended.
    PoweredOff,
}

impl FaultKind {
    /// Every kind, in the order in which they are counted.
    pub const ALL: [Self; 9] = [
        Self::Refused,
        Self::AcceptFailed,
        Self::Reset,
        Self::Cut,
        Self::Vanished,
        Self::Stalled,
        Self::Partitioned,
        Self::Killed,
        Self::PoweredOff,
    ];

    /// Its name in traces and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::AcceptFailed => "accept failed",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Vanished => "vanished",
            Self::Stalled => "stalled",
            Self::Partitioned => "partitioned",
            Self::Killed => "killed",
            Self::PoweredOff => "powered off",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault that happened. See [`Net::faults`](crate::Net::faults).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FaultInfo {
    /// When.
    pub at: Instant,
    /// What went wrong.
    pub kind: FaultKind,
    /// The connection that it happened to, if it was one.
    pub connection: Option<ConnectionId>,
    pub(crate) hosts: [HostId; 2],
}

impl FaultInfo {
    /// Whether it happened to `host`, to a connection of it, or between it and another one.
    #[must_use]
    pub fn concerns(&self, host: &Simulated) -> bool {
        self.hosts.contains(&host.host)
    }
}

/// How often each fault happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([u64; FaultKind::ALL.len()]);

impl FaultCounts {
    /// How often `kind` happened.
    #[must_use]
    pub const fn of(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that happened, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        FaultKind::ALL
            .into_iter()
            .map(|kind| (kind, self.of(kind)))
            .filter(|(_, count)| *count > 0)
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    pub(crate) const fn none() -> Self {
        Self([0; FaultKind::ALL.len()])
    }

    pub(crate) const fn count(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, count) in self.iter() {
            write!(f, "{separator}{count} {kind}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}
