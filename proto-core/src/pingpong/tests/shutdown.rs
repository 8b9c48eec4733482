//! Graceful and other stops.

use super::*;
use crate::{CancelReason, CloseReason, Shutdown, TimerKind};

const RESET: &[u8] = b"crrst";

fn marked(bytes: &[u8]) -> bool {
    bytes.windows(RESET.len()).any(|window| window == RESET)
}

#[test]
fn a_running_call_is_answered_with_the_mark_and_the_connection_ends_soon_after() {
    let mut server = Server::new();
    server.feed(0, &ttheader(0, 1, &[], &framed(1, "echo", 1)));
    let [id] = server.opened()[..] else { panic!("opens") };
    server
        .connection
        .shutdown(at(10), Shutdown::Graceful { until: at(5000) });
    server.echo(1000, id);
    assert!(marked(&server.sent(1000)));
    let due = server.connection.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (at(1150), TimerKind::Drain));
    server.timeout(1150);
    assert_eq!(
        server.events(),
        [ServerEvent::Closed {
            reason: CloseReason::Shutdown
        }]
    );
    assert!(server.connection.is_drained());
}

#[test]
fn a_call_read_while_draining_is_answered() {
    let mut server = Server::new();
    server
        .connection
        .shutdown(at(0), Shutdown::Graceful { until: at(5000) });
    server.feed(100, &ttheader(0, 1, &[], &framed(1, "echo", 1)));
    let [id] = server.opened()[..] else { panic!("opens") };
    server.timeout(200);
    assert_eq!(server.events(), [], "the call holds the connection open");
    server.echo(300, id);
    assert!(marked(&server.sent(300)));
}

#[test]
fn patience_ends_at_the_deadline() {
    let mut server = Server::new();
    server.feed(0, &framed(1, "echo", 1));
    let [id] = server.opened()[..] else { panic!("opens") };
    server
        .connection
        .shutdown(at(0), Shutdown::Graceful { until: at(5000) });
    server.timeout(4999);
    assert_eq!(server.events(), []);
    server.timeout(5000);
    let cancelled = ServerEvent::Cancelled {
        id,
        reason: CancelReason::CallerGone,
    };
    assert_eq!(
        server.events(),
        [
            cancelled,
            ServerEvent::Closed {
                reason: CloseReason::Shutdown
            }
        ]
    );
    assert!(server.connection.is_drained());
}

#[test]
fn the_control_frame_waits_until_no_call_is_pending() {
    let mut server = Server::new();
    server.feed(0, &ttheader(1, 1, &[], &framed(1, "echo", 1)));
    let [id] = server.opened()[..] else { panic!("opens") };
    server
        .connection
        .shutdown(at(0), Shutdown::Graceful { until: at(5000) });
    assert_eq!(server.sent(0), b"");
    server.echo(100, id);
    let sent = server.sent(100);
    let control = hex(
        "0000002b 1000 0000 00000000 0004 00 00 01 0001 0005 6372727374 0001 31 00 \
         80010002 00000004 6e6f6e65 00000000 00",
    );
    assert!(sent.ends_with(&control) && marked(&sent[..sent.len() - control.len()]));
    assert_eq!(server.connection.poll_timeout().unwrap().at, at(1100));
    server.feed(500, &ttheader(1, 2, &[], &framed(1, "echo", 2)));
    let [late] = server.opened()[..] else {
        panic!("a call on its way is served")
    };
    server.echo(600, late);
    let sent = server.sent(600);
    assert!(!sent.ends_with(&control), "told once");
    assert_eq!(server.connection.poll_timeout().unwrap().at, at(1600));
}

#[test]
fn an_immediate_stop_cancels_and_closes() {
    let mut server = Server::new();
    server.feed(0, &framed(1, "echo", 1));
    let [id] = server.opened()[..] else { panic!("opens") };
    server.connection.shutdown(at(0), Shutdown::Immediate);
    let cancelled = ServerEvent::Cancelled {
        id,
        reason: CancelReason::CallerGone,
    };
    assert_eq!(
        server.events(),
        [
            cancelled,
            ServerEvent::Closed {
                reason: CloseReason::Shutdown
            }
        ]
    );

    let mut client = Client::with(multiplexed());
    let id = client.call(&[0]);
    client.sent(0);
    client.connection.shutdown(at(0), Shutdown::Graceful { until: at(100) });
    client.feed(50, &ttheader(0, 1, &[], &framed(2, "echo", 1)));
    assert_eq!(client.events(), [ClientEvent::Answered { id }]);
    client.connection.take_answer(id);
    assert_eq!(
        client.events(),
        [ClientEvent::Closed {
            reason: CloseReason::Shutdown
        }]
    );
}

#[test]
fn a_client_that_stops_ends_although_nobody_takes_its_last_bytes() {
    let mut client = Client::with(multiplexed());
    client.open("tell", b"\x00", RequestKind::Oneway, None);
    assert!(client.connection.poll_transmit(at(0), &mut client.out));
    client
        .connection
        .shutdown(at(0), Shutdown::Graceful { until: at(5000) });
    assert_eq!(client.events(), [], "the socket has not taken the request");
    let due = client.connection.poll_timeout().unwrap();
    assert_eq!((due.at, due.timer), (at(5000), TimerKind::Drain));
    client.connection.handle_timeout(at(5000));
    assert!(client.connection.is_drained());
}

#[test]
fn a_client_that_stops_ends_with_its_last_byte() {
    let mut client = Client::with(multiplexed());
    client.open("tell", b"\x00", RequestKind::Oneway, None);
    client
        .connection
        .shutdown(at(0), Shutdown::Graceful { until: at(5000) });
    assert!(!client.sent(0).is_empty());
    assert_eq!(
        client.events(),
        [ClientEvent::Closed {
            reason: CloseReason::Shutdown
        }]
    );
    assert!(client.connection.is_drained());
}
