//! What can be counted instead of timed: instructions, allocations and system calls.

use std::fs;

use super::options::Options;
use super::run::{Side, observe};
use crate::aims::{Bound, SERVER_ALLOCATIONS, SERVER_INSTRUCTIONS, WRITES};
use crate::callgrind::{self, PerCall};
use crate::cases::Case;
use crate::peers::{Peer, Program};
use crate::summary::Thousands;
use crate::tools::{STRACE, Tool, VALGRIND, target_folder};
use crate::{Failure, syscalls};

/// Counts what the options ask for, and prints it.
///
/// # Errors
/// When a run fails. A tool that is missing is named instead.
pub fn print(options: &Options, programs: &[Program]) -> Result<(), Failure> {
    let wanted: [(bool, Tool, Count); 3] = [
        (options.instructions, VALGRIND, print_instructions),
        (options.writes, STRACE, print_writes),
        (options.profile, VALGRIND, print_profile),
    ];
    for (wanted, tool, count) in wanted {
        if wanted && !tool.is_present() {
            println!("{}", tool.missing());
        } else if wanted {
            count(options, programs)?;
        }
    }
    Ok(())
}

type Count = fn(&Options, &[Program]) -> Result<(), Failure>;

fn print_instructions(options: &Options, programs: &[Program]) -> Result<(), Failure> {
    println!("User instructions and allocations per call, echo of 1 KiB");
    for &case in &options.cases {
        println!("\n{}", case.title());
        for program in programs.iter().filter(|program| program.peer.is_native()) {
            for side in [Side::Server, Side::Client] {
                print_count(program, case, side, count_instructions(program, case, side)?);
            }
        }
    }
    Ok(())
}

fn print_count(program: &Program, case: Case, side: Side, counts: PerCall) {
    let aimed = program.peer == Peer::Kitewire && case == Case::Multiplexed && side == Side::Server;
    let aim = |bound: Bound, value| {
        if aimed {
            format!(" (aim: {bound}: {})", bound.verdict(value))
        } else {
            String::new()
        }
    };
    // A few allocations in thousands of calls belong to the connection, not to calls.
    let allocations = (counts.allocations.max(0.0) * 10.0).round() / 10.0;
    println!(
        "{:>10} {} {:>7} instructions{}, {allocations:.1} allocations{}",
        program.peer.name(),
        side.name(),
        Thousands(counts.instructions),
        aim(SERVER_INSTRUCTIONS, counts.instructions),
        aim(SERVER_ALLOCATIONS, allocations),
    );
}

fn count_instructions(program: &Program, case: Case, side: Side) -> Result<PerCall, Failure> {
    let count = |calls| {
        let name = format!("{}.{}.{}.{calls}", program.peer.name(), side.name(), case.name());
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

fn print_writes(options: &Options, programs: &[Program]) -> Result<(), Failure> {
    println!("Server process, writing system calls per call");
    for &case in &options.cases {
        println!("\n{}", case.title());
        for program in programs {
            let record = target_folder().join(format!("strace.{}.{}.out", program.peer.name(), case.name()));
            // What an earlier run left must not be taken for this one's.
            fs::write(&record, "")?;
            let tool = |core| syscalls::command(&program.path, core, &record);
            observe(program, Side::Server, tool, case, CALLS)?;
            let writes = syscalls::writes(&record)? as f64 / CALLS as f64;
            let aimed = program.peer == Peer::Kitewire && case == Case::Multiplexed;
            let aim = if aimed {
                format!(" (aim: {WRITES}: {})", WRITES.verdict(writes))
            } else {
                String::new()
            };
            println!("{:>10} {writes:.3}{aim}", program.peer.name());
        }
    }
    Ok(())
}

fn print_profile(options: &Options, programs: &[Program]) -> Result<(), Failure> {
    for program in programs.iter().filter(|program| program.peer == Peer::Kitewire) {
        for &case in &options.cases {
            for side in [Side::Server, Side::Client] {
                let record = callgrind::record_file(&format!("profile.{}.{}", side.name(), case.name()));
                let tool = |core| callgrind::command(&program.path, core, &record);
                observe(program, side, tool, case, PROFILE_CALLS)?;
                println!(
                    "\nOur {}, {}: instructions of {PROFILE_CALLS} calls",
                    side.name(),
                    case.title()
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
const CALLS: u64 = 10_000;
const PROFILE_CALLS: u64 = 20_000;
const TOP: usize = 40;
