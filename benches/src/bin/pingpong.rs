//! `pingpong`: echo beside raw TCP, volo and Kitex. `--help` lists the options, README.md says how to read the report.

use std::process::ExitCode;

use kitewire_benches::pingpong::{self, options};

fn main() -> ExitCode {
    let done = match options::Options::from_env() {
        Ok(Some(options)) => pingpong::main(&options),
        Ok(None) => {
            print!("{}", options::HELP);
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
