//! `cargo xtask test`: the whole suite.

use crate::command::{Done, Failure, cargo, line, watch};
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
    steps.step("tests", &[], tests);
    steps.step("purity", &[purity::WASM], purity::run);
    steps.step("interop pingpong", &[interop::GO], || interop::run(&[]));
    steps.step("interop http", &[interop::GO], interop::http);
    steps.step("interop grpc", &[interop::GO], || interop::grpc(&[]));
    steps.step("interop ttstream", &[interop::GO], || interop::ttstream(&[]));
    steps.step("interop embedded", &[interop::GO], || interop::embedded(&[]));
    steps.step("interop tls", &[interop::GO], || interop::tls(&[]));
    steps.step("simulation", &[], sim::some);
    steps.step("fuzz", &[fuzz::CXX], || fuzz::smoke(fuzz_seconds));
}

/// Every test of the workspace. A failure repeats what the failed ones said.
fn tests() -> Done {
    let mut command = cargo();
    command
        .env("PROPTEST_RNG_SEED", "1")
        .args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    let (mut within, mut said) = (false, String::new());
    let status = watch(&mut command, |line| {
        within = line == "failures:" || (within && !line.starts_with("test result:"));
        if within && !line.is_empty() && line != "failures:" {
            said += "\n";
            said += line;
        }
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!("{}: {status}{said}", line(&command))))
    }
}

/// Enough to see that each target runs and that its seeds pass.
const SMOKE: u32 = 2;
