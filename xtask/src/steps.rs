//! A list of steps with a line for each at the end.

use std::time::Instant;

use crate::command::{Done, Failure, Need};

/// What became of the steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    lines: Vec<String>,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Steps {
    /// Runs a step, unless something it needs is missing; under CI that is a failure.
    pub(crate) fn step(&mut self, name: &str, needs: &[Need], run: impl FnOnce() -> Done) {
        println!("\n=== {name}");
        if let Some(need) = needs.iter().find(|need| !(need.found)()) {
            self.skip(name, *need);
            return;
        }
        let started = Instant::now();
        let done = run();
        let seconds = started.elapsed().as_secs_f32();
        match done {
            Ok(()) => {
                self.passed += 1;
                self.lines.push(format!("ok    {name} ({seconds:.1} s)"));
            }
            Err(Failure(text)) => {
                self.failed += 1;
                self.lines.push(format!("FAIL  {name} ({seconds:.1} s): {text}"));
            }
        }
        if let Some(line) = self.lines.last() {
            println!("--- {line}");
        }
    }

    /// Prints the lines and the sum.
    pub(crate) fn close(self) -> Done {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        println!(
            "steps: {} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
        if self.failed == 0 {
            Ok(())
        } else {
            Err(Failure(format!("{} of the steps failed", self.failed)))
        }
    }

    fn skip(&mut self, name: &str, need: Need) {
        let missing = need.missing();
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            self.failed += 1;
            self.lines.push(format!("FAIL  {name}: {missing} (CI skips nothing)"));
        } else {
            self.skipped += 1;
            self.lines.push(format!("SKIP  {name}: {missing}"));
        }
        if let Some(line) = self.lines.last() {
            println!("--- {line}");
        }
    }
}
