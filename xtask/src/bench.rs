//! `cargo xtask bench NAME`: the programs of the benches crate.

use crate::command::{Done, cargo, run as run_command};

pub(crate) fn run(name: &str, arguments: &[&str]) -> Done {
    run_command(
        cargo()
            .args(["run", "--release", "--package", "kitewire-benches", "--bin", name, "--"])
            .args(arguments),
    )
}
