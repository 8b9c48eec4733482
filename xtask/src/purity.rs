//! Two promises: `kitewire-proto` has no I/O, no clock, no thread, no runtime; and whoever takes another runtime than
//! tokio gets nothing of tokio.

use std::collections::BTreeSet;

use crate::command::{Done, Failure, Need, cargo, output, run as run_command};

pub(crate) const WASM: Need = Need {
    what: "the wasm32-unknown-unknown target",
    get: "rustup target add wasm32-unknown-unknown",
    found: wasm_found,
};

pub(crate) fn run() -> Done {
    WASM.check()?;
    run_command(cargo().args(["build", "--package", CORE, "--all-features", "--target", TARGET]))?;
    let packages = packages_under(CORE, &["--all-features", "--target", "all"])?;
    println!(
        "packages under {CORE}: {}",
        packages.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    );
    let strangers = names(&packages, |name| !ALLOWED.contains(&name));
    if !strangers.is_empty() {
        return Err(Failure(format!(
            "{CORE} has packages under it that its purity list does not know: {strangers}"
        )));
    }
    for (package, features) in WITHOUT_TOKIO {
        let packages = packages_under(package, &[features, &PLATFORMS].concat())?;
        let line = [&[package], features].concat().join(" ");
        let tokio = names(&packages, |name| TOKIO.contains(&name));
        if !tokio.is_empty() {
            return Err(Failure(format!("{line} has {tokio} under it")));
        }
        println!("{} packages under {line}, none of {}", packages.len(), TOKIO.join(" "));
    }
    let packages = packages_under(LOOPS, &PLATFORMS)?;
    let above = names(&packages, |name| ABOVE_THE_CORE.contains(&name));
    if above.is_empty() {
        println!(
            "{} packages under {LOOPS}, none of {}",
            packages.len(),
            ABOVE_THE_CORE.join(" ")
        );
        return Ok(());
    }
    Err(Failure(format!(
        "{LOOPS} stands on the core alone, and has {above} under it"
    )))
}

/// The packages that somebody gets who depends on this one.
fn packages_under(package: &str, options: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let tree = output(
        cargo()
            .args(["tree", "--package", package, "--edges", "normal"])
            .args(["--prefix", "none", "--format", "{p}"])
            .args(options),
    )?;
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.map(str::to_owned).collect())
}

fn names(packages: &BTreeSet<String>, wanted: impl Fn(&str) -> bool) -> String {
    let wanted: Vec<&str> = packages
        .iter()
        .map(String::as_str)
        .filter(|name| wanted(name))
        .collect();
    wanted.join(" ")
}

fn wasm_found() -> bool {
    let sysroot = output(std::process::Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    std::path::Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .exists()
}

const CORE: &str = "kitewire-proto";
/// Loops without a runtime.
const LOOPS: &str = "kitewire-loops";
const ABOVE_THE_CORE: [&str; 4] = ["futures-core", "kitewire", "kitewire-runtime", "tokio"];
const TARGET: &str = "wasm32-unknown-unknown";

/// What an application without tokio is made of.
const WITHOUT_TOKIO: [(&str, &[&str]); 9] = [
    ("kitewire", &["--features", "async-std,tls"]),
    ("kitewire", &["--features", "smol,tls"]),
    ("kitewire-async-io", &[]),
    ("kitewire-async-std", &[]),
    ("kitewire-health", &[]),
    ("kitewire-reflection", &[]),
    ("kitewire-simulator", &["--all-features"]),
    ("kitewire-smol", &[]),
    ("kitewire-tls", &["--all-features"]),
];
/// Where these run. For targets of WebAssembly that async-std does not have, its dependencies know a tokio.
const PLATFORMS: [&str; 6] = [
    "--target",
    "x86_64-unknown-linux-gnu",
    "--target",
    "aarch64-apple-darwin",
    "--target",
    "x86_64-pc-windows-msvc",
];
/// tokio itself, what it waits with, and the HTTP/2 that comes with it elsewhere.
const TOKIO: [&str; 4] = ["h2", "hyper", "mio", "tokio"];

/// None of these reads a clock, opens a socket or starts a thread. A new one is looked at before it is written here.
const ALLOWED: [&str; 12] = [
    CORE,
    "adler2",
    "bytes",
    "cfg-if",
    "crc32c",
    "crc32fast",
    "flate2",
    "httparse",
    "miniz_oxide",
    "simd-adler32",
    "simdutf8",
    "slab",
];
