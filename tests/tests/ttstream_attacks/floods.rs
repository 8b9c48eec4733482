//! The attacks, a test each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kitewire_tests::ttframe::{DATA, Frame, HEADER, META, Peer, RST, TRAILER};

use crate::victim::{Answers, Cost, Victim, flood};
use crate::{KIB, MIB};

/// Streams that may be open on a connection.
const STREAMS: usize = 1024;
/// What one connection may hold of messages and entries.
const BUDGET: usize = 32 * MIB;

/// What an attack was answered with.
struct Outcome {
    cost: Cost,
    /// How far it came.
    used: i32,
    answers: Answers,
    /// Whether the server ended it.
    stopped: bool,
}

impl Outcome {
    /// Checks what it cost.
    #[track_caller]
    fn within(&self, what: &str, memory: usize, (frames, fair, times): (i32, Duration, u32)) {
        let what = format!("{what}{}", if self.stopped { ", stopped" } else { "" });
        let frames = usize::try_from(frames * self.used).unwrap();
        self.cost.within(&what, memory, (frames, fair, times));
    }
}

/// Attacks over one connection while an honest client is served over another, before, during and after it.
async fn attack(victim: &Victim, peer: Peer, most: i32, frames: impl FnMut(i32) -> Vec<u8>) -> Outcome {
    let client = victim.client();
    victim.serves(&client).await;
    let (honest, over) = (client.clone(), AtomicBool::new(false));
    let beside = async {
        while !over.load(Ordering::Relaxed) {
            victim.serves(&honest).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let attacking = async {
        let done = victim.cost(async || flood(peer, most, frames).await).await;
        over.store(true, Ordering::Relaxed);
        done
    };
    let ((flood, cost), ()) = tokio::join!(attacking, beside);
    victim.serves(&client).await;
    Outcome {
        cost,
        used: flood.used,
        answers: flood.answers,
        stopped: flood.stopped,
    }
}

fn bytes(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    frames.into_iter().flat_map(|frame| frame.encode()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn frames_of_unknown_streams_cost_no_memory() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let rows = [DATA, TRAILER, RST, META];
    for kind in rows {
        let peer = Peer::connect(&victim.site.address).await;
        let first = Frame::open(1, "talk").encode();
        let done = attack(&victim, peer, 50_000, |n| match n {
            0 => first.clone(),
            n => Frame {
                kind: kind.into(),
                ..Frame::data(1_000 + n, "x")
            }
            .encode(),
        })
        .await;
        assert_eq!(done.answers.kinds().next(), None);
        done.within(&format!("unknown streams, type {kind}"), 2 * MIB, (1, fair, 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn more_streams_than_allowed_are_refused_without_a_handler() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let peer = Peer::connect(&victim.site.address).await;
    let done = attack(&victim, peer, 30_000, |n| {
        bytes([Frame::open(n + 1, "talk"), Frame::data(n + 1, "deaf")])
    })
    .await;
    // The honest client has one of them at a time.
    assert!(victim.handlers.most() <= STREAMS + 2, "{}", victim.handlers.most());
    assert!(
        done.answers
            .kinds()
            .all(|frame| frame.kind == TRAILER && frame.fault().unwrap().0 == 6)
    );
    done.within("open flood", STREAMS * 4 * KIB + 2 * MIB, (2, fair, 4));
    victim.site.quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_that_are_opened_and_reset_run_within_the_limit() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let peer = Peer::connect(&victim.site.address).await;
    let done = attack(&victim, peer, 30_000, |n| {
        bytes([
            Frame::open(n + 1, "talk"),
            Frame::exception(n + 1, RST, (12007, "again")),
        ])
    })
    .await;
    assert!(victim.handlers.most() <= STREAMS + 2, "{}", victim.handlers.most());
    let headers = done.answers.kinds().filter(|frame| frame.kind == HEADER).count();
    assert_eq!(headers, 0, "nothing was said to them before their reset");
    done.within("open and reset", STREAMS * 4 * KIB + 2 * MIB, (2, fair, 4));
    println!("{} of {} ran", victim.handlers.begun(), done.used);
    victim.site.quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tiny_messages_cost_no_more_than_they_are_charged() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    // From a peer that obeys no flow control: up to the budget, whatever the sum of payloads is.
    let peer = Peer::connect(&victim.site.address).await;
    let tiny = Frame::new(1, DATA).payload(&[0]).encode().repeat(16);
    let done = attack(&victim, peer, 20_000, |n| match n {
        0 => bytes([Frame::open(1, "talk"), Frame::data(1, "deaf")]),
        _ => tiny.clone(),
    })
    .await;
    done.within("tiny messages of a stock peer", BUDGET + 2 * MIB, (16, fair, 2));
    // From one that has agreed to: up to its window, and then the stream is reset.
    let peer = Peer::negotiated(&victim.site.address, 16 << 20, 1 << 20).await;
    let done = attack(&victim, peer, 20_000, |n| match n {
        0 => bytes([Frame::open(1, "talk"), Frame::data(1, "deaf")]),
        _ => tiny.clone(),
    })
    .await;
    let told = done.answers.kinds().find(|frame| frame.kind == RST).expect("a reset");
    assert_eq!(
        told.fault(),
        Some((12011, "flow control: stream limit exceeded".to_owned()))
    );
    done.within("tiny messages above a window", MIB + 2 * MIB, (16, fair, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn huge_blocks_of_keys_on_messages_are_not_kept() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let (key, value) = ("k".repeat(100), "v".repeat(65_000));
    let wide = (0..3).fold(Frame::data(1, "deaf"), |frame, n| {
        frame.string(&format!("{key}{n}"), &value)
    });
    let many = (0..1_000).fold(Frame::data(1, "deaf"), |frame, n| frame.string(&n.to_string(), ""));
    for (what, frame, times) in [("wide", wide, 60), ("many", many, 200)] {
        let peer = Peer::connect(&victim.site.address).await;
        let frame = frame.encode();
        let done = attack(&victim, peer, 400, |n| match n {
            0 => Frame::open(1, "talk").encode(),
            _ => frame.clone(),
        })
        .await;
        done.within(&format!("{what} blocks of keys"), 3 * MIB, (1, fair, times));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn entries_of_headers_count_in_the_budget() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let value = "v".repeat(65_000);
    let wide = |id| {
        (0..3).fold(Frame::open(id, "talk"), |frame, n| {
            frame.string(&format!("k{n}"), &value)
        })
    };
    let peer = Peer::connect(&victim.site.address).await;
    let done = attack(&victim, peer, 1_000, |n| wide(n + 1).encode()).await;
    done.within("entries of headers", BUDGET + 2 * MIB, (1, fair, 200));
    assert!(
        done.answers
            .kinds()
            .all(|frame| frame.kind == TRAILER && frame.fault().is_some())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_live_id_that_is_opened_again_starts_nothing() {
    // D6: Kitex runs a handler for each, and forgets the one before.
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let peer = Peer::connect(&victim.site.address).await;
    let before = victim.handlers.begun();
    let done = attack(&victim, peer, 30_000, |n| match n {
        0 => bytes([Frame::open(1, "talk"), Frame::data(1, "deaf")]),
        _ => Frame::open(1, "talk").encode(),
    })
    .await;
    assert_eq!(done.answers.kinds().next(), None);
    done.within("a live id again", 2 * MIB, (1, fair, 2));
    assert!(victim.handlers.begun() > before);
    assert!(victim.handlers.most() <= 3, "{}", victim.handlers.most());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn frames_after_the_end_of_a_stream_are_bounded() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let frames: [fn(i32) -> Frame; 4] = [
        |_| Frame::trailer(1),
        |n| Frame::data(1, &n.to_string()),
        |_| Frame::exception(1, TRAILER, (6, "again")),
        |_| Frame::new(1, META).string("rip", "10.0.0.1:1"),
    ];
    for frame in frames {
        let peer = Peer::connect(&victim.site.address).await;
        let done = attack(&victim, peer, 30_000, |n| match n {
            // The handler goes on, and does not read.
            0 => bytes([Frame::open(1, "talk"), Frame::data(1, "deaf"), Frame::trailer(1)]),
            n => frame(n).encode(),
        })
        .await;
        done.within("after the end", BUDGET + 2 * MIB, (1, fair, 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lengths_that_are_announced_take_no_memory() {
    let victim = Victim::new().await;
    let fair = victim.fair_price().await;
    let mut peers = Vec::new();
    let ((), cost) = victim
        .cost(async || {
            for _ in 0..200 {
                let mut peer = Peer::connect(&victim.site.address).await;
                let mut head = Frame::open(1, "talk").encode();
                // 15 MiB of one message, of which nothing comes.
                let mut message = Frame::data(1, "").encode();
                message[..4].copy_from_slice(&(15u32 << 20).to_be_bytes());
                head.extend(message);
                peer.send_bytes(&head).await.unwrap();
                peers.push(peer);
            }
            while victim.handle().stats().calls < 200 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    cost.within("announced lengths", 200 * 48 * KIB, (200, fair, 200));
    // 2 GiB are refused at once.
    let mut peer = Peer::connect(&victim.site.address).await;
    let mut message = Frame::open(1, "talk").encode();
    message[..4].copy_from_slice(&(2u32 << 30).to_be_bytes());
    peer.send_bytes(&message).await.unwrap();
    assert!(peer.is_closed().await);
    drop(peers);
    victim.site.quiet().await;
}
