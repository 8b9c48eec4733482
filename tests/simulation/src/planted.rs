//! Which of the planted faults the simulation finds: a check of the properties themselves.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use kitewire_proto::planted::{Bug, plant, reached};

use crate::life::Failure;

/// A fault, and the first seed that shows it.
#[derive(Debug)]
pub struct Search {
    bug: Bug,
    failure: Option<Box<Failure>>,
    /// How often the fault made a difference in the seeds that were tried.
    reached: u64,
}

/// Looks for every fault, or the one called `only`, in the first `seeds` seeds, which `live` lives through, and tells of
/// each by `tell`. Returns how many were found, and how many there are.
pub fn search(
    seeds: u64,
    threads: u64,
    only: Option<&str>,
    live: impl Fn(u64) -> Option<Box<Failure>> + Sync,
    tell: impl Fn(&Search),
) -> (usize, usize) {
    let chosen = Bug::ALL.iter().filter(|bug| only.is_none_or(|only| bug.name() == only));
    let (mut found, mut all) = (0, 0);
    for bug in chosen {
        plant(Some(*bug));
        let failure = first_failure(seeds, threads, &live);
        let search = Search {
            bug: *bug,
            failure,
            reached: reached(),
        };
        plant(None);
        found += usize::from(search.failure.is_some());
        all += 1;
        tell(&search);
    }
    (found, all)
}

/// The failure of the lowest seed, whichever thread comes first.
fn first_failure(
    seeds: u64,
    threads: u64,
    live: &(impl Fn(u64) -> Option<Box<Failure>> + Sync),
) -> Option<Box<Failure>> {
    let (next, limit) = (AtomicU64::new(0), AtomicU64::new(seeds));
    let lowest: Mutex<Option<Box<Failure>>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= limit.load(Ordering::Relaxed) {
                        return;
                    }
                    let Some(failure) = live(seed) else { continue };
                    limit.fetch_min(seed, Ordering::Relaxed);
                    let mut lowest = lowest.lock().unwrap_or_else(PoisonError::into_inner);
                    if lowest.as_ref().is_none_or(|lowest| seed < lowest.seed) {
                        *lowest = Some(failure);
                    }
                }
            });
        }
    });
    lowest.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Which other test finds it, if one does.
fn elsewhere(name: &str) -> &'static str {
    let lines = ELSEWHERE.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(known, _)| *known == name)
        .map(|(_, by)| by.trim())
        .next()
        .unwrap_or("not measured")
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, elsewhere) = (self.bug.name(), elsewhere(self.bug.name()));
        match &self.failure {
            Some(failure) => {
                let property = failure.violation.property;
                write!(f, "{name:24} seed {:<6} {property:10} {elsewhere}", failure.seed)
            }
            None => write!(f, "{name:24} not found (reached {} times)  {elsewhere}", self.reached),
        }
    }
}

/// Lines of a fault's name and the test that finds it.
const ELSEWHERE: &str = include_str!("planted-elsewhere.txt");
