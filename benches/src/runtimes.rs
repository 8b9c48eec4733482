//! The same echo on three runtimes, in a loop of its own, and over TLS, in one table.
//!
//! All of them are called by our client on tokio, and but for TLS only the server changes.

use std::fs;
use std::process::ExitCode;

use crate::Failure;
use crate::cases::Case;
use crate::comparison::counts::{CALLS, count_instructions};
use crate::comparison::options::{self, Options};
use crate::comparison::report::Results;
use crate::comparison::run::{Sample, Side, observe};
use crate::comparison::{Comparison, build, measure_times};
use crate::peers::{Peer, Program};
use crate::process::can_pin;
use crate::summary::{Spread, Thousands};
use crate::syscalls::{self, ALL, SOCKET_WRITES};
use crate::tools::{STRACE, TASKSET, VALGRIND, target_folder};

/// The whole program.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Options::from_env(&RUNTIMES) {
        Ok(Some(options)) => measure(&options),
        Ok(None) => {
            print!("{}", options::help(&RUNTIMES));
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

/// What is counted for one response.
#[derive(Debug, Clone, Copy, Default)]
struct PerResponse {
    writes: Option<f64>,
    system_calls: Option<f64>,
    instructions: Option<f64>,
}

fn measure(options: &Options) -> Result<(), Failure> {
    if options.profile || options.memory {
        return Err("--profile and --memory are for `pingpong` and `grpc`".into());
    }
    let programs = build(options)?;
    if !can_pin() {
        println!("Not pinned: this needs two cores and `taskset` ({}).\n", TASKSET.advice);
    }
    for (wanted, tool) in [(true, STRACE), (options.instructions, VALGRIND)] {
        if wanted && !tool.is_present() {
            println!("Not counted: {}", tool.missing());
        }
    }
    let results = if options.times {
        measure_times(options, &programs)?
    } else {
        Results::default()
    };
    let mut rows = Vec::new();
    for &case in &options.cases {
        for program in &programs {
            rows.push((case, program.peer, count(program, case, options)?));
        }
    }
    print(&results, &rows, options);
    Ok(())
}

fn count(program: &Program, case: Case, options: &Options) -> Result<PerResponse, Failure> {
    let mut counted = PerResponse::default();
    if STRACE.is_present() {
        let record = target_folder().join(format!("strace.{}.{}.out", program.peer.name(), case.name));
        // What an earlier run left must not be taken for this one's.
        fs::write(&record, "")?;
        let tool = |core| syscalls::command_of_all(&program.path, core, &record);
        observe(program, Side::Server, tool, case, CALLS)?;
        let per_response = |names| Ok::<_, Failure>(Some(syscalls::count(&record, names)? as f64 / CALLS as f64));
        counted.writes = per_response(&SOCKET_WRITES)?;
        counted.system_calls = per_response(&ALL)?;
    }
    if options.instructions && VALGRIND.is_present() {
        counted.instructions = Some(count_instructions(program, case, Side::Server)?.instructions);
    }
    Ok(counted)
}

fn print(results: &Results, rows: &[(Case, Peer, PerResponse)], options: &Options) {
    println!("Echo of 1 KiB, the server on each runtime, called by our client on tokio; a core each");
    if options.times {
        println!(
            "{} rounds of {} ms; x tokio: the same figure of tokio in the same round is 1",
            options.rounds,
            options.window.duration.as_millis()
        );
    }
    println!(
        "\n{:<36} {:<10} {:>11} {:>8} {:>11} {:>8} {:>8} {:>14} {:>14} {:>13}",
        "",
        "",
        "calls/s",
        "x tokio",
        "server us",
        "x tokio",
        "p99 us",
        "writes/resp.",
        "syscalls/resp.",
        "instructions"
    );
    let mut last = None;
    for &(case, peer, counted) in rows {
        let title = if last == Some(case) { "" } else { case.title };
        last = Some(case);
        let figure = |of: fn(&Sample) -> f64| results.spread(case, peer, of);
        // A ratio is ours by the peer's; here the peer's by tokio's is wanted.
        let ratio = |of: fn(&Sample) -> f64| results.ratio(case, peer, of).map(|ratio| 1.0 / ratio.median);
        println!(
            "{title:<36} {:<10} {:>11} {:>8} {:>11} {:>8} {:>8} {:>14} {:>14} {:>13}",
            name(peer),
            median(figure(|sample| sample.qps), 0),
            decimals(ratio(|sample| sample.qps), 2),
            median(figure(|sample| sample.server_us), 2),
            decimals(ratio(|sample| sample.server_us), 2),
            median(figure(|sample| sample.p99_us), 0),
            decimals(counted.writes, 3),
            decimals(counted.system_calls, 2),
            decimals(counted.instructions, 0),
        );
    }
}

fn median(spread: Option<Spread>, places: usize) -> String {
    decimals(spread.map(|spread| spread.median), places)
}

fn decimals(figure: Option<f64>, places: usize) -> String {
    match (figure, places) {
        (None, _) => "-".to_owned(),
        (Some(figure), 0) => Thousands(figure).to_string(),
        (Some(figure), _) => format!("{figure:.places$}"),
    }
}

const fn name(peer: Peer) -> &'static str {
    match peer {
        Peer::Kitewire => "tokio",
        Peer::KitewireTls => "tokio, TLS",
        Peer::Mio => "mio loop",
        other => other.name(),
    }
}

const RUNTIMES: Comparison = Comparison {
    about: "Measures our server on each runtime, its core in a loop over mio, and both our sides over TLS. System calls are counted if strace is there.",
    title: "Echo of 1 KiB",
    peers: &[Peer::Kitewire, Peer::KitewireTls, Peer::Smol, Peer::AsyncStd, Peer::Mio],
    cases: &Case::PING_PONG,
    aims: &[],
    protocol: "ttheader",
};
