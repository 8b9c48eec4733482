//! However the bytes are cut, the same is told, pulled and sent.

use super::frames::Frame;
use super::rig::{BOTH, Side, request, stream};
use crate::config::Switch;

/// All that shows of a connection: its events, the messages, how streams ended, what was sent.
fn transcript(side: &mut Side, ids: &[i32]) -> Vec<String> {
    let mut lines = side.told();
    for id in ids {
        let id = stream(*id);
        if side.connection.receiver(id).is_ok() {
            lines.extend(side.pulled(id));
            lines.push(side.ending(id));
        }
    }
    lines.extend(side.sent());
    lines.push(format!("{:?}", side.connection.close_reason().map(ToString::to_string)));
    lines.push(format!("{}", side.left()));
    lines
}

/// At all cut points, and byte by byte.
fn every_split(bytes: &[u8], ids: &[i32], new: impl Fn() -> Side) {
    let mut side = new();
    side.feed_bytes(bytes);
    let whole = transcript(&mut side, ids);
    for cut in 1..bytes.len() {
        let mut side = new();
        side.feed_bytes(&bytes[..cut]);
        side.feed_bytes(&bytes[cut..]);
        assert_eq!(transcript(&mut side, ids), whole, "cut at {cut} of {}", bytes.len());
    }
    for step in [1, 2, 3, 7] {
        let mut side = new();
        bytes.chunks(step).for_each(|piece| side.feed_bytes(piece));
        assert_eq!(transcript(&mut side, ids), whole, "in steps of {step}");
    }
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).collect()
}

#[test]
fn what_a_server_reads() {
    let script = bytes(&[
        Frame::settings("1,1000,500"),
        Frame::open(1, BOTH).text("RPC_PERSIST_k", "v").text("u", "1"),
        Frame::data(1, "one"),
        Frame::ack(),
        Frame::open(2, "down"),
        Frame::data(2, "ask"),
        Frame::trailer(2),
        Frame::open(3, "nothing"),
        Frame::meta(1).text("rip", "x"),
        Frame::data(1, ""),
        Frame::data(9, "nobody"),
        Frame::limit(1, 700),
        Frame::open(4, "up"),
        Frame::rst(4, "A", 12007, "gone"),
        Frame::open(1, BOTH),
        Frame::trailer(1),
        Frame::data(1, "late"),
        Frame::open(5, BOTH),
        Frame::failure(5, 6, "x"),
    ]);
    every_split(&script, &[1, 2, 3, 4, 5], || Side::server(|_| {}));
}

#[test]
fn what_a_client_reads() {
    let script = bytes(&[
        Frame::settings("1,1000,500"),
        Frame::header(1).text("h", "1"),
        Frame::data(1, "one"),
        Frame::meta(1).text("rip", "x"),
        Frame::header(2),
        Frame::header(2),
        Frame::limit(0, 5000),
        Frame::data(1, ""),
        Frame::trailer(1).text("t", "1"),
        Frame::failure(3, 6, "x"),
        Frame::trailer(4).text("biz-status", "404"),
        Frame::data(5, "x"),
        Frame::rst(5, "", 99, "x"),
        Frame::data(6, "x"),
        Frame::data(9, "nobody"),
    ]);
    every_split(&script, &[1, 2, 3, 4, 5, 6], || {
        let mut side = Side::client(|config| config.meta_frames = Switch::On);
        for _ in 0..6 {
            side.connection.open(side.now, &request(BOTH)).unwrap();
        }
        side
    });
}

#[test]
fn bytes_that_break_off_or_are_wrong() {
    let good = bytes(&[Frame::open(1, BOTH), Frame::data(1, "one")]);
    let wrong = [
        Frame::of_type(1, "7").bytes(),
        Frame::trailer(1).without_int(27).bytes(),
        b"\0\0\0\x0a\x10\0\0\x02\0\0\0\x01\0\x05".to_vec(),
        b"\xff\xff\xff\xff\x10\0\0\x02\0\0\0\x01\0\x05".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\0\0\0\x20\x10\0\0\0\0\0\0\x01\0\x05".to_vec(),
        Frame::data(1, "broken off").bytes()[..40].to_vec(),
    ];
    for wrong in wrong {
        let script = [&good[..], &wrong].concat();
        let mut side = Side::server(|_| {});
        side.feed_bytes(&script);
        let (whole, reason) = (
            transcript(&mut side, &[1]),
            side.connection.close_reason().map(ToString::to_string),
        );
        for cut in 1..script.len() {
            let mut side = Side::server(|_| {});
            side.feed_bytes(&script[..cut]);
            side.feed_bytes(&script[cut..]);
            // What lies behind the wrong byte may be taken or not.
            let found = transcript(&mut side, &[1]);
            assert_eq!(
                found[..found.len() - 1],
                whole[..whole.len() - 1],
                "cut at {cut}: {reason:?}"
            );
        }
    }
}

/// A message in many pieces, small and large, with others around it.
#[test]
fn messages_of_every_size() {
    for length in [0, 1, 100, 4095, 8191, 8192, 8193, 20_000, 70_000] {
        let script = bytes(&[
            Frame::open(1, BOTH),
            Frame::data(1, "before"),
            Frame::data(1, vec![7; length]),
            Frame::data(1, "behind"),
            Frame::trailer(1),
        ]);
        let mut side = Side::server(|_| {});
        side.feed_bytes(&script);
        let whole = transcript(&mut side, &[1]);
        for step in [1, 10, 1000, 8192, 16_384, 65_536] {
            if script.len() / step > 10_000 {
                continue;
            }
            let mut side = Side::server(|_| {});
            script.chunks(step).for_each(|piece| side.feed_bytes(piece));
            assert_eq!(transcript(&mut side, &[1]), whole, "{length} in steps of {step}");
        }
    }
}
