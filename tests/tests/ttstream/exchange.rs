//! Frames and messages of the modes: statements A1 to A13 and A27.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kitewire::Error;
use kitewire_tests::site::{Scene, ask, ask_bytes, reply, within};
use kitewire_tests::ttframe::{DATA, FC_SETTINGS, Frame, HEADER, META, Peer, RST, TRAILER, kinds};
use tokio::sync::{Notify, mpsc};

use crate::{CANCELLED, CLIENT, Stage, built, client, fails};

#[tokio::test]
async fn a01_opening_a_stream_sends_one_header() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    let offer = peer.next().await.unwrap();
    assert_eq!(
        (offer.id, offer.kind.as_str(), offer.method.as_deref()),
        (0, META, None)
    );
    assert_eq!(offer.get_int(FC_SETTINGS), Some("1,16777216,1048576"));
    let header = peer.frame().await;
    assert_eq!((header.id, header.kind.as_str()), (1, HEADER));
    assert_eq!(header.method.as_deref(), Some("talk"));
    assert_eq!(header.entries(), [("isn", "Promises")]);
    assert!(header.payload.is_empty());
    drop(talk);
    assert_eq!(
        kinds(&peer.until(TRAILER).await),
        [RST, TRAILER].concat(),
        "no second header"
    );
    let second = client.talk().await.unwrap();
    assert_eq!(peer.frame().await.id, 2, "ids count up on a connection");
    drop(second);
}

#[tokio::test]
async fn a02_opening_a_server_stream_sends_all_there_is_to_send() {
    let stage = Stage::new().await;
    let _down = built(stage.builder()).watch(ask("a b")).await.unwrap();
    let mut peer = stage.accept().await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, TRAILER].concat());
    assert_eq!(frames[1].payload, ask_bytes("a b"), "a bare struct, not wrapped");
    assert!(
        frames
            .iter()
            .all(|frame| frame.method.as_deref() == Some("watch") && frame.id == 1)
    );
    assert!(frames[2].strings.is_empty() && frames[2].payload.is_empty());
}

#[tokio::test]
async fn a03_the_handler_of_a_server_stream_begins_with_its_request() {
    let (seen, mut begun) = mpsc::unbounded_channel();
    let site = Scene::new()
        .watch(move |_, ask, _| {
            seen.send(ask.text).unwrap();
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "watch"), Frame::open(2, "watch")]).await;
    peer.send([Frame::data(2, "second").of("watch"), Frame::trailer(2)])
        .await;
    assert_eq!(
        within(begun.recv()).await.unwrap(),
        "second",
        "the first has no request yet"
    );
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, TRAILER].concat());
    // And it never gets one.
    peer.send([Frame::trailer(1)]).await;
    let end = peer.until(TRAILER).await.pop().unwrap();
    assert_eq!(end.id, 1);
    assert!(end.fault().is_some(), "{end:?}");
    assert!(
        begun.try_recv().is_err(),
        "without a request there is nothing to handle"
    );
}

#[tokio::test]
async fn a04_finish_ends_the_requests_and_receives_once() {
    let site = Scene::new().serve().await;
    let mut up = client(&site).collect().await.unwrap();
    for word in ["a", "b", "c"] {
        up.send(ask(word)).await.unwrap();
    }
    assert_eq!(within(up.finish()).await.unwrap().text, "a b c");
}

#[tokio::test]
async fn a05_the_answer_of_a_client_stream_comes_with_its_end() {
    let site = Scene::new().serve().await;
    let mut peer = Peer::connect(&site.address).await;
    let request = [
        Frame::open(1, "collect"),
        Frame::data(1, "x"),
        Frame::data(1, "y"),
        Frame::trailer(1),
    ];
    peer.send(request).await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, TRAILER].concat());
    assert_eq!(frames[1].text(), "x y");
    assert!(
        frames
            .iter()
            .all(|frame| frame.id == 1 && frame.method.as_deref() == Some("collect"))
    );
}

#[tokio::test]
async fn a05_a_second_answer_to_a_client_stream_is_not_read() {
    let stage = Stage::new().await;
    let mut up = built(stage.builder()).collect().await.unwrap();
    up.send(ask("")).await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(DATA).await;
    // Kitex's SendAndClose may be called twice.
    let answer = [
        Frame::new(1, HEADER),
        Frame::data(1, "first"),
        Frame::data(1, "second"),
        Frame::trailer(1),
    ];
    peer.send(answer).await;
    assert_eq!(within(up.finish()).await.unwrap().text, "first");
}

#[tokio::test]
async fn a06_and_a07_messages_come_in_order_and_then_the_end_for_ever() {
    let site = Scene::new().serve().await;
    let client = client(&site);
    let mut down = client.watch(ask("a b c")).await.unwrap();
    for word in ["a", "b", "c"] {
        assert_eq!(within(down.recv()).await.unwrap().unwrap().text, word);
    }
    for _ in 0..3 {
        assert!(within(down.recv()).await.unwrap().is_none());
    }
    let site = Scene::new()
        .watch(|_, _, _| Box::pin(async { Err(Error::new("no")) }))
        .serve()
        .await;
    let mut down = crate::client(&site).watch(ask("")).await.unwrap();
    for _ in 0..3 {
        fails(&within(down.recv()).await.unwrap_err(), 12001, CLIENT, "biz error: no");
    }
}

#[tokio::test]
async fn a08_queued_messages_come_before_whatever_ended_the_stream() {
    let ends = [
        (Frame::trailer(1), None),
        (Frame::exception(1, TRAILER, (6, "no")), Some((12001, "no"))),
        (Frame::exception(1, RST, (99, "gone")), Some((99, "gone"))),
    ];
    for (end, failure) in ends {
        let stage = Stage::new().await;
        let mut talk = built(stage.builder()).talk().await.unwrap();
        let mut peer = stage.accept().await;
        peer.until(HEADER).await;
        let answer = [Frame::new(1, HEADER), Frame::data(1, "a"), Frame::data(1, "b"), end];
        peer.send(answer).await;
        for word in ["a", "b"] {
            assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, word);
        }
        match failure {
            None => assert!(within(talk.recv()).await.unwrap().is_none()),
            Some((code, text)) => fails(&within(talk.recv()).await.unwrap_err(), code, CLIENT, text),
        }
    }
}

#[tokio::test]
async fn a08_queued_messages_come_before_ones_own_cancel() {
    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([
        Frame::new(1, HEADER),
        Frame::data(1, "a"),
        Frame::data(1, "b"),
        Frame::data(1, "c"),
    ])
    .await;
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "a");
    talk.cancel();
    for word in ["b", "c"] {
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, word);
    }
    fails(&within(talk.recv()).await.unwrap_err(), 12007, CLIENT, CANCELLED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_both_halves_work_at_once() {
    const MESSAGES: usize = 2000;
    let site = Scene::new().serve().await;
    let (mut sender, mut receiver) = client(&site).talk().await.unwrap().split();
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

#[tokio::test]
async fn a11_ending_the_requests_again_does_nothing() {
    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    talk.close_send();
    talk.close_send();
    let mut peer = stage.accept().await;
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, TRAILER].concat());
    peer.send([Frame::new(1, HEADER), Frame::trailer(1)]).await;
    assert!(within(talk.recv()).await.unwrap().is_none());
    talk.close_send();
    drop(talk);
    // Nothing of it is on the wire before the next stream.
    let _next = built(stage.builder()).talk().await.unwrap();
    assert_eq!(kinds(&stage.accept().await.until(HEADER).await), HEADER);
}

#[tokio::test]
async fn a12_sending_after_the_end_fails_with_the_end() {
    let site = Scene::new().serve().await;
    let client = client(&site);
    let closed = "stream is closed send";
    let mut talk = client.talk().await.unwrap();
    talk.close_send();
    fails(&talk.send(ask("")).await.unwrap_err(), 12005, CLIENT, closed);
    assert!(
        within(talk.recv()).await.unwrap().is_none(),
        "the stream itself ends well"
    );
    fails(&talk.send(ask("")).await.unwrap_err(), 12005, CLIENT, closed);

    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    // A clean end, without the client's own: the client answers with its trailer.
    peer.send([Frame::new(1, HEADER), Frame::trailer(1)]).await;
    assert_eq!(kinds(&peer.until(TRAILER).await), TRAILER);
    assert!(within(talk.recv()).await.unwrap().is_none());
    fails(&talk.send(ask("")).await.unwrap_err(), 12005, CLIENT, closed);

    let mut talk = built(stage.builder()).talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::exception(1, TRAILER, (6, "no"))]).await;
    peer.until(TRAILER).await;
    for _ in 0..2 {
        fails(&talk.send(ask("")).await.unwrap_err(), 12001, CLIENT, "no");
    }
    talk.cancel();
    fails(&talk.send(ask("")).await.unwrap_err(), 12001, CLIENT, "no");
}

#[tokio::test]
async fn a13_a_message_that_is_sent_need_not_be_received() {
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
    let mut talk = client(&site).talk().await.unwrap();
    within(ready.notified()).await;
    within(talk.send(ask("into the void"))).await.unwrap();
    go.notify_one();
    assert!(within(talk.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn a27_a_handler_that_returns_at_once_sends_header_and_trailer() {
    let site = Scene::new().talk(|_, _, _| Box::pin(async { Ok(()) })).serve().await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, TRAILER].concat());
    assert!(
        frames
            .iter()
            .all(|frame| frame.strings.is_empty() && frame.payload.is_empty())
    );
    let mut talk = client(&site).talk().await.unwrap();
    assert!(within(talk.recv()).await.unwrap().is_none());
    site.quiet().await;
}

#[tokio::test]
async fn messages_behind_the_clients_trailer_are_dropped() {
    let (seen, mut ends) = mpsc::unbounded_channel();
    let (go, gate) = tokio::sync::watch::channel(false);
    let site = Scene::new()
        .talk(move |_, mut asks, mut out| {
            let (mut gate, seen) = (gate.clone(), seen.clone());
            Box::pin(async move {
                gate.wait_for(|open| *open).await.unwrap();
                let mut texts = Vec::new();
                while let Some(ask) = asks.recv().await? {
                    texts.push(ask.text);
                }
                seen.send(texts).unwrap();
                out.send(reply("end")).await
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([
        Frame::open(1, "talk"),
        Frame::data(1, "in time"),
        Frame::trailer(1),
        Frame::data(1, "late"),
        // Behind it the server has read everything before.
        Frame::open(2, "watch"),
        Frame::data(2, "x"),
        Frame::trailer(2),
    ])
    .await;
    peer.until(TRAILER).await;
    go.send(true).unwrap();
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, DATA, TRAILER].concat());
    assert_eq!(ends.recv().await.unwrap(), ["in time"]);
}
