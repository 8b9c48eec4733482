//! The commands of the kitewire workspace: `cargo xtask` lists them, DEVELOPERS.md describes them.

mod bench;
mod ci;
mod command;
mod conformance;
mod fuzz;
mod interop;
mod planted;
mod purity;
mod replay;
mod sim;
mod steps;
mod suite;

use std::process::ExitCode;

use crate::command::Failure;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => suite::run(),
        ["interop", "pingpong", rest @ ..] => interop::pingpong(rest).map_err(Failure::from),
        ["interop", "http"] => interop::http(&[]).map_err(Failure::from),
        ["interop", "grpc", rest @ ..] => interop::grpc(rest).map_err(Failure::from),
        ["interop", "ttstream", rest @ ..] => interop::ttstream(rest).map_err(Failure::from),
        ["interop", "embedded", rest @ ..] => interop::embedded(rest).map_err(Failure::from),
        ["interop", "tls", rest @ ..] => interop::tls(rest).map_err(Failure::from),
        ["conformance", rest @ ..] => conformance::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["bench", name, rest @ ..] => bench::run(name, rest),
        ["planted-elsewhere", rest @ ..] => planted::elsewhere(rest),
        ["replay", file] => replay::run(file),
        ["sim", rest @ ..] => sim::run(rest),
        ["purity"] => purity::run(),
        ["ci"] => ci::run(),
        _ => {
            println!("{USAGE}");
            return if words.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            eprintln!("xtask: {text}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
cargo xtask test                         every test, and what needs more than Rust: WebAssembly, Go, a C++ compiler
cargo xtask interop pingpong [ARGUMENT…]  calls between real Kitex peers and ours (--list, --only WORD, --reference, --own)
cargo xtask interop http                  plain requests of Go's net/http to the port that answers Kitex calls
cargo xtask interop grpc [ARGUMENT…]      calls over gRPC between real peers and ours (--list, --only WORD, --reference, --own)
cargo xtask interop ttstream [ARGUMENT…]  streams over TTHeader between real Kitex peers and ours (--list, --only WORD, --reference, --own)
cargo xtask interop embedded [ARGUMENT…]  the loops of examples/loops with real Kitex peers and each other (--list, --only WORD, --own)
cargo xtask interop tls [ARGUMENT…]       calls over TLS between real Kitex and grpc-go peers and ours (--list, --only WORD, --reference, --own)
cargo xtask conformance [ARGUMENT…]       every scenario on every runtime, as server and as client (--only WORD, --show, --seed S, --seeds N, --write)
cargo xtask fuzz [--seconds N] [TARGET…]  each fuzz target for N seconds (10)
cargo xtask bench NAME [ARGUMENT…]        pingpong, grpc, ttstream, runtimes, core, http2 or memory
cargo xtask sim [ARGUMENT…]               simulated worlds (--seeds N, --from SEED, --threads N; --seed SEED for one; --planted [NAME] for planted faults)
cargo xtask planted-elsewhere [NAME…]     which planted faults the tests find that are no simulation
cargo xtask replay FILE                  what is in the recording of a connection, and whether it is replayed to the same
cargo xtask purity                       the core builds for WebAssembly and knows no runtime, socket or clock; smol and async-std bring no tokio
cargo xtask ci                           all of it, as CI runs it";
