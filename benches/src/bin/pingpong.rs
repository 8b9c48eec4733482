//! `pingpong`: echo beside raw TCP, volo and Kitex. `--help` lists the options, README.md says how to read the report.

use std::process::ExitCode;

use kitewire_benches::aims;
use kitewire_benches::cases::Case;
use kitewire_benches::comparison::Comparison;
use kitewire_benches::peers::Peer;

fn main() -> ExitCode {
    PING_PONG.run()
}

const PING_PONG: Comparison = Comparison {
    about: "Measures the ping-pong echo of kitewire beside raw TCP, volo and Kitex.",
    title: "Echo of 1 KiB",
    peers: &[Peer::Raw, Peer::Kitewire, Peer::Volo, Peer::Kitex],
    cases: &Case::PING_PONG,
    aims: &aims::PING_PONG,
    protocol: "ttheader",
};
