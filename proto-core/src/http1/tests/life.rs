//! Time and the end of the connection.

use super::*;
use crate::{Deadline, Disconnect, Shutdown, TimerKind};

fn due(server: &Server) -> Option<(u64, TimerKind)> {
    let Deadline { at, timer } = server.connection.poll_timeout()?;
    Some((at.as_nanos() / 1_000_000, timer))
}

fn closed(reason: CloseReason) -> ServerEvent {
    ServerEvent::Closed { reason }
}

/// What a request that came too slowly gets.
fn assert_timed_out(server: &mut Server, millis: u64) {
    server.connection.handle_timeout(at(millis));
    let events = server.events();
    assert!(
        matches!(events[0], ServerEvent::Refused { status: 408, .. }),
        "{events:?}"
    );
    assert_eq!(events[1..], [closed(CloseReason::TimedOut(TimerKind::Frame))]);
    assert!(server.sent(millis).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert!(server.connection.is_drained());
    assert_eq!(due(server), None);
}

#[test]
fn a_head_has_to_be_whole_in_time() {
    let mut server = Server::new();
    assert_eq!(due(&server), Some((75_000, TimerKind::Idle)));
    for (second, byte) in get("").as_bytes()[..9].iter().enumerate() {
        let millis = 1000 + second as u64 * 1000;
        server.feed(millis, [*byte]);
        assert_eq!(
            due(&server),
            Some((11_000, TimerKind::Frame)),
            "no restart by dribbling"
        );
        server.connection.handle_timeout(at(millis));
    }
    server.connection.handle_timeout(at(10_999));
    assert_eq!(server.events(), []);
    assert_timed_out(&mut server, 11_000);
}

#[test]
fn a_head_that_waited_has_all_its_time() {
    let mut server = Server::new();
    server.feed(0, get("") + "GET");
    let id = server.opened();
    assert_eq!(due(&server), None, "a handler has as long as it likes");
    server.respond(60_000, id, &Response::new(200, "")).unwrap();
    server.sent(60_000);
    server.connection.receive(at(60_000), &mut server.input);
    assert_eq!(due(&server), Some((70_000, TimerKind::Frame)));
}

#[test]
fn empty_lines_are_no_request() {
    let mut server = Server::new();
    server.feed(1000, "\r");
    assert_eq!(due(&server), Some((11_000, TimerKind::Frame)));
    server.feed(2000, "\n\r\n");
    assert_eq!(
        due(&server),
        Some((75_000, TimerKind::Idle)),
        "nor do they keep a connection alive"
    );
}

#[test]
fn a_body_has_to_make_progress() {
    for head in ["Content-Length: 200000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut server = Server::new();
        server.feed(0, get(head) + if head.starts_with('T') { "30d40\r\n" } else { "" });
        assert_eq!(due(&server), Some((30_000, TimerKind::Frame)));
        server.feed(20_000, "x".repeat(64 * 1024 - 1));
        assert_eq!(due(&server), Some((30_000, TimerKind::Frame)));
        server.feed(29_000, "x");
        assert_eq!(due(&server), Some((59_000, TimerKind::Frame)));
        server.feed(58_000, "x".repeat(64 * 1024));
        assert_eq!(due(&server), Some((88_000, TimerKind::Frame)));
        assert_timed_out(&mut server, 88_000);
    }
}

#[test]
fn chunk_sizes_and_trailers_are_no_progress() {
    let mut server = Server::new();
    server.feed(0, get("Transfer-Encoding: chunked\r\n"));
    for second in 1..30 {
        server.feed(second * 1000, "1;extension\r\nx\r\n");
    }
    server.feed(29_500, "0\r\nTrailer: ");
    assert_timed_out(&mut server, 30_000);
}

#[test]
fn an_idle_connection_is_closed() {
    let mut server = Server::new();
    server.feed(0, get(""));
    let id = server.opened();
    server.respond(10_000, id, &Response::new(200, "")).unwrap();
    assert_eq!(due(&server), None, "not while there is something to send");
    assert!(server.connection.poll_transmit(at(11_000), &mut server.out));
    assert_eq!(due(&server), Some((41_000, TimerKind::WriteStall)));
    server.out.advance(usize::MAX);
    assert!(!server.connection.poll_transmit(at(12_000), &mut server.out));
    assert_eq!(due(&server), Some((87_000, TimerKind::Idle)));
    server.connection.handle_timeout(at(87_000));
    assert_eq!(server.events(), [closed(CloseReason::TimedOut(TimerKind::Idle))]);
    assert_eq!(server.sent(87_000), "");
    assert!(server.connection.is_drained());
}

#[test]
fn a_client_that_does_not_take_its_answer_is_cut_off() {
    let mut server = Server::new();
    server.feed(0, get("Connection: close\r\n"));
    let id = server.opened();
    server.respond(0, id, &Response::new(200, "x".repeat(100))).unwrap();
    assert_eq!(server.events(), [closed(CloseReason::PeerDrained)]);
    assert!(server.connection.poll_transmit(at(0), &mut server.out));
    server.out.advance(1);
    assert!(server.connection.poll_transmit(at(20_000), &mut server.out));
    assert_eq!(due(&server), Some((50_000, TimerKind::WriteStall)));
    server.connection.handle_timeout(at(50_000));
    assert_eq!(server.events(), [], "it was over before");
    assert!(!server.connection.poll_transmit(at(50_000), &mut server.out));
    assert!(server.connection.is_drained());
    assert_eq!(due(&server), None);
}

#[test]
fn the_end_of_the_input_ends_the_connection() {
    let rows = [
        ("", CloseReason::PeerClosed),
        ("\r\n", CloseReason::PeerClosed),
        ("G", CloseReason::PeerClosedMidway),
        ("GET / HTTP/1.1\r\nHost: a\r\n", CloseReason::PeerClosedMidway),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
            CloseReason::PeerClosedMidway,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            CloseReason::PeerClosedMidway,
        ),
    ];
    for (stream, reason) in rows {
        let mut server = Server::new();
        server.feed(0, stream);
        server.connection.handle_disconnect(at(0), Disconnect::ReadEnd);
        assert_eq!(server.events(), [closed(reason)], "{stream:?}");
        assert_eq!(server.connection.read_demand(), Demand::Stop);
        assert!(server.connection.is_drained());
    }
}

#[test]
fn requests_already_read_are_answered_after_the_end() {
    let mut server = Server::new();
    server.feed(0, get("").repeat(2));
    let first = server.opened();
    server.connection.handle_disconnect(at(0), Disconnect::ReadEnd);
    assert_eq!(server.events(), [ServerEvent::Cancelled { id: first }]);
    assert_eq!(server.connection.read_demand(), Demand::Stop);
    server.respond(0, first, &Response::new(200, "")).unwrap();
    assert!(!server.sent(0).contains("close"));
    assert_eq!(server.connection.read_demand(), Demand::Receive);
    server.connection.receive(at(0), &mut server.input);
    let second = server.opened();
    server.respond(0, second, &Response::new(200, "")).unwrap();
    assert!(server.sent(0).contains("connection: close\r\n"));
    assert_eq!(server.events(), [closed(CloseReason::PeerClosed)]);
    assert!(server.connection.is_drained());
}

#[test]
fn a_failed_socket_ends_everything() {
    for why in [Disconnect::ReadFailed, Disconnect::WriteFailed] {
        let mut server = Server::new();
        server.feed(0, get(""));
        let id = server.opened();
        server.connection.handle_disconnect(at(0), why);
        let cancelled = ServerEvent::Cancelled { id };
        assert_eq!(server.events(), [cancelled, closed(CloseReason::SocketFailed)]);
        assert_eq!(
            server.respond(0, id, &Response::new(200, "")),
            Err(RespondError::UnknownRequest)
        );
        assert!(server.connection.is_drained());
    }
}

#[test]
fn a_graceful_stop_finishes_what_has_begun() {
    let until = at(5000);
    let mut idle = Server::new();
    idle.connection.shutdown(at(0), Shutdown::Graceful { until });
    assert_eq!(idle.events(), [closed(CloseReason::Shutdown)]);
    assert!(idle.connection.is_drained());
    let whole = get("");
    for begun in [0, 3, whole.len()] {
        let mut server = Server::new();
        server.feed(
            0,
            if begun == 0 {
                get("Content-Length: 2\r\n") + "h"
            } else {
                whole[..begun].to_owned()
            },
        );
        server.connection.shutdown(at(1), Shutdown::Graceful { until });
        server.feed(2, if begun == 0 { "i" } else { &whole[begun..] });
        // A request sent ahead is not answered (RFC 9112 §9.6).
        server.feed(3, &whole);
        let id = server.opened();
        server.respond(4, id, &Response::new(200, "")).unwrap();
        assert!(server.sent(4).contains("connection: close\r\n"));
        assert_eq!(server.events(), [closed(CloseReason::Shutdown)]);
        assert!(server.connection.is_drained());
        assert_eq!(due(&server), None);
    }
}

#[test]
fn a_graceful_stop_ends() {
    let until = at(5000);
    let stop = Shutdown::Graceful { until };
    let mut running = Server::new();
    running.feed(0, get(""));
    let id = running.opened();
    running.connection.shutdown(at(0), stop);
    assert_eq!(due(&running), Some((5000, TimerKind::Drain)));
    running.connection.handle_timeout(at(5000));
    assert_eq!(
        running.events(),
        [ServerEvent::Cancelled { id }, closed(CloseReason::Shutdown)]
    );
    assert!(running.connection.is_drained());
    // A client that takes its answer in tiny bits has no more time than others.
    let mut sending = Server::new();
    sending.feed(0, get(""));
    let id = sending.opened();
    sending.respond(0, id, &Response::new(200, "x".repeat(100))).unwrap();
    sending.connection.shutdown(at(0), stop);
    for second in 1..5 {
        assert!(sending.connection.poll_transmit(at(second * 1000), &mut sending.out));
        sending.out.advance(1);
    }
    assert!(!sending.connection.is_drained());
    sending.connection.handle_timeout(at(5000));
    assert!(!sending.connection.poll_transmit(at(5000), &mut sending.out));
    assert!(sending.connection.is_drained());
}

#[test]
fn an_immediate_stop_ends_at_once() {
    let mut server = Server::new();
    server.feed(0, get(""));
    let id = server.opened();
    server.connection.shutdown(at(0), Shutdown::Immediate);
    assert_eq!(
        server.events(),
        [ServerEvent::Cancelled { id }, closed(CloseReason::Shutdown)]
    );
    assert!(server.connection.is_drained());
    server.connection.shutdown(at(0), Shutdown::Immediate);
    server.connection.handle_disconnect(at(0), Disconnect::ReadFailed);
    assert_eq!(server.events(), [], "one end only");
}
