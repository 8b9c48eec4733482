//! `core`: what one ping-pong call costs in the core alone, in instructions and allocations.
//!
//! Without arguments it prints the report. `core loop CASE --iterations N` is the part that it runs under callgrind.

use std::alloc::System;
use std::process::{Command, ExitCode};

use kitewire_benches::Failure;
use kitewire_benches::aims::{Bound, CORE_ALLOCATIONS, CORE_INSTRUCTIONS};
use kitewire_benches::callgrind::{self, Counts};
use kitewire_benches::engine::{Engine, Head};
use kitewire_benches::process::Core;
use kitewire_benches::summary::Thousands;
use kitewire_benches::tools::VALGRIND;
use kitewire_proto::thrift::Text;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => report(),
        ["loop", name, "--iterations", count] => repeat(name, count),
        _ => Err("core, or core loop CASE --iterations N".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> Result<(), Failure> {
    println!("The core alone, one call: receive, dispatch, decode the arguments, encode the answer, take it out");
    println!("(TTHeader and framed Thrift; what puts the request into the buffer is not counted)\n");
    println!("{:<52} {:>13} {:>12}", "", "instructions", "allocations");
    if !VALGRIND.is_present() {
        println!("No instructions: {}.", VALGRIND.missing());
    }
    for case in CASES.iter().filter(|case| !case.title.is_empty()) {
        let allocations = case.allocations()?;
        let instructions = if VALGRIND.is_present() {
            Some(case.instructions()?)
        } else {
            None
        };
        let shown = instructions.map_or_else(|| "-".to_owned(), |count| Thousands(count).to_string());
        println!("{:<52} {shown:>13} {allocations:>12.2}", case.title);
        if case.aimed {
            if let Some(count) = instructions {
                print_aim("instructions per call", CORE_INSTRUCTIONS, count);
            }
            print_aim("allocations per call", CORE_ALLOCATIONS, allocations);
        }
    }
    Ok(())
}

fn print_aim(what: &str, aim: Bound, value: f64) {
    println!("    aim: {what} {aim}: {}", aim.verdict(value));
}

fn repeat(name: &str, count: &str) -> Result<(), Failure> {
    let case = CASES
        .iter()
        .find(|case| case.name == name)
        .ok_or_else(|| format!("no case {name}"))?;
    (case.run)(case, count.parse()?)
}

struct Case {
    name: &'static str,
    /// Empty for what is measured to be taken off the others.
    title: &'static str,
    head: Head,
    payload: usize,
    aimed: bool,
    run: fn(&Self, u64) -> Result<(), Failure>,
}

impl Case {
    fn text(&self, iterations: u64) -> Result<(), Failure> {
        let mut engine = Engine::new(self.head, Text::from("x".repeat(self.payload)))?;
        (0..iterations).try_for_each(|_| engine.call::<Text>())
    }

    fn string(&self, iterations: u64) -> Result<(), Failure> {
        let mut engine = Engine::new(self.head, "x".repeat(self.payload))?;
        (0..iterations).try_for_each(|_| engine.call::<String>())
    }

    fn allocations(&self) -> Result<f64, Failure> {
        let count = |iterations| -> Result<usize, Failure> {
            let region = Region::new(ALLOCATOR);
            (self.run)(self, iterations)?;
            let change = region.change();
            Ok(change.allocations + change.reallocations)
        };
        let (short, long) = (count(ITERATIONS)?, count(2 * ITERATIONS)?);
        Ok((long as f64 - short as f64) / ITERATIONS as f64)
    }

    fn instructions(&self) -> Result<f64, Failure> {
        let whole = per_call(self.name)?;
        let feeding = per_call(if self.payload > 1 { "feed-1024" } else { "feed-1" })?;
        Ok(whole - feeding)
    }
}

/// Feeds a request of this size and does nothing with it.
fn feed(case: &Case, iterations: u64) -> Result<(), Failure> {
    let mut engine = Engine::new(case.head, Text::from("x".repeat(case.payload)))?;
    (0..iterations).for_each(|_| engine.feed_only());
    Ok(())
}

fn per_call(name: &str) -> Result<f64, Failure> {
    let count = |iterations: u64| -> Result<Counts, Failure> {
        let record = callgrind::record_file(&format!("core.{name}.{iterations}"));
        let mut command: Command = callgrind::command(std::env::current_exe()?, Core::Free, &record);
        let status = command
            .args(["loop", name, "--iterations", &iterations.to_string()])
            .status()?;
        if status.success() {
            callgrind::read(&record)
        } else {
            Err(format!("callgrind ended with {status}").into())
        }
    };
    Ok(callgrind::per_call(count(ITERATIONS)?, count(2 * ITERATIONS)?, ITERATIONS).instructions)
}

const ITERATIONS: u64 = 2000;

const CASES: [Case; 7] = [
    Case {
        name: "text-1",
        title: "1 byte, bytes-backed",
        head: Head::Named,
        payload: 1,
        aimed: true,
        run: Case::text,
    },
    Case {
        name: "text-1-bare",
        title: "the same, no entry in the header",
        head: Head::Bare,
        payload: 1,
        aimed: false,
        run: Case::text,
    },
    Case {
        name: "text-1-mux",
        title: "the same, multiplexed",
        head: Head::Multiplexed,
        payload: 1,
        aimed: false,
        run: Case::text,
    },
    Case {
        name: "text-1024",
        title: "1 KiB, bytes-backed: with UTF-8 check and one copy",
        head: Head::Named,
        payload: 1024,
        aimed: false,
        run: Case::text,
    },
    Case {
        name: "string-1024",
        title: "1 KiB, `String`: with UTF-8 check and two copies",
        head: Head::Named,
        payload: 1024,
        aimed: false,
        run: Case::string,
    },
    Case {
        name: "feed-1",
        title: "",
        head: Head::Named,
        payload: 1,
        aimed: false,
        run: feed,
    },
    Case {
        name: "feed-1024",
        title: "",
        head: Head::Named,
        payload: 1024,
        aimed: false,
        run: feed,
    },
];
