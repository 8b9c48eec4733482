//! Calls between real Kitex peers and ours over gRPC, Thrift and Protobuf, both ways: the cells of `cargo xtask interop grpc`.

mod cases;
mod expect;
mod lanes;
mod ours;
mod peers;
mod steps;
mod wish;

use std::sync::Arc;
use std::time::Duration;

use self::cases::Case;
use self::lanes::{LANES, Lane};
use self::peers::Peers;
use self::steps::{Judged, Place};
use crate::Options;
use crate::lanes::Direction;
use crate::report::Report;

/// Runs every cell and prints a line for each; says whether all is well.
pub(crate) async fn run(options: &Options) -> bool {
    let mut report = Report::default();
    let cases = Arc::new(cases::all());
    for direction in &options.directions {
        // Each lane has peers of its own: half of them run beside each other.
        for half in LANES.chunks(LANES.len() / 2) {
            let running: Vec<_> = half
                .iter()
                .map(|lane| {
                    let peers = Peers::new(options.peer.clone());
                    (
                        lane,
                        tokio::spawn(run_lane(options.clone(), peers, *direction, lane, Arc::clone(&cases))),
                    )
                })
                .collect();
            for (lane, task) in running {
                for (case, judged) in task
                    .await
                    .unwrap_or_else(|error| vec![("the whole lane", Cell::Ran(Err(error.to_string())))])
                {
                    match judged {
                        Cell::Ran(judged) => report.ran(*direction, lane.name, case, judged),
                        Cell::Missing(reason) => report.missing(*direction, lane.name, case, reason),
                        Cell::Listed => {}
                    }
                }
            }
        }
    }
    let names = LANES.map(|lane| lane.name);
    options.list || report.close(&options.directions, &names)
}

/// What became of one cell.
enum Cell {
    Ran(Judged),
    Missing(&'static str),
    Listed,
}

async fn run_lane(
    options: Options,
    mut peers: Peers,
    direction: Direction,
    lane: &'static Lane,
    cases: Arc<Vec<Case>>,
) -> Vec<(&'static str, Cell)> {
    let mut cells = Vec::new();
    for case in cases
        .iter()
        .filter(|case| options.wants(direction, lane.name, case.name))
    {
        let cell = match case.missing(lane, direction) {
            Some(reason) if options.list => {
                println!("none {direction:<12} {:<22} {} ({reason})", lane.name, case.name);
                Cell::Listed
            }
            Some(reason) => Cell::Missing(reason),
            None if options.list => {
                println!("cell {direction:<12} {:<22} {}", lane.name, case.name);
                Cell::Listed
            }
            None => {
                let mut place = Place {
                    peers: &mut peers,
                    lane,
                    direction,
                };
                let judged = tokio::time::timeout(CELL, place.run(case)).await;
                let judged = judged.unwrap_or_else(|_| Err(format!("not done in {CELL:?}")));
                if judged.is_err() {
                    peers.forget();
                }
                Cell::Ran(judged)
            }
        };
        cells.push((case.name, cell));
    }
    cells
}

/// No cell takes this long unless something hangs.
const CELL: Duration = Duration::from_secs(20);
