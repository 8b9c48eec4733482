//! The messages of a response: compression, limits, single answers, and how they are cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::rig::{Rig, fields, frame, framed, ok, request, status, tell};
use crate::Transmit;
use crate::config::Switch;
use crate::dispatch::MethodKind::{self, BidirectionalStreaming, ClientStreaming, Oneway, ServerStreaming, Unary};
use crate::grpc::*;
use crate::http2::{self, ErrorCode};
use crate::time::Instant;
use crate::wire::http2::{Flags, FrameType};

const VIOLATION: &str = "ended 13 KITEX: grpc client streaming protocol violation: get <nil>, want <EOF>";

/// `hello` as gzip.
const HELLO: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0";

/// A rig whose client has these limits.
fn limited(change: impl FnOnce(&mut Config)) -> Rig {
    let mut config = Config::default();
    change(&mut config);
    Rig::with(config, http2::Config::default())
}

fn compressed_by(encoding: &str) -> Fields {
    let mut head = ok();
    head.push("grpc-encoding", encoding);
    head
}

#[test]
fn one_answer_is_one() {
    let (one, two) = (framed(0, b"one"), framed(0, b"two"));
    let both = [one.as_slice(), &two].concat();
    let rows: [(&[u8], &str, &[&str]); 5] = [
        (&one, "0", &["header", "one", "ended 0 "]),
        (&both, "0", &["header", VIOLATION]),
        (&one, "5", &["header", "ended 5 "]),
        (&[], "5", &["header", "ended 5 "]),
        (&one[..6], "0", &["header", "ended 13 unexpected EOF"]),
    ];
    for kind in [Unary, ClientStreaming] {
        for (body, code, expected) in rows {
            let mut rig = Rig::new();
            let id = rig.ask(kind);
            let mut sender = rig.server.sender(id).unwrap();
            sender.respond(&ok(), http2::Finish::Later).unwrap();
            sender.push(body, http2::Finish::Later).unwrap();
            sender.finish_with(&status(code, "")).unwrap();
            rig.carry();
            assert_eq!(rig.story(), expected);
            rig.client.release(id);
            rig.server.release(id);
            rig.carry();
            assert_eq!(rig.client.usage(), 0);
        }
    }
}

#[test]
fn an_end_without_the_one_answer() {
    for (kind, expected) in [
        (ClientStreaming, "ended 13 EOF"),
        (Unary, "ended 0 "),
        (Oneway, "ended 0 "),
    ] {
        let mut rig = Rig::new();
        let id = rig.ask(kind);
        rig.respond(id, &ok());
        rig.end(id, &status("0", ""));
        assert_eq!(rig.story(), ["header", expected]);
        let last = rig.client.receiver(id).unwrap().pull();
        match kind {
            ClientStreaming => assert!(matches!(last, Pull::Failed)),
            _ => assert!(matches!(last, Pull::End), "the caller knows whether it wants an answer"),
        }
    }
}

#[test]
#[cfg_attr(not(feature = "gzip"), ignore = "gzip is not built in")]
fn one_answer_waits_for_the_end_and_a_second_one_does_not() {
    for (flag, answer) in [(0, &b"hello"[..]), (1, HELLO)] {
        let mut rig = Rig::new();
        let id = rig.ask(Unary);
        rig.respond(id, &compressed_by("gzip"));
        for byte in framed(flag, answer) {
            rig.push(id, &[byte]);
            assert!(matches!(rig.client.receiver(id).unwrap().pull(), Pull::Empty));
        }
        rig.end(id, &status("0", ""));
        assert_eq!(rig.story(), ["header", "hello", "ended 0 "]);
        assert!(matches!(rig.client.receiver(id).unwrap().pull(), Pull::End));
        assert!(matches!(rig.client.receiver(id).unwrap().pull(), Pull::End), "for ever");

        let id = rig.open(ClientStreaming);
        rig.respond(id, &compressed_by("gzip"));
        rig.push(id, &framed(flag, answer).repeat(2));
        assert_eq!(rig.story(), ["header", VIOLATION]);
        assert_eq!(rig.reset_seen(), Some(ErrorCode::CANCEL));
        assert!(matches!(rig.client.receiver(id).unwrap().pull(), Pull::Failed));
    }
}

#[test]
fn a_second_answer_that_comes_by_itself_is_not_waited_for_either() {
    for kind in [Unary, ClientStreaming] {
        let mut rig = Rig::new();
        let id = rig.ask(kind);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"one"));
        assert_eq!(rig.story(), ["header"]);
        rig.push(id, &framed(0, b"two"));
        assert_eq!(rig.story(), [VIOLATION]);
        assert_eq!(rig.reset_seen(), Some(ErrorCode::CANCEL));
        rig.client.release(id);
        assert_eq!(rig.client.usage(), 0);
    }
}

#[test]
fn streams_of_answers_end_with_their_status() {
    for kind in [ServerStreaming, BidirectionalStreaming] {
        for (code, end) in [("0", "ended 0 "), ("7", "ended 7 ")] {
            let mut rig = Rig::new();
            let id = rig.open(kind);
            rig.respond(id, &ok());
            for text in ["one", "", "three"] {
                rig.push(id, &framed(0, text.as_bytes()));
            }
            rig.end(id, &status(code, ""));
            assert_eq!(rig.story(), ["header", "one", "", "three", end]);
            let last = rig.client.receiver(id).unwrap().pull();
            match code {
                "0" => assert!(matches!(last, Pull::End)),
                _ => assert!(matches!(last, Pull::Failed)),
            }
        }
    }
}

#[test]
fn a_stream_that_ends_within_a_message_fails() {
    for cut in 1..8 {
        let mut rig = Rig::new();
        let id = rig.open(ServerStreaming);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"one"));
        rig.push(id, &framed(0, b"two")[..cut]);
        rig.end(id, &status("0", ""));
        assert_eq!(rig.story(), ["header", "one", "ended 13 unexpected EOF"]);
    }
}

#[test]
#[cfg_attr(not(feature = "gzip"), ignore = "gzip is not built in")]
fn messages_are_read_as_the_header_says() {
    let none = "ended 13 kitex compression algorithm not found";
    let unknown = "ended 13 no kitex compressor registered found for:br";
    let rows: [(Option<&str>, u8, &[u8], &str); 10] = [
        (None, 0, b"hello", "hello"),
        (None, 7, b"hello", "hello"),
        (None, 1, HELLO, none),
        (Some("identity"), 1, HELLO, none),
        (Some("gzip"), 1, HELLO, "hello"),
        (Some("gzip"), 0, b"hello", "hello"),
        (Some("gzip"), 1, b"hello", "ended 13 unexpected EOF"),
        (Some("gzip"), 1, b"hello hello", "ended 13 gzip: invalid header"),
        (Some("br"), 1, b"hello", unknown),
        (Some("br"), 0, b"hello", "hello"),
    ];
    for (encoding, flag, body, expected) in rows {
        let mut rig = Rig::new();
        let id = rig.open(ServerStreaming);
        rig.respond(id, &encoding.map_or_else(ok, compressed_by));
        rig.push(id, &framed(flag, body));
        assert_eq!(rig.story(), ["header", expected], "{encoding:?} {flag}");
        let failed = expected.starts_with("ended");
        assert_eq!(rig.reset_seen(), failed.then_some(ErrorCode::CANCEL));
    }
}

#[test]
fn gzip_can_be_switched_off() {
    let mut rig = limited(|config| config.accept_gzip = Switch::Off);
    let id = rig.open(ServerStreaming);
    rig.respond(id, &compressed_by("gzip"));
    rig.push(id, &framed(1, HELLO));
    let expected = "ended 13 no kitex compressor registered found for:gzip";
    assert_eq!(rig.story(), ["header", expected]);
}

#[test]
#[cfg_attr(not(feature = "gzip"), ignore = "gzip is not built in")]
fn messages_above_the_limit_end_the_call() {
    for (flag, at_limit, above) in [(0, vec![7; 1000], vec![7; 1001]), (1, packed(1000), packed(1001))] {
        let mut rig = limited(|config| config.max_received_message = 1000);
        let id = rig.open(ServerStreaming);
        rig.respond(id, &compressed_by("gzip"));
        rig.push(id, &framed(flag, &at_limit));
        rig.push(id, &framed(flag, &above));
        rig.push(id, &framed(flag, &at_limit));
        let text = match flag {
            0 => "ended 8 received message larger than max (1001 vs. 1000)",
            _ => "ended 8 received message after decompression larger than max 1000",
        };
        assert_eq!(rig.story(), ["header", "1000 bytes", text]);
        assert_eq!(rig.reset_seen(), Some(ErrorCode::CANCEL));
        rig.client.release(id);
        assert_eq!(rig.client.usage(), 0);
    }
}

#[test]
fn a_lying_length_costs_nothing() {
    let mut rig = Rig::new();
    let id = rig.open(ServerStreaming);
    rig.respond(id, &ok());
    rig.push(id, b"\0\xff\xff\xff\xff");
    let text = "ended 8 received message larger than max (4294967295 vs. 16777216)";
    assert_eq!(rig.story(), ["header", text]);
    // As long as is taken, but nothing of it comes.
    let id = rig.open(ServerStreaming);
    rig.respond(id, &ok());
    rig.push(id, b"\0\x01\0\0\0x");
    assert_eq!(rig.story(), ["header"]);
    assert!(rig.client.usage() < 1000, "{}", rig.client.usage());
}

#[test]
fn messages_of_one_connection_share_a_limit() {
    let mut rig = limited(|config| config.max_messages = 100_000);
    let ids = [0; 3].map(|_| rig.open(ServerStreaming));
    for id in ids {
        rig.respond(id, &ok());
        rig.push(id, &framed(0, &[0; 60_000])[..40_005]);
    }
    let mut story = rig.story();
    story.retain(|line| line != "header");
    let text = "ended 8 messages of this connection hold too much memory";
    assert_eq!(story, [text], "two have room");
    assert!(rig.client.held <= 100_000, "{}", rig.client.held);
    rig.push(ids[0], &[0; 20_000]);
    assert_eq!(rig.story(), ["60000 bytes"]);
}

#[test]
fn a_message_may_be_larger_than_the_window() {
    let mut rig = Rig::new();
    for (kind, expected) in [
        (ServerStreaming, &["header", "3000000 bytes", "ended 0 "][..]),
        (Unary, &["header", "3000000 bytes", "ended 0 "]),
    ] {
        let id = rig.ask(kind);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, &vec![1; 3_000_000]));
        rig.end(id, &status("0", ""));
        let mut story = Vec::new();
        for _ in 0..100 {
            story.extend(rig.story());
        }
        assert_eq!(story, expected);
    }
}

#[test]
fn a_reader_that_does_not_pull_shuts_the_window() {
    let mut rig = Rig::new();
    let id = rig.open(ServerStreaming);
    rig.respond(id, &ok());
    let window = Config::default().http2.stream_window as usize;
    let mut sent = 0;
    while rig.server.sender(id).unwrap().capacity() > 0 {
        rig.push(id, &framed(0, &[1; 995]));
        sent += 1;
    }
    assert!(rig.client.usage() <= window + 1000, "{}", rig.client.usage());
    let mut pulled = 0;
    for _ in 0..100 {
        pulled += rig.story().iter().filter(|line| *line == "995 bytes").count();
    }
    assert_eq!(pulled, sent);
}

#[test]
fn what_comes_behind_the_end_of_a_call_is_dropped() {
    let mut rig = Rig::new();
    let id = rig.open(ServerStreaming);
    rig.respond(id, &ok());
    rig.client.on_client_deadline(id);
    let body = framed(0, b"late");
    rig.inject(&frame(FrameType::DATA, Flags::NONE, id, &body));
    rig.inject(&frame(FrameType::DATA, Flags::END_STREAM, id, &body));
    assert_eq!(rig.story(), ["header", "ended 4 context deadline exceeded"]);
    assert_eq!(rig.client.close_reason(), None);
}

/// Everything that a server may say, as bytes for a client that has opened these calls.
fn transcript() -> (Vec<MethodKind>, Vec<u8>) {
    let kinds = vec![
        BidirectionalStreaming,
        ServerStreaming,
        Unary,
        ServerStreaming,
        Unary,
        Unary,
        Unary,
        BidirectionalStreaming,
        ServerStreaming,
        ServerStreaming,
    ];
    let mut rig = Rig::new();
    let ids: Vec<_> = kinds.iter().map(|kind| rig.open(*kind)).collect();
    let server = &mut rig.server;
    let respond = |server: &mut http2::Connection, at: usize, head: &Fields, finish| {
        server.sender(ids[at]).unwrap().respond(head, finish).unwrap();
    };
    let (later, now) = (http2::Finish::Later, http2::Finish::Now);
    for at in [0, 1, 3, 4, 6, 8, 9] {
        respond(server, at, &compressed_by("gzip"), later);
    }
    let mut only = ok();
    only.push("grpc-status", "5");
    respond(server, 2, &only, now);
    respond(server, 5, &Fields::response(404), later);
    server
        .sender(ids[6])
        .unwrap()
        .push(&framed(0, b"single"), later)
        .unwrap();
    for at in [0, 1, 4, 8] {
        let body = [framed(0, b"one"), framed(1, HELLO), framed(0, &[9; 300])].concat();
        server.sender(ids[at]).unwrap().push(&body, later).unwrap();
    }
    server.sender(ids[0]).unwrap().finish_with(&status("0", "")).unwrap();
    server
        .sender(ids[1])
        .unwrap()
        .finish_with(&status("9", "nine"))
        .unwrap();
    server.sender(ids[3]).unwrap().finish().unwrap();
    server.sender(ids[4]).unwrap().finish_with(&status("0", "")).unwrap();
    server.sender(ids[6]).unwrap().finish_with(&status("0", "")).unwrap();
    server.sender(ids[7]).unwrap().cancel(ErrorCode::REFUSED_STREAM);
    server.sender(ids[8]).unwrap().cancel(ErrorCode::INTERNAL_ERROR);
    server
        .sender(ids[9])
        .unwrap()
        .finish_with(&fields(&[("grpc-status", "x")]))
        .unwrap();
    let mut out = Transmit::new();
    let mut bytes = Vec::new();
    while server.poll_transmit(rig.now, &mut out) {
        bytes.extend_from_slice(&out.to_vec());
        out.advance(out.len());
    }
    (kinds, bytes)
}

/// What a client is told of each call when it gets these pieces.
fn replay(kinds: &[MethodKind], handshake: &[u8], pieces: &[&[u8]]) -> BTreeMap<StreamId, Vec<String>> {
    let now = Instant::from_nanos(1);
    let mut client = Connection::client(Arc::new(Config::default()), now);
    client.receive(now, &mut BytesMut::from(handshake));
    let ids = kinds.iter().map(|kind| client.open(now, &request(*kind)).unwrap());
    let mut stories: BTreeMap<_, _> = ids.map(|id| (id, Vec::new())).collect();
    let mut input = BytesMut::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        client.receive(now, &mut input);
        while let Some(event) = client.poll_event() {
            if let Event::Header { id } | Event::Readable { id } | Event::Ended { id } = event {
                tell(&mut client, &event, stories.get_mut(&id).unwrap());
            }
        }
    }
    assert_eq!(client.close_reason(), None);
    for id in stories.keys() {
        client.release(*id);
    }
    let mut out = Transmit::new();
    while client.poll_transmit(now, &mut out) {
        out.advance(out.len());
    }
    client.poll_transmit(now, &mut out);
    assert_eq!((client.open_calls(), client.usage()), (0, 0));
    stories
}

#[test]
#[cfg_attr(not(feature = "gzip"), ignore = "gzip is not built in")]
fn every_cut_of_the_bytes_tells_the_same() {
    let handshake = [
        frame(FrameType::SETTINGS, Flags::NONE, StreamId::CONNECTION, &[]),
        frame(FrameType::SETTINGS, Flags::ACK, StreamId::CONNECTION, &[]),
    ]
    .concat();
    let (kinds, bytes) = transcript();
    let whole = replay(&kinds, &handshake, &[&bytes]);
    let told: Vec<_> = whole.values().map(|story| story.last().unwrap().as_str()).collect();
    let expected = [
        "ended 0 ",
        "ended 9 nine",
        "ended 5 ",
        "ended 13 server closed the stream without sending trailers",
        VIOLATION,
        "ended 12 Not Found: HTTP status code 404; transport: missing content-type field",
        "ended 0 ",
        "ended 14 stream terminated by RST_STREAM with error code: REFUSED_STREAM unprocessed",
        "ended 13 stream terminated by RST_STREAM with error code: INTERNAL_ERROR",
        "ended 13 transport: malformed grpc-status: strconv.Atoi: parsing \"x\": invalid syntax",
    ];
    assert_eq!(told, expected);
    for cut in 1..bytes.len() {
        let (left, right) = bytes.split_at(cut);
        assert_eq!(replay(&kinds, &handshake, &[left, right]), whole, "{cut}");
    }
    for size in [1, 2, 3, 7, 16] {
        let pieces: Vec<_> = bytes.chunks(size).collect();
        assert_eq!(replay(&kinds, &handshake, &pieces), whole, "{size}");
    }
}

/// So many zeros as gzip.
fn packed(len: usize) -> Vec<u8> {
    let mut rig = Rig::new();
    let id = rig.open_with(&Request {
        gzip: Switch::On,
        ..request(BidirectionalStreaming)
    });
    rig.client.sender(id).unwrap().send(&Bytes::from(vec![0; len])).unwrap();
    rig.carry();
    let mut receiver = rig.server.receiver(id).unwrap();
    receiver.consume(5);
    receiver.chunk().to_vec()
}
