//! Credit, once it is agreed on (SPEC TFC-3, TFC-10 to TFC-21, rules F6 to F13 of FC1), with exact frames.

use std::time::Duration;

use super::frames::{FC_LIMIT, Frame};
use super::rig::{BOTH, MIB, Side, charge, request, strings};
use crate::error::Disconnect;
use crate::http2::Role;
use crate::pingpong::Demand;
use crate::ttstream::*;

#[test]
fn f6_only_messages_are_charged() {
    let mut side = Side::fc_server(1, 1, |_| {});
    let id = side.opened(1, BOTH);
    side.connection
        .sender(id)
        .unwrap()
        .send_header(&strings(&[("k", "v")]))
        .unwrap();
    assert_eq!((side.send(id, ""), side.send(id, "")), (Ok(()), Err(SendError::Full)));
    side.finish(id, &Ending::Ok);
    assert_eq!(side.sent(), ["1 header k=v", "1 data", "1 trailer"]);

    let mut side = Side::fc_client(1, 1, |_| {});
    let ids = [side.open(BOTH), side.open(BOTH)];
    assert_eq!(
        (side.send(ids[0], ""), side.send(ids[1], "")),
        (Ok(()), Err(SendError::Full))
    );
    side.half_close(ids[0]);
    side.connection.cancel(ids[1], &Exception::foreign("x"));
    let mut sent: Vec<_> = side.frames().iter().map(|frame| (frame.id, frame.kind())).collect();
    sent.sort_by_key(|(id, _)| *id);
    let expected = [
        (1, "header"),
        (1, "data"),
        (1, "trailer"),
        (2, "header"),
        (2, "rst"),
        (2, "trailer"),
    ];
    assert_eq!(sent, expected);
}

#[test]
fn f6_a_queued_message_costs_no_more_than_its_charge() {
    for length in [0, 1, 100, 1000, 5000, 9000, 100_000] {
        let mut side = Side::fc_server(16 * MIB, 16 * MIB, |_| {});
        let id = side.opened(1, BOTH);
        let idle = side.connection.usage() as u64;
        let count = 2 * MIB / charge(length);
        let frames: Vec<_> = (0..count).map(|_| Frame::data(1, vec![7; length])).collect();
        side.feed(&frames);
        let (used, charged) = (side.connection.usage() as u64 - idle, count * charge(length));
        assert!(used <= charged, "{used} bytes for {charged}");
        assert_eq!(side.pulled(id).len() as u64, count);
        side.sent();
        assert_eq!(side.connection.usage() as u64, idle);
    }
}

#[test]
fn f7_the_last_message_may_go_beyond_the_limit() {
    let mut side = Side::fc_client(1000, 1000, |_| {});
    let id = side.open(BOTH);
    side.send_long(id, 5_000_000).unwrap();
    assert_eq!(side.send(id, ""), Err(SendError::Full));
    let sent = charge(5_000_000);
    side.sent();
    side.feed(&[Frame::limit(0, sent + 1), Frame::limit(1, sent)]);
    assert_eq!(side.send(id, ""), Err(SendError::Full));
    side.feed(&[Frame::limit(1, sent + 1)]);
    side.send_long(id, 5_000_000).unwrap();
    assert_eq!(side.send(id, ""), Err(SendError::Full));
}

#[test]
fn f8_limits_rise_by_half_a_window_and_no_less() {
    let step = charge(100);
    let mut side = Side::fc_server(40 * step, 10 * step, |_| {});
    let id = side.opened(1, BOTH);
    let mut seen = Vec::new();
    for _ in 0..40 {
        side.feed(&[Frame::data(1, vec![0; 100])]);
        assert_eq!(side.pull_one(id), Some(100));
        seen.extend(side.sent());
    }
    let stream = (1..=8).map(|n| format!("1 meta fc02={}", (5 * n + 10) * step));
    let connection = (1..=2).map(|n| format!("0 meta fc02={}", (20 * n + 40) * step));
    let mut expected: Vec<_> = stream.chain(connection).collect();
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
}

#[test]
fn f8_one_grant_waits_at_most_and_it_is_the_newest() {
    let mut side = Side::fc_server(MIB, 100_000, |_| {});
    let id = side.opened(1, BOTH);
    for _ in 0..90 {
        side.feed(&[Frame::data(1, vec![0; 900])]);
        assert_eq!(side.pull_one(id), Some(900));
    }
    assert_eq!(side.sent(), [format!("1 meta fc02={}", 90 * charge(900) + 100_000)]);
}

#[test]
fn f8_grants_that_are_not_larger_or_not_numbers_are_ignored() {
    let mut side = Side::fc_client(MIB, 1000, |_| {});
    let id = side.open(BOTH);
    let sent = side.send_all(id, 0);
    assert_eq!(sent, 1000_u64.div_ceil(charge(0)));
    side.told();
    for value in [
        "",
        "x",
        "-1",
        "0",
        "1000",
        "999",
        "5000x",
        " 5000",
        "+5000",
        "5e3",
        "99999999999999999999",
        "5,6",
    ] {
        side.feed(&[Frame::meta(1).int(FC_LIMIT, value), Frame::meta(0).int(FC_LIMIT, value)]);
        assert_eq!(
            (side.told(), side.send(id, "")),
            (vec![], Err(SendError::Full)),
            "{value}"
        );
    }
    // Nor do frames of other types grant anything, nor one for another stream.
    side.feed(&[
        Frame::limit(2, 5000),
        Frame::data(1, "x").int(FC_LIMIT, "5000"),
        Frame::header(1).int(FC_LIMIT, "5000"),
    ]);
    assert_eq!(side.send(id, ""), Err(SendError::Full));
    side.feed(&[Frame::limit(1, u64::MAX), Frame::limit(1, 5)]);
    side.send(id, "").unwrap();
}

/// Whatever becomes of messages that nobody takes, their room comes back to the connection.
#[test]
fn f8_dropped_messages_count_as_taken() {
    type End = fn(&mut Side, StreamId);
    let ends: [(&str, End); 4] = [
        ("finished unread", |side, id| side.finish(id, &Ending::Ok)),
        ("reset and released", |side, id| {
            side.feed(&[Frame::rst(id.get(), "A", 12007, "gone")]);
            side.connection.release(id);
        }),
        ("reset and finished", |side, id| {
            side.feed(&[Frame::rst(id.get(), "A", 12007, "gone")]);
            side.finish(id, &Ending::Ok);
        }),
        ("cancelled", |side, id| {
            side.connection.cancel(id, &Exception::foreign("x"));
            side.finish(id, &Ending::Ok);
        }),
    ];
    for (what, end) in ends {
        let mut side = Side::fc_server(10_000, 10_000, |_| {});
        let id = side.opened(1, BOTH);
        for _ in 0..6 {
            side.feed(&[Frame::data(1, vec![0; 1000])]);
        }
        end(&mut side, id);
        let grant = format!("0 meta fc02={}", 6 * charge(1000) + 10_000);
        assert!(side.sent().contains(&grant), "{what}");
        // What is still under way to it, too.
        for _ in 0..6 {
            side.feed(&[Frame::data(1, vec![0; 1000])]);
        }
        let grant = format!("0 meta fc02={}", 12 * charge(1000) + 10_000);
        let sent = side.sent();
        assert!(sent.contains(&grant), "{what}: {sent:?}");
        assert!(!sent.iter().any(|frame| frame.starts_with("1 ")), "{what}: {sent:?}");
    }
}

#[test]
fn f8_messages_that_a_client_drops_count_as_taken() {
    let mut side = Side::fc_client(10_000, 10_000, |_| {});
    for n in 1..=200_u64 {
        let id = side.open(BOTH);
        side.feed(&[Frame::data(id.get(), vec![0; 900]), Frame::data(id.get(), vec![0; 900])]);
        match n % 4 {
            0 => side.feed(&[Frame::trailer(id.get())]),
            1 => side.feed(&[Frame::rst(id.get(), "", 6, "x")]),
            2 => side.connection.cancel(id, &Exception::canceled_by_user()),
            _ => {}
        }
        side.connection.release(id);
        side.feed(&[Frame::data(id.get(), vec![0; 900])]);
        let taken = n * 3 * charge(900);
        let limit = side
            .frames()
            .iter()
            .rev()
            .find_map(|frame| frame.get_int(FC_LIMIT)?.parse::<u64>().ok());
        if let Some(limit) = limit {
            assert!(limit <= taken + 10_000 && limit > taken + 5_000, "{limit} at {taken}");
        }
    }
    assert_eq!(side.connection.close_reason(), None);
}

#[test]
fn f9_a_stream_that_does_not_obey_is_reset() {
    let mut side = Side::fc_server(MIB, 1000, |_| {});
    let (id, other) = (side.opened(1, BOTH), side.opened(2, BOTH));
    side.feed(&[Frame::data(1, vec![0; 5000])]);
    assert_eq!((side.told(), side.sent()), (vec![], vec![]), "an overshoot is legal");
    side.feed(&[Frame::data(1, "x"), Frame::data(1, "y"), Frame::trailer(1)]);
    assert_eq!(side.told(), ["ended 1"]);
    let text = "12011 flow control: stream limit exceeded";
    let sent: Vec<_> = side
        .sent()
        .into_iter()
        .filter(|frame| !frame.starts_with("1 trailer"))
        .collect();
    assert!(
        sent.len() == 1 && sent[0].starts_with("1 rst ") && sent[0].ends_with(text),
        "{sent:?}"
    );
    assert!(side.ending(id).contains(&text[6..]), "{}", side.ending(id));
    side.finish(id, &Ending::Ok);
    side.feed(&[Frame::data(2, "fine")]);
    assert_eq!(side.pulled(other), ["fine"]);
    assert!(!side.sent().iter().any(|frame| frame.starts_with("1 header")));
}

#[test]
fn f9_a_server_that_does_not_obey_is_cancelled() {
    let mut side = Side::fc_client(MIB, 1000, |config| config.service_name = "A".to_owned());
    let id = side.open(BOTH);
    side.sent();
    side.feed(&[Frame::header(1), Frame::data(1, vec![0; 1000]), Frame::data(1, "x")]);
    assert_eq!(
        side.sent(),
        ["1 rst ttscp=A 12011 flow control: stream limit exceeded", "1 trailer"]
    );
    assert!(side.ending(id).contains("code=12011"), "{}", side.ending(id));
    assert!(side.ending(id).ends_with("flow control: stream limit exceeded"));
}

#[test]
fn f9_a_connection_that_does_not_obey_is_closed() {
    for mut side in [Side::fc_server(1000, MIB, |_| {}), Side::fc_client(1000, MIB, |_| {})] {
        let ids = if side.connection.role() == Role::Client {
            [side.open(BOTH), side.open(BOTH)]
        } else {
            [side.opened(1, BOTH), side.opened(2, BOTH)]
        };
        side.feed(&[Frame::data(1, vec![0; 1000])]);
        assert_eq!(side.connection.close_reason(), None);
        side.feed(&[Frame::data(2, "x")]);
        let told = side.told();
        assert!(told.last().unwrap().starts_with("closed: "), "{told:?}");
        assert!(told.last().unwrap().contains("flow control"), "{told:?}");
        for id in ids {
            assert!(
                side.ending(id).contains("[ttstream error, code=12004] "),
                "{}",
                side.ending(id)
            );
        }
    }
}

/// A charge that is just the window leaves nothing, and what is just below it leaves one message.
#[test]
fn f9_the_limit_is_where_it_says() {
    let exact = 1000 - usize::try_from(charge(0)).unwrap();
    for (length, taken) in [(exact, 1), (exact - 1, 2)] {
        for (connection, stream) in [(MIB, 1000), (1000, MIB)] {
            let mut side = Side::fc_server(connection, stream, |_| {});
            let id = side.opened(1, BOTH);
            for n in 1..=3 {
                side.feed(&[Frame::data(1, vec![0; length])]);
                assert_eq!(
                    side.connection.is_over(id),
                    n > taken,
                    "{length} {connection} {stream} {n}"
                );
            }

            let mut side = Side::fc_client(connection, stream, |_| {});
            let id = side.open(BOTH);
            assert_eq!(side.send_all(id, length), taken);
        }
    }
}

/// Data for a stream that is gone counts, and is not a way around the connection's limit.
#[test]
fn f9_data_of_nobody_counts_against_the_connection() {
    let mut side = Side::fc_server(10_000, 10_000, |_| {});
    let mut limit = 0;
    for n in 1..=1000 {
        side.feed(&[Frame::data(7, vec![0; 1000])]);
        for frame in side.frames() {
            assert_eq!(frame.id, 0);
            limit = frame.get_int(FC_LIMIT).unwrap().parse::<u64>().unwrap();
        }
        assert!(limit <= n * charge(1000) + 10_000);
    }
    assert!(limit > 1000 * charge(1000) + 5_000, "{limit}");
    for _ in 0..10 {
        side.feed(&[Frame::data(7, vec![0; 10_000])]);
    }
    assert!(
        side.told()
            .last()
            .unwrap()
            .contains("flow control: connection limit exceeded")
    );
}

#[test]
fn f10_reading_does_not_wait_for_writing() {
    let mut side = Side::fc_server(16 * MIB, 16 * MIB, |_| {});
    let (busy, other) = (side.opened(1, BOTH), side.opened(2, BOTH));
    while side.send_long(busy, 10_000).is_ok() {}
    for n in 0..1000 {
        assert_eq!(side.connection.read_demand(), Demand::Read, "{n}");
        side.feed(&[Frame::data(2, vec![0; 5000])]);
    }
    assert_eq!(side.pulled(other).len(), 1000);
}

#[test]
fn f10_grants_resets_and_trailers_overtake_messages() {
    let mut side = Side::fc_server(16 * MIB, MIB, |_| {});
    let ids = [1, 2, 3].map(|id| side.opened(id, BOTH));
    while side.send_long(ids[0], 10_000).is_ok() {}
    side.feed(&[Frame::data(2, vec![0; 600_000])]);
    assert_eq!(side.pull_one(ids[1]), Some(600_000));
    side.connection.cancel(ids[2], &Exception::foreign("x"));
    side.finish(ids[1], &Ending::Ok);
    let frames: Vec<_> = side.frames().iter().map(|frame| (frame.id, frame.kind())).collect();
    let at = |id, kind| {
        frames
            .iter()
            .position(|frame| *frame == (id, kind))
            .unwrap_or_else(|| panic!("{frames:?}"))
    };
    let last = frames.iter().rposition(|frame| *frame == (1, "data")).unwrap();
    assert!(at(3, "rst") < last, "{frames:?}");
    assert!(
        at(2, "header") < at(2, "trailer") && at(2, "trailer") < last,
        "{frames:?}"
    );
}

#[test]
fn f10_nothing_but_messages_waits_for_credit() {
    let mut side = Side::fc_client(1000, 1000, |_| {});
    let ids = [side.open(BOTH), side.open(BOTH)];
    side.send_all(ids[0], 500);
    assert_eq!(side.send(ids[1], ""), Err(SendError::Full));
    side.half_close(ids[1]);
    assert_eq!(side.sent(), ["2 trailer"]);
    side.connection.cancel(ids[0], &Exception::canceled_by_user());
    assert!(side.sent()[0].starts_with("1 rst "));
    assert_eq!(side.open("up").get(), 3);
}

#[test]
fn f10_a_sender_that_waits_is_woken_by_every_end() {
    type End = fn(&mut Side);
    let ends: [End; 5] = [
        |side| side.feed(&[Frame::limit(1, 5000)]),
        |side| side.feed(&[Frame::rst(1, "", 6, "x")]),
        |side| side.feed(&[Frame::trailer(1)]),
        |side| side.wait(Duration::from_secs(9)),
        |side| side.connection.handle_disconnect(side.now, Disconnect::ReadEnd),
    ];
    for (expected, end) in ["writable 1", "ended 1", "ended 1", "ended 1", "ended 1"]
        .into_iter()
        .zip(ends)
    {
        let mut side = Side::fc_client(MIB, 1000, |_| {});
        let request = Request {
            deadline: Some(side.now + Duration::from_secs(9)),
            ..request(BOTH)
        };
        let id = side.connection.open(side.now, &request).unwrap();
        side.send_all(id, 500);
        side.told();
        end(&mut side);
        assert_eq!(side.told()[0], expected);
    }
}

/// Every stream that waits for the connection's credit is woken, and only those.
#[test]
fn f10_connection_credit_wakes_all_that_wait() {
    let mut side = Side::fc_client(1000, MIB, |_| {});
    let ids = [side.open(BOTH), side.open(BOTH), side.open(BOTH)];
    side.send_all(ids[0], 500);
    assert_eq!(side.send(ids[1], ""), Err(SendError::Full));
    side.told();
    side.feed(&[Frame::limit(0, 100_000)]);
    let mut told = side.told();
    told.sort();
    assert_eq!(told, ["writable 1", "writable 2"]);
    for id in ids {
        side.send(id, "x").unwrap();
    }
}

#[test]
fn f11_a_direction_that_has_ended_gets_no_grants() {
    let mut side = Side::fc_server(100_000, 1000, |_| {});
    for (id, end) in (1..).zip([Frame::trailer(0), Frame::rst(0, "A", 12007, "gone")]) {
        let id = side.opened(id, BOTH);
        let end = Frame { id: id.get(), ..end };
        side.feed(&[Frame::data(id.get(), vec![0; 900]), end]);
        assert_eq!(side.pull_one(id), Some(900));
        assert_eq!(side.sent(), [""; 0]);
        side.finish(id, &Ending::Ok);
        side.sent();
        side.told();
    }
    // One that waits when the end comes is not worth sending either.
    let id = side.opened(3, BOTH);
    side.feed(&[Frame::data(3, vec![0; 900])]);
    assert_eq!(side.pull_one(id), Some(900));
    side.feed(&[Frame::trailer(3)]);
    assert_eq!(side.sent(), [""; 0]);
}

/// SPEC TFC-1: what a peer that knows none of it has to put up with.
#[test]
fn frames_of_flow_control_are_meta_frames_with_int_keys_alone() {
    let mut side = Side::fc_client(10_000, 5000, |_| {});
    let mut frames = Vec::new();
    for _ in 0..100 {
        let id = side.open(BOTH);
        side.feed(&[Frame::header(id.get()), Frame::data(id.get(), vec![0; 4000])]);
        side.pulled(id);
        frames.extend(side.frames());
        side.feed(&[Frame::trailer(id.get())]);
        side.connection.release(id);
    }
    let meta: Vec<_> = frames.iter().filter(|frame| frame.kind() == "meta").collect();
    assert!(meta.len() > 50);
    for frame in meta {
        assert!(frame.strings.is_empty() && frame.payload.is_empty(), "{frame}");
        assert!(frame.get_int(9).is_none_or(|method| !method.is_empty()));
        assert_eq!(frame.bytes().len() % 4, 2, "nothing but header information");
    }
}

#[test]
fn f10_credit_that_comes_while_the_queue_is_full_is_told_when_there_is_room() {
    let mut side = Side::fc_client(16 * MIB, 1000, |config| config.send_buffer = 4096);
    let (waits, fills) = (side.open(BOTH), side.open(BOTH));
    side.send_long(waits, 2000).unwrap();
    assert_eq!(side.send(waits, ""), Err(SendError::Full));
    side.sent();
    side.send_long(fills, 8000).unwrap();
    side.feed(&[Frame::limit(1, 16 * MIB)]);
    assert_eq!(side.told(), [""; 0]);
    side.sent();
    assert_eq!(side.told(), ["writable 1"]);
    side.send(waits, "").unwrap();
}
