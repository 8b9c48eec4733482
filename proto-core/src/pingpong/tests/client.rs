use super::*;
use crate::error::DecodeErrorKind;
use crate::wire::SequenceId;
use crate::wire::Transport;
use crate::{CallError, CloseReason, DecodeError, Disconnect, OpenError, TimerKind};

fn framed_client() -> Client {
    Client::with(ClientConfig {
        transport: Transport::Framed,
        ..ClientConfig::default()
    })
}

fn exception(seq: u8, method: &str, text: &str) -> Vec<u8> {
    let mut out = crate::Output::new();
    crate::thrift::Struct::encode(
        &ApplicationException::new(ExceptionType::INTERNAL_ERROR, text.to_owned()),
        &mut crate::thrift::Writer::new(&mut out),
    );
    let mut frame = framed(3, method, seq);
    frame.pop();
    frame.extend(out.to_vec());
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[test]
fn a_call_and_its_answer() {
    let mut client = framed_client();
    let id = client.call(&[0]);
    assert_eq!(client.sent(0), framed(1, "echo", 1));
    assert_eq!(client.connection.usage(), 0);
    client.feed(0, &framed(2, "echo", 1));
    assert_eq!(client.events(), [ClientEvent::Answered { id }]);
    let answer = client.connection.take_answer(id).unwrap();
    assert_eq!(answer.body(), [0]);
    assert_eq!(answer.exception(), Ok(None));
    assert!(client.connection.is_reusable());
    client.call(&[0]);
    assert_eq!(client.sent(0), framed(1, "echo", 2));
}

#[test]
fn the_checks_of_a_reply_have_kitexs_texts() {
    let rows: [(Vec<u8>, &str); 4] = [
        (
            framed(2, "echo", 77),
            "method[echo] out of order sequence response, expect[1], receive[77]",
        ),
        (framed(2, "nope", 1), "wrong method name, expect=echo, actual=nope"),
        (framed(1, "echo", 1), "client side, invalid message type 1"),
        (framed(4, "echo", 1), "client side, invalid message type 4"),
    ];
    for (reply, text) in rows {
        let mut client = framed_client();
        let id = client.call(&[0]);
        client.sent(0);
        client.feed(0, &reply);
        let events = client.events();
        let [
            ClientEvent::Failed { id: failed, ref error },
            ClientEvent::Closed { .. },
        ] = events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((failed, error.to_string().as_str()), (id, text));
        assert!(!client.connection.is_reusable());
    }
}

#[test]
fn bytes_of_no_protocol_fail_the_call_by_name() {
    let mut client = framed_client();
    let id = client.call(&[0]);
    client.sent(0);
    client.feed(0, b"abcdefgh");
    let error = DecodeError::new(
        DecodeErrorKind::UnknownProtocol {
            first: 0x6162_6364,
            second: 0x6566_6768,
        },
        0,
    );
    assert_eq!(
        client.events(),
        [
            ClientEvent::Failed {
                id,
                error: CallError::Malformed(error)
            },
            ClientEvent::Closed {
                reason: CloseReason::Malformed(error)
            },
        ]
    );
}

#[test]
fn exceptions_are_not_checked_further_and_end_the_connections_use() {
    let mut client = framed_client();
    let id = client.call(&[0]);
    client.sent(0);
    client.feed(0, &exception(0, "whatever", "proxy says no"));
    assert_eq!(client.events(), [ClientEvent::Answered { id }]);
    assert!(!client.connection.is_reusable());
    let answer = client.connection.take_answer(id).unwrap();
    assert_eq!(answer.exception().unwrap().unwrap().message, "proxy says no");
    assert_eq!(
        client.events(),
        [ClientEvent::Closed {
            reason: CloseReason::Shutdown
        }]
    );
}

#[test]
fn any_framing_of_the_answer_is_taken() {
    let whole = framed(2, "echo", 1);
    for reply in [
        whole.clone(),
        whole[4..].to_vec(),
        ttheader(0xffff, 9, &[], &whole),
        ttheader(0, 1, &[], &whole[4..]),
    ] {
        for transport in [
            Transport::Bare,
            Transport::Framed,
            Transport::TtHeader,
            Transport::TtHeaderFramed,
        ] {
            let mut client = Client::with(ClientConfig {
                transport,
                ..ClientConfig::default()
            });
            let id = client.call(&[0]);
            client.feed(0, &reply);
            assert_eq!(client.events(), [ClientEvent::Answered { id }], "{transport}");
        }
    }
}

#[test]
fn a_second_answer_to_one_call_is_noticed_when_it_comes() {
    let mut client = framed_client();
    let id = client.call(&[0]);
    client.sent(0);
    client.feed(0, &[framed(2, "echo", 1), framed(2, "echo", 1)].concat());
    let closed = ClientEvent::Closed {
        reason: CloseReason::UnsolicitedReply(SequenceId(1)),
    };
    assert_eq!(client.events(), [ClientEvent::Answered { id }, closed]);
    assert!(client.connection.take_answer(id).is_some(), "the first one counts");
}

#[test]
fn the_reset_mark_ends_the_connections_use_whatever_its_value() {
    for value in ["1", "0"] {
        let mut client = Client::with(ClientConfig::default());
        let id = client.call(&[0]);
        client.sent(0);
        client.feed(0, &ttheader(0, 1, &[("crrst", value)], &framed(2, "echo", 1)));
        assert_eq!(client.events(), [ClientEvent::Draining, ClientEvent::Answered { id }]);
        assert!(client.connection.take_answer(id).is_some());
        assert_eq!(
            client.events(),
            [ClientEvent::Closed {
                reason: CloseReason::PeerDrained
            }]
        );
    }
    let mut client = Client::with(ClientConfig {
        meta: Switch::Off,
        ..ClientConfig::default()
    });
    let id = client.call(&[0]);
    client.sent(0);
    client.feed(0, &ttheader(0, 1, &[("crrst", "1")], &framed(2, "echo", 1)));
    client.connection.take_answer(id);
    assert!(client.connection.is_reusable(), "without meta the mark means nothing");
}

#[test]
fn business_status_comes_from_the_header() {
    let entries = [
        ("biz-status", "404"),
        ("biz-message", "not found"),
        ("biz-extra", r#"{"k":"\u003cv\u003e"}"#),
    ];
    let mut client = Client::with(ClientConfig::default());
    let id = client.call(&[0]);
    client.feed(0, &ttheader(0, 1, &entries, &framed(2, "echo", 1)));
    let status = client.connection.take_answer(id).unwrap().business_status().unwrap();
    assert_eq!((status.code, status.message.as_str()), (404, "not found"));
    assert_eq!(status.extra, [("k".to_owned(), "<v>".to_owned())]);
    for bad in [[("biz-status", "abc")], [("biz-status", "0")]] {
        let mut client = Client::with(ClientConfig::default());
        let id = client.call(&[0]);
        client.feed(0, &ttheader(0, 1, &bad, &framed(2, "echo", 1)));
        assert_eq!(client.connection.take_answer(id).unwrap().business_status(), None);
    }
}

#[test]
fn multiplexed_answers_find_their_calls_in_any_order() {
    let mut client = Client::with(multiplexed());
    let ids = [client.call(&[0]), client.call(&[0]), client.call(&[0])];
    let sent = client.sent(0);
    assert_eq!(
        sent.windows(4).filter(|window| *window == b"echo").count(),
        6,
        "method key and envelope of each"
    );
    assert_eq!(sent[6..8], [0, 1], "the out-of-order flag");
    for (seq, id) in [(3u8, ids[2]), (1, ids[0]), (2, ids[1])] {
        client.feed(0, &ttheader(0, i32::from(seq), &[], &framed(2, "echo", seq)));
        assert_eq!(client.events(), [ClientEvent::Answered { id }]);
        assert!(client.connection.take_answer(id).is_some());
    }
}

#[test]
fn a_late_answer_does_not_reach_the_next_call_of_its_slot() {
    let mut client = Client::with(multiplexed());
    let first = client.call(&[0]);
    client.sent(0);
    client.connection.cancel(first);
    let second = client.call(&[0]);
    let sent = client.sent(0);
    let seq = i32::from_be_bytes(sent[8..12].try_into().unwrap());
    assert_ne!(seq, 1);
    client.feed(0, &ttheader(0, 1, &[], &framed(2, "echo", 1)));
    assert_eq!(client.events(), [], "dropped");
    let mut reply = framed(2, "echo", 0);
    let at = reply.len() - 5;
    reply[at..at + 4].copy_from_slice(&seq.to_be_bytes());
    client.feed(0, &ttheader(0, seq, &[], &reply));
    assert_eq!(client.events(), [ClientEvent::Answered { id: second }]);
}

#[test]
fn the_control_frame_retires_a_multiplexed_connection_and_keeps_its_calls() {
    let control = hex(
        "0000002b 1000 0000 00000000 0004 00 00 01 0001 0005 6372727374 0001 31 00 \
         80010002 00000004 6e6f6e65 00000000 00",
    );
    let mut client = Client::with(multiplexed());
    let id = client.call(&[0]);
    client.sent(0);
    client.feed(0, &control);
    assert_eq!(client.events(), [ClientEvent::Draining]);
    let body = Bytes::from_static(&[0]);
    let meta = crate::MetaInfo::default();
    let request = Request {
        service: "",
        method: "echo",
        codec: Codec::Thrift,
        kind: RequestKind::Call,
        body: &body,
        deadline: None,
        timeout: None,
        connect_timeout: None,
        caller_method: "",
        meta: &meta,
    };
    assert_eq!(client.connection.open(&request), Err(OpenError::NotUsable));
    client.feed(0, &ttheader(0, 1, &[], &framed(2, "echo", 1)));
    assert_eq!(client.events(), [ClientEvent::Answered { id }]);
    client.connection.take_answer(id);
    assert_eq!(
        client.events(),
        [ClientEvent::Closed {
            reason: CloseReason::PeerDrained
        }]
    );
}

#[test]
fn a_call_times_out_at_its_deadline() {
    for (config, reusable) in [(multiplexed(), true), (ClientConfig::default(), false)] {
        let mut client = Client::with(config);
        let id = client.open("echo", &[0], RequestKind::Call, Some(at(700)));
        client.sent(0);
        let due = client.connection.poll_timeout().unwrap();
        assert_eq!((due.at, due.timer), (at(700), TimerKind::Call));
        client.connection.handle_timeout(at(699));
        assert_eq!(client.events(), []);
        client.connection.handle_timeout(at(700));
        assert_eq!(
            client.events()[0],
            ClientEvent::Failed {
                id,
                error: CallError::TimedOut
            }
        );
        assert_eq!(client.connection.is_reusable(), reusable);
    }
}

#[test]
fn the_end_of_the_connection_fails_what_runs() {
    let mut client = Client::with(multiplexed());
    let ids = [client.call(&[0]), client.call(&[0])];
    client.sent(0);
    client.connection.handle_disconnect(at(0), Disconnect::ReadEnd);
    let failed = |id| ClientEvent::Failed {
        id,
        error: CallError::Closed(CloseReason::PeerClosed),
    };
    let closed = ClientEvent::Closed {
        reason: CloseReason::PeerClosed,
    };
    assert_eq!(client.events(), [failed(ids[0]), failed(ids[1]), closed]);
    let text = CallError::Closed(CloseReason::PeerClosed).to_string();
    assert_eq!(text, "default codec read failed: EOF peer close");
}

#[test]
fn one_call_at_a_time_and_names_that_fit() {
    let mut client = framed_client();
    client.call(&[0]);
    let body = Bytes::from_static(&[0]);
    let meta = crate::MetaInfo::default();
    let mut request = Request {
        service: "",
        method: "echo",
        codec: Codec::Thrift,
        kind: RequestKind::Call,
        body: &body,
        deadline: None,
        timeout: None,
        connect_timeout: None,
        caller_method: "",
        meta: &meta,
    };
    assert_eq!(client.connection.open(&request), Err(OpenError::Busy));
    let mut client = framed_client();
    request.method = "";
    assert_eq!(
        client.connection.open(&request),
        Err(OpenError::Encode(crate::EncodeError::MethodName(0)))
    );
    let oneway = client.open("push", &[0], RequestKind::Oneway, None);
    assert_eq!(client.sent(0), framed(4, "push", 1));
    assert!(client.connection.take_answer(oneway).is_none());
    assert!(
        !client.connection.is_reusable(),
        "an exception that comes all the same must not meet another call"
    );
}

#[test]
fn protobuf_is_always_framed() {
    for (transport, multiplex) in [
        (Transport::Bare, Switch::Off),
        (Transport::Bare, Switch::On),
        (Transport::TtHeader, Switch::Off),
        (Transport::TtHeaderFramed, Switch::On),
    ] {
        let mut client = Client::with(ClientConfig {
            transport,
            multiplex,
            meta: Switch::Off,
            ..ClientConfig::default()
        });
        let body = Bytes::new();
        let meta = crate::MetaInfo::default();
        let request = Request {
            service: "",
            method: "Ask",
            codec: Codec::Protobuf,
            kind: RequestKind::Call,
            body: &body,
            deadline: None,
            timeout: None,
            connect_timeout: None,
            caller_method: "",
            meta: &meta,
        };
        client.connection.open(&request).unwrap();
        let sent = client.sent(0);
        let message = hex("0000000f 9001 0001 00000003 41736b");
        assert!(
            sent.windows(message.len()).any(|window| window == message),
            "{transport}"
        );
    }
}
