//! How flow control is agreed on (SPEC TFC-1 to TFC-9, rules F1 to F5 of FC1), with exact frames.

use std::time::Duration;

use super::frames::{FC_SETTINGS, Frame};
use super::rig::{BOTH, MIB, Side, charge, stream, windows};
use crate::config::Switch;
use crate::ttstream::*;

/// Sends far more than any window of these tests.
fn assert_unlimited(side: &mut Side, id: StreamId) {
    for _ in 0..150 {
        if side.send_long(id, 10_000).is_err() {
            side.sent();
            side.send_long(id, 10_000).unwrap();
        }
    }
    side.sent();
}

/// A client that has not had an answer yet, with one stream.
fn unanswered() -> (Side, StreamId) {
    let mut side = Side::client(|config| windows(config, MIB, MIB));
    let id = side.open(BOTH);
    assert_eq!(side.sent(), ["0 meta fc01=1,1048576,1048576", "1 header isn=Stream"]);
    (side, id)
}

#[test]
fn f1_a_client_offers_before_anything_else() {
    let mut side = Side::client(|_| {});
    side.open(BOTH);
    let frames = side.frames();
    assert_eq!(frames[0], Frame::settings("1,16777216,1048576"));
    assert_eq!(frames.len(), 2);
}

#[test]
fn f1_an_offer_that_comes_later_is_none() {
    for first in [
        Frame::open(1, BOTH),
        Frame::data(9, "x"),
        Frame::meta(0).int(400, "x"),
        Frame::meta(5),
        Frame::ack(),
    ] {
        let mut side = Side::server(|config| windows(config, 1000, 1000));
        side.feed(&[first, Frame::settings("1,1,1"), Frame::ack(), Frame::open(2, BOTH)]);
        let id = stream(2);
        assert_unlimited(&mut side, id);
        side.feed(&[Frame::data(2, vec![0; 5000]), Frame::data(2, "x")]);
        assert_eq!(side.pulled(id), ["5000 bytes", "x"]);
        assert_eq!(side.sent(), [""; 0], "no frame of flow control");
    }
}

#[test]
fn f2_the_answer_is_the_first_frame() {
    let mut side = Side::server(|_| {});
    side.feed(&[
        Frame::settings("1,500,400"),
        Frame::open(1, "nothing"),
        Frame::open(2, BOTH),
    ]);
    side.finish(stream(2), &Ending::Ok);
    let sent = side.frames();
    assert_eq!(sent[0], Frame::settings("1,16777216,1048576"));
    assert_eq!(sent.len(), 4);
}

#[test]
fn f2_the_smaller_version_is_in_force() {
    let mut side = Side::server(|_| {});
    side.feed(&[Frame::settings("2,500,400")]);
    assert_eq!(side.frames(), [Frame::settings("1,16777216,1048576")]);
}

/// What is no offer, or no answer.
const MALFORMED: [&str; 13] = [
    "",
    "1",
    "1,2",
    "x,1,1",
    "1,-1,1",
    "1,1,",
    "1, 1,1",
    "+1,1,1",
    "1,+1,1",
    "1,1,18446744073709551616",
    "1,0,1",
    "1,1,0",
    "0,1,1",
];

#[test]
fn f2_an_offer_that_cannot_be_read_is_none() {
    for value in MALFORMED {
        let mut side = Side::server(|config| windows(config, 1000, 1000));
        side.feed(&[Frame::settings(value), Frame::settings("1,1,1"), Frame::open(1, BOTH)]);
        assert_unlimited(&mut side, stream(1));
        assert_eq!(side.sent(), [""; 0], "{value}");
    }
}

#[test]
fn f2_an_answer_that_cannot_be_read_or_declines_is_none() {
    for value in MALFORMED {
        let (mut side, id) = unanswered();
        side.feed(&[Frame::settings(value), Frame::header(1)]);
        assert_eq!(side.sent(), [""; 0], "{value}: nothing to acknowledge");
        assert_unlimited(&mut side, id);
    }
    let (mut side, id) = unanswered();
    side.send_all(id, 10_000);
    side.feed(&[Frame::settings("0,0,0")]);
    assert!(side.told().contains(&"writable 1".to_owned()), "declined at once");
    assert_unlimited(&mut side, id);
    side.feed(&[Frame::settings("1,5,5")]);
    assert_eq!(side.sent(), [""; 0]);
}

/// SPEC TFC-1: what else such a frame holds does not matter.
#[test]
fn f2_other_keys_and_payloads_of_such_frames_are_ignored() {
    let more = |frame: Frame| frame.int(9, "bidi").int(400, "x").text("k", "v").body("junk");
    let mut side = Side::server(|_| {});
    side.feed(&[more(Frame::settings("1,1000,1000"))]);
    assert_eq!(side.sent(), ["0 meta fc01=1,16777216,1048576"]);
    let id = side.opened(1, BOTH);
    assert_eq!(side.send_all(id, 0), 1000_u64.div_ceil(charge(0)));
    side.feed(&[more(Frame::limit(1, 5000)), more(Frame::limit(0, 5000))]);
    assert_eq!(side.told(), ["writable 1"]);
}

/// SPEC TFC-20: limits of stream 0 would be taken for the connection's.
#[test]
fn f2_no_stream_zero_beside_flow_control() {
    let mut side = Side::fc_server(MIB, MIB, |_| {});
    side.feed(&[Frame::open(0, BOTH), Frame::data(0, "x")]);
    assert_eq!(side.told(), ["refused 0 6 stream 0 is the connection itself"]);
    assert_eq!(side.sent(), ["0 trailer 6 stream 0 is the connection itself"]);
    side.assert_empty();
}

/// SPEC TFC-6: an answer is of the version that was offered, or of an earlier one.
#[test]
fn f2_an_answer_is_not_above_the_offer() {
    let (mut side, id) = unanswered();
    side.feed(&[Frame::settings("2,5,5"), Frame::header(1)]);
    assert_eq!(side.sent(), [""; 0]);
    assert_unlimited(&mut side, id);
}

#[test]
fn f2_a_server_that_knows_the_offer_and_declines_says_so() {
    let mut side = Side::server(|config| config.flow_control = Switch::Off);
    side.feed(&[Frame::settings("1,1,1"), Frame::open(1, BOTH)]);
    assert_eq!(side.sent(), ["0 meta fc01=0,0,0"]);
    assert_unlimited(&mut side, stream(1));
}

/// What a proxy says of a stream, or of nothing that is known, decides nothing.
#[test]
fn f2_the_answer_may_come_behind_meta_frames() {
    for first in [
        Frame::meta(0),
        Frame::of_type(1, "1").text("rip", "x"),
        Frame::meta(1).int(FC_SETTINGS, "1,1,1"),
    ] {
        let (mut side, id) = unanswered();
        side.feed(std::slice::from_ref(&first));
        side.send_all(id, 10_000);
        assert_eq!(side.send(id, "x"), Err(SendError::Full), "{first}");
        side.feed(&[Frame::settings("1,1000000,1000000")]);
        assert_eq!(side.frames()[0], Frame::ack());
        side.send(id, "x").unwrap();
    }
}

#[test]
fn f2_a_frame_of_a_stream_means_no_until_the_answer_comes() {
    for first in [Frame::header(1), Frame::data(7, "x"), Frame::trailer(9)] {
        let (mut side, id) = unanswered();
        side.send_all(id, 10_000);
        side.told();
        side.feed(&[first.clone(), Frame::limit(0, 5), Frame::limit(1, 5)]);
        assert_eq!(side.sent(), [""; 0], "{first}");
        assert!(side.told().contains(&"writable 1".to_owned()), "{first}");
        side.send_long(id, 100_000).unwrap();
        side.feed(&[Frame::settings("1,100000,100000")]);
        assert_eq!(
            side.send(id, "x"),
            Err(SendError::Full),
            "{first}: what was sent counts"
        );
        assert_eq!(side.sent(), ["1 data 100000 bytes", "0 meta fc03=1"]);
    }
}

#[test]
fn f2_settings_count_once() {
    let mut side = Side::fc_client(1000, 1000, |_| {});
    let id = side.open(BOTH);
    side.feed(&[Frame::settings("1,900000,900000"), Frame::settings("0,0,0")]);
    assert_eq!(side.send_all(id, 0), 1000_u64.div_ceil(charge(0)));
    assert_eq!(side.sent(), [""; 0]);

    let mut side = Side::fc_server(1000, 1000, |_| {});
    side.feed(&[Frame::settings("1,900000,900000"), Frame::settings("0,0,0")]);
    let id = side.opened(1, BOTH);
    assert_eq!(side.send_all(id, 0), 1000_u64.div_ceil(charge(0)));
}

#[test]
fn f3_a_server_obeys_from_the_first_message() {
    let rows = [(5000, 1000), (1000, 5000), (1, 1), (100_000, 99_999)];
    for (connection, window) in rows {
        for length in [0, 1, 300, 9000] {
            let mut side = Side::server(|_| {});
            side.feed(&[Frame::settings(&format!("1,{connection},{window}"))]);
            let id = side.opened(1, BOTH);
            let limit = u64::min(connection, window);
            assert_eq!(
                side.send_all(id, length),
                limit.div_ceil(charge(length)),
                "{limit} {length}"
            );
            let other = side.opened(2, BOTH);
            let left = connection.saturating_sub(limit.next_multiple_of(charge(length)));
            assert_eq!(side.send_all(other, length), left.min(window).div_ceil(charge(length)));
        }
    }
}

#[test]
fn f4_a_client_without_an_answer_sends_256_kib() {
    let (mut side, first) = unanswered();
    let second = side.open(BOTH);
    side.sent();
    let sent = [first, second, first].map(|id| {
        let mut sent = 0;
        while sent < 120_000 && side.send_long(id, 1000).is_ok() {
            sent += charge(1000);
            side.sent();
        }
        sent
    });
    let all: u64 = sent.iter().sum();
    assert_eq!(all, (256 * 1024_u64).next_multiple_of(charge(1000)), "{sent:?}");
    assert_eq!(
        (side.send(first, ""), side.send(second, "")),
        (Err(SendError::Full), Err(SendError::Full))
    );
    // What carries no message passes.
    side.open("up");
    side.half_close(second);
    assert_eq!(side.sent(), ["3 header isn=Stream", "2 trailer"]);
}

#[test]
fn f4_patience_begins_when_the_allowance_is_used_up() {
    let (mut side, id) = unanswered();
    side.wait(Duration::from_secs(1));
    side.send_all(id, 10_000);
    side.told();
    side.wait(Duration::from_millis(99));
    assert_eq!((side.told(), side.send(id, "x")), (vec![], Err(SendError::Full)));
    side.wait(Duration::from_millis(1));
    assert_eq!(side.told(), ["writable 1"]);
    assert_unlimited(&mut side, id);
}

#[test]
fn f4_a_stock_answer_ends_the_wait() {
    let (mut side, id) = unanswered();
    side.send_all(id, 10_000);
    side.told();
    side.feed(&[Frame::header(1)]);
    let told = side.told();
    assert!(told.contains(&"writable 1".to_owned()), "{told:?}");
    assert_unlimited(&mut side, id);
}

#[test]
fn f4_everything_sent_before_a_late_answer_counts() {
    let (mut side, id) = unanswered();
    side.send_all(id, 10_000);
    side.wait(Duration::from_millis(100));
    for _ in 0..10 {
        side.send_long(id, 10_000).unwrap();
    }
    side.sent();
    let sent = (256 * 1024_u64).next_multiple_of(charge(10_000)) + 10 * charge(10_000);
    side.told();
    side.feed(&[Frame::settings("1,200000,200000")]);
    assert_eq!(side.sent(), ["0 meta fc03=1"]);
    assert_eq!(side.send(id, "x"), Err(SendError::Full));
    side.feed(&[Frame::limit(1, sent), Frame::limit(0, sent + 1)]);
    assert_eq!((side.told(), side.send(id, "x")), (vec![], Err(SendError::Full)));
    side.feed(&[Frame::limit(1, sent + 1)]);
    assert_eq!(side.told(), ["writable 1"]);
    assert_eq!(side.send_all(id, 1), 1);
}

#[test]
fn f5_a_client_says_from_where_on_it_obeys() {
    let (mut side, id) = unanswered();
    side.send(id, "before").unwrap();
    assert_eq!(side.sent(), ["1 data before"]);
    side.feed(&[Frame::settings("1,1000,1000")]);
    side.send(id, "behind").unwrap();
    assert_eq!(side.sent(), ["0 meta fc03=1", "1 data behind"]);
}

/// What was sent without limits is in front of the word that limits are obeyed.
#[test]
fn f5_that_word_overtakes_no_message() {
    let (mut side, id) = unanswered();
    for _ in 0..100 {
        side.send_long(id, 1000).unwrap();
    }
    side.feed(&[Frame::settings("1,1000,1000")]);
    let frames = side.frames();
    assert_eq!(frames.iter().position(|frame| *frame == Frame::ack()), Some(100));
}

#[test]
fn f5_a_server_enforces_nothing_before_that() {
    let mut side = Side::server(|config| windows(config, 1000, 500));
    side.feed(&[Frame::settings("1,1000,500"), Frame::open(1, BOTH)]);
    for _ in 0..25 {
        side.feed(&[Frame::data(1, vec![0; 10_000])]);
    }
    assert_eq!(side.told(), ["opened 1"]);
    assert_eq!(side.connection.close_reason(), None);
    // Taken late, it counts: the client learns how far it may go.
    assert_eq!(side.pulled(stream(1)).len(), 25);
    let granted = 25 * charge(10_000);
    let sent = side.sent();
    assert!(sent.contains(&format!("1 meta fc02={}", granted + 500)), "{sent:?}");
    assert!(sent.contains(&format!("0 meta fc02={}", granted + 1000)), "{sent:?}");
    side.feed(&[Frame::ack(), Frame::data(1, "x")]);
    assert_eq!(side.pulled(stream(1)), ["x"]);
}

#[test]
fn f13_the_option_turns_it_off() {
    let mut side = Side::client(|config| config.flow_control = Switch::Off);
    let id = side.open(BOTH);
    assert_eq!(side.sent(), ["1 header isn=Stream"]);
    side.feed(&[Frame::settings("1,1,1")]);
    assert_eq!(side.sent(), [""; 0]);
    assert_unlimited(&mut side, id);
}
