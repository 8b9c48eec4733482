use std::time::Duration;

use super::*;
use crate::dispatch::MethodRef;
use crate::error::DecodeErrorKind;
use crate::wire::{MessageType, Protocol, SequenceId, Transport};
use crate::{CancelReason, CloseReason, DecodeError, Demand, Disconnect, Refusal, RespondError, Target, TimerKind};

#[test]
fn a_framed_call_is_answered_in_kind() {
    let mut server = Server::new();
    server.feed(0, &framed(1, "echo", 7));
    let [id] = server.opened()[..] else { panic!("one call") };
    let request = server.connection.request(id).unwrap();
    assert_eq!(request.target, Target::Method(MethodRef { service: 0, method: 0 }));
    assert_eq!(
        (request.transport(), request.codec()),
        (Transport::Framed, Codec::Thrift)
    );
    assert_eq!((request.method_name(), request.service_name()), ("echo", ""));
    assert_eq!(
        (request.sequence(), request.message_type()),
        (SequenceId(7), MessageType::Call)
    );
    server.connection.release_request(id);
    assert!(server.connection.request(id).is_none(), "a released request is gone");
    let result = Bytes::from_static(&[0]);
    let reply = Reply::new(ReplyOutcome::Result(&result));
    server.connection.respond(at(0), id, &reply).unwrap();
    assert_eq!(
        server.connection.respond(at(0), id, &reply),
        Err(RespondError::UnknownCall),
        "and answered once"
    );
    assert_eq!(server.sent(0), framed(2, "echo", 7));
}

#[test]
fn any_split_gives_the_same_events_and_bytes() {
    let mut stream = framed(1, "echo", 1);
    stream.extend(&framed(1, "echo", 2)[4..]);
    stream.extend(ttheader(0, 3, &[("isn", "Other")], &framed(1, "other", 3)));
    stream.extend(ttheader(0, 4, &[], &framed(1, "echo", 4)[4..]));
    let drive = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut server = Server::new();
        let mut log = Vec::new();
        for chunk in chunks {
            server.feed(0, chunk);
            while let [id] = server.opened()[..] {
                log.push(id);
                server.echo(0, id);
            }
        }
        (log, server.sent(0))
    };
    let whole = drive(&mut std::iter::once(&stream[..]));
    assert_eq!(whole.0.len(), 4);
    for cut in 1..stream.len() {
        let (head, tail) = stream.split_at(cut);
        assert_eq!(drive(&mut [head, tail].into_iter()), whole, "cut at {cut}");
    }
    assert_eq!(drive(&mut stream.chunks(1)), whole, "byte by byte");
}

#[test]
fn in_order_calls_wait_for_the_answer_before_them() {
    let mut server = Server::new();
    let two: Vec<u8> = [framed(1, "echo", 1), framed(1, "echo", 2)].concat();
    server.feed(0, &two);
    let [first] = server.opened()[..] else {
        panic!("only the first")
    };
    assert_eq!(
        server.connection.read_demand(),
        Demand::Read,
        "to see the end of the connection"
    );
    server.fail(0, first, "no");
    assert_eq!(
        server.connection.read_demand(),
        Demand::Receive,
        "the second is in the buffer"
    );
    server.connection.receive(at(0), &mut server.input);
    let [second] = server.opened()[..] else {
        panic!("now the second")
    };
    server.echo(0, second);
    let sent = server.sent(0);
    assert!(
        sent.ends_with(&framed(2, "echo", 2)),
        "a handler's exception keeps the connection"
    );
}

#[test]
fn flagged_calls_run_together_and_answer_in_any_order() {
    let mut server = Server::new();
    let message = |seq| ttheader(1, i32::from(seq), &[], &framed(1, "echo", seq));
    server.feed(0, &[message(1), message(2), message(3)].concat());
    let ids = server.opened();
    assert_eq!(ids.len(), 3);
    for id in ids.iter().rev() {
        assert!(server.connection.request(*id).unwrap().concurrent);
        let result = Bytes::from_static(&[0]);
        server
            .connection
            .respond(at(0), *id, &Reply::new(ReplyOutcome::Result(&result)))
            .unwrap();
    }
    let sequences: Vec<u8> = server
        .sent(0)
        .windows(8)
        .filter(|w| w[..4] == *b"echo")
        .map(|w| w[7])
        .collect();
    assert_eq!(sequences, [3, 2, 1]);
}

#[test]
fn an_unflagged_call_waits_for_flagged_ones_and_holds_up_the_rest() {
    let mut server = Server::new();
    let flagged = |seq| ttheader(1, i32::from(seq), &[], &framed(1, "echo", seq));
    server.feed(0, &[flagged(1), framed(1, "echo", 2), flagged(3)].concat());
    let [first] = server.opened()[..] else {
        panic!("the first alone")
    };
    server.echo(0, first);
    let [second] = server.opened()[..] else {
        panic!("then the second")
    };
    server.echo(0, second);
    let [third] = server.opened()[..] else {
        panic!("then the third")
    };
    server.echo(0, third);
    assert_eq!(server.connection.usage(), server.sent(0).len());
}

#[test]
fn oneway_calls_are_never_answered_and_type_five_gets_sequence_zero() {
    let mut server = Server::new();
    for kind in [1, 4] {
        server.feed(0, &framed(kind, "push", 1));
        let [id] = server.opened()[..] else { panic!("opens") };
        server.fail(0, id, "nobody hears this");
        assert_eq!(server.sent(0), b"");
    }
    server.feed(0, &framed(4, "echo", 2));
    let [id] = server.opened()[..] else { panic!("opens") };
    server.echo(0, id);
    assert_eq!(
        server.sent(0),
        framed(2, "echo", 2),
        "a normal method answers a oneway message"
    );
    server.feed(0, &framed(5, "echo", 9));
    let [id] = server.opened()[..] else { panic!("opens") };
    server.echo(0, id);
    assert_eq!(server.sent(0), framed(2, "echo", 0));
}

#[test]
fn refusals_have_kitexs_texts_and_close_in_order_connections() {
    type Row = (&'static [(&'static str, &'static str)], &'static str, i32, &'static str);
    let rows: [Row; 4] = [
        (&[], "nope", 20, "unknown service , method nope"),
        (&[("isn", "Main")], "other", 1, "unknown method other (service Main)"),
        (&[("isn", "Gone")], "nope", 20, "unknown service Gone, method nope"),
        (
            &[("isn", "Main")],
            "watch",
            1,
            "method watch (service Main) is a stream",
        ),
    ];
    for (entries, method, number, text) in rows {
        for flags in [0, 1] {
            let mut server = Server::new();
            server.feed(0, &ttheader(flags, 5, entries, &framed(1, method, 5)));
            let events = server.events();
            let Some(ServerEvent::Refused(refusal)) = events.first() else {
                panic!("{events:?}")
            };
            let exception = ApplicationException::new(ExceptionType(number), text);
            assert_eq!(
                **refusal,
                Refusal::Exception {
                    method: method.into(),
                    exception
                }
            );
            let sent = server.sent(0);
            let reset = sent.windows(5).any(|window| window == b"crrst");
            let closed = events.contains(&ServerEvent::Closed {
                reason: CloseReason::Refused,
            });
            assert_eq!(
                (reset, closed, server.connection.is_drained()),
                (flags == 0, flags == 0, flags == 0),
                "{method}"
            );
            assert!(sent.windows(text.len()).any(|window| window == text.as_bytes()));
        }
    }
}

#[test]
fn a_body_that_does_not_decode_gets_type_seven() {
    for flags in [0, 1] {
        let mut server = Server::new();
        server.feed(0, &ttheader(flags, 5, &[], &framed(1, "echo", 5)));
        let [id] = server.opened()[..] else { panic!("opens") };
        let error = DecodeError::new(DecodeErrorKind::MissingField, 3).in_field(&("EchoArgs", "m"));
        server.connection.reject(at(0), id, &error);
        let text = b"EchoArgs.m: required field is not set at offset 3";
        assert!(server.sent(0).windows(text.len()).any(|window| window == text));
        assert_eq!(server.connection.is_drained(), flags == 0);
    }
}

#[test]
fn the_codec_must_be_the_services() {
    let mut server = Server::new();
    let call = hex("00000010 9001 0001 00000004 6563686f 00000003");
    server.feed(0, &call);
    let sent = server.sent(0);
    let text = b"decode failed, codec msg type not match with protobufCodec";
    assert!(sent.windows(text.len()).any(|window| window == text));
    assert!(server.connection.is_drained());
}

#[test]
fn a_reply_without_encoding_becomes_an_exception() {
    struct Unencodable;
    impl crate::EncodeBody for Unencodable {
        fn encode_body(&self, out: &mut crate::Output) {
            out.put(b"half of it");
            out.fail(crate::EncodeError::NoWireForm("union"));
        }
    }
    let mut server = Server::new();
    server.feed(0, &framed(1, "echo", 1));
    let [id] = server.opened()[..] else { panic!("opens") };
    let sent = server
        .connection
        .respond(at(0), id, &Reply::new(ReplyOutcome::Result(&Unencodable)));
    assert_eq!(sent, Err(RespondError::Encode(crate::EncodeError::NoWireForm("union"))));
    let text = b"reply cannot be encoded: union has no wire form";
    let bytes = server.sent(0);
    assert!(bytes.windows(text.len()).any(|window| window == text));
    assert!(
        !bytes.windows(4).any(|window| window == b"half"),
        "nothing of the failed reply is left"
    );
}

#[test]
fn the_deadline_comes_from_the_header_when_asked_for() {
    let frame = {
        let mut out = crate::Output::new();
        let mut writer =
            crate::wire::ttheader::HeaderWriter::begin(&mut out, crate::wire::ttheader::Flags::NONE, SequenceId(1));
        writer.decimal(crate::wire::ttheader::IntKey::RPC_TIMEOUT, 250);
        let frame = writer.end();
        out.put(&framed(1, "echo", 1));
        frame.finish(&mut out, u32::MAX);
        out.to_vec()
    };
    let mut server = Server::with(ServerConfig {
        deadline_from_header: Switch::On,
        ..ServerConfig::default()
    });
    server.feed(1000, &frame);
    let [id] = server.opened()[..] else { panic!("opens") };
    let request = server.connection.request(id).unwrap();
    assert_eq!(request.deadline, Some(at(1250)));
    assert_eq!(request.header().timeout(), Some(Duration::from_millis(250)));
    let deadline = server.connection.poll_timeout().unwrap();
    assert_eq!((deadline.at, deadline.timer), (at(1250), TimerKind::Call));
    server.timeout(1249);
    assert_eq!(server.events(), []);
    server.timeout(1250);
    assert_eq!(
        server.events(),
        [ServerEvent::Cancelled {
            id,
            reason: CancelReason::DeadlinePassed
        }]
    );
    assert_ne!(
        server.connection.poll_timeout().map(|next| next.timer),
        Some(TimerKind::Call)
    );
    server.fail(1300, id, "biz error: context deadline exceeded");
    assert!(!server.sent(1300).is_empty(), "the handler's own answer is still sent");

    let mut server = Server::new();
    server.feed(1000, &frame);
    let [id] = server.opened()[..] else { panic!("opens") };
    assert_eq!(server.connection.request(id).unwrap().deadline, None, "off by default");
}

#[test]
fn requests_read_before_the_end_are_answered() {
    let mut server = Server::new();
    server.feed(0, &[framed(1, "echo", 1), framed(1, "echo", 2)].concat());
    let [first] = server.opened()[..] else { panic!("opens") };
    server.connection.handle_disconnect(at(1), Disconnect::ReadEnd);
    let cancelled = |id| ServerEvent::Cancelled {
        id,
        reason: CancelReason::CallerGone,
    };
    assert_eq!(server.events(), [cancelled(first)]);
    server.echo(1, first);
    let events = server.events();
    let [ServerEvent::Opened { id: second }, ref gone] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*gone, cancelled(second));
    server.echo(2, second);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::PeerClosed
        }]
    );
    assert!(!server.connection.is_drained(), "two answers are still to be sent");
    assert_eq!(server.sent(2).len(), 2 * framed(2, "echo", 1).len());
    assert!(server.connection.is_drained());
}

#[test]
fn protocols_that_are_not_served_are_named() {
    let mut server = Server::new();
    server.feed(0, b"PRI * HT");
    let reason = CloseReason::ProtocolNotServed(Protocol::Http2);
    assert_eq!(server.events(), [ServerEvent::Closed { reason }]);
    let mut server = Server::new();
    server.feed(0, b"GET / HTTP/1.1\r\n\r\n");
    let reason = CloseReason::ProtocolNotServed(Protocol::Http1);
    assert_eq!(server.events(), [ServerEvent::Closed { reason }]);
    assert_eq!(server.sent(0), b"");
    let mut server = Server::new();
    server.feed(0, &hex("00000020 1000 0002"));
    let reason = CloseReason::ProtocolNotServed(Protocol::TtHeaderStreaming);
    assert_eq!(server.events(), [ServerEvent::Closed { reason }]);
    assert_eq!(server.sent(0), b"");
    assert!(server.connection.is_drained());
}

#[test]
fn a_request_that_waited_begins_when_the_calls_before_it_end() {
    let mut server = Server::new();
    let flagged = ttheader(1, 1, &[], &framed(1, "echo", 1));
    server.feed(0, &[flagged, framed(1, "echo", 2)].concat());
    let [first] = server.opened()[..] else {
        panic!("the first alone")
    };
    server.connection.handle_disconnect(at(0), Disconnect::ReadEnd);
    server.events();
    let result = Bytes::from_static(&[0]);
    server
        .connection
        .respond(at(1), first, &Reply::new(ReplyOutcome::Result(&result)))
        .unwrap();
    let events = server.events();
    let [ServerEvent::Opened { id: second }, ServerEvent::Cancelled { .. }] = events[..] else {
        panic!("{events:?}")
    };
    server
        .connection
        .respond(at(2), second, &Reply::new(ReplyOutcome::Result(&result)))
        .unwrap();
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::PeerClosed
        }]
    );
}
