//! A server and a client on tonic, as peers of ours.
//!
//! `interop-tonic server` prints `{"event":"listening","address":"127.0.0.1:…"}` and ends when its standard input does.
//! `interop-tonic client` reads one call per line ([`words::Wish`]), makes calls beside each other, and prints one
//! [`words::Outcome`] for each, in the order in which they end.

mod calls;
mod client;
mod metadata;
mod server;
mod words;

use std::process::ExitCode;

/// What the build script makes of the IDL.
#[allow(
    dead_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "as tonic writes"
)]
mod generated {
    tonic::include_proto!("kitewire.peers");
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match std::env::args().nth(1).as_deref() {
        Some("server") => server::run().await,
        Some("client") => client::run().await,
        _ => Err("server or client?".to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interop-tonic: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Byte `i` is `i` modulo 251.
fn payload(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
