//! `ttstream`: streams over TTHeader beside our own over HTTP/2, tonic and Kitex. `--help` lists the options, README.md
//! says how to read the report.

use std::process::ExitCode;

use kitewire_benches::aims;
use kitewire_benches::cases::Case;
use kitewire_benches::comparison::Comparison;
use kitewire_benches::peers::Peer;

fn main() -> ExitCode {
    TT_STREAM.run()
}

const TT_STREAM: Comparison = Comparison {
    about: "Measures echo on streams over TTHeader of kitewire beside its own over HTTP/2, tonic and Kitex.",
    title: "Echo on streams over TTHeader, one connection; tonic over HTTP/2",
    peers: &[Peer::Kitewire, Peer::KitewireHttp2, Peer::Tonic, Peer::Kitex],
    cases: &Case::TT_STREAM,
    aims: &aims::TT_STREAM,
    protocol: "ttstream",
};
