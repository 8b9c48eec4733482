//! A whole HTTP/2 client connection against a server that sends whatever it likes.

use std::sync::Arc;

use kitewire_proto::Instant;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Connection, Finish, Role};

use super::http2_chaos::Chaos;
use super::http2_passive;
use super::http2_script::{Script, Side, frame};
use super::http2_server::{RAW, configuration, split};

/// A client connection: as [`http2_server`](super::http2_server()), with what the server sends.
pub fn http2_client(data: &[u8]) {
    let Some((config, seed, bytes)) = split(data) else {
        return;
    };
    let mut stream = frame(0x4, 0, 0, &[]);
    if config & RAW == 0 {
        stream.extend(frame(0x4, 1, 0, &[]));
        stream.extend(Script::new(Side::Server, 3, bytes).frames());
    } else {
        stream.extend(bytes);
    }
    let mut config = configuration(config);
    // The script speaks of three.
    config.initial_max_streams = config.initial_max_streams.max(3);
    let config = Arc::new(config);
    let connect = || {
        let mut connection = Connection::client(config.clone(), Instant::ZERO);
        for (method, finish) in [("GET", Finish::Now), ("POST", Finish::Later), ("HEAD", Finish::Now)] {
            let head = Fields::request(method, "http", "peer", "/");
            connection
                .open(Instant::ZERO, &head, finish)
                .expect("the first streams can be opened");
        }
        connection
    };
    http2_passive::same_for_every_split(connect, &stream, seed);
    Chaos::new(Role::Client, &config, seed).run(&stream);
}
