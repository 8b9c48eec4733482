//! What worlds have held.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use kitewire_simulator::{FaultCounts, Trace};

use crate::entry::End;
use crate::task::{Kind, Line, Task};

/// Counts of calls.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Calls with one message each way.
    pub calls: u64,
    /// Streams.
    pub streams: u64,
    /// Messages, both ways.
    pub messages: u64,
    /// Calls and streams that ended well.
    pub good: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that their callers dropped.
    pub dropped: u64,
    /// Stops of servers in the middle of it.
    pub stops: u64,
    kinds: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn open(&mut self, task: &Task, line: &Line) {
        if task.kind >= Kind::Collect {
            self.streams += 1;
            *self
                .kinds
                .entry(format!("{:?} over {}", task.kind, line.streams))
                .or_default() += 1;
        } else {
            self.calls += 1;
            *self
                .kinds
                .entry(format!("{:?} over {}", task.kind, line.calls))
                .or_default() += 1;
        }
    }

    pub(crate) const fn end(&mut self, end: &End) {
        match end {
            End::Good => self.good += 1,
            End::Failed(_) => self.failed += 1,
            End::Dropped => self.dropped += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.streams += other.streams;
        self.messages += other.messages;
        self.good += other.good;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.stops += other.stops;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind.clone()).or_default() += count;
        }
    }
}

/// What one world, or many, have held.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many.
    pub worlds: u64,
    /// The hashes of their traces, each bound to its seed, so that their order does not matter.
    pub hash: u64,
    /// Their calls.
    pub tally: Tally,
    /// Virtual time.
    pub elapsed: Duration,
    /// Polls of tasks.
    pub steps: u64,
    /// Connections.
    pub connections: u64,
    /// Bytes on connections.
    pub bytes: u64,
    /// What went wrong in the network.
    pub faults: FaultCounts,
}

impl Report {
    pub(crate) fn of(seed: u64, trace: &Trace, tally: Tally) -> Self {
        let spread = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        Self {
            worlds: 1,
            hash: (trace.hash ^ spread).wrapping_mul(0xD6E8_FEB8_6659_FD93),
            tally,
            elapsed: trace.elapsed,
            steps: trace.steps,
            connections: trace.connections,
            bytes: trace.bytes,
            faults: trace.faults,
        }
    }

    /// Adds what other worlds have held.
    pub fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.hash = self.hash.wrapping_add(other.hash);
        self.tally.add(&other.tally);
        self.elapsed += other.elapsed;
        self.steps += other.steps;
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.faults.add(&other.faults);
    }
}

impl fmt::Display for Report {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |count: u64| count as f64 / self.worlds.max(1) as f64;
        let tally = &self.tally;
        writeln!(
            f,
            "a seed holds on average: {:.1} calls, {:.1} streams, {:.1} messages, {:.1} connections, {:.0} bytes, {:.0} steps, \
             {:.1} s of virtual time, {:.2} faults, {:.2} stops of a server",
            each(tally.calls),
            each(tally.streams),
            each(tally.messages),
            each(self.connections),
            each(self.bytes),
            each(self.steps),
            self.elapsed.as_secs_f64() / self.worlds.max(1) as f64,
            each(self.faults.total()),
            each(tally.stops),
        )?;
        writeln!(
            f,
            "calls and streams: {} ended well, {} failed as they should or may, {} were dropped",
            tally.good, tally.failed, tally.dropped
        )?;
        let kinds: Vec<_> = tally
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        writeln!(f, "kinds: {}", kinds.join(", "))?;
        writeln!(f, "faults: {}", self.faults)
    }
}
