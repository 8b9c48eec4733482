//! The ping-pong measurement: every side in every case, over and over, side by side.

pub mod counts;
pub mod options;
pub mod report;
pub mod run;

use crate::Failure;
use crate::cases::Case;
use crate::peers::{Peer, Program};
use crate::process::can_pin;
use crate::tools::TASKSET;

use options::Options;
use report::Results;

/// Builds the sides, measures, and prints the report.
///
/// # Errors
/// When we cannot be built or a run of ours fails. Other sides that cannot run are left out, and named.
pub fn main(options: &Options) -> Result<(), Failure> {
    let programs = build(options)?;
    if !can_pin() {
        println!("Not pinned: this needs two cores and `taskset` ({}).\n", TASKSET.advice);
    }
    if options.times {
        let results = measure(options, &programs)?;
        report::print(&results, options);
    }
    counts::print(options, &programs)
}

fn build(options: &Options) -> Result<Vec<Program>, Failure> {
    let mut programs = Vec::new();
    for &peer in &options.peers {
        let first_time = match peer {
            Peer::Volo => " (some minutes the first time)",
            _ => "",
        };
        eprintln!("building {}{first_time} ...", peer.name());
        match peer.build() {
            Ok(program) => programs.push(program),
            Err(failure) if peer == Peer::Kitewire => return Err(failure),
            Err(failure) => println!("Skipped: {}: {failure}", peer.name()),
        }
    }
    Ok(programs)
}

/// Runs whole rounds: in each, every case, and in each case all sides right after each other.
fn measure(options: &Options, programs: &[Program]) -> Result<Results, Failure> {
    let mut results = Results::default();
    for round in 0..options.rounds {
        for &case in &options.cases {
            // Another side goes first each time, so that none always follows the same one.
            let turn = round % programs.len().max(1);
            for program in programs[turn..].iter().chain(&programs[..turn]) {
                match run::measure(program, case, options.window) {
                    Ok(sample) => results.add(round, case, program.peer, sample),
                    Err(failure) if program.peer == Peer::Kitewire => return Err(failed(program, case, &failure)),
                    Err(failure) => println!("Left out of round {}: {}", round + 1, failed(program, case, &failure)),
                }
            }
            eprintln!(
                "round {} of {}, {}: {}",
                round + 1,
                options.rounds,
                case.title(),
                results.line(round, case)
            );
        }
    }
    Ok(results)
}

fn failed(program: &Program, case: Case, failure: &Failure) -> Failure {
    format!("{}, {}: {failure}", program.peer.name(), case.title()).into()
}
