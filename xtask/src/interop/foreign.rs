//! Peers that are not Kitex's: grpc-go's interop programs and one with gzip, as their module names them, and tonic's, which is a package
//! of its own.

use std::path::Path;
use std::process::Command;

use super::GO;
use super::tally::Tally;
use crate::command::{Done, Failure, cargo, root, run as run_command, target};

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
        build_grpc_go(&folder)?;
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

/// The cells over TLS, with grpc-go's interop programs alone.
pub(super) fn secured(arguments: &[&str]) -> Result<Tally, Failure> {
    if arguments.contains(&"--own") {
        println!("no cells: ours do not call ours here");
        return Ok(Tally::default());
    }
    let folder = root().join("tests/interop");
    if !arguments.contains(&"--list") {
        GO.check()?;
        build_grpc_go(&folder)?;
    }
    let mut all = vec!["--secured"];
    all.extend(arguments);
    Tally::of(&mut cells(&folder.join("bin"), Path::new(""), &all))
}

/// The programs that the module `grpcgo` names.
fn build_grpc_go(folder: &Path) -> Done {
    for (program, package) in GRPC_GO {
        run_command(
            Command::new("go")
                .args(["build", "-o"])
                .arg(folder.join("bin").join(program))
                .arg(package)
                .current_dir(folder.join("grpcgo")),
        )?;
    }
    Ok(())
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
