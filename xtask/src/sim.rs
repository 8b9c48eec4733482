//! `cargo xtask sim`: lives through simulated worlds, and with `--planted` looks for the faults that are planted in the core.

use std::path::Path;
use std::process::Command;

use crate::command::{Done, cargo, run as run_command, target};

pub(crate) fn run(arguments: &[&str]) -> Done {
    match arguments {
        ["--planted", rest @ ..] => planted(rest),
        arguments => {
            run_command(cargo().args(BUILD))?;
            live(&target(), arguments)
        }
    }
}

/// A short one, as a step of the suite.
pub(crate) fn some() -> Done {
    run(&["--seeds", SOME])
}

/// Looks for every planted fault, or the one that is named first.
fn planted(arguments: &[&str]) -> Done {
    let (name, rest) = match arguments {
        [name, rest @ ..] if !name.starts_with("--") => (*name, rest),
        rest => ("all", rest),
    };
    let folder = target().join("planted");
    run_command(
        cargo()
            .env("RUSTFLAGS", "--cfg kitewire_planted")
            .args(BUILD)
            .arg("--target-dir")
            .arg(&folder),
    )?;
    live(&folder, &[&["--planted", name], rest].concat())
}

fn live(folder: &Path, arguments: &[&str]) -> Done {
    run_command(Command::new(folder.join("release/kitewire-simulation")).args(arguments))
}

const BUILD: [&str; 4] = ["build", "--release", "--package", "kitewire-simulation"];
/// Enough to see most of what goes wrong.
const SOME: &str = "800";
