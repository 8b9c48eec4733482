//! The frames that Kitex was seen to write, and ours of flow control: we write the same but for
//! the order of entries.

use super::frames::Frame;
use super::rig::{BOTH, CANCELED, Side, request, stream, strings};
use crate::config::Switch;
use crate::exception::{ApplicationException, ExceptionType};
use crate::metainfo::MetaInfo;
use crate::status::BusinessStatus;
use crate::ttstream::*;
use crate::wire::testing::hex;

/// The only frame of `hex`.
fn frame(text: &str) -> Frame {
    let bytes = hex(text);
    let (frame, length) = Frame::parse(&bytes).unwrap();
    assert_eq!(length, bytes.len());
    assert_eq!(frame.bytes().len(), length, "as long as ours");
    frame
}

fn client(name: &str) -> (Side, StreamId) {
    let mut side = Side::stock_client(|config| config.service_name = name.to_owned());
    let id = side.open(BOTH);
    side.sent();
    (side, id)
}

fn server() -> (Side, StreamId) {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    (side, id)
}

#[test]
fn e1_header_of_a_client() {
    let expected = frame(E1);
    let mut meta = MetaInfo::new();
    meta.set_transient("tk", "tv");
    meta.set_persistent("pk", "pv");
    meta.set_persistent("CamelKey", "Pv2");
    let request = Request {
        meta: &meta,
        ..request(BOTH)
    };
    let mut side = Side::stock_client(|_| {});
    side.connection.open(side.now, &request).unwrap();
    assert_eq!(side.frames(), [expected]);

    let mut side = Side::server(|_| {});
    side.feed_bytes(&hex(E1));
    let found = side.connection.stream(stream(1)).unwrap().meta_info();
    assert_eq!(found.transient("tk"), Some("tv"));
    assert_eq!(
        (found.persistent("pk"), found.persistent("CamelKey")),
        (Some("pv"), Some("Pv2"))
    );
}

#[test]
fn e2_message() {
    let (mut side, id) = client("");
    let message = bytes::Bytes::from_static(b"\x0b\0\x01\0\0\0\x01a\0");
    side.connection.sender(id).unwrap().send(&message).unwrap();
    assert_eq!(side.frames(), [frame(E2)]);
    side.feed_bytes(&hex(E2));
    let Pull::Message(found) = side.connection.receiver(id).unwrap().pull() else {
        panic!("a message")
    };
    assert_eq!(found.bytes(), message);
}

#[test]
fn e3_end_of_either_side() {
    let (mut side, id) = client("");
    side.half_close(id);
    assert_eq!(side.frames(), [frame(E3)]);
    side.feed_bytes(&hex(E3));
    assert_eq!(side.pulled(id), ["end"]);
    let (mut side, id) = server();
    side.finish(id, &Ending::Ok);
    assert_eq!(side.frames()[1], frame(E3));
}

#[test]
fn e4_header_of_a_server() {
    for (entries, expected) in [(&[][..], E4), (&[("h1", "v1")], E4_ENTRY)] {
        let (mut side, id) = server();
        side.connection
            .sender(id)
            .unwrap()
            .send_header(&strings(entries))
            .unwrap();
        assert_eq!(side.frames(), [frame(expected)]);
        let (mut side, id) = client("");
        side.feed_bytes(&hex(expected));
        assert_eq!(side.connection.header(id), Some(&strings(entries)));
    }
}

#[test]
fn e5_business_status() {
    let status = BusinessStatus {
        code: 404,
        message: "no".to_owned(),
        extra: vec![("k".to_owned(), "v".to_owned())],
    };
    let (mut side, id) = server();
    side.finish(id, &Ending::Business(status.clone()));
    assert_eq!(side.frames()[1], frame(E5));
    let (mut side, id) = client("");
    side.feed_bytes(&hex(E5));
    assert_eq!(side.connection.outcome(id), Some(&Outcome::Business(status)));
}

#[test]
fn e6_failure_of_a_handler() {
    let (mut side, id) = server();
    let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, "biz error: boom");
    side.finish(id, &Ending::Exception(exception));
    assert_eq!(side.frames()[1], frame(E6));
    let (mut side, id) = client("");
    side.feed_bytes(&hex(E6));
    assert_eq!(
        side.ending(id),
        "Application [ttstream error, code=12001] [client-side stream] biz error: boom"
    );
}

#[test]
fn e7_cancel_by_the_user_and_passed_on() {
    let (mut side, id) = client("A");
    side.connection.cancel(id, &Exception::canceled_by_user());
    assert_eq!(side.frames(), [frame(E7), frame(E3)]);
    let (mut side, id) = server();
    side.feed_bytes(&hex(E7));
    let text = format!("[ttstream error, code=12007] [server-side stream] [canceled path: A] {CANCELED}");
    assert_eq!(side.ending(id), format!("Canceled {text}"));
    let Some(Outcome::Exception(upstream)) = side.connection.outcome(id).cloned() else {
        panic!("an exception")
    };
    let (mut side, id) = client("B");
    side.connection.cancel(id, &upstream.passed_on());
    assert_eq!(side.frames()[0], frame(E7).text("ttscp", "A,B"));
}

#[test]
fn e8_cancel_because_the_handler_returned() {
    let (mut side, id) = client("B");
    side.connection.cancel(id, &Exception::handler_returned());
    assert_eq!(side.frames(), [frame(E8), frame(E3)]);
}

#[test]
fn e9_word_of_a_proxy() {
    let mut side = Side::stock_client(|config| config.meta_frames = Switch::On);
    let id = side.open(BOTH);
    side.feed_bytes(&hex(E9));
    let Some(Event::Meta { id: of, frame: meta }) = side.connection.poll_event() else {
        panic!("a meta frame")
    };
    assert_eq!(of, id);
    assert_eq!(meta.strings.get("rip"), Some(&b"10.0.0.1:8888"[..]));
    assert_eq!(
        (meta.strings.get("tc"), meta.strings.get("ti")),
        (Some(&b"c1"[..]), Some(&b"i1"[..]))
    );
    assert!(meta.payload.is_empty() && !meta.ints.is_empty());
    assert_eq!(frame(E9).get_int(9), Some("Echo"));
}

#[test]
fn p1_offer() {
    let mut side = Side::client(|_| {});
    assert_eq!(side.frames(), [frame(P1)]);
}

#[test]
fn p2_grant() {
    // Half a window of 65,536 was taken, by one message.
    let mut side = Side::fc_server(1 << 20, 65_536, |_| {});
    let id = side.opened(1, BOTH);
    let message = Frame::data(1, vec![0; 32_704]);
    assert_eq!(message.charge(), 32_768);
    side.feed(&[message]);
    assert_eq!(side.pull_one(id), Some(32_704));
    assert_eq!(side.frames(), [frame(P2)]);
}

const E1: &str = "
00 00 00 72 10 00 00 02 00 00 00 01 00 1a 10 00 01 00 04 00 03 69 73 6e 00 06 53 74 72 65 61 6d
00 0e 52 50 43 5f 54 52 41 4e 53 49 54 5f 74 6b 00 02 74 76 00 0e 52 50 43 5f 50 45 52 53 49 53
54 5f 70 6b 00 02 70 76 00 14 52 50 43 5f 50 45 52 53 49 53 54 5f 43 61 6d 65 6c 4b 65 79 00 03
50 76 32 10 00 02 00 09 00 04 62 69 64 69 00 1b 00 01 32 00 00 00";
const E2: &str = "
00 00 00 27 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 33 00 09 00 04 62 69 64 69
00 00 0b 00 01 00 00 00 01 61 00";
const E3: &str = "
00 00 00 1e 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 34 00 09 00 04 62 69 64 69
00 00";
const E4: &str = "
00 00 00 1e 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 32 00 09 00 04 62 69 64 69
00 00";
const E4_ENTRY: &str = "
00 00 00 2a 10 00 00 02 00 00 00 01 00 08 10 00 01 00 01 00 02 68 31 00 02 76 31 10 00 02 00 1b
00 01 32 00 09 00 04 62 69 64 69 00 00 00";
const E5: &str = "
00 00 00 5a 10 00 00 02 00 00 00 01 00 14 10 00 01 00 03 00 0b 62 69 7a 2d 6d 65 73 73 61 67 65
00 02 6e 6f 00 09 62 69 7a 2d 65 78 74 72 61 00 09 7b 22 6b 22 3a 22 76 22 7d 00 0a 62 69 7a 2d
73 74 61 74 75 73 00 03 34 30 34 10 00 02 00 1b 00 01 34 00 09 00 04 62 69 64 69 00 00 00";
const E6: &str = "
00 00 00 4c 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 34 00 09 00 04 62 69 64 69
00 00 80 01 00 03 00 00 00 04 62 69 64 69 00 00 00 01 0b 00 01 00 00 00 0f 62 69 7a 20 65 72 72
6f 72 3a 20 62 6f 6f 6d 08 00 02 00 00 00 06 00";
const E7: &str = "
00 00 00 cb 10 00 00 02 00 00 00 01 00 08 10 00 01 00 01 00 05 74 74 73 63 70 00 01 41 10 00 02
00 1b 00 01 35 00 09 00 04 62 69 64 69 00 80 01 00 03 00 00 00 04 62 69 64 69 00 00 00 01 0b 00
01 00 00 00 82 75 73 65 72 20 63 6f 64 65 20 69 6e 76 6f 6b 69 6e 67 20 73 74 72 65 61 6d 20 52
50 43 20 77 69 74 68 20 63 6f 6e 74 65 78 74 20 70 72 6f 63 65 73 73 65 64 20 62 79 20 63 6f 6e
74 65 78 74 2e 57 69 74 68 43 61 6e 63 65 6c 20 6f 72 20 63 6f 6e 74 65 78 74 2e 57 69 74 68 54
69 6d 65 6f 75 74 2c 20 74 68 65 6e 20 69 6e 76 6f 6b 69 6e 67 20 63 61 6e 63 65 6c 28 29 20 61
63 74 69 76 65 6c 79 08 00 02 00 00 2e e7 00";
const E8: &str = "
00 00 00 6f 10 00 00 02 00 00 00 01 00 08 10 00 01 00 01 00 05 74 74 73 63 70 00 01 42 10 00 02
00 1b 00 01 35 00 09 00 04 62 69 64 69 00 80 01 00 03 00 00 00 04 62 69 64 69 00 00 00 01 0b 00
01 00 00 00 26 63 61 6e 63 65 6c 65 64 20 62 79 20 62 75 73 69 6e 65 73 73 20 68 61 6e 64 6c 65
72 20 72 65 74 75 72 6e 69 6e 67 08 00 02 00 00 2e ec 00";
const E9: &str = "
00 00 00 46 10 00 00 02 00 00 00 01 00 0f 10 00 01 00 03 00 03 72 69 70 00 0d 31 30 2e 30 2e 30
2e 31 3a 38 38 38 38 00 02 74 63 00 02 63 31 00 02 74 69 00 02 69 31 10 00 02 00 09 00 04 45 63
68 6f 00 1b 00 01 31 00 00 00";
const P1: &str = "
00 00 00 2a 10 00 00 02 00 00 00 00 00 08 10 00 10 00 02 00 1b 00 01 31 fc 01 00 12 31 2c 31 36
37 37 37 32 31 36 2c 31 30 34 38 35 37 36";
const P2: &str = "
00 00 00 1e 10 00 00 02 00 00 00 01 00 05 10 00 10 00 02 00 1b 00 01 31 fc 02 00 05 39 38 33 30
34 00";
