//! How long a stream over TTHeader and its messages are waited for.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::chat::{ChatClient, line, run_chat};
use common::{Running, bounded, patient};
use kitewire::{Client, ClientBuilder, Code, ErrorKind, RecvTimeout, StreamOptions, StreamTransport};
use kitewire_tokio::Tokio;

fn builder(server: &Running) -> ClientBuilder {
    patient(Client::to(&server.address)).stream_transport(StreamTransport::TtHeader)
}

fn client(server: &Running) -> ChatClient {
    ChatClient(builder(server).caller("me").build(Tokio).unwrap())
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
    let config = "stream Recv timeout, timeout config={Timeout:900ms DisableCancelRemote:false}";
    let text = format!("[ttstream error, code=12014] [client-side stream] {config}");
    let late = bounded(talk.recv()).await.unwrap_err();
    assert_eq!((late.to_string(), late.kind()), (text.clone(), ErrorKind::Timeout));
    assert_eq!(late.method(), "talk");
    assert_eq!(bounded(talk.recv()).await.unwrap_err().to_string(), text, "and again");
    assert_eq!(bounded(talk.send(line("b"))).await.unwrap_err().to_string(), text);
    assert_eq!(controls.seen().await, "talking");
    let there = format!("talk: [ttstream error, code=12014] [server-side stream] [canceled path: me] {config}");
    assert_eq!(controls.seen().await, there);
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
    // What the stream asks for comes before what the client does; the shorter of two timeouts decides, and of two that
    // are alike the stream's.
    for recv_timeout in [millis(5000), SHORT] {
        let call = chat.talk().timeout(SHORT).recv_timeout(RecvTimeout::new(recv_timeout));
        let mut talk = bounded(call).await.unwrap();
        let late = bounded(talk.recv()).await.unwrap_err();
        let text = "[ttstream error, code=12015] [client-side stream] stream timeout, timeout in ctx: 900ms";
        assert_eq!((late.to_string().as_str(), late.kind()), (text, ErrorKind::Timeout));
        assert_eq!(late.code(), Code::DEADLINE_EXCEEDED);
        assert_eq!(bounded(talk.send(line("x"))).await.unwrap_err().to_string(), text);
        assert_eq!(controls.seen().await, "talking");
        let there = controls.seen().await;
        assert!(
            there.starts_with("talk: [ttstream error, code=12015] [server-side stream] "),
            "{there}"
        );
    }

    let mut unlimited = bounded(chat.talk().timeout(Duration::ZERO)).await.unwrap();
    bounded(unlimited.send(line("x"))).await.unwrap();
    assert_eq!(bounded(unlimited.recv()).await.unwrap(), Some(line("x")));
}

#[tokio::test]
async fn a_stream_without_time_is_not_even_dialled() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for transport in [StreamTransport::Grpc, StreamTransport::TtHeader] {
        let client = patient(Client::to(address)).stream_transport(transport);
        let chat = ChatClient(client.build(Tokio).unwrap());
        let late = bounded(chat.talk().timeout(Duration::from_nanos(1))).await.unwrap_err();
        assert_eq!(
            (late.kind(), late.code()),
            (ErrorKind::Timeout, Code::DEADLINE_EXCEEDED)
        );
        if transport == StreamTransport::TtHeader {
            let text = format!(
                "rpc timeout: timeout=1ns, to=Chat, method=talk, location=kitex.rpcTimeoutMW, remote={address}"
            );
            assert_eq!(late.to_string(), text);
        }
    }
    assert!(tokio::time::timeout(millis(50), listener.accept()).await.is_err());
}
