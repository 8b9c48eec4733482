//! `grpc`: gRPC with Protobuf messages beside tonic and Kitex. `--help` lists the options, README.md says how to read the
//! report.

use std::process::ExitCode;

use kitewire_benches::aims;
use kitewire_benches::cases::Case;
use kitewire_benches::comparison::Comparison;
use kitewire_benches::peers::Peer;

fn main() -> ExitCode {
    GRPC.run()
}

const GRPC: Comparison = Comparison {
    about: "Measures echo over gRPC of kitewire beside tonic and Kitex.",
    title: "Echo over gRPC, one connection",
    peers: &[Peer::Kitewire, Peer::Tonic, Peer::Kitex],
    cases: &Case::GRPC,
    aims: &aims::GRPC,
    protocol: "grpc",
};
