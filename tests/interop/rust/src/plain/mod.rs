//! Plain requests of Go's `net/http` to the port that answers Kitex calls, over HTTP/1.1 and HTTP/2: the cells of `cargo xtask interop
//! http`. Around each cell the real Kitex client calls the same port.

mod cells;
mod fetch;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use self::cells::{Cell, Step, cells};
use self::fetch::{Fetch, Page, Version};
use crate::call::ServerConfig;
use crate::cases::say;
use crate::expect::value;
use crate::go::GoWorker;
use crate::lanes::{LANES, Side};
use crate::ours::{self, OurServer};
use crate::peers::{Client, Peers};

/// Runs every cell and prints a line for each; says whether all is well. Without `peer` our own client makes the calls.
pub(crate) async fn run(program: &Path, peer: &Path) -> bool {
    let peers = Peers::new(peer.to_path_buf());
    let caller = if peer.as_os_str().is_empty() {
        Side::Ours
    } else {
        Side::Kitex
    };
    let (mut passed, mut failed) = (0, 0);
    for version in [Version::Http1, Version::Http2] {
        for cell in cells() {
            let judged = tokio::time::timeout(CELL, judge(program, &peers, caller, version, &cell)).await;
            let judged = judged.unwrap_or_else(|_| Err(format!("not done in {CELL:?}")));
            let (word, detail) = match judged {
                Ok(detail) => {
                    passed += 1;
                    ("ok  ", detail)
                }
                Err(detail) => {
                    failed += 1;
                    ("FAIL", detail)
                }
            };
            println!("{word} net/http->ours {version} {} ({detail})", cell.name);
        }
    }
    println!("calls beside them by {caller}\n\n{passed} passed, {failed} failed");
    failed == 0 && passed > 0
}

/// A server and a client of the cell's own, so that its connections are its own, too.
async fn judge(program: &Path, peers: &Peers, caller: Side, version: Version, cell: &Cell) -> Result<String, String> {
    let config = ServerConfig {
        services: vec!["Everything", "Second", "Proto"],
        fallback: "Everything",
        ..ServerConfig::default()
    };
    let server = ours::start(&config).await?;
    let mut place = Place {
        go: GoWorker::start(program, &["-address", &server.address])?,
        server,
        version,
    };
    let client = peers.client(caller)?;
    call(&client, &place.server.address).await?;
    let detail = place.run(&cell.step).await?;
    if !cell.stops_server() {
        call(&client, &place.server.address).await?;
    }
    Ok(detail)
}

/// A call on every transport.
async fn call(client: &Client, address: &str) -> Result<(), String> {
    for lane in LANES.iter().filter(|lane| !lane.protobuf) {
        let outcome = client.call(say("beside").call(lane, address)).await?;
        value("beside")
            .check(&outcome)
            .map_err(|error| format!("the call beside it, {}: {error}", lane.name))?;
    }
    Ok(())
}

struct Place {
    go: GoWorker<Fetch, Page>,
    server: OurServer,
    version: Version,
}

impl Place {
    async fn run(&mut self, step: &Step) -> Result<String, String> {
        match step {
            Step::Fetch { fetch, status, check } => {
                let page = self.fetch(fetch, *status).await?;
                check(&page)?;
                Ok(page.brief())
            }
            Step::KeepsConnection => self.keeps_connection().await,
            Step::AtOnce(count) => self.at_once(*count).await,
            Step::GivesUp => self.gives_up().await,
            Step::StopWhileRunning => self.stop_while_running().await,
        }
    }

    async fn fetch(&self, fetch: &Fetch, status: u16) -> Result<Page, String> {
        let page = self.go.call(fetch.over(self.version)).await?;
        if !page.error.is_empty() {
            return Err(page.error);
        }
        let saw = format!(
            "{} http://{}{} peer=true",
            fetch.method, self.server.address, fetch.path
        );
        if page.status != status || page.proto != self.version.proto() {
            return Err(format!("{} {}, want {status}", page.proto, page.status));
        }
        match page.headers.get("saw") {
            Some(found) if *found == saw => Ok(page),
            found => Err(format!("the handler saw {found:?}, want {saw:?}")),
        }
    }

    async fn keeps_connection(&self) -> Result<String, String> {
        let first = self.fetch(&Fetch::get("/page"), 200).await?;
        for _ in 0..5 {
            let next = self.fetch(&Fetch::get("/page"), 200).await?;
            if !next.reused || next.local != first.local {
                return Err("another connection".to_owned());
            }
        }
        Ok("6 answers over one connection".to_owned())
    }

    async fn at_once(&self, count: usize) -> Result<String, String> {
        // HTTP/2 opens its connection with the first request.
        self.fetch(&Fetch::get("/page"), 200).await?;
        let began = Instant::now();
        let slow = Fetch::get("/sleep/1000");
        let mut connections = BTreeSet::new();
        let running: Vec<_> = (0..count).map(|_| self.fetch(&slow, 200)).collect();
        for page in join(running).await {
            connections.insert(page?.local);
        }
        let elapsed = began.elapsed();
        if elapsed > Duration::from_millis(1000) * u32::try_from(count).unwrap_or(u32::MAX) / 2 {
            return Err(format!("one after the other: {elapsed:?}"));
        }
        if self.version == Version::Http2 && connections.len() != 1 {
            return Err(format!("{} connections", connections.len()));
        }
        Ok(format!("{count} answers, connections: {}", connections.len()))
    }

    async fn gives_up(&self) -> Result<String, String> {
        let first = self.fetch(&Fetch::get("/page"), 200).await?;
        let given_up = self
            .go
            .call(Fetch::get("/forever").within(200).over(self.version))
            .await?;
        if !given_up.error.contains("deadline exceeded") {
            return Err(format!("not given up: {}", given_up.brief()));
        }
        let next = self.fetch(&Fetch::get("/page"), 200).await?;
        match self.version {
            Version::Http1 if next.local == first.local => Err("the connection was kept".to_owned()),
            Version::Http2 if next.local != first.local => Err("the connection was not kept".to_owned()),
            Version::Http1 => Ok("answered over another connection".to_owned()),
            Version::Http2 => Ok("answered over the same connection".to_owned()),
        }
    }

    async fn stop_while_running(&mut self) -> Result<String, String> {
        self.fetch(&Fetch::get("/page"), 200).await?;
        let slow = Fetch::get("/sleep/1500").over(self.version);
        let running = async {
            let page = self.go.call(slow).await?;
            match page.text.as_str() {
                "slept\n" => Ok(page),
                _ => Err(format!("the running request: {} {}", page.brief(), page.error)),
            }
        };
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            self.server.stop();
            self.server.stopped().await
        };
        let (page, stopped) = tokio::join!(running, stopping);
        let (page, stopped) = (page?, stopped?);
        if !stopped.error.is_empty() || stopped.elapsed_ms > 4000 {
            return Err(format!("stop: {} ms, {}", stopped.elapsed_ms, stopped.error));
        }
        let late = self.go.call(Fetch::get("/page").over(self.version)).await?;
        if late.error.is_empty() {
            return Err("a request after the stop was answered".to_owned());
        }
        Ok(format!("{}, stopped in {} ms", page.brief(), stopped.elapsed_ms))
    }
}

/// All of them at once, in this task.
pub(crate) async fn join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs = Vec::new();
    std::future::poll_fn(|cx| {
        futures.retain_mut(|future| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => {
                outputs.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs
}

/// No cell takes this long unless something hangs.
const CELL: Duration = Duration::from_secs(90);
