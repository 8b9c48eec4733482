//! `cargo xtask ci`: what `.ci/run` runs.

use crate::command::{Done, Failure, cargo, output, root, run as run_command};
use crate::steps::Steps;
use crate::suite;

pub(crate) fn run() -> Done {
    let before = tree()?;
    let mut steps = Steps::default();
    steps.step("format", &[], || run_command(cargo().args(["fmt", "--all", "--check"])));
    steps.step("clippy", &[], || {
        run_command(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "--deny",
            "warnings",
        ]))
    });
    steps.step("rustdoc", &[], || {
        run_command(cargo().env("RUSTDOCFLAGS", "--deny warnings").args([
            "doc",
            "--workspace",
            "--all-features",
            "--no-deps",
        ]))
    });
    suite::add(&mut steps, FUZZ_SECONDS);
    // Those of the README that end by themselves, as the tests have built them: in debug builds, with all features.
    for example in [
        "--example multi_service",
        "--example streaming",
        "--example streaming -- --transport ttheader",
        "--example simulation",
        "--example tls",
    ] {
        steps.step(&format!("run {example}"), &[], || {
            run_command(cargo().args(["run", "--all-features"]).args(example.split(' ')))
        });
    }
    steps.step("clean tree", &[], || {
        let after = tree()?;
        if after == before {
            Ok(())
        } else {
            Err(Failure(format!("the run changed the work tree:\n{after}")))
        }
    });
    steps.close()
}

/// What git sees as changed or new.
fn tree() -> Result<String, Failure> {
    output(
        std::process::Command::new("git")
            .args(["status", "--porcelain"])
            .current_dir(root()),
    )
}

const FUZZ_SECONDS: u32 = 3;
