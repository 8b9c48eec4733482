//! Between our own ends, which agree on flow control.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kitewire::Error;
use kitewire::bytes::Bytes;
use kitewire_tests::heap::Growth;
use kitewire_tests::site::{Ask, Scene, ask, within};

use crate::{
    BLOCK, CONNECTION_WINDOW, KIB, MANY, MARGIN, MIB, STREAM_WINDOW, alone, block, client_of, fast, goes_on, read_all,
    settled, shared,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_holds_its_window_and_no_more() {
    let _turn = alone().await;
    let fast = fast().await;
    let client = client_of(&fast.site.address, shared());
    let mut talk = client.talk().await.unwrap();
    goes_on(&mut talk, 1, &Bytes::new()).await;
    let growth = Growth::watch();
    let mut stopped = client.watch(ask("")).await.unwrap();
    let sent = settled(HALF, || fast.sent.load(Ordering::Relaxed)).await * BLOCK;
    assert!(
        sent <= STREAM_WINDOW + BLOCK + MIB,
        "the window, a message, and what waits at the sender: {sent}"
    );
    // F12, with both ends in this process: Kitex's client alone has 222 MiB here.
    let bound = STREAM_WINDOW + BLOCK + MARGIN;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    goes_on(&mut talk, 200, &block()).await;
    assert_eq!(
        fast.sent.load(Ordering::Relaxed) * BLOCK,
        sent,
        "nobody has read the other one"
    );
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    assert_eq!(read_all(&mut stopped).await, MANY);
    println!(
        "stopped client: {} KiB at most, {} KiB sent",
        growth.peak() / KIB,
        sent / KIB
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_does_not_read_holds_its_window_and_no_more() {
    let _turn = alone().await;
    let fast = fast().await;
    let client = client_of(&fast.site.address, shared());
    let mut other = client.talk().await.unwrap();
    goes_on(&mut other, 1, &Bytes::new()).await;
    let growth = Growth::watch();
    let (mut sender, mut receiver) = client.talk().await.unwrap().split();
    let counted = Arc::new(AtomicUsize::new(0));
    let (count, block) = (Arc::clone(&counted), block());
    let sending = tokio::spawn(async move {
        sender.send(ask("slow")).await?;
        for _ in 0..MANY {
            let message = Ask {
                text: String::new(),
                payload: block.clone(),
            };
            sender.send(message).await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        sender.close();
        Ok::<_, Error>(())
    });
    let sent = settled(HALF, || counted.load(Ordering::Relaxed)).await * BLOCK;
    assert!(sent <= STREAM_WINDOW + BLOCK + MIB, "{sent}");
    let bound = STREAM_WINDOW + BLOCK + MARGIN;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    goes_on(&mut other, 200, &Bytes::from_static(b"small")).await;
    fast.gate.send(true).unwrap();
    for _ in 0..=MANY {
        within(receiver.recv()).await.unwrap().unwrap();
    }
    assert!(within(receiver.recv()).await.unwrap().is_none());
    within(sending).await.unwrap().unwrap();
    println!(
        "stopped handler: {} KiB at most, {} KiB sent",
        growth.peak() / KIB,
        sent / KIB
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_stopped_streams_use_the_connections_window_up_and_the_next_one_waits() {
    let _turn = alone().await;
    let fast = fast().await;
    let client = client_of(&fast.site.address, shared());
    let mut talk = client.talk().await.unwrap();
    goes_on(&mut talk, 1, &Bytes::new()).await;
    let growth = Growth::watch();
    let mut stopped = Vec::new();
    for number in 1..=16 {
        let before = fast.sent.load(Ordering::Relaxed);
        stopped.push(client.watch(ask("")).await.unwrap());
        settled(before + HALF, || fast.sent.load(Ordering::Relaxed)).await;
        if [9, 15].contains(&number) {
            // 100 MiB through what is left.
            let mut next = client.watch(ask("")).await.unwrap();
            assert_eq!(read_all(&mut next).await, MANY, "beside {number} stopped streams");
        }
    }
    let bound = CONNECTION_WINDOW + BLOCK + MARGIN;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    // It opens, for headers always pass; its messages wait.
    let mut waiting = client.watch(ask("")).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(300), waiting.recv()).await;
    assert!(waited.is_err(), "the connection's window is used up");
    // What goes the other way has a window of its own, and small calls still end.
    let mut up = client.collect().await.unwrap();
    within(up.send(ask("x"))).await.unwrap();
    // When one of them is read, both go on.
    let mut released = stopped.pop().unwrap();
    let both = tokio::join!(read_all(&mut released), read_all(&mut waiting));
    assert_eq!(both, (MANY, MANY));
    // So does one that is given up.
    let mut again = client.watch(ask("")).await.unwrap();
    drop(stopped);
    assert_eq!(read_all(&mut again).await, MANY);
    assert_eq!(within(up.finish()).await.unwrap().text, "x");
    goes_on(&mut talk, 10, &Bytes::new()).await;
    drop((talk, again, waiting));
    fast.site.quiet().await;
    assert!(growth.peak() <= bound, "{} of {bound}", growth.peak());
    println!("sixteen stopped streams: {} KiB at most", growth.peak() / KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_larger_than_a_window_pass_one_at_a_time() {
    let _turn = alone().await;
    let fast = fast().await;
    let client = client_of(&fast.site.address, shared());
    let mut talk = client.talk().await.unwrap();
    goes_on(&mut talk, 5, &Bytes::from(vec![1; 3 * STREAM_WINDOW])).await;
    goes_on(&mut talk, 1, &Bytes::from(vec![1; 16 * MIB - KIB])).await;
    let error = within(talk.send(Ask {
        text: String::new(),
        payload: Bytes::from(vec![1; 16 * MIB]),
    }))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), kitewire::ErrorKind::InvalidRequest, "{error}");
    goes_on(&mut talk, 1, &Bytes::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_have_dropped_their_requests_hold_nothing() {
    const STREAMS: usize = 20;
    let _turn = alone().await;
    let site = Scene::new()
        .talk(|call, asks, _| {
            Box::pin(async move {
                drop(asks);
                call.cancelled().await;
                Ok(())
            })
        })
        .serve()
        .await;
    let client = client_of(&site.address, shared());
    let growth = Growth::watch();
    let mut talks = Vec::new();
    for _ in 0..STREAMS {
        let mut talk = client.talk().await.unwrap();
        let message = Ask {
            text: String::new(),
            payload: block(),
        };
        // All of a stream's window, and more than the connection's altogether.
        for _ in 0..2 * STREAM_WINDOW / BLOCK {
            if tokio::time::timeout(Duration::from_millis(50), talk.send(&message))
                .await
                .is_err()
            {
                break;
            }
        }
        talks.push(talk);
    }
    let mut up = client.collect().await.unwrap();
    within(up.send(ask("goes on"))).await.unwrap();
    assert_eq!(within(up.finish()).await.unwrap().text, "goes on");
    assert!(growth.peak() <= CONNECTION_WINDOW / 2, "{}", growth.peak());
    drop(talks);
    site.quiet().await;
    println!("dropped requests: {} KiB at most", growth.peak() / KIB);
}

/// Messages that a stream nobody reads takes at least: half of its window.
const HALF: usize = STREAM_WINDOW / 2 / BLOCK;
