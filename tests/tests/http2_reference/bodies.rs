//! Bodies of all sizes, both ways, with and without trailers.

use kitewire_proto::http2::{Config, Outcome};
use kitewire_testkit::reference::{Body, Cuts, Reply, canonical, canonical_map};

use crate::setup::{
    bytes, echo_ours, our_client, our_server, post, post_fields, some_cuts, stream, trailer_fields, trailers,
};

/// Around every border: nothing, a frame, the first window, a stream's window, several windows.
const SIZES: [usize; 17] = [
    0, 1, 16_383, 16_384, 16_385, 32_768, 65_534, 65_535, 65_536, 65_537, 100_000, 262_143, 262_144, 262_145, 524_288,
    1_048_575, 1_048_576,
];

#[test]
fn our_server_echoes_every_size() {
    for cuts in some_cuts() {
        let (mut pair, client) = our_server(Config::default(), cuts);
        pair.ours.service = Some(echo_ours);
        for (index, size) in (0..).zip(SIZES) {
            let answer = client.request(post("/echo"), Body::new(bytes(size)));
            pair.settle();
            let answer = answer.done().expect("an answer");
            let received = answer.body.expect("a whole body");
            assert!(received.data == bytes(size), "{size} bytes came back different");
            assert_eq!(received.trailers, None);
            let seen = &pair.ours.log.streams[&stream(index)];
            assert_eq!(seen.outcome, Some(Outcome::Complete));
        }
        assert_eq!(pair.ours.connection.open_streams(), 0);
    }
}

#[test]
fn our_client_gets_every_size_back() {
    for cuts in some_cuts() {
        let (mut pair, _server) = our_client(Config::default(), cuts);
        for size in SIZES {
            let id = pair.ours.request(Reply::new(post_fields("/echo"), bytes(size)));
            pair.settle();
            let seen = &pair.ours.log.streams[&id];
            assert!(seen.body == bytes(size), "{size} bytes came back different");
            assert_eq!(seen.trailers, None);
            assert_eq!(seen.outcome, Some(Outcome::Complete));
        }
        assert_eq!(pair.ours.connection.open_streams(), 0);
    }
}

#[test]
fn all_sizes_at_once() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(8));
    pair.ours.service = Some(echo_ours);
    let answers = SIZES.map(|size| client.request(post("/echo"), Body::new(bytes(size))));
    pair.settle();
    for (answer, size) in answers.iter().zip(SIZES) {
        let received = answer.done().expect("an answer").body.expect("a whole body");
        assert!(received.data == bytes(size), "{size} bytes came back different");
    }

    let (mut pair, _server) = our_client(Config::default(), Cuts::seeded(8));
    let ids = SIZES.map(|size| pair.ours.request(Reply::new(post_fields("/echo"), bytes(size))));
    pair.settle();
    for (id, size) in ids.iter().zip(SIZES) {
        assert!(
            pair.ours.log.streams[id].body == bytes(size),
            "{size} bytes came back different"
        );
    }
}

#[test]
fn trailers_come_and_go_with_our_server() {
    for size in [0, 1, 70_000] {
        for cuts in some_cuts() {
            let (mut pair, client) = our_server(Config::default(), cuts);
            pair.ours.service = Some(echo_ours);
            let sent = trailers(&[("grpc-status", "0"), ("grpc-message", "ok \u{e9}"), ("empty", "")]);
            let body = Body {
                data: bytes(size),
                trailers: Some(sent.clone()),
            };
            let answer = client.request(post("/echo"), body);
            pair.settle();
            let received = answer.done().expect("an answer").body.expect("a whole body");
            assert_eq!(received.data, bytes(size));
            assert_eq!(received.trailers, Some(sent.clone()));
            let seen = pair.ours.log.streams[&stream(0)].trailers.as_ref().expect("trailers");
            assert_eq!(canonical(seen), canonical_map(&sent));
        }
    }
}

#[test]
fn trailers_come_and_go_with_our_client() {
    for size in [0, 1, 70_000] {
        for cuts in some_cuts() {
            let (mut pair, _server) = our_client(Config::default(), cuts);
            let sent = trailer_fields(&[("empty", ""), ("grpc-message", "ok \u{e9}"), ("grpc-status", "0")]);
            let message = Reply::new(post_fields("/echo"), bytes(size)).with_trailers(sent.clone());
            let id = pair.ours.request(message);
            pair.settle();
            let seen = &pair.ours.log.streams[&id];
            assert_eq!(seen.body, bytes(size));
            assert_eq!(seen.trailers.as_ref().map(canonical), Some(canonical(&sent)));
            assert_eq!(seen.outcome, Some(Outcome::Complete));
        }
    }
}
