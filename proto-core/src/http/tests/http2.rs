//! What is particular to streams.

use super::*;
use crate::http2::ErrorCode;
use crate::{Disconnect, Shutdown, TimerKind};

fn refused(events: &[ServerEvent]) -> u16 {
    match events {
        [ServerEvent::Refused { status, .. }] => *status,
        other => panic!("unexpected {other:?}"),
    }
}

fn limits(change: impl FnOnce(&mut RequestLimits)) -> RequestLimits {
    let mut limits = RequestLimits::default();
    change(&mut limits);
    limits
}

#[test]
fn requests_of_many_streams_are_answered_in_any_order() {
    let mut pair = Pair::new();
    let streams: Vec<_> = (0..100).map(|n| pair.send(&get(&format!("/{n}")), b"x")).collect();
    let mut ids = pair.all_opened();
    assert_eq!((ids.len(), pair.server.open_requests()), (100, 100));
    assert!(pair.server.usage() >= 100);
    ids.reverse();
    for id in ids {
        let path = Bytes::copy_from_slice(pair.server.request(id).unwrap().path());
        pair.respond(id, &Response::new(200, path));
    }
    for (n, stream) in streams.into_iter().enumerate() {
        assert_eq!(pair.answer(stream).1, format!("/{n}").as_bytes());
        pair.client.release(stream);
    }
    assert_eq!(pair.server.open_requests(), 0);
    assert_eq!(pair.server.usage(), 0, "nothing is left");
}

#[test]
fn bodies_of_all_sizes_come_and_go_whole() {
    let max = RequestLimits::default().max_body;
    for size in [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, 300_000, max] {
        let mut pair = Pair::new();
        let body: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let stream = pair.send(&post(), &body);
        let id = pair.opened();
        assert_eq!(pair.server.request(id).unwrap().body()[..], body);
        pair.respond(id, &Response::new(200, body.clone()));
        let (head, echo) = pair.answer(stream);
        assert_eq!(head.get("content-length"), Some(size.to_string().as_bytes()));
        assert!(echo == body, "{size}");
        assert_eq!(pair.outcome(stream), Some(Outcome::Complete));
        pair.client.release(stream);
        assert_eq!(pair.server.usage(), 0);
    }
}

#[test]
fn a_body_above_the_limit_is_refused_and_the_connection_goes_on() {
    let mut announced = post();
    announced.push("content-length", "11");
    for head in [post(), announced] {
        let mut pair = Pair::with(Config::default(), limits(|limits| limits.max_body = 10));
        let stream = pair.open(&head, Finish::Later);
        pair.client
            .sender(stream)
            .unwrap()
            .push(b"0123456789", Finish::Later)
            .unwrap();
        pair.carry();
        if head.get("content-length").is_none() {
            assert_eq!(pair.events(), []);
            pair.client.sender(stream).unwrap().push(b"x", Finish::Later).unwrap();
            pair.carry();
        }
        assert_eq!(refused(&pair.events()), 413);
        let (head, body) = pair.answer(stream);
        assert_eq!(head.status(), 413);
        assert_eq!(body, b"413 Content Too Large: body too large\n");
        // RFC 9113 §8.1: the rest is not needed, which is no failure.
        assert_eq!(pair.outcome(stream), Some(Outcome::Complete));
        assert_eq!(pair.server.usage(), 0);
        let next = pair.send(&post(), b"0123456789");
        let id = pair.opened();
        pair.respond(id, &Response::new(204, ""));
        assert_eq!(pair.answer(next).0.status(), 204);
    }
}

#[test]
fn bodies_together_are_bounded() {
    let mut pair = Pair::with(Config::default(), limits(|limits| limits.max_bodies = 1000));
    let first = pair.send(&post(), &[1; 600]);
    let id = pair.opened();
    let second = pair.send(&post(), &[2; 401]);
    assert_eq!(refused(&pair.events()), 503);
    assert_eq!(pair.answer(second).0.status(), 503);
    assert_eq!(
        pair.server.usage(),
        600 + pair.server.request(id).unwrap().fields().size()
    );
    pair.respond(id, &Response::new(200, ""));
    assert_eq!(pair.answer(first).0.status(), 200);
    pair.send(&post(), &[3; 1000]);
    pair.opened();
}

#[test]
fn a_slow_body_is_refused() {
    let mut pair = Pair::new();
    let slow = pair.open(&post(), Finish::Later);
    let steady = pair.open(&post(), Finish::Later);
    pair.carry();
    for second in [10, 20, 29] {
        pair.now = at(second * 1000);
        pair.client.sender(slow).unwrap().push(b"x", Finish::Later).unwrap();
        pair.client
            .sender(steady)
            .unwrap()
            .push(&[0; 30_000], Finish::Later)
            .unwrap();
        pair.carry();
    }
    pair.server.handle_timeout(at(29_999));
    assert_eq!(pair.events(), []);
    let due = pair.server.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (at(30_000), TimerKind::Frame));
    pair.now = at(30_000);
    pair.server.handle_timeout(pair.now);
    pair.carry();
    assert_eq!(refused(&pair.events()), 408);
    assert_eq!(pair.answer(slow).0.status(), 408);
    assert_eq!(
        pair.server.poll_timeout().unwrap().at,
        at(59_000),
        "64 KiB are progress"
    );
    pair.client.sender(steady).unwrap().finish().unwrap();
    pair.carry();
    let id = pair.opened();
    assert_eq!(pair.server.request(id).unwrap().body().len(), 90_000);
    pair.server.handle_timeout(at(59_000));
    assert_eq!(pair.events(), [], "a handler has as long as it likes");
}

#[test]
fn expectations_and_tunnels() {
    let mut pair = Pair::new();
    let mut head = post();
    head.push("expect", "100-Continue");
    let stream = pair.open(&head, Finish::Later);
    pair.carry();
    let is_interim = |event: &Event| matches!(event, Event::Interim { head, .. } if head.status() == 100);
    assert_eq!(pair.seen.iter().filter(|event| is_interim(event)).count(), 1);
    pair.client.sender(stream).unwrap().push(b"hi", Finish::Now).unwrap();
    pair.carry();
    pair.opened();
    pair.seen.clear();
    pair.open(&head, Finish::Now);
    pair.carry();
    pair.opened();
    assert!(!pair.seen.iter().any(is_interim), "nothing to wait for");
    let mut other = post();
    other.push("expect", "100-continue, tea");
    let stream = pair.open(&other, Finish::Later);
    pair.carry();
    assert_eq!(refused(&pair.events()), 417);
    assert_eq!(pair.answer(stream).0.status(), 417);
    let mut tunnel = Fields::new();
    tunnel.push(":method", "CONNECT");
    tunnel.push(":authority", "a:443");
    let stream = pair.open(&tunnel, Finish::Later);
    pair.carry();
    assert_eq!(refused(&pair.events()), 501);
    assert_eq!(pair.answer(stream).0.status(), 501);
}

#[test]
fn a_cancelled_request_takes_its_place_until_it_is_answered() {
    let config = Config {
        max_concurrent_streams: 1,
        ..Config::default()
    };
    let mut pair = Pair::with(config, RequestLimits::default());
    let stream = pair.open(&get("/"), Finish::Now);
    pair.carry();
    let id = pair.opened();
    pair.client.sender(stream).unwrap().cancel(ErrorCode::CANCEL);
    pair.client.release(stream);
    pair.carry();
    assert_eq!(pair.events(), [ServerEvent::Cancelled { id }]);
    assert_eq!(pair.server.open_requests(), 1);
    assert_eq!(pair.server.request(id).unwrap().path(), b"/");
    let early = pair.open(&get("/early"), Finish::Now);
    pair.carry();
    assert_eq!(pair.outcome(early), Some(Outcome::Refused));
    let ServerEvent::Rejected { code, .. } = pair.events()[0] else {
        panic!()
    };
    assert_eq!(code, ErrorCode::REFUSED_STREAM);
    pair.client.release(early);
    pair.respond(id, &Response::new(200, "nobody reads this"));
    assert_eq!(pair.server.open_requests(), 0);
    pair.open(&get("/late"), Finish::Now);
    pair.carry();
    pair.opened();
}

#[test]
fn a_stream_that_ends_before_its_request_is_no_request() {
    let mut pair = Pair::new();
    let stream = pair.open(&post(), Finish::Later);
    pair.client
        .sender(stream)
        .unwrap()
        .push(&[0; 5000], Finish::Later)
        .unwrap();
    pair.carry();
    assert!(pair.server.usage() >= 5000);
    pair.client.sender(stream).unwrap().cancel(ErrorCode::CANCEL);
    pair.carry();
    assert_eq!(pair.events(), []);
    assert_eq!(pair.server.usage(), 0);
    // RFC 9113 §8.1.1: less body than content-length.
    let mut head = post();
    head.push("content-length", "3");
    let stream = pair.open(&head, Finish::Later);
    pair.client.sender(stream).unwrap().push(b"12", Finish::Later).unwrap();
    pair.carry();
    pair.client.sender(stream).unwrap().push(b"", Finish::Now).unwrap();
    pair.carry();
    let events = pair.events();
    assert!(
        matches!(
            events[..],
            [ServerEvent::Rejected {
                code: ErrorCode::PROTOCOL_ERROR,
                ..
            }]
        ),
        "{events:?}"
    );
    assert_eq!(pair.server.usage(), 0);
}

#[test]
fn answers_wait_for_room() {
    let mut config = Config::default();
    config.limits.max_memory = 100_000;
    let mut pair = Pair::with(config, RequestLimits::default());
    let streams = [(); 3].map(|()| pair.open(&get("/"), Finish::Now));
    pair.carry();
    for id in pair.all_opened() {
        pair.server
            .respond(pair.now, id, &Response::new(200, vec![7; 1_000_000]))
            .unwrap();
    }
    pair.carry();
    for stream in streams {
        let (head, body) = pair.answer(stream);
        assert_eq!((head.status(), body.len()), (200, 1_000_000));
        assert_eq!(pair.outcome(stream), Some(Outcome::Complete));
    }
    assert_eq!(pair.server.usage(), 0);
}

#[test]
fn fields_that_the_peer_does_not_take_are_the_handlers_problem() {
    let mut config = Config::default();
    config.limits.max_header_list = 200;
    let mut pair = Pair::new();
    pair.client = Connection::client(Arc::new(config), at(0));
    pair.server = ServerConnection::http2(Arc::new(Config::default()), RequestLimits::default(), at(0));
    let stream = pair.open(&get("/"), Finish::Now);
    pair.carry();
    let id = pair.opened();
    let mut large = Response::new(200, "");
    large.fields.push("x", "y".repeat(200));
    let refused = pair.server.respond(at(0), id, &large);
    assert!(
        matches!(refused, Err(RespondError::FieldsTooLarge { limit: 200, .. })),
        "{refused:?}"
    );
    pair.respond(id, &Response::new(500, ""));
    assert_eq!(pair.answer(stream).0.status(), 500);
}

#[test]
fn the_end_of_the_connection_ends_all_requests() {
    let mut pair = Pair::new();
    pair.send(&post(), b"1");
    let id = pair.opened();
    pair.open(&post(), Finish::Later);
    pair.carry();
    pair.server.handle_disconnect(pair.now, Disconnect::ReadFailed);
    let closed = ServerEvent::Closed {
        reason: CloseReason::SocketFailed,
    };
    assert_eq!(pair.events(), [ServerEvent::Cancelled { id }, closed]);
    assert_eq!(pair.server.usage(), 0);
    assert_eq!(pair.server.open_requests(), 0);
    let late = pair.server.respond(pair.now, id, &Response::new(200, ""));
    assert_eq!(late, Err(RespondError::UnknownRequest));
    assert!(pair.server.is_drained());
    assert_eq!(pair.server.poll_timeout(), None);
}

#[test]
fn a_graceful_stop_answers_what_runs() {
    let mut pair = Pair::new();
    let stream = pair.send(&post(), b"1");
    let id = pair.opened();
    pair.server.shutdown(pair.now, Shutdown::Graceful { until: at(5000) });
    pair.carry();
    assert_eq!(pair.events(), []);
    pair.respond(id, &Response::new(200, "done"));
    assert_eq!(pair.answer(stream).1, b"done");
    let reason = CloseReason::Shutdown;
    assert_eq!(pair.events(), [ServerEvent::Closed { reason }]);
    assert!(pair.server.is_drained());
}
