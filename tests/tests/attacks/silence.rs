//! Peers that take their time, or say nothing more.

use std::future::{Future, pending, poll_fn};

use kitewire_tests::ttframe::Frame;

use crate::attacker::Attacker;
use crate::stage::{PATIENCE, Stage};
use crate::wire::{
    DATA, END_HEADERS, HEADERS, SETTINGS, WINDOW_UPDATE, arguments, envelope, frame, framed, message, open, preface,
    request, ttheader,
};
use crate::{KIB, MIB};

/// What has been said when a peer falls silent, in every phase that there is.
fn phases() -> Vec<(&'static str, Vec<u8>)> {
    let call = framed(&arguments("x"));
    let tth = ttheader(b"", &envelope(&arguments("x")));
    let shaken = [preface(), frame(SETTINGS, 1, 0, b"")].concat();
    let part = |bytes: &[u8], length: usize| bytes[..length].to_vec();
    let then = |first: &[u8], second: &[u8]| [first, second].concat();
    let stream = Frame::open(1, "talk").encode();
    let http = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";
    vec![
        ("nothing", Vec::new()),
        ("a byte", part(&call, 1)),
        ("a length", part(&call, 4)),
        ("half of a framed call", part(&call, 20)),
        ("half of a second call", then(&call, &part(&call, 20))),
        ("half of a TTHeader frame's head", part(&tth, 9)),
        ("half of its payload", part(&tth, 25)),
        ("a call, and nothing after it", call.clone()),
        ("half of a request line", b"GET /x".to_vec()),
        ("half of a head", part(http, 25)),
        ("a head without its body", http.to_vec()),
        ("half of the body", then(http, b"12345")),
        ("half of the preface", part(&preface(), 10)),
        ("a preface without settings", part(&preface(), 24)),
        ("settings without their acknowledgement", preface()),
        ("a handshake, and nothing after it", shaken.clone()),
        ("half of a frame of HTTP/2", then(&shaken, &part(&open(1, "talk"), 20))),
        (
            "a header block that goes on",
            then(&shaken, &frame(HEADERS, 0, 1, &request("talk"))),
        ),
        (
            "a unary call without its message",
            then(&shaken, &frame(HEADERS, END_HEADERS, 1, &request("unary"))),
        ),
        (
            "half of its message",
            [&shaken[..], &open(1, "unary"), &frame(DATA, 0, 1, &[0, 0, 0, 0, 99])].concat(),
        ),
        ("half of a stream's header", part(&stream, 20)),
        (
            "half of a stream's message",
            then(&stream, &part(&Frame::data(1, "x").encode(), 20)),
        ),
        ("a stream without its single request", Frame::open(1, "watch").encode()),
    ]
}

/// Whoever begins something and does not go on is not waited for, whatever it is.
pub(crate) async fn silence_in_every_phase(stage: Stage) {
    const EACH: usize = 4;
    let mut attackers = Vec::new();
    let ((), cost) = stage
        .cost(async || {
            for (phase, said) in phases() {
                for _ in 0..EACH {
                    let mut attacker = stage.attacker().await;
                    attacker.send(&said).await;
                    attackers.push((phase, attacker));
                }
            }
            stage.serves().await;
        })
        .await;
    println!("silence: {} KiB for {} peers", cost.memory / KIB, attackers.len());
    assert!(cost.memory <= attackers.len() * 32 * KIB + MIB, "{}", cost.memory);
    for (phase, attacker) in &mut attackers {
        assert!(attacker.gone(&stage, PATIENCE).await, "{phase}: it is waited for");
    }
    drop(attackers);
    stage.serves().await;
    stage.quiet(3).await;
}

/// A byte now and then does not help where the whole has its time.
pub(crate) async fn a_byte_at_a_time(stage: Stage) {
    let call = framed(&arguments(&"x".repeat(1_000)));
    let http = [b"GET /x HTTP/1.1\r\n".to_vec(), b"x: y\r\n".repeat(50)].concat();
    let shaken = [preface(), frame(SETTINGS, 1, 0, b"")].concat();
    let block = frame(HEADERS, 0, 1, &request("talk"));
    let stream = Frame::data(1, &"x".repeat(1_000)).encode();
    let slow = [
        ("a first call", Vec::new(), call.clone()),
        ("a second call", call.clone(), call),
        ("a head of HTTP/1", Vec::new(), http),
        ("a preface", Vec::new(), preface()),
        ("a header block of HTTP/2", shaken, block),
        ("a message of a stream", Frame::open(1, "talk").encode(), stream),
    ];
    for (what, first, rest) in slow {
        let mut attacker = stage.attacker().await;
        attacker.send(&first).await;
        let begun = stage.now();
        let ((), cost) = stage
            .cost(async || {
                for byte in rest {
                    if !attacker.send(&[byte]).await || attacker.gone(&stage, stage.patience.rest / 10).await {
                        return;
                    }
                }
                panic!("{what}: a byte at a time came through");
            })
            .await;
        let took = stage.now() - begun;
        println!("{what}: {took:?}, {} KiB", cost.memory / KIB);
        let exact = stage.net.is_some();
        assert!(!exact || took < stage.patience.rest * 2, "{what}: {took:?}");
        assert!(cost.memory <= MIB, "{what}: {}", cost.memory);
        stage.serves().await;
    }
    stage.quiet(3).await;
}

/// Whoever asks and does not read the answers is served only so far, and then let go.
pub(crate) async fn answers_that_nobody_reads(stage: Stage) {
    let call = framed(&arguments(&"x".repeat(10_000)));
    let pages = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    // Windows without bounds, so that only the socket holds the answers back.
    let wide = frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    let wide = [wide, frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0])].concat();
    let watch = |id| [open(id, "watch"), message(id, "x")].concat();
    let watches: Vec<u8> = (0..50).flat_map(|n| watch(n * 2 + 1)).collect();
    let shaken = [preface(), frame(SETTINGS, 1, 0, b"")].concat();
    let streams = (1..50).flat_map(|id| [Frame::open(id, "watch"), Frame::data(id, "x")]);
    let streams: Vec<u8> = streams.flat_map(|frame| frame.encode()).collect();
    let floods = [
        ("calls", Vec::new(), Some(call)),
        ("pages", Vec::new(), Some(pages)),
        ("streams over HTTP/2", [&shaken[..], &wide, &watches].concat(), None),
        ("streams over TTHeader", streams, None),
    ];
    for (what, first, again) in floods {
        let mut attacker = stage.attacker().await;
        attacker.deaf = true;
        let ((), cost) = stage
            .cost(async || {
                attacker.send(&first).await;
                pour(&stage, &mut attacker, again.as_deref()).await;
                stage.serves().await;
            })
            .await;
        println!("unread {what}: {} KiB", cost.memory / KIB);
        assert!(cost.memory <= 8 * MIB, "{what}: {}", cost.memory);
        stage.quiet(3).await;
    }
    // Windows of nothing: nobody stalls, and little is held.
    let mut attacker = stage.attacker().await;
    let narrow = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let ((), cost) = stage
        .cost(async || {
            attacker.send(&[&shaken[..], &narrow, &watches].concat()).await;
            assert!(!attacker.gone(&stage, stage.patience.reader * 2).await);
            stage.serves().await;
        })
        .await;
    println!("no window: {} KiB", cost.memory / KIB);
    assert!(cost.memory <= 50 * 100 * KIB + MIB, "{}", cost.memory);
    drop(attacker);
    stage.quiet(3).await;
}

/// Sends on and on, until the server has let go of it.
async fn pour(stage: &Stage, attacker: &mut Attacker, bytes: Option<&[u8]>) {
    let before = stage.ended("WriteStall");
    let until = stage.now() + PATIENCE;
    let mut sending = Box::pin(async {
        if let Some(bytes) = bytes {
            while attacker.send(bytes).await {}
        }
        pending::<()>().await;
    });
    while stage.ended("WriteStall") == before {
        assert!(stage.now() < until, "it is held for ever");
        let mut pause = stage.sleep(stage.patience.reader / 20);
        poll_fn(|cx| {
            let _ = sending.as_mut().poll(cx);
            pause.as_mut().poll(cx)
        })
        .await;
    }
}

/// Peers that are gone without a word; in the simulator the network has swallowed them.
pub(crate) async fn connections_that_nobody_closes(stage: Stage) {
    const PEERS: usize = 100;
    let call = framed(&arguments("x"));
    let shaken = [preface(), frame(SETTINGS, 1, 0, b"")].concat();
    let kinds: [Vec<u8>; 4] = [
        Vec::new(),
        call,
        [&shaken[..], &open(1, "unary")].concat(),
        Frame::open(1, "watch").encode(),
    ];
    let mut attackers = Vec::new();
    let ((), cost) = stage
        .cost(async || {
            for n in 0..PEERS {
                let mut attacker = stage.attacker().await;
                attacker.send(&kinds[n % kinds.len()]).await;
                attacker.deaf = true;
                attackers.push(attacker);
            }
            if let Some(net) = &stage.net {
                for connection in net.connections().into_iter().rev().take(PEERS) {
                    net.vanish(connection.id);
                }
            }
            stage.serves().await;
        })
        .await;
    println!("half open: {} KiB for {PEERS}", cost.memory / KIB);
    assert!(cost.memory <= PEERS * 64 * KIB, "{}", cost.memory);
    stage.quiet(3).await;
    stage.serves().await;
    drop(attackers);
}

/// Peers that close their sending half, and keep the other.
pub(crate) async fn connections_that_are_closed_one_way(stage: Stage) {
    let mut attackers = Vec::new();
    for (phase, said) in phases() {
        let mut attacker = stage.attacker().await;
        attacker.send(&said).await;
        attacker.finish().await;
        attackers.push((phase, attacker));
    }
    for (phase, attacker) in &mut attackers {
        assert!(attacker.gone(&stage, PATIENCE).await, "{phase}: it is held");
    }
    stage.serves().await;
    stage.quiet(3).await;
}
