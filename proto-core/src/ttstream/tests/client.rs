//! What a client does with what it is asked and what comes in (SPEC TSL, table TTHeader client), against a peer that
//! behaves as Kitex's server. The numbers are rows of that table.

use super::frames::{Frame, exception};
use super::rig::{BOTH, Side, active, both, half_closed, listed, pairs, request, stream, strings};
use crate::config::Switch;
use crate::exception::ExceptionType;
use crate::ttstream::*;

#[test]
fn c1_opening_sends_a_header() {
    let mut side = Side::stock_client(|_| {});
    let user = strings(&[("k", "v"), ("K", "V")]);
    let request = Request {
        strings: &user,
        ..request(BOTH)
    };
    let id = side.connection.open(side.now, &request).unwrap();
    assert_eq!(id, stream(1));
    assert_eq!(side.sent(), ["1 header K=V isn=Stream k=v"]);
    assert_eq!(side.connection.open_streams(), 1);
    assert_eq!(side.open("up"), stream(2));
    let frames = side.frames();
    assert_eq!(frames, [Frame::open(2, "up")]);
    assert_eq!(side.told(), [""; 0]);
}

#[test]
fn c2_messages_are_data_frames_each_with_the_method() {
    let (mut side, id) = active();
    side.send(id, "one").unwrap();
    side.send(id, "").unwrap();
    assert_eq!(side.frames(), [Frame::data(1, "one"), Frame::data(1, "")]);
}

#[test]
fn c3_c4_c5_a_half_close_is_one_trailer_and_the_end_of_sending() {
    let (mut side, id) = half_closed();
    let mut sender = side.connection.sender(id).unwrap();
    assert_eq!(sender.finish(), Err(SendError::Finished));
    assert_eq!(side.send(id, "late"), Err(SendError::Finished));
    assert_eq!(side.sent(), [""; 0]);
    side.feed(&[Frame::header(1), Frame::data(1, "still")]);
    assert_eq!(side.pulled(id), ["still"]);
}

#[test]
fn c4_c6_nothing_is_sent_behind_the_end() {
    for ending in [
        Frame::trailer(1),
        Frame::failure(1, 6, "no"),
        Frame::rst(1, "", 99, "no"),
    ] {
        for (mut side, id, due) in both() {
            side.feed(std::slice::from_ref(&ending));
            assert_eq!(side.sent(), due);
            assert!(side.connection.is_over(id));
            assert!(matches!(
                side.send(id, "late"),
                Err(SendError::Over | SendError::Finished)
            ));
            assert!(side.connection.sender(id).unwrap().finish().is_err());
            side.connection.cancel(id, &Exception::canceled_by_user());
            side.connection.release(id);
            assert_eq!(side.sent(), [""; 0], "{ending}");
            side.assert_empty();
            side.calls_well();
        }
    }
}

#[test]
fn c7_the_header_is_told_once() {
    for entries in [pairs(&[]), pairs(&[("H", "1"), ("h", "2")])] {
        for (mut side, id, _) in both() {
            assert_eq!(side.connection.header(id), None);
            let header = entries
                .iter()
                .fold(Frame::header(1), |frame, (key, value)| frame.text(key, value));
            side.feed(&[header]);
            assert_eq!(side.told(), ["header 1"]);
            assert_eq!(listed(side.connection.header(id)), Some(entries.clone()));
            assert_eq!(side.sent(), [""; 0]);
        }
    }
}

#[test]
fn c8_a_second_header_fails_its_stream_alone() {
    for (mut side, id, due) in both() {
        let other = side.open(BOTH);
        side.sent();
        side.listen(id);
        side.feed(&[Frame::header(1), Frame::data(1, "first"), Frame::header(1)]);
        assert_eq!(side.told(), ["header 1", "readable 1", "ended 1"]);
        assert_eq!(side.pulled(id), ["first", "failed"]);
        let text = "[ttstream error, code=12002] [client-side stream] stream[1] already set header";
        assert_eq!(side.ending(id), format!("Protocol {text}"));
        let sent = side.sent();
        assert_eq!(sent[0], "1 rst ttscp=A 12002 stream[1] already set header");
        assert_eq!(sent[1..], *due);
        side.feed(&[Frame::header(2), Frame::data(2, "fine"), Frame::trailer(2)]);
        assert_eq!(side.pulled(other), ["fine", "end"]);
    }
}

#[test]
fn c9_messages_wait_in_order() {
    for (mut side, id, _) in both() {
        side.listen(id);
        side.feed(&[
            Frame::header(1),
            Frame::data(1, "a"),
            Frame::data(1, ""),
            Frame::data(1, "c"),
        ]);
        assert_eq!(side.told(), ["header 1", "readable 1"], "readable is told on the edge");
        assert_eq!(side.pulled(id), ["a", "", "c"]);
        side.feed(&[Frame::data(1, "d")]);
        assert_eq!(side.told(), ["readable 1"]);
        assert_eq!(side.pulled(id), ["d"]);
        assert!(side.connection.usage() < 200, "nothing but the header's place is held");
    }
}

#[test]
fn c10_a_trailer_ends_well_behind_what_is_queued() {
    for (mut side, id, due) in both() {
        side.feed(&[Frame::header(1), Frame::data(1, "a"), Frame::trailer(1).text("T", "1")]);
        assert_eq!(side.sent(), due);
        assert_eq!(side.told().last().unwrap(), "ended 1");
        assert_eq!(side.pulled(id), ["a", "end"]);
        assert_eq!(side.pulled(id), ["end"]);
        assert_eq!(side.ending(id), "ok");
        assert_eq!(listed(side.connection.trailer(id)), Some(pairs(&[("T", "1")])));
        side.connection.release(id);
        side.assert_empty();
    }
}

#[test]
fn c11_an_exception_in_the_trailer_is_a_remote_one() {
    for (mut side, id, due) in both() {
        let trailer = Frame::failure(1, 6, "biz error: boom").text("T", "1");
        side.feed(&[Frame::header(1), Frame::data(1, "a"), trailer]);
        assert_eq!(side.sent(), due);
        assert_eq!(side.pulled(id), ["a", "failed"]);
        let text = "[ttstream error, code=12001] [client-side stream] biz error: boom";
        assert_eq!(side.ending(id), format!("Application {text}"));
        let Some(Outcome::Exception(exception)) = side.connection.outcome(id) else {
            panic!("an exception")
        };
        assert_eq!(exception.remote, Some(ExceptionType::INTERNAL_ERROR));
        assert_eq!(listed(side.connection.trailer(id)), Some(pairs(&[("T", "1")])));
    }
}

/// A payload that is no exception fails the stream and nothing else.
#[test]
fn c11_a_payload_that_is_no_exception_fails_the_stream() {
    let reply = exception(1, 2, 6, "a reply");
    for payload in [&reply[..], b"\x80\x01\0\x03\0\0\0\x04bi", b"x"] {
        for (mut side, id, due) in both() {
            side.feed(&[Frame::data(1, "a"), Frame::trailer(1).body(payload)]);
            assert_eq!(side.sent(), due);
            assert_eq!(side.pulled(id), ["a", "failed"]);
            let ending = side.ending(id);
            assert!(
                ending.starts_with("Protocol [ttstream error, code=12004] [client-side stream] "),
                "{ending}"
            );
            side.connection.release(id);
            side.assert_empty();
            side.calls_well();
        }
    }
}

#[test]
fn c12_a_business_status_is_one() {
    let rows: [(&[(&str, &str)], &str); 6] = [
        (
            &[("biz-status", "404"), ("biz-message", "no")],
            "business status 404: no []",
        ),
        (
            &[
                ("biz-status", "-7"),
                ("biz-message", "no"),
                ("biz-extra", r#"{"k":"v"}"#),
            ],
            r#"business status -7: no [("k", "v")]"#,
        ),
        (
            &[("biz-status", "404"), ("biz-extra", "{}")],
            "business status 404:  []",
        ),
        (&[("biz-status", "0"), ("biz-message", "no")], "ok"),
        (&[("biz-status", "x"), ("biz-message", "no")], "ok"),
        (
            &[("biz-status", "404"), ("biz-extra", "{")],
            "Protocol [ttstream error, code=12003] [client-side stream] malformed header info, extra: {",
        ),
    ];
    for (entries, expected) in rows {
        for (mut side, id, due) in both() {
            let trailer = entries
                .iter()
                .fold(Frame::trailer(1), |frame, (key, value)| frame.text(key, value));
            side.feed(&[Frame::header(1), Frame::data(1, "a"), trailer.clone()]);
            assert_eq!(side.sent(), due);
            assert_eq!(side.ending(id), expected);
            assert_eq!(side.pulled(id), ["a", if expected == "ok" { "end" } else { "failed" }]);
            assert_eq!(listed(side.connection.trailer(id)).unwrap().len(), entries.len());
        }
    }
}

/// SPEC TSM-6: the payload wins.
#[test]
fn c12_an_exception_beside_a_business_status_wins() {
    let (mut side, id) = active();
    side.feed(&[Frame::failure(1, 6, "boom").text("biz-status", "404")]);
    assert_eq!(
        side.ending(id),
        "Application [ttstream error, code=12001] [client-side stream] boom"
    );
}

#[test]
fn c13_a_reset_cancels_behind_what_is_queued() {
    let rows = [
        (Frame::rst(1, "", 99, "why"), "code=99] [client-side stream] why"),
        (
            Frame::rst(1, "proxy,X", 12007, "gone"),
            "code=12007] [client-side stream] [canceled path: proxy -> X] gone",
        ),
        (Frame::of_type(1, "5"), "code=13] [client-side stream] rst"),
        (
            Frame::of_type(1, "5").body(exception(1, 2, 6, "a reply")),
            "code=13] [client-side stream] rst",
        ),
        (Frame::of_type(1, "5").body("x"), "code=13] [client-side stream] rst"),
    ];
    for (rst, expected) in rows {
        for (mut side, id, due) in both() {
            side.feed(&[Frame::header(1), Frame::data(1, "a"), rst.clone()]);
            assert_eq!(side.sent(), due, "never a reset in reply");
            assert_eq!(side.ending(id), format!("Canceled [ttstream error, {expected}"));
            assert_eq!(side.pulled(id), ["a", "failed"]);
            assert_eq!(side.connection.trailer(id), None);
            assert!(matches!(
                side.send(id, "late"),
                Err(SendError::Over | SendError::Finished)
            ));
            side.connection.release(id);
            side.assert_empty();
        }
    }
}

#[test]
fn c19_meta_frames_change_nothing() {
    let meta = Frame::of_type(1, "1").text("rip", "10.0.0.1:8888").body("x");
    for (switch, told) in [(Switch::Off, &[][..]), (Switch::On, &["meta 1"])] {
        let mut side = Side::stock_client(|config| config.meta_frames = switch);
        let id = side.open(BOTH);
        side.sent();
        side.feed(std::slice::from_ref(&meta));
        assert_eq!(side.told(), told);
        side.feed(&[Frame::limit(1, 5), Frame::limit(0, 5), Frame::settings("1,1,1")]);
        assert_eq!(side.told(), [""; 0], "flow control is nobody else's");
        side.feed(&[Frame::header(1), meta.clone(), Frame::trailer(1), meta.clone()]);
        assert_eq!(side.ending(id), "ok");
        assert_eq!(side.connection.header(id).unwrap().len(), 0);
    }
}

#[test]
fn c20_frames_of_nobody_are_ignored() {
    let (mut side, id) = active();
    for nobody in [0, 2, -1, i32::MIN, i32::MAX] {
        side.feed(&[
            Frame::header(nobody),
            Frame::of_type(nobody, "1"),
            Frame::data(nobody, "x"),
            Frame::trailer(nobody),
            Frame::rst(nobody, "", 6, "x"),
        ]);
    }
    assert_eq!((side.told(), side.sent()), (vec![], vec![]));
    assert_eq!(side.connection.usage(), 0);
    side.feed(&[Frame::header(1), Frame::trailer(1)]);
    assert_eq!(side.ending(id), "ok");
}

#[test]
fn c21_a_late_header_hits_nobody() {
    for (mut side, id, due) in both() {
        let other = side.open(BOTH);
        side.sent();
        side.connection.cancel(id, &Exception::canceled_by_user());
        assert_eq!(side.sent()[1..], *due);
        side.told();
        side.feed(&[Frame::header(1), Frame::trailer(1)]);
        assert_eq!((side.told(), side.sent()), (vec![], vec![]));
        assert_eq!(side.connection.header(id), None);
        side.connection.release(id);
        side.feed(&[Frame::header(1), Frame::header(1)]);
        side.feed(&[Frame::header(2), Frame::trailer(2)]);
        assert_eq!(side.ending(other), "ok");
    }
}

/// SPEC TSF-1, TSF-4: keys that nobody knows, and a method that only the first frame needs.
#[test]
fn later_frames_may_name_another_method_or_none() {
    let (mut side, id) = active();
    side.feed(&[
        Frame::header(1).int(9, "other").int(400, "x").int(3, "y"),
        Frame::data(1, "a").without_int(9).text("ignored", "x"),
        Frame::trailer(1).without_int(9),
    ]);
    assert_eq!(side.pulled(id), ["a", "end"]);
}
