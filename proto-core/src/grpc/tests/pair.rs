//! Our client against our server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::duo::{Duo, KINDS, failure};
use super::rig::{fields, ok};
use crate::config::Switch;
use crate::dispatch::MethodKind::{self, BidirectionalStreaming, ClientStreaming, ServerStreaming, Unary};
use crate::error::Disconnect;
use crate::grpc::*;
use crate::http2;
use crate::pingpong::Shutdown;
use crate::status::BusinessStatus;
use crate::wire::Codec;
use crate::wire::grpc::Outcome;

const ALL: usize = usize::MAX;

fn words(list: &[&'static str]) -> Vec<Bytes> {
    list.iter().map(|word| Bytes::from_static(word.as_bytes())).collect()
}

fn echo(kind: MethodKind) -> Request<'static> {
    Duo::request(kind, Codec::Thrift)
}

/// The requests of a call, and what they are answered with.
fn exchange(kind: MethodKind) -> (Vec<Bytes>, &'static [&'static str]) {
    match kind {
        Unary => (words(&["one"]), &["header", "one", "ended 0 "]),
        ClientStreaming => (words(&["a", "", "bc"]), &["header", "abc", "ended 0 "]),
        ServerStreaming => (words(&["x"]), &["header", "x", "x", "x", "ended 0 "]),
        _ => (words(&["1", "", "3"]), &["header", "1", "", "3", "ended 0 "]),
    }
}

#[test]
fn every_kind_codec_and_compression_however_it_is_cut() {
    for gzip in [Switch::Off, Switch::On] {
        let answers = Config {
            send_gzip: gzip,
            ..Config::default()
        };
        for codec in [Codec::Thrift, Codec::Protobuf] {
            let mut duo = Duo::with(Config::default(), answers.clone());
            for piece in [ALL, 1, 2, 3, 7, 16, 50] {
                duo.piece = piece;
                let calls = KINDS.map(|kind| {
                    let (messages, expected) = exchange(kind);
                    let request = Request {
                        gzip,
                        ..Duo::request(kind, codec)
                    };
                    (duo.call(&request, &messages), expected)
                });
                duo.run();
                for (id, expected) in calls {
                    assert_eq!(duo.story(id), expected, "{piece} {codec:?} {gzip:?}");
                    let encoding = duo.client.header(id).unwrap().get("grpc-encoding");
                    assert_eq!(encoding.is_some(), gzip.is_on() && cfg!(feature = "gzip"));
                    duo.release(id);
                }
                assert!(duo.server_story.is_empty(), "{:?}", duo.server_story);
                duo.assert_empty();
            }
        }
    }
}

#[test]
fn large_messages_go_both_ways_whatever_the_window() {
    let large = Bytes::from(
        (0..3_000_000_u32)
            .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
            .collect::<Vec<_>>(),
    );
    for gzip in [Switch::Off, Switch::On] {
        let answers = Config {
            send_gzip: gzip,
            ..Config::default()
        };
        let mut duo = Duo::with(Config::default(), answers);
        for kind in KINDS {
            let request = Request { gzip, ..echo(kind) };
            let id = duo.call(&request, std::slice::from_ref(&large));
            duo.run();
            let story = duo.story(id);
            let count = if kind == ServerStreaming { 3 } else { 1 };
            assert_eq!(story.iter().filter(|line| **line == "3000000 bytes").count(), count);
            assert_eq!(story.last(), Some(&"ended 0 "));
            duo.release(id);
        }
        duo.assert_empty();
    }
}

#[test]
fn outcomes_arrive_as_they_were_given() {
    let business = BusinessStatus {
        code: 404,
        message: "né".to_owned(),
        extra: vec![("k".to_owned(), "v<é>&".to_owned())],
    };
    let mut detailed = failure(5, "gone 100%");
    detailed.status.details.push(b"\x0a\x01x");
    let trailer = fields(&[("t", "1"), ("t", "2"), ("raw-bin", "\0")]);
    let outcomes = [
        Outcome::default(),
        failure(20, "unknown"),
        Outcome::from(business),
        detailed,
    ];
    for outcome in outcomes {
        for header_first in [Switch::Off, Switch::On] {
            let mut duo = Duo::new();
            duo.server_reads = Switch::Off;
            let id = duo.call(&echo(BidirectionalStreaming), &words(&["never read"]));
            duo.run();
            if header_first.is_on() {
                let metadata = fields(&[("h", "1"), ("h-bin", "\x01")]);
                duo.server.sender(id).unwrap().send_header(&metadata).unwrap();
            }
            duo.finish(id, &outcome, &trailer);
            duo.run();
            assert_eq!(duo.client.outcome(id), Some(&outcome));
            let found = duo.client.trailer(id).unwrap();
            assert_eq!(found.get_all("t").collect::<Vec<_>>(), [b"1", b"2"]);
            assert_eq!(found.get("raw-bin"), Some(&b"AA"[..]));
            let mut header = ok();
            header.push("h", "1");
            header.push("h-bin", "AQ");
            assert_eq!(duo.client.header(id), header_first.is_on().then_some(&header));
            duo.release(id);
            duo.assert_empty();
        }
    }
}

#[test]
fn names_that_are_not_there_get_kitex_codes() {
    let rows = [
        ("Nobody", "unary", "ended 20 unknown service Nobody"),
        ("Thrifty", "nothing", "ended 1 unknown method nothing"),
    ];
    for (service, method, expected) in rows {
        let mut duo = Duo::new();
        let request = Request::new("duo", service, method, Codec::Thrift, Unary);
        let id = duo.call(&request, &words(&["x"]));
        duo.run();
        assert_eq!(duo.story(id), [expected]);
        duo.release(id);
        duo.assert_empty();
    }
}

#[test]
fn deadlines_end_both_sides() {
    let mut duo = Duo::new();
    duo.server_reads = Switch::Off;
    let request = Request {
        deadline: Some(duo.now + Duration::from_secs(2)),
        ..echo(BidirectionalStreaming)
    };
    let id = duo.call(&request, &words(&["x"]));
    duo.run();
    let left = duo.server.call(id).unwrap().deadline.unwrap() - duo.now;
    assert_eq!(left, Duration::from_secs(2));
    duo.wait(Duration::from_millis(1999));
    assert_eq!(duo.story(id), [""; 0]);
    duo.wait(Duration::from_millis(1));
    assert_eq!(duo.story(id), ["ended 4 context deadline exceeded"]);
    let texts = ["rpc error: code = 4 desc = context deadline exceeded"];
    assert_eq!(duo.server_story, texts);
    duo.release(id);
    duo.assert_empty();
}

#[test]
fn a_cancel_reaches_the_handler() {
    let mut duo = Duo::new();
    duo.server_reads = Switch::Off;
    let names = CallerNames {
        source_service: "caller.svc",
        ..CallerNames::default()
    };
    let request = Request {
        names: Some(names),
        ..echo(BidirectionalStreaming)
    };
    let id = duo.call(&request, &words(&["x"]));
    duo.run();
    duo.release(id);
    duo.run();
    let text = "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL \
                [triggered by caller.svc]";
    assert_eq!(duo.server_story, [text]);
    duo.assert_empty();
}

#[test]
fn a_call_can_be_given_up_at_every_point() {
    for kind in KINDS {
        for steps in 0..60 {
            let mut duo = Duo::new();
            let other = duo.call(&echo(BidirectionalStreaming), &words(&["1", "2"]));
            let (messages, _) = exchange(kind);
            let id = duo.call(&echo(kind), &messages);
            duo.piece = 11;
            for _ in 0..steps {
                duo.step();
            }
            duo.release(id);
            duo.run();
            let told: Vec<_> = duo.story(other);
            assert_eq!(told, ["header", "1", "2", "ended 0 "], "{kind:?} {steps}");
            duo.release(other);
            duo.assert_empty();
        }
    }
}

#[test]
fn a_handler_can_return_at_every_point() {
    for steps in 0..60 {
        let mut duo = Duo::new();
        let other = duo.call(&echo(BidirectionalStreaming), &words(&["1", "2"]));
        let id = duo.call(&echo(BidirectionalStreaming), &words(&["a", "b", "c"]));
        duo.piece = 11;
        for _ in 0..steps {
            duo.step();
        }
        // Before it has begun, and after it has finished, this changes nothing.
        duo.finish(id, &failure(7, "enough"), &Fields::new());
        duo.run();
        let story = duo.story(id);
        let last = story.last().copied();
        assert!(matches!(last, Some("ended 7 enough" | "ended 0 ")), "{steps} {story:?}");
        assert_eq!(duo.story(other), ["header", "1", "2", "ended 0 "], "{steps}");
        duo.release(id);
        duo.release(other);
        duo.assert_empty();
    }
}

#[test]
fn a_connection_can_break_at_every_point() {
    for steps in 0..80 {
        let mut duo = Duo::new();
        duo.piece = 11;
        let calls = KINDS.map(|kind| duo.call(&echo(kind), &exchange(kind).0));
        for _ in 0..steps {
            duo.step();
        }
        duo.server.handle_disconnect(duo.now, Disconnect::ReadFailed);
        duo.client.handle_disconnect(duo.now, Disconnect::ReadFailed);
        duo.run();
        for id in calls {
            let story = duo.story(id);
            let lost = "ended 14 connection error: desc = \"error reading from server, error=socket failed\"";
            assert!(
                matches!(story.last(), Some(&last) if last == lost || last == "ended 0 "),
                "{steps} {story:?}"
            );
            let ends = story.iter().filter(|line| line.starts_with("ended")).count();
            assert_eq!(ends, 1, "{story:?}");
            duo.release(id);
        }
        duo.assert_empty();
        assert!(duo.client.is_drained() && duo.server.is_drained());
    }
}

#[test]
fn a_graceful_stop_lets_calls_end() {
    let mut duo = Duo::new();
    duo.server_reads = Switch::Off;
    let id = duo.call(&echo(BidirectionalStreaming), &words(&["1", "2"]));
    duo.run();
    let until = duo.now + Duration::from_secs(5);
    duo.server.shutdown(duo.now, Shutdown::Graceful { until });
    duo.run();
    assert_eq!(duo.client.open(duo.now, &echo(Unary)), Err(OpenError::Draining));
    duo.server_reads = Switch::On;
    duo.run();
    assert_eq!(duo.story(id), ["header", "1", "2", "ended 0 "]);
    duo.release(id);
    duo.assert_empty();
    assert!(duo.client.is_drained() && duo.server.is_drained());
}

#[test]
fn a_graceful_stop_that_takes_too_long_says_so() {
    let mut duo = Duo::new();
    duo.server_reads = Switch::Off;
    let id = duo.call(&echo(BidirectionalStreaming), &words(&["1"]));
    duo.run();
    let until = duo.now + Duration::from_secs(5);
    duo.server.shutdown(duo.now, Shutdown::Graceful { until });
    duo.run();
    duo.wait(Duration::from_secs(5));
    assert_eq!(duo.story(id), ["ended 14 graceful shutdown"]);
    assert_eq!(duo.server_story[0], "rpc error: code = 14 desc = graceful shutdown");
    duo.release(id);
    duo.assert_empty();
}

#[test]
fn a_thousand_calls_at_once() {
    let http2 = Arc::new(http2::Config {
        max_concurrent_streams: 1000,
        ..http2::Config::default()
    });
    let server = Config {
        http2,
        ..Config::default()
    };
    let mut duo = Duo::with(Config::default(), server);
    for piece in [ALL, 1000] {
        duo.piece = piece;
        let ids: Vec<_> = (0..1000)
            .map(|n| duo.call(&echo(KINDS[n % 4]), &exchange(KINDS[n % 4]).0))
            .collect();
        assert_eq!(duo.client.open(duo.now, &echo(Unary)), Err(OpenError::TooManyStreams));
        duo.run();
        for (n, id) in ids.into_iter().enumerate() {
            assert_eq!(duo.story(id), exchange(KINDS[n % 4]).1);
            duo.release(id);
        }
        duo.assert_empty();
    }
    duo.client.release_memory();
    duo.server.release_memory();
}

#[test]
fn a_slow_reader_makes_the_sender_wait_and_nobody_else() {
    let mut duo = Duo::new();
    let id = duo.client.open(duo.now, &echo(ClientStreaming)).unwrap();
    duo.unread = Some(id);
    let message = Bytes::from(vec![0; 10_000]);
    let mut sent = 0;
    loop {
        match duo.client.sender(id).unwrap().send(&message) {
            Ok(()) => sent += message.len(),
            Err(error) => {
                assert_eq!(error, SendError::Full);
                duo.run();
                if duo.client.sender(id).unwrap().capacity() == 0 {
                    break;
                }
            }
        }
    }
    let config = Config::default().http2;
    let bound = config.stream_window as usize + config.send_buffer + 2 * message.len();
    assert!(sent <= bound, "{sent}");
    assert!(duo.client.usage() <= config.send_buffer + 2 * message.len());
    assert!(duo.server.usage() <= config.stream_window as usize + 1000);

    let other = duo.call(&echo(ClientStreaming), &words(&["a", "b"]));
    duo.run();
    assert_eq!(duo.story(other), ["header", "ab", "ended 0 "]);
    duo.release(other);

    duo.unread = None;
    duo.run();
    assert_eq!(duo.client.usage(), 0);
    assert!(duo.client.sender(id).unwrap().capacity() > 0);
    duo.release(id);
    duo.assert_empty();
}

#[test]
fn messages_above_the_limit_are_not_sent() {
    let config = Config {
        max_sent_message: 10,
        ..Config::default()
    };
    let mut duo = Duo::with(config, Config::default());
    let id = duo.client.open(duo.now, &echo(Unary)).unwrap();
    let mut sender = duo.client.sender(id).unwrap();
    let error = sender.send(&Bytes::from(vec![0; 11]));
    assert_eq!(error, Err(SendError::TooLarge { length: 11, limit: 10 }));
    sender.send(&Bytes::from(vec![0; 10])).unwrap();
    sender.finish().unwrap();
    duo.run();
    assert_eq!(duo.pull(id).len(), 1);
    duo.release(id);
    duo.assert_empty();
}
