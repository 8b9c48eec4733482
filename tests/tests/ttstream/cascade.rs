//! Cancels that go on from A through B to C, with codes, texts and paths (facts §1.11).

use std::sync::Arc;
use std::time::Duration;

use kitewire::{ErrorKind, RecvTimeout, StreamTransport};
use kitewire_tests::site::{PromisesClient, Scene, Site, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, Peer, RST};
use tokio::sync::{Notify, mpsc};

use crate::{CANCELLED, CLIENT, Ends, SERVER, at_once, builder, built, fails, watched};

const SHORT: Duration = Duration::from_millis(600);

/// Clients of A and B, by these names.
fn named(site: &Site, name: &str) -> PromisesClient {
    built(builder(&site.address).caller(name))
}

/// B, which opens a stream to C for each of A's, and then looks at nothing until it is told to.
struct Middle {
    site: Site,
    look: Arc<Notify>,
    /// What the stream to C has ended with.
    seen: mpsc::UnboundedReceiver<kitewire::Error>,
}

async fn middle(next: PromisesClient) -> Middle {
    let look = Arc::new(Notify::new());
    let (found, seen) = mpsc::unbounded_channel();
    let told = Arc::clone(&look);
    let site = Scene::new()
        .talk(move |call, _, mut out| {
            let (next, told, found) = (next.clone(), Arc::clone(&told), found.clone());
            Box::pin(async move {
                let mut down = next.talk().forward(call).await?;
                down.recv().await?;
                out.send(reply("here")).await?;
                told.notified().await;
                found.send(down.recv().await.unwrap_err()).unwrap();
                Ok(())
            })
        })
        .serve()
        .await;
    Middle { site, look, seen }
}

/// A, B and C: A's client, B, and how C's handlers end.
async fn chain() -> (PromisesClient, Middle, Ends, Site) {
    let (last, ends) = watched().await;
    let middle = middle(named(&last, "B")).await;
    let client = named(&middle.site, "A");
    (client, middle, ends, last)
}

/// Checks how C was told, and then how B sees it.
async fn check(middle: &mut Middle, ends: &mut Ends, code: i32, paths: [&str; 2], text: &str) {
    // B has not looked.
    let (received, sent) = at_once(ends.recv()).await.unwrap();
    for error in [received, sent] {
        fails(&error, code, &format!("{SERVER}{}", paths[1]), text);
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
    middle.look.notify_one();
    let error = within(middle.seen.recv()).await.unwrap();
    fails(&error, code, &format!("{CLIENT}{}", paths[0]), text);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

const THROUGH: [&str; 2] = ["[canceled path: A] ", "[canceled path: A -> B] "];

#[tokio::test]
async fn a_cancel_goes_on_at_once_with_its_code_and_text() {
    let (client, mut middle, mut ends, _last) = chain().await;
    let mut talk = client.talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    talk.cancel();
    check(&mut middle, &mut ends, 12007, THROUGH, CANCELLED).await;
    fails(&talk.recv().await.unwrap_err(), 12007, CLIENT, CANCELLED);
}

#[tokio::test]
async fn a_recv_timeout_goes_on_as_a_cancel() {
    let (client, mut middle, mut ends, _last) = chain().await;
    let mut talk = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    let error = loop {
        match within(talk.recv()).await {
            Ok(answer) => assert!(answer.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = "stream Recv timeout, timeout config={Timeout:600ms DisableCancelRemote:false}";
    check(&mut middle, &mut ends, 12014, THROUGH, text).await;
}

#[tokio::test]
async fn a_stream_timeout_goes_on_as_a_cancel() {
    let (client, mut middle, mut ends, _last) = chain().await;
    let mut talk = client.talk().timeout(SHORT).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    let error = within(talk.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = error.stream_exception().unwrap().message.clone();
    check(&mut middle, &mut ends, 12015, THROUGH, &text).await;
}

#[tokio::test]
async fn a_lost_connection_goes_on_as_a_cancel() {
    let (_client, mut middle, mut ends, _last) = chain().await;
    let mut peer = Peer::connect(&middle.site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    peer.until(DATA).await;
    drop(peer);
    let paths = ["", "[canceled path: B] "];
    check(&mut middle, &mut ends, 12013, paths, "canceled by connection closed").await;
}

#[tokio::test]
async fn any_code_and_any_path_go_on() {
    let (_client, mut middle, mut ends, _last) = chain().await;
    let mut peer = Peer::connect(&middle.site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    peer.until(DATA).await;
    peer.send([Frame::exception(1, RST, (99, "own text")).string("ttscp", "X,Y")])
        .await;
    let paths = ["[canceled path: X -> Y] ", "[canceled path: X -> Y -> B] "];
    check(&mut middle, &mut ends, 99, paths, "own text").await;
}

#[tokio::test]
async fn a_handler_that_returns_cancels_what_it_has_opened() {
    let (last, mut ends) = watched().await;
    let next = named(&last, "B");
    let (kept, mut streams) = mpsc::unbounded_channel();
    let middle = Scene::new()
        .talk(move |call, _, _| {
            let (next, kept) = (next.clone(), kept.clone());
            Box::pin(async move {
                let mut down = next.talk().forward(call).await?;
                down.recv().await?;
                // It outlives the handler.
                assert!(kept.send(down).is_ok());
                Ok(())
            })
        })
        .serve()
        .await;
    let mut talk = named(&middle, "A").talk().await.unwrap();
    assert!(within(talk.recv()).await.unwrap().is_none());
    let text = "canceled by business handler returning";
    let (received, _) = at_once(ends.recv()).await.unwrap();
    fails(&received, 12012, &format!("{SERVER}[canceled path: B] "), text);
    let mut down = streams.recv().await.unwrap();
    fails(&at_once(down.recv()).await.unwrap_err(), 12012, CLIENT, text);
}

#[tokio::test]
async fn a_path_grows_with_every_hop() {
    let (last, mut ends) = watched().await;
    let third = middle(named(&last, "C")).await;
    let second = middle(named(&third.site, "B")).await;
    let mut talk = named(&second.site, "A").talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    drop(talk);
    let (received, _) = at_once(ends.recv()).await.unwrap();
    fails(
        &received,
        12007,
        &format!("{SERVER}[canceled path: A -> B -> C] "),
        CANCELLED,
    );
    for mut middle in [second, third] {
        middle.look.notify_one();
        within(middle.seen.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn a_grpc_call_passes_its_cancel_to_streams_over_ttheader() {
    let (last, mut ends) = watched().await;
    let mut middle = middle(named(&last, "B")).await;
    let over_grpc = builder(&middle.site.address).stream_transport(StreamTransport::Grpc);
    let mut talk = built(over_grpc).talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    drop(talk);
    let (received, _) = at_once(ends.recv()).await.unwrap();
    let exception = received.stream_exception().unwrap();
    assert_eq!(exception.code, 12011, "{received}");
    let path = "[server-side stream] [canceled path: non-ttstream path -> B] ";
    assert!(received.to_string().contains(path), "{received}");
    middle.look.notify_one();
    let error = within(middle.seen.recv()).await.unwrap();
    assert_eq!(error.stream_exception().unwrap().code, 12011);
}

#[tokio::test]
async fn a_stream_over_ttheader_passes_its_cancel_to_grpc() {
    let (last, mut ends) = watched().await;
    let over_grpc = builder(&last.address).stream_transport(StreamTransport::Grpc);
    let middle = middle(built(over_grpc)).await;
    let mut talk = named(&middle.site, "A").talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    drop(talk);
    let (received, _) = at_once(ends.recv()).await.unwrap();
    assert_eq!(received.kind(), ErrorKind::Cancelled, "{received}");
}

#[tokio::test]
async fn an_error_that_is_handed_on_is_nested_once_per_hop() {
    let last = Scene::new()
        .talk(|_, _, _| Box::pin(async { Err(kitewire::Error::new("cboom")) }))
        .serve()
        .await;
    let next = named(&last, "B");
    let middle = Scene::new()
        .talk(move |call, _, _| {
            let next = next.clone();
            Box::pin(async move {
                let mut down = next.talk().forward(call).await?;
                down.recv().await?;
                Ok(())
            })
        })
        .serve()
        .await;
    let mut talk = named(&middle, "A").talk().await.unwrap();
    let error = within(talk.recv()).await.unwrap_err();
    let text = "biz error: [ttstream error, code=12001] [client-side stream] biz error: cboom";
    fails(&error, 12001, CLIENT, text);
}

#[tokio::test]
async fn a_stream_that_is_not_forwarded_is_its_own_master() {
    let (last, mut ends) = watched().await;
    let next = named(&last, "B");
    let (kept, mut streams) = mpsc::unbounded_channel();
    let middle = Scene::new()
        .talk(move |_, _, _| {
            let (next, kept) = (next.clone(), kept.clone());
            Box::pin(async move {
                let mut down = next.talk().await?;
                down.recv().await?;
                assert!(kept.send(down).is_ok());
                Ok(())
            })
        })
        .serve()
        .await;
    let mut talk = named(&middle, "A").talk().await.unwrap();
    assert!(within(talk.recv()).await.unwrap().is_none());
    let mut down = streams.recv().await.unwrap();
    down.send(ask("goes on")).await.unwrap();
    assert!(ends.try_recv().is_err());
    drop(down);
    fails(
        &at_once(ends.recv()).await.unwrap().0,
        12007,
        &format!("{SERVER}[canceled path: B] "),
        CANCELLED,
    );
}
