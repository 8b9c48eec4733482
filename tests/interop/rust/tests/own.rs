//! Our client and our server in every cell of the interop lists: what needs no Kitex peer.

use std::process::Command;

#[test]
fn ours_calls_ours_over_every_transport() {
    passes(&["--own"]);
}

#[test]
fn ours_calls_ours_over_grpc() {
    passes(&["--grpc", "--own"]);
}

#[test]
fn ours_calls_ours_over_ttheader_streams() {
    passes(&["--ttstream", "--own"]);
}

#[test]
fn ours_calls_ours_over_tls() {
    passes(&["--secured", "--own"]);
}

fn passes(arguments: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_kitewire-interop"))
        .args(arguments)
        // Some cells measure memory: glibc is to give back what is free.
        .env("MALLOC_MMAP_THRESHOLD_", "16384")
        .output()
        .expect("the runner starts");
    let report = String::from_utf8_lossy(&run.stdout);
    let end = report.split("cells by direction").nth(1).unwrap_or(&report);
    assert!(run.status.success(), "{end}{}", String::from_utf8_lossy(&run.stderr));
}
