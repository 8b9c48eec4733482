//! The services on kitewire, one port: echo over TTHeader and framed Thrift, chat over gRPC, lines on streams over
//! TTHeader or gRPC.

use std::process::ExitCode;

use kitewire::Tokio;
use kitewire_benches::{calling, serving};

fn main() -> ExitCode {
    bench_load::run(|args| serving::serve(Tokio, args), |args| calling::load(Tokio, args))
}
