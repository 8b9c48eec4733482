//! Ends a process whose world has a task that never comes back: nothing inside the world's own thread can.

use std::process::exit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Looks at the worlds of some threads, by the system's clock.
///
/// The simulator's limits are counted between the steps of tasks. A step that does not end, as of a handler that turns in
/// circles, is none that they see.
#[derive(Debug)]
pub struct Watchdog {
    watched: Arc<Watched>,
}

/// The worlds that are lived through now.
#[derive(Debug, Default)]
struct Watched(Mutex<Vec<World>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct World {
    seed: u64,
    since: Instant,
}

/// A world that is watched until this is dropped.
struct Leash<'a> {
    watched: &'a Watched,
    world: World,
}

impl Watchdog {
    /// Names the seed of a world that has not ended after a minute, and ends the process as a failure. The largest worlds
    /// take a second or two.
    #[must_use]
    pub fn start() -> Self {
        Self::with(PATIENCE, |seed| {
            println!(
                "seed {seed}: property ends does not hold: a step of some task has not ended after {PATIENCE:?}\n\
                 replay it: cargo xtask sim --seed {seed}"
            );
            exit(1);
        })
    }

    /// Barks once at each world that lives longer than `patience`.
    pub fn with(patience: Duration, bark: impl Fn(u64) + Send + 'static) -> Self {
        let watched = Arc::new(Watched::default());
        let known = Arc::downgrade(&watched);
        thread::spawn(move || {
            while let Some(watched) = known.upgrade() {
                watched.overdue(patience).into_iter().for_each(|world| bark(world.seed));
                drop(watched);
                thread::sleep(patience / LOOKS);
            }
        });
        Self { watched }
    }

    /// What `life` returns, which lives through the world of `seed`.
    pub fn watch<T>(&self, seed: u64, life: impl FnOnce() -> T) -> T {
        let _leash = self.watched.enter(seed);
        life()
    }
}

impl Watched {
    fn enter(&self, seed: u64) -> Leash<'_> {
        let since = Instant::now();
        let world = World { seed, since };
        self.lock().push(world);
        Leash { watched: self, world }
    }

    /// Those that live for too long; they are watched no longer.
    fn overdue(&self, patience: Duration) -> Vec<World> {
        let late = |world: &mut World| world.since.elapsed() >= patience;
        self.lock().extract_if(.., late).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<World>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Leash<'_> {
    fn drop(&mut self) {
        self.watched.lock().retain(|world| *world != self.world);
    }
}

/// What a world may take: thirty times the largest one on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked while one lives as long as it may.
const LOOKS: u32 = 20;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_barks_at_a_world_that_hangs() {
        let (tell, told) = channel();
        let watchdog = Watchdog::with(Duration::from_millis(1), move |seed| _ = tell.send(seed));
        let barked = watchdog.watch(3, || told.recv_timeout(LONG));
        assert_eq!(barked, Ok(3));
    }

    #[test]
    fn worlds_that_have_ended_and_young_ones_are_left_alone() {
        let watched = Watched::default();
        let seeds = |worlds: Vec<World>| worlds.into_iter().map(|world| world.seed).collect::<Vec<_>>();
        drop(watched.enter(1));
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _leash = watched.enter(2);
            std::panic::resume_unwind(Box::new("a failure"));
        }));
        assert!(unwound.is_err());
        let _leash = watched.enter(3);
        assert_eq!(seeds(watched.overdue(LONG)), []);
        assert_eq!(seeds(watched.overdue(Duration::ZERO)), [3]);
        assert_eq!(seeds(watched.overdue(Duration::ZERO)), [], "it is told once");
    }

    /// The test ends without it; this bounds a failure.
    const LONG: Duration = Duration::from_secs(60);
}
