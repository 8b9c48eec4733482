//! gRPC peers that are not Kitex's, both ways: grpc-go's interop programs, grpc-go with gzip, and tonic. One half of `cargo xtask interop
//! grpc`.
//!
//! `kitewire-interop --foreign --grpc-go FOLDER --tonic PROGRAM` runs all cells; with `--secured`, those of grpc-go over TLS instead;
//! `--only WORD` those whose line contains the word; `--list` only lists them; `--reference` has the peers call their own kind, which
//! shows that the expectations are theirs.

mod frames;
mod generated;
mod gzip;
mod host;
mod interop;
mod peers;
mod process;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What a cell comes to: a word on what was seen, or why it failed.
type Judged = Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// Runs what the arguments after `--foreign` name.
pub(crate) async fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let mut run = match Run::read(arguments) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("kitewire-interop: {error}");
            return ExitCode::from(2);
        }
    };
    if run.list_of == Cells::Secured {
        interop::run_secured(&mut run).await;
        return run.close();
    }
    interop::run(&mut run).await;
    gzip::run(&mut run).await;
    peers::run(&mut run).await;
    run.close()
}

/// The options and what became of the cells so far.
#[derive(Debug, Default)]
struct Run {
    programs: Programs,
    list_of: Cells,
    who: Who,
    only: Option<String>,
    list: bool,
    passed: usize,
    failed: Vec<String>,
}

/// The peers, built before.
#[derive(Debug, Default, Clone)]
struct Programs {
    /// Holds `interop_client`, `interop_server` and `gzip`.
    grpc_go: PathBuf,
    tonic: PathBuf,
}

/// Which cells are run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Cells {
    #[default]
    Plain,
    /// Those over TLS, which grpc-go alone has.
    Secured,
}

/// Who calls whom.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Peers and ours, both ways.
    #[default]
    Mixed,
    /// Peers alone.
    Reference,
}

/// One way of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    client: Side,
    server: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Peer,
}

impl Run {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut run = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = |what: &str| arguments.next().ok_or(format!("{argument} needs {what}"));
            match argument.as_str() {
                "--grpc-go" => run.programs.grpc_go = value("a folder")?.into(),
                "--tonic" => run.programs.tonic = value("a program")?.into(),
                "--secured" => run.list_of = Cells::Secured,
                "--only" => run.only = Some(value("a word")?),
                "--list" => run.list = true,
                "--reference" => run.who = Who::Reference,
                other => return Err(format!("unknown argument {other}")),
            }
        }
        let programs = match run.list_of {
            Cells::Plain => vec![&run.programs.grpc_go, &run.programs.tonic],
            Cells::Secured => vec![&run.programs.grpc_go],
        };
        if !run.list && programs.iter().any(|program| program.as_os_str().is_empty()) {
            return Err("--grpc-go FOLDER or --tonic PROGRAM is missing".to_owned());
        }
        Ok(run)
    }

    fn ways(&self) -> &'static [Way] {
        match self.who {
            Who::Mixed => const { &[way(Side::Peer, Side::Ours), way(Side::Ours, Side::Peer)] },
            Who::Reference => const { &[way(Side::Peer, Side::Peer)] },
        }
    }

    /// Runs a cell, unless it is not wished or only to be listed.
    async fn cell(&mut self, way: Way, peer: &str, case: &str, judge: impl Future<Output = Judged>) {
        let line = format!("{:<19} {case}", way.line(peer));
        if self.only.as_ref().is_some_and(|word| !line.contains(word.as_str())) {
            return;
        }
        if self.list {
            println!("cell {line}");
            return;
        }
        let judged = match tokio::time::timeout(CELL, judge).await {
            Ok(judged) => judged.map_err(|error| error.to_string()),
            Err(_) => Err(format!("not done in {CELL:?}")),
        };
        match judged {
            Ok(detail) => {
                self.passed += 1;
                println!("ok   {line} ({detail})");
            }
            Err(detail) => {
                println!("FAIL {line} ({detail})");
                self.failed.push(format!("{line}: {detail}"));
            }
        }
    }

    fn close(self) -> ExitCode {
        if self.list {
            return ExitCode::SUCCESS;
        }
        if !self.failed.is_empty() {
            println!("\nfailures:");
            for line in &self.failed {
                println!("  {line}");
            }
        }
        println!("\n{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

const fn way(client: Side, server: Side) -> Way {
    Way { client, server }
}

impl Way {
    fn line(self, peer: &str) -> String {
        let name = |side| if side == Side::Ours { "ours" } else { peer };
        format!("{}->{}", name(self.client), name(self.server))
    }
}

/// No cell takes this long unless something hangs.
const CELL: Duration = Duration::from_secs(120);
