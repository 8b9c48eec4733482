//! Beginning, ending, and time.

use super::*;
use crate::Shutdown;
use crate::config::Switch;
use crate::error::{CloseReason, Disconnect};
use crate::time::TimerKind;
use crate::wire::http2::{Flags, FrameType};

type Act = fn(&mut Peer);

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_graceful_stop_takes_what_is_on_its_way_and_ends_with_the_last_stream() {
    let mut peer = Peer::client(Config::default());
    peer.headers(1, &post("/"), Flags::END_STREAM);
    let until = peer.now + 60 * SECOND;
    peer.connection.shutdown(peer.now, Shutdown::Graceful { until });
    assert_eq!(peer.seen(), ["GOAWAY 2147483647 NO_ERROR graceful shutdown", "PING"]);
    peer.headers(3, &post("/"), Flags::END_STREAM);
    peer.frame(FrameType::PING, Flags::ACK, 0, &[1, 6, 1, 8, 0, 3, 3, 9]);
    assert_eq!(peer.seen(), ["GOAWAY 3 NO_ERROR graceful shutdown"]);
    peer.headers(5, &post("/"), Flags::END_STREAM);
    let opened: Vec<_> = peer.events();
    assert_eq!(opened.len(), 4, "stream 5 is behind the last one: {opened:?}");
    for id in [1, 3] {
        assert!(!peer.connection.is_drained());
        let id = StreamId::new(id);
        peer.connection.sender(id).unwrap().respond(&ok(), Finish::Now).unwrap();
        peer.connection.release(id);
    }
    assert_eq!(peer.seen(), ["HEADERS 1 END_STREAM", "HEADERS 3 END_STREAM"]);
    let reason = CloseReason::Shutdown;
    assert_eq!(peer.events().last(), Some(&Event::Closed { reason }));
    assert!(peer.connection.is_drained());
}

#[test]
fn the_last_stream_that_was_named_stays_the_last() {
    let mut peer = Peer::client(Config::default());
    peer.headers(1, &post("/"), Flags::NONE);
    let until = peer.now + 60 * SECOND;
    peer.connection.shutdown(peer.now, Shutdown::Graceful { until });
    peer.frame(FrameType::PING, Flags::ACK, 0, &[1, 6, 1, 8, 0, 3, 3, 9]);
    peer.headers(3, &post("/"), Flags::NONE);
    peer.connection.shutdown(peer.now, Shutdown::Immediate);
    let last = peer.seen().pop();
    assert_eq!(last.as_deref(), Some("GOAWAY 1 NO_ERROR shut down"));
}

#[test]
fn a_graceful_stop_ends_at_its_deadline() {
    let config = Config {
        drain_code: ErrorCode(1000),
        ..Config::default()
    };
    let mut pair = Pair::with(Config::default(), config);
    let id = pair.open(Finish::Now);
    let until = pair.now + 5 * SECOND;
    pair.server.shutdown(pair.now, Shutdown::Graceful { until });
    pair.carry();
    assert_eq!(
        pair.client_events(),
        [Event::Draining { last: StreamId::MAX }, Event::Draining { last: id }]
    );
    assert_eq!(
        pair.client.open(pair.now, &post("/"), Finish::Now),
        Err(OpenError::Draining)
    );
    pair.wait(5 * SECOND);
    let outcome = reset(ErrorCode(1000), Initiator::Peer);
    assert_eq!(pair.client_events(), [Event::Ended { id, outcome }]);
    let told = pair.server_events();
    assert!(
        matches!(
            told.last(),
            Some(Event::Closed {
                reason: CloseReason::Shutdown
            })
        ),
        "{told:?}"
    );
    assert!(pair.server.is_drained());
    pair.client.release(id);
    pair.carry();
    let reason = CloseReason::PeerDrained;
    assert_eq!(pair.client_events(), [Event::Closed { reason }]);
}

#[test]
fn a_peer_that_does_not_answer_the_ping_cannot_hold_up_a_stop() {
    let mut peer = Peer::client(Config::default());
    let until = peer.now + 60 * SECOND;
    peer.connection.shutdown(peer.now, Shutdown::Graceful { until });
    peer.seen();
    let due = peer.connection.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (peer.now + SECOND, TimerKind::Drain));
    peer.connection.handle_timeout(due.at);
    assert_eq!(peer.seen(), ["GOAWAY 0 NO_ERROR graceful shutdown"]);
    assert!(peer.connection.is_drained());
}

#[test]
fn streams_above_the_last_one_are_safe_to_retry() {
    let mut peer = Peer::server(Config::default());
    let ids = [1, 3, 5].map(|_| peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap());
    peer.send(|frames| frames.go_away(ids[0], ErrorCode::NO_ERROR, ""));
    assert_eq!(
        peer.events(),
        [
            Event::Draining { last: ids[0] },
            Event::Ended {
                id: ids[1],
                outcome: Outcome::Refused
            },
            Event::Ended {
                id: ids[2],
                outcome: Outcome::Refused
            }
        ]
    );
    peer.headers(1, &ok(), Flags::END_STREAM);
    for id in ids {
        peer.connection.release(id);
    }
    peer.seen();
    let reason = CloseReason::PeerDrained;
    assert_eq!(peer.events().last(), Some(&Event::Closed { reason }));

    let mut peer = Peer::server(Config::default());
    peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap();
    peer.send(|frames| {
        frames.go_away(StreamId::new(1), ErrorCode::NO_ERROR, "");
        frames.go_away(StreamId::new(3), ErrorCode::NO_ERROR, "");
    });
    assert_eq!(peer.failure().unwrap().0, ErrorCode::PROTOCOL_ERROR);
}

#[test]
fn the_peers_complaint_is_told() {
    let mut peer = Peer::server(Config::default());
    let id = peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap();
    peer.send(|frames| frames.go_away(id, ErrorCode::ENHANCE_YOUR_CALM, "too_many_pings"));
    peer.connection.handle_disconnect(peer.now, Disconnect::ReadEnd);
    let reason = CloseReason::PeerGoAway {
        code: ErrorCode::ENHANCE_YOUR_CALM,
        debug: "too_many_pings".into(),
    };
    let outcome = Outcome::ConnectionLost;
    assert_eq!(
        peer.events(),
        [
            Event::Draining { last: id },
            Event::Ended { id, outcome },
            Event::Closed { reason }
        ]
    );
}

#[test]
fn concurrent_streams_are_limited_on_both_sides() {
    let config = Config {
        max_concurrent_streams: 2,
        ..Config::default()
    };
    let mut pair = Pair::with(Config::default(), config.clone());
    let first = pair.open(Finish::Now);
    pair.open(Finish::Now);
    let third = pair.client.open(pair.now, &post("/"), Finish::Now);
    assert_eq!(third, Err(OpenError::TooManyStreams));
    pair.server.sender(first).unwrap().respond(&ok(), Finish::Now).unwrap();
    pair.server.release(first);
    pair.carry();
    pair.client_events();
    pair.client.release(first);
    assert_eq!(pair.client_events(), [Event::Available]);
    pair.open(Finish::Now);

    // A handler that still runs counts, even if its client has gone.
    let mut peer = Peer::client(config);
    for id in [1, 3] {
        peer.headers(id, &post("/"), Flags::END_STREAM);
        peer.send(|frames| frames.reset(StreamId::new(id), ErrorCode::CANCEL));
    }
    peer.headers(5, &post("/"), Flags::END_STREAM);
    assert_eq!(peer.seen(), ["RST_STREAM 5 REFUSED_STREAM"]);
    peer.connection.release(StreamId::new(1));
    peer.headers(7, &post("/"), Flags::END_STREAM);
    assert_eq!(peer.seen(), [""; 0]);
    assert!(peer.connection.head(StreamId::new(7)).is_some());
}

#[test]
fn a_refused_stream_is_told_as_one() {
    let mut peer = Peer::server(Config::default());
    let id = peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap();
    peer.send(|frames| frames.reset(id, ErrorCode::REFUSED_STREAM));
    let outcome = Outcome::Refused;
    assert_eq!(peer.events(), [Event::Ended { id, outcome }]);
}

#[test]
fn nothing_happens_for_ever() {
    let rows: [(&str, Act, Duration, TimerKind); 4] = [
        (
            "half a frame",
            |peer| peer.send_bytes(&[0, 0, 8]),
            5 * SECOND,
            TimerKind::Frame,
        ),
        (
            "half a header block",
            |peer| peer.frame(FrameType::HEADERS, Flags::NONE, 1, &[0x82]),
            5 * SECOND,
            TimerKind::Frame,
        ),
        ("no stream", |_| {}, 600 * SECOND, TimerKind::Idle),
        (
            "a full socket",
            |peer| {
                peer.frame(FrameType::PING, Flags::NONE, 0, &[0; 8]);
                let mut out = Transmit::new();
                assert!(peer.connection.poll_transmit(peer.now, &mut out));
            },
            30 * SECOND,
            TimerKind::WriteStall,
        ),
    ];
    for (about, act, after, timer) in rows {
        let mut peer = Peer::client(Config::default());
        act(&mut peer);
        let due = peer.connection.poll_timeout().unwrap();
        assert_eq!((due.at, due.timer), (peer.now + after, timer), "{about}");
        peer.connection.handle_timeout(due.at);
        peer.now = due.at + SECOND;
        peer.connection.handle_timeout(peer.now);
        peer.seen();
        assert_eq!(
            peer.connection.close_reason(),
            Some(&CloseReason::TimedOut(timer)),
            "{about}"
        );
        assert!(peer.connection.is_drained());
        assert_eq!(peer.connection.poll_timeout(), None);
    }
}

#[test]
fn a_slow_frame_that_follows_whole_ones_has_its_own_time() {
    let mut peer = Peer::client(Config::default());
    let ping = peer::frame(FrameType::PING, Flags::NONE, 0, &[0; 8]);
    for _ in 0..10 {
        // The end of one frame and the beginning of the next.
        peer.send_bytes(&ping[..10]);
        peer.now += 4 * SECOND;
        peer.connection.handle_timeout(peer.now);
        peer.send_bytes(&[&ping[10..], &ping[..5]].concat());
        peer.now += 4 * SECOND;
        peer.connection.handle_timeout(peer.now);
        peer.send_bytes(&ping[5..]);
        assert!(peer.connection.close_reason().is_none());
    }
}

#[test]
fn settings_have_to_come_and_to_be_acknowledged() {
    let now = Instant::from_nanos(1);
    let mut silent = Connection::server(Arc::new(Config::default()), now);
    let due = silent.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (now + 10 * SECOND, TimerKind::Handshake));
    silent.handle_timeout(due.at);
    assert_eq!(
        silent.close_reason(),
        Some(&CloseReason::TimedOut(TimerKind::Handshake))
    );

    let mut half = Connection::client(Arc::new(Config::default()), now);
    half.receive(
        now,
        &mut BytesMut::from(&peer::frame(FrameType::SETTINGS, Flags::NONE, 0, &[])[..]),
    );
    let due = half.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (now + 10 * SECOND, TimerKind::Settings));
    half.handle_timeout(due.at);
    assert!(matches!(
        half.close_reason(),
        Some(CloseReason::Http2 {
            code: ErrorCode::SETTINGS_TIMEOUT,
            ..
        })
    ));
}

#[test]
fn quiet_connections_are_asked_and_given_up() {
    let config = Config {
        keep_alive: Some(KeepAlive {
            interval: 10 * SECOND,
            timeout: 3 * SECOND,
            without_streams: Switch::Off,
        }),
        ..Config::default()
    };
    let mut peer = Peer::server(config);
    assert_eq!(peer.connection.poll_timeout(), None, "no stream, no question");
    let id = peer.connection.open(peer.now, &post("/"), Finish::Now).unwrap();
    peer.seen();
    peer.now += 10 * SECOND;
    peer.connection.handle_timeout(peer.now);
    assert_eq!(peer.seen(), ["PING"]);
    peer.now += 2 * SECOND;
    peer.frame(FrameType::PING, Flags::ACK, 0, &[0; 8]);
    peer.now += 10 * SECOND;
    peer.connection.handle_timeout(peer.now);
    assert_eq!(peer.seen(), ["PING"]);
    peer.now += 3 * SECOND;
    peer.connection.handle_timeout(peer.now);
    let reason = CloseReason::TimedOut(TimerKind::KeepAlive);
    let outcome = Outcome::ConnectionLost;
    assert_eq!(peer.events(), [Event::Ended { id, outcome }, Event::Closed { reason }]);
}

#[test]
fn an_old_connection_is_drained_and_then_cut() {
    let config = Config {
        max_age: Some(100 * SECOND),
        max_age_grace: 20 * SECOND,
        ..Config::default()
    };
    let mut pair = Pair::with(Config::default(), config);
    let id = pair.open(Finish::Now);
    pair.wait(100 * SECOND);
    assert_eq!(pair.client_events().len(), 2, "two steps");
    assert!(pair.server.close_reason().is_none());
    pair.wait(20 * SECOND);
    assert_eq!(pair.server.close_reason(), Some(&CloseReason::TimedOut(TimerKind::Age)));
    let outcome = reset(ErrorCode::CANCEL, Initiator::Peer);
    assert_eq!(pair.client_events(), [Event::Ended { id, outcome }]);
}

#[test]
fn a_ping_of_the_application_comes_back() {
    let mut pair = Pair::new();
    pair.client.ping(pair.now, *b"12345678").unwrap();
    assert_eq!(pair.client.ping(pair.now, [0; 8]), Err(PingError::Outstanding));
    pair.carry();
    assert_eq!(pair.client_events(), [Event::Pong { payload: *b"12345678" }]);
    pair.client.ping(pair.now, [0; 8]).unwrap();
}

#[test]
fn a_lost_socket_ends_every_stream_once() {
    let mut pair = Pair::new();
    let ids = [pair.open(Finish::Later), pair.open(Finish::Now)];
    pair.server_events();
    pair.server.handle_disconnect(pair.now, Disconnect::ReadFailed);
    let outcome = Outcome::ConnectionLost;
    let reason = CloseReason::SocketFailed;
    assert_eq!(
        pair.server_events(),
        [
            Event::Ended {
                id: ids[0],
                outcome: outcome.clone()
            },
            Event::Ended { id: ids[1], outcome },
            Event::Closed { reason }
        ]
    );
    for id in ids {
        pair.server.release(id);
    }
    assert_eq!(pair.server.open_streams(), 0);
    assert_eq!(pair.server_events(), []);
}
