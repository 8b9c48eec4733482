//! Event loops of one's own on kitewire's core, and what their programs beside this file share.
//!
//! [`blocking`] is a loop of blocking sockets and threads, [`readiness`] one that waits for many sockets at once; [`echo`]
//! is what the servers do with calls. Nothing here knows an async runtime, or of kitewire more than `kitewire-proto`.

pub mod arguments;
pub mod blocking;
pub mod clock;
pub mod echo;
pub mod readiness;
pub mod stop;

/// Generated from `idl/streams.thrift`.
pub mod streams {
    include!(concat!(env!("OUT_DIR"), "/streams.rs"));
}
