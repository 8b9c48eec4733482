//! The promise of `kitewire-proto`: no I/O, no clock, no thread, no runtime.

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
    let tree = output(cargo().args([
        "tree",
        "--package",
        CORE,
        "--all-features",
        "--edges",
        "normal",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    println!(
        "packages under {CORE}: {}",
        packages.iter().copied().collect::<Vec<_>>().join(" ")
    );
    let strangers: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|name| !ALLOWED.contains(name))
        .collect();
    if strangers.is_empty() {
        Ok(())
    } else {
        Err(Failure(format!(
            "{CORE} has packages under it that its purity list does not know: {}",
            strangers.join(" ")
        )))
    }
}

fn wasm_found() -> bool {
    let sysroot = output(std::process::Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    std::path::Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .exists()
}

const CORE: &str = "kitewire-proto";
const TARGET: &str = "wasm32-unknown-unknown";

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
