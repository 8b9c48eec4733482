//! Requests and responses between our own two sides.

use bytes::Bytes;

use super::*;
use crate::wire::http2::Flags;

#[test]
fn a_unary_exchange_tells_both_sides_everything_once() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Later);
    assert_eq!(pair.server_events(), [Event::Opened { id }]);
    assert_eq!(pair.server.head(id).unwrap().path(), b"/a.B/c");
    pair.client.sender(id).unwrap().push(b"ask", Finish::Now).unwrap();
    pair.carry();
    assert_eq!(pair.server_events(), [Event::Readable { id }]);
    assert_eq!(read_all(&mut pair.server, id), b"ask");
    assert!(pair.server.receiver(id).unwrap().is_ended());

    let mut sender = pair.server.sender(id).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.push(b"answer", Finish::Later).unwrap();
    sender.finish_with(&trailers()).unwrap();
    let complete = Event::Ended {
        id,
        outcome: Outcome::Complete,
    };
    assert_eq!(pair.server_events(), std::slice::from_ref(&complete));
    pair.server.release(id);
    pair.carry();
    let told = pair.client_events();
    assert_eq!(
        told,
        [
            Event::Answered { id },
            Event::Readable { id },
            Event::Readable { id },
            complete
        ]
    );
    assert_eq!(pair.client.head(id).unwrap().status(), 200);
    assert_eq!(read_all(&mut pair.client, id), b"answer");
    assert_eq!(pair.client.trailers(id).unwrap().get("grpc-status"), Some(&b"0"[..]));
    pair.client.release(id);
    assert_eq!((pair.client.open_streams(), pair.server.open_streams()), (0, 0));
    assert_eq!((pair.client.usage(), pair.server.usage()), (0, 0));
    assert!(pair.client.head(id).is_none() && pair.client.sender(id).is_err());
}

#[test]
fn a_request_without_a_body_is_readable_at_once() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Now);
    assert_eq!(pair.server_events(), [Event::Opened { id }, Event::Readable { id }]);
    assert_eq!(pair.server.receiver(id).unwrap().pull(), Pull::End);
    pair.server.sender(id).unwrap().respond(&ok(), Finish::Now).unwrap();
    pair.carry();
    let complete = Event::Ended {
        id,
        outcome: Outcome::Complete,
    };
    assert_eq!(
        pair.client_events(),
        [Event::Answered { id }, Event::Readable { id }, complete]
    );
}

#[test]
fn pushes_of_one_turn_share_a_frame_and_the_end_goes_with_it() {
    let mut peer = Peer::client(Config::default());
    peer.headers(1, &post("/"), Flags::NONE);
    let id = StreamId::new(1);
    let mut sender = peer.connection.sender(id).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.push(b"12345", Finish::Later).unwrap();
    sender.push(b"678", Finish::Later).unwrap();
    sender.finish().unwrap();
    assert_eq!(peer.seen(), ["HEADERS 1", "DATA 1 8 END_STREAM"]);

    peer.headers(3, &post("/"), Flags::NONE);
    let mut sender = peer.connection.sender(StreamId::new(3)).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.finish().unwrap();
    assert_eq!(peer.seen(), ["HEADERS 3", "DATA 3 0 END_STREAM"], "never on HEADERS");

    peer.headers(5, &post("/"), Flags::NONE);
    let mut sender = peer.connection.sender(StreamId::new(5)).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.push_bytes(&Bytes::from(vec![1; 10_000]), Finish::Later).unwrap();
    sender.push(&[2; 6_000], Finish::Later).unwrap();
    sender.push(&[3; 1_000], Finish::Now).unwrap();
    assert_eq!(peer.seen(), ["HEADERS 5", "DATA 5 16000", "DATA 5 1000 END_STREAM"]);
}

#[test]
fn misuse_is_refused_and_harms_nothing() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Later);
    assert_eq!(
        pair.server.open(pair.now, &post("/"), Finish::Now),
        Err(OpenError::NotClient)
    );
    let malformed = pair.client.open(pair.now, &Fields::response(200), Finish::Now);
    assert_eq!(malformed, Err(OpenError::Malformed(":status in a request")));

    let mut sender = pair.server.sender(id).unwrap();
    assert_eq!(sender.push(b"x", Finish::Later), Err(SendError::HeadMissing));
    assert_eq!(sender.finish(), Err(SendError::HeadMissing));
    assert_eq!(sender.capacity(), 0);
    assert_eq!(
        sender.respond(&Fields::response(103), Finish::Later),
        Err(SendError::Malformed("the :status is 1xx"))
    );
    assert_eq!(
        sender.interim(&ok()),
        Err(SendError::Malformed("the :status is not 1xx"))
    );
    sender.respond(&ok(), Finish::Later).unwrap();
    assert_eq!(sender.respond(&ok(), Finish::Later), Err(SendError::HeadSent));
    assert_eq!(
        sender.finish_with(&ok()),
        Err(SendError::Malformed("a pseudo-header field in trailers"))
    );
    sender.finish().unwrap();
    assert_eq!(sender.finish(), Err(SendError::Finished));
    assert_eq!(sender.push(b"x", Finish::Later), Err(SendError::Finished));
    sender.cancel(ErrorCode::CANCEL);
    assert_eq!(sender.push(b"x", Finish::Later), Err(SendError::Closed));
    pair.carry();
    assert!(pair.client.close_reason().is_none() && pair.server.close_reason().is_none());
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Later);
    let mut hints = Fields::response(103);
    hints.push("link", "</style.css>");
    let mut sender = pair.server.sender(id).unwrap();
    sender.interim(&hints).unwrap();
    sender.respond(&ok(), Finish::Now).unwrap();
    pair.carry();
    let head = Box::new(hints);
    assert_eq!(
        pair.client_events(),
        [
            Event::Interim { id, head },
            Event::Answered { id },
            Event::Readable { id }
        ]
    );
}

#[test]
fn an_answer_before_the_end_of_the_request_lets_the_client_stop() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Later);
    pair.server.sender(id).unwrap().respond(&ok(), Finish::Now).unwrap();
    pair.server.release(id);
    let complete = Event::Ended {
        id,
        outcome: Outcome::Complete,
    };
    assert_eq!(pair.server_events(), [Event::Opened { id }, complete.clone()]);
    pair.carry();
    // END_STREAM, then RST_STREAM(NO_ERROR): the exchange is complete (RFC 9113 §8.1).
    assert_eq!(
        pair.client_events(),
        [Event::Answered { id }, Event::Readable { id }, complete]
    );
    assert_eq!(
        pair.client.sender(id).unwrap().push(b"late", Finish::Later),
        Err(SendError::Closed)
    );
}

#[test]
fn release_sends_what_was_finished_and_resets_what_was_not() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Now);
    let body = Bytes::from(vec![5; 300_000]);
    let mut sender = pair.server.sender(id).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.push_bytes(&body, Finish::Later).unwrap();
    sender.finish_with(&trailers()).unwrap();
    pair.server.release(id);
    assert!(pair.server.sender(id).is_err());
    pair.carry();
    let mut got = Vec::new();
    while !pair.client.receiver(id).unwrap().is_ended() {
        got.extend(read_all(&mut pair.client, id));
        pair.carry();
    }
    assert_eq!(got, body);
    assert!(pair.client.trailers(id).is_some());
    assert_eq!(pair.server.open_streams(), 0);

    let id = pair.open(Finish::Now);
    pair.server.release(id);
    pair.carry();
    let outcome = reset(ErrorCode::CANCEL, Initiator::Peer);
    assert_eq!(pair.client_events().last(), Some(&Event::Ended { id, outcome }));
}

#[test]
fn header_sections_of_any_size_arrive() {
    let mut config = Config::default();
    config.limits.max_header_list = 200_000;
    config.limits.max_header_block = 200_000;
    let mut pair = Pair::with(config.clone(), config);
    for len in [0, 1, 16_000, 16_384, 16_385, 60_000, 150_000] {
        let mut head = post("/");
        // Nothing that compresses well.
        let value: Vec<u8> = (0..len)
            .map(|n: u32| b'!' + u8::try_from(n * 7 % 90).unwrap())
            .collect();
        head.push_sensitive("x-large", &value);
        let id = pair.client.open(pair.now, &head, Finish::Now).unwrap();
        pair.carry();
        assert_eq!(pair.server.head(id).unwrap(), &head, "{len}");
        pair.server.sender(id).unwrap().respond(&ok(), Finish::Now).unwrap();
        pair.server.release(id);
        pair.carry();
        pair.client.release(id);
    }
    let mut head = post("/");
    head.push("x", vec![b'x'; 200_000]);
    let refused = pair.client.open(pair.now, &head, Finish::Now);
    assert!(matches!(
        refused,
        Err(OpenError::HeadersTooLarge { limit: 200_000, .. })
    ));
}

#[test]
fn every_split_of_the_input_gives_the_same_events() {
    let mut peer = Peer::client(Config::default());
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(4096);
    for id in [1_u32, 3] {
        let mut block = Vec::new();
        encoder.encode(&post("/a.B/c"), &mut block);
        use crate::wire::http2::{Flags, FrameType};
        let (first, second) = block.split_at(block.len() / 2);
        bytes.extend(peer::frame(FrameType::HEADERS, Flags::NONE, id, first));
        bytes.extend(peer::frame(FrameType::CONTINUATION, Flags::END_HEADERS, id, second));
        bytes.extend(peer::frame(FrameType::DATA, Flags::PADDED, id, b"\x02abc\0\0"));
        bytes.extend(peer::frame(FrameType::PING, Flags::NONE, 0, &[7; 8]));
        bytes.extend(peer::frame(FrameType::DATA, Flags::END_STREAM, id, &vec![9; 9_000]));
    }
    bytes.extend(peer::frame(
        crate::wire::http2::FrameType::RST_STREAM,
        Flags::NONE,
        3,
        &[0, 0, 0, 8],
    ));
    let run = |peer: &mut Peer, size: usize| {
        for piece in bytes.chunks(size) {
            peer.send_bytes(piece);
        }
        let bodies = [1, 3].map(|id| read_all(&mut peer.connection, StreamId::new(id)));
        (peer.events(), bodies, peer.seen())
    };
    let whole = run(&mut peer, bytes.len());
    assert_eq!(whole.1[0].len(), 9_003);
    for size in (1..40).chain([100, 1000, 9000]) {
        let mut peer = Peer::client(Config::default());
        assert_eq!(run(&mut peer, size), whole, "in pieces of {size}");
    }
}

#[test]
fn a_released_stream_has_only_its_end_to_tell() {
    let mut peer = Peer::server(Config::default());
    let id = peer.connection.open(peer.now, &post("/"), Finish::Later).unwrap();
    let mut sender = peer.connection.sender(id).unwrap();
    while sender.push(&[0; 1000], Finish::Later).is_ok() {}
    sender.finish().unwrap();
    peer.connection.release(id);
    peer.headers(1, &Fields::response(103), Flags::NONE);
    peer.headers(1, &ok(), Flags::NONE);
    peer.headers(1, &trailers(), Flags::END_STREAM);
    peer.send(|frames| {
        frames.window_update(StreamId::CONNECTION, 1_000_000);
        frames.window_update(id, 1_000_000);
    });
    peer.seen();
    let outcome = Outcome::Complete;
    assert_eq!(peer.events(), [Event::Ended { id, outcome }]);
}

#[test]
fn a_response_whose_body_is_too_short_is_not_shown() {
    let mut peer = Peer::server(Config::default());
    let id = peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap();
    let mut head = ok();
    head.push("content-length", "5");
    peer.headers(1, &head, Flags::END_STREAM);
    let outcome = reset(
        ErrorCode::PROTOCOL_ERROR,
        Initiator::Engine("less body than content-length"),
    );
    assert_eq!(peer.events(), [Event::Ended { id, outcome }]);
}

#[test]
fn no_error_is_no_answer() {
    let mut peer = Peer::client(Config::default());
    peer.headers(1, &post("/"), Flags::END_STREAM);
    peer.events();
    let id = StreamId::new(1);
    peer.connection.sender(id).unwrap().cancel(ErrorCode::NO_ERROR);
    let outcome = reset(ErrorCode::NO_ERROR, Initiator::Application);
    assert_eq!(peer.events(), [Event::Ended { id, outcome }]);

    let mut peer = Peer::server(Config::default());
    let id = peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap();
    peer.connection.sender(id).unwrap().cancel(ErrorCode::NO_ERROR);
    let outcome = reset(ErrorCode::NO_ERROR, Initiator::Application);
    assert_eq!(peer.events(), [Event::Ended { id, outcome }]);
}
