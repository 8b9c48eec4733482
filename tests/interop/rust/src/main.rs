//! Calls between real Kitex peers and ours, both ways, over every transport: the cells of `cargo xtask interop pingpong`, with `--grpc` of
//! `cargo xtask interop grpc` and with `--ttstream` of `cargo xtask interop ttstream`.
//!
//! `kitewire-interop --peer PROGRAM` runs all cells; `--only WORD` those whose line contains the word; `--list` only lists them;
//! `--reference` runs Kitex against Kitex, which shows that the expectations are Kitex's own behaviour; `--own` runs ours against ours
//! and needs no program. `--plain PROGRAM` has Go's `net/http` send plain requests to the port that answers the calls, instead;
//! `--foreign` has peers that are neither, and arguments of its own (`foreign`), and so has `--embedded`, with the loops of
//! `examples/loops` (`embedded`), and `--secured`, with calls over TLS (`secured`).

mod call;
mod cases;
mod embedded;
mod expect;
mod foreign;
mod go;
mod lanes;
mod ours;
mod peers;
mod plain;
mod proxy;
mod report;
mod secured;
mod steps;
mod streams;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::cases::Case;
use crate::lanes::{Direction, LANES, Lane};
use crate::peers::{Client, Peers};
use crate::report::{Cell, Report};
use crate::steps::Place;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == "--foreign").is_some() {
        return foreign::main(arguments).await;
    }
    if arguments.next_if(|argument| argument == "--embedded").is_some() {
        return embedded::main(arguments).await;
    }
    if arguments.next_if(|argument| argument == "--secured").is_some() {
        return secured::main(arguments).await;
    }
    let options = match Options::read(arguments) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("kitewire-interop: {error}");
            return ExitCode::from(2);
        }
    };
    // Handlers of ours panic where a cell asks for it.
    if std::env::var_os(LOG).is_none() {
        std::panic::set_hook(Box::new(|panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&"ouch") {
                eprintln!("{panic}");
            }
        }));
    }
    if let Some(program) = &options.plain {
        return match plain::run(program, &options.peer).await {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        };
    }
    let streams = match options.cells {
        Cells::PingPong => None,
        Cells::Grpc => Some(streams::grpc(&options).await),
        Cells::TtStream => Some(streams::ttheader(&options).await),
    };
    match streams {
        Some(true) => return ExitCode::SUCCESS,
        Some(false) => return ExitCode::FAILURE,
        None => {}
    }
    let mut report = Report::default();
    let cases = Arc::new(cases::all());
    // Each lane has peers of its own: most cells wait most of the time.
    let lanes = options
        .directions
        .iter()
        .flat_map(|direction| LANES.iter().map(|lane| (*direction, lane)));
    let running: Vec<_> = lanes
        .map(|(direction, lane)| {
            let cells = run_lane(options.clone(), direction, lane, Arc::clone(&cases));
            (direction, lane, tokio::spawn(cells))
        })
        .collect();
    for (direction, lane, task) in running {
        let cells = task
            .await
            .unwrap_or_else(|error| vec![("the whole lane", Cell::Ran(Err(error.to_string())))]);
        report.tell(direction, lane.name, cells);
    }
    if options.list || report.close(&options.directions, &LANES.map(|lane| lane.name)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run_lane(
    options: Options,
    direction: Direction,
    lane: &'static Lane,
    cases: Arc<Vec<Case>>,
) -> Vec<(&'static str, Cell)> {
    let mut peers = Peers::new(options.peer.clone());
    let mut client = None;
    let mut cells = Vec::new();
    for case in cases
        .iter()
        .filter(|case| options.wants(direction, lane.name, case.name))
    {
        let cell = match options.unrun(direction, lane.name, case.name, case.missing(lane, direction)) {
            Some(cell) => cell,
            None => {
                // One client for the lane, but a stop may break it.
                let kept = client.take().filter(|_| !case.stops_server());
                let judged = judge(&mut peers, kept, direction, lane, case).await;
                Cell::Ran(judged.map(|(detail, kept)| {
                    client = Some(kept);
                    detail
                }))
            }
        };
        cells.push((case.name, cell));
    }
    cells
}

/// Gives the client back after a cell that passed.
async fn judge(
    peers: &mut Peers,
    kept: Option<Arc<Client>>,
    direction: Direction,
    lane: &'static Lane,
    case: &Case,
) -> Result<(String, Arc<Client>), String> {
    let client = kept.map_or_else(|| peers.client(direction.client()), Ok)?;
    let mut place = Place {
        peers,
        client: Arc::clone(&client),
        lane,
        direction,
    };
    match tokio::time::timeout(CELL, place.run(case)).await {
        Ok(judged) => judged.map(|detail| (detail, client)),
        Err(_) => Err(format!("not done in {CELL:?}")),
    }
}

#[derive(Clone)]
pub(crate) struct Options {
    peer: PathBuf,
    plain: Option<PathBuf>,
    cells: Cells,
    only: Option<String>,
    list: bool,
    directions: Vec<Direction>,
}

/// Which list is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    PingPong,
    Grpc,
    TtStream,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            peer: PathBuf::new(),
            plain: None,
            cells: Cells::PingPong,
            only: None,
            list: false,
            directions: vec![Direction::KitexToOurs, Direction::OursToKitex],
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--peer" => options.peer = arguments.next().ok_or("--peer needs a program")?.into(),
                "--plain" => options.plain = Some(arguments.next().ok_or("--plain needs a program")?.into()),
                "--grpc" => options.cells = Cells::Grpc,
                "--ttstream" => options.cells = Cells::TtStream,
                "--only" => options.only = Some(arguments.next().ok_or("--only needs a word")?),
                "--list" => options.list = true,
                "--reference" => options.directions = vec![Direction::KitexToKitex],
                "--own" => options.directions = vec![Direction::OursToOurs],
                other => return Err(format!("unknown argument {other}")),
            }
        }
        let needs_peer = !options.list && options.directions != [Direction::OursToOurs];
        if options.peer.as_os_str().is_empty() && needs_peer {
            return Err("--peer PROGRAM is missing".to_owned());
        }
        Ok(options)
    }

    /// What becomes of a cell that is not run: it is only listed, or cannot be.
    pub(crate) fn unrun(
        &self,
        direction: Direction,
        lane: &str,
        case: &str,
        missing: Option<&'static str>,
    ) -> Option<Cell> {
        match (missing, self.list) {
            (None, false) => return None,
            (Some(reason), false) => return Some(Cell::Missing(reason)),
            (None, true) => println!("cell {direction:<12} {lane:<22} {case}"),
            (Some(reason), true) => println!("none {direction:<12} {lane:<22} {case} ({reason})"),
        }
        Some(Cell::Listed)
    }

    pub(crate) fn wants(&self, direction: Direction, lane: &str, case: &str) -> bool {
        let line = format!("{direction} {lane} {case}");
        self.only.as_ref().is_none_or(|word| line.contains(word.as_str()))
    }
}

/// Shows what the peers log: panics and lost connections, mostly, which many cells mean to cause.
pub(crate) const LOG: &str = "INTEROP_LOG";
/// No cell takes this long unless something hangs.
const CELL: Duration = Duration::from_secs(90);
