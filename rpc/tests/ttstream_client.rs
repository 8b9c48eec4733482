//! Streams of a client over TTHeader, and their options.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::chat::{ChatClient, line, run_chat};
use common::{Running, bounded, patient};
use kitewire::bytes::Bytes;
use kitewire::service::RawBody;
use kitewire::{
    Client, ClientBuilder, Code, Codec, Error, ErrorKind, MethodInfo, MethodKind, ServiceInfo, StreamPool,
    StreamTransport, Switch, Transport, TtStreamOptions,
};
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

/// Kitex's text of a cancel.
const CANCELED: &str = "user code invoking stream RPC with context processed by context.WithCancel or \
                        context.WithTimeout, then invoking cancel() actively";

#[tokio::test]
async fn the_three_modes_over_every_pool() {
    let (server, _controls) = run_chat().await;
    let pools = [StreamPool::multiplexed(), StreamPool::exclusive(), StreamPool::Short];
    let options = |pool| TtStreamOptions::default().pool(pool);
    let mut builders: Vec<_> = pools.map(|pool| builder(&server).tt_streams(options(pool))).into();
    builders.push(builder(&server).transport(Transport::Grpc));
    builders.push(builder(&server).tt_streams(TtStreamOptions::default().flow_control(Switch::Off)));
    for builder in builders {
        let chat = ChatClient(builder.build(Tokio).unwrap());
        assert_eq!(bounded(chat.unary("x")).await.unwrap(), "xx");
        for _ in 0..2 {
            three_modes(&chat, &server).await;
        }
    }
}

async fn three_modes(chat: &ChatClient, server: &Running) {
    let mut up = bounded(chat.collect()).await.unwrap();
    for text in ["a", "b", "c"] {
        bounded(up.send(line(text))).await.unwrap();
    }
    assert_eq!(bounded(up.finish()).await.unwrap(), line("abc"));
    let again = bounded(up.finish()).await.unwrap_err();
    assert_eq!(again.to_string(), "remote or network error: EOF");

    let mut changes = bounded(chat.watch("3")).await.unwrap();
    assert_eq!(bounded(changes.header()).await.unwrap().get("h"), Some("1"));
    assert_eq!(
        bounded(changes.header()).await.unwrap().get("h"),
        Some("1"),
        "and again"
    );
    for text in ["2", "1", "0"] {
        assert_eq!(bounded(changes.recv()).await.unwrap(), Some(line(text)));
    }
    assert_eq!(bounded(changes.recv()).await.unwrap(), None);
    assert_eq!(bounded(changes.recv()).await.unwrap(), None, "and again");
    assert_eq!(changes.trailer().get("t"), Some("2"));
    assert_eq!(changes.peer(), Some(&server.address));

    let mut talk = bounded(chat.talk()).await.unwrap();
    for text in ["a".to_owned(), "b".repeat(300_000)] {
        bounded(talk.send(line(text.clone()))).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line(text)));
    }
    talk.close_send();
    let closed = bounded(talk.send(line("x"))).await.unwrap_err();
    let text = "[ttstream error, code=12005] [client-side stream] stream is closed send";
    assert_eq!(
        (closed.to_string().as_str(), closed.kind()),
        (text, ErrorKind::Protocol)
    );
    assert_eq!(bounded(talk.recv()).await.unwrap(), None);
    assert!(bounded(talk.header()).await.unwrap().is_empty());
    assert!(talk.trailer().is_empty());
}

#[tokio::test]
async fn a_failed_stream_tells_the_same_error_to_both_sides_of_it() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server);
    let mut up = bounded(chat.collect()).await.unwrap();
    bounded(up.send(line("plain"))).await.unwrap();
    let failed = bounded(up.finish()).await.unwrap_err();
    let text = "[ttstream error, code=12001] [client-side stream] biz error: boom";
    assert_eq!((failed.to_string().as_str(), failed.kind()), (text, ErrorKind::Remote));
    assert_eq!((failed.service(), failed.method()), ("Chat", "collect"));
    assert_eq!(failed.stream_exception().map(|exception| exception.code), Some(12001));
    let sent = bounded(up.send(line("more"))).await.unwrap_err();
    assert_eq!(sent.to_string(), text);
}

#[tokio::test]
async fn a_dropped_stream_is_cancelled() {
    let (server, mut controls) = run_chat().await;
    let chat = client(&server);
    let mut changes = bounded(chat.watch("wait")).await.unwrap();
    bounded(changes.header()).await.unwrap();
    drop(changes);
    assert_eq!(controls.seen().await, "waiting");
    assert_eq!(controls.seen().await, "CallerGone");

    let there = format!("talk: [ttstream error, code=12007] [server-side stream] [canceled path: me] {CANCELED}");
    let here = format!("[ttstream error, code=12007] [client-side stream] {CANCELED}");
    let talk = bounded(chat.talk()).await.unwrap();
    assert_eq!(controls.seen().await, "talking");
    drop(talk);
    assert_eq!(controls.seen().await, there);

    // A half that goes before it is done takes the other one along.
    let (out, mut input) = bounded(chat.talk()).await.unwrap().split();
    assert_eq!(controls.seen().await, "talking");
    drop(out);
    assert_eq!(controls.seen().await, there);
    assert_eq!(bounded(input.recv()).await.unwrap_err().to_string(), here);

    let mut talk = bounded(chat.talk()).await.unwrap();
    assert_eq!(controls.seen().await, "talking");
    talk.cancel();
    assert_eq!(controls.seen().await, there);
    let error = bounded(talk.send(line("x"))).await.unwrap_err();
    assert_eq!((error.to_string(), error.kind()), (here, ErrorKind::Cancelled));
    assert_eq!(error.code(), Code::CANCELLED);
}

#[tokio::test]
async fn messages_that_came_before_a_cancel_are_still_there() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server);
    let mut changes = bounded(chat.watch("3")).await.unwrap();
    let mut talk = bounded(chat.talk()).await.unwrap();
    for text in ["a", "b"] {
        bounded(talk.send(line(text))).await.unwrap();
    }
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("a")));
    assert_eq!(bounded(changes.recv()).await.unwrap(), Some(line("2")));
    tokio::time::sleep(millis(50)).await;
    talk.cancel();
    changes.cancel();
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("b")));
    for _ in 0..2 {
        assert_eq!(bounded(talk.recv()).await.unwrap_err().kind(), ErrorKind::Cancelled);
    }
    // It was over when it was cancelled.
    for text in [Some("1"), Some("0"), None] {
        assert_eq!(bounded(changes.recv()).await.unwrap(), text.map(line));
    }
}

#[tokio::test]
async fn no_connection_and_an_end_of_it_are_told_as_over_other_transports() {
    let nowhere = patient(Client::to("127.0.0.1:1")).stream_transport(StreamTransport::TtHeader);
    let nowhere = ChatClient(nowhere.build(Tokio).unwrap());
    for _ in 0..2 {
        let error = bounded(nowhere.talk()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        let text = error.to_string();
        assert!(
            text.starts_with("remote or network error: get connection error: dial 127.0.0.1:1: "),
            "{text}"
        );
    }

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = patient(Client::to(address)).stream_transport(StreamTransport::TtHeader);
    let chat = ChatClient(client.build(Tokio).unwrap());
    let mut talk = bounded(chat.talk()).await.unwrap();
    drop(bounded(listener.accept()).await.unwrap());
    let lost = bounded(talk.recv()).await.unwrap_err();
    assert_eq!((lost.kind(), lost.code()), (ErrorKind::Transport, Code::UNAVAILABLE));
    assert!(lost.to_string().starts_with("[ttstream error, code=12006] "), "{lost}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_over_ttheader_is_refused_before_any_dial() {
    static METHODS: [MethodInfo; 1] = [MethodInfo::new("talk", MethodKind::BidirectionalStreaming)];
    static MAIL: ServiceInfo = ServiceInfo::new("test", "Mail", Codec::Protobuf, &METHODS);
    let builder = || Client::to("127.0.0.1:1").stream_transport(StreamTransport::TtHeader);
    let client = builder().build(Tokio).unwrap();
    let protobuf = bounded(client.bidirectional::<RawBody, RawBody>(&MAIL, 0)).await;
    let error = protobuf.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert_eq!(
        error.to_string(),
        "internal exception: Protobuf does not stream over TTHeader, service: Mail, method: talk"
    );

    let chat = ChatClient(client);
    for key in ["isn", "RPC_PERSIST_user", "RPC_TRANSIT_gdpr-token", "biz-status", "a b"] {
        let refused = bounded(chat.talk().metadata(key, "v")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidRequest, "{key}");
    }
    for builder in [
        builder().transport(Transport::TtHeaderStream),
        builder().tt_streams(TtStreamOptions::default().pool(StreamPool::Multiplexed { connections: 0 })),
    ] {
        assert_eq!(builder.build(Tokio).unwrap_err().kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn an_entry_that_fits_no_header_harms_no_other_stream() {
    let (server, _controls) = run_chat().await;
    let options = TtStreamOptions::default().pool(StreamPool::Multiplexed { connections: 1 });
    let chat = ChatClient(builder(&server).tt_streams(options).build(Tokio).unwrap());
    let mut talk = bounded(chat.talk()).await.unwrap();
    let huge = "x".repeat(65_536);
    for call in [chat.talk().metadata("k", &huge), chat.talk().persistent("k", &huge)] {
        assert_eq!(bounded(call).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
    bounded(talk.send(line("x"))).await.unwrap();
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("x")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_live_in_different_tasks() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server);
    let (mut out, mut input) = bounded(chat.talk()).await.unwrap().split();
    let sending = tokio::spawn(async move {
        for turn in 0..2000 {
            out.send(line(format!("{turn}{}", "x".repeat(turn)))).await?;
        }
        out.close();
        Ok::<_, Error>(())
    });
    for turn in 0..2000 {
        let message = bounded(input.recv()).await.unwrap();
        assert_eq!(message, Some(line(format!("{turn}{}", "x".repeat(turn)))));
    }
    assert_eq!(bounded(input.recv()).await.unwrap(), None);
    bounded(sending).await.unwrap().unwrap();
}

#[tokio::test]
async fn raw_bytes_and_streams_to_other_addresses_go_through() {
    let (server, _controls) = run_chat().await;
    let elsewhere = Client::to("127.0.0.1:1").stream_transport(StreamTransport::TtHeader);
    let client = patient(elsewhere).tag("k", "client").build(Tokio).unwrap();
    let talk = client.bidirectional::<RawBody, RawBody>(&common::chat::CHAT, 3);
    let mut talk = bounded(talk.to(&server.address).tag("l", "stream")).await.unwrap();
    assert_eq!((talk.tag("k"), talk.tag("l")), (Some("client"), Some("stream")));
    let message = Bytes::from_static(&[11, 0, 1, 0, 0, 0, 1, b'y', 0]);
    bounded(talk.send(message.clone())).await.unwrap();
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(message));
}
