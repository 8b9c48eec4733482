//! What the tests across crates share.

pub mod http2;
pub mod message;
pub mod spec;
pub mod strategies;
pub mod vectors;
