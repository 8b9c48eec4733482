//! `cargo xtask conformance`: one list of scenarios on every runtime.

use crate::command::{Done, cargo, run as run_command};

pub(crate) fn run(arguments: &[&str]) -> Done {
    run_command(
        cargo()
            .args(["run", "--quiet", "--package", "kitewire-conformance", "--"])
            .args(arguments),
    )
}
