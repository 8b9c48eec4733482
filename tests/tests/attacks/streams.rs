//! Attacks by streams over TTHeader.

use kitewire_tests::ttframe::{DATA, Frame, META, RST, TRAILER};

use crate::stage::Stage;
use crate::{KIB, MIB};

/// Streams that may be open on a connection.
const STREAMS: usize = 1024;
/// What one connection may hold of messages and entries.
const BUDGET: usize = 32 * MIB;

fn bytes(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    frames.into_iter().flat_map(|frame| frame.encode()).collect()
}

fn id(n: u32) -> i32 {
    i32::try_from(n).unwrap() + 1
}

pub(crate) async fn streams_that_are_opened_and_reset(stage: Stage) {
    let mut attacker = stage.attacker().await;
    let flood = stage
        .flood(&mut attacker, 20_000, |n| {
            let reset = Frame::exception(id(n), RST, (12007, "again"));
            bytes([Frame::open(id(n), "talk"), reset])
        })
        .await;
    assert!(stage.handlers.most() <= STREAMS + 2, "{}", stage.handlers.most());
    println!("{} ran", stage.handlers.begun());
    flood.within("open and reset", STREAMS * 4 * KIB, (KIB, 30));
    drop(attacker);
    stage.quiet(3).await;
}

pub(crate) async fn messages_of_a_byte(stage: Stage) {
    let mut attacker = stage.attacker().await;
    let tiny = Frame::new(1, DATA).payload(&[0]).encode().repeat(16);
    let flood = stage
        .flood(&mut attacker, 20_000, |n| match n {
            0 => bytes([Frame::open(1, "talk"), Frame::data(1, "deaf")]),
            _ => tiny.clone(),
        })
        .await;
    flood.within("messages of a byte", BUDGET + 2 * MIB, (KIB, 5));
    assert!(stage.handle.stats().memory <= BUDGET, "{:?}", stage.handle.stats());
    drop(attacker);
    stage.quiet(3).await;
}

pub(crate) async fn blocks_full_of_entries_on_messages(stage: Stage) {
    let (key, value) = ("k".repeat(100), "v".repeat(65_000));
    let wide = (0..3).fold(Frame::data(1, "deaf"), |frame, n| {
        frame.string(&format!("{key}{n}"), &value)
    });
    let many = (0..1_000).fold(Frame::data(1, "deaf"), |frame, n| frame.string(&n.to_string(), ""));
    for frame in [wide, many] {
        let mut attacker = stage.attacker().await;
        let frame = frame.encode();
        let flood = stage
            .flood(&mut attacker, 200, |n| match n {
                0 => Frame::open(1, "talk").encode(),
                _ => frame.clone(),
            })
            .await;
        flood.within("entries of messages", 2 * MIB, (KIB, 5));
    }
    stage.quiet(3).await;
}

pub(crate) async fn frames_of_unknown_streams(stage: Stage) {
    for kind in [DATA, TRAILER, RST, META] {
        let mut attacker = stage.attacker().await;
        let flood = stage
            .flood(&mut attacker, 20_000, |n| {
                if n == 0 {
                    return Frame::open(1, "talk").encode();
                }
                let kind = kind.into();
                bytes([Frame {
                    kind,
                    ..Frame::data(1_000 + id(n), "x")
                }])
            })
            .await;
        flood.within("unknown streams", MIB, (KIB, 10));
        assert!(stage.handlers.most() <= 2);
    }
    stage.quiet(3).await;
}
