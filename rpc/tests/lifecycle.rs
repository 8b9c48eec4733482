//! Ends: timeouts, callers that go, servers that stop, connections that die.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::chat::{ChatServer, talker};
use common::{EchoClient, EchoServer, Running, bounded, handler, kept_address, patient, run, run_at};
use kitewire::bytes::{Bytes, BytesMut};
use kitewire::proto::Transmit;
use kitewire::proto::grpc::{Connection, Request};
use kitewire::{Client, ClientBuilder, CloseReason, Codec, ErrorKind, MethodKind, Notice, Server, Switch, Transport};
use kitewire_tokio::Tokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

fn builders(server: &Running) -> [(&'static str, ClientBuilder); 3] {
    let base = || patient(Client::to(&server.address)).destination("shop");
    [
        ("pooled", base()),
        ("multiplexed", base().multiplexed(1)),
        ("framed", base().transport(Transport::Framed)),
    ]
}

fn client(builder: ClientBuilder) -> EchoClient {
    EchoClient(builder.build(Tokio).unwrap())
}

#[tokio::test]
async fn a_call_that_takes_too_long_times_out_and_harms_nobody() {
    let (handler, controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    for (way, builder) in builders(&server) {
        let client = client(builder);
        bounded(client.echo("connect")).await.unwrap();
        let error = bounded(client.wait("x").timeout(Duration::from_millis(30)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{way}");
        assert_eq!(
            error.to_string(),
            format!(
                "rpc timeout: timeout=30ms, to=shop, method=wait, location=kitex.rpcTimeoutMW, remote={}",
                server.address
            )
        );
        assert_eq!(bounded(client.echo("y")).await.unwrap(), "y", "{way}");
        // The late answer must not be taken for another call's.
        controls.gate.add_permits(1);
        for turn in 0..5 {
            assert_eq!(
                bounded(client.echo(turn.to_string())).await.unwrap(),
                turn.to_string(),
                "{way}"
            );
        }
    }
}

#[tokio::test]
async fn a_timeout_covers_connecting_too() {
    // A socket that listens and never accepts: the system answers for it until its queue is full, so the call waits for
    // its answer.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    for builder in [Client::to(address), Client::to(address).multiplexed(1)] {
        let client = client(patient(builder).timeout(Duration::from_millis(20)));
        let error = bounded(client.echo("x")).await.unwrap_err();
        assert!(error.is_timeout());
    }
}

#[tokio::test]
async fn a_dropped_call_frees_its_place() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    for (way, builder) in builders(&server) {
        let client = client(builder);
        for turn in 0..3 {
            let text = format!("cancel {turn}");
            tokio::select! {
                answer = client.wait(text.clone()) => panic!("{way}: {answer:?}"),
                seen = bounded(controls.seen.recv()) => assert_eq!(seen.unwrap(), format!("waiting {text}")),
            }
            if way != "multiplexed" {
                // The connection went with the call, and the handler hears about it.
                assert_eq!(
                    bounded(controls.seen.recv()).await.unwrap(),
                    format!("CallerGone {text}")
                );
            }
            assert_eq!(bounded(client.echo("next")).await.unwrap(), "next", "{way}");
        }
        if way == "multiplexed" {
            // Nobody tells the server that a call was given up, until the connection goes with its client.
            drop(client);
            for _ in 0..3 {
                assert!(
                    bounded(controls.seen.recv())
                        .await
                        .unwrap()
                        .starts_with("CallerGone cancel")
                );
            }
        }
    }
}

#[tokio::test]
async fn a_handler_hears_about_its_deadline() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(handler))
        .deadline_from_header(Switch::On))
    .await;
    for builder in [
        patient(Client::to(&server.address)),
        patient(Client::to(&server.address)).multiplexed(1),
    ] {
        let client = client(builder);
        bounded(client.echo("connect")).await.unwrap();
        let error = bounded(client.wait("cancel me").timeout(Duration::from_millis(500)))
            .await
            .unwrap_err();
        assert!(
            error.is_timeout() || error.to_string().ends_with("context deadline exceeded"),
            "{error}"
        );
        assert_eq!(bounded(controls.seen.recv()).await.unwrap(), "waiting cancel me");
        let heard = bounded(controls.seen.recv()).await.unwrap();
        assert!(
            heard == "DeadlinePassed cancel me" || heard == "CallerGone cancel me",
            "{heard}"
        );
    }
}

#[tokio::test]
async fn a_stopping_server_answers_what_it_has_read() {
    for turn in 0..3 {
        let (handler, mut controls) = handler();
        let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
        let (_, builder) = builders(&server)[turn].clone();
        let client = client(builder);
        let waiting = {
            let client = client.clone();
            tokio::spawn(async move { client.wait("x").await })
        };
        bounded(controls.seen.recv()).await.unwrap();
        assert_eq!(server.handle.stats().calls, 1);
        server.handle.shutdown(Duration::from_secs(4));
        // The listener goes first.
        bounded(async { while TcpStream::connect(server.address.to_string()).await.is_ok() {} }).await;
        controls.gate.add_permits(1);
        assert_eq!(bounded(waiting).await.unwrap().unwrap(), "x");
        bounded(server.ended).await.unwrap().expect("nothing was cut off");
        bounded(server.handle.wait()).await;
        assert_eq!(server.handle.stats().connections, 0);
    }
}

#[tokio::test]
async fn a_stop_ends_when_patience_does() {
    for (turn, patience) in [(0, 60), (1, 60), (2, 60), (0, 0)] {
        let (handler, mut controls) = handler();
        let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
        let (way, builder) = builders(&server)[turn].clone();
        let client = client(builder);
        let waiting = tokio::spawn(async move { client.wait("x").await });
        bounded(controls.seen.recv()).await.unwrap();
        let before = Instant::now();
        server.handle.shutdown(Duration::from_millis(patience));
        let error = bounded(waiting).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{way}");
        let unfinished = bounded(server.ended).await.unwrap().unwrap_err();
        assert_eq!(unfinished.calls, 1);
        assert!(before.elapsed() < Duration::from_secs(15));
    }
}

/// Callers never pause while a server stops. Each gets its answers, until the door is shut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_between_our_own_peers_when_a_server_stops() {
    for multiplexed in [true, false] {
        let (handler_, controls) = handler();
        controls.gate.add_permits(1_000_000);
        let server = run(Server::new(Tokio).register(EchoServer::new(handler_))).await;
        // Callers with a connection of their own, so that none lies idle when the server closes it: such a connection can
        // tell nobody.
        let builder = patient(Client::to(&server.address));
        let clients: Vec<_> = if multiplexed {
            std::iter::repeat_n(client(builder.multiplexed(2)), 8).collect()
        } else {
            (0..8).map(|_| client(builder.clone())).collect()
        };
        let done = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(caller, client)| {
                let done = Arc::clone(&done);
                tokio::spawn(async move {
                    loop {
                        let answer = if caller % 2 == 0 {
                            client.echo("x").await
                        } else {
                            client.wait("x").await
                        };
                        match answer {
                            Ok(_) => done.fetch_add(1, Ordering::Relaxed),
                            Err(error) if error.kind() == ErrorKind::Connect => return Ok(()),
                            Err(error) => return Err(error),
                        };
                    }
                })
            })
            .collect();
        bounded(async {
            while done.load(Ordering::Relaxed) < 500 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        server.handle.shutdown(Duration::from_secs(4));
        for caller in callers {
            bounded(caller)
                .await
                .unwrap()
                .unwrap_or_else(|error| panic!("multiplexed {multiplexed}: {error}"));
        }
        bounded(server.ended).await.unwrap().expect("all calls were answered");
    }
}

/// The last thing is the end of a handler whose caller has gone, so that nothing is left to be sent.
#[tokio::test]
async fn a_stop_that_ends_without_a_byte_is_noticed() {
    let (talker, mut controls) = talker();
    let (sender, mut notices) = mpsc::unbounded_channel();
    let server = Server::new(Tokio)
        .register(ChatServer::new(talker))
        .observe(move |notice| {
            if let Notice::Closed { reason, .. } = notice {
                let _ = sender.send((*reason).clone());
            }
        });
    let server = run(server).await;
    let now = kitewire::Instant::ZERO;
    let mut client = Connection::client(Arc::default(), now);
    let kind = MethodKind::BidirectionalStreaming;
    let request = Request::new("test", "Chat", "talk", Codec::Thrift, kind);
    let id = client.open(now, &request).unwrap();
    let gate = Bytes::from_static(b"\x0b\0\x01\0\0\0\x04gate\0");
    client.sender(id).unwrap().send(&gate).unwrap();
    let mut socket = TcpStream::connect(server.address.to_string()).await.unwrap();
    exchange(&mut client, &mut socket).await;
    assert_eq!(controls.seen().await, "talking");
    client.release(id);
    exchange(&mut client, &mut socket).await;
    server.handle.shutdown(Duration::from_secs(4));
    for _ in 0..3 {
        exchange(&mut client, &mut socket).await;
    }
    controls.gate.add_permits(1);
    bounded(server.ended).await.unwrap().unwrap();
    assert_eq!(bounded(notices.recv()).await, Some(CloseReason::Shutdown));
}

/// Writes what there is, and reads what comes soon.
async fn exchange(client: &mut Connection, socket: &mut TcpStream) {
    let (now, mut out, mut input) = (kitewire::Instant::ZERO, Transmit::new(), BytesMut::new());
    while client.poll_transmit(now, &mut out) {
        socket.write_all(&out.to_vec()).await.unwrap();
        out.advance(out.len());
    }
    let soon = Duration::from_millis(50);
    while let Ok(read) = tokio::time::timeout(soon, socket.read_buf(&mut input)).await {
        assert!(read.unwrap() > 0);
        client.receive(now, &mut input);
    }
}

#[tokio::test]
async fn dropping_run_ends_everything_at_once() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let client = client(patient(Client::to(&server.address)));
    let waiting = tokio::spawn(async move { client.wait("x").await });
    bounded(controls.seen.recv()).await.unwrap();
    server.ended.abort();
    bounded(server.handle.wait()).await;
    assert_eq!(
        bounded(waiting).await.unwrap().unwrap_err().kind(),
        ErrorKind::Transport
    );
}

#[tokio::test]
async fn a_connection_that_died_idle_is_replaced() {
    let (_kept, address) = kept_address();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (handler, _controls) = handler();
        let server = run_at(Server::new(Tokio).register(EchoServer::new(handler)), address).await;
        if clients.is_empty() {
            clients = builders(&server).map(|(way, builder)| (way, client(builder))).to_vec();
        }
        for (way, client) in &clients {
            assert_eq!(bounded(client.echo("x")).await.expect(way), "x");
        }
        server.handle.shutdown(Duration::ZERO);
        bounded(server.ended).await.unwrap().unwrap();
    }
    for (way, client) in &clients {
        assert_eq!(
            bounded(client.echo("x")).await.unwrap_err().kind(),
            ErrorKind::Connect,
            "{way}"
        );
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_on_a_call_is_a_transport_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let rude = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut some = [0; 64];
            let _ = socket.read(&mut some).await;
        }
    });
    for builder in [Client::to(address), Client::to(address).multiplexed(1)] {
        let error = bounded(client(patient(builder)).echo("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(error.to_string().starts_with("remote or network error: "), "{error}");
    }
    bounded(rude).await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_protocol_end_the_connection_and_are_noticed() {
    let (handler, _controls) = handler();
    let (sender, mut notices) = mpsc::unbounded_channel();
    let server = run(Server::new(Tokio)
        .register(EchoServer::new(handler))
        .serve_http(Switch::Off)
        .observe(move |notice| {
            if let Notice::Closed { reason, .. } = notice {
                let _ = sender.send((*reason).clone());
            }
        }))
    .await;
    for bytes in ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\x01\x7c"] {
        let mut socket = TcpStream::connect(server.address.to_string()).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        bounded(socket.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.is_empty());
        let reason = bounded(notices.recv()).await.unwrap();
        assert!(
            matches!(reason, CloseReason::Malformed(_) | CloseReason::ProtocolNotServed(_)),
            "{reason:?}"
        );
    }
}

#[tokio::test]
async fn a_half_closed_caller_still_gets_its_answers() {
    let (handler, controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let mut socket = TcpStream::connect(server.address.to_string()).await.unwrap();
    // Three framed calls of `wait`, then the end of the stream.
    for id in 1..=3u8 {
        let mut call = b"\0\0\0\x1a\x80\x01\0\x01\0\0\0\x04wait\0\0\0".to_vec();
        call.extend_from_slice(&[id]);
        call.extend_from_slice(b"\x0b\0\x01\0\0\0\x02hi\0");
        socket.write_all(&call).await.unwrap();
    }
    socket.shutdown().await.unwrap();
    controls.gate.add_permits(3);
    let mut answers = Vec::new();
    bounded(socket.read_to_end(&mut answers)).await.unwrap();
    assert_eq!(answers.len(), 3 * 30);
    let ids: Vec<_> = answers.chunks(30).map(|answer| answer[19]).collect();
    assert_eq!(ids, [1, 2, 3]);
}
