//! How a client's streams end before their time (SPEC TSL, table TTHeader client, rows 14 to 18).

use std::time::Duration;

use super::frames::{Frame, raw};
use super::rig::{BOTH, CANCELED, Side, active, both, request, stream};
use crate::config::Switch;
use crate::error::Disconnect;
use crate::pingpong::Demand;
use crate::ttstream::*;

#[test]
fn c14_c16_a_cancel_is_a_reset_and_a_trailer_if_that_is_due() {
    let rows = [
        (Exception::canceled_by_user(), "12007", CANCELED, "Canceled"),
        (
            Exception::recv_timeout("x"),
            "12014",
            "stream Recv timeout, timeout config=x",
            "Timeout",
        ),
        (
            Exception::handler_returned(),
            "12012",
            "canceled by business handler returning",
            "Canceled",
        ),
        (
            Exception::canceled_with_connection(None),
            "12013",
            "canceled by connection closed",
            "Canceled",
        ),
    ];
    for (why, code, text, class) in rows {
        for (mut side, id, due) in both() {
            side.feed(&[Frame::header(1), Frame::data(1, "a")]);
            side.told();
            side.connection.cancel(id, &why);
            let sent = side.sent();
            assert_eq!(sent[0], format!("1 rst ttscp=A {code} {text}"));
            assert_eq!(sent[1..], *due);
            assert_eq!(side.told(), ["ended 1"]);
            let ending = side.ending(id);
            assert!(
                ending.starts_with(&format!("{class} [ttstream error, code={code}] ")),
                "{ending}"
            );
            assert!(ending.ends_with(text), "{ending}");
            assert_eq!(side.pulled(id), ["a", "failed"], "what had come before is still there");
            side.feed(&[Frame::data(1, "b"), Frame::trailer(1)]);
            assert_eq!(side.pulled(id), ["failed"]);
            side.connection.cancel(id, &why);
            side.connection.release(id);
            assert_eq!(side.sent(), [""; 0]);
            side.assert_empty();
        }
    }
}

/// SPEC TSE-8, TSE-9: what the upstream was cancelled with goes on, with the own name behind.
#[test]
fn c14_a_cancel_is_passed_on() {
    let (mut server, id) = (Side::server(|_| {}), stream(1));
    server.opened(1, BOTH);
    server.feed(&[Frame::rst(1, "A", 12007, CANCELED)]);
    let Some(Outcome::Exception(upstream)) = server.connection.outcome(id) else {
        panic!("an exception")
    };
    let why = upstream.passed_on();
    let mut client = Side::stock_client(|config| config.service_name = "B".to_owned());
    let id = client.open(BOTH);
    client.connection.cancel(id, &why);
    assert_eq!(
        client.sent()[1..],
        [format!("1 rst ttscp=A,B 12007 {CANCELED}"), "1 trailer".to_owned()]
    );
    let text = format!("[ttstream error, code=12007] [client-side stream] [canceled path: A] {CANCELED}");
    assert_eq!(client.ending(id), format!("Canceled {text}"));
}

#[test]
fn c14_paths_without_a_name() {
    let rows = [
        (Exception::canceled_by_user(), "", format!("1 rst 12007 {CANCELED}")),
        (
            Exception::foreign("context canceled"),
            "B",
            "1 rst ttscp=non-ttstream path,B 12011 context canceled".into(),
        ),
    ];
    for (why, name, expected) in rows {
        let mut client = Side::stock_client(|config| config.service_name = name.to_owned());
        let id = client.open(BOTH);
        client.connection.cancel(id, &why);
        assert_eq!(client.sent()[1], expected);
    }
}

#[test]
fn c15_the_deadline_cancels() {
    let timeouts = [
        (Some(Duration::from_millis(200)), "timeout in ctx: 200ms"),
        (Some(Duration::from_micros(1500)), "timeout in ctx: 1.5ms"),
        (Some(Duration::from_secs(90)), "timeout in ctx: 1m30s"),
        (None, "no explicit timeout set in stream ctx"),
    ];
    for (timeout, words) in timeouts {
        for finished in [Switch::Off, Switch::On] {
            let mut side = Side::stock_client(|_| {});
            let after = timeout.unwrap_or(Duration::from_secs(1));
            let request = Request {
                deadline: Some(side.now + after),
                timeout,
                ..request(BOTH)
            };
            let id = side.connection.open(side.now, &request).unwrap();
            side.feed(&[Frame::header(1), Frame::data(1, "a")]);
            if finished.is_on() {
                side.half_close(id);
            }
            side.sent();
            side.told();
            assert_eq!(side.connection.poll_timeout().unwrap().at, side.now + after);
            side.wait(after - Duration::from_nanos(1));
            assert_eq!(side.told(), [""; 0]);
            side.wait(Duration::from_nanos(1));
            assert_eq!(side.told(), ["ended 1"]);
            let text = format!("stream timeout, {words}");
            let ending = side.ending(id);
            assert_eq!(
                ending,
                format!("Timeout [ttstream error, code=12015] [client-side stream] {text}")
            );
            let sent = side.sent();
            assert_eq!(sent[0], format!("1 rst ttscp=A 12015 {text}"));
            let due: &[&str] = if finished.is_on() { &[] } else { &["1 trailer"] };
            assert_eq!(sent[1..], *due);
            assert_eq!(side.pulled(id), ["a", "failed"]);
        }
    }
}

/// A stream that is over has no deadline any more.
#[test]
fn c15_the_end_takes_the_deadline_away() {
    let mut side = Side::stock_client(|config| config.idle_timeout = Some(Duration::from_secs(1000)));
    let request = Request {
        deadline: Some(side.now + Duration::from_secs(1)),
        ..request(BOTH)
    };
    let id = side.connection.open(side.now, &request).unwrap();
    side.feed(&[Frame::header(1), Frame::trailer(1)]);
    side.sent();
    side.told();
    side.wait(Duration::from_secs(2));
    assert_eq!((side.told(), side.sent()), (vec![], vec![]));
    assert_eq!(side.ending(id), "ok");
}

#[test]
fn c18_a_lost_connection_ends_every_stream_and_never_well() {
    for why in [Disconnect::ReadEnd, Disconnect::ReadFailed, Disconnect::WriteFailed] {
        for cut in [0, 3, 40] {
            let (mut side, id) = active();
            let other = side.open("down");
            side.feed(&[Frame::header(1), Frame::data(1, "a")]);
            side.feed_bytes(&Frame::data(1, "half of it").bytes()[..cut]);
            side.told();
            side.connection.handle_disconnect(side.now, why);
            let told = side.told();
            assert_eq!(told[..2], ["ended 1", "ended 2"]);
            assert!(told[2].starts_with("closed: "), "{told:?}");
            assert_eq!(side.pulled(id), ["a", "failed"]);
            assert_eq!(side.pulled(other), ["failed"]);
            for id in [id, other] {
                let text = "Protocol [ttstream error, code=12006] connection closed by peer";
                assert_eq!(side.ending(id), text, "{why:?}");
                side.connection.release(id);
            }
            side.sent();
            assert!(side.connection.usage() <= cut, "no more than the caller's own");
            assert!(side.connection.is_drained());
            assert!(side.connection.open(side.now, &request(BOTH)).is_err());
        }
    }
}

/// SPEC TSF-2: what the whole connection dies of.
#[test]
fn c18_bytes_that_are_no_frames_end_the_connection() {
    let good = Frame::data(1, "a").bytes();
    let mut no_magic = good.clone();
    no_magic[4] = 0x11;
    let mut no_flag = good.clone();
    no_flag[7] = 0;
    let rows = [
        ("magic", no_magic),
        ("flag", no_flag),
        ("frame type", Frame::of_type(1, "9").bytes()),
        ("frame type 03", Frame::of_type(1, "03").bytes()),
        ("no frame type", Frame::header(1).without_int(27).bytes()),
        ("block", raw(1, &[0x10, 0, 0x20, 0], b"")),
        (
            "protocol id",
            raw(1, &[0x02, 0, 0x10, 0, 1, 0, 27, 0, 1, b'3', 0, 0], b""),
        ),
        (
            "cut off entry",
            raw(1, &[0x10, 0, 0x10, 0, 1, 0, 27, 0, 9, b'3', 0, 0], b""),
        ),
        ("no header at all", raw(1, &[], b"")),
    ];
    for (what, bytes) in rows {
        let (mut side, id) = active();
        side.feed(&[Frame::data(1, "a")]);
        side.feed_bytes(&bytes);
        assert_eq!(side.pulled(id), ["a", "failed"], "{what}");
        let ending = side.ending(id);
        assert!(
            ending.starts_with("Protocol [ttstream error, code=12004] "),
            "{what}: {ending}"
        );
        assert!(!ending.contains("-side stream]"), "{ending}");
        assert!(side.told().last().unwrap().starts_with("closed: "), "{what}");
        assert_eq!(side.connection.read_demand(), Demand::Stop, "{what}");
    }
}
