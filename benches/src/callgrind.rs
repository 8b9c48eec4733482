//! Counting with valgrind's callgrind.
//!
//! What a call costs is the difference of two runs that do the same but for the number of calls, divided by the
//! difference of these numbers: start and end of the process fall out.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::process::{Core, pinned};
use crate::tools::{VALGRIND, target_folder};

/// What one run under callgrind did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Instructions executed in user mode.
    pub instructions: u64,
    /// Calls of the allocator that give memory.
    pub allocations: u64,
}

/// The same per call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerCall {
    /// Instructions executed in user mode.
    pub instructions: f64,
    /// Calls of the allocator that give memory.
    pub allocations: f64,
}

/// A file for one run's record.
#[must_use]
pub fn record_file(name: &str) -> PathBuf {
    target_folder().join(format!("callgrind.{name}.out"))
}

/// A command that runs `program` under callgrind and leaves the record in `record`.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, core: Core, record: &Path) -> Command {
    command_without(program, core, record, &[])
}

/// The same, but what happens in `functions` is not counted. A star stands for any part of a name.
#[must_use]
pub fn command_without(program: impl AsRef<OsStr>, core: Core, record: &Path, functions: &[&str]) -> Command {
    let toggles = functions.iter().map(|function| format!("--toggle-collect={function}"));
    // Behind the others, which would have counting begin switched off.
    let options = toggles.chain(["--collect-atstart=yes".to_owned()]);
    valgrind(program, core, record, options)
}

/// The same, but only what happens in `function` is counted.
#[must_use]
pub fn command_within(program: impl AsRef<OsStr>, core: Core, record: &Path, function: &str) -> Command {
    valgrind(program, core, record, [format!("--toggle-collect={function}")])
}

fn valgrind(
    program: impl AsRef<OsStr>,
    core: Core,
    record: &Path,
    options: impl IntoIterator<Item = String>,
) -> Command {
    let mut command = pinned(VALGRIND.name, core);
    command
        .args(["--quiet", "--tool=callgrind"])
        .args(options)
        .arg(format!("--callgrind-out-file={}", record.display()))
        .arg(program.as_ref())
        // `rep movsb` and `rep stosb` count one instruction per byte, which no processor takes; this makes memcpy and
        // memset not use them.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000",
        );
    command
}

/// Reads a record.
///
/// # Errors
/// When there is none, or it has no total.
pub fn read(record: &Path) -> Result<Counts, Failure> {
    parse(&fs::read_to_string(record)?).ok_or_else(|| format!("no total in {}", record.display()).into())
}

/// What each of `calls` further calls cost, where `short` made so many less than `long`.
#[must_use]
pub fn per_call(short: Counts, long: Counts, calls: u64) -> PerCall {
    let per_call = |short: u64, long: u64| (long as f64 - short as f64) / calls as f64;
    PerCall {
        instructions: per_call(short.instructions, long.instructions),
        allocations: per_call(short.allocations, long.allocations),
    }
}

/// The functions that most of a record's instructions were spent in, one per line.
///
/// # Errors
/// When `callgrind_annotate` fails.
pub fn top_functions(record: &Path, count: usize) -> Result<Vec<String>, Failure> {
    let output = Command::new("callgrind_annotate")
        .arg("--threshold=95")
        .arg(record)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let functions = text
        .lines()
        .skip_while(|line| !line.contains("file:function"))
        .skip(2)
        .take_while(|line| !line.trim().is_empty())
        .take(count)
        .map(shorten)
        .collect();
    Ok(functions)
}

/// Cuts the files off: what is left is the count, its share, and the function.
fn shorten(line: &str) -> String {
    let figures_end = line.find(')').map_or(0, |at| at + 1);
    let (figures, rest) = line.split_at(figures_end);
    let function = rest.split_once(':').map_or(rest, |(_, function)| function);
    let function = function.rsplit_once(" [").map_or(function, |(function, _)| function);
    format!("{figures} {}", function.trim())
}

fn parse(record: &str) -> Option<Counts> {
    let mut instructions = None;
    let mut allocators: Vec<&str> = Vec::new();
    let mut callee_allocates = false;
    let mut allocations = 0;
    for line in record.lines() {
        if let Some(total) = line.strip_prefix("totals:") {
            instructions = total.trim().parse().ok();
        } else if let Some(name) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            // `(7) name` where the name first appears, `(7)` afterwards.
            let (id, name) = name.split_once(' ').unwrap_or((name, ""));
            if ALLOCATORS.contains(&name) {
                allocators.push(id);
            }
            callee_allocates = line.starts_with("cfn=") && allocators.contains(&id);
        } else if let Some(calls) = line.strip_prefix("calls=")
            && callee_allocates
        {
            allocations += calls.split(' ').next()?.parse::<u64>().ok()?;
        }
    }
    Some(Counts {
        instructions: instructions?,
        allocations,
    })
}

/// Where every allocation passes once.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read() {
        let record = "fn=(1) main\n0 5\ncfn=(2) malloc\ncalls=3 0\n0 30\ncfn=(3) free\ncalls=9 0\n0 9\n\nfn=(4) f\ncfn=(2)\ncalls=2 0\n0 8\n\ntotals: 52\n";
        assert_eq!(
            parse(record),
            Some(Counts {
                instructions: 52,
                allocations: 5
            })
        );
    }

    #[test]
    fn a_profile_line_is_shortened() {
        let line = "1,234 (12.34%)  ???:kitewire_proto::pingpong::Framer::next [/bin/echo]";
        assert_eq!(shorten(line), "1,234 (12.34%) kitewire_proto::pingpong::Framer::next");
    }
}
