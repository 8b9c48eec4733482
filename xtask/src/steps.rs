//! A list of steps with a line for each at the end.

use std::time::Instant;

use crate::command::{Done, Failure, Need};

/// What became of the steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    lines: Vec<String>,
    /// What the failed steps told beyond their line.
    details: Vec<String>,
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
                let (first, more) = text.split_once('\n').unwrap_or((&text, ""));
                self.lines.push(format!("FAIL  {name} ({seconds:.1} s): {first}"));
                if !more.is_empty() {
                    self.details.push(format!("{name}:\n{}", head(more)));
                }
            }
        }
        if let Some(line) = self.lines.last() {
            println!("--- {line}");
        }
    }

    /// Prints what failed, the lines of the steps and the sum.
    pub(crate) fn close(self) -> Done {
        println!();
        for detail in &self.details {
            println!("{detail}\n");
        }
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

/// As many of the lines as the end of a log can show beside the steps.
fn head(lines: &str) -> String {
    let mut shown: Vec<&str> = lines.lines().take(DETAILS).collect();
    if lines.lines().count() > DETAILS {
        shown.push("…");
    }
    shown.join("\n")
}

const DETAILS: usize = 25;
