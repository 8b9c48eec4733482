//! Many calls of all kinds at once over few connections, on several threads and on one, left in every state: nothing
//! hangs, nothing stays open. Over gRPC, and over TTHeader with each of its pools.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::chat::{ChatClient, Line, line, run_chat};
use common::{bounded, patient};
use kitewire::{Client, ClientBuilder, GrpcOptions, Receiver, StreamPool, StreamTransport, Transport, TtStreamOptions};
use kitewire_tokio::Tokio;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % sides
    }

    fn text(&mut self) -> String {
        let length = [3, 200, 9_000, 70_000, 400_000][self.roll(5)];
        "x".repeat(length)
    }
}

/// Answers until the end, counted.
async fn count(mut answers: Receiver<Line>) -> usize {
    let mut count = 0;
    while answers.recv().await.unwrap().is_some() {
        count += 1;
    }
    count
}

/// A stream each way, in a task each.
async fn talk(chat: &ChatClient, dice: &mut Dice) {
    let (mut out, input) = chat.talk().await.unwrap().split();
    let reader = tokio::spawn(count(input));
    let messages = dice.roll(30);
    for _ in 0..messages {
        out.send(line(dice.text())).await.unwrap();
    }
    out.close();
    assert_eq!(reader.await.unwrap(), messages);
}

/// A stream that is left before its end: by one half, by both, or because its time is over.
async fn leave(chat: &ChatClient, dice: &mut Dice) {
    let timeout = Duration::from_micros(1 + dice.roll(3_000) as u64);
    let call = chat.talk();
    let opened = match dice.roll(2) {
        0 => call.await,
        _ => call.timeout(timeout).await,
    };
    let Ok(stream) = opened else { return };
    let (mut out, mut input) = stream.split();
    for _ in 0..dice.roll(4) {
        let _ = out.send(line(dice.text())).await;
        if dice.roll(2) == 0 {
            let _ = input.recv().await;
        }
    }
    match dice.roll(3) {
        0 => {
            drop(out);
            // Over TTHeader, what has come before can still be read.
            while matches!(input.recv().await, Ok(Some(_))) {}
            assert!(input.recv().await.is_err(), "given up by the sender");
        }
        1 => {
            drop(input);
            assert!(out.send(line("x")).await.is_err(), "given up by the receiver");
        }
        _ => {}
    }
}

async fn churn(chat: ChatClient, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..25 {
        let what = dice.roll(6);
        tokio::time::timeout(Duration::from_secs(30), act(&chat, what, &mut dice))
            .await
            .unwrap_or_else(|_| panic!("{what} waits for ever"));
    }
}

async fn act(chat: &ChatClient, what: usize, dice: &mut Dice) {
    match what {
        0 => {
            let text = dice.text();
            assert_eq!(chat.unary(text.clone()).await.unwrap().len(), 2 * text.len());
        }
        1 => {
            let lines = dice.roll(300);
            let mut watch = chat.watch(lines.to_string()).await.unwrap();
            for _ in 0..dice.roll(lines + 1) {
                assert!(watch.recv().await.unwrap().is_some());
            }
        }
        2 => {
            let mut collect = chat.collect().await.unwrap();
            let mut sent = 0;
            for _ in 0..dice.roll(10) {
                let text = dice.text();
                sent += text.len();
                collect.send(line(text)).await.unwrap();
            }
            if dice.roll(4) > 0 {
                assert_eq!(collect.finish().await.unwrap().0.unwrap_or_default().len(), sent);
            }
        }
        3 => talk(chat, dice).await,
        4 => leave(chat, dice).await,
        _ => {
            // A call whose future is dropped.
            let call = chat.unary(dice.text());
            let _ = tokio::time::timeout(Duration::from_micros(dice.roll(500) as u64), call).await;
        }
    }
}

fn over_grpc(builder: ClientBuilder) -> ClientBuilder {
    let options = GrpcOptions::default().connections(2);
    builder.transport(Transport::Grpc).grpc(options)
}

/// Unary calls share one more connection.
fn over_ttheader(builder: ClientBuilder, pool: StreamPool) -> ClientBuilder {
    let options = TtStreamOptions::default().pool(pool);
    let builder = builder.stream_transport(StreamTransport::TtHeader).multiplexed(1);
    builder.tt_streams(options)
}

async fn come_and_go(callers: u64, client: impl Fn(ClientBuilder) -> ClientBuilder, connections: usize) {
    let (server, _controls) = run_chat().await;
    let client = client(patient(Client::to(&server.address)));
    let chat = ChatClient(client.build(Tokio).unwrap());
    let callers: Vec<_> = (1..=callers)
        .map(|seed| tokio::spawn(churn(chat.clone(), seed)))
        .collect();
    for caller in callers {
        tokio::time::timeout(Duration::from_secs(60), caller)
            .await
            .expect("nobody waits for ever")
            .unwrap();
    }
    bounded(async {
        while server.handle.stats().calls > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    bounded(async {
        while server.handle.stats().connections > connections {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    server.handle.shutdown(Duration::from_secs(5));
    bounded(server.ended)
        .await
        .unwrap()
        .expect("nothing was left to be cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn calls_of_all_kinds_come_and_go() {
    come_and_go(24, over_grpc, 2).await;
}

#[tokio::test]
async fn calls_of_all_kinds_come_and_go_on_one_thread() {
    come_and_go(8, over_grpc, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn streams_of_all_kinds_come_and_go_over_every_pool() {
    for (pool, connections) in [
        (StreamPool::Multiplexed { connections: 2 }, 3),
        (StreamPool::Exclusive { max_idle: 5 }, 6),
        (StreamPool::Short, 1),
    ] {
        come_and_go(16, |builder| over_ttheader(builder, pool), connections).await;
    }
}

#[tokio::test]
async fn streams_of_all_kinds_come_and_go_on_one_thread() {
    let pool = StreamPool::Multiplexed { connections: 2 };
    come_and_go(8, |builder| over_ttheader(builder, pool), 3).await;
}
