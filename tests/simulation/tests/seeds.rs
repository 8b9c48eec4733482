//! Some seeds, as a test among the others: `cargo xtask sim` has many more.

use kitewire_simulation::{Failure, Report, Watchdog};

#[test]
fn seeds_hold_every_property() {
    kitewire_simulation::quiet_planned_panics();
    let watchdog = Watchdog::start();
    for seed in 0..60 {
        if let Err(failure) = run(&watchdog, seed) {
            panic!("{}: cargo xtask sim --seed {seed}", failure.violation.what);
        }
    }
}

#[test]
fn a_seed_goes_the_same_way_whatever_was_before() {
    kitewire_simulation::quiet_planned_panics();
    let watchdog = Watchdog::start();
    let hash = |seed| run(&watchdog, seed).map_or(0, |report| report.hash);
    let first: Vec<u64> = (100..110).map(hash).collect();
    let again: Vec<u64> = (100..110).rev().map(hash).collect();
    assert_eq!(first, again.into_iter().rev().collect::<Vec<_>>());
    assert!(first.iter().all(|hash| *hash != 0));
}

fn run(watchdog: &Watchdog, seed: u64) -> Result<Report, Box<Failure>> {
    watchdog.watch(seed, || kitewire_simulation::run(seed, 0))
}
