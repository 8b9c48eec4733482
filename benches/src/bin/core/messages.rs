//! Messages on streams over TTHeader, each end by itself.

use std::cell::Cell;

use kitewire_benches::Failure;
use kitewire_benches::aims::{TT_MESSAGE_ALLOCATIONS, TT_MESSAGE_INSTRUCTIONS};
use kitewire_benches::callgrind;
use kitewire_benches::process::Core;
use kitewire_benches::summary::Thousands;
use kitewire_benches::tools::VALGRIND;
use kitewire_benches::tt_streams::{End, Handling, Pair, Step, Traffic, Walk};
use kitewire_proto::Switch;
use stats_alloc::Region;

use super::{ALLOCATOR, count, print_aim};

pub(super) fn report() -> Result<(), Failure> {
    println!(
        "The core alone, one message and its echo on a stream over TTHeader, at one end: receive, copy out, send back"
    );
    println!("(both ends in one process, one of them counted; what moves bytes between them is not)\n");
    println!(
        "{:<52} {:>20} {:>20}",
        "", "instr. server/client", "alloc. server/client"
    );
    for case in &CASES {
        let [mut instructions, mut allocations] = [Vec::new(), Vec::new()];
        for role in Role::ALL {
            allocations.push(case.allocations(role)?);
            if VALGRIND.is_present() {
                instructions.push(case.instructions(role)?);
            }
        }
        println!(
            "{:<52} {:>20} {:>20}",
            case.title,
            shown(&instructions, |count| Thousands(count).to_string()),
            shown(&allocations, |count| format!("{count:.2}"))
        );
        if case.is_aimed() {
            let most = |counts: Vec<f64>| counts.into_iter().reduce(f64::max);
            if let Some(most) = most(instructions) {
                print_aim("instructions per message and end", TT_MESSAGE_INSTRUCTIONS, most);
            }
            if let Some(most) = most(allocations) {
                print_aim("allocations per message and end", TT_MESSAGE_ALLOCATIONS, most);
            }
        }
    }
    Ok(())
}

/// The server's and the client's figure.
fn shown(figures: &[f64], show: impl Fn(f64) -> String) -> String {
    let figures: Vec<String> = figures.iter().map(|&figure| show(figure)).collect();
    if figures.is_empty() {
        "-".to_owned()
    } else {
        figures.join(" / ")
    }
}

/// Runs a case; `None` when there is none of this name.
pub(super) fn repeat(name: &str, messages: u64) -> Option<Result<(), Failure>> {
    let case = CASES.iter().find(|case| case.name == name)?;
    Some(case.run(messages, serve, call))
}

struct Case {
    name: &'static str,
    title: &'static str,
    traffic: Traffic,
}

impl Case {
    const fn is_aimed(&self) -> bool {
        self.traffic.payload == 16
            && self.traffic.depth + self.traffic.streams > 2
            && matches!(self.traffic.handling, Handling::Opaque)
    }

    /// Lets about so many messages pass each end.
    fn run(&self, messages: u64, server: Walk, client: Walk) -> Result<(), Failure> {
        Pair::new(self.traffic)?.rounds(messages / self.per_round(), server, client)
    }

    fn instructions(&self, role: Role) -> Result<f64, Failure> {
        let counts = count(self.name, MESSAGES, |program, record| {
            callgrind::command_within(program, Core::Free, record, role.walk_name())
        })?;
        Ok(counts.instructions as f64 / self.moved() as f64)
    }

    fn allocations(&self, role: Role) -> Result<f64, Failure> {
        ALLOCATIONS.set(0);
        match role {
            Role::Server => self.run(MESSAGES, count_allocations, End::step)?,
            Role::Client => self.run(MESSAGES, End::step, count_allocations)?,
        }
        // One in hundreds of messages belongs to the connection, not to the message.
        Ok((ALLOCATIONS.get() as f64 / self.moved() as f64 * 100.0).round() / 100.0)
    }

    /// Messages that are counted.
    const fn moved(&self) -> u64 {
        MESSAGES / self.per_round() * self.per_round()
    }

    /// Messages that one round moves.
    const fn per_round(&self) -> u64 {
        (self.traffic.streams * self.traffic.depth) as u64
    }
}

#[derive(Clone, Copy)]
enum Role {
    Server,
    Client,
}

impl Role {
    const ALL: [Self; 2] = [Self::Server, Self::Client];

    /// The function that callgrind counts within.
    const fn walk_name(self) -> &'static str {
        match self {
            Self::Server => "core::messages::serve",
            Self::Client => "core::messages::call",
        }
    }
}

/// A step of the server, told apart from the client's.
#[inline(never)]
fn serve(end: &mut End, step: Step) -> bool {
    end.step(step)
}

/// A step of the client. Different enough for no linker to take them for one.
#[inline(never)]
fn call(end: &mut End, step: Step) -> bool {
    std::hint::black_box(end).step(step)
}

fn count_allocations(end: &mut End, step: Step) -> bool {
    let region = Region::new(ALLOCATOR);
    let done = end.step(step);
    let change = region.change();
    ALLOCATIONS.set(ALLOCATIONS.get() + change.allocations + change.reallocations);
    done
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

const MESSAGES: u64 = 16_000;

const fn case(name: &'static str, title: &'static str, streams: usize, depth: usize, payload: usize) -> Case {
    Case {
        name,
        title,
        traffic: Traffic {
            streams,
            depth,
            payload,
            handling: Handling::Opaque,
            flow_control: Switch::On,
        },
    }
}

impl Case {
    const fn without_credit(mut self) -> Self {
        self.traffic.flow_control = Switch::Off;
        self
    }

    const fn decoded(mut self) -> Self {
        self.traffic.handling = Handling::Thrift;
        self
    }
}

const CASES: [Case; 11] = [
    case("tt-16-1", "16 B, 1 stream, 32 in flight", 1, 32, 16),
    case("tt-16-1-free", "the same, no flow control agreed on", 1, 32, 16).without_credit(),
    case("tt-16-100", "16 B, 100 streams", 100, 1, 16),
    case("tt-16-100-free", "the same, no flow control agreed on", 100, 1, 16).without_credit(),
    case(
        "tt-16-100-thrift",
        "16 B, 100 streams, Thrift decoded and encoded",
        100,
        1,
        16,
    )
    .decoded(),
    case("tt-16-alone", "16 B, 1 stream, 1 in flight", 1, 1, 16),
    case("tt-1024-1", "1 KiB, 1 stream, 32 in flight", 1, 32, 1024),
    case("tt-1024-1-free", "the same, no flow control agreed on", 1, 32, 1024).without_credit(),
    case("tt-1024-100", "1 KiB, 100 streams", 100, 1, 1024),
    case("tt-1024-100-free", "the same, no flow control agreed on", 100, 1, 1024).without_credit(),
    case(
        "tt-1024-100-thrift",
        "1 KiB, 100 streams, Thrift decoded and encoded",
        100,
        1,
        1024,
    )
    .decoded(),
];
