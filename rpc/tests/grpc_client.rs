//! Calls and streams of a client over gRPC, and their options.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use common::chat::{ChatClient, ChatServer, line, run_chat, talker};
use common::{ECHO, EchoClient, EchoServer, Running, bounded, handler, patient, run};
use kitewire::bytes::Bytes;
use kitewire::service::RawBody;
use kitewire::{
    Client, ClientBuilder, Code, Error, ErrorKind, GrpcConfig, GrpcOptions, HTTP_URL, Server, Switch, Transport,
};
use kitewire_tokio::Tokio;

fn builder(server: &Running) -> ClientBuilder {
    patient(Client::to(&server.address)).transport(Transport::Grpc)
}

fn client(server: &Running) -> ChatClient {
    ChatClient(builder(server).build(Tokio).unwrap())
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unary_calls_look_like_any_other() {
    let (server, _controls) = run_chat().await;
    for builder in [builder(&server), builder(&server).short()] {
        let chat = ChatClient(builder.build(Tokio).unwrap());
        for length in [0, 1, 9000, 300_000] {
            let text = "x".repeat(length);
            assert_eq!(bounded(chat.unary(text.clone())).await.unwrap(), text.repeat(2));
            assert_eq!(
                bounded(chat.unary(text.clone()).gzip(Switch::On)).await.unwrap(),
                text.repeat(2)
            );
        }
    }
    let chat = client(&server);
    let callers: Vec<_> = (0..50)
        .map(|caller| {
            let chat = chat.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    let text = format!("{caller}.{turn}");
                    assert_eq!(chat.unary(text.clone()).await.unwrap(), text.repeat(2));
                }
            })
        })
        .collect();
    for caller in callers {
        bounded(caller).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_larger_messages_has_room_for_them() {
    const MIB: u32 = 1024 * 1024;
    let (talker, _controls) = talker();
    let mut config = GrpcConfig::default();
    config.max_received_message = 20 * MIB;
    config.max_sent_message = 40 * MIB;
    let server = run(Server::new(Tokio).register(ChatServer::new(talker)).grpc(config)).await;
    let options = GrpcOptions::default()
        .max_sent_message(20 * MIB)
        .max_received_message(40 * MIB);
    let chat = ChatClient(builder(&server).grpc(options).build(Tokio).unwrap());
    let text = "x".repeat(17 * MIB as usize);
    let answer = chat.unary(text.clone()).timeout(Duration::from_secs(60)).await.unwrap();
    assert!(answer == text.repeat(2));
}

#[tokio::test]
async fn oneway_calls_and_raw_bytes_go_through() {
    let (handler, mut controls) = handler();
    let server = run(Server::new(Tokio).register(EchoServer::new(handler))).await;
    let echo = EchoClient(builder(&server).build(Tokio).unwrap());
    bounded(echo.push("there it goes")).await.unwrap();
    assert_eq!(bounded(controls.seen.recv()).await.unwrap(), "there it goes");
    assert_eq!(bounded(echo.echo("x")).await.unwrap(), "x");
    assert_eq!(
        bounded(echo.act("empty")).await.unwrap_err().kind(),
        ErrorKind::MissingResult
    );
    let raw = RawBody(Bytes::from_static(&[11, 0, 1, 0, 0, 0, 1, b'y', 0]));
    let answer = bounded(echo.0.call::<_, RawBody>(&ECHO, 0, raw)).await.unwrap();
    assert_eq!(answer, [11, 0, 0, 0, 0, 0, 1, b'y', 0].as_slice());
}

#[tokio::test]
async fn failures_of_calls_read_as_kitex_words_them() {
    let (server, mut controls) = run_chat().await;
    let chat = client(&server);
    let plain = bounded(chat.unary("plain")).await.unwrap_err();
    assert_eq!(
        plain.to_string(),
        "remote or network error: rpc error: code = 13 desc = boom [biz error]"
    );
    assert_eq!((plain.kind(), plain.code()), (ErrorKind::Status, Code::INTERNAL));
    assert_eq!((plain.service(), plain.method()), ("Chat", "unary"));
    assert_eq!(plain.peer(), Some(&server.address));

    let business = bounded(chat.unary("business")).await.unwrap_err();
    assert_eq!(business.to_string(), "biz error: code=404, msg=not found");
    assert_eq!(
        business.business_status().unwrap().extra,
        [("k".to_owned(), "<v>".to_owned())]
    );

    let late = bounded(chat.unary("wait").timeout(millis(50))).await.unwrap_err();
    assert_eq!(
        late.to_string(),
        format!(
            "rpc timeout: timeout=50ms, to=Chat, method=unary, location=kitex.rpcTimeoutMW, remote={}",
            server.address
        )
    );
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert_eq!(controls.seen().await, "waiting");
    assert!(["DeadlinePassed", "CallerGone"].contains(&controls.seen().await.as_str()));

    let nowhere = ChatClient(
        patient(Client::to("127.0.0.1:1"))
            .transport(Transport::Grpc)
            .build(Tokio)
            .unwrap(),
    );
    for error in [
        bounded(nowhere.unary("x")).await.unwrap_err(),
        bounded(nowhere.talk()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Connect);
        let text = error.to_string();
        assert!(
            text.starts_with("remote or network error: get connection error: dial 127.0.0.1:1: "),
            "{text}"
        );
    }
    let refused = bounded(chat.unary("x").metadata("grpc-status", "0")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
    let refused = bounded(chat.talk().metadata("k", "a\nb")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn a_call_has_metadata_both_ways() {
    let (server, _controls) = run_chat().await;
    let chat = ChatClient(builder(&server).caller("me").build(Tokio).unwrap());
    let call = chat
        .unary("call")
        .metadata("K", "v")
        .persistent("user", "7")
        .timeout(millis(5000));
    let response = bounded(call.full()).await.unwrap();
    let authority = &server.address;
    assert_eq!(response.value, format!("GRPC {authority} k=v user=7 from=me left=true"));
    assert_eq!(response.header.get("h"), Some("1"));
    assert_eq!(response.trailer.get("t"), Some("2"));
    assert!(response.backward.is_empty());

    let failed = bounded(chat.unary("metadata and boom").full()).await.unwrap_err();
    assert_eq!(failed.code(), Code::INTERNAL);
    assert_eq!(
        (failed.header().get("h"), failed.trailer().get("t")),
        (Some("1"), Some("2"))
    );
    let failed = bounded(chat.unary("metadata and boom")).await.unwrap_err();
    assert!(
        failed.header().is_empty() && failed.trailer().is_empty(),
        "nobody asked for it"
    );
}

#[tokio::test]
async fn the_four_modes() {
    let (server, _controls) = run_chat().await;
    // Streams go over gRPC whatever the transport of calls is.
    for transport in [Transport::Grpc, Transport::TtHeader] {
        for builder in [builder(&server), builder(&server).short()] {
            let chat = ChatClient(builder.transport(transport).build(Tokio).unwrap());
            assert_eq!(bounded(chat.unary("x")).await.unwrap(), "xx");

            let mut up = bounded(chat.collect()).await.unwrap();
            for text in ["a", "b", "c"] {
                bounded(up.send(line(text))).await.unwrap();
            }
            assert_eq!(bounded(up.finish()).await.unwrap(), line("abc"));
            assert_eq!(
                bounded(up.finish()).await.unwrap_err().to_string(),
                "rpc error: code = 13 desc = the stream is done"
            );

            let mut changes = bounded(chat.watch("3")).await.unwrap();
            assert_eq!(bounded(changes.header()).await.unwrap().get("h"), Some("1"));
            for text in ["2", "1", "0"] {
                assert_eq!(bounded(changes.recv()).await.unwrap(), Some(line(text)));
            }
            assert_eq!(bounded(changes.recv()).await.unwrap(), None);
            assert_eq!(bounded(changes.recv()).await.unwrap(), None, "and again");
            assert_eq!(changes.trailer().get("t"), Some("2"));
            assert_eq!(changes.peer(), Some(&server.address));

            let mut talk = bounded(chat.talk()).await.unwrap();
            for text in ["a", "b"] {
                bounded(talk.send(line(text))).await.unwrap();
                assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line(text)));
            }
            talk.close_send();
            let closed = bounded(talk.send(line("x"))).await.unwrap_err();
            assert_eq!(closed.to_string(), "rpc error: code = 13 desc = the stream is done");
            assert_eq!(bounded(talk.recv()).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_failed_stream_tells_the_same_error_to_both_sides_of_it() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server);
    let mut up = bounded(chat.collect()).await.unwrap();
    bounded(up.send(line("plain"))).await.unwrap();
    let failed = bounded(up.finish()).await.unwrap_err();
    assert_eq!(failed.to_string(), "rpc error: code = 13 desc = boom [biz error]");
    let sent = bounded(up.send(line("more"))).await.unwrap_err();
    assert_eq!(sent.to_string(), "rpc error: code = 13 desc = boom [biz error]");
}

#[tokio::test]
async fn a_dropped_call_or_stream_is_cancelled() {
    let (server, mut controls) = run_chat().await;
    let chat = client(&server);
    let mut changes = bounded(chat.watch("wait")).await.unwrap();
    bounded(changes.header()).await.unwrap();
    drop(changes);
    assert_eq!(controls.seen().await, "waiting");
    assert_eq!(controls.seen().await, "CallerGone");

    let call = chat.unary("wait");
    assert!(tokio::time::timeout(millis(50), call).await.is_err());
    assert_eq!(controls.seen().await, "waiting");
    assert_eq!(controls.seen().await, "CallerGone");

    let cancelled = "talk: rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL \
                     [triggered by ]";
    let talk = bounded(chat.talk()).await.unwrap();
    assert_eq!(controls.seen().await, "talking");
    drop(talk);
    assert_eq!(controls.seen().await, cancelled);

    // A half that goes before it is done takes the other one along.
    let (out, mut input) = bounded(chat.talk()).await.unwrap().split();
    assert_eq!(controls.seen().await, "talking");
    drop(out);
    assert_eq!(controls.seen().await, cancelled);
    let error = bounded(input.recv()).await.unwrap_err();
    assert_eq!(error.to_string(), "rpc error: code = 1 desc = context canceled");

    let mut talk = bounded(chat.talk()).await.unwrap();
    assert_eq!(controls.seen().await, "talking");
    talk.cancel();
    assert_eq!(controls.seen().await, cancelled);
    let error = bounded(talk.send(line("x"))).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Cancelled, Code::CANCELLED));
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
async fn what_a_call_asks_for_beats_its_client() {
    let (server, _controls) = run_chat().await;
    let who = async |chat: &ChatClient, tag: Option<&str>| {
        let call = chat.talk();
        let mut talk = match tag {
            Some(url) => bounded(call.tag(HTTP_URL, url).tag("k", "stream")).await.unwrap(),
            None => bounded(call).await.unwrap(),
        };
        bounded(talk.send(line("who"))).await.unwrap();
        let Some(authority) = bounded(talk.recv()).await.unwrap().unwrap().0 else {
            panic!("it has one");
        };
        (authority, talk.tag("k").map(str::to_owned))
    };
    let answer = |authority: &str, tag: Option<&str>| (authority.to_owned(), tag.map(str::to_owned));
    let address = server.address.to_string();
    assert_eq!(who(&client(&server), None).await, answer(&address, None));
    let named = ChatClient(
        builder(&server)
            .destination("shop.chat")
            .tag("k", "client")
            .build(Tokio)
            .unwrap(),
    );
    assert_eq!(who(&named, None).await, answer("shop.chat", Some("client")));
    assert_eq!(
        who(&named, Some("http://other:1/x")).await,
        answer("other:1", Some("stream"))
    );
    let options = GrpcOptions::default().authority("told");
    let told = builder(&server)
        .destination("shop.chat")
        .grpc(options)
        .tag(HTTP_URL, "nonsense");
    assert_eq!(
        who(&ChatClient(told.build(Tokio).unwrap()), None).await,
        answer("told", None)
    );

    // An address of its own.
    let elsewhere = ChatClient(
        patient(Client::to("127.0.0.1:1"))
            .transport(Transport::Grpc)
            .build(Tokio)
            .unwrap(),
    );
    assert_eq!(bounded(elsewhere.unary("x").to(&server.address)).await.unwrap(), "xx");
    let mut changes = bounded(elsewhere.watch("1").to(&server.address)).await.unwrap();
    assert_eq!(bounded(changes.recv()).await.unwrap(), Some(line("0")));
}

#[tokio::test]
async fn a_method_is_called_as_it_is_declared() {
    let (server, _controls) = run_chat().await;
    let chat = client(&server).0;
    let text = |error: Error| error.to_string();
    let call = chat.call::<common::Args, common::Answer>(&common::chat::CHAT, 3, common::Text(None));
    assert_eq!(
        text(bounded(call).await.unwrap_err()),
        "internal exception: not a unary method, service: Chat, method: talk"
    );
    let stream = chat.bidirectional::<common::Args, common::Args>(&common::chat::CHAT, 0);
    assert_eq!(
        text(bounded(stream).await.unwrap_err()),
        "internal exception: not a streaming method, service: Chat, method: unary"
    );
    let stream = chat.bidirectional::<common::Args, common::Args>(&common::chat::CHAT, 9);
    assert_eq!(
        text(bounded(stream).await.unwrap_err()),
        "internal exception: non-existent method, service: Chat, method: "
    );
}

#[tokio::test]
async fn a_dropped_recv_loses_nothing() {
    let (server, controls) = run_chat().await;
    let chat = client(&server);
    let mut talk = bounded(chat.talk()).await.unwrap();
    bounded(talk.send(line("gate"))).await.unwrap();
    {
        let mut recv = pin!(talk.recv());
        let polled = poll_fn(|cx| Poll::Ready(recv.as_mut().poll(cx).is_pending())).await;
        assert!(polled);
    }
    controls.gate.add_permits(1);
    assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("open")));
}
