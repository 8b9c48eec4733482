//! The connections that calls and streams over gRPC share: how many there are, who waits for whom, and what happens
//! when one ends.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::chat::{ChatClient, ChatServer, line, run_chat, talker};
use common::peer::Listener;
use common::{bounded, patient, run, run_at};
use kitewire::proto::http2::Config;
use kitewire::{Address, Client, Code, Error, ErrorKind, GrpcOptions, Server, Transport};
use kitewire_tokio::Tokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn client(address: impl Into<Address>, connections: usize) -> ChatClient {
    let builder = patient(Client::to(address)).transport(Transport::Grpc);
    let builder = builder.grpc(GrpcOptions::default().connections(connections));
    ChatClient(builder.build(Tokio).unwrap())
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn lanes_are_dialled_when_they_are_needed_and_used_in_turn() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server.address, 3);
    assert_eq!(server.handle.stats().connections, 0);
    for connections in [1, 2, 3, 3] {
        let mut talk = bounded(chat.talk()).await.unwrap();
        bounded(talk.send(line("x"))).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("x")));
        assert_eq!(server.handle.stats().connections, connections);
    }
    // Calls that come together share one dial.
    let chat = client(&server.address, 1);
    let all: Vec<_> = (0..10)
        .map(|_| {
            let chat = chat.clone();
            tokio::spawn(async move { chat.unary("x").await })
        })
        .collect();
    for call in all {
        assert_eq!(bounded(call).await.unwrap().unwrap(), "xx");
    }
    assert_eq!(server.handle.stats().connections, 4);
}

/// Every address of this network is this machine, on Linux.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn addresses_that_are_not_called_any_more_are_forgotten() {
    let (talker, _controls) = talker();
    let server = Server::new(Tokio).register(ChatServer::new(talker));
    let server = run_at(server, "0.0.0.0:0").await;
    let port = server.address.port().unwrap();
    let address = |host: usize| Address::from(format!("127.0.0.{host}:{port}"));
    let chat = client(address(1), 1);
    let mut talk = bounded(chat.talk().to(address(2))).await.unwrap();
    for host in 3..=100 {
        assert_eq!(bounded(chat.unary("x").to(address(host))).await.unwrap(), "xx");
    }
    bounded(async {
        while server.handle.stats().connections > 64 {
            tokio::time::sleep(millis(5)).await;
        }
    })
    .await;
    // The stream is in use, so its address is not.
    bounded(talk.send(line("x"))).await.unwrap();
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("x")));
}

#[tokio::test]
async fn a_short_connection_ends_with_its_call() {
    let (server, _controls) = run_chat().await;
    let builder = patient(Client::to(&server.address)).transport(Transport::Grpc);
    let chat = ChatClient(builder.short().build(Tokio).unwrap());
    let none_is_left = async || {
        while server.handle.stats().connections > 0 {
            tokio::time::sleep(millis(5)).await;
        }
    };
    assert_eq!(bounded(chat.unary("x")).await.unwrap(), "xx");
    bounded(none_is_left()).await;
    let mut talk = bounded(chat.talk()).await.unwrap();
    for _ in 0..3 {
        bounded(talk.send(line("x"))).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("x")));
    }
    assert_eq!(server.handle.stats().connections, 1);
    drop(talk);
    bounded(none_is_left()).await;
}

#[tokio::test]
async fn a_stream_outlives_its_client() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server.address, 1);
    let mut talk = bounded(chat.talk()).await.unwrap();
    drop(chat);
    for _ in 0..2 {
        tokio::time::sleep(millis(20)).await;
        bounded(talk.send(line("x"))).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("x")));
    }
    talk.close_send();
    assert_eq!(bounded(talk.recv()).await.unwrap(), None);
    drop(talk);
    bounded(async {
        while server.handle.stats().connections > 0 {
            tokio::time::sleep(millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_told_to_end_takes_no_new_calls_and_keeps_its_streams() {
    let listener = Listener::new().await;
    let chat = client(listener.address(), 1);
    let opening = tokio::spawn({
        let chat = chat.clone();
        async move { chat.talk().await }
    });
    let mut first = listener.accept(100).await;
    let id = first.opened().await;
    let mut talk = bounded(opening).await.unwrap().unwrap();
    first.go_away().await;
    let serving = tokio::spawn(async move {
        first.drain(id).await;
        first.finish(id).await;
        first.serve().await;
    });
    tokio::time::sleep(millis(50)).await;
    let calling = tokio::spawn(async move { chat.unary("x").await });
    let second = listener.accept(100).await;
    let second = tokio::spawn(second.serve());
    assert_eq!(bounded(calling).await.unwrap().unwrap(), "x");
    bounded(talk.send(line("x"))).await.unwrap();
    talk.close_send();
    assert_eq!(bounded(talk.recv()).await.unwrap(), None);
    drop(talk);
    // With its last stream the connection ends.
    bounded(serving).await.unwrap();
    bounded(second).await.unwrap();
}

#[tokio::test]
async fn a_lane_that_died_is_dialled_again() {
    let listener = Listener::new().await;
    let chat = client(listener.address(), 1);
    for _ in 0..3 {
        let calling = tokio::spawn({
            let chat = chat.clone();
            async move { chat.unary("x").await }
        });
        let mut peer = listener.accept(100).await;
        let id = peer.opened().await;
        peer.echo(id).await;
        assert_eq!(bounded(calling).await.unwrap().unwrap(), "x");
        drop(peer);
        tokio::time::sleep(millis(20)).await;
    }
    // A call on its way is lost with its connection.
    let calling = tokio::spawn({
        let chat = chat.clone();
        async move { chat.unary("x").await }
    });
    let mut peer = listener.accept(100).await;
    peer.opened().await;
    drop(peer);
    let lost = bounded(calling).await.unwrap().unwrap_err();
    assert_eq!((lost.kind(), lost.code()), (ErrorKind::Transport, Code::UNAVAILABLE));
    assert!(
        lost.to_string()
            .starts_with("remote or network error: connection error: desc = \"error reading from server"),
        "{lost}"
    );
}

/// SETTINGS without an entry.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server that processes nothing of what comes over its first connections: GOAWAY with a last stream of 0, or
/// REFUSED_STREAM.
async fn refuse(mut socket: TcpStream, frame: &[u8]) {
    let mut input = vec![0; 4096];
    let mut read = 0;
    // Preface, SETTINGS and HEADERS are far longer than this together.
    while read < 100 {
        read += bounded(socket.read(&mut input)).await.unwrap();
    }
    socket.write_all(&SETTINGS).await.unwrap();
    socket.write_all(frame).await.unwrap();
    // The client may have more to say.
    while socket.read(&mut input).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn a_call_that_was_not_processed_is_made_once_more() {
    const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const REFUSED: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7];
    for frame in [&GO_AWAY[..], &REFUSED[..]] {
        let listener = Listener::new().await;
        let chat = client(listener.address(), 2);
        let calling = tokio::spawn(async move { chat.unary("x").await });
        let refusing = refuse(listener.socket().await, frame);
        let answering = async {
            let mut peer = listener.accept(100).await;
            let id = peer.opened().await;
            peer.echo(id).await;
            assert_eq!(bounded(calling).await.unwrap().unwrap(), "x");
        };
        bounded(async { tokio::join!(refusing, answering) }).await;

        // Once, not for ever.
        let chat = client(listener.address(), 2);
        let calling = tokio::spawn(async move { chat.unary("x").await });
        let once_more = async { refuse(listener.socket().await, frame).await };
        let refusing = async { tokio::join!(refuse(listener.socket().await, frame), once_more) };
        let failing = async { bounded(calling).await.unwrap().unwrap_err() };
        let (_, failed) = bounded(async { tokio::join!(refusing, failing) }).await;
        assert_eq!(failed.code(), Code::UNAVAILABLE, "{failed}");
        assert!(listener.is_left_alone().await);
    }
}

#[tokio::test]
async fn calls_wait_for_a_free_stream_in_the_order_they_came() {
    let listener = Listener::new().await;
    let chat = client(listener.address(), 1);
    let calling = tokio::spawn({
        let chat = chat.clone();
        async move { chat.unary("zero").await }
    });
    let mut peer = listener.accept(1).await;
    let mut open = peer.opened().await;
    let mut calls = Vec::new();
    for turn in 0..5 {
        let chat = chat.clone();
        calls.push(tokio::spawn(async move { chat.unary(turn.to_string()).await }));
        tokio::time::sleep(millis(5)).await;
    }
    // Those who lose patience, or go, keep nobody from their turn.
    let impatient = bounded(chat.unary("late").timeout(millis(30))).await.unwrap_err();
    assert_eq!(impatient.kind(), ErrorKind::Timeout);
    assert!(
        impatient.to_string().starts_with("rpc timeout: timeout=30ms, "),
        "{impatient}"
    );
    let impatient = bounded(chat.talk().timeout(millis(30))).await.unwrap_err();
    assert_eq!(impatient.code(), Code::DEADLINE_EXCEEDED);
    calls.remove(1).abort();
    tokio::time::sleep(millis(10)).await;

    peer.echo(open).await;
    assert_eq!(bounded(calling).await.unwrap().unwrap(), "zero");
    for (turn, call) in [0, 2, 3, 4].into_iter().zip(calls) {
        open = peer.opened().await;
        peer.echo(open).await;
        assert_eq!(bounded(call).await.unwrap().unwrap(), turn.to_string());
    }
}

#[tokio::test]
async fn who_waits_for_a_stream_of_a_dying_connection_finds_another_one() {
    let listener = Listener::new().await;
    let chat = client(listener.address(), 1);
    let talking = tokio::spawn({
        let chat = chat.clone();
        async move { chat.talk().await }
    });
    let mut first = listener.accept(1).await;
    first.opened().await;
    let _talk = bounded(talking).await.unwrap().unwrap();
    let calls: Vec<_> = (0..3)
        .map(|turn| {
            let chat = chat.clone();
            tokio::spawn(async move { chat.unary(turn.to_string()).await })
        })
        .collect();
    tokio::time::sleep(millis(20)).await;
    first.go_away().await;
    let second = tokio::spawn(listener.accept(100).await.serve());
    for (turn, call) in calls.into_iter().enumerate() {
        assert_eq!(bounded(call).await.unwrap().unwrap(), turn.to_string());
    }
    second.abort();
}

#[tokio::test]
async fn time_spent_waiting_is_not_promised_to_the_server() {
    let listener = Listener::new().await;
    let chat = client(listener.address(), 1);
    let calling = tokio::spawn({
        let chat = chat.clone();
        async move { chat.unary("zero").await }
    });
    let mut peer = listener.accept(1).await;
    let open = peer.opened().await;
    let waiting = tokio::spawn({
        let chat = chat.clone();
        async move { chat.unary("one").timeout(millis(3000)).await }
    });
    tokio::time::sleep(millis(200)).await;
    peer.echo(open).await;
    bounded(calling).await.unwrap().unwrap();
    let open = peer.opened().await;
    let left = peer.connection.call(open).unwrap().deadline.unwrap();
    assert!(
        left.as_nanos() <= millis(2800).as_nanos().try_into().unwrap(),
        "{left:?}"
    );
    peer.echo(open).await;
    assert_eq!(bounded(waiting).await.unwrap().unwrap(), "one");
}

/// What one of many callers does, who do not all wait for their answers.
async fn hurry(chat: &ChatClient, what: usize) -> Result<(), Error> {
    match what % 4 {
        0 => drop(tokio::time::timeout(Duration::from_micros(300), chat.unary("x")).await),
        1 => assert_eq!(chat.unary("wait").await?, "wait"),
        2 => drop(chat.talk().await?),
        _ => {
            let mut talk = chat.talk().await?;
            talk.send(line("x")).await?;
            assert_eq!(talk.recv().await?, Some(line("x")));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_gets_through_a_narrow_door() {
    let (talker, controls) = talker();
    controls.gate.add_permits(1_000_000);
    let mut http2 = Config::default();
    http2.max_concurrent_streams = 4;
    let server = Server::new(Tokio).http2_config(http2);
    let server = run(server.register(ChatServer::new(talker))).await;
    let chat = client(&server.address, 2);
    let crowd: Vec<_> = (0..60)
        .map(|who| {
            let chat = chat.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    // A stream that was given up counts on the server until its handler has noticed; until then it may
                    // refuse another one.
                    if let Err(error) = hurry(&chat, who + turn).await {
                        assert_eq!(error.code(), Code::UNAVAILABLE, "{error}");
                    }
                }
            })
        })
        .collect();
    let all = async {
        for one in crowd {
            one.await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("the test hangs");
    // What was given up is gone on the server, too, so that the next call is not refused.
    bounded(async {
        while server.handle.stats().calls > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(bounded(chat.unary("x")).await.unwrap(), "xx");
}
