//! Peers that lie, stall, flood or never stop, each with a bound on what it gets; beside them one that only works hard.

use std::time::Duration;

use super::frames::{FC_LIMIT, FC_SETTINGS, Frame, raw};
use super::rig::{BOTH, Side, stream, strings};
use crate::exception::{ApplicationException, ExceptionType};
use crate::http2::Role;
use crate::pingpong::Demand;
use crate::ttstream::*;

/// Bytes of a few frames that wait to be sent, and then some.
const LITTLE: usize = 4096;

/// Feeds the same bytes again and again, as long as they are read. Returns how often.
fn flood(side: &mut Side, bytes: &[u8], times: usize) -> usize {
    for n in 0..times {
        if side.connection.read_demand() != Demand::Read {
            return n;
        }
        side.feed_bytes(bytes);
    }
    times
}

#[test]
fn frames_for_streams_that_do_not_exist_get_nothing() {
    for mut side in [Side::server(|_| {}), Side::stock_client(|_| {})] {
        for id in 0..20_000 {
            side.feed(&[
                Frame::data(id, "x"),
                Frame::trailer(-id),
                Frame::rst(id, "a", 1, "x"),
                Frame::meta(id),
            ]);
        }
        assert_eq!((side.told(), side.sent()), (vec![], vec![]));
        assert_eq!((side.connection.usage(), side.connection.open_streams()), (0, 0));
    }
}

#[test]
fn opening_above_the_limit_is_answered_and_forgotten() {
    let mut side = Side::server(|config| config.max_streams = 100);
    let (mut opened, mut refused) = (0, 0);
    for id in 1..=10_000 {
        side.feed(&[Frame::open(id, BOTH)]);
        for event in side.told() {
            opened += usize::from(event.starts_with("opened"));
            refused += usize::from(event.starts_with("refused"));
        }
        assert_eq!(side.sent().len(), usize::from(id > 100), "one trailer each");
    }
    assert_eq!((opened, refused), (100, 9_900));
    assert_eq!(side.connection.open_streams(), 100);
    assert!(side.connection.usage() <= 100 * 1024);
    for id in 1..=100 {
        side.finish(stream(id), &Ending::Ok);
    }
    side.assert_empty();
    side.serves_well(10_001);
}

/// Reading stops before the answers to one who does not read them take much memory.
#[test]
fn whoever_reads_no_refusals_is_not_read() {
    for method in ["nothing", "unary", BOTH] {
        let mut side = Side::server(|config| config.max_streams = 1);
        side.opened(1, BOTH);
        let bytes = Frame::open(2, method).bytes();
        side.stuck();
        let fed = flood(&mut side, &bytes, 100_000);
        side.stuck();
        assert!(fed < 20_000, "{method}: read {fed} times");
        assert!(
            side.connection.usage() < 1 << 20,
            "{method}: {} bytes",
            side.connection.usage()
        );
        side.wait(Duration::from_secs(30));
        let told = side.told();
        assert!(
            told.last().unwrap().starts_with("closed: "),
            "{method}: the write stalls"
        );
    }
}

/// A peer that opens and resets again and again: a handler counts until it has returned.
#[test]
fn opened_and_reset_streams_count_while_their_handlers_run() {
    let mut side = Side::server(|config| config.max_streams = 100);
    let mut opened = 0;
    for id in 1..=10_000 {
        side.feed(&[
            Frame::open(id, BOTH),
            Frame::rst(id, "A", 12007, "gone"),
            Frame::trailer(id),
        ]);
        opened += side.told().iter().filter(|event| event.starts_with("opened")).count();
        side.sent();
    }
    assert_eq!((opened, side.connection.open_streams()), (100, 100));
    assert!(side.connection.usage() < 100 * 1024, "{}", side.connection.usage());
    for id in 1..=100 {
        side.finish(stream(id), &Ending::Ok);
    }
    side.assert_empty();
}

#[test]
fn opening_and_resetting_costs_nothing_in_the_long_run() {
    let mut side = Side::server(|_| {});
    for id in 1..=20_000 {
        side.feed(&[
            Frame::open(id, BOTH),
            Frame::data(id, "x"),
            Frame::rst(id, "A", 12007, "gone"),
        ]);
        side.told();
        side.finish(stream(id), &Ending::Ok);
        assert_eq!(side.connection.usage(), 0);
    }
    assert_eq!(side.sent(), [""; 0]);
    side.serves_well(1);
}

/// Empty messages are charged too, so that a million of them stays within the budget or the windows.
#[test]
fn tiny_messages_are_bounded_as_large_ones() {
    let tiny = Frame::data(1, "").bytes();
    let thousand = tiny.repeat(1000);
    let mut side = Side::server(|config| config.connection_memory = 1 << 20);
    side.opened(1, BOTH);
    let fed = flood(&mut side, &thousand, 1000);
    assert!(fed <= 17, "{fed} thousand are read");
    assert!(
        side.connection.usage() <= (1 << 20) + thousand.len(),
        "{}",
        side.connection.usage()
    );

    let mut side = Side::fc_server(16 << 20, 1 << 20, |_| {});
    side.opened(1, BOTH);
    flood(&mut side, &thousand, 100);
    assert_eq!(side.told(), ["ended 1"], "it went beyond its window");
    assert!(side.connection.usage() <= 1 << 20, "{}", side.connection.usage());
    let resets = side.sent().iter().filter(|frame| frame.starts_with("1 rst")).count();
    assert_eq!(resets, 1);
}

/// Key-value blocks that nobody looks at cost no memory.
#[test]
fn large_headers_on_messages_are_not_kept() {
    let mut info = b"\x10\0\x10\0\x02\0\x1b\0\x013\0\x09\0\x04bidi\x01\0\x04".to_vec();
    for key in b"abcd" {
        info.extend([0, 1, *key, 0xfe, 0]);
        info.resize(info.len() + 0xfe00, b'x');
    }
    info.resize(65_535 * 4, 0);
    let frame = raw(1, &info, b"payload");
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    for _ in 0..100 {
        side.feed_bytes(&frame);
    }
    assert!(side.connection.usage() < 100 * 100, "{}", side.connection.usage());
    assert_eq!(side.pulled(id).len(), 100);
}

#[test]
fn headers_with_too_many_entries_are_refused() {
    let many = |count: u16| {
        let mut info = b"\x10\0\x10\0\x02\0\x1b\0\x012\0\x09\0\x04bidi\x01".to_vec();
        info.extend(count.to_be_bytes());
        for n in 0..count {
            info.extend([0, 2]);
            info.extend(n.to_be_bytes());
            info.extend([0, 0]);
        }
        info.resize(info.len().next_multiple_of(4), 0);
        raw(1, &info, b"")
    };
    let mut side = Side::server(|_| {});
    side.feed_bytes(&many(1000));
    assert_eq!(side.told(), ["opened 1"]);
    side.finish(stream(1), &Ending::Ok);
    side.feed_bytes(&many(20_000));
    assert!(side.told().last().unwrap().starts_with("closed: more than 1024 "));
}

/// What streams hold of their headers is bounded for all together.
#[test]
fn headers_of_many_streams_share_the_budget() {
    let large = "x".repeat(60_000);
    let header = |id| {
        Frame::open(id, BOTH)
            .text("a", &large)
            .text("b", &large)
            .text("c", &large)
    };
    let budget = 8 << 20;
    let mut side = Side::server(|config| config.connection_memory = budget);
    for id in 1..=1000 {
        side.feed(&[header(id)]);
        side.sent();
    }
    let held = side.connection.usage() as u64;
    assert!(held <= budget + 300_000, "{held} bytes");
    let opened = side.told().iter().filter(|event| event.starts_with("opened")).count();
    assert!((20..=60).contains(&opened), "{opened} streams");

    let mut side = Side::stock_client(|config| config.connection_memory = budget);
    let ids: Vec<_> = (0..1000).map(|_| side.open(BOTH)).collect();
    side.sent();
    for id in &ids {
        let header = Frame::header(id.get())
            .text("a", &large)
            .text("b", &large)
            .text("c", &large);
        let trailer = Frame {
            ints: Frame::trailer(id.get()).ints,
            ..header.clone()
        };
        side.feed(&[header, trailer]);
        side.sent();
    }
    let held = side.connection.usage() as u64;
    assert!(held <= budget + 600_000, "{held} bytes");
}

#[test]
fn headers_for_a_live_id_are_dropped() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    let header = Frame::open(1, BOTH).text("k", &"v".repeat(10_000)).bytes();
    flood(&mut side, &header, 10_000);
    let opened = side.told().iter().filter(|event| event.starts_with("opened")).count();
    assert_eq!((opened, side.connection.open_streams()), (0, 1));
    assert!(side.connection.usage() < LITTLE, "{}", side.connection.usage());
    assert!(side.sent().len() <= 1, "no answer to each");
    let _ = id;
}

/// D6: abuse of a live id ends, one way or the other, and never serves the wrong stream.
#[test]
fn a_live_id_is_never_two_streams() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    side.feed(&[
        Frame::data(1, "mine"),
        Frame::open(1, BOTH),
        Frame::data(1, "whose"),
        Frame::rst(1, "A", 12007, "whose"),
    ]);
    assert_eq!(side.pulled(id)[0], "mine");
    assert!(!side.told().iter().any(|event| event.starts_with("opened")));
    side.finish(id, &Ending::Ok);
    side.sent();
    if side.connection.close_reason().is_none() {
        side.feed(&[Frame::trailer(1)]);
        side.serves_well(1);
    }
}

#[test]
fn frames_behind_the_end_take_no_memory() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    side.feed(&[Frame::trailer(1)]);
    assert_eq!(side.pulled(id), ["end"]);
    let late = [
        Frame::data(1, vec![0; 10_000]),
        Frame::trailer(1).text("k", &"v".repeat(10_000)),
    ];
    for _ in 0..1000 {
        side.feed(&late);
    }
    assert!(side.connection.usage() < LITTLE, "{}", side.connection.usage());
    assert_eq!(side.sent(), [""; 0]);
    assert!(side.told().len() <= 2);
    assert_eq!(side.pulled(id), ["end"]);

    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.feed(&[Frame::header(1), Frame::trailer(1)]);
    side.sent();
    side.told();
    for _ in 0..1000 {
        side.feed(&late);
        side.feed(&[Frame::header(1), Frame::rst(1, "", 6, "x")]);
    }
    assert!(side.connection.usage() < LITTLE);
    assert_eq!((side.told(), side.sent()), (vec![], vec![]));
    assert_eq!(side.ending(id), "ok");
}

/// A peer whose queue was full keeps its place when it says the end while nobody reads.
#[test]
fn messages_behind_the_end_do_not_get_around_the_limits() {
    let mut side = Side::fc_server(16 << 20, 10_000, |_| {});
    side.opened(1, BOTH);
    side.feed(&[Frame::trailer(1)]);
    for _ in 0..1000 {
        side.feed(&[Frame::data(1, vec![0; 1000])]);
    }
    assert!(side.connection.usage() < 20_000, "{}", side.connection.usage());
}

#[test]
fn frames_that_trickle_in_are_overdue() {
    let frame = Frame::open(1, BOTH).bytes();
    for mut side in [Side::server(|_| {}), Side::stock_client(|_| {})] {
        if side.connection.role() == Role::Client {
            side.open(BOTH);
            side.sent();
        }
        let mut seconds = 0;
        for byte in &frame {
            side.feed_bytes(&[*byte]);
            side.wait(Duration::from_secs(1));
            seconds += 1;
            if side.connection.close_reason().is_some() {
                break;
            }
        }
        assert_eq!(seconds, 5);
        assert!(side.told().last().unwrap().contains("timed out (Frame)"));
    }
    // A large one that comes on goes on.
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    let large = Frame::data(1, vec![0; 4 << 20]).bytes();
    for piece in large.chunks(70_000) {
        side.feed_bytes(piece);
        side.wait(Duration::from_secs(4));
    }
    assert_eq!(side.pulled(id), ["4194304 bytes"]);
}

/// Frames without a message bring nothing about, however many they are.
#[test]
fn meta_frames_are_dropped() {
    let ints = |key, value: &str| Frame::meta(0).int(key, value);
    let rows = [
        Frame::meta(0),
        Frame::of_type(1, "1")
            .text("rip", &"x".repeat(1000))
            .body("y".repeat(1000)),
        Frame::settings("1,5,5"),
        Frame::ack(),
        ints(FC_LIMIT, "x"),
        ints(FC_SETTINGS, ""),
        Frame::limit(1, 7),
    ];
    for frame in rows {
        for mut side in [Side::server(|_| {}), Side::fc_server(1 << 20, 1 << 20, |_| {})] {
            side.opened(1, BOTH);
            let bytes = frame.bytes().repeat(100);
            assert_eq!(flood(&mut side, &bytes, 100), 100, "{frame}");
            assert_eq!((side.told(), side.sent()), (vec![], vec![]), "{frame}");
            assert!(side.connection.usage() < LITTLE);
        }
    }
}

/// Events that nobody fetches are bounded by what there is, not by what is sent.
#[test]
fn growing_grants_are_told_on_the_edge() {
    let mut side = Side::fc_client(1, 1, |_| {});
    let id = side.open(BOTH);
    side.send(id, "x").unwrap();
    assert_eq!(side.send(id, "x"), Err(SendError::Full));
    side.sent();
    for limit in 1000..20_000 {
        side.feed(&[Frame::limit(0, limit), Frame::limit(1, limit)]);
    }
    assert_eq!(side.told(), ["writable 1"]);
}

/// A peer that takes nothing gets only so much put by for it, whatever it asks for.
#[test]
fn whoever_takes_no_answers_gets_no_more() {
    let mut side = Side::server(|_| {});
    let mut ids = Vec::new();
    for id in 1..=1024 {
        if side.connection.read_demand() != Demand::Read {
            break;
        }
        side.feed(&[Frame::open(id, BOTH)]);
        side.told();
        ids.push(stream(id));
    }
    let mut taken = 0;
    for id in &ids {
        for _ in 0..100 {
            taken += usize::from(side.send_long(*id, 1000).is_ok());
        }
    }
    assert!(taken < 400, "{taken} messages of a kilobyte");
    assert!(side.connection.usage() < 1 << 20, "{}", side.connection.usage());
    for id in ids {
        side.finish(id, &Ending::Ok);
    }
    assert!(side.connection.usage() < 1 << 20, "{}", side.connection.usage());
    side.stuck();
    side.wait(Duration::from_secs(30));
    assert!(side.told().last().unwrap().contains("timed out (WriteStall)"));
    assert!(side.connection.is_drained());
}

/// What is told of an end is kept until the stream is released, whoever takes how long for that.
#[test]
fn long_texts_of_ends_are_cut() {
    let text = "é".repeat(500_000);
    let path = "x".repeat(60_000);
    let mut server = Side::server(|_| {});
    let mut client = Side::stock_client(|_| {});
    for n in 1..=100 {
        server.told();
        server.opened(n, BOTH);
        client.open(BOTH);
        server.feed(&[Frame::rst(n, &path, 99, &text)]);
        client.feed(&[[Frame::failure(n, 6, &text), Frame::rst(n, &path, 99, &text)][n as usize % 2].clone()]);
        for side in [&mut server, &mut client] {
            let ending = side.ending(stream(n));
            assert!(
                (16_000..30_000).contains(&ending.len()) && ending.contains("éééé"),
                "{}",
                ending.len()
            );
        }
    }
}

/// Headers that wait are no way around that.
#[test]
fn headers_to_one_who_does_not_read_are_bounded() {
    for size in [0, 10, 1000, 60_000] {
        let mut side = Side::server(|_| {});
        side.stuck();
        let header = strings(&[("k", &"v".repeat(size))]);
        let mut id = 0;
        while side.connection.read_demand() == Demand::Read && id < 20_000 {
            id += 1;
            side.feed(&[Frame::open(id, BOTH)]);
            side.told();
            side.connection
                .sender(stream(id))
                .unwrap()
                .send_header(&header)
                .unwrap();
            side.finish(stream(id), &Ending::Ok);
        }
        assert!(id < 10_000, "{id} headers of {size} bytes wait");
        assert!((id as usize) * size < 1 << 20, "{id} headers of {size} bytes wait");
        assert!(side.connection.usage() < 1 << 20 && side.connection.usage() > (id as usize) * size);
    }
}

/// A server that is asked for data by one who never reads it cannot be made to hold failures without end either.
#[test]
fn long_failures_to_one_who_does_not_read_are_bounded() {
    let mut side = Side::server(|_| {});
    let text = "x".repeat(100_000);
    let mut id = 0;
    while side.connection.read_demand() == Demand::Read && id < 1000 {
        id += 1;
        side.feed(&[Frame::open(id, BOTH)]);
        side.told();
        let exception = ApplicationException::new(ExceptionType(6), text.clone());
        side.finish(stream(id), &Ending::Exception(exception));
    }
    assert!(id < 20, "{id} failures wait");
    assert!(side.connection.usage() < 2 << 20);
}

#[test]
fn a_hard_worker_is_never_refused() {
    for mut side in [Side::server(|_| {}), Side::fc_server(16 << 20, 1 << 20, |_| {})] {
        for id in 1..=1000 {
            side.opened(id, BOTH);
        }
        for round in 0..10_000 {
            let id = 1 + round % 1000;
            side.feed(&[Frame::data(id, "tiny")]);
            assert_eq!(side.pulled(stream(id)), ["tiny"]);
            side.send(stream(id), "back").unwrap();
            side.sent();
        }
        for id in 1..=1000 {
            side.feed(&[Frame::trailer(id)]);
            assert_eq!(side.pulled(stream(id)), ["end"]);
            side.finish(stream(id), &Ending::Ok);
            assert_eq!(side.sent(), [format!("{id} trailer")]);
        }
        side.told();
        for id in 1..=5000 {
            let id = side.opened(id, BOTH);
            side.feed(&[Frame::rst(id.get(), "A", 12007, "gone"), Frame::trailer(id.get())]);
            assert_eq!(side.told(), [format!("ended {}", id.get())]);
            side.finish(id, &Ending::Ok);
        }
        side.assert_empty();
        side.serves_well(5001);
    }
}

/// The same from the other side: a client that makes much use of a server.
#[test]
fn a_hard_working_server_is_never_given_up() {
    let mut side = Side::fc_client(16 << 20, 1 << 20, |_| {});
    let ids: Vec<_> = (0..1000).map(|_| side.open(BOTH)).collect();
    side.sent();
    for round in 0..10_000 {
        let id = ids[round % 1000];
        side.feed(&[Frame::data(id.get(), "tiny")]);
        assert_eq!(side.pulled(id), ["tiny"]);
    }
    for id in ids {
        side.feed(&[Frame::trailer(id.get())]);
        assert_eq!(side.pulled(id), ["end"]);
        side.connection.release(id);
    }
    side.told();
    side.assert_empty();
}
