//! Meta frames, which proxies send: told to a client's handler in front of what follows them (SPEC TSM-11).

use kitewire::{Error, StreamPool, TtStreamOptions};
use kitewire_tests::site::within;
use kitewire_tests::ttframe::{Frame, HEADER, META};
use tokio::sync::mpsc;

use crate::{Stage, at_once, built};

fn shared() -> TtStreamOptions {
    TtStreamOptions::default().pool(StreamPool::Multiplexed { connections: 1 })
}

#[tokio::test]
async fn a_handler_of_meta_frames_gets_all_of_each() {
    let stage = Stage::new().await;
    let (seen, mut frames) = mpsc::unbounded_channel();
    let options = shared().on_meta_frame(move |frame| seen.send(format!("{frame:?}")).map_err(Error::new));
    let mut talk = built(stage.builder().tt_streams(options)).talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([
        Frame::new(1, META)
            .string("rip", "10.0.0.1:8888")
            .int(77, "seven")
            .payload(b"pay"),
        Frame::new(1, HEADER),
        Frame::data(1, "a"),
        Frame::new(1, META).string("tc", "c1"),
    ])
    .await;
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "a");
    // In front of the message that came behind it.
    let first = frames.try_recv().unwrap();
    for part in ["rip", "10.0.0.1:8888"] {
        assert!(first.contains(part), "{first}");
    }
    let second = within(frames.recv()).await.unwrap();
    assert!(second.contains("c1"), "{second}");
}

#[tokio::test]
async fn a_handler_that_fails_ends_the_connection_with_its_text() {
    let stage = Stage::new().await;
    let options = shared().on_meta_frame(|_| Err(Error::new("I do not like it")));
    let client = built(stage.builder().tt_streams(options));
    let mut talk = client.talk().await.unwrap();
    let mut other = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::data(1, "before"), Frame::new(1, META).string("rip", "x")])
        .await;
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "before");
    for talk in [&mut talk, &mut other] {
        let error = at_once(talk.recv()).await.unwrap_err();
        assert!(error.to_string().contains("I do not like it"), "{error}");
    }
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn without_a_handler_meta_frames_change_nothing() {
    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    let mut peer = stage.accept().await;
    // Even in front of everything else.
    peer.send([
        Frame::new(1, META)
            .string("rip", "x")
            .int(999, "y")
            .payload(&[0xff; 100]),
        Frame::new(55, META).string("biz-status", "7"),
        Frame::new(1, HEADER),
        Frame::new(1, META).string("ti", "z"),
        Frame::data(1, "fine"),
        Frame::trailer(1),
    ])
    .await;
    assert!(within(talk.header()).await.unwrap().is_empty());
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "fine");
    assert!(within(talk.recv()).await.unwrap().is_none());
    assert!(talk.trailer().is_empty());
}
