//! `cargo xtask fuzz`: builds the targets of the `fuzz` folder with coverage feedback and runs each for a while, as many at once as there
//! are cores.
//!
//! The compiler flags are those that libFuzzer needs, so nothing has to be installed but a C++ compiler, and the stable toolchain will
//! do. No sanitizer: the workspace forbids unsafe code, and a run gets seven times as far without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::command::{Done, Failure, Need, cargo, exists, output, root, run as run_command, target};

pub(crate) const CXX: Need = Need {
    what: "a C++ compiler (for libFuzzer)",
    get: "install g++ or clang from your system's packages",
    found: || ["c++", "g++", "clang++"].iter().any(|name| exists(name, "--version")),
};

pub(crate) fn run(arguments: &[&str]) -> Done {
    let mut seconds = 10;
    let mut names = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if *word == "--seconds" {
            let number = words.next().and_then(|number| number.parse().ok());
            seconds = number.ok_or_else(|| Failure("--seconds needs a number".to_owned()))?;
        } else {
            names.push((*word).to_owned());
        }
    }
    CXX.check()?;
    each(Search { seconds, fixed: false }, &names)
}

/// Every target, on the same way each time.
pub(crate) fn smoke(seconds: u32) -> Done {
    each(Search { seconds, fixed: true }, &[])
}

/// How a target is run.
#[derive(Clone, Copy)]
struct Search {
    seconds: u32,
    /// The same way each time, and no further on a machine that is faster.
    fixed: bool,
}

fn each(search: Search, only: &[String]) -> Done {
    let known = targets()?;
    if let Some(stranger) = only.iter().find(|name| !known.contains(name)) {
        return Err(Failure(format!(
            "no fuzz target {stranger}; there are {}",
            known.join(", ")
        )));
    }
    let chosen: Vec<&String> = known
        .iter()
        .filter(|name| only.is_empty() || only.contains(name))
        .collect();
    let programs = build(&chosen)?;
    let failed = Mutex::new(Vec::new());
    let waiting = Mutex::new(chosen.iter());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(chosen.len()) {
            scope.spawn(|| {
                while let Some(name) = next(&waiting) {
                    if let Err(Failure(text)) = fuzz(&programs, name, search) {
                        println!("FAIL fuzz {name}: {text}");
                        locked(&failed).push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "fuzz: {} targets, {} s each, {} failed",
        chosen.len(),
        search.seconds,
        failed.len()
    );
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure(format!("fuzz targets failed: {}", failed.join(", "))))
    }
}

fn next<'a>(waiting: &Mutex<impl Iterator<Item = &'a &'a String>>) -> Option<&'a str> {
    locked(waiting).next().map(|name| name.as_str())
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The binaries of the fuzz crate.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| path.file_stem().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Builds the targets and gives the folder of their programs. With a target named, the flags stay away from build scripts and macros.
fn build(names: &[&String]) -> Result<PathBuf, Failure> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure("rustc -vV names no host".to_owned()))?;
    let folder = target().join("fuzz");
    run_command(
        cargo()
            .env("RUSTFLAGS", FLAGS.join(" "))
            .args([
                "build",
                "--release",
                "--manifest-path",
                "fuzz/Cargo.toml",
                "--target",
                host,
            ])
            .args(names.iter().flat_map(|name| ["--bin", name.as_str()]))
            .arg("--target-dir")
            .arg(&folder),
    )?;
    Ok(folder.join(host).join("release"))
}

/// Runs a target over its committed seeds and on from there; what it finds new stays out of the repository.
fn fuzz(programs: &Path, name: &str, search: Search) -> Done {
    let Search { seconds, fixed } = search;
    let found = target().join("fuzz/corpus").join(name);
    let artifacts = root().join("fuzz/artifacts").join(name);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    }
    let mut program = Command::new(programs.join(name));
    program.arg(&found);
    let seeds = root().join("fuzz/corpus").join(name);
    if seeds.is_dir() {
        program.arg(&seeds);
    }
    program.arg(format!("-dict={}", dictionary(name).display()));
    program.args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}/", artifacts.display()),
    ]);
    if fixed {
        program.args(["-seed=1", RUNS]);
    }
    program.args([
        "-max_len=4096",
        "-timeout=10",
        "-rss_limit_mb=512",
        "-print_final_stats=1",
        "-verbosity=0",
    ]);
    println!("$ fuzz {name} for {seconds} s");
    let ended = program
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure(format!("{name}: {error}")))?;
    let log = String::from_utf8_lossy(&ended.stderr);
    if !ended.status.success() {
        println!("{log}");
        return Err(Failure(format!(
            "{}; the input is in {}",
            ended.status,
            artifacts.display()
        )));
    }
    println!("ok   fuzz {name}: {}", summary(&log));
    Ok(())
}

/// The words of the protocol that a target is named after.
fn dictionary(name: &str) -> PathBuf {
    let protocol = name.split('_').next().unwrap_or(name);
    let own = root().join(format!("fuzz/{protocol}.dict"));
    if own.is_file() {
        own
    } else {
        root().join("fuzz/kitex.dict")
    }
}

/// How much the run did, from libFuzzer's closing lines.
fn summary(log: &str) -> String {
    let wanted = ["number_of_executed_units", "new_units_added", "peak_rss_mb"];
    let figures = log
        .lines()
        .filter_map(|line| line.strip_prefix("stat::")?.split_once(':'));
    let figures = figures.filter(|(name, _)| wanted.contains(name));
    figures
        .map(|(name, value)| format!("{name} {}", value.trim()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Of the short way; the slower targets do not come as far in a few seconds.
const RUNS: &str = "-runs=5000";
/// Coverage as libFuzzer reads it, with debug assertions and overflow checks as in a debug build.
const FLAGS: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
