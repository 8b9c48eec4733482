//! Lives through many seeds, or one: what `cargo xtask sim` runs.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use kitewire_simulation::{Failure, Report, Watchdog, difference};

fn main() -> ExitCode {
    kitewire_simulation::quiet_planned_panics();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(wish) = Wish::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match wish {
        Wish::One(seed) => one(seed),
        Wish::Many { from, seeds, threads } => many(from, seeds, threads),
        #[cfg(kitewire_planted)]
        Wish::Planted { seeds, threads, only } => planted(seeds, threads, only.as_deref()),
    }
}

enum Wish {
    One(u64),
    Many {
        from: u64,
        seeds: u64,
        threads: u64,
    },
    #[cfg(kitewire_planted)]
    Planted {
        seeds: u64,
        threads: u64,
        only: Option<String>,
    },
}

impl Wish {
    fn parse(arguments: &[String]) -> Option<Self> {
        let (mut from, mut seeds, mut threads, mut one) = (0, 2000, 2, None);
        let mut words = arguments.iter();
        #[cfg(kitewire_planted)]
        let mut only = None;
        while let Some(word) = words.next() {
            let value = words.next()?;
            #[cfg(kitewire_planted)]
            if word == "--planted" {
                only = Some(value.clone());
                continue;
            }
            let number: u64 = value.parse().ok()?;
            match word.as_str() {
                "--from" => from = number,
                "--seeds" => seeds = number,
                "--threads" => threads = number.max(1),
                "--seed" => one = Some(number),
                _ => return None,
            }
        }
        #[cfg(kitewire_planted)]
        if let Some(only) = only {
            let only = Some(only).filter(|only| only != "all");
            return Some(Self::Planted { seeds, threads, only });
        }
        Some(one.map_or(Self::Many { from, seeds, threads }, Self::One))
    }
}

/// One seed, twice, with its trace.
fn one(seed: u64) -> ExitCode {
    let watchdog = Watchdog::start();
    match run(&watchdog, seed, LOG).and_then(|first| Ok((first, run(&watchdog, seed, 0)?))) {
        Ok((first, second)) => {
            println!("seed {seed} holds every property\n{first}hash {:016x}", first.hash);
            if first.hash == second.hash {
                return ExitCode::SUCCESS;
            }
            println!("and goes another way the second time: {:016x}", second.hash);
            if let Some((one, other)) = difference(seed) {
                println!("the first difference:\n  {one}\n  {other}");
            }
        }
        Err(failure) => {
            for line in &failure.log {
                println!("{line}");
            }
            tell(&failure);
        }
    }
    ExitCode::FAILURE
}

/// A range of seeds, on some threads. Goes on behind a failure, to a few of them.
fn many(from: u64, seeds: u64, threads: u64) -> ExitCode {
    let started = Instant::now();
    let until = from.saturating_add(seeds);
    let (next, failures) = (AtomicU64::new(from), AtomicU64::new(0));
    let watchdog = Watchdog::start();
    let work = || {
        let mut sum = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= until || failures.load(Ordering::Relaxed) >= MAX_FAILURES {
                return sum;
            }
            match live(&watchdog, seed) {
                Some(report) => sum.add(&report),
                None => _ = failures.fetch_add(1, Ordering::Relaxed),
            }
        }
    };
    let mut sum = Report::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(report) => sum.add(&report),
                Err(_) => _ = failures.fetch_add(1, Ordering::Relaxed),
            }
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let speed = sum.worlds as f64 / seconds;
    let failed = failures.into_inner();
    println!(
        "{} seeds from {from} passed in {seconds:.1} s on {threads} threads, {failed} failed: {speed:.0} seeds per second",
        sum.worlds
    );
    print!("{sum}");
    println!("hash of all of them: {:016x}", sum.hash);
    #[cfg(kitewire_planted)]
    println!("reached {}", kitewire_proto::planted::reached());
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What a seed holds, if it holds its properties. Some are lived through twice, to the same hash.
fn live(watchdog: &Watchdog, seed: u64) -> Option<Report> {
    let lived = run(watchdog, seed, 0).and_then(|first| match seed % TWICE {
        0 => Ok((run(watchdog, seed, 0)?.hash == first.hash, first)),
        _ => Ok((true, first)),
    });
    match lived {
        Ok((true, report)) => return Some(report),
        Ok((false, _)) => println!("seed {seed}: property trace does not hold: it goes another way the second time"),
        Err(failure) => tell(&failure),
    }
    println!("replay it: cargo xtask sim --seed {seed}");
    None
}

fn run(watchdog: &Watchdog, seed: u64, log: usize) -> Result<Report, Box<Failure>> {
    watchdog.watch(seed, || kitewire_simulation::run(seed, log))
}

/// Looks for the planted faults.
#[cfg(kitewire_planted)]
fn planted(seeds: u64, threads: u64, only: Option<&str>) -> ExitCode {
    println!(
        "{:24} {:11} {:10} found by another test",
        "fault", "found at", "property"
    );
    let watchdog = Watchdog::start();
    let live = |seed| run(&watchdog, seed, 0).err();
    let (found, all) = kitewire_simulation::planted::search(seeds, threads, only, live, |search| println!("{search}"));
    println!("{found} of {all} planted faults found within {seeds} seeds");
    if found >= all.min(ENOUGH) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tell(failure: &Failure) {
    println!(
        "seed {}: property {} does not hold: {}",
        failure.seed, failure.violation.property, failure.violation.what
    );
}

const USAGE: &str = "\
kitewire-simulation [--seeds N] [--from SEED] [--threads N]  many seeds
kitewire-simulation --seed SEED                             one seed, with its trace";
/// Lines of the trace that one seed shows.
const LOG: usize = 20_000;
/// Planted faults that must be found, where all are looked for.
#[cfg(kitewire_planted)]
const ENOUGH: usize = 18;
/// Failures after which no other seed is tried.
const MAX_FAILURES: u64 = 10;
/// One seed in so many is lived through twice.
const TWICE: u64 = 50;
