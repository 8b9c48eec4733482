//! `cargo xtask interop pingpong`: builds the Kitex peers of `tests/interop` and runs our peers against them. `cargo xtask interop http`:
//! has Go's `net/http` send plain requests to our server, between calls of the Kitex client. `cargo xtask interop grpc` has calls over
//! gRPC with one kind of foreign peer after the other. `cargo xtask interop ttstream` has streams over TTHeader with Kitex peers. `cargo xtask
//! interop embedded` has the loops of `examples/loops` with Kitex peers. `cargo xtask interop tls` has calls over TLS.

mod foreign;
mod tally;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
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
    let folder = peers(arguments)?;
    told(&mut runner(&[], &folder, arguments), arguments)
}

pub(crate) fn http(arguments: &[&str]) -> Result<(), Failures> {
    let folder = peers(arguments)?;
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
    closed(all, arguments)
}

pub(crate) fn ttstream(arguments: &[&str]) -> Result<(), Failures> {
    let folder = peers(arguments)?;
    let mut cells = runner(&["--ttstream".as_ref()], &folder, arguments);
    // Some cells measure the runner's memory: glibc is to give back what is free.
    cells.env("MALLOC_MMAP_THRESHOLD_", "16384");
    told(&mut cells, arguments)
}

/// The loops that stand on the core alone, with Kitex peers and with each other.
pub(crate) fn embedded(arguments: &[&str]) -> Result<(), Failures> {
    let folder = peers(arguments)?;
    if !arguments.contains(&"--list") {
        run_command(cargo().args(["build", "--quiet", "--package", "kitewire-loops", "--examples"]))?;
    }
    let examples = target().join("debug/examples");
    let list = ["--embedded".as_ref(), "--examples".as_ref(), examples.as_os_str()];
    told(&mut runner(&list, &folder, arguments), arguments)
}

/// Calls over TLS with Kitex peers, then with grpc-go's interop programs.
pub(crate) fn tls(arguments: &[&str]) -> Result<(), Failures> {
    let folder = peers(arguments)?;
    let mut all = Tally::default();
    println!("\nKitex");
    all.add(
        "Kitex",
        Tally::of(&mut runner(&["--secured".as_ref()], &folder, arguments))?,
    );
    println!("\ngrpc-go");
    all.add("grpc-go", foreign::secured(arguments)?);
    closed(all, arguments)
}

/// A kind of peers with the cells of its own. It prints a line for each, and last of all `N passed, M failed`.
type Step = fn(&[&str]) -> Result<Tally, Failure>;

const GRPC: [(&str, Step); 2] = [("Kitex", kitex), ("grpc-go and tonic", foreign::run)];

fn kitex(arguments: &[&str]) -> Result<Tally, Failure> {
    let folder = peers(arguments)?;
    if needs_peers(arguments) {
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

fn told(cells: &mut Command, arguments: &[&str]) -> Result<(), Failures> {
    closed(Tally::of(cells)?, arguments)
}

/// Sums up, unless cells were only to be named.
fn closed(tally: Tally, arguments: &[&str]) -> Result<(), Failures> {
    if arguments.contains(&"--list") {
        Ok(())
    } else {
        tally.close()
    }
}

fn needs_peers(arguments: &[&str]) -> bool {
    !arguments.contains(&"--list") && !arguments.contains(&"--own")
}

/// Builds the Kitex peers, unless these arguments need none. Returns their folder. Once is enough for all the steps of a run.
fn peers(arguments: &[&str]) -> Result<PathBuf, Failure> {
    static BUILT: OnceLock<()> = OnceLock::new();
    let folder = root().join("tests/interop");
    if needs_peers(arguments) && BUILT.get().is_none() {
        GO.check()?;
        build(&folder)?;
        BUILT.get_or_init(|| ());
    }
    Ok(folder)
}

/// The program of the Kitex peers: the generator is built first, at the version that go.mod names, then run over the IDL files.
fn build(folder: &Path) -> Done {
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
    go(&["build", "-o", "bin/peer", "."])
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
