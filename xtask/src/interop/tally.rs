//! How many cells passed, over several programs that each count their own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::command::{Done, Failure, line};

/// What became of cells.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    /// What went wrong beside that.
    broken: Vec<String>,
}

impl Tally {
    /// Runs a program that prints `N passed, M failed` last of all, and shows what it prints.
    pub(crate) fn of(command: &mut Command) -> Result<Self, Failure> {
        let name = line(command);
        println!("$ {name}");
        let failure = |error: std::io::Error| Failure(format!("{name}: {error}"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failure)?;
        let mut told = None;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line.map_err(failure)?;
                println!("{line}");
                told = counts(&line).or(told);
            }
        }
        let status = child.wait().map_err(failure)?;
        let (passed, failed) = told.unwrap_or_default();
        // A program of which no cell was asked for says so by its status, too.
        let explained = status.success() || failed > 0 || told == Some((0, 0));
        Ok(Self {
            passed,
            failed,
            broken: (!explained).then(|| format!("{name}: {status}")).into_iter().collect(),
        })
    }

    /// Takes what became of another one's cells.
    pub(crate) fn add(&mut self, name: &str, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        let broken = other.broken.into_iter();
        self.broken.extend(broken.map(|text| format!("{name}: {text}")));
    }

    /// Prints the sum; there is a failure if any cell or program failed, or nothing was run.
    pub(crate) fn close(self) -> Done {
        let sum = format!("{} passed, {} failed", self.passed, self.failed);
        println!("\n{sum}");
        if self.failed == 0 && self.passed > 0 && self.broken.is_empty() {
            return Ok(());
        }
        Err(Failure([vec![sum], self.broken].concat().join("; ")))
    }
}

/// The numbers of `N passed, M failed`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn the_last_line_of_a_report() {
        assert_eq!(counts("12 passed, 3 failed"), Some((12, 3)));
        for other in [
            "ok 12 passed, 3 failed",
            "12 passed",
            "12 passed, 3 failed, 1 skipped",
            "",
        ] {
            assert_eq!(counts(other), None);
        }
    }
}
