//! Peers that are not Kitex's: grpc-go's interop programs and one with gzip, as their module names them, and tonic's, which is a package
//! of its own.

use std::path::Path;
use std::process::Command;

use super::GO;
use super::tally::Tally;
use crate::command::{Failure, cargo, root, run as run_command, target};

pub(super) fn run(arguments: &[&str]) -> Result<Tally, Failure> {
    if arguments.contains(&"--own") {
        println!("no cells: ours do not call ours here");
        return Ok(Tally::default());
    }
    let folder = root().join("tests/interop");
    // Shared with the peers of the benches.
    let peers = target().join("peers");
    if !arguments.contains(&"--list") {
        GO.check()?;
        for (program, package) in GRPC_GO {
            run_command(
                Command::new("go")
                    .args(["build", "-o"])
                    .arg(folder.join("bin").join(program))
                    .arg(package)
                    .current_dir(folder.join("grpcgo")),
            )?;
        }
        run_command(
            cargo()
                .args(["build", "--release", "--quiet", "--locked", "--manifest-path"])
                .arg(folder.join("tonic/Cargo.toml"))
                .arg("--target-dir")
                .arg(&peers),
        )?;
    }
    Tally::of(&mut cells(
        &folder.join("bin"),
        &peers.join("release/interop-tonic"),
        arguments,
    ))
}

fn cells(grpc_go: &Path, tonic: &Path, arguments: &[&str]) -> Command {
    let mut cells = cargo();
    cells
        .args([
            "run",
            "--quiet",
            "--package",
            "kitewire-interop",
            "--",
            "--foreign",
            "--grpc-go",
        ])
        .arg(grpc_go)
        .arg("--tonic")
        .arg(tonic)
        .args(arguments);
    cells
}

const GRPC_GO: [(&str, &str); 3] = [
    ("interop_client", "google.golang.org/grpc/interop/client"),
    ("interop_server", "google.golang.org/grpc/interop/server"),
    ("gzip", "./gzip"),
];
