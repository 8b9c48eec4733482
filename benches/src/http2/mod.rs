//! The measurement `http2`: both ends of a connection in one process, ours and others with the same work.

mod cases;
mod memory;
mod programs;

use serde_json::Value;

use self::cases::{CASES, Case};
use self::programs::{Implementation, Programs};
use crate::Failure;
use crate::callgrind;
use crate::summary::Thousands;
use crate::tools::VALGRIND;

/// Measures everything and prints it.
///
/// # Errors
/// When the programs cannot be built or fail.
pub fn report() -> Result<(), Failure> {
    let programs = Programs::build()?;
    println!(
        "Client and server on one HTTP/2 connection in memory, both counted; streams and connections in steady state"
    );
    println!("(a streamed message: sent at one end, read at the other)");
    if VALGRIND.is_present() {
        print_head("Instructions");
        for case in &CASES {
            let figures = Implementation::ALL.map(|implementation| instructions(&programs, implementation, case));
            print_row(case.title, figures, |figure| Thousands(figure).to_string())?.against(case.aim);
        }
    } else {
        println!("\nNo instructions: {}.", VALGRIND.missing());
    }
    print_head("Allocations");
    for case in &CASES {
        let figures = Implementation::ALL.map(|implementation| allocations(&programs, implementation, case));
        let row = print_row(case.title, figures, |figure| format!("{figure:.2}"))?;
        if let Some(aim) = case.allocations {
            println!("    aim: {aim}: {}", aim.verdict(row.ours));
        }
    }
    memory::print(&programs)
}

/// Prints the functions that ours spends its instructions in.
///
/// # Errors
/// When there is no such case, or no valgrind.
pub fn profile(name: &str) -> Result<(), Failure> {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| format!("no case {name}; --help lists them"))?;
    if !VALGRIND.is_present() {
        return Err(VALGRIND.missing().into());
    }
    let programs = Programs::build()?;
    let record = programs.observe(Implementation::Kitewire, case, case.iterations)?;
    println!(
        "{}: instructions of {} of them",
        case.title,
        Thousands((case.iterations * case.parts) as f64)
    );
    for line in callgrind::top_functions(&record, TOP)? {
        println!("  {line}");
    }
    println!("The whole record: {}", record.display());
    Ok(())
}

/// What `--help` prints.
#[must_use]
pub fn help() -> String {
    let cases: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    format!(
        "Measures our HTTP/2 beside the h2 crate and shiguredo_http2.\n\n  \
         --profile CASE    instead: the functions that ours spends its instructions in (needs valgrind)\n                    \
         cases: {}\n",
        cases.join(", ")
    )
}

/// What was printed in a row.
struct Row {
    ours: f64,
    h2: f64,
}

impl Row {
    fn against(&self, aim: crate::aims::Bound) {
        let ratio = self.ours / self.h2;
        println!("    kitewire / h2: {ratio:.3}, aim: {aim}: {}", aim.verdict(ratio));
    }
}

fn print_head(what: &str) {
    println!("\n{what:<44} {:>10} {:>10} {:>16}", "kitewire", "h2", "shiguredo_http2");
}

fn print_row(
    title: &str,
    figures: [Result<f64, Failure>; Implementation::ALL.len()],
    show: impl Fn(f64) -> String,
) -> Result<Row, Failure> {
    let [ours, h2, shiguredo] = figures;
    let (ours, h2, shiguredo) = (ours?, h2?, shiguredo?);
    println!(
        "{title:<44} {:>10} {:>10} {:>16}",
        show(ours),
        show(h2),
        show(shiguredo)
    );
    Ok(Row { ours, h2 })
}

fn instructions(programs: &Programs, implementation: Implementation, case: &Case) -> Result<f64, Failure> {
    let count = |iterations| callgrind::read(&programs.observe(implementation, case, iterations)?);
    let (short, long) = (count(case.iterations)?, count(2 * case.iterations)?);
    Ok(callgrind::per_call(short, long, case.iterations * case.parts).instructions)
}

fn allocations(programs: &Programs, implementation: Implementation, case: &Case) -> Result<f64, Failure> {
    let iterations = case.iterations.to_string();
    let found = programs.heap(&[
        "allocations",
        implementation.name(),
        case.name,
        "--iterations",
        &iterations,
    ])?;
    let allocations = figure(&found["allocations"])? / case.parts as f64;
    // One in hundreds of messages belongs to the connection, not to the message.
    Ok((allocations.max(0.0) * 100.0).round() / 100.0)
}

fn figure(value: &Value) -> Result<f64, Failure> {
    value.as_f64().ok_or_else(|| format!("not a figure: {value}").into())
}

const TOP: usize = 40;
