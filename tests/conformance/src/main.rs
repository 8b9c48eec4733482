//! `cargo xtask conformance`: the table of all scenarios on every runtime.

use std::process::ExitCode;

use kitewire_conformance::{Wish, run};

fn main() -> ExitCode {
    let mut wish = Wish::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => wish.write = true,
            "--show" => wish.show = true,
            "--only" => wish.only = arguments.next().unwrap_or_default(),
            "--seed" => wish.seeds = number(arguments.next()).map_or(1..2, |seed| seed..seed + 1),
            "--seeds" => wish.seeds = number(arguments.next()).map_or(wish.seeds, |seeds| 1..seeds + 1),
            _ => {
                eprintln!("conformance [--only WORD] [--show] [--seed S] [--seeds N] [--write]");
                return ExitCode::from(2);
            }
        }
    }
    let report = run(&wish);
    println!("{}", report.text);
    if report.differences == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn number(argument: Option<String>) -> Option<u64> {
    argument?.parse().ok()
}
