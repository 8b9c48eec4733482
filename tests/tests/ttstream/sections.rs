//! Headers and trailers of the answer: statements A21 to A26, M5 and M6.

use kitewire::{Error, ErrorKind};
use kitewire_tests::site::{Scene, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, RST, TRAILER, kinds};
use tokio::sync::mpsc;

use crate::{CLIENT, Stage, at_once, built, client, fails};

#[tokio::test]
async fn a21_and_a22_the_header_is_waited_for_and_ends_with_the_stream() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    // Nothing that has come yet is a header.
    peer.send([Frame::data(1, "early")]).await;
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "early");
    let waited = tokio::time::timeout(std::time::Duration::from_millis(30), talk.header()).await;
    assert!(waited.is_err(), "{waited:?}");
    peer.send([Frame::new(1, HEADER).string("Key", "v")]).await;
    let header = within(talk.header()).await.unwrap();
    assert_eq!(header.iter().collect::<Vec<_>>(), [("Key", &b"v"[..])]);

    // No header before a good end: an empty one. Before a reset: its failure.
    let mut ended = client.talk().await.unwrap();
    let mut reset = client.talk().await.unwrap();
    let mut failed = client.talk().await.unwrap();
    peer.send([
        Frame::trailer(2),
        Frame::exception(3, RST, (99, "gone")),
        Frame::exception(4, TRAILER, (6, "no")),
    ])
    .await;
    assert!(within(ended.header()).await.unwrap().is_empty());
    fails(&within(reset.header()).await.unwrap_err(), 99, CLIENT, "gone");
    // Who only wants the header hears of the failure at the latest when it asks for a message.
    let _ = within(failed.header()).await;
    fails(&within(failed.recv()).await.unwrap_err(), 12001, CLIENT, "no");
}

#[tokio::test]
async fn a23_the_trailer_is_there_with_the_end_and_may_be_empty() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut full = client.talk().await.unwrap();
    let mut empty = client.talk().await.unwrap();
    let mut refused = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.send([
        Frame::trailer(1).string("T-Key", "v"),
        Frame::trailer(2),
        Frame::exception(3, TRAILER, (6, "no")).string("why", "because"),
    ])
    .await;
    assert!(within(full.recv()).await.unwrap().is_none());
    assert_eq!(full.trailer().iter().collect::<Vec<_>>(), [("T-Key", &b"v"[..])]);
    assert!(within(empty.recv()).await.unwrap().is_none());
    assert!(empty.trailer().is_empty(), "which is no error");
    within(refused.recv()).await.unwrap_err();
    assert_eq!(refused.trailer().get("why"), Some("because"));
}

#[tokio::test]
async fn a24_header_and_trailer_can_be_asked_for_again() {
    let site = Scene::new()
        .talk(|call, _, mut out| {
            Box::pin(async move {
                call.set_header("h", "1")?;
                call.set_trailer("t", "2")?;
                out.send(reply("")).await
            })
        })
        .serve()
        .await;
    let mut talk = client(&site).talk().await.unwrap();
    for _ in 0..3 {
        assert_eq!(within(talk.header()).await.unwrap().get("h"), Some("1"));
    }
    while within(talk.recv()).await.unwrap().is_some() {}
    for _ in 0..3 {
        assert_eq!(talk.trailer().get("t"), Some("2"));
        assert_eq!(
            within(talk.header()).await.unwrap().get("h"),
            Some("1"),
            "after the end, too"
        );
    }
}

#[tokio::test]
async fn a25_the_header_goes_out_once_by_itself_or_when_told() {
    let (seen, mut late) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, mut asks, mut out| {
            let seen = seen.clone();
            Box::pin(async move {
                call.set_header("H1", "a")?;
                call.set_header("h2", "b")?;
                if asks.recv().await?.is_some_and(|ask| ask.text == "now") {
                    call.send_header()?;
                    asks.recv().await?;
                }
                out.send(reply("")).await?;
                seen.send([call.set_header("h3", "c"), call.send_header()]).unwrap();
                Ok(())
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk"), Frame::data(1, "now")]).await;
    let header = peer.frame().await;
    assert_eq!(
        (header.kind.as_str(), header.entries()),
        (HEADER, vec![("H1", "a"), ("h2", "b")])
    );
    peer.send([Frame::data(1, "")]).await;
    assert_eq!(kinds(&peer.until(TRAILER).await), [DATA, TRAILER].concat());
    peer.send([Frame::open(2, "talk"), Frame::data(2, "")]).await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, TRAILER].concat());
    assert_eq!(frames[0].entries(), [("H1", "a"), ("h2", "b")]);
    for _ in 0..2 {
        for result in late.recv().await.unwrap() {
            assert!(result.unwrap_err().to_string().contains("header already sent"));
        }
    }
}

#[tokio::test]
async fn a26_trailers_merge_until_the_handler_returns() {
    let site = Scene::new()
        .talk(|call, _, mut out| {
            Box::pin(async move {
                call.set_trailer("T1", "a")?;
                out.send(reply("")).await?;
                call.set_trailer("t2", "b")?;
                call.set_trailer("T1", "c")?;
                Ok(())
            })
        })
        .watch(|call, _, _| {
            Box::pin(async move {
                call.set_trailer("why", "x")?;
                Err(Error::business(7, "no"))
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(frames[2].entries(), [("T1", "c"), ("t2", "b")]);
    let mut down = client(&site).watch(ask("")).await.unwrap();
    let error = within(down.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Business);
    assert_eq!(down.trailer().get("why"), Some("x"));
}

#[tokio::test]
async fn m5_and_m6_names_arrive_as_they_were_written() {
    let site = Scene::new()
        .talk(|call, _, mut out| {
            Box::pin(async move {
                for key in ["Camel-Case", "under_score", "dotted.name"] {
                    call.set_header(key, "é")?;
                    call.set_trailer(key, "ü")?;
                }
                out.send(reply("")).await
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    let frames = peer.until(TRAILER).await;
    let expected = ["Camel-Case", "dotted.name", "under_score"];
    assert_eq!(frames[0].entries(), expected.map(|key| (key, "é")));
    assert_eq!(frames[2].entries(), expected.map(|key| (key, "ü")));
    let mut talk = client(&site).talk().await.unwrap();
    let header = within(talk.header()).await.unwrap();
    let names: Vec<_> = header.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"Camel-Case".to_owned()), "{names:?}");
    assert_eq!(header.get("camel-case"), Some("é"), "look-ups ignore case");
}

#[tokio::test]
async fn an_entry_that_is_too_long_fails_the_one_who_sets_it() {
    // D4: Kitex loses the connection with all of its streams.
    let (seen, mut results) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, mut asks, mut out| {
            let seen = seen.clone();
            Box::pin(async move {
                let long = "x".repeat(65_536);
                let set = call.set_header("long", &long);
                let sent = if set.is_ok() { call.send_header() } else { set };
                seen.send(sent).unwrap();
                asks.recv().await?;
                out.send(reply("still here")).await
            })
        })
        .serve()
        .await;
    let client = client(&site);
    let mut talk = client.talk().await.unwrap();
    assert!(within(results.recv()).await.unwrap().is_err());
    talk.send(ask("")).await.unwrap();
    let answer = at_once(talk.recv()).await;
    // Whether the entry was refused when it was set or when it was sent: this stream alone may suffer.
    drop(answer);
    let long = "x".repeat(65_536);
    let error = client.talk().meta("long", &long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    let mut next = client.talk().await.unwrap();
    next.send(ask("")).await.unwrap();
    within(next.recv()).await.unwrap_or_default();
    assert_eq!(site.handle.stats().connections, 1, "it is the same connection");
}
