//! Peers that obey no flow control, and readers that are slow (SPEC TFC-22 to TFC-25).

use std::time::Duration;

use super::frames::Frame;
use super::rig::{BOTH, Side, stream};
use crate::config::Switch;
use crate::pingpong::Demand;
use crate::ttstream::*;

const B: u64 = 100_000;
const L: u64 = 20_000;

fn kilobyte(id: i32) -> Frame {
    Frame::data(id, vec![1; 1000])
}

fn limits(config: &mut Config) {
    config.connection_memory = B;
    config.stream_queue = L;
}

/// A client whose server obeys nothing, with streams that are open.
fn client(streams: usize, change: impl FnOnce(&mut Config)) -> (Side, Vec<StreamId>) {
    let mut side = Side::stock_client(|config| {
        limits(config);
        change(config);
    });
    let ids = (0..streams).map(|_| side.open(BOTH)).collect();
    side.sent();
    (side, ids)
}

fn server(streams: i32, change: impl FnOnce(&mut Config)) -> Side {
    let mut side = Side::server(|config| {
        limits(config);
        change(config);
    });
    for id in 1..=streams {
        side.opened(id, BOTH);
    }
    side
}

/// Feeds messages of one kilobyte until reading stops. Returns how many went in.
fn fill(side: &mut Side, id: i32) -> u64 {
    for n in 0..1000 {
        if side.connection.read_demand() == Demand::Pause {
            return n;
        }
        side.feed(&[kilobyte(id)]);
    }
    panic!("nothing stops reading");
}

#[test]
fn an_exclusive_connection_pauses_while_its_stream_is_slow() {
    let (mut side, ids) = client(1, |config| config.exclusive = Switch::On);
    let count = fill(&mut side, 1);
    assert_eq!(count, L.div_ceil(kilobyte(1).charge()));
    let message = kilobyte(1).bytes();
    side.feed_bytes(&message[..500]);
    assert_eq!(side.left(), 500, "it is not even decoded");
    side.wait(Duration::from_secs(100));
    assert_eq!(side.connection.read_demand(), Demand::Pause, "nobody else waits");
    assert_eq!(side.connection.close_reason(), None, "the peer is not late");
    side.feed_bytes(&message[500..]);
    let mut taken = 0;
    while side.connection.read_demand() == Demand::Pause {
        assert!(side.pull_one(ids[0]).is_some());
        taken += 1;
    }
    let held = (count - taken) * kilobyte(1).charge();
    assert!(
        held < L / 2 && held + kilobyte(1).charge() >= L / 2,
        "resumes below half: {held}"
    );
    side.go_on();
    assert_eq!(side.left(), 0);
    assert_eq!(side.pulled(ids[0]).len() as u64, count - taken + 1);
    assert_eq!((side.sent(), side.connection.is_over(ids[0])), (vec![], false));
}

#[test]
fn a_cancel_lets_an_exclusive_connection_go_on() {
    let (mut side, ids) = client(1, |config| config.exclusive = Switch::On);
    fill(&mut side, 1);
    side.feed(&[kilobyte(1), Frame::trailer(1)]);
    side.connection.cancel(ids[0], &Exception::canceled_by_user());
    side.connection.release(ids[0]);
    side.go_on();
    assert_eq!(side.left(), 0);
    side.told();
    side.assert_empty();
    side.calls_well();
}

#[test]
fn an_exclusive_connection_does_not_pause_for_what_can_grow_no_more() {
    let (mut side, ids) = client(1, |config| config.exclusive = Switch::On);
    // The last message is what makes it slow; the trailer has been read with it, or is next.
    side.feed(&[Frame::data(1, vec![0; 15_000]), Frame::data(1, "x"), Frame::trailer(1)]);
    assert!(side.connection.is_over(ids[0]));
    assert_eq!(side.connection.read_demand(), Demand::Read);
    assert_eq!(side.pulled(ids[0]), ["15000 bytes", "x", "end"]);
}

#[test]
fn a_slow_stream_among_others_is_no_reason_while_there_is_room() {
    let (mut side, _) = client(2, |_| {});
    for _ in 0..80 {
        side.feed(&[kilobyte(1)]);
        assert_eq!(side.connection.read_demand(), Demand::Read);
    }
    assert_eq!((side.told(), side.sent()), (vec![], vec![]));
}

#[test]
fn a_client_resets_the_stream_that_holds_most() {
    let (mut side, ids) = client(3, |_| {});
    for _ in 0..20 {
        side.feed(&[kilobyte(2)]);
    }
    for _ in 0..100 {
        side.feed(&[kilobyte(1)]);
        assert_eq!(side.connection.read_demand(), Demand::Read);
        assert!(side.connection.usage() as u64 <= B + 1200);
    }
    let sent = side.sent();
    assert!(sent[0].starts_with("1 rst ttscp=A 12011 "), "{sent:?}");
    assert_eq!(sent[1..], ["1 trailer"]);
    assert_eq!(side.told().last().unwrap(), "ended 1");
    assert!(side.ending(ids[0]).contains("code=12011"), "{}", side.ending(ids[0]));
    assert_eq!(side.pulled(ids[0]), ["failed"], "its queue is gone");
    assert_eq!(side.pulled(ids[1]).len(), 20);
    side.feed(&[Frame::header(3), Frame::data(3, "fine"), Frame::trailer(3)]);
    assert_eq!(side.pulled(ids[2]), ["fine", "end"]);
}

#[test]
fn a_server_pauses_and_goes_on_when_it_is_read() {
    let mut side = server(2, |_| {});
    let count = fill(&mut side, 1);
    assert_eq!(count, B.div_ceil(kilobyte(1).charge()));
    side.feed(&[kilobyte(2)]);
    assert!(side.left() > 1000);
    while side.connection.read_demand() == Demand::Pause {
        assert!(side.pull_one(stream(1)).is_some());
    }
    side.go_on();
    assert_eq!(side.left(), 0);
    assert_eq!(side.pulled(stream(2)), ["1000 bytes"]);
    side.wait(Duration::from_secs(3));
    assert!(!side.connection.is_over(stream(1)), "it was read in time");
}

#[test]
fn a_server_pauses_for_two_seconds_and_then_resets() {
    let mut side = server(2, |_| {});
    side.feed(&[kilobyte(2)]);
    fill(&mut side, 1);
    side.feed(&[kilobyte(2)]);
    let due = side.connection.poll_timeout().unwrap().at;
    assert_eq!(due, side.now + Duration::from_secs(2));
    side.wait(Duration::from_millis(1999));
    assert_eq!(side.connection.read_demand(), Demand::Pause);
    side.told();
    side.wait(Duration::from_millis(1));
    assert_eq!(side.told(), ["ended 1"]);
    assert_eq!(side.left(), 0);
    let sent = side.sent();
    assert!(sent[0].starts_with("1 rst ") && sent[0].contains(" 12011 "), "{sent:?}");
    assert!(sent.len() == 1 || sent[1..] == ["1 trailer"], "{sent:?}");
    assert!(side.send(stream(1), "x").is_err());
    side.finish(stream(1), &Ending::Ok);
    let sent = side.sent();
    assert!(
        !sent.iter().any(|frame| frame.contains("header")),
        "a header behind an rst: {sent:?}"
    );
    assert_eq!(side.pulled(stream(2)).len(), 2);
    side.send(stream(2), "fine").unwrap();
}

#[test]
fn each_side_can_be_told_what_to_do() {
    let mut side = server(1, |config| config.stall = Some(Stall::Reset));
    for _ in 0..200 {
        side.feed(&[kilobyte(1)]);
        assert_eq!(side.connection.read_demand(), Demand::Read);
    }
    let resets = side.sent().iter().filter(|frame| frame.starts_with("1 rst ")).count();
    assert_eq!(resets, 1);
    assert!(side.told().contains(&"ended 1".to_owned()));

    let (mut side, _) = client(1, |config| config.stall = Some(Stall::Pause));
    fill(&mut side, 1);
    side.wait(Duration::from_secs(2));
    assert!(side.sent()[0].starts_with("1 rst ttscp=A 12011 "));
}

/// The stream that holds most is the one to go, also when its peer has said everything: the reset of any other frees
/// little (TFC-25).
#[test]
fn a_reader_does_not_pay_for_one_who_does_not_read() {
    for stall in [Stall::Pause, Stall::Reset] {
        let mut side = server(2, |config| config.stall = Some(stall));
        for _ in 0..90 {
            side.feed(&[kilobyte(1)]);
        }
        side.feed(&[Frame::trailer(1)]);
        for n in 0..100 {
            side.feed(&[kilobyte(2)]);
            if side.connection.read_demand() == Demand::Pause {
                side.wait(Duration::from_secs(2));
            }
            assert!(side.pull_one(stream(2)).is_some());
            assert!(
                !side.connection.is_over(stream(2)),
                "reset after {n} messages, all of them read"
            );
        }
    }
}

/// Messages in front of a good end are never dropped in silence (TSL-7).
#[test]
fn a_stream_that_ended_well_and_was_never_read_says_what_it_lost() {
    let (mut side, ids) = client(2, |config| config.stall = Some(Stall::Pause));
    for _ in 0..90 {
        side.feed(&[kilobyte(1)]);
    }
    side.feed(&[Frame::trailer(1)]);
    fill(&mut side, 2);
    side.connection.release(ids[1]);
    side.told();
    side.sent();
    side.wait(Duration::from_secs(2));
    assert_eq!(side.pulled(ids[0]), ["failed"]);
    assert!(
        side.ending(ids[0]).contains("code=12011] [client-side stream]"),
        "{}",
        side.ending(ids[0])
    );
    assert_eq!(
        (side.told(), side.sent()),
        (vec![], vec![]),
        "its end was told, and the server has ended it"
    );

    let (mut side, ids) = client(1, |_| {});
    side.feed(&[Frame::data(1, "a"), Frame::trailer(1).text("k", &"v".repeat(60_000))]);
    assert_eq!(side.pulled(ids[0]), ["failed"]);
    assert!(side.ending(ids[0]).contains("code=12011"), "{}", side.ending(ids[0]));
}

/// What one message costs beyond the budget is one message.
#[test]
fn a_budget_is_exceeded_by_one_message_at_most() {
    for length in [0, 10, 1000, 50_000] {
        for stall in [Stall::Pause, Stall::Reset] {
            let mut side = server(5, |config| config.stall = Some(stall));
            let idle = side.connection.usage() as u64;
            for n in 0..5000 {
                side.feed(&[Frame::data(1 + n % 5, vec![0; length])]);
                let most = idle + B + Frame::data(1, vec![0; length]).charge() + 1000;
                assert!(
                    side.connection.usage() as u64 <= most,
                    "{} of {most}",
                    side.connection.usage()
                );
                if side.connection.read_demand() == Demand::Pause {
                    break;
                }
            }
        }
    }
}

/// Before its client has acknowledged the windows, a server is as careful as with any other (F5).
#[test]
fn an_offer_without_acknowledgement_buys_nothing() {
    let mut side = Side::server(limits);
    side.feed(&[Frame::settings("1,1000000,1000000"), Frame::open(1, BOTH)]);
    let count = fill(&mut side, 1);
    assert!(count <= B.div_ceil(kilobyte(1).charge()));
    side.wait(Duration::from_secs(2));
    assert!(side.sent().iter().any(|frame| frame.starts_with("1 rst ")));
}
