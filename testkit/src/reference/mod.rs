//! A reference peer for HTTP/2: the `h2` crate over pipes in memory, polled by hand.
//!
//! There is no runtime, no thread, no socket and no clock: the same script gives the same bytes, whenever it is run.

mod endpoint;
mod exchange;
mod link;
mod peer;
mod pipe;
mod tasks;

pub use endpoint::{Endpoint, Exchange, Log, Reading, Reply, Service};
pub use exchange::{
    Body, Canonical, Received, canonical, canonical_map, canonical_request, canonical_response, read_body, send_body,
};
pub use link::{Cuts, Pair};
pub use peer::{Answer, H2Client, H2Server, receive};
pub use pipe::{Remote, Socket, pipe};
pub use tasks::{Spawned, Spawner, Tasks};

#[cfg(test)]
mod tests;
