//! Streams over TTHeader whose readers are slow: what they hold stays within its bound, and the others go on. On real
//! sockets, with the memory of the whole process measured: both ends of every connection.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod agreed;
mod stock;

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kitewire::bytes::Bytes;
use kitewire::{Address, BidiStream, Client, ServerStream, StreamPool, StreamTransport, TtStreamOptions};
use kitewire_tests::heap::{INSTRUMENTED_SYSTEM, StatsAlloc};
use kitewire_tests::site::{Ask, PATIENCE, PromisesClient, Reply, Scene, Site, reply, within};
use kitewire_tokio::Tokio;
use tokio::sync::{Mutex, MutexGuard, watch};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// The message of these tests, as big as those that the facts were measured with.
const BLOCK: usize = 64 * KIB;
/// 94 MiB of them.
const MANY: usize = 1500;
/// What a stream may hold ahead of its reader, and all of a connection.
const STREAM_WINDOW: usize = MIB;
const CONNECTION_WINDOW: usize = 16 * MIB;
/// Sent, and not yet taken by the socket; read, and not yet taken apart; tasks and tables.
const MARGIN: usize = MIB;

/// Who measures is alone.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

fn block() -> Bytes {
    Bytes::from(vec![7; BLOCK])
}

/// One block that all messages share, so that it is counted once.
fn big(block: &Bytes) -> Reply {
    Reply {
        text: String::new(),
        payload: block.clone(),
    }
}

/// A server whose `watch` sends [`MANY`] blocks as fast as it may and counts them, and whose `talk` echoes at once, or
/// after `gate` if the first request says "slow".
struct Fast {
    site: Site,
    sent: Arc<AtomicUsize>,
    gate: watch::Sender<bool>,
}

async fn fast() -> Fast {
    let (sent, (gate, opened)) = (Arc::new(AtomicUsize::new(0)), watch::channel(false));
    let (count, block) = (Arc::clone(&sent), block());
    let site = Scene::new()
        .watch(move |_, _, mut out| {
            let (count, message) = (Arc::clone(&count), big(&block));
            Box::pin(async move {
                for _ in 0..MANY {
                    out.send(&message).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .talk(move |_, mut asks, mut out| {
            let mut opened = opened.clone();
            Box::pin(async move {
                while let Some(ask) = asks.recv().await? {
                    if ask.text == "slow" {
                        let _ = opened.wait_for(|open| *open).await;
                    }
                    out.send(reply(&ask.payload.len().to_string())).await?;
                }
                Ok(())
            })
        })
        .serve()
        .await;
    Fast { site, sent, gate }
}

fn client_of(address: &Address, options: TtStreamOptions) -> PromisesClient {
    let builder = Client::to(address.clone())
        .stream_transport(StreamTransport::TtHeader)
        .connect_timeout(PATIENCE);
    PromisesClient::new(builder.tt_streams(options).build(Tokio).unwrap())
}

/// All streams over one connection.
fn shared() -> TtStreamOptions {
    TtStreamOptions::default().pool(StreamPool::Multiplexed { connections: 1 })
}

/// Waits until `count` is at least `least` and stays what it is, and returns it.
async fn settled(least: usize, count: impl Fn() -> usize) -> usize {
    within(async {
        while count() < least {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let (mut last, mut since) = (count(), Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if count() != last {
            (last, since) = (count(), Instant::now());
        }
    }
    last
}

/// Messages go round on a stream of their own.
async fn goes_on(talk: &mut BidiStream<Ask, Reply>, rounds: usize, payload: &Bytes) {
    for _ in 0..rounds {
        let message = Ask {
            text: String::new(),
            payload: payload.clone(),
        };
        within(talk.send(message)).await.unwrap();
        let answer = within(talk.recv()).await.unwrap().unwrap();
        assert_eq!(answer.text, payload.len().to_string());
    }
}

async fn read_all(stream: &mut ServerStream<Reply>) -> usize {
    let mut messages = 0;
    while let Some(message) = within(stream.recv()).await.unwrap() {
        assert_eq!(message.payload.len(), BLOCK);
        messages += 1;
    }
    messages
}
