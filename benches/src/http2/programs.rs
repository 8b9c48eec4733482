//! The programs that do the work, a package of their own: `peers/http2`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::cases::Case;
use crate::process::Core;
use crate::{Failure, callgrind, peers};

/// Who does the work.
#[derive(Clone, Copy)]
pub(super) enum Implementation {
    /// Us.
    Kitewire,
    /// The h2 crate.
    H2,
    /// The shiguredo_http2 crate.
    Shiguredo,
}

impl Implementation {
    /// All of them, in the order of the report.
    pub(super) const ALL: [Self; 3] = [Self::Kitewire, Self::H2, Self::Shiguredo];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kitewire => "kitewire",
            Self::H2 => "h2",
            Self::Shiguredo => "shiguredo_http2",
        }
    }
}

/// The programs, built.
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub(super) fn build() -> Result<Self, Failure> {
        eprintln!("building ...");
        let folder = peers::build_peer("http2")?;
        Ok(Self { folder })
    }

    /// Runs a case under callgrind, and tells where the record is.
    pub(super) fn observe(
        &self,
        implementation: Implementation,
        case: &Case,
        iterations: u64,
    ) -> Result<PathBuf, Failure> {
        let record = callgrind::record_file(&format!("http2.{}.{}.{iterations}", implementation.name(), case.name));
        let program = self.folder.join("bench-http2");
        let mut command = callgrind::command_without(program, Core::Free, &record, &TRANSPORT);
        command.args([
            implementation.name(),
            case.name,
            "--iterations",
            &iterations.to_string(),
        ]);
        let status = command.status()?;
        if status.success() {
            Ok(record)
        } else {
            Err(format!(
                "{}, {}: callgrind ended with {status}",
                implementation.name(),
                case.name
            )
            .into())
        }
    }

    /// What the program that counts allocations says.
    pub(super) fn heap(&self, args: &[&str]) -> Result<Value, Failure> {
        let output = Command::new(self.folder.join("bench-http2-heap")).args(args).output()?;
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout)?)
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("bench-http2-heap {}: {said}", args.join(" ")).into())
        }
    }
}

/// What stands for the system's part in sending and receiving.
const TRANSPORT: [&str; 2] = ["bench_http2::pipe::Pipe::read*", "bench_http2::pipe::Pipe::write*"];
