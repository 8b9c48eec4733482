//! Counting a server's writes with strace.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::process::{Core, pinned};
use crate::tools::STRACE;

/// A command that runs `program` and leaves the counts of its writes in `record`.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, core: Core, record: &Path) -> Command {
    tracer(program, core, record, &["-e", "trace=write,writev,sendto,sendmsg"])
}

/// The same with all of its system calls.
#[must_use]
pub fn command_of_all(program: impl AsRef<OsStr>, core: Core, record: &Path) -> Command {
    tracer(program, core, record, &[])
}

fn tracer(program: impl AsRef<OsStr>, core: Core, record: &Path, filter: &[&str]) -> Command {
    let mut command = pinned(STRACE.name, core);
    command
        // `-D`: the tracer is the child, so that it is the program that gets the signal to end.
        .args(["-D", "-f", "-c", "-o"])
        .arg(record)
        .args(filter)
        .arg(program.as_ref());
    command
}

/// The number of writing system calls in a record. The tracer writes it shortly after the program has ended.
///
/// # Errors
/// When no record appears.
pub fn writes(record: &Path) -> Result<u64, Failure> {
    count(record, &WRITES)
}

/// The number of some system calls in a record.
///
/// # Errors
/// When no record appears.
pub fn count(record: &Path, names: &[&str]) -> Result<u64, Failure> {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        let table = fs::read_to_string(record)?;
        if table.trim_end().ends_with(" total") {
            return Ok(parse(&table, names));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(format!("no counts in {}", record.display()).into())
}

/// `% time  seconds  usecs/call  calls [errors]  syscall`, one line for each system call.
fn parse(table: &str, names: &[&str]) -> u64 {
    table
        .lines()
        .filter(|line| names.iter().any(|name| line.trim_end().ends_with(&format!(" {name}"))))
        .filter_map(|line| line.split_ascii_whitespace().nth(3)?.parse::<u64>().ok())
        .sum()
}

const WRITES: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];
/// Those that a TCP socket is written with. What a server passes to `write` wakes its threads.
pub const SOCKET_WRITES: [&str; 3] = ["writev", "sendto", "sendmsg"];
/// All together, as the last line has it.
pub const ALL: [&str; 1] = ["total"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n \
            90.00    0.001000           1      1000         3 sendto\n \
            10.00    0.000100          50         2           write\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.001100           1      1002         3 total\n";
        assert_eq!(parse(table, &WRITES), 1002);
        assert_eq!(parse(table, &SOCKET_WRITES), 1000);
        assert_eq!(parse(table, &ALL), 1002);
    }
}
