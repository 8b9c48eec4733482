//! Modes, the order of things, and ends of streams: promises 4 to 18.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{Call, Client, Error, ErrorKind, Receiver, Sender, Server, Transport};
use kitewire_tokio::Tokio;
use tokio::sync::{Notify, mpsc};

use crate::raw::{Raw, arguments};
use crate::site::{
    Ask, Heir, HeirClient, HeirServer, Promises, PromisesServer, Reply, Scene, Site, ask, ask_bytes, reply, within,
};

#[tokio::test]
async fn promise_04_ordinary_and_streaming_methods_share_a_service_and_a_port() {
    let site = Scene::new().serve().await;
    let streams = site.client();
    for transport in [
        Transport::Bare,
        Transport::Framed,
        Transport::TtHeader,
        Transport::TtHeaderFramed,
        Transport::Grpc,
    ] {
        let client = Client::to(site.address.clone())
            .transport(transport)
            .connect_timeout(crate::site::PATIENCE);
        let client = crate::site::PromisesClient::new(client.build(Tokio).unwrap());
        assert_eq!(client.ping(ask("one")).await.unwrap().text, "one", "{transport}");
        // Streams go over gRPC whatever the transport of calls.
        let mut up = client.collect().await.unwrap();
        up.send(ask("two")).await.unwrap();
        assert_eq!(up.finish().await.unwrap().text, "two");
    }
    let mut talk = streams.talk().await.unwrap();
    talk.send(ask("three")).await.unwrap();
    assert_eq!(talk.recv().await.unwrap().unwrap().text, "three");
}

/// A service that inherits every method.
struct Child(Scene);

impl Heir for Child {
    async fn ping(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        Promises::ping(&self.0, call, ask).await
    }

    async fn unary(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        Promises::unary(&self.0, call, ask).await
    }

    async fn collect(&self, call: &Call, requests: Receiver<Ask>) -> Result<Reply, Error> {
        Promises::collect(&self.0, call, requests).await
    }

    async fn watch(&self, call: &Call, ask: Ask, out: Sender<Reply>) -> Result<(), Error> {
        Promises::watch(&self.0, call, ask, out).await
    }

    async fn talk(&self, call: &Call, requests: Receiver<Ask>, out: Sender<Reply>) -> Result<(), Error> {
        Promises::talk(&self.0, call, requests, out).await
    }

    async fn own(&self, call: &Call, _requests: Receiver<Ask>, mut out: Sender<Reply>) -> Result<(), Error> {
        out.send(reply(call.service())).await
    }
}

#[tokio::test]
async fn promise_05_inherited_streaming_methods_are_called_on_the_child() {
    let site = Site::of(Server::new(Tokio).register(HeirServer::new(Child(Scene::new())))).await;
    let heir = HeirClient::new(site.builder().build(Tokio).unwrap());
    let mut own = heir.own().await.unwrap();
    assert_eq!(own.recv().await.unwrap().unwrap().text, "Heir");
    let mut inherited = heir.talk().await.unwrap();
    inherited.send(ask("mine")).await.unwrap();
    assert_eq!(inherited.recv().await.unwrap().unwrap().text, "mine");
}

#[tokio::test]
async fn promise_07_the_service_name_finds_the_service() {
    let named = || {
        Scene::new().talk(|call, _, mut out| {
            Box::pin(async move {
                let name = reply(call.service());
                out.send(name).await
            })
        })
    };
    let server = Server::new(Tokio)
        .register(PromisesServer::new(named()))
        .register(HeirServer::new(Child(named())).fallback());
    let site = Site::of(server).await;
    let heir = HeirClient::new(site.builder().build(Tokio).unwrap());
    let mut of_heir = heir.talk().await.unwrap();
    assert_eq!(of_heir.recv().await.unwrap().unwrap().text, "Heir");
    let mut of_parent = site.client().talk().await.unwrap();
    assert_eq!(of_parent.recv().await.unwrap().unwrap().text, "Promises");
}

#[tokio::test]
async fn promise_08_the_return_of_the_handler_ends_the_stream() {
    let site = Scene::new()
        .talk(|_, _, mut out| Box::pin(async move { out.send(reply("once")).await }))
        .serve()
        .await;
    let mut talk = site.client().talk().await.unwrap();
    assert_eq!(talk.recv().await.unwrap().unwrap().text, "once");
    assert!(within(talk.recv()).await.unwrap().is_none(), "nobody closed it");
    site.quiet().await;
}

#[tokio::test]
async fn promise_09_a_handler_sees_the_end_of_what_the_client_sends() {
    let (seen, mut count) = mpsc::unbounded_channel();
    let site = Scene::new()
        .collect(move |_, mut asks| {
            let seen = seen.clone();
            Box::pin(async move {
                let mut messages = 0;
                while asks.recv().await?.is_some() {
                    messages += 1;
                }
                // The same again, however often it is asked.
                assert!(asks.recv().await?.is_none());
                seen.send(messages).unwrap();
                Ok(reply(""))
            })
        })
        .serve()
        .await;
    let mut up = site.client().collect().await.unwrap();
    for _ in 0..3 {
        up.send(ask("x")).await.unwrap();
    }
    up.finish().await.unwrap();
    assert_eq!(count.recv().await, Some(3));
}

#[tokio::test]
async fn promise_10_a_client_gets_the_messages_and_then_the_end() {
    let site = Scene::new().serve().await;
    let mut down = site.client().watch(ask("a b c")).await.unwrap();
    for word in ["a", "b", "c"] {
        assert_eq!(down.recv().await.unwrap().unwrap().text, word);
    }
    assert!(down.recv().await.unwrap().is_none());
    assert!(down.recv().await.unwrap().is_none(), "the same again");
}

#[tokio::test]
async fn promise_11_finish_gives_the_answer_or_the_handlers_error() {
    let site = Scene::new()
        .collect(|_, mut asks| {
            Box::pin(async move {
                let first = asks.recv().await?.map(|ask| ask.text).unwrap_or_default();
                while asks.recv().await?.is_some() {}
                match first.as_str() {
                    "fail" => Err(Error::new("as you wish")),
                    _ => Ok(reply(&first)),
                }
            })
        })
        .serve()
        .await;
    let client = site.client();
    let mut up = client.collect().await.unwrap();
    up.send(ask("fine")).await.unwrap();
    assert_eq!(up.finish().await.unwrap().text, "fine");
    let mut up = client.collect().await.unwrap();
    up.send(ask("fail")).await.unwrap();
    let error = up.finish().await.unwrap_err();
    assert_eq!(error.to_string(), "rpc error: code = 13 desc = as you wish [biz error]");
}

#[tokio::test]
async fn promise_12_opening_a_server_stream_sends_the_request_and_half_closes() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let site = Scene::new()
        .watch(move |_, ask, _| {
            seen.send(ask.text).unwrap();
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    let stream = site.client().watch(ask("all at once")).await.unwrap();
    assert_eq!(
        within(requests.recv()).await.unwrap(),
        "all at once",
        "nobody has received yet"
    );
    drop(stream);
}

#[tokio::test]
async fn promise_13_sending_after_close_fails() {
    let site = Scene::new().serve().await;
    let mut talk = site.client().talk().await.unwrap();
    talk.close_send();
    let error = talk.send(ask("too late")).await.unwrap_err();
    assert_eq!(error.to_string(), "rpc error: code = 13 desc = the stream is done");
    assert!(talk.recv().await.unwrap().is_none(), "the stream itself ends well");
}

#[tokio::test]
async fn promise_14_a_message_that_is_sent_need_not_be_received() {
    let (go, ready) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (gate, told) = (Arc::clone(&go), Arc::clone(&ready));
    let site = Scene::new()
        .talk(move |_, asks, _| {
            let (gate, told) = (Arc::clone(&gate), Arc::clone(&told));
            Box::pin(async move {
                told.notify_one();
                gate.notified().await;
                drop(asks);
                Ok(())
            })
        })
        .serve()
        .await;
    let mut talk = site.client().talk().await.unwrap();
    within(ready.notified()).await;
    within(talk.send(ask("into the void"))).await.unwrap();
    go.notify_one();
    assert!(talk.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn promise_15_send_waits_for_a_slow_reader_and_recv_does_not_wait_for_what_is_there() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let site = Scene::new()
        .collect(move |_, mut asks| {
            let opened = Arc::clone(&opened);
            Box::pin(async move {
                opened.notified().await;
                let mut bytes = 0;
                while let Some(ask) = asks.recv().await? {
                    bytes += ask.payload.len();
                }
                Ok(reply(&bytes.to_string()))
            })
        })
        .serve()
        .await;
    let mut up = site.client().collect().await.unwrap();
    let block = Ask {
        text: String::new(),
        payload: Bytes::from(vec![0; 64 * 1024]),
    };
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(200), up.send(&block))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 1000, "nobody reads, and all of it was taken");
    }
    gate.notify_one();
    within(up.send(&block)).await.unwrap();
    let received = up.finish().await.unwrap().text;
    assert_eq!(
        received,
        ((sent + 1) * 64 * 1024).to_string(),
        "a send that was dropped sent nothing"
    );

    let mut down = site.client().watch(ask("a b")).await.unwrap();
    down.recv().await.unwrap();
    site.quiet().await;
    let second = tokio::time::timeout(Duration::ZERO, down.recv()).await;
    assert_eq!(second.unwrap().unwrap().unwrap().text, "b");
}

#[tokio::test]
async fn promise_16_an_error_of_the_handler_comes_behind_its_messages() {
    let site = Scene::new()
        .watch(|_, _, mut out| {
            Box::pin(async move {
                out.send(reply("before")).await?;
                Err(Error::new("mock error"))
            })
        })
        .serve()
        .await;
    let mut down = site.client().watch(ask("")).await.unwrap();
    assert_eq!(down.recv().await.unwrap().unwrap().text, "before");
    for _ in 0..2 {
        let error = down.recv().await.unwrap_err();
        assert_eq!(error.to_string(), "rpc error: code = 13 desc = mock error [biz error]");
    }
}

#[test]
fn promise_17_the_death_of_the_server_fails_the_stream() {
    // The server's runtime runs on one thread: once it goes, none of its tasks has another turn.
    let (served, serving) = std::sync::mpsc::channel();
    let (die, dying) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let site = Scene::new()
                .talk(|_, _, mut out| {
                    Box::pin(async move {
                        out.send(reply("alive")).await?;
                        std::future::pending().await
                    })
                })
                .serve()
                .await;
            served.send(site).unwrap();
            dying.await.unwrap();
        });
    });
    let site = serving.recv().unwrap();
    let living = tokio::runtime::Runtime::new().unwrap();
    let client = {
        let _inside = living.enter();
        site.client()
    };
    let mut talk = living.block_on(async {
        let mut talk = client.talk().await.unwrap();
        assert_eq!(talk.recv().await.unwrap().unwrap().text, "alive");
        talk
    });
    die.send(()).unwrap();
    server.join().unwrap();
    living.block_on(async {
        let error = within(talk.recv()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_18_both_halves_work_at_once_in_tasks_of_their_own() {
    const MESSAGES: usize = 2000;
    let site = Scene::new().serve().await;
    let (mut sender, mut receiver) = site.client().talk().await.unwrap().split();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            sender.send(ask(&number.to_string())).await?;
            counted.fetch_add(1, Ordering::Relaxed);
        }
        sender.close();
        Ok::<_, Error>(())
    });
    let mut next = 0;
    while let Some(reply) = within(receiver.recv()).await.unwrap() {
        assert_eq!(reply.text, next.to_string());
        next += 1;
    }
    sending.await.unwrap().unwrap();
    assert_eq!((next, sent.load(Ordering::Relaxed)), (MESSAGES, MESSAGES));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promises_08_and_12_as_they_are_on_the_wire() {
    let site = Scene::new().serve().await;
    let address = site.address.clone();
    let (unary, down) = tokio::task::spawn_blocking(move || {
        let mut raw = Raw::connect(&address);
        let unary = raw.call("/promises.Promises/unary", &[], &arguments("x"));
        let down = raw.call("/promises.Promises/watch", &[], &ask_bytes("a b"));
        (unary, down)
    })
    .await
    .unwrap();
    for answer in [&unary, &down] {
        assert_eq!(answer.head[0], (":status".into(), "200".into()));
        assert_eq!(
            answer.head[1],
            ("content-type".into(), "application/grpc+thrift".into())
        );
        let ends: Vec<_> = answer.trailers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(ends, ["grpc-status", "grpc-message"]);
    }
    assert_eq!(unary.body[5..8], [0x0c, 0, 0], "a unary result is wrapped");
    assert_eq!(down.body[5..8], [0x0b, 0, 1], "a streamed message is not");
}
