//! `cargo xtask replay FILE`: what is in the recording of a connection.

use std::path::absolute;

use crate::command::{Done, Failure, cargo, run as run_command};

pub(crate) fn run(file: &str) -> Done {
    // The command runs in the workspace's folder.
    let file = absolute(file).map_err(|error| Failure(format!("{file}: {error}")))?;
    run_command(
        cargo()
            .args(["run", "--quiet", "--package", "kitewire-proto"])
            .args(["--example", "replay", "--"])
            .arg(file),
    )
}
