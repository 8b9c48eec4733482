//! Ping-pong calls, the server's end alone.

use kitewire_benches::Failure;
use kitewire_benches::aims::{CORE_ALLOCATIONS, CORE_INSTRUCTIONS};
use kitewire_benches::callgrind;
use kitewire_benches::engine::{Engine, Head};
use kitewire_benches::process::Core;
use kitewire_benches::summary::Thousands;
use kitewire_benches::tools::VALGRIND;
use kitewire_proto::thrift::Text;

use super::{allocations, count, print_aim};

pub(super) fn report() -> Result<(), Failure> {
    println!("The core alone, one call: receive, dispatch, decode the arguments, encode the answer, take it out");
    println!("(TTHeader and framed Thrift; what puts the request into the buffer is not counted)\n");
    println!("{:<52} {:>13} {:>12}", "", "instructions", "allocations");
    for case in CASES.iter().filter(|case| !case.title.is_empty()) {
        let allocations = case.allocations()?;
        let instructions = if VALGRIND.is_present() {
            Some(case.instructions()?)
        } else {
            None
        };
        let shown = instructions.map_or_else(|| "-".to_owned(), |count| Thousands(count).to_string());
        println!("{:<52} {shown:>13} {allocations:>12.2}", case.title);
        if case.aimed {
            if let Some(count) = instructions {
                print_aim("instructions per call", CORE_INSTRUCTIONS, count);
            }
            print_aim("allocations per call", CORE_ALLOCATIONS, allocations);
        }
    }
    Ok(())
}

/// Runs a case; `None` when there is none of this name.
pub(super) fn repeat(name: &str, iterations: u64) -> Option<Result<(), Failure>> {
    let case = CASES.iter().find(|case| case.name == name)?;
    Some((case.run)(case, iterations))
}

struct Case {
    name: &'static str,
    /// Empty for what is measured to be taken off the others.
    title: &'static str,
    head: Head,
    payload: usize,
    aimed: bool,
    run: fn(&Self, u64) -> Result<(), Failure>,
}

impl Case {
    fn text(&self, iterations: u64) -> Result<(), Failure> {
        let mut engine = Engine::new(self.head, Text::from("x".repeat(self.payload)))?;
        (0..iterations).try_for_each(|_| engine.call::<Text>())
    }

    fn string(&self, iterations: u64) -> Result<(), Failure> {
        let mut engine = Engine::new(self.head, "x".repeat(self.payload))?;
        (0..iterations).try_for_each(|_| engine.call::<String>())
    }

    fn allocations(&self) -> Result<f64, Failure> {
        let count = |iterations| allocations(|| (self.run)(self, iterations));
        Ok((count(2 * ITERATIONS)? - count(ITERATIONS)?) / ITERATIONS as f64)
    }

    fn instructions(&self) -> Result<f64, Failure> {
        let whole = per_call(self.name)?;
        let feeding = per_call(if self.payload > 1 { "feed-1024" } else { "feed-1" })?;
        Ok(whole - feeding)
    }
}

/// Feeds a request of this size and does nothing with it.
fn feed(case: &Case, iterations: u64) -> Result<(), Failure> {
    let mut engine = Engine::new(case.head, Text::from("x".repeat(case.payload)))?;
    (0..iterations).for_each(|_| engine.feed_only());
    Ok(())
}

fn per_call(name: &str) -> Result<f64, Failure> {
    let count = |iterations| {
        count(name, iterations, |program, record| {
            callgrind::command(program, Core::Free, record)
        })
    };
    Ok(callgrind::per_call(count(ITERATIONS)?, count(2 * ITERATIONS)?, ITERATIONS).instructions)
}

const ITERATIONS: u64 = 2000;

const CASES: [Case; 7] = [
    Case {
        name: "text-1",
        title: "1 byte, bytes-backed",
        head: Head::Named,
        payload: 1,
        aimed: true,
        run: Case::text,
    },
    Case {
        name: "text-1-bare",
        title: "the same, no entry in the header",
        head: Head::Bare,
        payload: 1,
        aimed: false,
        run: Case::text,
    },
    Case {
        name: "text-1-mux",
        title: "the same, multiplexed",
        head: Head::Multiplexed,
        payload: 1,
        aimed: false,
        run: Case::text,
    },
    Case {
        name: "text-1024",
        title: "1 KiB, bytes-backed: with UTF-8 check and one copy",
        head: Head::Named,
        payload: 1024,
        aimed: false,
        run: Case::text,
    },
    Case {
        name: "string-1024",
        title: "1 KiB, `String`: with UTF-8 check and two copies",
        head: Head::Named,
        payload: 1024,
        aimed: false,
        run: Case::string,
    },
    Case {
        name: "feed-1",
        title: "",
        head: Head::Named,
        payload: 1,
        aimed: false,
        run: feed,
    },
    Case {
        name: "feed-1024",
        title: "",
        head: Head::Named,
        payload: 1024,
        aimed: false,
        run: feed,
    },
];
