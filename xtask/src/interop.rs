//! `cargo xtask interop pingpong`: builds the Kitex peers of `tests/interop` and runs our peers against them. `cargo xtask interop http`:
//! has Go's `net/http` send plain requests to our server, between calls of the Kitex client. `cargo xtask interop grpc` has calls over
//! gRPC with one kind of foreign peer after the other. `cargo xtask interop ttstream` has streams over TTHeader with Kitex peers. `cargo xtask
//! interop embedded` has the loops of `examples/loops` with Kitex peers. `cargo xtask interop tls` has calls over TLS.

mod foreign;
mod tally;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use self::tally::Tally;
use crate::command::{Done, Failure, Failures, Need, cargo, exists, root, run as run_command, target};

pub(crate) const GO: Need = Need {
    what: "Go (1.24 or later, for the Kitex peers)",
    get: "install it from your system's packages or https://go.dev/dl",
    found: || exists("go", "version"),
};

pub(crate) fn pingpong(arguments: &[&str]) -> Result<(), Failures> {
    let folder = root().join("tests/interop");
    if needs_peers(arguments) {
        GO.check()?;
        peers(&folder)?;
    }
    told(&mut runner(&[], &folder, arguments), arguments)
}

pub(crate) fn http(arguments: &[&str]) -> Result<(), Failures> {
    GO.check()?;
    let folder = root().join("tests/interop");
    peers(&folder)?;
    run_command(
        Command::new("go")
            .args(["build", "-o", "bin/plainhttp", "./plainhttp"])
            .current_dir(&folder),
    )?;
    let program = folder.join("bin/plainhttp");
    told(
        &mut runner(&["--plain".as_ref(), program.as_os_str()], &folder, arguments),
        arguments,
    )
}

pub(crate) fn grpc(arguments: &[&str]) -> Result<(), Failures> {
    let mut all = Tally::default();
    for (name, step) in GRPC {
        println!("\n{name}");
        all.add(name, step(arguments)?);
    }
    if arguments.contains(&"--list") {
        Ok(())
    } else {
        all.close()
    }
}

pub(crate) fn ttstream(arguments: &[&str]) -> Result<(), Failures> {
    let folder = root().join("tests/interop");
    if needs_peers(arguments) {
        GO.check()?;
        peers(&folder)?;
    }
    let mut cells = runner(&["--ttstream".as_ref()], &folder, arguments);
    // Some cells measure the runner's memory: glibc is to give back what is free.
    cells.env("MALLOC_MMAP_THRESHOLD_", "16384");
    told(&mut cells, arguments)
}

/// The loops that stand on the core alone, with Kitex peers and with each other.
pub(crate) fn embedded(arguments: &[&str]) -> Result<(), Failures> {
    let folder = root().join("tests/interop");
    if needs_peers(arguments) {
        GO.check()?;
        peers(&folder)?;
    }
    if !arguments.contains(&"--list") {
        run_command(cargo().args(["build", "--quiet", "--package", "kitewire-loops", "--examples"]))?;
    }
    let examples = target().join("debug/examples");
    let list = ["--embedded".as_ref(), "--examples".as_ref(), examples.as_os_str()];
    told(&mut runner(&list, &folder, arguments), arguments)
}

/// Calls over TLS with Kitex peers, then with grpc-go's interop programs.
pub(crate) fn tls(arguments: &[&str]) -> Result<(), Failures> {
    let folder = root().join("tests/interop");
    if needs_peers(arguments) {
        GO.check()?;
        peers(&folder)?;
    }
    let mut all = Tally::default();
    println!("\nKitex");
    all.add(
        "Kitex",
        Tally::of(&mut runner(&["--secured".as_ref()], &folder, arguments))?,
    );
    println!("\ngrpc-go");
    all.add("grpc-go", foreign::secured(arguments)?);
    if arguments.contains(&"--list") {
        Ok(())
    } else {
        all.close()
    }
}

/// A kind of peers with the cells of its own. It prints a line for each, and last of all `N passed, M failed`.
type Step = fn(&[&str]) -> Result<Tally, Failure>;

const GRPC: [(&str, Step); 2] = [("Kitex", kitex), ("grpc-go and tonic", foreign::run)];

fn kitex(arguments: &[&str]) -> Result<Tally, Failure> {
    let folder = root().join("tests/interop");
    if needs_peers(arguments) {
        GO.check()?;
        peers(&folder)?;
        // A Kitex program that has gzip uses it for every caller that accepts it, so there are two.
        run_command(
            Command::new("go")
                .args(["build", "-tags", "gzip", "-o", "bin/peer-gzip", "."])
                .current_dir(&folder),
        )?;
    }
    Tally::of(&mut runner(&["--grpc".as_ref()], &folder, arguments))
}

/// The runner with one of its lists, and Kitex's peers.
fn runner(list: &[&OsStr], folder: &Path, arguments: &[&str]) -> Command {
    let mut cells = cargo();
    cells
        .args(["run", "--quiet", "--package", "kitewire-interop", "--"])
        .args(list)
        .arg("--peer")
        .arg(folder.join("bin/peer"))
        .args(arguments);
    cells
}

/// Runs it, and sums up unless it only names its cells.
fn told(cells: &mut Command, arguments: &[&str]) -> Result<(), Failures> {
    let tally = Tally::of(cells)?;
    if arguments.contains(&"--list") {
        Ok(())
    } else {
        tally.close()
    }
}

fn needs_peers(arguments: &[&str]) -> bool {
    !arguments.contains(&"--list") && !arguments.contains(&"--own")
}

/// The program of the Kitex peers: the generator is built first, at the version that go.mod names, then run over the IDL files. Once is
/// enough for all the steps of a run.
fn peers(folder: &Path) -> Done {
    static BUILT: OnceLock<()> = OnceLock::new();
    if BUILT.get().is_some() {
        return Ok(());
    }
    let go = |arguments: &[&str]| run_command(Command::new("go").args(arguments).current_dir(folder));
    go(&["build", "-o", "bin/kitex", "github.com/cloudwego/kitex/tool/cmd/kitex"])?;
    for (file, options) in IDL {
        let mut kitex = Command::new(folder.join("bin/kitex"));
        kitex
            .current_dir(folder)
            .args(["-module", MODULE])
            .args(options.iter())
            .args(["-I", "idl"])
            .arg(format!("idl/{file}"));
        // The generator writes its progress to standard error.
        let made = kitex.output().map_err(|error| Failure(format!("bin/kitex: {error}")))?;
        if !made.status.success() {
            return Err(Failure(format!(
                "bin/kitex on {file}: {}",
                String::from_utf8_lossy(&made.stderr)
            )));
        }
    }
    go(&["build", "-o", "bin/peer", "."])?;
    BUILT.get_or_init(|| ());
    Ok(())
}

const MODULE: &str = "kitewire.test/interop";

const IDL: [(&str, &[&str]); 9] = [
    ("interop.thrift", &[]),
    ("stranger.thrift", &[]),
    ("combined.thrift", &["-combine-service"]),
    ("interop.proto", &["-type", "protobuf"]),
    ("strangerpb.proto", &["-type", "protobuf"]),
    ("streams.thrift", &["-streamx"]),
    ("strangestreams.thrift", &["-streamx"]),
    ("streamspb.proto", &["-type", "protobuf", "-streamx"]),
    ("strangestreamspb.proto", &["-type", "protobuf", "-streamx"]),
];
