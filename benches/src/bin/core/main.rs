//! `core`: what one ping-pong call and one message of a stream over TTHeader cost in the core alone, in instructions and
//! allocations.
//!
//! Without arguments it prints the report. `core loop CASE --iterations N` is the part that it runs under callgrind.

mod calls;
mod messages;

use std::alloc::System;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use kitewire_benches::Failure;
use kitewire_benches::aims::Bound;
use kitewire_benches::callgrind::{self, Counts};
use kitewire_benches::tools::VALGRIND;
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
    if !VALGRIND.is_present() {
        println!("No instructions: {}.", VALGRIND.missing());
    }
    calls::report()?;
    println!();
    messages::report()
}

fn repeat(name: &str, count: &str) -> Result<(), Failure> {
    let count = count.parse()?;
    calls::repeat(name, count)
        .or_else(|| messages::repeat(name, count))
        .ok_or_else(|| format!("no case {name}"))?
}

fn print_aim(what: &str, aim: Bound, value: f64) {
    println!("    aim: {what} {aim}: {}", aim.verdict(value));
}

/// Runs a case under callgrind, by a command that is made for the record's file.
fn count(name: &str, iterations: u64, command: impl Fn(PathBuf, &Path) -> Command) -> Result<Counts, Failure> {
    let record = callgrind::record_file(&format!("core.{name}.{iterations}"));
    let status = command(std::env::current_exe()?, &record)
        .args(["loop", name, "--iterations", &iterations.to_string()])
        .status()?;
    if status.success() {
        callgrind::read(&record)
    } else {
        Err(format!("callgrind ended with {status}").into())
    }
}

/// How often something asks for memory.
fn allocations(work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let region = Region::new(ALLOCATOR);
    work()?;
    let change = region.change();
    Ok((change.allocations + change.reallocations) as f64)
}
