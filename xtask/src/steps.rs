//! A list of steps with a line for each at the end.

use std::time::Instant;

use crate::command::{Done, Failure, Failures, Need};

/// What became of the steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    lines: Vec<String>,
    /// What failed steps and unsteady cases told beyond their line.
    details: Vec<String>,
    /// Cases that failed once and passed then.
    unsteady: Vec<String>,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Steps {
    /// Runs a step, unless something it needs is missing; under CI that is a failure.
    pub(crate) fn step(&mut self, name: &str, needs: &[Need], run: impl FnOnce() -> Done) {
        let again = |_: &[String]| Ok(());
        self.cases(name, needs, || run().map_err(Failures::from), again);
    }

    /// The same for a step that goes through many cases, with `again` for those that failed.
    ///
    /// Where sockets, clocks and other people's programs have a part, one case of thousands can fail once in a hundred runs.
    /// So where no more than a few have failed, they are run once more. If they pass then, so does the step, which names
    /// them as unsteady, with what they said: each is a defect to look for, but says nothing about the change.
    pub(crate) fn cases(
        &mut self,
        name: &str,
        needs: &[Need],
        run: impl FnOnce() -> Result<(), Failures>,
        again: impl FnOnce(&[String]) -> Done,
    ) {
        println!("\n=== {name}");
        if let Some(need) = needs.iter().find(|need| !(need.found)()) {
            self.skip(name, *need);
            return;
        }
        let started = Instant::now();
        let done = run().or_else(|Failures { failure, cases }| {
            if !(1..=FEW).contains(&cases.len()) {
                return Err(failure);
            }
            println!("\n=== {name}, once more: {}", cases.join(", "));
            again(&cases)?;
            self.unsteady
                .extend(cases.into_iter().map(|case| format!("{name}: {case}")));
            self.tell(&format!("{name}, unsteady"), &failure);
            Ok(())
        });
        let seconds = started.elapsed().as_secs_f32();
        match done {
            Ok(()) => {
                self.passed += 1;
                self.lines.push(format!("ok    {name} ({seconds:.1} s)"));
            }
            Err(failure) => {
                self.failed += 1;
                self.tell(name, &failure);
                let first = failure.0.lines().next().unwrap_or_default();
                self.lines.push(format!("FAIL  {name} ({seconds:.1} s): {first}"));
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
        for case in &self.unsteady {
            println!("UNSTEADY, failed once and passed then: {case}");
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

    /// Keeps what a failure says beyond its first line.
    fn tell(&mut self, name: &str, Failure(text): &Failure) {
        if let Some((_, more)) = text.split_once('\n') {
            self.details.push(format!("{name}:\n{}", head(more)));
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
/// More cases than that do not fail by chance.
const FEW: usize = 2;
