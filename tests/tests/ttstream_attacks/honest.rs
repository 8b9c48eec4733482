//! A client that asks for much, and for nothing that it may not have.

use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{Error, RecvTimeout};
use kitewire_tests::site::{Ask, PromisesClient, ask, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, META, Peer, RST, TRAILER};
use tokio::task::JoinSet;

use crate::victim::Victim;

const TASKS: usize = 100;
const ROUNDS: usize = 30;

/// Streams of every kind of end, one after another.
async fn much(client: PromisesClient, task: usize) -> Result<(), Error> {
    let payload = Bytes::from(vec![1; 1 + task * 50]);
    for round in 0..ROUNDS {
        let mut talk = client.talk().await?;
        for number in 0..10 {
            let text = format!("{task} {round} {number}");
            let payload = payload.clone();
            talk.send(Ask {
                text: text.clone(),
                payload,
            })
            .await?;
            assert_eq!(talk.recv().await?.unwrap().text, text);
        }
        match round % 4 {
            // Given up with an answer on its way.
            0 => talk.send(ask("x")).await?,
            1 => {
                talk.close_send();
                assert!(talk.recv().await?.is_none());
            }
            2 => talk.cancel(),
            _ => {
                drop(talk);
                // Given up before anything could happen.
                drop(client.talk().await?);
                let impatient = RecvTimeout::new(Duration::from_millis(1));
                let mut talk = client.talk().recv_timeout(impatient).await?;
                talk.recv().await.unwrap_err();
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_heavy_user_is_never_refused() {
    let victim = Victim::new().await;
    let client = victim.client();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        tasks.spawn(much(client.clone(), task));
    }
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap().unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(120), all)
        .await
        .expect("it should have ended");
    assert_eq!(victim.handle().stats().connections, 1, "all over one connection");
    within(victim.site.quiet()).await;
}

/// A proxy between Kitex peers may do all of this, in any number.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_talkative_proxy_is_never_refused() {
    let victim = Victim::new().await;
    let mut peer = Peer::connect(&victim.site.address).await;
    for round in 0..500 {
        let id = round * 2 + 1;
        let ended = id - 2;
        peer.send([
            Frame::new(0, META).int(77, "x"),
            Frame::open(id, "talk").int(12, "700"),
            Frame::new(id, META).string("rip", "10.0.0.1:1"),
            Frame::data(id, "x"),
            // What an old client sends behind the end of a stream, and a late cancel.
            Frame::trailer(ended),
            Frame::exception(ended, RST, (12007, "late")),
            Frame::data(id, "y"),
        ])
        .await;
        let answers = [peer.frame().await, peer.frame().await, peer.frame().await];
        assert_eq!(answers.map(|frame| frame.kind), [HEADER, DATA, DATA]);
        peer.send([Frame::trailer(id)]).await;
        assert_eq!(peer.frame().await.kind, TRAILER);
    }
    assert_eq!(victim.handle().stats().connections, 1);
}
