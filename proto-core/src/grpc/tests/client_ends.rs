//! The ways in which a call ends that are not the server's answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::rig::{Rig, fields, frame, framed, ok, request, status};
use crate::Transmit;
use crate::config::Switch;
use crate::dispatch::MethodKind::{BidirectionalStreaming, ClientStreaming, Unary};
use crate::error::Disconnect;
use crate::grpc::*;
use crate::http2::{self, ErrorCode, Finish, KeepAlive};
use crate::pingpong::Shutdown;
use crate::time::{Instant, TimerKind};
use crate::wire::http2::{Flags, FrameType};

#[test]
fn a_reset_becomes_a_status() {
    let rows = [
        (0, 13, "NO_ERROR"),
        (1, 13, "PROTOCOL_ERROR"),
        (2, 13, "INTERNAL_ERROR"),
        (3, 8, "FLOW_CONTROL_ERROR"),
        (4, 13, "SETTINGS_TIMEOUT"),
        (5, 13, "STREAM_CLOSED"),
        (6, 13, "FRAME_SIZE_ERROR"),
        (8, 1, "CANCEL"),
        (9, 13, "COMPRESSION_ERROR"),
        (10, 13, "CONNECT_ERROR"),
        (11, 8, "ENHANCE_YOUR_CALM"),
        (12, 7, "INADEQUATE_SECURITY"),
        (13, 13, "HTTP_1_1_REQUIRED"),
        (14, 2, "unknown error code 0xe"),
    ];
    for (code, expected, name) in rows {
        let expected = format!("ended {expected} stream terminated by RST_STREAM with error code: {name}");
        for kind in [Unary, BidirectionalStreaming] {
            let mut rig = Rig::new();
            let id = rig.open(kind);
            rig.reset(id, ErrorCode(code));
            assert_eq!(rig.story(), [expected.as_str()]);
        }
        let mut rig = Rig::new();
        let id = rig.open(BidirectionalStreaming);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"first"));
        rig.push(id, &framed(0, b"cut")[..4]);
        rig.reset(id, ErrorCode(code));
        assert_eq!(
            rig.story(),
            ["header", "first", expected.as_str()],
            "what came before comes first"
        );
        assert!(matches!(rig.client.receiver(id).unwrap().pull(), Pull::Failed));
    }
}

#[test]
fn a_reset_behind_the_trailers_changes_nothing() {
    for code in [ErrorCode::NO_ERROR, ErrorCode::CANCEL, ErrorCode::INTERNAL_ERROR] {
        let mut rig = Rig::new();
        let ids = [0; 2].map(|_| rig.open(BidirectionalStreaming));
        let reset = code.0.to_be_bytes();
        let resets = ids.map(|id| frame(FrameType::RST_STREAM, Flags::NONE, id, &reset));
        let mut only = ok();
        only.push("grpc-status", "5");
        let mut bytes = Vec::new();
        for (at, id) in ids.into_iter().enumerate() {
            let mut sender = rig.server.sender(id).unwrap();
            match at {
                0 => {
                    sender.respond(&ok(), Finish::Later).unwrap();
                    sender.finish_with(&status("5", "")).unwrap();
                }
                _ => sender.respond(&only, Finish::Now).unwrap(),
            }
            let mut out = Transmit::new();
            while rig.server.poll_transmit(rig.now, &mut out) {
                bytes.extend_from_slice(&out.to_vec());
                out.advance(out.len());
            }
            bytes.extend_from_slice(&resets[at]);
        }
        rig.inject(&bytes);
        assert_eq!(rig.story(), ["header", "ended 5 ", "ended 5 "]);
    }
}

#[test]
fn kitex_says_graceful_shutdown_with_a_code_of_its_own() {
    let mut rig = Rig::new();
    let id = rig.open(BidirectionalStreaming);
    rig.reset(id, ErrorCode(1000));
    assert_eq!(rig.story(), ["ended 14 graceful shutdown"]);
    assert!(!rig.client.is_unprocessed(id));
}

#[test]
fn a_refused_call_may_be_tried_again() {
    let mut rig = Rig::new();
    let id = rig.ask(Unary);
    rig.reset(id, ErrorCode::REFUSED_STREAM);
    let expected = "ended 14 stream terminated by RST_STREAM with error code: REFUSED_STREAM";
    assert_eq!(rig.story(), [format!("{expected} unprocessed")]);
    // A server that has begun to answer has processed it, whatever it says.
    let id = rig.ask(Unary);
    rig.respond(id, &ok());
    rig.reset(id, ErrorCode::REFUSED_STREAM);
    assert_eq!(rig.story(), ["header", expected]);
}

#[test]
fn a_cancel_behind_the_deadline_is_the_deadline() {
    let mut rig = Rig::new();
    let id = rig.open_with(&Request {
        deadline: Some(rig.now + Duration::from_secs(1)),
        ..request(Unary)
    });
    rig.now += Duration::from_secs(1);
    rig.reset(id, ErrorCode::CANCEL);
    let expected = "ended 4 stream terminated by RST_STREAM with error code: CANCEL";
    assert_eq!(rig.story(), [expected]);
}

#[test]
fn the_deadline_ends_a_call_behind_what_has_come() {
    for (kind, expected) in [
        (BidirectionalStreaming, &["header", "one", "two"][..]),
        (ClientStreaming, &["header"]),
    ] {
        let mut rig = Rig::new();
        let deadline = rig.now + Duration::from_secs(1);
        let id = rig.open_with(&Request {
            deadline: Some(deadline),
            ..request(kind)
        });
        let due = rig.client.poll_timeout().unwrap();
        assert_eq!((due.at, due.timer), (deadline, TimerKind::Call));
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"one"));
        if kind == BidirectionalStreaming {
            rig.push(id, &framed(0, b"two"));
            rig.push(id, b"\0\0\0\0\x09cut");
        }
        rig.wait(Duration::from_millis(999));
        assert!(rig.client.outcome(id).is_none());
        rig.wait(Duration::from_millis(1));
        let expected = [expected, &["ended 4 context deadline exceeded"]].concat();
        assert_eq!(rig.story(), expected);
        assert_eq!(rig.reset_seen(), Some(ErrorCode::CANCEL));
        assert!(matches!(rig.client.receiver(id).unwrap().pull(), Pull::Failed));
        let error = rig.client.sender(id).unwrap().send(&Bytes::new());
        assert_eq!(error, Err(SendError::Over));
        // Once more changes nothing, and nothing is waited for.
        rig.wait(Duration::from_secs(1));
        assert_eq!(rig.story(), [""; 0]);
        rig.client.release(id);
        assert_eq!(rig.client.poll_timeout(), None);
    }
}

#[test]
fn calls_that_are_over_have_no_deadline() {
    let mut rig = Rig::new();
    for _ in 0..200 {
        let id = rig.open_with(&Request {
            deadline: Some(rig.now + Duration::from_secs(60)),
            ..request(Unary)
        });
        rig.half_close(id);
        rig.respond_only(
            id,
            &fields(&[
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-status", "5"),
            ]),
        );
        assert_eq!(rig.story(), ["ended 5 "]);
        rig.client.release(id);
        rig.server.release(id);
        assert_eq!(rig.client.poll_timeout(), None);
    }
    assert_eq!(rig.client.usage(), 0);
}

#[test]
fn a_lost_connection_ends_its_calls() {
    type Lose = fn(&mut Rig);
    let rows: [(Lose, &str, &str); 6] = [
        (
            |rig| rig.client.handle_disconnect(rig.now, Disconnect::ReadEnd),
            "error reading from server, error=EOF",
            "closed by the peer inside a message",
        ),
        (
            |rig| rig.client.handle_disconnect(rig.now, Disconnect::ReadFailed),
            "error reading from server, error=socket failed",
            "socket failed",
        ),
        (
            |rig| rig.client.shutdown(rig.now, Shutdown::Immediate),
            "transport is closing",
            "shut down",
        ),
        (
            |rig| {
                rig.now += Duration::from_secs(10);
                rig.client.handle_timeout(rig.now);
                rig.now += Duration::from_secs(20);
                rig.client.handle_timeout(rig.now);
            },
            "keepalive ping failed to receive ACK within timeout",
            "timed out (KeepAlive)",
        ),
        (
            |rig| rig.inject(b"\0\0\0\x07\0\0\0\0\0"),
            "FRAME_SIZE_ERROR: GOAWAY is shorter than 8 bytes",
            "FRAME_SIZE_ERROR: GOAWAY is shorter than 8 bytes",
        ),
        (
            |rig| {
                rig.inject(b"\0\0\x0a\x07\0\0\0\0\0\0\0\0\x09\0\0\0\x0bno");
                rig.client.handle_disconnect(rig.now, Disconnect::ReadEnd);
            },
            "the peer sent GOAWAY ENHANCE_YOUR_CALM: no",
            "the peer sent GOAWAY ENHANCE_YOUR_CALM: no",
        ),
    ];
    for (lose, text, reason) in rows {
        let mut rig = keepalive_rig();
        let id = rig.open(BidirectionalStreaming);
        rig.respond(id, &ok());
        rig.push(id, &framed(0, b"one"));
        lose(&mut rig);
        let mut story = rig.story();
        story.retain(|line| line != "Draining");
        let ended = format!("ended 14 connection error: desc = \"{text}\"");
        assert_eq!(story, ["header", "one", &ended, &format!("closed: {reason}")]);
        let error = rig.client.open(rig.now, &request(Unary)).unwrap_err();
        assert_eq!(error, OpenError::Closed);
        assert_eq!(error.to_string(), "connection error: desc = \"transport is closing\"");
        rig.client.release(id);
        assert_eq!(rig.client.open_calls(), 0);
    }
}

fn keepalive_rig() -> Rig {
    let http2 = http2::Config {
        keep_alive: Some(KeepAlive {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
            without_streams: Switch::Off,
        }),
        ..http2::Config::default()
    };
    let config = Config {
        http2: Arc::new(http2),
        ..Config::default()
    };
    Rig::with(config, http2::Config::default())
}

#[test]
fn a_server_that_drains_ends_the_calls_that_it_will_not_process() {
    let mut rig = Rig::new();
    let first = rig.open(BidirectionalStreaming);
    rig.respond(first, &ok());
    let until = rig.now + Duration::from_secs(5);
    // Opened while the announcement is on its way.
    let late = {
        rig.server.shutdown(rig.now, Shutdown::Graceful { until });
        let mut out = Transmit::new();
        while rig.server.poll_transmit(rig.now, &mut out) {
            let bytes = out.to_vec();
            out.advance(out.len());
            rig.client.receive(rig.now, &mut BytesMut::from(&bytes[..]));
        }
        rig.client.open(rig.now, &request(Unary))
    };
    assert_eq!(late, Err(OpenError::Draining));
    assert_eq!(OpenError::Draining.to_string(), "the connection is draining");
    rig.carry();
    assert_eq!(rig.story(), ["header", "Draining"], "told once");
    rig.push(first, &framed(0, b"on"));
    rig.end(first, &status("0", ""));
    assert_eq!(rig.story(), ["on", "ended 0 "]);
    rig.client.release(first);
    rig.carry();
    assert_eq!(rig.story(), ["closed: the peer is shutting down"]);
    assert!(rig.client.is_drained());
}

#[test]
fn calls_above_the_last_one_are_unprocessed() {
    let mut rig = Rig::new();
    let ids = [0; 3].map(|_| rig.open(BidirectionalStreaming));
    // GOAWAY, last stream 1.
    rig.inject(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0");
    let ended = "ended 14 the connection is draining unprocessed";
    assert_eq!(rig.story(), ["Draining", ended, ended]);
    assert!(!rig.client.is_unprocessed(ids[0]));
    rig.respond(ids[0], &ok());
    rig.end(ids[0], &status("0", ""));
    assert_eq!(rig.story(), ["header", "ended 0 "]);
}

#[test]
fn own_shutdown_lets_calls_go_on_until_its_deadline() {
    let mut rig = Rig::new();
    let until = rig.now + Duration::from_secs(5);
    let id = rig.open(BidirectionalStreaming);
    rig.client.shutdown(rig.now, Shutdown::Graceful { until });
    rig.respond(id, &ok());
    rig.push(id, &framed(0, b"on"));
    assert_eq!(rig.story(), ["header", "on"]);
    assert_eq!(rig.client.open(rig.now, &request(Unary)), Err(OpenError::Draining));
    rig.wait(Duration::from_secs(5));
    assert_eq!(rig.story(), ["ended 14 graceful shutdown", "closed: shut down"]);
    assert_eq!(rig.reset_seen(), Some(ErrorCode(1000)));
}

#[test]
fn what_is_left_is_reset_with_the_release() {
    // How far a call is, and what the server sees of its release.
    type Go = fn(&mut Rig, StreamId);
    let rows: [(Go, Option<ErrorCode>); 6] = [
        (|_, _| {}, Some(ErrorCode::CANCEL)),
        (|rig, id| rig.half_close(id), Some(ErrorCode::CANCEL)),
        (|rig, id| rig.respond(id, &ok()), Some(ErrorCode::CANCEL)),
        (
            |rig, id| {
                rig.respond(id, &ok());
                rig.push(id, &framed(0, b"unread")[..7]);
            },
            Some(ErrorCode::CANCEL),
        ),
        (
            // The request has not ended, but the response has.
            |rig, id| {
                rig.respond(id, &ok());
                rig.end(id, &status("0", ""));
            },
            Some(ErrorCode::NO_ERROR),
        ),
        (
            |rig, id| {
                rig.half_close(id);
                rig.respond(id, &ok());
                rig.end(id, &status("0", ""));
            },
            None,
        ),
    ];
    for (at, (go, code)) in rows.into_iter().enumerate() {
        let mut rig = Rig::new();
        let id = rig.open(BidirectionalStreaming);
        go(&mut rig, id);
        rig.client.release(id);
        rig.carry();
        assert_eq!(rig.reset_seen(), code, "{at}");
        rig.server.release(id);
        rig.carry();
        assert_eq!((rig.client.open_calls(), rig.client.usage()), (0, 0), "{at}");
        assert_eq!(rig.client.outcome(id), None);
        assert!(rig.client.receiver(id).is_err());
    }
}

#[test]
fn a_cancel_drops_what_waits_to_be_sent() {
    let mut rig = Rig::new();
    let id = rig.open(ClientStreaming);
    let large = Bytes::from(vec![0; 1_000_000]);
    rig.client.sender(id).unwrap().send(&large).unwrap();
    rig.client.sender(id).unwrap().finish().unwrap();
    rig.carry();
    assert_eq!(rig.client.sender(id).unwrap().send(&large), Err(SendError::Finished));
    rig.client.release(id);
    rig.carry();
    assert_eq!(
        rig.reset_seen(),
        Some(ErrorCode::CANCEL),
        "nobody waits for the rest of it"
    );
    assert_eq!(rig.client.usage(), 0);
}

#[test]
fn a_full_connection_tells_when_there_is_room() {
    let server = http2::Config {
        max_concurrent_streams: 1,
        ..http2::Config::default()
    };
    let mut rig = Rig::with(Config::default(), server);
    let first = rig.open(Unary);
    let error = rig.client.open(rig.now, &request(Unary)).unwrap_err();
    assert_eq!(error, OpenError::TooManyStreams);
    rig.reset(first, ErrorCode::CANCEL);
    rig.client.release(first);
    rig.server.release(first);
    rig.carry();
    let story = rig.story();
    assert_eq!(story.last().map(String::as_str), Some("Available"));
    rig.open(Unary);
}

#[test]
fn a_header_above_the_servers_limit_is_not_sent() {
    let mut server = http2::Config::default();
    server.limits.max_header_list = 300;
    let mut rig = Rig::with(Config::default(), server);
    let long = fields(&[("k", &"v".repeat(300))]);
    let error = rig.client.open(
        rig.now,
        &Request {
            metadata: &long,
            ..request(Unary)
        },
    );
    let status = error.unwrap_err().status();
    let text =
        "rpc error: code = 13 desc = header list size to send violates the maximum size (300 bytes) set by server";
    assert_eq!(status.to_string(), text);
    assert_eq!(rig.client.open_calls(), 0);
}

#[test]
fn illegal_names_are_refused() {
    let mut rig = Rig::new();
    let rows = [
        Request {
            method: "a\r\nb",
            ..request(Unary)
        },
        Request {
            authority: "a\0",
            ..request(Unary)
        },
        Request {
            authority: "user@host",
            ..request(Unary)
        },
        Request {
            scheme: "",
            ..request(Unary)
        },
    ];
    for row in rows {
        let error = rig.client.open(rig.now, &row);
        assert!(matches!(error, Err(OpenError::Malformed(_))), "{row:?}");
    }
    let mut server = Rig::new().client;
    server.shutdown(Instant::ZERO, Shutdown::Immediate);
    assert_eq!(server.open(Instant::ZERO, &request(Unary)), Err(OpenError::Closed));
}
