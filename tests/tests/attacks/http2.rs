//! Attacks over HTTP/2.

use crate::attacker::{Attacker, Flood};
use crate::stage::Stage;
use crate::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, NO_ERROR, PING, PRIORITY, RST_STREAM,
    SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, frame, go_away, message, open, preface, request,
};
use crate::{KIB, MIB};

/// Streams that may be open on a connection.
const STREAMS: usize = 100;

/// A client that has shaken hands.
async fn client(stage: &Stage) -> Attacker {
    let mut attacker = stage.attacker().await;
    attacker.send(&preface()).await;
    attacker.until(stage, |heard| heard.len() >= 9).await;
    attacker.send(&frame(SETTINGS, 1, 0, b"")).await;
    attacker
}

fn id(n: u32) -> u32 {
    n * 2 + 1
}

/// Asserts that the server said why it ended the connection.
#[track_caller]
fn calmed(stage: &Stage, flood: &Flood, attacker: &Attacker) {
    assert!(flood.stopped, "never stopped");
    if let Some(code) = go_away(&attacker.heard) {
        // Where the machine is so busy that nothing useful has come for long, that ends the connection first.
        let idle = stage.net.is_none() && code == NO_ERROR;
        assert!(code == ENHANCE_YOUR_CALM || idle, "{code}");
    }
}

/// CVE-2023-44487.
pub(crate) async fn requests_that_are_reset_at_once(stage: Stage) {
    let mut attacker = client(&stage).await;
    let flood = stage
        .flood(&mut attacker, 20_000, |n| {
            [open(id(n), "talk"), frame(RST_STREAM, 0, id(n), &[0, 0, 0, 8])].concat()
        })
        .await;
    // The honest client has one of them at a time.
    assert!(stage.handlers.most() <= STREAMS + 2, "{}", stage.handlers.most());
    flood.within("rapid reset", MIB, (KIB, 10));
    calmed(&stage, &flood, &attacker);
    stage.closed_for("too many reset or refused streams");
    stage.quiet(3).await;
}

/// CVE-2025-8671.
pub(crate) async fn requests_that_make_the_server_reset_them(stage: Stage) {
    let attacks: [fn(u32) -> Vec<u8>; 3] = [
        |n| frame(WINDOW_UPDATE, 0, id(n), &[0; 4]),
        |n| [frame(DATA, END_STREAM, id(n), b""), frame(DATA, 0, id(n), b"x")].concat(),
        |n| frame(WINDOW_UPDATE, 0, id(n), &[0x7f, 0xff, 0xff, 0xff]),
    ];
    for (number, attack) in attacks.into_iter().enumerate() {
        let mut attacker = client(&stage).await;
        let flood = stage
            .flood(&mut attacker, 20_000, |n| [open(id(n), "talk"), attack(n)].concat())
            .await;
        assert!(stage.handlers.most() <= STREAMS + 2, "{}", stage.handlers.most());
        flood.within("MadeYouReset", MIB, (KIB, 10));
        // Data behind the end is a matter of its stream only as long as the server still knows that.
        if number == 1 && go_away(&attacker.heard) == Some(STREAM_CLOSED) {
            assert!(flood.stopped);
        } else {
            calmed(&stage, &flood, &attacker);
        }
        stage.quiet(3).await;
    }
}

/// CVE-2024-27316 and its kin.
pub(crate) async fn a_header_block_without_end(stage: Stage) {
    for payload in [0, 1, 16_000] {
        let mut attacker = client(&stage).await;
        let payload = vec![0x82; payload];
        attacker.send(&frame(HEADERS, 0, 1, b"")).await;
        let flood = stage
            .flood(&mut attacker, 20_000, |_| frame(CONTINUATION, 0, 1, &payload))
            .await;
        flood.within("CONTINUATION flood", MIB, (KIB, 10));
        calmed(&stage, &flood, &attacker);
    }
    stage.closed_for("too many CONTINUATION frames in a header block");
    stage.closed_for("a header block above the limit");
    stage.quiet(3).await;
}

/// One large entry of the table, named again and again with a byte each: 16 KiB that stand for 46 MiB.
pub(crate) async fn a_small_block_that_stands_for_a_large_one(stage: Stage) {
    let mut attacker = client(&stage).await;
    let mut bomb = [request("talk"), vec![0x40, 1, b'x', 0x7f, 0xbd, 0x1d]].concat();
    bomb.extend([b'v'; 3_900]);
    bomb.extend([0xbe; 12_000]);
    let flood = stage
        .flood(&mut attacker, 2_000, |n| {
            frame(HEADERS, END_HEADERS | END_STREAM, id(n), &bomb)
        })
        .await;
    flood.within("HPACK bomb", MIB, (KIB, 20));
    calmed(&stage, &flood, &attacker);
    assert_eq!(stage.handlers.most(), 1, "none of them is a call");
    stage.quiet(3).await;
}

/// Control frames, empty ones, and those that mean nothing.
pub(crate) async fn frames_that_carry_nothing(stage: Stage) {
    let attacks: [(&str, Vec<u8>); 7] = [
        ("too_many_pings", frame(PING, 0, 0, &[0; 8])),
        ("too many SETTINGS frames", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])),
        ("too many SETTINGS frames", frame(SETTINGS, 1, 0, b"")),
        (
            "too many empty DATA frames",
            frame(DATA, 8, 1, &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (
            "too many WINDOW_UPDATE frames",
            frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ),
        ("too many frames without use", frame(PRIORITY, 0, 1, &[0; 5])),
        ("too many frames without use", frame(0xbe, 0, 0, &[0; 100])),
    ];
    for (text, attack) in attacks {
        let mut attacker = client(&stage).await;
        attacker.send(&[open(1, "talk"), message(1, "deaf")].concat()).await;
        let flood = stage.flood(&mut attacker, 50_000, |_| attack.clone()).await;
        flood.within(text, MIB, (KIB, 30));
        calmed(&stage, &flood, &attacker);
        stage.closed_for(text);
    }
    stage.quiet(3).await;
}

/// As many as the window lets in, to a handler that does not read.
pub(crate) async fn messages_of_a_byte_a_frame(stage: Stage) {
    let mut attacker = client(&stage).await;
    let byte = frame(DATA, 0, 1, b"\0");
    let flood = stage
        .flood(&mut attacker, 300_000, |n| match n {
            0 => [open(1, "talk"), message(1, "deaf")].concat(),
            _ => byte.clone(),
        })
        .await;
    // Five bytes are a message of nothing: the window of 256 KiB holds 52,000 of them.
    flood.within("a byte a frame", 2 * MIB, (KIB, 10));
    stage.serves().await;
    drop(attacker);
    stage.quiet(3).await;
}

/// Frames for streams that have ended.
pub(crate) async fn frames_of_streams_that_are_gone(stage: Stage) {
    let attacks = [
        frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        frame(DATA, 0, 1, b"x"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x88]),
    ];
    for attack in attacks {
        let mut attacker = client(&stage).await;
        let first = [open(1, "talk"), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])].concat();
        let flood = stage
            .flood(&mut attacker, 50_000, |n| {
                if n == 0 { first.clone() } else { attack.clone() }
            })
            .await;
        flood.within("streams that are gone", MIB, (KIB, 30));
        assert!(flood.stopped);
        // A stream that has never been.
        let mut attacker = client(&stage).await;
        let mut never = attack.clone();
        never[8] = 99;
        let flood = stage.flood(&mut attacker, 50_000, |_| never.clone()).await;
        flood.within("streams that have never been", MIB, (KIB, 30));
        assert!(flood.stopped);
    }
    stage.quiet(3).await;
}
