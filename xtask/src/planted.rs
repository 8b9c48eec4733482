//! `cargo xtask planted-elsewhere`: which of the planted faults the tests find that are no simulation.
//!
//! All tests are built once with the faults in. Every program of them then runs once without a fault, to see that it
//! passes and how long it takes, and once for each fault, the quick ones first, until a test fails. The result is a file
//! that the table of `cargo xtask sim --planted` reads.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::{Done, Failure, cargo, output, root, target};

/// Measures all faults, or those named.
pub(crate) fn elsewhere(names: &[&str]) -> Done {
    let known = faults()?;
    if let Some(stranger) = names.iter().find(|name| !known.iter().any(|known| known == *name)) {
        return Err(Failure(format!("no fault {stranger}; there are {}", known.join(", "))));
    }
    let chosen = known
        .iter()
        .filter(|name| names.is_empty() || names.contains(&name.as_str()));
    let programs = measured(build()?)?;
    let mut found: Vec<(String, String)> = read()?;
    found.retain(|(name, _)| known.contains(name));
    for name in chosen {
        let by = first_to_find(&programs, name)?;
        println!("{name:24} {}", by.as_deref().unwrap_or(NOBODY));
        found.retain(|(measured, _)| measured != name);
        found.push((name.clone(), by.unwrap_or_else(|| NOBODY.to_owned())));
    }
    found.sort_by_key(|(name, _)| known.iter().position(|known| known == name));
    write(&found)
}

/// A program of tests.
struct Program {
    path: PathBuf,
    /// Where it expects to run.
    folder: PathBuf,
    name: String,
    /// What it takes without a fault.
    time: Duration,
}

/// How a run of tests ended.
enum Ended {
    Well,
    /// With this test, if it has a name.
    Failed(String),
}

/// The names in the core's list.
fn faults() -> Result<Vec<String>, Failure> {
    let text = load("proto-core/src/planted.rs")?;
    let list = text.split_once("\nbugs! {").map_or("", |(_, list)| list);
    let list = list.split_once("\n}").map_or(list, |(list, _)| list);
    let names = list.lines().filter_map(|line| line.split('"').nth(1));
    Ok(names.map(str::to_owned).collect())
}

/// Builds every test but the simulation's.
fn build() -> Result<Vec<Program>, Failure> {
    let mut command = cargo();
    // Nothing is chosen, so that the examples are built, too, which some tests run.
    command.args(["test", "--workspace", "--no-run"]);
    for package in NOT_MEASURED {
        command.args(["--exclude", package]);
    }
    let built = output(
        command
            .args(["--message-format", "json-render-diagnostics"])
            .arg("--target-dir")
            .arg(target().join("planted"))
            .env("RUSTFLAGS", "--cfg kitewire_planted")
            // Still with overflow checks and debug assertions.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
    )?;
    let programs = built
        .lines()
        .filter(|line| line.contains("\"test\":true},"))
        .filter_map(|line| {
            let path = PathBuf::from(text_of(line, "executable")?);
            let folder = PathBuf::from(text_of(line, "manifest_path")?).parent()?.to_path_buf();
            let target = line.split_once("\"target\":")?.1;
            let name = format!(
                "{}/{}",
                folder.strip_prefix(root()).unwrap_or(&folder).display(),
                text_of(target, "name")?
            );
            Some(Program {
                path,
                folder,
                name,
                time: Duration::ZERO,
            })
        });
    Ok(programs.collect())
}

/// The value of a text in a line of JSON; names and paths here have nothing in them that is escaped.
fn text_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{key}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The programs that pass without a fault, the quick ones first.
fn measured(programs: Vec<Program>) -> Result<Vec<Program>, Failure> {
    let mut passing = Vec::new();
    for mut program in programs {
        let started = Instant::now();
        match program.run(None, &[], Duration::from_secs(900))? {
            Ended::Well => {
                program.time = started.elapsed();
                passing.push(program);
            }
            Ended::Failed(test) => println!("{} is left out: {test} fails without a fault", program.name),
        }
    }
    passing.sort_by_key(|program| program.time);
    let sum: Duration = passing.iter().map(|program| program.time).sum();
    println!(
        "{} programs of tests, {:.0} s together",
        passing.len(),
        sum.as_secs_f64()
    );
    Ok(passing)
}

/// The first test that fails because of a fault.
fn first_to_find(programs: &[Program], fault: &str) -> Result<Option<String>, Failure> {
    for program in programs {
        let limit = program.time * 10 + Duration::from_secs(30);
        let Ended::Failed(test) = program.run(Some(fault), &[], limit)? else {
            continue;
        };
        // A test that depends on the clock may fail on a busy machine.
        let alone: &[&str] = if test == HANGS { &[] } else { &["--exact", &test] };
        let fails = |fault| {
            let mut runs = (0..3).map(|_| program.run(fault, alone, limit));
            runs.try_fold(false, |failed, run| {
                Ok::<_, Failure>(failed || matches!(run?, Ended::Failed(_)))
            })
        };
        if fails(Some(fault))? && !fails(None)? {
            return Ok(Some(format!("{} {test}", program.name)));
        }
        println!("{fault:24} {} {test} failed, and is not to blame", program.name);
    }
    Ok(None)
}

impl Program {
    /// Runs it until it ends, a test fails, or time is up.
    fn run(&self, fault: Option<&str>, arguments: &[&str], limit: Duration) -> Result<Ended, Failure> {
        let log = target().join("planted/test.log");
        let failure = |error: std::io::Error| Failure(format!("{}: {error}", self.path.display()));
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(File::create(&log).map_err(failure)?);
        // What fails need not be made small, and leaves nothing in the repository.
        command.envs([
            ("PROPTEST_MAX_SHRINK_ITERS", "0"),
            ("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1"),
        ]);
        command.env_remove(SWITCH).envs(fault.map(|fault| (SWITCH, fault)));
        let mut child = command.spawn().map_err(failure)?;
        let started = Instant::now();
        loop {
            let ended = child.try_wait().map_err(failure)?;
            let written = fs::read(&log).map_err(failure)?;
            let failed = first_failed(&String::from_utf8_lossy(&written));
            if ended.is_some_and(|status| status.success()) {
                return Ok(Ended::Well);
            }
            if ended.is_none() && failed.is_none() && started.elapsed() < limit {
                sleep(Duration::from_millis(20));
                continue;
            }
            if ended.is_none() {
                child.kill().map_err(failure)?;
                child.wait().map_err(failure)?;
            }
            return Ok(Ended::Failed(failed.unwrap_or_else(|| HANGS.to_owned())));
        }
    }
}

fn first_failed(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.ends_with(" ... FAILED"))?;
    let name = line.trim_start_matches("test ").trim_end_matches(" ... FAILED");
    // What should have panicked, and did not, says so behind its name.
    Some(name.split(' ').next().unwrap_or(name).to_owned())
}

/// What was measured before.
fn read() -> Result<Vec<(String, String)>, Failure> {
    let lines = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(' '));
        pairs
            .map(|(name, by)| (name.to_owned(), by.trim().to_owned()))
            .collect()
    };
    if root().join(RESULT).is_file() {
        load(RESULT).map(lines)
    } else {
        Ok(Vec::new())
    }
}

fn write(found: &[(String, String)]) -> Done {
    let mut text = String::from(
        "# Which other test finds a planted fault first, or -. `cargo xtask planted-elsewhere` measures it anew.\n",
    );
    for (name, by) in found {
        let _ = writeln!(text, "{name} {by}");
    }
    let slipped = found.iter().filter(|(_, by)| by == NOBODY).count();
    println!(
        "{} faults, {slipped} of them found by no other test; {RESULT}",
        found.len()
    );
    fs::write(root().join(RESULT), text).map_err(|error| Failure(format!("{RESULT}: {error}")))
}

fn load(file: &str) -> Result<String, Failure> {
    fs::read_to_string(root().join(file)).map_err(|error| Failure(format!("{file}: {error}")))
}

/// What no fault of the core can reach, and the simulation itself.
const NOT_MEASURED: [&str; 6] = [
    "kitewire-simulation",
    "kitewire-build",
    "kitewire-build-generated",
    "kitewire-examples",
    "kitewire-benches",
    "xtask",
];
/// Chooses the fault.
const SWITCH: &str = "KITEWIRE_PLANTED";
const RESULT: &str = "tests/simulation/src/planted-elsewhere.txt";
const NOBODY: &str = "-";
/// Instead of the name of a test.
const HANGS: &str = "does not end";
