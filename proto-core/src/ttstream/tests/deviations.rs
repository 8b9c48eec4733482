//! Where we leave Kitex's ways on purpose (clauses of SPEC areas TSF to TSC that are marked [O]), one after the other.

use std::time::Duration;

use super::frames::{Frame, raw};
use super::rig::{BOTH, Side, request, stream, strings};
use crate::config::Switch;
use crate::error::{Disconnect, EncodeError};
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::Shutdown;
use crate::status::BusinessStatus;
use crate::time::Instant;
use crate::ttstream::*;

/// SPEC TSE-7.
#[test]
fn d1_unknown_names_are_answered_with_a_trailer_alone() {
    let nobody = Frame::header(1).text("isn", "Nobody").int(9, "nothing");
    let rows = [
        (
            nobody,
            "1 trailer 20 unknown service Nobody, method nothing",
            "refused 1 20 unknown service Nobody, method nothing",
        ),
        (
            Frame::open(1, "nothing"),
            "1 trailer 1 unknown method nothing (service Stream)",
            "refused 1 1 unknown method nothing (service Stream)",
        ),
        (
            Frame::open(1, "unary"),
            "1 trailer 1 unknown method unary (service Stream)",
            "refused 1 1 unknown method unary (service Stream)",
        ),
    ];
    for (header, answer, event) in rows {
        let mut side = Side::server(|_| {});
        side.feed(&[header]);
        assert_eq!(side.told(), [event]);
        assert_eq!(side.sent(), [answer]);
        side.feed(&[
            Frame::data(1, "x"),
            Frame::trailer(1),
            Frame::rst(1, "A", 12015, "late"),
        ]);
        assert_eq!((side.told(), side.sent()), (vec![], vec![]));
        side.assert_empty();
        side.serves_well(1);
    }
}

/// An exception names its method, and the message cannot be written without one (SPEC TSF-7).
#[test]
fn d1_a_stream_without_a_method_is_answered_too() {
    let mut side = Side::server(|_| {});
    side.feed(&[Frame::header(1).text("isn", "Stream").without_int(9)]);
    assert!(side.told()[0].starts_with("refused 1 1 "));
    let frames = side.frames();
    assert_eq!((frames.len(), frames[0].kind()), (1, "trailer"));
    assert!(!frames[0].payload.is_empty());
    side.assert_empty();
}

/// SPEC TSL-9.
#[test]
fn d2_a_second_header_is_one_streams_failure() {
    let mut side = Side::stock_client(|_| {});
    let ids = [side.open(BOTH), side.open(BOTH)];
    side.sent();
    side.feed(&[
        Frame::header(1),
        Frame::header(1),
        Frame::header(2),
        Frame::data(2, "fine"),
    ]);
    assert_eq!(
        side.sent(),
        ["1 rst ttscp=A 12002 stream[1] already set header", "1 trailer"]
    );
    assert!(side.connection.is_over(ids[0]));
    assert_eq!(side.pulled(ids[1]), ["fine"]);
    assert_eq!(side.connection.close_reason(), None);
}

/// SPEC TSF-3.
#[test]
fn d3_lengths_are_bounded_before_anything_is_allocated() {
    for length in [0x7fff_ffff_u32, u32::MAX, 17 * 1024 * 1024] {
        let mut side = Side::server(|_| {});
        side.feed(&[Frame::open(1, BOTH)]);
        side.told();
        let mut head = Frame::data(1, "x").bytes();
        head[..4].copy_from_slice(&length.to_be_bytes());
        side.feed_bytes(&head[..20]);
        assert!(side.told().last().unwrap().starts_with("closed: "), "{length}");
        assert!(side.connection.usage() < 1000);
    }
    let mut side = Side::server(|config| config.max_message = 1000);
    let id = side.opened(1, BOTH);
    side.feed(&[Frame::data(1, [b'x'; 1000])]);
    assert_eq!(side.pulled(id), ["1000 bytes"]);
    side.feed(&[Frame::data(1, [b'x'; 1001])]);
    assert_eq!(
        side.told(),
        [
            "ended 1",
            "closed: length 1001 is larger than what is left or allowed at offset 0"
        ]
    );
}

#[test]
fn d3_a_length_below_the_header_is_refused() {
    let frame = Frame::data(1, "x").bytes();
    for (length, before) in [0, 1, 9, 10, 29]
        .into_iter()
        .flat_map(|length| [(length, 0), (length, 2)])
    {
        let mut side = Side::server(|_| {});
        side.feed(&[Frame::open(1, BOTH)]);
        (0..before).for_each(|_| side.feed(&[Frame::data(1, "x")]));
        side.told();
        let mut bytes = frame.clone();
        bytes[..4].copy_from_slice(&u32::to_be_bytes(length));
        side.feed_bytes(&bytes);
        assert!(side.told().last().unwrap().starts_with("closed: "), "{length}");
    }
}

/// A large message is held once, and not before it comes.
#[test]
fn d3_a_promised_length_takes_no_memory() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    let bytes = Frame::data(1, vec![b'x'; 8 << 20]).bytes();
    side.feed_bytes(&bytes[..100]);
    assert!(side.connection.usage() < 1000, "{}", side.connection.usage());
    side.feed_bytes(&bytes[100..1 << 20]);
    assert!(side.connection.usage() < (1 << 20) + 1000);
    side.feed_bytes(&bytes[1 << 20..]);
    assert_eq!(side.pulled(id), [format!("{} bytes", 8 << 20)]);
}

/// SPEC TSF-9.
#[test]
fn d4_strings_that_have_no_encoding_fail_the_one_call() {
    let long = "x".repeat(65_536);
    let many: Vec<_> = (0..5).map(|n| (format!("k{n}"), "x".repeat(60_000))).collect();
    let many: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    for entries in [&[("k", long.as_str())][..], &[(long.as_str(), "v")], &many] {
        let entries = strings(entries);
        let mut side = Side::stock_client(|_| {});
        let first = side.open(BOTH);
        let request = Request {
            strings: &entries,
            ..request(BOTH)
        };
        assert!(matches!(
            side.connection.open(side.now, &request),
            Err(OpenError::Encode(_))
        ));
        assert_eq!(side.sent(), ["1 header isn=Stream"]);
        side.connection.release(first);
        side.calls_well();

        let mut side = Side::server(|_| {});
        let id = side.opened(1, BOTH);
        let error = side.connection.sender(id).unwrap().send_header(&entries);
        assert!(matches!(error, Err(SendError::Strings(_))), "{error:?}");
        assert_eq!(side.sent(), [""; 0]);
        side.connection.finish(id, &Ending::Ok, &entries);
        let sent = side.sent();
        assert_eq!(sent[0], "1 header");
        assert!(sent[1].starts_with("1 trailer 6 "), "{sent:?}");
        side.serves_well(2);
    }
    let fits = "x".repeat(65_535);
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    side.connection
        .sender(id)
        .unwrap()
        .send_header(&strings(&[("k", &fits)]))
        .unwrap();
    assert_eq!(side.frames()[0], Frame::header(1).text("k", &fits));
    let error = EncodeError::HeaderStringTooLong(65_536);
    assert!(error.to_string().contains("65535"));
}

/// A text that an exception cannot carry whole must not break anything either.
#[test]
fn d4_any_text_of_a_handler_can_be_sent() {
    for text in [String::new(), "é".repeat(100_000)] {
        let mut side = Side::server(|_| {});
        let id = side.opened(1, BOTH);
        side.finish(
            id,
            &Ending::Exception(ApplicationException::new(ExceptionType(6), text.clone())),
        );
        assert_eq!(side.sent(), ["1 header".to_owned(), format!("1 trailer 6 {text}")]);
    }
    let status = BusinessStatus {
        code: 1,
        message: "x".repeat(70_000),
        extra: Vec::new(),
    };
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    side.finish(id, &Ending::Business(status));
    let frames = side.frames();
    assert_eq!(frames.last().unwrap().kind(), "trailer");
    side.assert_empty();
}

/// SPEC TSL-8.
#[test]
fn d5_a_cancel_is_written_at_once() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.send(id, "waits").unwrap();
    side.connection.cancel(id, &Exception::canceled_by_user());
    let sent = side.sent();
    assert_eq!(sent[0], "1 header isn=Stream");
    let rest: Vec<_> = sent[1..].iter().filter(|frame| !frame.contains("data")).collect();
    assert!(rest[0].starts_with("1 rst ttscp=A 12007 "), "{sent:?}");
    assert_eq!(rest[1..], ["1 trailer"]);
    assert_eq!(side.told(), ["ended 1"]);
}

/// SPEC TSI-4.
#[test]
fn d6_a_live_id_is_not_taken_over() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    side.feed(&[Frame::open(1, "up"), Frame::data(1, "x")]);
    assert_eq!(
        side.told().iter().filter(|event| event.starts_with("opened")).count(),
        0
    );
    assert_eq!(side.connection.stream(id).unwrap().method_name(), BOTH);
    assert_eq!(side.connection.open_streams(), 1);
    let sent = side.sent();
    assert!(sent.is_empty(), "an answer would hit the live stream: {sent:?}");
    side.finish(id, &Ending::Ok);
    assert_eq!(side.sent(), ["1 header", "1 trailer"]);
    side.told();
    side.feed(&[Frame::trailer(1)]);
    side.assert_empty();
    side.serves_well(1);
    side.serves_well(0);
}

/// SPEC TSI-2.
#[test]
fn d7_ids_count_from_one_on_each_connection() {
    for _ in 0..2 {
        let mut side = Side::stock_client(|_| {});
        for number in 1..=100 {
            let id = side.open(BOTH);
            assert_eq!(id.get(), number);
            side.connection.release(id);
        }
    }
}

#[test]
fn d7_behind_the_last_id_comes_the_first_that_is_free() {
    let mut side = Side::stock_client(|_| {});
    side.open(BOTH);
    side.open(BOTH);
    for (last, next) in [(i32::MAX - 1, i32::MAX), (i32::MAX, i32::MIN), (-2, -1), (-1, 3)] {
        side.connection.last_id = stream(last);
        assert_eq!(side.open(BOTH).get(), next, "behind {last}");
    }
}

/// SPEC TSL-5.
#[test]
fn d8_no_header_behind_a_reset() {
    for ending in [
        Ending::Ok,
        Ending::Exception(ApplicationException::new(ExceptionType(6), "x")),
    ] {
        for half_closed in [Switch::Off, Switch::On] {
            let mut side = Side::server(|_| {});
            let id = side.opened(1, BOTH);
            if half_closed.is_on() {
                side.feed(&[Frame::trailer(1)]);
            }
            side.feed(&[Frame::rst(1, "A", 12007, "gone")]);
            assert!(side.connection.sender(id).unwrap().send_header(&strings(&[])).is_err());
            assert!(side.send(id, "x").is_err());
            side.finish(id, &ending);
            assert_eq!(side.sent(), [""; 0]);
        }
    }
}

/// A header that was written before the rst was read, and has not left, would be one behind it.
#[test]
fn d8_a_header_that_waits_is_taken_back() {
    for entries in [&[][..], &[("k", "v")]] {
        let mut side = Side::server(|_| {});
        let (id, other) = (side.opened(1, BOTH), side.opened(2, BOTH));
        for id in [id, other] {
            side.connection
                .sender(id)
                .unwrap()
                .send_header(&strings(entries))
                .unwrap();
            side.send(id, "x").unwrap();
        }
        side.feed(&[Frame::rst(1, "A", 12007, "gone")]);
        let sent = side.sent();
        assert!(!sent.iter().any(|frame| frame.starts_with("1 header")), "{sent:?}");
        let header = sent.iter().position(|frame| frame.starts_with("2 header")).unwrap();
        assert!(header < sent.iter().position(|frame| frame == "2 data x").unwrap());
        side.finish(id, &Ending::Ok);
        assert_eq!(side.sent(), [""; 0]);
        side.finish(other, &Ending::Ok);
        assert_eq!(side.sent(), ["2 trailer"]);
    }
}

/// SPEC TSL-6.
#[test]
fn d9_the_trailer_behind_a_reset_is_sent_and_tolerated() {
    let mut server = Side::server(|_| {});
    let id = server.opened(1, BOTH);
    server.feed(&[Frame::rst(1, "A", 12007, "gone"), Frame::trailer(1)]);
    server.finish(id, &Ending::Ok);
    server.feed(&[Frame::trailer(1)]);
    server.told();
    server.assert_empty();
    let mut client = Side::stock_client(|_| {});
    let id = client.open(BOTH);
    client.feed(&[Frame::header(1), Frame::trailer(1)]);
    assert_eq!(client.sent(), ["1 header isn=Stream", "1 trailer"]);
    client.feed(&[Frame::trailer(1), Frame::rst(1, "", 6, "x")]);
    client.connection.release(id);
    client.told();
    client.assert_empty();
}

/// SPEC TSE-3.
#[test]
fn d10_a_peer_that_closes_is_always_12006() {
    let ends = [Disconnect::ReadEnd, Disconnect::ReadFailed, Disconnect::WriteFailed];
    for (cut, why) in ends.into_iter().flat_map(|why| [0, 2, 12, 30].map(|cut| (cut, why))) {
        let mut side = Side::stock_client(|_| {});
        let id = side.open(BOTH);
        side.feed_bytes(&Frame::data(1, "x").bytes()[..cut]);
        side.connection.handle_disconnect(side.now, why);
        let ending = side.ending(id);
        assert!(ending.starts_with("Protocol [ttstream error, code=12006] "), "{ending}");
    }
}

/// SPEC TSC-2.
#[test]
fn d11_idle_connections_are_closed() {
    let idle = Duration::from_secs(60);
    let mut side = Side::stock_client(|config| config.idle_timeout = Some(idle));
    let id = side.open(BOTH);
    side.sent();
    side.wait(Duration::from_secs(10_000));
    assert_eq!(side.told(), [""; 0], "a live stream may be silent");
    side.feed(&[Frame::header(1), Frame::trailer(1)]);
    side.sent();
    side.connection.release(id);
    assert!(side.connection.wants_turn(), "the time begins now");
    side.told();
    side.wait(Duration::ZERO);
    assert!(!side.connection.wants_turn());
    side.wait(idle - Duration::from_nanos(1));
    assert_eq!(side.told(), [""; 0]);
    side.wait(Duration::from_nanos(1));
    let told = side.told();
    assert!(told.last().unwrap().starts_with("closed: "), "{told:?}");
    assert!(side.connection.is_drained());
    assert!(side.connection.open(side.now, &request(BOTH)).is_err());
}

/// SPEC TSE-7.
#[test]
fn d12_streams_above_the_limit_are_refused() {
    let mut side = Side::server(|config| config.max_streams = 2);
    side.opened(1, BOTH);
    side.opened(2, BOTH);
    side.feed(&[Frame::open(3, BOTH), Frame::data(3, "x"), Frame::trailer(3)]);
    let (told, sent) = (side.told(), side.sent());
    assert!(told.len() == 1 && told[0].starts_with("refused 3 6 "), "{told:?}");
    assert!(sent.len() == 1 && sent[0].starts_with("3 trailer 6 "), "{sent:?}");
    side.finish(stream(1), &Ending::Ok);
    side.sent();
    side.opened(3, BOTH);

    let mut side = Side::stock_client(|config| config.max_streams = 2);
    let ids = [side.open(BOTH), side.open(BOTH)];
    assert_eq!(
        side.connection.open(side.now, &request(BOTH)),
        Err(OpenError::TooManyStreams)
    );
    assert_eq!(side.told(), [""; 0]);
    side.connection.release(ids[0]);
    assert_eq!(side.told(), ["available"]);
    side.open(BOTH);
}

/// SPEC TSE-3.
#[test]
fn d13_no_clean_end_without_a_trailer() {
    for how in [
        Shutdown::Immediate,
        Shutdown::Graceful {
            until: Instant::from_nanos(2),
        },
    ] {
        let mut side = Side::stock_client(|_| {});
        let id = side.open(BOTH);
        side.feed(&[Frame::header(1), Frame::data(1, "a")]);
        side.connection.shutdown(side.now, how);
        side.wait(Duration::from_secs(1));
        assert_eq!(side.pulled(id), ["a", "failed"]);
        assert!(
            side.ending(id).contains("[ttstream error, code="),
            "{}",
            side.ending(id)
        );
    }
}

/// SPEC TSM-8.
#[test]
fn d14_the_caller_may_say_its_name() {
    let mut side = Side::stock_client(|_| {});
    let request = Request {
        caller: Some("me"),
        ..request(BOTH)
    };
    side.connection.open(side.now, &request).unwrap();
    let frames = side.frames();
    assert_eq!(frames, [Frame::open(1, BOTH).int(3, "me")]);
    let mut server = Side::server(|_| {});
    server.feed(&frames);
    assert_eq!(
        server.connection.stream(stream(1)).unwrap().caller_service(),
        Some("me")
    );
    server.told();
    server.opened(2, BOTH);
    assert_eq!(server.connection.stream(stream(2)).unwrap().caller_service(), None);
}

/// SPEC TSC-5.
#[test]
fn d15_a_server_that_drains_refuses_new_streams_and_closes_behind_the_last() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    let until = side.now + Duration::from_secs(5);
    side.connection.shutdown(side.now, Shutdown::Graceful { until });
    side.feed(&[Frame::open(2, BOTH), Frame::data(1, "a")]);
    let (told, sent) = (side.told(), side.sent());
    assert!(told.iter().any(|event| event.starts_with("refused 2 6 ")), "{told:?}");
    assert!(sent.len() == 1 && sent[0].starts_with("2 trailer 6 "), "{sent:?}");
    assert_eq!(side.pulled(id), ["a"]);
    assert!(!side.connection.is_drained());
    side.send(id, "b").unwrap();
    side.finish(id, &Ending::Ok);
    assert_eq!(side.sent(), ["1 header", "1 data b", "1 trailer"]);
    assert_eq!(side.told(), ["closed: shut down"]);
    assert!(side.connection.is_drained());
}

#[test]
fn d15_draining_has_a_deadline() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    let until = side.now + Duration::from_secs(5);
    side.connection.shutdown(side.now, Shutdown::Graceful { until });
    side.wait(Duration::from_secs(5));
    assert_eq!(side.told(), ["ended 1", "closed: shut down"]);
    side.finish(id, &Ending::Ok);
    side.sent();
    assert!(side.connection.is_drained());
}

/// SPEC TSL-7.
#[test]
fn d16_messages_come_before_the_end_whatever_it_is() {
    let business = Frame::trailer(1).text("biz-status", "404");
    for ending in [
        business,
        Frame::failure(1, 6, "x"),
        Frame::rst(1, "", 6, "x"),
        Frame::trailer(1),
        Frame::header(1),
    ] {
        let mut side = Side::stock_client(|_| {});
        let id = side.open(BOTH);
        side.feed(&[Frame::header(1), Frame::data(1, "a"), Frame::data(1, "b"), ending]);
        assert!(side.connection.is_over(id));
        assert_eq!(side.pulled(id)[..2], ["a", "b"]);
    }
}

/// SPEC TSE-6.
#[test]
fn d17_any_exception_type_goes_both_ways() {
    for number in [6, 0, -1, 1000, 12_007] {
        let mut server = Side::server(|_| {});
        let id = server.opened(1, BOTH);
        server.finish(
            id,
            &Ending::Exception(ApplicationException::new(ExceptionType(number), "text")),
        );
        assert_eq!(server.frames().pop().unwrap(), Frame::failure(1, number, "text"));
        let mut client = Side::stock_client(|_| {});
        let id = client.open(BOTH);
        client.feed(&[Frame::failure(1, number, "text")]);
        assert_eq!(
            client.ending(id),
            "Application [ttstream error, code=12001] [client-side stream] text"
        );
        let Some(Outcome::Exception(exception)) = client.connection.outcome(id) else {
            panic!("an exception")
        };
        assert_eq!(exception.remote, Some(ExceptionType(number)));
    }
}

/// A frame whose header information is the largest that there can be.
#[test]
fn d3_the_largest_header_is_taken() {
    let mut info = b"\x10\0\x10\0\x02\0\x1b\0\x012\0\x09\0\x04bidi\x01\0\x05\0\x03isn\0\x06Stream".to_vec();
    for key in b"abcd" {
        info.extend([0, 1, *key, 0xfe, 0]);
        info.resize(info.len() + 0xfe00, b'x');
    }
    info.resize(65_535 * 4, 0);
    let mut side = Side::server(|_| {});
    side.feed_bytes(&raw(1, &info, b""));
    assert_eq!(side.told(), ["opened 1"]);
    assert_eq!(side.connection.stream(stream(1)).unwrap().strings().len(), 4);
}
