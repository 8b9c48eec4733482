//! Several sides beside each other: every side in every case, over and over.

pub mod counts;
pub mod options;
pub mod report;
pub mod run;

use std::process::ExitCode;

use crate::Failure;
use crate::aims::{Aim, Bound, Figure};
use crate::cases::Case;
use crate::peers::{Peer, Program};
use crate::process::can_pin;
use crate::tools::TASKSET;

use options::Options;
use report::Results;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// What `--help` begins with.
    pub about: &'static str,
    /// What the report begins with.
    pub title: &'static str,
    /// Whom, in the order of the report.
    pub peers: &'static [Peer],
    /// In which cases, in the order of the report.
    pub cases: &'static [Case],
    /// What we want to reach.
    pub aims: &'static [Aim],
    /// What idle connections speak, as `memory` names it.
    pub protocol: &'static str,
}

impl Comparison {
    /// A whole program: reads the command line and does what it says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let done = match Options::from_env(self) {
            Ok(Some(options)) => self.measure(&options),
            Ok(None) => {
                print!("{}", options::help(self));
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("{failure}");
                ExitCode::FAILURE
            }
        }
    }

    /// The aim for one of our figures, by itself or divided by a peer's.
    #[must_use]
    pub fn aim(&self, case: Case, figure: Figure, against: Option<Peer>) -> Option<Bound> {
        let is_this = |aim: &&Aim| aim.case == case && aim.figure == figure && aim.against == against;
        self.aims.iter().find(is_this).map(|aim| aim.bound)
    }

    /// Builds the sides, measures, and prints the report. Sides of others that cannot run are left out, and named.
    fn measure(&self, options: &Options) -> Result<(), Failure> {
        if options.memory {
            return counts::print_memory(self);
        }
        let programs = build(options)?;
        if !can_pin() {
            println!("Not pinned: this needs two cores and `taskset` ({}).\n", TASKSET.advice);
        }
        if options.times {
            let results = measure_times(options, &programs)?;
            report::print(self, &results, options);
        }
        counts::print(self, options, &programs)
    }
}

pub(crate) fn build(options: &Options) -> Result<Vec<Program>, Failure> {
    let mut programs = Vec::new();
    for &peer in &options.peers {
        let first_time = match peer {
            Peer::Volo | Peer::Tonic => " (some minutes the first time)",
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
pub(crate) fn measure_times(options: &Options, programs: &[Program]) -> Result<Results, Failure> {
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
                case.title,
                results.line(round, case, &options.peers)
            );
        }
    }
    Ok(results)
}

fn failed(program: &Program, case: Case, failure: &Failure) -> Failure {
    format!("{}, {}: {failure}", program.peer.name(), case.title).into()
}

/// What to print behind a figure of ours that has an aim.
fn verdict(aim: Option<Bound>, figure: f64) -> String {
    aim.map_or(String::new(), |bound| {
        format!("   aim: {bound}: {}", bound.verdict(figure))
    })
}
