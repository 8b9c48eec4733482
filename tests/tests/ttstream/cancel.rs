//! Cancels, seen at once on both ends: statements A17, A18, A28 and A29; C14 and D8 as they are on the wire.

use std::time::Duration;

use kitewire::{CancelReason, Error, ErrorKind};
use kitewire_tests::site::{Scene, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, RST, TRAILER, kinds};
use tokio::sync::mpsc;

use crate::{CANCELLED, CLIENT, SERVER, Stage, at_once, builder, built, client, fails, watched};

#[tokio::test]
async fn a17_a_cancel_is_seen_at_once_on_both_ends() {
    let (site, mut ends) = watched().await;
    let client = built(builder(&site.address).caller("A"));
    let at_server = format!("{SERVER}[canceled path: A] ");
    // An idle stream: nobody waits for a message.
    let mut talk = client.talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    talk.cancel();
    let (received, sent) = at_once(ends.recv()).await.unwrap();
    for error in [received, sent] {
        fails(&error, 12007, &at_server, CANCELLED);
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
    let error = at_once(talk.recv()).await.unwrap_err();
    fails(&error, 12007, CLIENT, CANCELLED);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    fails(&talk.send(ask("")).await.unwrap_err(), 12007, CLIENT, CANCELLED);
    // Half-closed, and dropped.
    let mut talk = client.talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    talk.close_send();
    drop(talk);
    let (received, _) = at_once(ends.recv()).await.unwrap();
    fails(&received, 12007, &at_server, CANCELLED);
    site.quiet().await;
}

#[tokio::test]
async fn a17_a_recv_that_waits_fails_when_its_stream_is_given_up_elsewhere() {
    let (site, mut ends) = watched().await;
    let (sender, mut receiver) = client(&site).talk().await.unwrap().split();
    within(receiver.recv()).await.unwrap().unwrap();
    let waiting = tokio::spawn(async move { receiver.recv().await });
    tokio::task::yield_now().await;
    drop(sender);
    // A sender that is dropped gives its stream up.
    let error = at_once(waiting).await.unwrap().unwrap_err();
    fails(&error, 12007, CLIENT, CANCELLED);
    at_once(ends.recv()).await.unwrap();
}

#[tokio::test]
async fn c14_a_cancel_is_a_reset_and_from_an_open_end_a_trailer() {
    let stage = Stage::new().await;
    let client = built(stage.builder().caller("A"));
    let mut talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    for (half_closed, expected) in [(false, [HEADER, RST, TRAILER]), (true, [HEADER, TRAILER, RST])] {
        let mut frames = vec![peer.frame().await];
        if half_closed {
            talk.close_send();
            frames.push(peer.frame().await);
        }
        drop(talk);
        while frames.len() < 3 {
            frames.push(peer.frame().await);
        }
        talk = client.talk().await.unwrap();
        assert_eq!(kinds(&frames), expected.concat());
        let reset = frames.iter().find(|frame| frame.kind == RST).unwrap();
        assert_eq!(reset.fault(), Some((12007, CANCELLED.to_owned())));
        assert_eq!(reset.entries(), [("ttscp", "A")]);
        let end = frames.iter().find(|frame| frame.kind == TRAILER).unwrap();
        assert!(end.payload.is_empty() && end.strings.is_empty());
    }
}

#[tokio::test]
async fn c21_a_late_header_of_a_stream_that_was_given_up_harms_nobody() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut other = client.talk().await.unwrap();
    let given_up = client.talk().await.unwrap();
    drop(given_up);
    let mut peer = stage.accept().await;
    peer.until(RST).await;
    peer.send([
        Frame::new(2, HEADER),
        Frame::data(2, "late"),
        Frame::trailer(2),
        Frame::exception(2, RST, (1, "late")),
        Frame::new(1, HEADER),
        Frame::data(1, "fine"),
    ])
    .await;
    assert_eq!(within(other.recv()).await.unwrap().unwrap().text, "fine");
}

#[tokio::test]
async fn d08_after_a_reset_nothing_but_a_trailer_follows() {
    let (seen, mut cancelled) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, _, mut out| {
            let seen = seen.clone();
            Box::pin(async move {
                seen.send(None).unwrap();
                let reason = call.cancelled().await;
                call.set_header("late", "x")?;
                let header = call.send_header().unwrap_err();
                let sent = out.send(reply("late")).await.unwrap_err();
                seen.send(Some((reason, header, sent))).unwrap();
                Err(Error::new("nobody hears it"))
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    assert!(within(cancelled.recv()).await.unwrap().is_none());
    peer.send([Frame::exception(1, RST, (99, "own text")).string("ttscp", "X,Y")])
        .await;
    let (reason, _, sent) = at_once(cancelled.recv()).await.unwrap().unwrap();
    // A29: the code and the path of the reset, whatever they are.
    assert_eq!(reason, CancelReason::CallerGone);
    fails(&sent, 99, &format!("{SERVER}[canceled path: X -> Y] "), "own text");
    site.quiet().await;
    peer.send([Frame::open(2, "watch"), Frame::data(2, "x"), Frame::trailer(2)])
        .await;
    let all = peer.until(DATA).await;
    let of_first: Vec<_> = all.iter().filter(|frame| frame.id == 1).cloned().collect();
    assert!(of_first.iter().all(|frame| frame.kind == TRAILER), "{of_first:?}");
}

#[tokio::test]
async fn a29_a_reset_comes_behind_the_messages_in_front_of_it() {
    let (seen, mut ends) = mpsc::unbounded_channel();
    let (go, gate) = tokio::sync::watch::channel(false);
    let site = Scene::new()
        .talk(move |_, mut asks, _| {
            let (seen, mut gate) = (seen.clone(), gate.clone());
            Box::pin(async move {
                gate.wait_for(|open| *open).await.unwrap();
                let mut texts = Vec::new();
                let end = loop {
                    match asks.recv().await {
                        Ok(ask) => texts.push(ask.unwrap().text),
                        Err(error) => break error,
                    }
                };
                seen.send((texts, end)).unwrap();
                Ok(())
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([
        Frame::open(1, "talk"),
        Frame::data(1, "a"),
        Frame::data(1, "b"),
        Frame::new(1, RST),
        Frame::open(2, "watch"),
        Frame::data(2, "x"),
        Frame::trailer(2),
    ])
    .await;
    peer.until(TRAILER).await;
    go.send(true).unwrap();
    let (texts, end) = within(ends.recv()).await.unwrap();
    assert_eq!(texts, ["a", "b"]);
    fails(&end, 13, SERVER, "rst");
}

#[tokio::test]
async fn a28_halves_that_outlive_their_handler_fail() {
    let (seen, mut halves) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |_, asks, out| {
            assert!(seen.send((asks, out)).is_ok());
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    let mut talk = client(&site).talk().await.unwrap();
    assert!(within(talk.recv()).await.unwrap().is_none());
    site.quiet().await;
    let (mut asks, mut out) = halves.recv().await.unwrap();
    let text = "canceled by business handler returning";
    fails(&at_once(asks.recv()).await.unwrap_err(), 12012, SERVER, text);
    fails(&at_once(out.send(reply(""))).await.unwrap_err(), 12012, SERVER, text);
}

#[tokio::test]
async fn a_client_that_is_cancelled_by_its_server_sends_no_reset_back() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::exception(1, RST, (12011, "proxy says so")).string("ttscp", "P")])
        .await;
    let error = at_once(talk.recv()).await.unwrap_err();
    fails(&error, 12011, &format!("{CLIENT}[canceled path: P] "), "proxy says so");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let after = peer.only(1).await;
    assert!(kinds(&after) == TRAILER, "{after:?}");
}

#[tokio::test]
async fn a_send_that_waits_for_room_fails_with_the_cancel() {
    // F10: the other side reads nothing, and the client's cancel does not wait for it.
    let gate = Scene::new()
        .talk(|call, _asks, mut out| {
            Box::pin(async move {
                out.send(reply("here")).await?;
                call.cancelled().await;
                Ok(())
            })
        })
        .serve()
        .await;
    let mut talk = client(&gate).talk().await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    let (mut sender, receiver) = talk.split();
    let sending = tokio::spawn(async move {
        let mut block = ask("block");
        block.payload = vec![0; 64 * 1024].into();
        loop {
            if let Err(error) = sender.send(&block).await {
                return error;
            }
        }
    });
    // Whether it already waits or not, the end is the same.
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(receiver);
    fails(&at_once(sending).await.unwrap(), 12007, CLIENT, CANCELLED);
    at_once(gate.quiet()).await;
}
