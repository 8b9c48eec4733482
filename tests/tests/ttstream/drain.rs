//! A server that stops: streams that run are finished, new ones are refused, and then the connection closes (D15).

use std::sync::Arc;
use std::time::Duration;

use kitewire::{Bound, Server};
use kitewire_tests::site::{PATIENCE, PromisesServer, Scene, ask, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, RST, TRAILER};
use kitewire_tokio::Tokio;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{CLIENT, at_once, builder, built, fails};

async fn bound(scene: Scene) -> Bound<Tokio> {
    let server = Server::new(Tokio).register(PromisesServer::new(scene));
    server.bind("127.0.0.1:0").await.unwrap()
}

/// Its address, its handle, and its end.
async fn running(scene: Scene) -> (kitewire::Address, kitewire::ServerHandle, JoinHandle<usize>) {
    let bound = bound(scene).await;
    let (address, handle) = (bound.local_addr().unwrap(), bound.handle());
    let run = async { bound.run().await.map_or_else(|unfinished| unfinished.calls, |()| 0) };
    (address, handle, tokio::spawn(run))
}

/// The stop has begun: connections hear of it when the listener has gone.
async fn nobody_listens(address: &kitewire::Address) {
    within(async { while tokio::net::TcpStream::connect(address.to_string()).await.is_ok() {} }).await;
}

#[tokio::test]
async fn d15_live_streams_are_finished_and_new_ones_refused() {
    let (address, handle, run) = running(Scene::new()).await;
    let client = built(builder(&address));
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("before")).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    let mut raw = Peer::connect(&address).await;
    raw.send([Frame::open(1, "talk"), Frame::data(1, "before")]).await;
    raw.until(DATA).await;
    handle.shutdown(PATIENCE);
    nobody_listens(&address).await;
    // Messages still go both ways.
    for _ in 0..20 {
        talk.send(ask("during")).await.unwrap();
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "during");
    }
    // A stock peer learns of the stop by a refusal that Kitex's client shows at once.
    raw.send([Frame::open(2, "talk"), Frame::data(1, "during")]).await;
    let mut seen = [raw.frame().await, raw.frame().await];
    seen.sort_by_key(|frame| frame.id);
    assert_eq!((seen[0].id, seen[0].text()), (1, "during".to_owned()));
    assert_eq!((seen[1].id, seen[1].kind.as_str()), (2, TRAILER));
    assert_eq!(seen[1].fault().unwrap().0, 6, "{:?}", seen[1].fault());
    assert!(!run.is_finished());
    talk.close_send();
    assert!(within(talk.recv()).await.unwrap().is_none());
    raw.send([Frame::trailer(1)]).await;
    assert_eq!(raw.until(TRAILER).await.pop().unwrap().id, 1);
    assert!(raw.is_closed().await, "once its last stream has ended");
    assert_eq!(within(run).await.unwrap(), 0, "every call was finished");
}

#[tokio::test]
async fn idle_connections_end_at_once() {
    let (address, handle, run) = running(Scene::new()).await;
    let mut raw = Peer::connect(&address).await;
    raw.send([Frame::open(1, "watch"), Frame::data(1, "x"), Frame::trailer(1)])
        .await;
    raw.until(TRAILER).await;
    handle.shutdown(PATIENCE);
    assert!(at_once(raw.is_closed()).await);
    // The server waits a moment for the other end to close, too.
    drop(raw);
    assert_eq!(at_once(run).await.unwrap(), 0);
}

#[tokio::test]
async fn a_drain_ends_with_its_deadline() {
    let (address, handle, run) = running(Scene::new().talk(|_, _, _| Box::pin(std::future::pending()))).await;
    let client = built(builder(&address));
    let mut talk = client.talk().await.unwrap();
    let mut raw = Peer::connect(&address).await;
    raw.send([Frame::open(1, "talk")]).await;
    while handle.stats().calls < 2 {
        tokio::task::yield_now().await;
    }
    handle.shutdown(Duration::from_millis(100));
    assert_eq!(within(run).await.unwrap(), 2, "calls without an end are counted");
    // What is cut off is told so.
    let error = within(talk.recv()).await.unwrap_err();
    fails(&error, 12013, CLIENT, "canceled by connection closed");
    assert_eq!(raw.frame().await.kind, RST);
    assert!(raw.is_closed().await);
}

#[tokio::test]
async fn a_client_goes_to_another_server_while_one_drains() {
    let (address, handle, run) = running(Scene::new()).await;
    let client = built(builder(&address));
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("before")).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    handle.shutdown(PATIENCE);
    nobody_listens(&address).await;
    let (next_address, next, next_run) = running(Scene::new()).await;
    let mut there = client.talk().to(next_address).await.unwrap();
    there.send(ask("there")).await.unwrap();
    assert_eq!(within(there.recv()).await.unwrap().unwrap().text, "there");
    // Refused, or not even connected: never silence.
    match within(client.talk()).await {
        Ok(mut late) => {
            let error = at_once(late.recv()).await.unwrap_err();
            assert!(
                error
                    .stream_exception()
                    .is_some_and(|exception| exception.code == 12001),
                "{error}"
            );
        }
        Err(error) => assert_eq!(error.kind(), kitewire::ErrorKind::Connect, "{error}"),
    }
    talk.close_send();
    assert!(within(talk.recv()).await.unwrap().is_none());
    assert_eq!(within(run).await.unwrap(), 0);
    drop(there);
    next.shutdown(PATIENCE);
    within(next_run).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_ends_during_the_drain_sends_its_answer() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let scene = Scene::new().collect(move |_, mut asks| {
        let opened = Arc::clone(&opened);
        Box::pin(async move {
            let mut count = 0;
            while asks.recv().await?.is_some() {
                count += 1;
            }
            opened.notified().await;
            Ok(kitewire_tests::site::reply(&count.to_string()))
        })
    });
    let (address, handle, run) = running(scene).await;
    let mut raw = Peer::connect(&address).await;
    raw.send([Frame::open(1, "collect"), Frame::data(1, "x")]).await;
    while handle.stats().calls < 1 {
        tokio::task::yield_now().await;
    }
    handle.shutdown(PATIENCE);
    raw.send([Frame::data(1, "y"), Frame::trailer(1)]).await;
    gate.notify_one();
    let frames = raw.until(TRAILER).await;
    assert_eq!((frames[0].kind.as_str(), frames[1].text()), (HEADER, "2".to_owned()));
    assert!(raw.is_closed().await);
    assert_eq!(within(run).await.unwrap(), 0);
}
