//! What can be counted instead of timed: instructions, allocations and system calls.

use std::fs;
use std::process::Command;

use super::options::Options;
use super::run::{Side, observe};
use super::{Comparison, verdict};
use crate::aims::Figure;
use crate::callgrind::{self, PerCall};
use crate::cases::Case;
use crate::peers::{Peer, Program, build_ours};
use crate::summary::Thousands;
use crate::tools::{STRACE, Tool, VALGRIND, target_folder};
use crate::{Failure, syscalls};

/// Counts what the options ask for, and prints it.
///
/// # Errors
/// When a run fails. A tool that is missing is named instead.
pub fn print(comparison: &Comparison, options: &Options, programs: &[Program]) -> Result<(), Failure> {
    let wanted: [(bool, Tool, Count); 3] = [
        (options.instructions, VALGRIND, print_instructions),
        (options.writes, STRACE, print_writes),
        (options.profile, VALGRIND, print_profile),
    ];
    for (wanted, tool, count) in wanted {
        if wanted && !tool.is_present() {
            println!("{}", tool.missing());
        } else if wanted {
            count(comparison, options, programs)?;
        }
    }
    Ok(())
}

/// Runs `memory` for the protocol of a comparison.
///
/// # Errors
/// When it cannot be built or fails.
pub fn print_memory(comparison: &Comparison) -> Result<(), Failure> {
    eprintln!("building memory ...");
    let status = Command::new(build_ours("memory")?)
        .args(["--protocol", comparison.protocol])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`memory` ended with {status}").into())
    }
}

type Count = fn(&Comparison, &Options, &[Program]) -> Result<(), Failure>;

fn print_instructions(comparison: &Comparison, options: &Options, programs: &[Program]) -> Result<(), Failure> {
    println!("User instructions and allocations per call; {}", comparison.title);
    for &case in &options.cases {
        println!("\n{}", case.title);
        for side in [Side::Server, Side::Client] {
            let mut counts = Vec::new();
            for program in programs.iter().filter(|program| program.peer.is_native()) {
                let count = count_instructions(program, case, side)?;
                print_count(comparison, program.peer, case, side, count);
                counts.push((program.peer, count.instructions));
            }
            print_ratios(&counts, side);
        }
    }
    Ok(())
}

fn print_count(comparison: &Comparison, peer: Peer, case: Case, side: Side, counts: PerCall) {
    // A few allocations in thousands of calls belong to the connection, not to calls.
    let allocations = (counts.allocations.max(0.0) * 10.0).round() / 10.0;
    println!(
        "{:>10} {} {:>7} instructions, {allocations:.1} allocations",
        peer.name(),
        side.name(),
        Thousands(counts.instructions),
    );
    if peer == Peer::Kitewire && side == Side::Server {
        for (what, figure, value) in [
            ("instructions", Figure::Instructions, counts.instructions),
            ("allocations", Figure::Allocations, allocations),
        ] {
            if let Some(bound) = comparison.aim(case, figure, None) {
                println!("{:>17} aim: {bound} {what}: {}", "", bound.verdict(value));
            }
        }
    }
}

fn print_ratios(counts: &[(Peer, f64)], side: Side) {
    let Some((_, ours)) = counts.iter().find(|(peer, _)| *peer == Peer::Kitewire) else {
        return;
    };
    for (peer, theirs) in counts.iter().filter(|(peer, _)| *peer != Peer::Kitewire) {
        println!(
            "{:>24} {} instructions {:.2} x",
            format!("kitewire / {}", peer.name()),
            side.name(),
            ours / theirs
        );
    }
}

pub(crate) fn count_instructions(program: &Program, case: Case, side: Side) -> Result<PerCall, Failure> {
    let count = |calls| {
        let name = format!("{}.{}.{}.{calls}", program.peer.name(), side.name(), case.name);
        let record = callgrind::record_file(&name);
        observe(
            program,
            side,
            |core| callgrind::command(&program.path, core, &record),
            case,
            calls,
        )?;
        callgrind::read(&record)
    };
    Ok(callgrind::per_call(count(CALLS)?, count(2 * CALLS)?, CALLS))
}

fn print_writes(comparison: &Comparison, options: &Options, programs: &[Program]) -> Result<(), Failure> {
    println!("Server process, writing system calls per call");
    for &case in &options.cases {
        println!("\n{}", case.title);
        for program in programs {
            let record = target_folder().join(format!("strace.{}.{}.out", program.peer.name(), case.name));
            // What an earlier run left must not be taken for this one's.
            fs::write(&record, "")?;
            let tool = |core| syscalls::command(&program.path, core, &record);
            observe(program, Side::Server, tool, case, CALLS)?;
            let writes = syscalls::writes(&record)? as f64 / CALLS as f64;
            let aim = match program.peer {
                Peer::Kitewire => comparison.aim(case, Figure::Writes, None),
                _ => None,
            };
            println!("{:>10} {writes:.3}{}", program.peer.name(), verdict(aim, writes));
        }
    }
    Ok(())
}

fn print_profile(_: &Comparison, options: &Options, programs: &[Program]) -> Result<(), Failure> {
    for program in programs.iter().filter(|program| program.peer == Peer::Kitewire) {
        for &case in &options.cases {
            for side in [Side::Server, Side::Client] {
                let record = callgrind::record_file(&format!("profile.{}.{}", side.name(), case.name));
                let tool = |core| callgrind::command(&program.path, core, &record);
                observe(program, side, tool, case, PROFILE_CALLS)?;
                println!(
                    "\nOur {}, {}: instructions of {PROFILE_CALLS} calls",
                    side.name(),
                    case.title
                );
                for line in callgrind::top_functions(&record, TOP)? {
                    println!("  {line}");
                }
            }
        }
    }
    Ok(())
}

/// Enough for connections and buffers to be what they stay, few enough for a tool that is fifty times slower.
pub(crate) const CALLS: u64 = 10_000;
const PROFILE_CALLS: u64 = 20_000;
const TOP: usize = 40;
