//! `bench-http2 IMPLEMENTATION CASE --iterations N`: the bare loop, for a tool that counts.

use std::process::ExitCode;

use bench_http2::Failure;
use bench_http2::args::{Implementation, parse_work};
use bench_http2::h2_crate::H2Pair;
use bench_http2::ours::OurPair;
use bench_http2::shiguredo::ShiguredoPair;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        [implementation, case, "--iterations", count] => repeat(implementation, case, count),
        _ => Err("bench-http2 kitewire|h2|shiguredo_http2 CASE --iterations N".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn repeat(implementation: &str, case: &str, count: &str) -> Result<(), Failure> {
    let (work, count) = (parse_work(case)?, count.parse()?);
    match Implementation::parse(implementation)? {
        Implementation::Kitewire => work.run::<OurPair>(count),
        Implementation::H2 => work.run::<H2Pair>(count),
        Implementation::Shiguredo => work.run::<ShiguredoPair>(count),
    }
}
