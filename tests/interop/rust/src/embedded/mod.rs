//! The loops of `examples/loops`, which stand on the core alone, with real Kitex peers and with each other: the cells of `cargo xtask
//! interop embedded`.
//!
//! `kitewire-interop --embedded --examples FOLDER --peer PROGRAM` runs all cells; `--only WORD` those whose line contains the word;
//! `--list` only lists them; `--own` leaves Kitex out and needs no program of it.

mod cases;
mod programs;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use self::cases::{Case, Lane, cases, lanes};
use self::programs::Example;
use crate::call::{Dial, ServerConfig};
use crate::go::{GoServer, GoWorker};
use crate::streams::wish::{Told, Wish};

/// Runs what the arguments after `--embedded` name.
pub(crate) async fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let mut run = match Run::read(arguments) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("kitewire-interop: {error}");
            return ExitCode::from(2);
        }
    };
    for server in ["mio_server", "blocking_server", "thread_per_core", KITEX] {
        for client in [KITEX, CLIENT] {
            run.pair(client, server).await;
        }
        run.ends(server).await;
    }
    run.close()
}

/// The options, the peers and what became of the cells so far.
#[derive(Default)]
struct Run {
    /// Where the examples lie.
    examples: PathBuf,
    peer: PathBuf,
    only: Option<String>,
    list: bool,
    own: bool,
    servers: BTreeMap<&'static str, Server>,
    kitex: Option<GoWorker<Wish, Told>>,
    passed: usize,
    failed: Vec<String>,
}

enum Server {
    Kitex(Box<GoServer>),
    Ours(Box<Example>),
}

impl Run {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut run = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = |what: &str| arguments.next().ok_or(format!("{argument} needs {what}"));
            match argument.as_str() {
                "--examples" => run.examples = value("a folder")?.into(),
                "--peer" => run.peer = value("a program")?.into(),
                "--only" => run.only = Some(value("a word")?),
                "--list" => run.list = true,
                "--own" => run.own = true,
                other => return Err(format!("unknown argument {other}")),
            }
        }
        let wanting = |path: &PathBuf| path.as_os_str().is_empty() && !run.list;
        if wanting(&run.examples) || !run.own && wanting(&run.peer) {
            return Err("--examples FOLDER or --peer PROGRAM is missing".to_owned());
        }
        Ok(run)
    }

    /// All calls from one client to one server.
    async fn pair(&mut self, client: &'static str, server: &'static str) {
        // What Kitex peers make of each other is the matter of other lists.
        if client == KITEX && server == KITEX || self.own && [client, server].contains(&KITEX) {
            return;
        }
        for lane in lanes() {
            for case in cases() {
                if case.fits(&lane, client == KITEX, server == KITEX) {
                    let line = format!("{client}->{server} | {} | {}", lane.name, case.name);
                    if self.wants(&line) {
                        let judged = self.bounded(client, server, &lane, &case).await;
                        self.judge(&line, judged);
                    }
                }
            }
        }
    }

    /// What else is asked of a server of ours: a page, and its stop.
    async fn ends(&mut self, server: &'static str) {
        if server == KITEX {
            return;
        }
        let line = format!("{HTTP}->{server} | http | page");
        if self.wants(&line) {
            let page = async { programs::page(&self.address(server).await?).await };
            let judged = tokio::time::timeout(CELL, page).await.unwrap_or_else(|_| late());
            self.judge(&line, judged);
        }
        if !self.own {
            for lane in lanes().iter().filter(|lane| lane.streams) {
                let line = format!("{KITEX}->{server} | {} | stop while a stream runs", lane.name);
                if self.wants(&line) {
                    let stop = self.stop(server, lane);
                    let judged = tokio::time::timeout(CELL, stop).await.unwrap_or_else(|_| late());
                    self.judge(&line, judged);
                }
            }
        }
        let line = format!("{server} | stop");
        if self.wants(&line) {
            let stop = async {
                self.address(server).await?;
                match self.servers.remove(server) {
                    Some(Server::Ours(example)) => example.stop().await,
                    _ => Err("it does not run".to_owned()),
                }
            };
            let judged = tokio::time::timeout(CELL, stop).await.unwrap_or_else(|_| late());
            self.judge(&line, judged);
        }
        self.servers.remove(server);
    }

    fn wants(&self, line: &str) -> bool {
        if self.only.as_ref().is_some_and(|word| !line.contains(word.as_str())) {
            return false;
        }
        if self.list {
            println!("cell {line}");
        }
        !self.list
    }

    fn judge(&mut self, line: &str, judged: Result<String, String>) {
        match judged {
            Ok(detail) => {
                self.passed += 1;
                println!("ok   {line} ({detail})");
            }
            Err(detail) => {
                println!("FAIL {line} ({detail})");
                self.failed.push(format!("{line}: {detail}"));
                // Nobody knows what state they are in.
                self.servers.clear();
                self.kitex = None;
            }
        }
    }

    async fn bounded(
        &mut self,
        client: &'static str,
        server: &'static str,
        lane: &Lane,
        case: &Case,
    ) -> Result<String, String> {
        let ran = tokio::time::timeout(CELL, self.call(client, server, lane, case)).await;
        ran.unwrap_or_else(|_| late())
    }

    async fn call(
        &mut self,
        client: &'static str,
        server: &'static str,
        lane: &Lane,
        case: &Case,
    ) -> Result<String, String> {
        let address = self.address(server).await?;
        if client == CLIENT {
            let program = programs::path(&self.examples, CLIENT);
            return case.check(&programs::lines(&program, &case.words(lane, &address)).await?);
        }
        let kitex = self.kitex()?;
        let calls = (0..case.at_once)
            .map(|_| kitex.call(case.wish(lane, &address)))
            .collect();
        let mut brief = String::new();
        for told in crate::plain::join(calls).await {
            brief = case.check(&told?.lines)?;
        }
        Ok(brief)
    }

    /// A stream that is open when the server is told to stop goes on to its end.
    async fn stop(&mut self, server: &'static str, lane: &Lane) -> Result<String, String> {
        let address = self.address(server).await?;
        let Some(Server::Ours(example)) = self.servers.remove(server) else {
            return Err("it does not run".to_owned());
        };
        let steps = ["send a", "recv", "sleep 1500", "send b", "recv", "close", "recv"];
        let wish = Wish {
            dial: lane.dial(&address),
            service: "Streams",
            method: "talk",
            steps: steps.map(str::to_owned).to_vec(),
            ..Wish::default()
        };
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            example.stop().await
        };
        let (told, stopped) = tokio::join!(self.kitex()?.call(wish), stopping);
        let (lines, stopped) = (told?.lines, stopped?);
        if lines != ["got a", "got b", "end"] {
            return Err(format!("{lines:?}"));
        }
        Ok(stopped)
    }

    async fn address(&mut self, server: &'static str) -> Result<String, String> {
        if let Some(server) = self.servers.get(server) {
            return Ok(match server {
                Server::Kitex(server) => server.address.clone(),
                Server::Ours(server) => server.address.clone(),
            });
        }
        let (address, started) = if server == KITEX {
            let config = ServerConfig {
                services: vec!["Streams"],
                ttheader_meta: true,
                ..ServerConfig::default()
            };
            let server = GoServer::start(&self.peer, &config).await?;
            (server.address.clone(), Server::Kitex(Box::new(server)))
        } else {
            let server = Example::start(&programs::path(&self.examples, server)).await?;
            (server.address.clone(), Server::Ours(Box::new(server)))
        };
        self.servers.insert(server, started);
        Ok(address)
    }

    fn kitex(&mut self) -> Result<&GoWorker<Wish, Told>, String> {
        let started = match self.kitex.take() {
            Some(started) => started,
            None => GoWorker::start(&self.peer, &["streams"])?,
        };
        Ok(self.kitex.insert(started))
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
        if self.failed.is_empty() && self.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Lane {
    fn dial(&self, address: &str) -> Dial {
        Dial {
            address: address.to_owned(),
            transport: self.transport,
            mux: u32::from(self.multiplexed),
            ttheader_meta: self.transport.starts_with("ttheader"),
            ..Dial::default()
        }
    }
}

fn late() -> Result<String, String> {
    Err(format!("not done in {CELL:?}"))
}

const KITEX: &str = "Kitex";
const CLIENT: &str = "blocking_client";
const HTTP: &str = "http/1.1";
/// No cell takes this long unless something hangs.
const CELL: Duration = Duration::from_secs(90);
