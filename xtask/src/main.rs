//! The commands of the kitewire workspace: `cargo xtask` lists them, DEVELOPERS.md describes them.

mod bench;
mod ci;
mod command;
mod fuzz;
mod interop;
mod purity;
mod steps;
mod suite;

use std::process::ExitCode;

use crate::command::Failure;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => suite::run(),
        ["interop", "pingpong", rest @ ..] => interop::run(rest),
        ["interop", "http"] => interop::http(),
        ["interop", "grpc", rest @ ..] => interop::grpc(rest),
        ["interop", "ttstream", rest @ ..] => interop::ttstream(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["bench", name, rest @ ..] => bench::run(name, rest),
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
cargo xtask fuzz [--seconds N] [TARGET…]  each fuzz target for N seconds (10)
cargo xtask bench NAME [ARGUMENT…]        pingpong, grpc, ttstream, core, http2 or memory
cargo xtask purity                       the core builds for WebAssembly and knows no runtime, socket or clock
cargo xtask ci                           all of it, as CI runs it";
