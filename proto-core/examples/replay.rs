//! Replays the recording of a connection: `cargo run --example replay -- FILE`, or `cargo xtask replay FILE`.
//!
//! Prints every step, and how it ended. Exits with 1 if something was replayed differently, and with 2 if the file is no
//! recording or not all of one.

use std::process::ExitCode;

use kitewire_proto::record::{Finish, Replayed, replay_with};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: replay FILE");
        return ExitCode::from(2);
    };
    let recording = match std::fs::read(&path) {
        Ok(recording) => recording,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    let mut began = None;
    let replayed = replay_with(&recording, |step| {
        let began = *began.get_or_insert(step.at);
        println!(
            "{:>6} {:>14?}  {}",
            step.number,
            step.at.saturating_since(began),
            step.text
        );
    });
    match replayed {
        Ok(replayed) => report(&replayed),
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::from(2)
        }
    }
}

fn report(replayed: &Replayed) -> ExitCode {
    println!("{}, written by kitewire {}", replayed.subject, replayed.written_by);
    println!(
        "{} steps, {} bytes received, {} bytes sent, {} events",
        replayed.steps, replayed.received, replayed.sent, replayed.events
    );
    if replayed.finish == Finish::Cut {
        println!("the recording reached its limit there, the connection went on");
    }
    println!("hash {:016x}, recorded {:016x}", replayed.hash, replayed.recorded_hash);
    match &replayed.difference {
        None => ExitCode::SUCCESS,
        Some(difference) => {
            println!("first difference: {difference}");
            ExitCode::FAILURE
        }
    }
}
