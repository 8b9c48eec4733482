//! Running other programs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Why a command did not work out, for the user: a line, and more of them if there is more to say.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// What failed of a command that goes through many cases, such as tests.
#[derive(Debug)]
pub(crate) struct Failures {
    pub(crate) failure: Failure,
    /// The names of the cases that failed. None, where it was not a matter of cases.
    pub(crate) cases: Vec<String>,
}

impl From<Failure> for Failures {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            cases: Vec::new(),
        }
    }
}

impl From<Failures> for Failure {
    fn from(failures: Failures) -> Self {
        failures.failure
    }
}

/// What every command ends with.
pub(crate) type Done = Result<(), Failure>;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command that prints for itself.
pub(crate) fn run(command: &mut Command) -> Done {
    let line = line(command);
    println!("$ {line}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("{line}: {status}"))),
        Err(error) => Err(Failure(format!("{line}: {error}"))),
    }
}

/// Runs a command that prints for itself, and hands each line of its standard output to `seen` beside.
pub(crate) fn watch(command: &mut Command, mut seen: impl FnMut(&str)) -> Result<ExitStatus, Failure> {
    let name = line(command);
    println!("$ {name}");
    let failure = |error: std::io::Error| Failure(format!("{name}: {error}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failure)?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(failure)?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            seen(&line);
        }
    }
    child.wait().map_err(failure)
}

/// Runs a command for its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure(format!("{line}: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failure(format!("{line}: {}", output.status)))
    }
}

/// A program that answers to this argument is there.
pub(crate) fn exists(program: &str, argument: &str) -> bool {
    let quiet = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

/// Something outside Rust that a command needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub(crate) what: &'static str,
    pub(crate) get: &'static str,
    pub(crate) found: fn() -> bool,
}

impl Need {
    pub(crate) fn check(self) -> Done {
        if (self.found)() {
            Ok(())
        } else {
            Err(Failure(self.missing()))
        }
    }

    pub(crate) fn missing(self) -> String {
        format!("{} is missing: {}", self.what, self.get)
    }
}

/// The command as a user would write it, without folders.
pub(crate) fn line(command: &Command) -> String {
    let mut line = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line += &argument.to_string_lossy();
    }
    line
}
