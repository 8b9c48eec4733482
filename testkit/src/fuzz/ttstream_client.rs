//! A whole client connection of streams over TTHeader, against a server that sends whatever it likes.

use std::sync::Arc;

use kitewire_proto::Instant;
use kitewire_proto::ttstream::Connection;

use super::http2_server::{RAW, split};
use super::ttstream_chaos::Chaos;
use super::ttstream_script::frames;
use super::ttstream_server::configuration;

/// A client connection of streams over TTHeader: the first byte chooses the configuration, the next four how the rest is
/// cut and what the application does; the rest is what the server sends, as frames or as a script of frames, to a client
/// that has opened three streams.
///
/// Properties: no panic; each stream ends once, and what failed says why; every byte sent is a legal frame in a legal
/// place; memory within its bounds; time always gets ahead; nothing is held in the end.
pub fn ttstream_client(data: &[u8]) {
    let Some((bits, seed, bytes)) = split(data) else {
        return;
    };
    let stream = match bits & RAW {
        0 => frames(bytes),
        _ => bytes.to_vec(),
    };
    let config = Arc::new(configuration(bits));
    let connection = Connection::client(Arc::clone(&config), Instant::ZERO);
    Chaos::new(connection, &config, seed).run(3, &stream);
}
