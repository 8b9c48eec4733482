//! How many cells passed, over several programs that each count their own.

use std::process::Command;

use crate::command::{Failure, Failures, line, watch};

/// What became of cells.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    /// What went wrong beside that.
    broken: Vec<String>,
    /// The lines of the cells that failed.
    lines: Vec<String>,
}

impl Tally {
    /// Runs a program that prints `N passed, M failed` last of all, and shows what it prints.
    pub(crate) fn of(command: &mut Command) -> Result<Self, Failure> {
        let (mut told, mut lines) = (None, Vec::new());
        let status = watch(command, |line| {
            told = counts(line).or(told);
            if line.starts_with("FAIL") {
                lines.push(line.to_owned());
            }
        })?;
        let (passed, failed) = told.unwrap_or_default();
        // A program of which no cell was asked for says so by its status, too.
        let explained = status.success() || failed > 0 || told == Some((0, 0));
        Ok(Self {
            passed,
            failed,
            broken: (!explained)
                .then(|| format!("{}: {status}", line(command)))
                .into_iter()
                .collect(),
            lines,
        })
    }

    /// Takes what became of another one's cells.
    pub(crate) fn add(&mut self, name: &str, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        let broken = other.broken.into_iter();
        self.broken.extend(broken.map(|text| format!("{name}: {text}")));
        self.lines.extend(other.lines);
    }

    /// Prints the sum; there is a failure if any cell or program failed, or nothing was run.
    pub(crate) fn close(self) -> Result<(), Failures> {
        let sum = format!("{} passed, {} failed", self.passed, self.failed);
        println!("\n{sum}");
        if self.failed == 0 && self.passed > 0 && self.broken.is_empty() {
            return Ok(());
        }
        let whole = self.broken.is_empty();
        let first = [vec![sum], self.broken].concat().join("; ");
        let text = [vec![first], self.lines.clone()].concat().join("\n");
        Err(Failures {
            failure: Failure(text),
            cases: if whole { self.lines } else { Vec::new() },
        })
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
