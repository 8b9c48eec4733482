//! The sides that are measured, and how each is built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::cases::Case;
use crate::tools::{GO, benches_folder, target_folder};

/// A pair of server and client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Length-prefixed echo on tokio: no RPC at all.
    Raw,
    /// Us.
    Kitewire,
    /// Us, with streams over HTTP/2 where the case has them over TTHeader.
    KitewireHttp2,
    /// Us, over TLS.
    KitewireTls,
    /// Our server on smol.
    Smol,
    /// Our server on async-std.
    AsyncStd,
    /// Our core in a readiness loop over mio.
    Mio,
    /// volo-thrift.
    Volo,
    /// tonic.
    Tonic,
    /// Kitex, in Go.
    Kitex,
}

/// A peer that can be run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Which one.
    pub peer: Peer,
    /// Its executable, server and client in one.
    pub path: PathBuf,
    /// The executable of the client that calls it, where it is a server only.
    pub caller: Option<PathBuf>,
}

impl Peer {
    /// Its name, also on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Kitewire => "kitewire",
            Self::KitewireHttp2 => "over-http2",
            Self::KitewireTls => "over-tls",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
            Self::Mio => "mio",
            Self::Volo => "volo",
            Self::Tonic => "tonic",
            Self::Kitex => "kitex",
        }
    }

    /// `--mode` of its server and its client in a case.
    #[must_use]
    pub const fn mode(self, case: Case) -> &'static str {
        match self {
            Self::KitewireHttp2 => "thrift-bidi",
            Self::Tonic if case.is_over_ttheader() => "bidi",
            _ => case.mode,
        }
    }

    /// Whether valgrind can run it; Go's runtime cannot be.
    #[must_use]
    pub const fn is_native(self) -> bool {
        !matches!(self, Self::Kitex)
    }

    /// Builds it; quick when nothing has changed.
    ///
    /// # Errors
    /// What is missing, or that the build failed. The build's own words go to the standard error.
    pub fn build(self) -> Result<Program, Failure> {
        let path = match self {
            Self::Raw => build_ours("raw")?,
            Self::Kitewire | Self::KitewireHttp2 => build_ours("ours")?,
            Self::KitewireTls => build_ours("over-tls")?,
            Self::Smol => build_ours("on-smol")?,
            Self::AsyncStd => build_ours("on-async-std")?,
            Self::Mio => build_ours("on-mio")?,
            Self::Volo => build_peer("volo")?.join("bench-volo"),
            Self::Tonic => build_peer("tonic")?.join("bench-tonic"),
            Self::Kitex => build_kitex()?,
        };
        let caller = match self {
            Self::Smol | Self::AsyncStd | Self::Mio => Some(build_ours("ours")?),
            _ => None,
        };
        Ok(Program {
            peer: self,
            path,
            caller,
        })
    }
}

impl Program {
    /// The executable of its client.
    #[must_use]
    pub fn client(&self) -> &Path {
        self.caller.as_deref().unwrap_or(&self.path)
    }
}

/// Builds a program of this crate and tells where it is.
///
/// # Errors
/// When the build fails.
pub fn build_ours(bin: &str) -> Result<PathBuf, Failure> {
    let target = target_folder();
    run(cargo_build(&benches_folder(), &target).args(["--bin", bin]))?;
    Ok(target.join("release").join(bin))
}

/// Builds the programs of a package in `peers` and tells the folder they are in.
///
/// # Errors
/// When the build fails.
pub fn build_peer(package: &str) -> Result<PathBuf, Failure> {
    let target = peers_folder();
    run(&mut cargo_build(&benches_folder().join("peers").join(package), &target))?;
    Ok(target.join("release"))
}

fn build_kitex() -> Result<PathBuf, Failure> {
    if !GO.is_present() {
        return Err(GO.missing().into());
    }
    let source = benches_folder().join("peers/kitex");
    let (generator, program) = (
        peers_folder().join("kitex/generator"),
        peers_folder().join("kitex/echo"),
    );
    run(go_build(&source, &generator).arg("github.com/cloudwego/kitex/tool/cmd/kitex"))?;
    for (idl, options) in [
        ("echo.thrift", &[][..]),
        ("chat.proto", &[]),
        ("lines.thrift", &["-streamx"]),
    ] {
        run(Command::new(&generator)
            .args(["-module", "bench-kitex"])
            .args(options)
            .arg(format!("../../idl/{idl}"))
            .current_dir(&source))?;
    }
    run(go_build(&source, &program).arg("."))?;
    Ok(program)
}

fn cargo_build(package: &Path, target: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--quiet", "--locked", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target);
    command
}

fn go_build(source: &Path, output: &Path) -> Command {
    let mut command = Command::new(GO.name);
    command.arg("build").arg("-o").arg(output).current_dir(source);
    command
}

fn run(command: &mut Command) -> Result<(), Failure> {
    // What a build prints is not part of the report.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let program = command.get_program().display().to_string();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{program}` ended with {status}").into()),
        Err(error) => Err(format!("`{program}` cannot be started: {error}").into()),
    }
}

/// Where peers from outside the workspace are built.
fn peers_folder() -> PathBuf {
    target_folder().join("peers")
}
