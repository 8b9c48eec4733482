//! Measurements of kitewire beside its peers: what the binaries `pingpong`, `grpc`, `ttstream`, `runtimes`,
//! `core`, `http2` and `memory` are made of.
//!
//! README.md of this crate says how they measure and how to read them.

pub mod aims;
pub mod callgrind;
pub mod calling;
pub mod cases;
pub mod chat;
pub mod comparison;
pub mod echo;
pub mod engine;
pub mod http2;
pub mod lines;
pub mod peers;
pub mod process;
pub mod runtimes;
pub mod serving;
pub mod summary;
pub mod syscalls;
pub mod tools;
pub mod tt_streams;

/// Anything that can stop a measurement.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
