//! `cargo xtask test`: the whole suite.

use crate::command::{Done, Failure, Failures, cargo, line, watch};
use crate::steps::Steps;
use crate::{fuzz, interop, purity, sim};

pub(crate) fn run() -> Done {
    let mut steps = Steps::default();
    add(&mut steps, SMOKE);
    steps.close()
}

/// The steps of the suite, with this many seconds for each fuzz target. What is random starts from the same seed each time,
/// so that a change is told about itself, and not about what one more search has found. Searching is for `cargo test`
/// and `cargo xtask fuzz`.
pub(crate) fn add(steps: &mut Steps, fuzz_seconds: u32) {
    steps.cases("tests", &[], || tests(&[]), |failed| Ok(tests(failed)?));
    steps.step("purity", &[purity::WASM], purity::run);
    for (name, cells) in INTEROP {
        let again = |_: &[String]| Ok(cells(&[])?);
        steps.cases(&format!("interop {name}"), &[interop::GO], || cells(&[]), again);
    }
    steps.step("simulation", &[], sim::some);
    steps.step("fuzz", &[fuzz::CXX], || fuzz::smoke(fuzz_seconds));
}

/// Every test of the workspace, or those that are named. A failure repeats what the failed ones said.
fn tests(only: &[String]) -> Result<(), Failures> {
    let mut command = cargo();
    command
        .env("PROPTEST_RNG_SEED", "1")
        .args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    if !only.is_empty() {
        command.args(["--", "--exact"]).args(only);
    }
    let mut log = Log::default();
    let status = watch(&mut command, |line| log.read(line))?;
    let line = line(&command);
    if let Some(missed) = only.iter().find(|name| !log.passed.contains(*name)) {
        return Err(Failure(format!("{line}: {missed} did not pass{}", log.said)).into());
    }
    if status.success() {
        return Ok(());
    }
    let explained = log.begun == log.ended;
    Err(Failures {
        failure: Failure(format!("{line}: {status}{}", log.said)),
        cases: if explained { log.failed } else { Vec::new() },
    })
}

/// What the test programs print.
#[derive(Debug, Default)]
struct Log {
    passed: Vec<String>,
    failed: Vec<String>,
    /// What the failed ones said.
    said: String,
    within: bool,
    /// Programs that have begun, and that have come to their result. One that was killed has none.
    begun: usize,
    ended: usize,
}

impl Log {
    fn read(&mut self, line: &str) {
        self.begun += usize::from(line.starts_with("running ") && line.contains(" test"));
        self.ended += usize::from(line.starts_with("test result:"));
        if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            match outcome {
                "ok" => self.passed.push(name.to_owned()),
                "FAILED" => self.failed.push(name.to_owned()),
                _ => {}
            }
        }
        self.within = line == "failures:" || (self.within && !line.starts_with("test result:"));
        if self.within && !line.is_empty() && line != "failures:" {
            self.said += "\n";
            self.said += line;
        }
    }
}

/// A list of cells with foreign peers.
type Cells = fn(&[&str]) -> Result<(), Failures>;

const INTEROP: [(&str, Cells); 6] = [
    ("pingpong", interop::pingpong),
    ("http", interop::http),
    ("grpc", interop::grpc),
    ("ttstream", interop::ttstream),
    ("embedded", interop::embedded),
    ("tls", interop::tls),
];
/// Enough to see that each target runs and that its seeds pass.
const SMOKE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn names_and_words_of_failed_tests() {
        let mut log = Log::default();
        for line in [
            "running 3 tests",
            "test a::passes ... ok",
            "test a::is_not_run ... ignored",
            "test b::fails ... FAILED",
            "",
            "failures:",
            "",
            "---- b::fails stdout ----",
            "thread 'b::fails' panicked",
            "",
            "failures:",
            "    b::fails",
            "",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored",
        ] {
            log.read(line);
        }
        assert_eq!(log.passed, ["a::passes"]);
        assert_eq!(log.failed, ["b::fails"]);
        assert_eq!((log.begun, log.ended), (1, 1));
        assert_eq!(
            log.said,
            "\n---- b::fails stdout ----\nthread 'b::fails' panicked\n    b::fails"
        );
    }
}
