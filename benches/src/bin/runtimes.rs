//! `runtimes`: the same server on every runtime, and its core in a loop over mio. `--help` lists the options, README.md
//! says how to read the table.

use std::process::ExitCode;

fn main() -> ExitCode {
    kitewire_benches::runtimes::run()
}
