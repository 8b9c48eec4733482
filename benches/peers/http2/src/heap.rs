//! `bench-http2-heap allocations IMPLEMENTATION CASE --iterations N`: calls of the allocator per iteration.
//! `bench-http2-heap memory IMPLEMENTATION`: heap bytes that each end holds, in some states.
//!
//! Each prints one line of JSON. A program of its own, so that the counting of instructions is without the counting of
//! allocations.

use std::alloc::System;
use std::process::ExitCode;

use bench_http2::Failure;
use bench_http2::args::{Implementation, parse_work};
use bench_http2::h2_crate::H2Pair;
use bench_http2::ours::OurPair;
use bench_http2::pair::{Ledger, Pair, Side};
use bench_http2::shiguredo::ShiguredoPair;
use bench_http2::work::Work;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["allocations", implementation, case, "--iterations", count] => count_allocations(implementation, case, count),
        ["memory", implementation] => count_memory(implementation),
        _ => Err("allocations IMPLEMENTATION CASE --iterations N, or memory IMPLEMENTATION".into()),
    };
    match done {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn count_allocations(implementation: &str, case: &str, count: &str) -> Result<String, Failure> {
    let (work, count) = (parse_work(case)?, count.parse()?);
    let allocations = match Implementation::parse(implementation)? {
        Implementation::Kitewire => allocations::<OurPair>(work, count),
        Implementation::H2 => allocations::<H2Pair>(work, count),
        Implementation::Shiguredo => allocations::<ShiguredoPair>(work, count),
    }?;
    Ok(format!(r#"{{"allocations":{allocations}}}"#))
}

/// What each of so many further iterations allocates.
fn allocations<P: Pair>(work: Work, count: usize) -> Result<f64, Failure> {
    let run = |count| -> Result<usize, Failure> {
        let region = Region::new(ALLOCATOR);
        work.run::<P>(count)?;
        let change = region.change();
        Ok(change.allocations + change.reallocations)
    };
    let (short, long) = (run(count)?, run(2 * count)?);
    Ok((long as f64 - short as f64) / count as f64)
}

fn count_memory(implementation: &str) -> Result<String, Failure> {
    match Implementation::parse(implementation)? {
        Implementation::Kitewire => memory::<OurPair>(),
        Implementation::H2 => memory::<H2Pair>(),
        Implementation::Shiguredo => memory::<ShiguredoPair>(),
    }
}

fn memory<P: Pair>() -> Result<String, Failure> {
    // What is there once in a process is there after this.
    P::connect(&mut Heap::default())?.exchange(1, &mut Heap::default())?;

    let mut heap = Heap::default();
    let mut pair = P::connect(&mut heap)?;
    let mut rows = Vec::with_capacity(ROWS);
    rows.push(heap.row("connected"));
    pair.exchange(1, &mut heap)?;
    rows.push(heap.row("exchanged"));
    pair.rest(&mut heap);
    rows.push(heap.row("idle"));
    pair.exchange(MANY, &mut heap)?;
    rows.push(heap.row("burst"));
    pair.rest(&mut heap);
    rows.push(heap.row("idle_after_burst"));
    drop(pair);

    let mut heap = Heap::default();
    let mut pair = P::connect(&mut heap)?;
    pair.exchange(1, &mut heap)?;
    pair.rest(&mut heap);
    let before = (heap.server, heap.client);
    pair.open(MANY, &mut heap)?;
    pair.rest(&mut heap);
    let per_stream = |now: isize, before: isize| (now - before) / MANY as isize;
    let (server, client) = (per_stream(heap.server, before.0), per_stream(heap.client, before.1));
    rows.push(row("stream", server, client));
    let fields = (fields::<P>(&pair, Side::Server)?, fields::<P>(&pair, Side::Client)?);
    rows.push(row("stream_beyond_fields", server - fields.0, client - fields.1));
    Ok(format!("{{{}}}", rows.join(",")))
}

/// What the header fields of one open stream take.
fn fields<P: Pair>(pair: &P, side: Side) -> Result<isize, Failure> {
    let before = held();
    let copy = pair.held_fields(side)?;
    let bytes = held() - before;
    drop(copy);
    Ok(bytes)
}

/// The heap, divided between the two sides.
struct Heap {
    seen: isize,
    server: isize,
    client: isize,
}

impl Heap {
    fn row(&mut self, name: &str) -> String {
        let row = row(name, self.server, self.client);
        self.ignore();
        row
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self {
            seen: held(),
            server: 0,
            client: 0,
        }
    }
}

impl Ledger for Heap {
    fn charge(&mut self, side: Side) {
        let now = held();
        let account = match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        };
        *account += now - self.seen;
        self.seen = now;
    }

    fn ignore(&mut self) {
        self.seen = held();
    }
}

fn row(name: &str, server: isize, client: isize) -> String {
    format!(r#""{name}":{{"server":{server},"client":{client}}}"#)
}

fn held() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated) as isize
}

/// Exchanges at once, and open streams.
const MANY: usize = 100;
/// Of the report.
const ROWS: usize = 7;
