//! A whole client connection that carries gRPC, against a server that sends whatever it likes.

use std::sync::Arc;

use kitewire_proto::Instant;
use kitewire_proto::grpc::Connection;

use super::grpc_chaos::Chaos;
use super::grpc_script::Script;
use super::grpc_server::configuration;
use super::http2_script::{Side, frame};
use super::http2_server::{RAW, split};

/// A client connection that carries gRPC: the first byte chooses the configuration, the next four how the rest is cut
/// and what the application does; the rest is what the server sends, as frames or as a script of frames, to a client
/// that has opened three calls.
///
/// Properties: no panic; each call ends once, and what failed says why; every byte sent is a legal frame in a legal
/// place; memory within its bounds; time always gets ahead; nothing is held in the end.
pub fn grpc_client(data: &[u8]) {
    let Some((config, seed, bytes)) = split(data) else {
        return;
    };
    let mut stream = Vec::new();
    if config & RAW == 0 {
        stream.extend(frame(0x4, 0, 0, &[]));
        stream.extend(frame(0x4, 1, 0, &[]));
        stream.extend(Script::new(Side::Server, 3, bytes).frames());
    } else {
        stream.extend(bytes);
    }
    let config = Arc::new(configuration(config));
    let connection = Connection::client(Arc::clone(&config), Instant::ZERO);
    Chaos::new(connection, &config, seed).run(3, &stream);
}
