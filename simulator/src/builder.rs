//! How a world is made.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::core::Settings;
use crate::executor::Schedule;
use crate::faults::Faults;
use crate::world::World;

/// Makes a [`World`]. Every setting has a default that finds bugs.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    pub(crate) schedule: Schedule,
    pub(crate) time_limit: Duration,
    pub(crate) step_limit: u64,
    pub(crate) log: usize,
}

impl Builder {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seed,
            settings: Settings {
                latency: Duration::from_micros(50)..=Duration::from_millis(1),
                chunks: Some(1..=64 * 1024),
                buffer: 64 * 1024,
                backlog: 4096,
                lateness: Duration::ZERO..=Duration::ZERO,
                poll_cost: Duration::ZERO..=Duration::ZERO,
                give_up: Duration::from_secs(15 * 60),
                faults: Faults::none(),
            },
            schedule: Schedule::Seeded,
            time_limit: Duration::from_secs(3600),
            step_limit: 10_000_000,
            log: 1000,
        }
    }

    /// How long it takes from host to host; 50 µs to 1 ms by default. What one side of a connection sends arrives in
    /// order.
    pub const fn latency(mut self, latency: RangeInclusive<Duration>) -> Self {
        self.settings.latency = latency;
        self
    }

    /// How many bytes one read or write moves: half of the time as many as it can, otherwise a number of this range,
    /// each magnitude with the same chance; 1 to 65536 by default. What was written at once arrives in two parts now
    /// and then.
    pub const fn chunks(mut self, sizes: RangeInclusive<usize>) -> Self {
        self.settings.chunks = Some(sizes);
        self
    }

    /// Each read and write moves all that it can, and what was written at once arrives at once.
    pub fn whole(mut self) -> Self {
        self.settings.chunks = None;
        self
    }

    /// How many bytes one direction of a connection holds before its writer waits; 64 KiB by default.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.settings.buffer = bytes.max(1);
        self
    }

    /// How many connections wait to be accepted before a host ignores further ones; 4096 by default.
    pub const fn backlog(mut self, connections: usize) -> Self {
        self.settings.backlog = connections;
        self
    }

    /// How late timers expire; not at all by default.
    pub const fn timer_lateness(mut self, lateness: RangeInclusive<Duration>) -> Self {
        self.settings.lateness = lateness;
        self
    }

    /// How much time one step of a task takes; none by default. With some, packets arrive and timers expire while tasks
    /// wait for their turn.
    pub const fn poll_cost(mut self, cost: RangeInclusive<Duration>) -> Self {
        self.settings.poll_cost = cost;
        self
    }

    /// After how long a system ends a connection whose packets do not get through; 15 minutes by default.
    pub const fn give_up(mut self, time: Duration) -> Self {
        self.settings.give_up = time;
        self
    }

    /// What goes wrong by itself; nothing by default.
    pub const fn faults(mut self, faults: Faults) -> Self {
        self.settings.faults = faults;
        self
    }

    /// Which task runs next.
    pub const fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// How much virtual time one run may take; an hour by default.
    pub const fn time_limit(mut self, time: Duration) -> Self {
        self.time_limit = time;
        self
    }

    /// How many steps one run may take; ten million by default. A step is one poll of a task: one that does not return
    /// is beyond every limit of a world, and nothing but the process's end ends it.
    pub const fn step_limit(mut self, steps: u64) -> Self {
        self.step_limit = steps;
        self
    }

    /// How many lines of the trace are kept; 1000 by default.
    pub const fn log(mut self, lines: usize) -> Self {
        self.log = lines;
        self
    }

    /// The world.
    #[must_use]
    pub fn build(self) -> World {
        World::from_builder(self)
    }
}
