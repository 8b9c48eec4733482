//! What a server does with what comes in and what its handlers do (SPEC TSL, table TTHeader server), against a peer that
//! behaves as Kitex's client. The numbers are rows of that table.

use super::frames::{Frame, exception, raw};
use super::rig::{BOTH, CANCELED, Side, listed, pairs, services, stream, strings};
use crate::dispatch::{MethodKind, MethodRef, UnknownHandler};
use crate::error::Disconnect;
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::Target;
use crate::status::BusinessStatus;
use crate::ttstream::*;
use crate::wire::Codec;

fn active() -> (Side, StreamId) {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    (side, id)
}

/// A server with a stream whose client has said everything.
fn half_closed() -> (Side, StreamId) {
    let (mut side, id) = active();
    side.feed(&[Frame::trailer(1)]);
    (side, id)
}

fn failed(number: i32, text: &'static str) -> Ending {
    Ending::Exception(ApplicationException::new(ExceptionType(number), text))
}

#[test]
fn s1_a_header_opens_a_stream() {
    let mut side = Side::server(|_| {});
    let header = Frame::open(7, "up")
        .text("RPC_TRANSIT_tk", "tv")
        .text("RPC_PERSIST_Pk", "pv")
        .text("RPC_TRANSIT_UPSTREAM_old", "ov")
        .text("rpc_persist_x", "user's")
        .text("User", "1")
        .int(3, "caller.svc")
        .int(400, "unknown");
    side.feed(&[header]);
    assert_eq!(side.told(), ["opened 7"]);
    let call = side.connection.stream(stream(7)).unwrap();
    assert_eq!(call.target, Target::Method(MethodRef { service: 0, method: 1 }));
    assert_eq!((call.kind, call.codec), (MethodKind::ClientStreaming, Codec::Thrift));
    assert_eq!((call.service_name(), call.method_name()), ("Stream", "up"));
    assert_eq!(call.caller_service(), Some("caller.svc"));
    let meta = call.meta_info();
    let found = [
        meta.transient("tk"),
        meta.persistent("Pk"),
        meta.transient("old"),
        meta.persistent("x"),
    ];
    assert_eq!(found, [Some("tv"), Some("pv"), Some("ov"), None]);
    assert_eq!(
        listed(Some(call.strings())),
        Some(pairs(&[("User", "1"), ("rpc_persist_x", "user's")]))
    );
    assert_eq!(side.sent(), [""; 0], "the server's header is lazy");
}

/// SPEC TSF-1, KV-1: what a decoder takes.
#[test]
fn s1_headers_in_any_legal_form() {
    let strings = b"\x01\0\x01\0\x03isn\0\x06Stream";
    let ints = b"\x10\0\x02\0\x1b\0\x012\0\x09\0\x04bidi";
    let token = b"\x11\0\x01t";
    let forms: [Vec<u8>; 5] = [
        [&b"\x10\0"[..], strings, ints].concat(),
        [&b"\x10\0"[..], ints, &[0], strings, &[0, 0]].concat(),
        [&b"\x10\x02ab"[..], ints, strings].concat(),
        [&b"\0\0"[..], token, strings, ints].concat(),
        [&b"\x04\0"[..], b"\x10\0\x01\0\x09\0\x01x", strings, ints].concat(),
    ];
    for (number, mut info) in (1..).zip(forms) {
        info.resize(info.len().next_multiple_of(4), 0);
        let mut side = Side::server(|_| {});
        let mut bytes = raw(number, &info, b"ignored");
        bytes[7] = 0x1f;
        side.feed_bytes(&bytes);
        assert_eq!(side.told(), [format!("opened {number}")]);
        let call = side.connection.stream(stream(number)).unwrap();
        assert_eq!((call.service_name(), call.method_name()), ("Stream", BOTH));
        let token = call.meta_info().transient("gdpr-token").map(str::to_owned);
        assert_eq!(token.is_some(), number == 4);
    }
}

#[test]
fn s1_any_id_may_be_used_and_used_again() {
    let mut side = Side::server(|_| {});
    for id in [1, 5, 3, 0, -1, i32::MIN, i32::MAX, 1, 0] {
        side.serves_well(id);
        side.assert_empty();
    }
}

#[test]
fn s1_a_single_request_is_waited_for() {
    let mut side = Side::server(|_| {});
    side.feed(&[Frame::open(1, "down")]);
    assert_eq!(side.told(), [""; 0]);
    side.feed(&[Frame::data(1, "ask")]);
    assert_eq!(side.told(), ["opened 1"]);
    assert_eq!(side.pulled(stream(1))[0], "ask");
    side.feed(&[Frame::trailer(1)]);
    side.send(stream(1), "x").unwrap();
    side.finish(stream(1), &Ending::Ok);
    assert_eq!(side.sent(), ["1 header", "1 data x", "1 trailer"]);
    side.told();
    side.assert_empty();
}

/// A3: no request, no handler.
#[test]
fn s1_a_single_request_that_does_not_come_ends_the_stream() {
    for ending in [
        Frame::trailer(1),
        Frame::rst(1, "", 12007, "gone"),
        Frame::failure(1, 6, "x"),
    ] {
        let mut side = Side::server(|_| {});
        side.feed(&[Frame::open(1, "down"), ending.clone()]);
        let told = side.told();
        assert!(!told.iter().any(|event| event.starts_with("opened")), "{told:?}");
        let sent = side.sent();
        match ending.kind() {
            "rst" => assert_eq!(sent, [""; 0]),
            _ => assert_eq!(sent, ["1 header", "1 trailer 6 biz error: EOF"]),
        }
        side.assert_empty();
        side.serves_well(1);
    }
}

#[test]
fn s3_messages_and_then_the_end() {
    let (mut side, id) = active();
    side.listen(id);
    side.feed(&[
        Frame::data(1, "a"),
        Frame::data(1, "b"),
        Frame::trailer(1).text("ignored", "x"),
    ]);
    assert_eq!(side.told(), ["readable 1"]);
    assert_eq!(side.pulled(id), ["a", "b", "end"]);
    assert_eq!(side.pulled(id), ["end"]);
    side.send(id, "still").unwrap();
    assert_eq!(side.sent(), ["1 header", "1 data still"]);
    assert!(!side.connection.is_over(id));
}

/// The end alone is worth an event, if messages were pulled before.
#[test]
fn s3_the_end_is_told_as_readable() {
    let (mut side, id) = active();
    side.listen(id);
    side.feed(&[Frame::data(1, "a")]);
    assert_eq!(
        (side.told(), side.pulled(id)),
        (vec!["readable 1".to_owned()], vec!["a".to_owned()])
    );
    side.feed(&[Frame::trailer(1)]);
    assert_eq!(
        (side.told(), side.pulled(id)),
        (vec!["readable 1".to_owned()], vec!["end".to_owned()])
    );
}

#[test]
fn s4_a_client_may_end_with_a_failure() {
    let business = Frame::trailer(1).text("biz-status", "404").text("biz-message", "no");
    for trailer in [Frame::failure(1, 6, "no"), business] {
        let (mut side, id) = active();
        side.feed(&[Frame::data(1, "a"), trailer]);
        assert_eq!(side.pulled(id), ["a", "failed"]);
        let ending = side.ending(id);
        assert!(ending.contains("no"), "{ending}");
        side.finish(id, &Ending::Ok);
        assert_eq!(side.sent(), ["1 header", "1 trailer"]);
        side.told();
        side.assert_empty();
    }
}

/// Data behind the trailer is of no use to anybody, and harms nobody.
#[test]
fn s5_messages_behind_the_end() {
    let (mut side, id) = half_closed();
    side.feed(&[Frame::data(1, "late"), Frame::trailer(1), Frame::data(1, "later")]);
    let pulled = side.pulled(id);
    assert_eq!(pulled.last().unwrap(), "end");
    side.send(id, "fine").unwrap();
    side.finish(id, &Ending::Ok);
    assert_eq!(side.sent(), ["1 header", "1 data fine", "1 trailer"]);
    side.told();
    side.assert_empty();
}

#[test]
fn s6_the_header_is_sent_once() {
    for (mut side, id) in [active(), half_closed()] {
        let mut sender = side.connection.sender(id).unwrap();
        sender.send_header(&strings(&[("H", "1"), ("h", "2")])).unwrap();
        assert_eq!(sender.send_header(&strings(&[])), Err(SendError::HeaderSent));
        assert_eq!(side.sent(), ["1 header H=1 h=2"]);
        side.finish(id, &Ending::Ok);
        assert_eq!(side.sent(), ["1 trailer"]);
    }
}

#[test]
fn s7_the_first_message_brings_the_header() {
    for (mut side, id) in [active(), half_closed()] {
        side.send(id, "a").unwrap();
        side.send(id, "b").unwrap();
        assert_eq!(
            side.frames(),
            [Frame::header(1), Frame::data(1, "a"), Frame::data(1, "b")]
        );
        let error = side.connection.sender(id).unwrap().send_header(&strings(&[]));
        assert_eq!(error, Err(SendError::HeaderSent));
    }
}

#[test]
fn s8_s9_s10_the_end_of_a_handler() {
    let status = |extra| {
        Ending::Business(BusinessStatus {
            code: 404,
            message: "no".to_owned(),
            extra,
        })
    };
    let extra = vec![("k".to_owned(), "v".to_owned())];
    let rows = [
        (Ending::Ok, "1 trailer T=1"),
        (status(Vec::new()), "1 trailer T=1 biz-message=no biz-status=404"),
        (
            status(extra),
            r#"1 trailer T=1 biz-extra={"k":"v"} biz-message=no biz-status=404"#,
        ),
        (failed(6, "biz error: boom"), "1 trailer T=1 6 biz error: boom"),
        (failed(99, "any"), "1 trailer T=1 99 any"),
    ];
    for (ending, expected) in rows {
        for (mut side, id) in [active(), half_closed()] {
            side.connection.finish(id, &ending, &strings(&[("T", "1")]));
            assert_eq!(side.sent(), ["1 header", expected]);
            assert!(side.connection.sender(id).is_err(), "finishing releases");
            side.feed(&[Frame::data(1, "late"), Frame::trailer(1), Frame::rst(1, "", 6, "late")]);
            assert_eq!((side.sent(), side.told()), (vec![], vec![]));
            side.assert_empty();
            side.serves_well(1);
        }
    }
}

#[test]
fn s12_a_reset_is_told_at_once_and_nothing_follows_it() {
    let rows = [
        (
            Frame::rst(1, "A,B", 12007, CANCELED),
            format!("code=12007] [server-side stream] [canceled path: A -> B] {CANCELED}"),
        ),
        (
            Frame::rst(1, "A", 12015, "late"),
            "code=12015] [server-side stream] [canceled path: A] late".into(),
        ),
        (Frame::rst(1, "", 99, "x"), "code=99] [server-side stream] x".into()),
        (Frame::of_type(1, "5"), "code=13] [server-side stream] rst".into()),
        (
            Frame::of_type(1, "5").body(exception(1, 1, 6, "a call")),
            "code=13] [server-side stream] rst".into(),
        ),
    ];
    for (rst, expected) in rows {
        for (mut side, id) in [active(), half_closed()] {
            side.feed(&[Frame::data(1, "late")]);
            side.told();
            side.feed(&[rst.clone(), Frame::trailer(1)]);
            assert_eq!(side.told(), ["ended 1"]);
            assert!(side.connection.is_over(id));
            assert_eq!(side.ending(id), format!("Canceled [ttstream error, {expected}"));
            assert_eq!(side.pulled(id).last().unwrap(), "failed");
            assert_eq!(side.send(id, "x"), Err(SendError::Over));
            assert_eq!(
                side.connection.sender(id).unwrap().send_header(&strings(&[])),
                Err(SendError::Over)
            );
            side.finish(id, &failed(6, "biz error: canceled"));
            assert_eq!((side.sent(), side.told()), (vec![], vec![]));
            side.assert_empty();
            side.serves_well(1);
        }
    }
}

/// What was queued before an rst can still be pulled.
#[test]
fn s12_a_reset_keeps_what_came() {
    let (mut side, id) = active();
    side.feed(&[Frame::data(1, "a"), Frame::data(1, "b")]);
    side.feed(&[Frame::rst(1, "A", 12007, "gone")]);
    assert_eq!(side.pulled(id), ["a", "b", "failed"]);
    side.connection.release(id);
    side.told();
    side.assert_empty();
}

#[test]
fn s14_a_lost_connection_cancels_every_handler() {
    for why in [Disconnect::ReadEnd, Disconnect::ReadFailed, Disconnect::WriteFailed] {
        let (mut side, id) = active();
        side.feed(&[Frame::data(1, "a"), Frame::open(2, BOTH), Frame::open(3, "down")]);
        side.told();
        side.connection.handle_disconnect(side.now, why);
        let told = side.told();
        assert_eq!(told[..2], ["ended 1", "ended 2"], "the third had no handler yet");
        assert_eq!(told.len(), 3);
        assert!(told[2].starts_with("closed: "));
        assert_eq!(side.pulled(id), ["a", "failed"]);
        for id in [id, stream(2)] {
            let text = "Canceled [ttstream error, code=12013] canceled by connection closed";
            assert_eq!(side.ending(id), text, "{why:?}");
            assert_eq!(side.send(id, "x"), Err(SendError::Over));
            side.finish(id, &Ending::Ok);
        }
        assert_eq!((side.connection.open_streams(), side.connection.usage()), (0, 0));
        assert!(side.connection.is_drained());
    }
}

/// SPEC TSE-5: after bytes that are no frames the text is the cause, with its own prefix.
#[test]
fn s14_bytes_that_are_no_frames_cancel_every_handler() {
    let (mut side, id) = active();
    side.feed(&[Frame::of_type(1, "9")]);
    let told = side.told();
    assert_eq!(told[0], "ended 1");
    assert!(told[1].starts_with("closed: "), "{told:?}");
    let ending = side.ending(id);
    let prefix = "Canceled [ttstream error, code=12013] [ttstream error, code=12004] ";
    assert!(ending.starts_with(prefix), "{ending}");
    side.finish(id, &Ending::Ok);
    assert_eq!(side.sent(), [""; 0]);
    assert!(side.connection.is_drained());
}

#[test]
fn s15_s16_frames_of_nobody_and_meta_frames_are_ignored() {
    let (mut side, id) = active();
    let held = side.connection.usage();
    for nobody in [0, 2, -1, i32::MIN] {
        side.feed(&[
            Frame::of_type(nobody, "1").text("rip", "x"),
            Frame::data(nobody, "x"),
            Frame::trailer(nobody),
            Frame::rst(nobody, "", 6, "x"),
            Frame::of_type(1, "1").text("rip", "x").body("x"),
        ]);
    }
    assert_eq!((side.told(), side.sent()), (vec![], vec![]));
    assert_eq!(side.connection.usage(), held);
    side.feed(&[Frame::data(1, "a")]);
    assert_eq!(side.pulled(id), ["a"]);
}

/// A cancelled stream's id may be used again at once, and the old handler is not mistaken for the new one.
#[test]
fn s17_an_id_is_live_until_its_stream_is_over() {
    let (mut side, id) = active();
    side.feed(&[Frame::rst(1, "A", 12007, "gone")]);
    assert_eq!(side.told(), ["ended 1"]);
    side.finish(id, &Ending::Ok);
    side.serves_well(1);
}

/// A server of ours can break a stream off, as proxies do.
#[test]
fn a_server_can_cancel() {
    for (mut side, id) in [active(), half_closed()] {
        side.send(id, "unsent").unwrap();
        side.connection.cancel(id, &Exception::foreign("flow"));
        let sent = side.sent();
        assert!(
            sent.iter()
                .any(|frame| frame.starts_with("1 rst ") && frame.ends_with(" 12011 flow")),
            "{sent:?}"
        );
        assert!(
            !sent
                .iter()
                .skip_while(|frame| !frame.contains("rst"))
                .any(|frame| frame.contains("header"))
        );
        side.finish(id, &Ending::Ok);
        let sent = side.sent();
        assert!(sent.is_empty() || sent == ["1 trailer"], "{sent:?}");
        side.told();
        side.assert_empty();
    }
}

/// The table of services is the one of calls.
#[test]
fn services_are_found_as_for_calls() {
    let rows = [
        ("Stream", "bidi", ""),
        ("", "bidi", ""),
        ("Other", "bidi", ""),
        ("Stream", "", "1"),
    ];
    for (service, method, refused) in rows {
        let mut side = Side::server(|_| {});
        side.feed(&[Frame::header(1).text("isn", service).int(9, method)]);
        let told = side.told();
        let start = if refused.is_empty() {
            "opened 1".to_owned()
        } else {
            format!("refused 1 {refused} ")
        };
        assert!(told[0].starts_with(&start), "{service} {method}: {told:?}");
    }
}

/// SPEC TSF-10: its messages would be taken for Thrift.
#[test]
fn services_that_speak_protobuf_are_not_served() {
    let mut side = Side::server(|_| {});
    side.feed(&[Frame::header(1).text("isn", "Pb").int(9, "pb")]);
    let text = "9 decode failed, codec msg type not match with thriftCodec";
    assert_eq!(side.told(), [format!("refused 1 {text}")]);
    let answer = Frame::trailer(1).int(9, "pb");
    let frames = side.frames();
    assert_eq!(frames[0].clone().body(""), answer);
    assert!(frames.len() == 1 && frames[0].to_string().contains(text));
}

#[test]
fn an_unknown_handler_gets_what_nobody_else_serves() {
    let mut side = Side::serving(services(UnknownHandler::Present), |_| {});
    side.feed(&[
        Frame::header(1).text("isn", "Nobody").int(9, "nothing"),
        Frame::data(1, "x"),
        Frame::trailer(1),
    ]);
    assert_eq!(side.told(), ["opened 1"]);
    let call = side.connection.stream(stream(1)).unwrap();
    assert_eq!(
        (call.target, call.kind),
        (Target::Unknown, MethodKind::BidirectionalStreaming)
    );
    assert_eq!((call.service_name(), call.method_name()), ("Nobody", "nothing"));
    assert_eq!(side.pulled(stream(1)), ["x", "end"]);
    side.finish(stream(1), &Ending::Ok);
    let frames = side.frames();
    assert!(
        frames.iter().all(|frame| frame.get_int(9) == Some("nothing")),
        "{frames:?}"
    );
    side.assert_empty();
}
