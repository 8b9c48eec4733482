//! What bad input gets.

use super::*;
use crate::error::DecodeErrorKind;
use crate::{CloseReason, DecodeError, Demand, Disconnect, Limits, Multiplex, Refusal, TimerKind};

fn closed_as(bytes: &[u8]) -> CloseReason {
    let mut server = Server::new();
    server.feed(0, bytes);
    let events = server.events();
    let [ServerEvent::Closed { ref reason }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(server.sent(0), b"", "no answer");
    assert!(server.connection.is_drained());
    assert_eq!(server.connection.read_demand(), Demand::Stop);
    reason.clone()
}

fn malformed(kind: DecodeErrorKind, offset: usize) -> CloseReason {
    CloseReason::Malformed(DecodeError::new(kind, offset))
}

#[test]
fn bytes_of_no_protocol_close_with_their_first_eight() {
    let kind = DecodeErrorKind::UnknownProtocol {
        first: 0x1603_0102,
        second: 0x0001_0001,
    };
    assert_eq!(closed_as(&hex("1603 0102 0001 0001 fc03 03")), malformed(kind, 0));
    assert!(
        kind.to_string()
            .contains("first4Bytes=0x16030102, second4Bytes=0x10001")
    );
}

#[test]
fn http_behind_a_message_is_bytes_of_no_protocol() {
    let mut server = Server::new();
    server.feed(0, &framed(1, "echo", 1));
    let [id] = server.opened()[..] else { panic!() };
    server.feed(0, b"GET / HTTP/1.1\r\n\r\n");
    server.echo(0, id);
    let kind = DecodeErrorKind::UnknownProtocol {
        first: 0x4745_5420,
        second: 0x2f20_4854,
    };
    let reason = malformed(kind, 0);
    assert_eq!(server.events(), [ServerEvent::Closed { reason }]);
    assert!(
        kind.to_string()
            .contains("first4Bytes=0x47455420, second4Bytes=0x2f204854")
    );
}

#[test]
fn lying_lengths_are_refused_at_once() {
    let huge = [0x7f, 0xff, 0xff, 0xff, 0x80, 1, 0, 1];
    assert_eq!(
        closed_as(&huge),
        malformed(DecodeErrorKind::LengthTooLarge(0x7fff_ffff), 0)
    );
    let zero = [0, 0, 0, 0, 0x80, 1, 0, 1];
    assert_eq!(closed_as(&zero), malformed(DecodeErrorKind::LengthTooSmall(0), 0));
    let mut name = framed(1, "echo", 1);
    name[8..12].copy_from_slice(&(-1i32).to_be_bytes());
    assert_eq!(closed_as(&name), malformed(DecodeErrorKind::NegativeLength(-1), 8));
    let mut inner = ttheader(0, 1, &[], &framed(1, "echo", 1));
    let at = inner.len() - framed(1, "echo", 1).len();
    inner[at + 3] += 1;
    assert!(
        matches!(closed_as(&inner), CloseReason::Malformed(error) if matches!(error.kind, DecodeErrorKind::LengthTooLarge(_)))
    );
}

#[test]
fn message_types_of_replies_close_without_an_answer() {
    for kind in [2, 3] {
        assert_eq!(
            closed_as(&framed(kind, "echo", 1)),
            malformed(DecodeErrorKind::BadMessageType(kind.into()), 0)
        );
    }
}

#[test]
fn an_entry_bomb_is_refused() {
    let entries: Vec<(&str, &str)> = vec![("", ""); 1025];
    let reason = closed_as(&ttheader(0, 1, &entries, &framed(1, "echo", 1)));
    assert!(
        matches!(reason, CloseReason::Malformed(error) if error.kind == DecodeErrorKind::TooManyEntries(1024)),
        "{reason:?}"
    );
}

#[test]
fn a_peer_that_stops_half_way_is_answered_from_the_head_and_closed() {
    let whole = framed(1, "echo", 7);
    let mut server = Server::new();
    server.feed(0, &whole[..whole.len() - 1]);
    let due = server.connection.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (at(5000), TimerKind::Frame));
    server.connection.set_peer("10.0.0.9:1234".into());
    server.timeout(5000);
    let text = b"connection read timeout 10.0.0.9:1234";
    assert!(server.sent(5000).windows(text.len()).any(|window| window == text));
    assert!(server.connection.is_drained());

    let mut server = Server::new();
    server.feed(0, &whole[..14]);
    server.timeout(5000);
    assert_eq!(server.sent(5000), b"", "the name is not whole: nothing to answer");
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::TimedOut(TimerKind::Frame)
        }]
    );

    let mut server = Server::new();
    server.feed(0, &whole[4..whole.len() - 1]);
    server.timeout(5000);
    assert_eq!(server.sent(5000), b"", "a bare message has no length to miss");
}

#[test]
fn a_silent_peer_is_closed_after_detection_or_idle_time() {
    let mut server = Server::new();
    assert_eq!(server.connection.poll_timeout().unwrap().timer, TimerKind::Idle);
    server.feed(0, &framed(1, "echo", 1)[..7]);
    let due = server.connection.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (at(15_000), TimerKind::Detection));
    server.feed(6000, &framed(1, "echo", 1)[7..]);
    assert_eq!(server.opened().len(), 1, "seven bytes and six seconds are fine");
    let mut server = Server::new();
    server.timeout(600_000);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::TimedOut(TimerKind::Idle)
        }]
    );
}

#[test]
fn slow_but_steady_progress_keeps_a_large_frame_alive() {
    let limits = Limits {
        max_frame: 1 << 20,
        ..Limits::default()
    };
    let mut server = Server::with(ServerConfig {
        limits,
        ..ServerConfig::default()
    });
    let mut frame = framed(1, "echo", 1);
    frame.resize(4 + (1 << 20), 0);
    frame[..4].copy_from_slice(&(1u32 << 20).to_be_bytes());
    let mut now = 0;
    for chunk in frame.chunks(70_000) {
        server.feed(now, chunk);
        now += 4000;
        server.timeout(now);
    }
    assert_eq!(server.opened().len(), 1);
    assert_eq!(
        server.connection.usage(),
        frame.len(),
        "the request counts until it is answered"
    );
}

#[test]
fn a_peer_that_does_not_read_stops_being_served_and_is_closed() {
    let limits = Limits {
        max_unsent: 100,
        ..Limits::default()
    };
    let mut server = Server::with(ServerConfig {
        limits,
        ..ServerConfig::default()
    });
    for seq in 0..20 {
        server.input.extend_from_slice(&framed(1, "echo", seq));
    }
    server.connection.receive(at(0), &mut server.input);
    let mut answered = 0;
    while let [id] = server.opened()[..] {
        server.echo(0, id);
        answered += 1;
    }
    assert_eq!(answered, 5, "five answers of 21 bytes are the first above 100");
    assert_eq!(server.connection.read_demand(), Demand::Pause);
    assert!(server.connection.poll_transmit(at(10), &mut server.out));
    let due = server.connection.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (at(30_010), TimerKind::WriteStall));
    server.out.advance(50);
    assert!(server.connection.poll_transmit(at(20_000), &mut server.out));
    assert_eq!(
        server.connection.poll_timeout().unwrap().at,
        at(50_000),
        "progress starts it anew"
    );
    server.timeout(50_000);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::TimedOut(TimerKind::WriteStall)
        }]
    );
    // What the caller still holds does not keep it alive.
    assert!(!server.connection.poll_transmit(at(50_000), &mut server.out));
    assert!(server.connection.is_drained());
}

#[test]
fn calls_in_flight_have_a_bound() {
    let limits = Limits {
        max_calls: 2,
        ..Limits::default()
    };
    let mut server = Server::with(ServerConfig {
        limits,
        ..ServerConfig::default()
    });
    let message = |seq| ttheader(1, i32::from(seq), &[], &framed(1, "echo", seq));
    server.feed(0, &[message(1), message(2), message(3)].concat());
    let ids = server.opened();
    assert_eq!((ids.len(), server.connection.read_demand()), (2, Demand::Pause));
    server.echo(0, ids[0]);
    assert_eq!(server.opened().len(), 1);
}

#[test]
fn a_multiplexed_connection_steps_over_what_it_cannot_read() {
    let mut server = Server::with(ServerConfig {
        multiplex: Multiplex::Only,
        ..ServerConfig::default()
    });
    server.feed(0, &ttheader(1, 1, &[], b"garbage garbage"));
    server.feed(0, &ttheader(1, 2, &[], &framed(1, "echo", 2)));
    let events = server.events();
    let [ServerEvent::Refused(ref refusal), ServerEvent::Opened { id }] = events[..] else {
        panic!("{events:?}")
    };
    assert!(matches!(**refusal, Refusal::Unreadable(_)));
    server.echo(0, id);
    assert!(!server.sent(0).is_empty());
}

#[test]
fn a_multiplexing_server_takes_ttheader_only() {
    for bytes in [framed(1, "echo", 1), framed(1, "echo", 1)[4..].to_vec()] {
        let mut server = Server::with(ServerConfig {
            multiplex: Multiplex::Only,
            ..ServerConfig::default()
        });
        server.feed(0, &bytes);
        assert!(matches!(
            server.events()[..],
            [ServerEvent::Closed {
                reason: CloseReason::Malformed(_)
            }]
        ));
    }
}

#[test]
fn the_end_inside_a_message_is_told_apart() {
    let mut server = Server::new();
    server.feed(0, &framed(1, "echo", 1)[..10]);
    server.connection.handle_disconnect(at(0), Disconnect::ReadEnd);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::PeerClosedMidway
        }]
    );
    let mut server = Server::new();
    server.connection.handle_disconnect(at(0), Disconnect::ReadFailed);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::SocketFailed
        }]
    );
}

#[test]
fn a_stream_of_whole_frames_never_looks_like_one_that_stands_still() {
    let whole = |seq: u8| {
        let mut frame = framed(1, "echo", seq);
        frame.resize(4 + 50_000, 0);
        frame[..4].copy_from_slice(&50_000u32.to_be_bytes());
        ttheader(1, i32::from(seq), &[], &frame)
    };
    let stream: Vec<u8> = (0..40).flat_map(whole).collect();
    let mut server = Server::new();
    let mut now = 0;
    for chunk in stream.chunks(65_536) {
        server.timeout(now);
        server.feed(now, chunk);
        for id in server.opened() {
            server.echo(now, id);
        }
        server.sent(now);
        now += 1000;
    }
}

#[test]
fn the_first_frame_has_its_own_time_once_the_protocol_is_known() {
    let whole = framed(1, "echo", 1);
    let mut server = Server::new();
    server.feed(0, &whole[..7]);
    server.timeout(6000);
    server.feed(6000, &whole[7..20]);
    assert_eq!(server.connection.poll_timeout().unwrap().at, at(11_000));
}

#[test]
fn a_frame_that_memory_cannot_hold_ends_the_connection() {
    let limits = Limits {
        max_memory: 1000,
        ..Limits::default()
    };
    let mut server = Server::with(ServerConfig {
        limits,
        ..ServerConfig::default()
    });
    let mut frame = framed(1, "echo", 1);
    frame.resize(2000, 0);
    frame[..4].copy_from_slice(&1_996u32.to_be_bytes());
    server.feed(0, &frame[..1500]);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::LimitReached("max_memory")
        }]
    );
}

#[test]
fn a_bare_message_with_a_body_that_cannot_be_walked_is_answered() {
    let mut bare = framed(1, "echo", 1)[4..].to_vec();
    bare.pop();
    bare.extend([0x7f, 0, 1]);
    let mut server = Server::new();
    server.feed(0, &bare);
    let sent = server.sent(0);
    let text = b"unknown type id 0x7f at offset 16";
    assert!(sent.windows(text.len()).any(|window| window == text));
    assert!(server.connection.is_drained());
}

#[test]
fn message_types_that_do_not_exist_close_multiplexed_connections_too() {
    let mut server = Server::with(ServerConfig {
        multiplex: Multiplex::Only,
        ..ServerConfig::default()
    });
    server.feed(0, &ttheader(1, 1, &[], &framed(6, "echo", 1)));
    assert!(matches!(
        server.events()[..],
        [ServerEvent::Closed {
            reason: CloseReason::Malformed(_)
        }]
    ));
}
