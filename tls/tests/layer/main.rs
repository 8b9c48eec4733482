//! TLS as a layer of bytes, over sockets in memory that move as few bytes at a time as they are told to.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test may"
)]

mod bytes;
mod certificates;
mod damage;
mod ends;
mod lost;
mod settings;
mod strangers;
mod wire;
