//! Flow control, as users feel it: a slow reader holds its sender up and nobody else, and memory stays within the windows.

use std::sync::Arc;
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{BidiStream, GrpcOptions};
use kitewire_tokio::Tokio;
use tokio::sync::Notify;

use crate::site::{Ask, PromisesClient, Reply, Scene, ask, within};

const BLOCK: usize = 32 * 1024;
/// A stream's window at the receiver, the queue at the sender and one message more.
const MOST: usize = (256 + 64) * 1024 + 2 * BLOCK;

fn block() -> Ask {
    Ask {
        text: "block".into(),
        payload: Bytes::from(vec![1; BLOCK]),
    }
}

/// Sends `least` bytes, and then until it has to wait. Returns how many were taken.
async fn fill(talk: &mut BidiStream<Ask, Reply>, least: usize) -> usize {
    let mut sent = 0;
    while sent < least {
        within(talk.send(block())).await.unwrap();
        sent += BLOCK;
    }
    while tokio::time::timeout(Duration::from_millis(300), talk.send(block()))
        .await
        .is_ok()
    {
        sent += BLOCK;
        assert!(sent <= MOST, "more than the windows hold was taken");
    }
    sent
}

/// A server that reads streams that begin with "slow" only when told to, and one client connection to it.
async fn slow() -> (crate::site::Site, PromisesClient, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let site = Scene::new()
        .talk(move |call, mut asks, mut out| {
            let opened = Arc::clone(&opened);
            Box::pin(async move {
                while let Some(ask) = asks.recv().await? {
                    if ask.text == "slow" {
                        tokio::select! {
                            () = opened.notified() => {}
                            _ = call.cancelled() => {}
                        }
                    }
                    out.send(crate::site::reply(&ask.payload.len().to_string())).await?;
                }
                Ok(())
            })
        })
        .serve()
        .await;
    let options = GrpcOptions::default().connections(1);
    let client = PromisesClient::new(site.builder().grpc(options).build(Tokio).unwrap());
    (site, client, gate)
}

#[tokio::test]
async fn a_slow_reader_holds_up_its_sender_and_nobody_else() {
    let (_site, client, gate) = slow().await;
    let mut stuck = client.talk().await.unwrap();
    stuck.send(ask("slow")).await.unwrap();
    let sent = fill(&mut stuck, 128 * 1024).await;
    // On the same connection, another stream carries far more than its windows meanwhile.
    let mut other = client.talk().await.unwrap();
    for _ in 0..100 {
        within(other.send(block())).await.unwrap();
        assert_eq!(within(other.recv()).await.unwrap().unwrap().text, BLOCK.to_string());
    }
    gate.notify_one();
    assert_eq!(within(stuck.recv()).await.unwrap().unwrap().text, "0");
    for _ in 0..sent / BLOCK {
        assert_eq!(within(stuck.recv()).await.unwrap().unwrap().text, BLOCK.to_string());
    }
    within(stuck.send(block())).await.unwrap();
    assert_eq!(within(stuck.recv()).await.unwrap().unwrap().text, BLOCK.to_string());
}

#[tokio::test]
async fn a_dropped_stream_frees_both_ends() {
    let (site, client, _gate) = slow().await;
    let mut first = 0;
    // Together far more than the connection's window, which each of them has to give back.
    for turn in 0..24 {
        let mut stuck = client.talk().await.unwrap();
        stuck.send(ask("slow")).await.unwrap();
        let sent = fill(&mut stuck, first).await;
        first = if turn == 0 { sent } else { first };
        assert_eq!(sent, first, "turn {turn}");
        drop(stuck);
        site.quiet().await;
    }
}
