//! Calls between real Kitex peers and ours, both ways, that may be streams: over gRPC, Thrift and Protobuf, the cells of `cargo xtask
//! interop grpc`; over TTHeader those of `cargo xtask interop ttstream`.

mod cases;
mod expect;
mod lanes;
mod ours;
pub(crate) mod peers;
mod steps;
pub(crate) mod wish;

use std::sync::Arc;
use std::time::Duration;

use self::cases::Case;
use self::lanes::{Lane, OVER_GRPC, OVER_TTHEADER};
use self::peers::Peers;
use self::steps::Place;
use crate::Options;
use crate::lanes::Direction;
use crate::report::{Cell, Report};

/// Runs every cell over gRPC.
pub(crate) async fn grpc(options: &Options) -> bool {
    run(options, &OVER_GRPC, cases::grpc::all()).await
}

/// Runs every cell over TTHeader.
pub(crate) async fn ttheader(options: &Options) -> bool {
    run(options, &OVER_TTHEADER, cases::ttheader::all()).await
}

/// Prints a line for each cell; says whether all is well. Each lane has peers of its own, and all of them run beside each other, as most
/// cells wait most of the time; but for cells that measure something.
async fn run(options: &Options, lanes: &'static [Lane], cases: Vec<Case>) -> bool {
    let mut report = Report::default();
    let (alone, beside): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| case.alone);
    let (alone, beside) = (Arc::new(alone), Arc::new(beside));
    let pairs = || {
        let directions = options.directions.iter();
        directions.flat_map(|direction| lanes.iter().map(|lane| (*direction, lane)))
    };
    let live = |(direction, lane), cases: &Arc<Vec<Case>>| {
        let peers = Peers::new(options.peer.clone());
        run_lane(options.clone(), peers, direction, lane, Arc::clone(cases))
    };
    for (direction, lane) in pairs() {
        let cells = live((direction, lane), &alone).await;
        report.tell(direction, lane.name, cells);
    }
    let running: Vec<_> = pairs().map(|pair| (pair, tokio::spawn(live(pair, &beside)))).collect();
    for ((direction, lane), task) in running {
        let cells = task
            .await
            .unwrap_or_else(|error| vec![("the whole lane", Cell::Ran(Err(error.to_string())))]);
        report.tell(direction, lane.name, cells);
    }
    let names: Vec<&'static str> = lanes.iter().map(|lane| lane.name).collect();
    options.list || report.close(&options.directions, &names)
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
        let cell = match options.unrun(direction, lane.name, case.name, case.missing(lane, direction)) {
            Some(cell) => cell,
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
const CELL: Duration = Duration::from_secs(120);
