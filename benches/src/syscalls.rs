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

/// A command that runs `program` and leaves the counts of its system calls in `record`.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, core: Core, record: &Path) -> Command {
    let mut command = pinned(STRACE.name, core);
    command
        // `-D`: the tracer is the child, so that it is the program that gets the signal to end.
        .args(["-D", "-f", "-c", "-o"])
        .arg(record)
        .args(["-e", "trace=write,writev,sendto,sendmsg"])
        .arg(program.as_ref());
    command
}

/// The number of writing system calls in a record. The tracer writes it shortly after the program has ended.
///
/// # Errors
/// When no record appears.
pub fn writes(record: &Path) -> Result<u64, Failure> {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        let table = fs::read_to_string(record)?;
        if table.trim_end().ends_with(" total") {
            return Ok(parse(&table));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(format!("no counts in {}", record.display()).into())
}

/// `% time  seconds  usecs/call  calls [errors]  syscall`, one line for each system call.
fn parse(table: &str) -> u64 {
    table
        .lines()
        .filter(|line| WRITES.iter().any(|name| line.trim_end().ends_with(&format!(" {name}"))))
        .filter_map(|line| line.split_ascii_whitespace().nth(3)?.parse::<u64>().ok())
        .sum()
}

const WRITES: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];

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
        assert_eq!(parse(table), 1002);
    }
}
