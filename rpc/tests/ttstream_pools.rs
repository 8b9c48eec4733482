//! The connections of streams over TTHeader: how many there are, which stream gets which, and when they go.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::chat::{Chat, ChatClient, ChatServer, Line, line, run_chat};
use common::{Running, bounded, kept_address, patient, run, run_at};
use kitewire::proto::ttstream::Config;
use kitewire::{
    Address, BidiStream, Call, Client, ClientBuilder, Error, ErrorKind, Receiver, Sender, Server, StreamPool,
    StreamTransport, Switch, TtStreamOptions,
};
use kitewire_tokio::Tokio;

const ONE: StreamPool = StreamPool::Multiplexed { connections: 1 };
const POOLS: [StreamPool; 3] = [ONE, StreamPool::exclusive(), StreamPool::Short];

fn builder(address: impl Into<Address>, options: TtStreamOptions) -> ClientBuilder {
    patient(Client::to(address))
        .stream_transport(StreamTransport::TtHeader)
        .tt_streams(options)
}

fn client(address: impl Into<Address>, pool: StreamPool) -> ChatClient {
    let options = TtStreamOptions::default().pool(pool);
    ChatClient(builder(address, options).build(Tokio).unwrap())
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Answers each message with the address that it came from.
struct Mirror;

impl Chat for Mirror {
    async fn unary(&self, _call: &Call, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn collect(&self, _call: &Call, mut requests: Receiver<Line>) -> Result<Line, Error> {
        while requests.recv().await?.is_some() {}
        Ok(line(""))
    }

    async fn watch(&self, _call: &Call, _ask: Line, mut out: Sender<Line>) -> Result<(), Error> {
        out.send(line("")).await
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Line>, mut out: Sender<Line>) -> Result<(), Error> {
        while requests.recv().await?.is_some() {
            out.send(line(call.peer().map(Address::to_string).unwrap_or_default()))
                .await?;
        }
        Ok(())
    }
}

async fn run_mirror() -> Running {
    run(Server::new(Tokio).register(ChatServer::new(Mirror))).await
}

/// A stream that the server has seen, and this side's address as it has seen it.
async fn opened(chat: &ChatClient) -> (BidiStream<Line, Line>, String) {
    let mut talk = bounded(chat.talk()).await.unwrap();
    bounded(talk.send(line("x"))).await.unwrap();
    let from = bounded(talk.recv()).await.unwrap().unwrap().0.unwrap();
    (talk, from)
}

async fn end(talk: &mut BidiStream<Line, Line>) {
    talk.close_send();
    assert_eq!(bounded(talk.recv()).await.unwrap(), None);
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waited)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn shared_connections_are_dialled_when_they_are_needed_and_used_in_turn() {
    let server = run_mirror().await;
    let chat = client(&server.address, StreamPool::Multiplexed { connections: 3 });
    let mut kept = Vec::new();
    for connections in [1, 2, 3, 3, 3, 3] {
        kept.push(opened(&chat).await);
        assert_eq!(server.handle.stats().connections, connections);
    }
    for turn in 0..3 {
        assert_eq!(kept[turn].1, kept[turn + 3].1);
    }
    // Streams that are opened together share one dial.
    let chat = client(&server.address, ONE);
    let all: Vec<_> = (0..10)
        .map(|_| {
            tokio::spawn({
                let chat = chat.clone();
                async move { opened(&chat).await }
            })
        })
        .collect();
    for one in all {
        kept.push(one.await.unwrap());
    }
    assert_eq!(server.handle.stats().connections, 4);
    assert_eq!(chat.0.idle_connections(), 0);
}

#[tokio::test]
async fn an_exclusive_connection_waits_for_the_next_stream_and_the_last_one_is_first() {
    let server = run_mirror().await;
    let chat = client(&server.address, StreamPool::exclusive());
    let mut kept = Vec::new();
    for connections in 1..=4 {
        kept.push(opened(&chat).await);
        assert_eq!(server.handle.stats().connections, connections);
    }
    for (idle, (talk, _)) in (1..).zip(&mut kept) {
        end(talk).await;
        // The stream is over, although its handle is there.
        assert_eq!(chat.0.idle_connections(), idle);
    }
    let (first, second) = (opened(&chat).await, opened(&chat).await);
    assert_eq!((first.1, second.1), (kept[3].1.clone(), kept[2].1.clone()));
    assert_eq!(server.handle.stats().connections, 4);
    assert_eq!(chat.0.idle_connections(), 2);
    // Given up, their connections come back just as well.
    drop((first.0, second.0));
    until("both are back", || chat.0.idle_connections() == 4).await;
    let (third, _) = opened(&chat).await;
    assert_eq!(server.handle.stats().connections, 4);
    drop((third, kept));

    drop(chat);
    until("they are closed with their client", || {
        server.handle.stats().connections == 0
    })
    .await;
}

#[tokio::test]
async fn no_more_connections_wait_than_may() {
    let server = run_mirror().await;
    let chat = client(&server.address, StreamPool::Exclusive { max_idle: 2 });
    let mut kept = Vec::new();
    for _ in 0..5 {
        kept.push(opened(&chat).await.0);
    }
    for talk in &mut kept {
        end(talk).await;
    }
    drop(kept);
    until("three are closed", || server.handle.stats().connections == 2).await;
    assert_eq!(chat.0.idle_connections(), 2);
}

#[tokio::test]
async fn a_short_connection_ends_with_its_stream() {
    let server = run_mirror().await;
    let short = builder(&server.address, TtStreamOptions::default()).short();
    for chat in [
        client(&server.address, StreamPool::Short),
        ChatClient(short.build(Tokio).unwrap()),
    ] {
        let (mut first, one) = opened(&chat).await;
        let (second, two) = opened(&chat).await;
        assert_ne!(one, two);
        assert_eq!(server.handle.stats().connections, 2);
        end(&mut first).await;
        until("the first is closed", || server.handle.stats().connections == 1).await;
        assert_eq!(
            bounded(first.recv()).await.unwrap(),
            None,
            "it still tells how it ended"
        );
        drop(second);
        until("the second is closed", || server.handle.stats().connections == 0).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_stream_is_closed_after_a_while() {
    let server = run_mirror().await;
    for pool in [ONE, StreamPool::exclusive()] {
        let options = TtStreamOptions::default().pool(pool).idle_timeout(millis(50));
        let chat = ChatClient(builder(&server.address, options).build(Tokio).unwrap());
        for _ in 0..2 {
            let (mut talk, _) = opened(&chat).await;
            tokio::time::sleep(millis(120)).await;
            assert_eq!(server.handle.stats().connections, 1, "it has a stream");
            end(&mut talk).await;
            drop(talk);
            until("it is closed", || server.handle.stats().connections == 0).await;
            assert_eq!(chat.0.idle_connections(), 0);
        }
    }
}

#[tokio::test]
async fn names_of_hosts_work_with_every_pool() {
    let server = run_mirror().await;
    let name = format!("localhost:{}", server.address.port().unwrap());
    for pool in POOLS {
        let chat = client(name.as_str(), pool);
        assert!(matches!(chat.0.address(), Address::Name(_)));
        let mut from = Vec::new();
        for _ in 0..3 {
            let (mut talk, address) = opened(&chat).await;
            end(&mut talk).await;
            from.push(address);
        }
        from.dedup();
        assert_eq!(from.len(), if pool == StreamPool::Short { 3 } else { 1 }, "{pool:?}");
        drop(chat);
        until("all is closed", || server.handle.stats().connections == 0).await;
    }
}

#[tokio::test]
async fn a_failed_dial_loses_nothing_and_blocks_nobody() {
    for pool in POOLS {
        let (_kept, address) = kept_address();
        let chat = client(address, pool);
        for _ in 0..3 {
            let (one, two) = bounded(async { tokio::join!(chat.talk(), chat.talk()) }).await;
            assert_eq!(one.unwrap_err().kind(), ErrorKind::Connect);
            assert_eq!(two.unwrap_err().kind(), ErrorKind::Connect);
        }
        let server = run_at(Server::new(Tokio).register(ChatServer::new(Mirror)), address).await;
        let (mut talk, _) = opened(&chat).await;
        end(&mut talk).await;
        drop(talk);
        // A connection that the server has closed is nobody's obstacle, once that has been heard.
        server.handle.shutdown(millis(0));
        let _ = bounded(server.ended).await;
        tokio::time::sleep(millis(20)).await;
        let server = run_at(Server::new(Tokio).register(ChatServer::new(Mirror)), address).await;
        let (mut talk, _) = opened(&chat).await;
        end(&mut talk).await;
        server.handle.shutdown(millis(0));
    }
}

#[tokio::test]
async fn a_stream_outlives_its_client() {
    let server = run_mirror().await;
    for pool in POOLS {
        let chat = client(&server.address, pool);
        let (mut talk, _) = opened(&chat).await;
        drop(chat);
        tokio::time::sleep(millis(20)).await;
        bounded(talk.send(line("x"))).await.unwrap();
        assert!(bounded(talk.recv()).await.unwrap().is_some());
        end(&mut talk).await;
        drop(talk);
        until("it is closed", || server.handle.stats().connections == 0).await;
    }
}

#[tokio::test]
async fn streams_wait_for_a_free_place_in_the_order_they_came() {
    let server = run_mirror().await;
    let mut config = Config::default();
    config.max_streams = 1;
    let options = TtStreamOptions::default().pool(ONE).connection(config);
    let chat = ChatClient(builder(&server.address, options).build(Tokio).unwrap());
    let (first, _) = opened(&chat).await;
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    for turn in 0..4 {
        let (chat, sender) = (chat.clone(), sender.clone());
        tokio::spawn(async move {
            let (talk, _) = opened(&chat).await;
            sender.send(turn).unwrap();
            drop(talk);
        });
        tokio::time::sleep(millis(5)).await;
    }
    // Who loses patience keeps nobody from their turn.
    let impatient = bounded(chat.talk().timeout(millis(30))).await.unwrap_err();
    assert!(
        impatient.to_string().starts_with("rpc timeout: timeout=30ms, "),
        "{impatient}"
    );
    drop(first);
    for turn in 0..4 {
        assert_eq!(bounded(order.recv()).await, Some(turn));
    }
    assert_eq!(server.handle.stats().connections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_comes_and_goes_over_every_pool() {
    let (server, _controls) = run_chat().await;
    for pool in [
        StreamPool::Multiplexed { connections: 2 },
        StreamPool::Exclusive { max_idle: 4 },
        StreamPool::Short,
    ] {
        let chat = client(&server.address, pool);
        let crowd: Vec<_> = (0..40)
            .map(|who| {
                let chat = chat.clone();
                tokio::spawn(async move {
                    for turn in 0..15 {
                        visit(&chat, who + turn).await.unwrap();
                    }
                })
            })
            .collect();
        for one in crowd {
            tokio::time::timeout(Duration::from_secs(60), one)
                .await
                .expect("the test hangs")
                .unwrap();
        }
        drop(chat);
        until("nothing is left", || server.handle.stats().connections == 0).await;
    }
    assert_eq!(server.handle.stats().calls, 0);
}

/// What one of many callers does, who do not all wait for the end.
async fn visit(chat: &ChatClient, what: usize) -> Result<(), Error> {
    match what % 4 {
        0 => drop(tokio::time::timeout(Duration::from_micros(300), chat.talk()).await),
        1 => assert_eq!(chat.collect().await?.finish().await?, line("")),
        2 => drop(chat.watch("30").await?.recv().await?),
        _ => {
            let mut talk = chat.talk().await?;
            talk.send(line("x")).await?;
            assert_eq!(talk.recv().await?, Some(line("x")));
            talk.close_send();
            assert_eq!(talk.recv().await?, None);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_was_not_read_is_in_nobodys_way() {
    let (server, _controls) = run_chat().await;
    for switch in [Switch::On, Switch::Off] {
        let options = TtStreamOptions::default()
            .pool(StreamPool::exclusive())
            .flow_control(switch);
        let chat = ChatClient(builder(&server.address, options).build(Tokio).unwrap());
        let mut kept = Vec::new();
        for _ in 0..4 {
            let (mut out, mut input) = bounded(chat.talk()).await.unwrap().split();
            // Answers nobody reads, until no more are taken.
            let flood = async {
                loop {
                    out.send(line("x".repeat(100_000))).await.unwrap();
                }
            };
            let _ = tokio::time::timeout(millis(100), flood).await;
            // The first of them is right behind the header.
            bounded(input.header()).await.unwrap();
            tokio::time::sleep(millis(200)).await;
            drop(out);
            kept.push(input);
            let mut talk = bounded(chat.talk()).await.unwrap();
            for _ in 0..50 {
                let text = "y".repeat(100_000);
                bounded(talk.send(line(text.clone()))).await.unwrap();
                assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line(text)));
            }
            end(&mut talk).await;
        }
        for mut input in kept {
            assert!(
                bounded(input.recv()).await.unwrap().is_some(),
                "what has come can be read"
            );
        }
    }
}
