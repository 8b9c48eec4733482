//! A world: hosts, a network, and a clock that only the world moves.

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire_runtime::Instant;

use crate::builder::Builder;
use crate::core::{Advance, Shared, Spawned};
use crate::executor::{Executor, Turn};
use crate::net::Net;
use crate::network::HostId;
use crate::random::Random;
use crate::runtime::{Simulated, Sleep};
use crate::stuck::{Stuck, Why};
use crate::trace::{Event, Trace};

/// Hosts with their tasks, a network between them, and virtual time, all decided by one seed.
///
/// Tasks run in the thread that calls [`Self::run_until`], and only then. When all of them wait, the clock jumps to what
/// happens next. Dropping a world drops every task in it.
pub struct World {
    shared: Arc<Shared>,
    executor: Executor,
    seed: u64,
    /// Decides how long steps take, if they take any time.
    random: Random,
    poll_cost: RangeInclusive<Duration>,
    limits: (Duration, u64),
    /// A [`Stuck`] has told what happened last.
    told: bool,
}

impl World {
    /// The world of `seed`, with every default of [`Builder`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::builder(seed).build()
    }

    /// To make another world of `seed`.
    pub const fn builder(seed: u64) -> Builder {
        Builder::new(seed)
    }

    pub(crate) fn from_builder(builder: Builder) -> Self {
        let mut random = Random::new(!builder.seed);
        Self {
            executor: Executor::new(builder.schedule, random.fork()),
            random: random.fork(),
            poll_cost: builder.settings.poll_cost.clone(),
            shared: Arc::new(Shared::new(builder.seed, builder.settings, builder.log)),
            seed: builder.seed,
            limits: (builder.time_limit, builder.step_limit),
            told: false,
        }
    }

    /// The host of that name. It is made with the first call, and gets the next address of 10.0.0.0/8.
    #[must_use]
    pub fn host(&self, name: &str) -> Simulated {
        Simulated {
            host: self.shared.with(|state| state.network.host(name)),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Runs `task` in the background, on no host.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.spawn(Spawned {
            host: None,
            name: None,
            future: Box::pin(task),
        });
    }

    /// Runs the world until `future` is ready. It belongs to no host, may borrow, and need not be `Send`.
    ///
    /// # Errors
    /// [`Stuck`] when nothing is left that could happen, or when the run takes too long.
    pub fn run_until<F: Future>(&mut self, future: F) -> Result<F::Output, Stuck> {
        let mut future = pin!(future);
        let waker = self.executor.main();
        let (time, mut steps) = self.limits;
        let limit = self.now() + time;
        loop {
            self.executor.obey(&self.shared);
            match self.executor.next() {
                Some(_) if steps == 0 => return Err(self.stuck(Why::Steps(self.limits.1))),
                Some(Turn::Main) => {
                    if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return Ok(outcome);
                    }
                }
                Some(Turn::Task(slot)) => self.executor.run(slot, &self.shared),
                None => match self.shared.advance(limit) {
                    Advance::Moved => continue,
                    Advance::Never => return Err(self.stuck(Why::Nothing)),
                    Advance::Beyond => return Err(self.stuck(Why::Time(time))),
                },
            }
            steps = steps.saturating_sub(1);
            if self.spend() > limit {
                return Err(self.stuck(Why::Time(time)));
            }
        }
    }

    /// Runs the world for some virtual time.
    ///
    /// # Errors
    /// [`Stuck`] when it takes too many steps.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Stuck> {
        let sleep = self.sleep(time);
        self.run_until(sleep)
    }

    /// The present time. A world begins at [`Instant::ZERO`].
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.with(|state| state.core.now)
    }

    /// Waits for `time` to pass.
    pub fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(&self.shared, time)
    }

    /// The network, to do something to it.
    #[must_use]
    pub fn net(&self) -> Net {
        Net::new(&self.shared)
    }

    /// A generator of random numbers; another one with each call.
    #[must_use]
    pub fn random(&self) -> Random {
        self.shared.with(|state| state.core.forks.fork())
    }

    /// The seed that it was made with.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What has happened so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.shared.with(|state| state.core.recorder.trace(state.core.now))
    }

    /// The last lines of the trace, as text.
    #[must_use]
    pub fn log(&self, lines: usize) -> Vec<String> {
        self.shared.with(|state| {
            let hosts = &state.network.hosts;
            let name = |host: HostId| hosts.get(host).map_or_else(String::new, |host| host.name.to_string());
            state.core.recorder.lines(lines, &name)
        })
    }

    /// The tasks that have not ended, by host, name and number.
    #[must_use]
    pub fn tasks(&self) -> Vec<String> {
        let waiting: Vec<_> = self.executor.waiting().collect();
        self.shared.with(|state| {
            let hosts = &state.network.hosts;
            let shown = waiting.into_iter().map(|(number, host, name)| {
                let host = host
                    .and_then(|host| hosts.get(host))
                    .map_or("no host", |host| &host.name);
                format!("task {number} of {host}: {}", name.unwrap_or("spawned"))
            });
            shown.collect()
        })
    }

    /// Writes a line into the trace, and into its hash.
    pub fn note(&self, text: impl Into<Box<str>>) {
        let text = text.into();
        self.shared.with(|state| state.core.record(Event::Note(text)));
    }

    /// Lets a step take its time. Returns what time it is then.
    fn spend(&mut self) -> Instant {
        if self.poll_cost.end().is_zero() {
            return Instant::ZERO;
        }
        self.shared.spend(self.random.duration(&self.poll_cost))
    }

    fn stuck(&mut self, why: Why) -> Stuck {
        self.told = true;
        Stuck {
            why,
            seed: self.seed,
            trace: Box::new(self.trace()),
            tasks: self.tasks(),
            connections: self.net().connections(),
            log: self.log(LINES),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("trace", &self.trace())
            .finish_non_exhaustive()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if !self.told {
                eprintln!("{}", self.log(LINES).join("\n"));
            }
            eprintln!("replay it with {}={}", crate::SEED, self.seed);
        }
        // Dropping a task may spawn others, and drop handles of the world.
        self.shared.with(|state| state.orders.over = true);
        self.executor.obey(&self.shared);
        self.executor.clear();
    }
}

/// Lines of the trace that a failure shows.
const LINES: usize = 40;
