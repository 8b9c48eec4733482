//! How long a stream and its messages are waited for.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::chat::{ChatClient, line, run_chat};
use common::{Running, bounded, patient};
use kitewire::{Client, ClientBuilder, Code, ErrorKind, RecvTimeout, StreamOptions};
use kitewire_tokio::Tokio;

fn builder(server: &Running) -> ClientBuilder {
    patient(Client::to(&server.address))
}

fn client(server: &Running) -> ChatClient {
    ChatClient(builder(server).build(Tokio).unwrap())
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Nothing but a message that is never sent takes as long.
const SHORT: Duration = Duration::from_millis(900);

#[tokio::test]
async fn a_message_that_does_not_come_in_time_ends_the_stream() {
    let (server, mut controls) = run_chat().await;
    let chat = client(&server);
    let timeout = RecvTimeout::new(SHORT);
    let mut talk = bounded(chat.talk().recv_timeout(timeout)).await.unwrap();
    bounded(talk.send(line("a"))).await.unwrap();
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("a")));
    let text =
        "rpc error: code = 17 desc = stream Recv timeout, timeout config={Timeout:900ms DisableCancelRemote:false}";
    let late = bounded(talk.recv()).await.unwrap_err();
    assert_eq!((late.to_string().as_str(), late.kind()), (text, ErrorKind::Timeout));
    assert_eq!(late.code(), Code::RECV_DEADLINE_EXCEEDED);
    assert_eq!(bounded(talk.recv()).await.unwrap_err().to_string(), text, "and again");
    assert_eq!(bounded(talk.send(line("b"))).await.unwrap_err().to_string(), text);
    assert_eq!(controls.seen().await, "talking");
    assert!(controls.seen().await.contains("CANCEL"));
}

#[tokio::test]
async fn a_stream_that_is_kept_loses_no_message() {
    let (server, controls) = run_chat().await;
    let options = StreamOptions::default().recv_timeout(RecvTimeout::new(millis(30)).keep_remote());
    let chat = ChatClient(builder(&server).streaming(options).build(Tokio).unwrap());
    let mut talk = bounded(chat.talk()).await.unwrap();
    bounded(talk.send(line("gate"))).await.unwrap();
    for _ in 0..2 {
        let late = bounded(talk.recv()).await.unwrap_err();
        assert!(
            late.to_string().ends_with("{Timeout:30ms DisableCancelRemote:true}"),
            "{late}"
        );
    }
    controls.gate.add_permits(1);
    bounded(talk.send(line("more"))).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        if let Ok(message) = bounded(talk.recv()).await {
            seen.push(message.unwrap());
        }
    }
    assert_eq!(seen, [line("open"), line("more")]);
}

#[tokio::test]
async fn a_stream_ends_with_its_time() {
    let (server, mut controls) = run_chat().await;
    let options = StreamOptions::default().timeout(millis(10_000));
    let chat = ChatClient(builder(&server).streaming(options).build(Tokio).unwrap());
    // What the stream asks for comes before what the client does; the shorter of two timeouts decides.
    let call = chat.talk().timeout(SHORT).recv_timeout(RecvTimeout::new(millis(5000)));
    let mut talk = bounded(call).await.unwrap();
    let late = bounded(talk.recv()).await.unwrap_err();
    assert_eq!(late.to_string(), "rpc error: code = 4 desc = context deadline exceeded");
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let sent = bounded(talk.send(line("x"))).await.unwrap_err();
    assert_eq!(sent.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(controls.seen().await, "talking");
    assert!(controls.seen().await.starts_with("talk: rpc error: code = "));

    let mut unlimited = bounded(chat.talk().timeout(Duration::ZERO)).await.unwrap();
    bounded(unlimited.send(line("x"))).await.unwrap();
    assert_eq!(bounded(unlimited.recv()).await.unwrap(), Some(line("x")));
}
