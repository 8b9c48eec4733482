//! Time limits, ends of connections, and memory that is given back.

use std::time::Duration;

use super::duo::Duo;
use super::frames::Frame;
use super::rig::{BOTH, Side, request, stream};
use crate::error::Disconnect;
use crate::pingpong::{Demand, Shutdown};
use crate::time::TimerKind;
use crate::ttstream::*;

#[test]
fn a_single_request_has_thirty_seconds() {
    let mut side = Side::server(|_| {});
    side.feed(&[
        Frame::open(1, "down"),
        Frame::open(2, "down"),
        Frame::open(3, BOTH),
        Frame::open(4, "up"),
    ]);
    side.wait(Duration::from_secs(29));
    side.feed(&[Frame::data(2, "ask")]);
    assert_eq!(side.told(), ["opened 3", "opened 4", "opened 2"]);
    side.wait(Duration::from_secs(1));
    let (told, sent) = (side.told(), side.sent());
    assert!(told.len() == 1 && told[0].starts_with("refused 1 "), "{told:?}");
    assert_eq!(sent, ["1 header", "1 trailer 6 the request did not come in time"]);
    side.wait(Duration::from_secs(100));
    assert_eq!((side.told(), side.sent()), (vec![], vec![]), "streams may be silent");
    assert_eq!(side.connection.open_streams(), 3);
}

#[test]
fn idle_servers_close_after_ten_minutes() {
    let mut side = Side::server(|_| {});
    side.serves_well(1);
    let due = side.connection.poll_timeout().unwrap();
    assert_eq!(
        (due.at, due.timer),
        (side.now + Duration::from_secs(600), TimerKind::Idle)
    );
    side.opened(2, BOTH);
    side.wait(Duration::from_secs(10_000));
    assert_eq!(side.connection.close_reason(), None);
    side.finish(stream(2), &Ending::Ok);
    side.sent();
    side.wait(Duration::from_secs(599));
    assert_eq!(side.connection.close_reason(), None);
    side.wait(Duration::from_secs(1));
    assert_eq!(side.told(), ["closed: timed out (Idle)"]);
    assert!(side.connection.is_drained());
}

#[test]
fn idle_clients_close_after_a_minute() {
    let mut side = Side::stock_client(|_| {});
    side.calls_well();
    side.wait(Duration::from_secs(59));
    assert_eq!(side.connection.close_reason(), None);
    side.calls_well();
    side.wait(Duration::from_secs(59));
    assert_eq!(side.connection.close_reason(), None);
    side.wait(Duration::from_secs(1));
    assert_eq!(side.told(), ["closed: timed out (Idle)"]);
}

/// What was received outlives its connection.
#[test]
fn messages_can_be_taken_when_the_connection_is_gone() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.feed(&[
        Frame::header(1),
        Frame::data(1, "a"),
        Frame::data(1, vec![0; 20_000]),
        Frame::trailer(1),
    ]);
    side.sent();
    side.wait(Duration::ZERO);
    side.wait(Duration::from_secs(1000));
    side.connection.handle_disconnect(side.now, Disconnect::ReadEnd);
    assert_eq!(side.pulled(id), ["a", "20000 bytes", "end"]);
    assert_eq!(side.ending(id), "ok");
    side.connection.release(id);
    assert_eq!(side.connection.usage(), 0);
}

/// The owner may say what its streams end with.
#[test]
fn an_aborted_connection_says_why() {
    let mut side = Side::stock_client(|_| {});
    let (id, over) = (side.open(BOTH), side.open(BOTH));
    side.feed(&[Frame::data(1, "a"), Frame::trailer(2)]);
    side.sent();
    side.told();
    side.connection
        .abort(side.now, &Exception::connection_closed("replaced"));
    assert_eq!(side.told(), ["ended 1", "closed: shut down"]);
    assert_eq!(side.pulled(id), ["a", "failed"]);
    assert_eq!(side.ending(id), "Protocol [ttstream error, code=12006] replaced");
    assert_eq!(side.ending(over), "ok");
    side.sent();
    assert!(side.connection.is_drained());
}

/// A connection that has never had a stream is idle too.
#[test]
fn unused_connections_close() {
    for (mut side, after) in [(Side::client(|_| {}), 60), (Side::server(|_| {}), 600)] {
        side.sent();
        side.wait(Duration::from_secs(after));
        assert!(side.told().last().unwrap().starts_with("closed: "));
        assert!(side.connection.is_drained());
    }
}

#[test]
fn deadlines_come_in_their_order() {
    let mut side = Side::stock_client(|_| {});
    let ids = [5, 1, 3].map(|seconds| {
        let request = Request {
            deadline: Some(side.now + Duration::from_secs(seconds)),
            ..request(BOTH)
        };
        side.connection.open(side.now, &request).unwrap()
    });
    assert_eq!(ids.map(StreamId::get), [1, 2, 3]);
    let mut told = Vec::new();
    for _ in 0..5 {
        let due = side.connection.poll_timeout().unwrap();
        side.wait(due.at - side.now);
        told.extend(side.told());
        if told.len() == 3 {
            break;
        }
    }
    assert_eq!(told, ["ended 2", "ended 3", "ended 1"]);
    let request = Request {
        deadline: Some(side.now),
        ..request(BOTH)
    };
    assert_eq!(side.connection.open(side.now, &request), Err(OpenError::DeadlinePassed));
}

#[test]
fn calling_early_or_often_changes_nothing() {
    let mut side = Side::stock_client(|_| {});
    let request = Request {
        deadline: Some(side.now + Duration::from_secs(1)),
        ..request(BOTH)
    };
    side.connection.open(side.now, &request).unwrap();
    side.sent();
    for _ in 0..100 {
        side.wait(Duration::ZERO);
    }
    assert_eq!((side.told(), side.sent()), (vec![], vec![]));
    side.wait(Duration::from_secs(1));
    side.wait(Duration::ZERO);
    assert_eq!(side.told(), ["ended 1"]);
}

#[test]
fn a_write_that_stalls_ends_the_connection() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.stuck();
    side.wait(Duration::from_secs(30));
    assert!(side.told().last().unwrap().contains("timed out (WriteStall)"));
    assert!(side.ending(id).contains("code=12006"), "{}", side.ending(id));
}

/// A client that drains lets its streams end and opens no more.
#[test]
fn a_client_drains() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.sent();
    let until = side.now + Duration::from_secs(5);
    side.connection.shutdown(side.now, Shutdown::Graceful { until });
    assert_eq!(side.connection.open(side.now, &request(BOTH)), Err(OpenError::Draining));
    side.feed(&[Frame::header(1), Frame::data(1, "a"), Frame::trailer(1)]);
    assert_eq!(side.pulled(id), ["a", "end"]);
    side.connection.release(id);
    side.sent();
    assert_eq!(side.told().last().unwrap(), "closed: shut down");
    assert!(side.connection.is_drained());
}

#[test]
fn a_client_that_drains_too_long_cancels_the_rest() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.sent();
    let until = side.now + Duration::from_secs(5);
    side.connection.shutdown(side.now, Shutdown::Graceful { until });
    side.wait(Duration::from_secs(5));
    let told = side.told();
    assert!(told.contains(&"ended 1".to_owned()), "{told:?}");
    assert_eq!(told.last().unwrap(), "closed: shut down");
    assert!(side.ending(id).contains("[ttstream error, code="));
    side.sent();
    assert!(side.connection.is_drained());
}

#[test]
fn draining_without_a_stream_is_over_at_once() {
    for mut side in [Side::stock_client(|_| {}), Side::server(|_| {})] {
        let until = side.now + Duration::from_secs(5);
        side.connection.shutdown(side.now, Shutdown::Graceful { until });
        side.sent();
        assert_eq!(side.told().last().unwrap(), "closed: shut down");
        assert!(side.connection.is_drained());
        assert_eq!(side.connection.poll_timeout(), None);
    }
}

/// A stream that no handler was told of ends without one.
#[test]
fn requests_that_are_not_whole_end_with_their_server() {
    for how in [0, 1] {
        let mut side = Side::server(|_| {});
        side.feed(&[Frame::open(1, "down")]);
        match how {
            0 => side.connection.shutdown(side.now, Shutdown::Immediate),
            _ => {
                let until = side.now + Duration::from_secs(5);
                side.connection.shutdown(side.now, Shutdown::Graceful { until });
                assert_eq!(side.told(), [""; 0]);
                side.wait(Duration::from_secs(5));
            }
        }
        let told = side.told();
        assert!(!told.contains(&"ended 1".to_owned()), "{told:?}");
        assert_eq!(told.last().unwrap(), "closed: shut down");
        assert_eq!(side.connection.open_streams(), 0);
        side.sent();
        assert!(side.connection.is_drained());
    }
}

#[test]
fn an_immediate_stop_ends_every_stream() {
    let mut side = Side::server(|_| {});
    let ids = [side.opened(1, BOTH), side.opened(2, "up")];
    side.connection.shutdown(side.now, Shutdown::Immediate);
    assert_eq!(side.told(), ["ended 1", "ended 2", "closed: shut down"]);
    assert_eq!(side.connection.read_demand(), Demand::Stop);
    for id in ids {
        assert!(
            side.ending(id).starts_with("Canceled [ttstream error, code=12013] "),
            "{}",
            side.ending(id)
        );
        side.finish(id, &Ending::Ok);
    }
    side.sent();
    assert!(side.connection.is_drained());
}

/// Whatever a stream was about to do, the end of its connection ends it once, and leaves nothing.
#[test]
fn a_connection_may_be_lost_in_every_state() {
    type Step = fn(&mut Side, StreamId);
    let steps: [Step; 8] = [
        |_, _| {},
        |side, id| side.feed(&[Frame::header(id.get())]),
        |side, id| side.feed(&[Frame::data(id.get(), "x")]),
        |side, id| drop(side.send_long(id, 100_000)),
        |side, id| side.half_close(id),
        |side, id| side.connection.cancel(id, &Exception::canceled_by_user()),
        |side, id| side.feed(&[Frame::rst(id.get(), "", 6, "x")]),
        |side, id| side.feed(&[Frame::trailer(id.get())]),
    ];
    for (at, step) in steps.into_iter().enumerate() {
        for why in [Disconnect::ReadEnd, Disconnect::ReadFailed, Disconnect::WriteFailed] {
            let mut side = Side::client(|_| {});
            let id = side.open(BOTH);
            step(&mut side, id);
            side.connection.handle_disconnect(side.now, why);
            side.connection.handle_disconnect(side.now, why);
            let told = side.told();
            assert_eq!(
                told.iter().filter(|event| *event == "ended 1").count(),
                1,
                "{at}: {told:?}"
            );
            assert_eq!(
                told.iter().filter(|event| event.starts_with("closed")).count(),
                1,
                "{at}: {told:?}"
            );
            assert!(told.last().unwrap().starts_with("closed"));
            assert!(
                matches!(side.send(id, "x"), Err(SendError::Over | SendError::Finished)),
                "{at}"
            );
            side.connection.release(id);
            side.sent();
            assert_eq!(
                (side.connection.open_streams(), side.connection.usage()),
                (0, 0),
                "{at}"
            );
            assert!(side.connection.is_drained());
            assert_eq!(side.connection.read_demand(), Demand::Stop);
            assert_eq!(side.connection.poll_timeout(), None, "{at}");
        }
    }
}

/// What the peer wrote before it closed is not lost.
#[test]
fn the_end_of_reading_comes_behind_what_was_read() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    side.feed(&[Frame::header(1), Frame::data(1, "a"), Frame::trailer(1)]);
    side.connection.handle_disconnect(side.now, Disconnect::ReadEnd);
    assert_eq!(side.pulled(id), ["a", "end"]);
    assert_eq!(side.ending(id), "ok");
}

#[test]
fn a_hundred_thousand_streams_leave_nothing() {
    let mut duo = Duo::new(Config::default(), Config::default());
    duo.settle();
    let message = bytes::Bytes::from_static(b"hello");
    for _ in 0..1_000 {
        let ids = [(); 100].map(|()| duo.client.open(duo.now, &request(BOTH)).unwrap());
        for id in ids {
            duo.client.sender(id).unwrap().send(&message).unwrap();
        }
        duo.settle();
        for (n, id) in ids.into_iter().enumerate() {
            match n % 5 {
                0 => duo.client.release(id),
                1 => duo.client.cancel(id, &Exception::canceled_by_user()),
                2 => duo.server.finish(id, &Ending::Ok, &Strings::new()),
                _ => {
                    duo.server.sender(id).unwrap().send(&message).unwrap();
                    duo.client.sender(id).unwrap().finish().unwrap();
                }
            }
        }
        duo.settle();
        for id in ids {
            duo.server.finish(id, &Ending::Ok, &Strings::new());
        }
        duo.settle();
        for id in ids {
            duo.client.release(id);
        }
        while duo.server.poll_event().is_some() || duo.client.poll_event().is_some() {}
        for connection in [&duo.client, &duo.server] {
            assert_eq!((connection.open_streams(), connection.usage()), (0, 0));
            assert!(connection.close_reason().is_none());
        }
    }
    assert_eq!(duo.unread(), (0, 0));
    for connection in [&duo.client, &duo.server] {
        assert_eq!(connection.poll_timeout().map(|due| due.timer), Some(TimerKind::Idle));
    }
}

#[test]
fn memory_is_given_back_between_streams_and_within_them() {
    let mut side = Side::server(|_| {});
    let id = side.opened(1, BOTH);
    side.feed(&[Frame::data(1, vec![0; 5000]), Frame::data(1, vec![0; 5 << 20])]);
    side.send_long(id, 100_000).unwrap();
    side.connection.release_memory();
    assert_eq!(
        side.pulled(id),
        ["5000 bytes", "5242880 bytes"],
        "nothing is lost by it"
    );
    assert_eq!(side.sent(), ["1 header", "1 data 100000 bytes"]);
    side.connection.release_memory();
    assert!(side.connection.usage() < 1000, "{}", side.connection.usage());
    side.feed(&[Frame::data(1, "x")]);
    assert_eq!(side.pulled(id), ["x"]);
    side.finish(id, &Ending::Ok);
    side.told();
    side.assert_empty();
    side.connection.release_memory();
    side.serves_well(1);
}

/// Output wakes the writer only when it has to.
#[test]
fn what_reading_leads_to_is_told_to_the_writer() {
    let mut side = Side::fc_server(1000, 1000, |_| {});
    let id = side.opened(1, BOTH);
    assert!(!side.connection.has_output());
    side.feed(&[Frame::data(1, vec![0; 900])]);
    side.pull_one(id);
    assert!(side.connection.has_output(), "a limit that has risen");
    side.sent();
    assert!(!side.connection.has_output() && !side.connection.wants_turn());
}

#[test]
fn a_client_without_room_is_told_when_there_is() {
    let mut side = Side::stock_client(|config| config.max_streams = 1);
    let id = side.open(BOTH);
    for _ in 0..3 {
        assert_eq!(
            side.connection.open(side.now, &request(BOTH)),
            Err(OpenError::TooManyStreams)
        );
    }
    side.sent();
    side.connection.release(id);
    assert!(side.connection.wants_turn());
    assert_eq!(side.told(), ["available"]);
    side.calls_well();
}
