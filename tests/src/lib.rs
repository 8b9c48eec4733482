//! What the tests across crates share.

pub mod heap;
pub mod http2;
pub mod message;
pub mod recorded;
pub mod shelf;
pub mod site;
pub mod spec;
pub mod strategies;
pub mod ttframe;
pub mod ttstream;
pub mod vectors;
