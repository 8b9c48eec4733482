//! What happened in a world, as one number and as lines to read.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use kitewire_runtime::Instant;

use crate::faults::{FaultCounts, FaultInfo, FaultKind};
use crate::network::{ConnectionId, HostId, Side};

/// What a world has seen so far.
///
/// Two runs did the same thing when their hashes are equal: it covers the time and order of every step of a task, every
/// byte written, every arrival, read, end and fault, and every [`note`](crate::World::note).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// The hash over all of it.
    pub hash: u64,
    /// The virtual time that has passed.
    pub elapsed: Duration,
    /// How often a task was polled.
    pub steps: u64,
    /// Connections begun.
    pub connections: u64,
    /// Bytes written to connections.
    pub bytes: u64,
    /// What went wrong.
    pub faults: FaultCounts,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trace {:016x}: {:?}, {} steps, {} connections, {} bytes, faults: {}",
            self.hash, self.elapsed, self.steps, self.connections, self.bytes, self.faults
        )
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Step {
        task: u64,
    },
    Connect {
        connection: ConnectionId,
        route: Box<str>,
    },
    Refuse {
        connection: ConnectionId,
    },
    Establish {
        connection: ConnectionId,
    },
    Accept {
        connection: ConnectionId,
    },
    Write {
        from: (ConnectionId, Side),
        bytes: usize,
        digest: u64,
    },
    Arrive {
        from: (ConnectionId, Side),
        bytes: usize,
    },
    Read {
        from: (ConnectionId, Side),
        bytes: usize,
    },
    Finish {
        from: (ConnectionId, Side),
    },
    ArriveEnd {
        from: (ConnectionId, Side),
    },
    ArriveReset {
        from: (ConnectionId, Side),
    },
    Hold {
        from: (ConnectionId, Side),
    },
    GiveUp {
        from: (ConnectionId, Side),
    },
    Drop {
        end: (ConnectionId, Side),
    },
    Fault {
        kind: FaultKind,
        what: What,
    },
    Note(Box<str>),
}

/// What a fault happened to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// One between these hosts.
    Connection(ConnectionId, [HostId; 2]),
    Hosts(HostId, HostId),
    Host(HostId),
}

/// Collects what happens.
#[derive(Debug)]
pub(crate) struct Recorder {
    hash: u64,
    steps: u64,
    connections: u64,
    bytes: u64,
    faults: FaultCounts,
    history: Vec<FaultInfo>,
    lines: VecDeque<(Instant, Event)>,
    keep: usize,
}

impl Recorder {
    pub(crate) const fn new(seed: u64, keep: usize) -> Self {
        Self {
            hash: fold(seed, 0),
            steps: 0,
            connections: 0,
            bytes: 0,
            faults: FaultCounts::none(),
            history: Vec::new(),
            lines: VecDeque::new(),
            keep,
        }
    }

    pub(crate) fn record(&mut self, now: Instant, event: Event) {
        self.hash = event.hash(fold(self.hash, now.as_nanos()));
        match &event {
            Event::Step { .. } => self.steps += 1,
            Event::Connect { .. } => self.connections += 1,
            Event::Write { bytes, .. } => self.bytes += *bytes as u64,
            Event::Fault { kind, what } => {
                self.faults.count(*kind);
                self.history.push(what.info(now, *kind));
            }
            _ => {}
        }
        if self.keep > 0 {
            if self.lines.len() >= self.keep {
                self.lines.pop_front();
            }
            self.lines.push_back((now, event));
        }
    }

    /// The faults that happened, the first one first.
    pub(crate) fn faults(&self) -> &[FaultInfo] {
        &self.history
    }

    pub(crate) fn trace(&self, now: Instant) -> Trace {
        Trace {
            hash: self.hash,
            elapsed: now.saturating_since(Instant::ZERO),
            steps: self.steps,
            connections: self.connections,
            bytes: self.bytes,
            faults: self.faults,
        }
    }

    /// The last `count` lines, with hosts by their names.
    pub(crate) fn lines(&self, count: usize, host: &dyn Fn(usize) -> String) -> Vec<String> {
        let skip = self.lines.len().saturating_sub(count);
        self.lines
            .iter()
            .skip(skip)
            .map(|(at, event)| format!("{at:?} {}", event.text(host)))
            .collect()
    }
}

impl Event {
    fn hash(&self, hash: u64) -> u64 {
        let (kind, one, other) = match self {
            Self::Step { task } => (1, *task, 0),
            Self::Connect { connection, route } => (2, connection.0, digest(route.as_bytes())),
            Self::Refuse { connection } => (3, connection.0, 0),
            Self::Establish { connection } => (4, connection.0, 0),
            Self::Accept { connection } => (5, connection.0, 0),
            Self::Write { from, bytes, digest } => (6, end(*from), fold(*bytes as u64, *digest)),
            Self::Arrive { from, bytes } => (7, end(*from), *bytes as u64),
            Self::Read { from, bytes } => (8, end(*from), *bytes as u64),
            Self::Finish { from } => (9, end(*from), 0),
            Self::ArriveEnd { from } => (10, end(*from), 0),
            Self::ArriveReset { from } => (11, end(*from), 0),
            Self::Hold { from } => (12, end(*from), 0),
            Self::GiveUp { from } => (13, end(*from), 0),
            Self::Drop { end: dropped } => (14, end(*dropped), 0),
            Self::Fault { kind, what } => (15, *kind as u64, what.number()),
            Self::Note(text) => (16, digest(text.as_bytes()), 0),
        };
        fold(fold(hash, one.wrapping_shl(8) | kind), other)
    }

    fn text(&self, host: &dyn Fn(usize) -> String) -> String {
        match self {
            Self::Step { task } => format!("task {task} runs"),
            Self::Connect { connection, route } => format!("{connection} connects {route}"),
            Self::Refuse { connection } => format!("{connection} is refused"),
            Self::Establish { connection } => format!("{connection} is established"),
            Self::Accept { connection } => format!("{connection} is accepted"),
            Self::Write {
                from: (id, side),
                bytes,
                ..
            } => format!("{id} {side} writes {bytes} bytes"),
            Self::Arrive {
                from: (id, side),
                bytes,
            } => format!("{id} {bytes} bytes arrive from the {side}"),
            Self::Read {
                from: (id, side),
                bytes,
            } => format!("{id} {bytes} bytes of the {side} are read"),
            Self::Finish { from: (id, side) } => format!("{id} {side} says that it will write no more"),
            Self::ArriveEnd { from: (id, side) } => format!("{id} the end of the {side} arrives"),
            Self::ArriveReset { from: (id, side) } => format!("{id} a reset by the {side} arrives"),
            Self::Hold { from: (id, side) } => format!("{id} what the {side} sent does not get through"),
            Self::GiveUp { from: (id, side) } => format!("{id} {side} gives up sending"),
            Self::Drop { end: (id, side) } => format!("{id} {side} drops it"),
            Self::Fault { kind, what } => match *what {
                What::Connection(id, _) => format!("{id} fault: {kind}"),
                What::Hosts(one, other) => format!("fault: {} and {} {kind}", host(one), host(other)),
                What::Host(one) => format!("fault: {} {kind}", host(one)),
            },
            Self::Note(text) => text.to_string(),
        }
    }
}

impl What {
    const fn number(self) -> u64 {
        match self {
            Self::Connection(id, _) => id.0,
            Self::Hosts(one, other) => ((one as u64) << 32) | other as u64,
            Self::Host(host) => host as u64,
        }
    }

    const fn info(self, at: Instant, kind: FaultKind) -> FaultInfo {
        let (connection, hosts) = match self {
            Self::Connection(id, hosts) => (Some(id), hosts),
            Self::Hosts(one, other) => (None, [one, other]),
            Self::Host(host) => (None, [host, host]),
        };
        FaultInfo {
            at,
            kind,
            connection,
            hosts,
        }
    }
}

const fn end((connection, side): (ConnectionId, Side)) -> u64 {
    (connection.0 << 1) | side as u64
}

/// Mixes one word into a hash.
#[allow(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
const fn fold(hash: u64, word: u64) -> u64 {
    let product = (hash ^ 0x2D35_8DCC_AA6C_78A5) as u128 * (word ^ 0x8BB8_4B93_962E_ACC9) as u128;
    (product as u64) ^ ((product >> 64) as u64) ^ hash.rotate_left(17)
}

/// A hash of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        hash = fold(hash, u64::from_le_bytes(eight));
    }
    let rest = words.remainder();
    let mut eight = [0; 8];
    eight[..rest.len()].copy_from_slice(rest);
    fold(hash, u64::from_le_bytes(eight))
}
