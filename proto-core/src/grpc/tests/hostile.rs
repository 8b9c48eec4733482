//! What bad input gets (SPEC GBD), from clients that lie, stall, break off or never stop.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::raw::{KINDS, Raw, call, id};
use super::rig::{frame, framed};
use crate::grpc::{Config, Pull};
use crate::http::Fields;
use crate::http2;
use crate::wire::http2::{Flags, FrameType};

/// A message behind its prefix.
const HELLO: &[u8] = b"\0\0\0\0\x05hello";
const END: Flags = Flags::END_STREAM;
const ON: Flags = Flags::NONE;

/// SPEC GMS-3.
#[test]
fn a_length_that_is_too_large_is_refused_with_its_prefix() {
    for length in [16 * 1024 * 1024 + 1, u32::MAX] {
        let mut raw = Raw::new(|_| {});
        for (at, (method, _)) in (0..).zip(KINDS) {
            let call = id(2 * at + 1);
            raw.open(call, method, &[]);
            raw.data(call, &[&[0][..], &length.to_be_bytes()].concat(), ON);
            if let Some(call) = raw.opened.pop() {
                assert!(matches!(raw.server.receiver(call).unwrap().pull(), Pull::Failed));
                let outcome = raw.server.outcome(call).unwrap().clone();
                raw.server.finish(call, &outcome, &Fields::new());
            }
            let text = format!("200 8 received message larger than max ({length} vs. 16777216)");
            assert_eq!(raw.heard(call), [text.as_str(), "reset NO_ERROR"], "{method}");
        }
        raw.is_idle();
        raw.good_call(id(101));
    }
}

/// SPEC GMS-3.
#[test]
fn a_length_that_is_not_kept_takes_no_memory() {
    let mut raw = Raw::new(|_| {});
    for call in (1..200).step_by(2).map(id) {
        raw.open(call, "unary", &[]);
        raw.data(call, &[&[0, 0, 0xff, 0xff, 0xff][..], b"little"].concat(), ON);
    }
    assert_eq!(raw.server.open_calls(), 100);
    assert!(
        raw.server.usage() < 100 * 1024,
        "{} bytes for 100 promises",
        raw.server.usage()
    );
    (1..200).step_by(2).for_each(|call| raw.reset(id(call)));
    assert_eq!(raw.opened, [], "no handler ran");
    raw.is_idle();
    raw.good_call(id(201));
}

/// SPEC GMS-11.
#[test]
fn messages_that_trickle_in_are_overdue() {
    for (method, waits) in KINDS {
        let mut raw = Raw::new(|_| {});
        raw.open(id(1), method, &[]);
        let mut seconds = 0;
        while seconds < 40 && raw.refused == 0 {
            let byte = [0, 0, 1, 0, 0].get(seconds).copied().unwrap_or(b'x');
            raw.data(id(1), &[byte], ON);
            raw.wait(Duration::from_secs(1));
            seconds += 1;
        }
        if waits {
            assert_eq!(seconds, 30, "{method}");
            let answer = raw.heard(id(1));
            assert_eq!(
                answer,
                ["200 4 the request message did not come in time", "reset NO_ERROR"]
            );
        } else {
            // A stream may be silent for as long as it likes.
            assert_eq!(raw.opened, [id(1)]);
            raw.finish(id(1));
        }
        raw.is_idle();
        raw.good_call(id(3));
    }
}

/// SPEC GMS-6. A MiB that inflates to a GiB: the same compressed block again and again.
#[test]
fn a_compressed_bomb_goes_off_at_the_limit() {
    let mut zeros = DeflateEncoder::new(Vec::new(), Compression::best());
    zeros.write_all(&vec![0; 1 << 20]).unwrap();
    zeros.flush().unwrap();
    let first = zeros.get_ref().len();
    zeros.write_all(&vec![0; 1 << 20]).unwrap();
    zeros.flush().unwrap();
    let block = zeros.get_ref()[first..].to_vec();
    let mut bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    bomb.extend_from_slice(&zeros.get_ref()[..first]);
    (0..1000).for_each(|_| bomb.extend_from_slice(&block));
    assert!(bomb.len() > 900_000, "{} bytes", bomb.len());
    for (method, _) in KINDS {
        let mut raw = Raw::new(wide_window);
        raw.open(id(1), method, &[("grpc-encoding", "gzip")]);
        raw.data(id(1), &framed(1, &bomb), ON);
        if let Some(call) = raw.opened.pop() {
            assert!(matches!(raw.server.receiver(call).unwrap().pull(), Pull::Failed));
            let outcome = raw.server.outcome(call).unwrap().clone();
            raw.server.finish(call, &outcome, &Fields::new());
        }
        let text = "200 8 received message after decompression larger than max 16777216";
        assert_eq!(raw.heard(id(1)), [text, "reset NO_ERROR"], "{method}");
        raw.is_idle();
        raw.good_call(id(3));
    }
}

/// SPEC GMS-7, SPEC GMS-8.
#[test]
fn compression_that_was_not_agreed_on_fails_the_call() {
    let not_found = "200 13 kitex compression algorithm not found";
    let unknown = "200 13 no kitex compressor registered found for:br";
    let garbage = b"\x01\0\0\0\x0bhello world";
    for (encoding, message, expected) in [
        ("", HELLO_FLAGGED, not_found),
        ("identity", HELLO_FLAGGED, not_found),
        ("gzip", garbage, "200 13 gzip: invalid header"),
        ("gzip", b"\x01\0\0\0\0", "200 13 EOF"),
        ("br", HELLO, unknown),
    ] {
        let mut raw = Raw::new(|_| {});
        let fields = [("grpc-encoding", encoding)];
        raw.open(id(1), "unary", if encoding.is_empty() { &[] } else { &fields });
        raw.data(id(1), message, END);
        let answer = raw.heard(id(1));
        assert_eq!(answer.first().map(String::as_str), Some(expected), "{encoding}");
        raw.is_idle();
        raw.good_call(id(3));
    }
    // A flag that is neither 0 nor 1 means no compression, as for Kitex.
    let mut raw = Raw::new(|_| {});
    raw.open(id(1), "unary", &[("grpc-encoding", "gzip")]);
    raw.data(id(1), b"\x02\0\0\0\x05hello", END);
    assert_eq!(raw.opened.pop(), Some(id(1)));
    raw.echo(id(1));
    assert_eq!(raw.heard(id(1)), ["200", "hello", "0 "]);
}

const HELLO_FLAGGED: &[u8] = b"\x01\0\0\0\x05hello";

/// SPEC GRQ-8.
#[test]
fn timeouts_that_are_none_are_named() {
    for value in [
        "",
        "1",
        "S",
        "123456789n",
        "1x",
        "-1S",
        "+1S",
        "1 S",
        "1.5S",
        "0x1S",
        " 1S",
        "1S ",
    ] {
        for (method, _) in KINDS {
            let mut raw = Raw::new(|_| {});
            raw.open(id(1), method, &[("grpc-timeout", value)]);
            let answer = raw.heard(id(1));
            let begins = answer
                .first()
                .is_some_and(|head| head.starts_with("200 13 malformed grpc-timeout: "));
            assert!(begins, "{value:?}: {answer:?}");
            // What was on its way is dropped.
            raw.data(id(1), HELLO, END);
            assert_eq!(raw.opened, []);
            raw.is_idle();
            raw.good_call(id(3));
        }
    }
    let mut raw = Raw::new(|_| {});
    raw.open(id(1), "both", &[("grpc-timeout", "0n")]);
    assert_eq!(raw.heard(id(1))[0], "200 4 context deadline exceeded");
    raw.is_idle();
}

/// SPEC GMD-2.
#[test]
fn binary_fields_of_the_protocol_are_base64() {
    for name in ["grpc-tags-bin", "grpc-trace-bin", "grpc-status-details-bin"] {
        let mut raw = Raw::new(|_| {});
        raw.open(id(1), "both", &[(name, "!")]);
        let answer = raw.heard(id(1));
        assert!(
            answer[0].starts_with(&format!("200 13 transport: malformed {name}: ")),
            "{answer:?}"
        );
        raw.is_idle();
        raw.good_call(id(3));
    }
    let mut raw = Raw::new(|_| {});
    raw.open(id(1), "both", &[("mine-bin", "!")]);
    assert_eq!(raw.opened, [id(1)], "the application's own is dropped");
}

/// SPEC GRQ-2.
#[test]
fn what_only_looks_like_a_call_gets_http() {
    for (method, content_type, expected) in [
        ("POST", Some("application/grpcx"), "415"),
        ("POST", Some("application/grpc-web"), "415"),
        ("POST", Some("text/plain"), "415"),
        ("POST", Some("application/json"), "415"),
        ("POST", None, "415"),
        ("GET", Some("application/grpc"), "405 POST"),
        ("PUT", Some("application/grpc+thrift"), "405 POST"),
        ("HEAD", Some("application/grpc"), "405 POST"),
    ] {
        let mut raw = Raw::new(|_| {});
        let mut head = Fields::request(method, "http", "x", "/wire.Wire/unary");
        head.push("te", "trailers");
        if let Some(content_type) = content_type {
            head.push("content-type", content_type);
        }
        raw.head(id(1), &head, ON);
        raw.data(id(1), HELLO, END);
        let answer = raw.heard(id(1));
        assert_eq!(
            answer.first().map(String::as_str),
            Some(expected),
            "{method} {content_type:?}"
        );
        let text = answer
            .get(1)
            .is_some_and(|body| body.ends_with('\n') && body.len() > 20);
        assert_eq!(text, method != "HEAD", "{answer:?}");
        raw.is_idle();
        raw.good_call(id(3));
    }
}

/// SPEC GMS-9.
#[test]
fn requests_without_messages_are_told_apart() {
    for (method, waits) in KINDS {
        for cut in 0..=2 {
            let mut raw = Raw::new(|_| {});
            match cut {
                0 => raw.head(id(1), &call(method, &[]), END),
                1 => {
                    raw.open(id(1), method, &[]);
                    raw.data(id(1), &[], END);
                }
                _ => {
                    raw.open(id(1), method, &[]);
                    raw.data(id(1), &HELLO[..7], END);
                }
            }
            if waits {
                assert_eq!((raw.opened.len(), raw.refused), (0, 1));
                let why = if cut == 2 {
                    "unexpected EOF"
                } else {
                    "EOF: the request has no message"
                };
                assert_eq!(raw.heard(id(1)), [format!("200 13 {why}")], "{method}");
            } else {
                assert_eq!(raw.opened.pop(), Some(id(1)));
                let pulled = format!("{:?}", raw.server.receiver(id(1)).unwrap().pull());
                assert_eq!(pulled, if cut == 2 { "Failed" } else { "End" }, "{method}");
                raw.finish(id(1));
                assert_eq!(raw.heard(id(1)), ["200 0 "]);
            }
            raw.is_idle();
            raw.good_call(id(3));
        }
    }
}

/// SPEC GBD-1.
#[test]
fn what_comes_behind_the_end_breaks_its_stream_and_no_other() {
    for (method, _) in KINDS {
        for trailers in [false, true] {
            let mut raw = Raw::new(|_| {});
            raw.open(id(1), method, &[]);
            raw.data(id(1), HELLO, END);
            assert_eq!(raw.opened, [id(1)]);
            match trailers {
                true => raw.head(id(1), &Fields::new(), END),
                false => raw.data(id(1), HELLO, ON),
            }
            assert_eq!(raw.heard(id(1)), ["reset STREAM_CLOSED"], "{method}");
            assert_eq!(raw.ended, [id(1)], "the handler is told");
            raw.finish(id(1));
            raw.opened.clear();
            raw.is_idle();
            raw.good_call(id(3));
        }
    }
}

/// SPEC GRQ-12.
#[test]
fn trailers_of_a_client_end_its_request() {
    for (method, _) in KINDS {
        let mut raw = Raw::new(|_| {});
        raw.open(id(1), method, &[]);
        raw.data(id(1), HELLO, ON);
        let mut trailers = Fields::new();
        trailers.push("grpc-status", "13");
        raw.head(id(1), &trailers, END);
        assert_eq!(raw.opened.pop(), Some(id(1)), "{method}");
        raw.echo(id(1));
        assert_eq!(raw.heard(id(1)), ["200", "hello", "0 "]);
        raw.is_idle();

        // Trailers that end nothing are malformed (RFC 9113 §8.1).
        raw.open(id(3), method, &[]);
        raw.data(id(3), HELLO, ON);
        raw.head(id(3), &trailers, ON);
        assert_eq!(raw.heard(id(3)), ["reset PROTOCOL_ERROR"], "{method}");
        raw.finish(id(3));
        raw.opened.clear();
        raw.is_idle();
        raw.good_call(id(5));
    }
}

/// SPEC GBD-1. A reset behind every byte of a request, and behind each step of its answer.
#[test]
fn a_reset_at_any_point_leaves_nothing_behind() {
    for (method, waits) in KINDS {
        let mut raw = Raw::new(|_| {});
        let mut next = (1..).step_by(2).map(id);
        for cut in 0..=HELLO.len() + 4 {
            let call = next.next().unwrap();
            raw.open(call, method, &[("grpc-timeout", "1H")]);
            raw.data(
                call,
                &HELLO[..cut.min(HELLO.len())],
                if cut > HELLO.len() { END } else { ON },
            );
            let whole = cut >= HELLO.len();
            assert_eq!(raw.opened.pop().is_some(), whole || !waits, "{method} {cut}");
            if cut > HELLO.len() + 1 {
                raw.server.sender(call).unwrap().send_header(&Fields::new()).unwrap();
            }
            if cut > HELLO.len() + 2 {
                raw.server
                    .sender(call)
                    .unwrap()
                    .send(&bytes::Bytes::from_static(b"half"))
                    .unwrap();
            }
            if cut > HELLO.len() + 3 {
                raw.finish(call);
            }
            raw.reset(call);
            let told = (whole || !waits) && cut <= HELLO.len() + 3;
            assert_eq!(raw.ended.pop().is_some(), told, "{method} {cut}: a handler is told");
            if told {
                let outcome = raw.server.outcome(call).unwrap();
                let text = "transport: RSTStream Frame received with error code: CANCEL [triggered by ]";
                assert_eq!((outcome.status.code.0, outcome.status.message.as_str()), (1, text));
                assert!(raw.server.sender(call).unwrap().send(&bytes::Bytes::new()).is_err());
                raw.finish(call);
            }
            raw.is_idle();
        }
        raw.good_call(next.next().unwrap());
    }
}

/// A caller that reads again when its time is up: the handler has been told the end, and hears no more.
#[test]
fn nothing_is_told_of_a_call_behind_its_end() {
    for (timeout, told) in [("1S", 0), ("1H", 1)] {
        let mut raw = Raw::new(|_| {});
        raw.open(id(1), "both", &[("grpc-timeout", timeout)]);
        let message = bytes::Bytes::from(vec![b'x'; 50_000]);
        while raw.server.sender(id(1)).unwrap().send(&message).is_ok() {}
        raw.wait(Duration::from_secs(2));
        assert_eq!(raw.ended.len(), 1 - told);
        for stream in [0, 1] {
            raw.send(&frame(
                FrameType::WINDOW_UPDATE,
                ON,
                id(stream),
                &1_000_000_u32.to_be_bytes(),
            ));
        }
        assert_eq!(raw.writable.len(), told, "{timeout}");
        raw.finish(id(1));
        raw.is_idle();
    }
}

/// SPEC GCL-5. A caller that goes on sending when its time is up: what failed stays failed.
#[test]
fn messages_behind_the_deadline_come_too_late() {
    let mut raw = Raw::new(|_| {});
    raw.open(id(1), "both", &[("grpc-timeout", "1S")]);
    raw.data(id(1), HELLO, ON);
    raw.wait(Duration::from_secs(2));
    raw.data(id(1), &HELLO[..7], ON);
    let mut pulled = || format!("{:?}", raw.server.receiver(id(1)).unwrap().pull());
    assert_eq!(
        [pulled(), pulled()],
        ["Message(Message([104, 101, 108, 108, 111]))", "Failed"]
    );
    raw.data(id(1), &HELLO[7..], END);
    assert!(matches!(raw.server.receiver(id(1)).unwrap().pull(), Pull::Failed));
    raw.finish(id(1));
    raw.is_idle();
    raw.good_call(id(3));
}

/// SPEC GLM-2.
#[test]
fn partial_messages_share_the_connections_memory() {
    const MOST: usize = 600_000;
    let mut raw = Raw::new(|config| {
        wide_window(config);
        config.max_messages = MOST;
    });
    let (mut most, mut refused) = (0, 0);
    for call in (1..100).step_by(2).map(id) {
        raw.open(call, "unary", &[]);
        raw.data(call, &[0, 0, 0x10, 0, 0], ON);
        for _ in 0..4 {
            raw.data(call, &[b'x'; 16_000], ON);
        }
        most = most.max(raw.server.usage());
        let answer = raw.heard(call);
        if let Some(head) = answer.first() {
            assert_eq!(head, "200 8 messages of this connection hold too much memory");
            refused += 1;
        }
    }
    assert!(refused > 30, "{refused} of 50 refused");
    assert!(most < MOST + 200_000, "{most} bytes held");
    (1..100).step_by(2).for_each(|call| raw.reset(id(call)));
    raw.is_idle();
    raw.good_call(id(101));
}

fn wide_window(config: &mut Config) {
    let wide = http2::Config {
        stream_window: 4 << 20,
        ..http2::Config::default()
    };
    config.http2 = wide.into();
}
