//! Calls over TLS between real Kitex peers and ours: one half of `cargo xtask interop tls`. The other half is grpc-go's
//! (`foreign/interop/secured.rs`).
//!
//! `kitewire-interop --secured --peer PROGRAM` runs all cells; `--only WORD` those whose line contains the word; `--list` only
//! lists them; `--own` leaves Kitex out, and needs no program.

mod cases;
mod files;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

pub(crate) use self::files::{Files, connecting, listening};

use self::cases::{Case, cases};
use crate::call::{Call, Dial, ServerConfig};
use crate::lanes::{Direction, Side};
use crate::streams::peers::Gzip;
use crate::streams::wish::Wish;
use crate::{peers, streams};

/// Runs what the arguments after `--secured` name.
pub(crate) async fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let done = match Run::read(arguments) {
        Ok(run) => run.all().await,
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| {
        eprintln!("kitewire-interop: {error}");
        ExitCode::from(2)
    })
}

/// The options, and what became of the cells so far.
struct Run {
    peer: PathBuf,
    only: Option<String>,
    list: bool,
    directions: Vec<Direction>,
    passed: usize,
    failed: usize,
}

impl Run {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut run = Self {
            peer: PathBuf::new(),
            only: None,
            list: false,
            directions: vec![Direction::KitexToOurs, Direction::OursToKitex],
            passed: 0,
            failed: 0,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--peer" => run.peer = arguments.next().ok_or("--peer needs a program")?.into(),
                "--only" => run.only = Some(arguments.next().ok_or("--only needs a word")?),
                "--list" => run.list = true,
                "--own" => run.directions = vec![Direction::OursToOurs],
                "--reference" => run.directions = vec![Direction::KitexToKitex],
                other => return Err(format!("unknown argument {other}")),
            }
        }
        let needs_peer = !run.list && run.directions != [Direction::OursToOurs];
        if needs_peer && run.peer.as_os_str().is_empty() {
            return Err("--peer PROGRAM is missing".to_owned());
        }
        Ok(run)
    }

    async fn all(mut self) -> Result<ExitCode, String> {
        let files = Files::new().map_err(|error| error.to_string())?;
        for direction in self.directions.clone() {
            let mut sides = Sides::new(&self.peer);
            for case in cases().iter().filter(|case| case.fits(direction)) {
                let line = format!("{direction:<12} {:<15} {}", case.transport, case.name);
                if self.only.as_ref().is_some_and(|word| !line.contains(word.as_str())) {
                    continue;
                }
                if self.list {
                    println!("cell {line}");
                    continue;
                }
                let judged = tokio::time::timeout(CELL, sides.judge(&files, direction, case)).await;
                match judged.unwrap_or_else(|_| Err(format!("not done in {CELL:?}"))) {
                    Ok(detail) => {
                        self.passed += 1;
                        println!("ok   {line} ({detail})");
                    }
                    Err(detail) => {
                        self.failed += 1;
                        println!("FAIL {line} ({detail})");
                    }
                }
            }
        }
        if !self.list {
            println!("\n{} passed, {} failed", self.passed, self.failed);
        }
        Ok(ExitCode::from(u8::from(self.failed > 0)))
    }
}

/// The peers of one direction.
struct Sides {
    calls: peers::Peers,
    streams: streams::peers::Peers,
}

impl Sides {
    fn new(program: &Path) -> Self {
        Self {
            calls: peers::Peers::new(program.to_owned()),
            streams: streams::peers::Peers::new(program.to_owned()),
        }
    }

    async fn judge(&mut self, files: &Files, direction: Direction, case: &Case) -> Result<String, String> {
        let config = ServerConfig {
            services: vec![if case.streams() { "Streams" } else { "Second" }],
            ttheader_meta: true,
            tls: Some((case.server)(files)),
            ..ServerConfig::default()
        };
        let address = match case.streams() {
            true => self.streams.shared(direction.server(), &config).await?,
            false => self.calls.shared(direction.server(), &config).await?,
        };
        let dial = Dial {
            address,
            transport: case.transport,
            ttheader_meta: true,
            tls: Some((case.client)(files)),
            ..Dial::default()
        };
        let told = match case.streams() {
            true => self.stream(direction.client(), dial).await?,
            false => self.call(direction.client(), dial).await?,
        };
        let expected = case.expected(direction.client());
        match told.contains(expected) {
            true => Ok(told),
            false => Err(format!("{told}; {expected:?} is missing")),
        }
    }

    async fn call(&self, side: Side, dial: Dial) -> Result<String, String> {
        let call = Call {
            dial,
            service: "Second",
            method: "say",
            text: "hello over TLS".to_owned(),
            ..Call::default()
        };
        let outcome = self.calls.client(side)?.call(call).await?;
        Ok(match outcome.error.as_str() {
            "" => outcome.brief(),
            error => error.to_owned(),
        })
    }

    async fn stream(&mut self, side: Side, dial: Dial) -> Result<String, String> {
        let steps = ["send hello over TLS", "recv", "close", "recv"];
        let wish = Wish {
            dial,
            service: "Streams",
            method: "talk",
            steps: steps.map(str::to_owned).to_vec(),
            timeout_ms: 20_000,
            ..Wish::default()
        };
        Ok(self.streams.caller(side, Gzip::Absent)?.call(wish).await?.brief())
    }
}

/// No cell takes this long unless something hangs.
const CELL: Duration = Duration::from_secs(90);
