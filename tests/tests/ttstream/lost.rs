//! Lost connections: 12006 for the streams of a client, 12013 for handlers, and never a good end (§2.8, D10, D13).

use kitewire::ErrorKind;
use kitewire_tests::site::{Scene, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer};
use tokio::io::AsyncWriteExt;

use crate::{Stage, at_once, built, client, fails, watched};

const CLOSED: &str = "connection closed by peer";

#[tokio::test]
async fn a_server_that_closes_fails_every_stream_of_its_client() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut queued = client.talk().await.unwrap();
    let mut idle = client.talk().await.unwrap();
    let mut half = client.talk().await.unwrap();
    half.close_send();
    let mut up = client.collect().await.unwrap();
    let mut peer = stage.accept().await;
    // All that was sent: what is left unread would make the close a reset of TCP.
    for _ in 0..5 {
        peer.frame().await;
    }
    peer.send([Frame::new(1, HEADER), Frame::data(1, "a")]).await;
    // In the middle of a frame.
    let bytes = Frame::data(1, "cut").encode();
    peer.send_bytes(&bytes[..bytes.len() - 3]).await.unwrap();
    drop(peer);
    assert_eq!(
        within(queued.recv()).await.unwrap().unwrap().text,
        "a",
        "what came before is there"
    );
    for talk in [&mut queued, &mut idle, &mut half] {
        for _ in 0..2 {
            let error = at_once(talk.recv()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
            fails(&error, 12006, "", CLOSED);
        }
    }
    fails(&idle.send(ask("")).await.unwrap_err(), 12006, "", CLOSED);
    assert_eq!(at_once(up.finish()).await.unwrap_err().kind(), ErrorKind::Transport);
    // And the next stream has a connection of its own.
    let mut next = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::data(1, "again")]).await;
    assert_eq!(within(next.recv()).await.unwrap().unwrap().text, "again");
}

#[tokio::test]
async fn a_reset_of_tcp_is_a_lost_connection_too() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let peer = stage.accept().await;
    // The header waits in the socket, unread.
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    drop(peer);
    let error = at_once(talk.recv()).await.unwrap_err();
    assert_eq!(
        (error.stream_exception().unwrap().code, error.kind()),
        (12006, ErrorKind::Transport)
    );
}

#[tokio::test]
async fn a_close_between_frames_is_no_good_end_either() {
    let stage = Stage::new().await;
    let mut down = built(stage.builder()).watch(ask("")).await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(DATA).await;
    peer.send([Frame::new(1, HEADER), Frame::data(1, "a")]).await;
    peer.socket().shutdown().await.unwrap();
    assert_eq!(within(down.recv()).await.unwrap().unwrap().text, "a");
    for _ in 0..3 {
        fails(&at_once(down.recv()).await.unwrap_err(), 12006, "", CLOSED);
    }
}

#[tokio::test]
async fn what_is_no_frame_fails_the_streams_with_its_reason() {
    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::new(1, "9")]).await;
    let error = at_once(talk.recv()).await.unwrap_err();
    fails(&error, 12004, "", "unexpected frame type: 9");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn a30_a_handler_whose_connection_drops_is_told_12013() {
    let (site, mut ends) = watched().await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk"), Frame::open(2, "talk")]).await;
    for _ in 0..2 {
        peer.until(DATA).await;
    }
    drop(peer);
    for _ in 0..2 {
        let (received, sent) = at_once(ends.recv()).await.unwrap();
        for error in [received, sent] {
            fails(&error, 12013, "", "canceled by connection closed");
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }
    at_once(site.quiet()).await;
}

#[test]
fn the_death_of_either_process_is_told_to_the_other() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    let (dying, living) = (runtime().unwrap(), runtime().unwrap());
    // A server that dies.
    let site = dying.block_on(async {
        let alive = Scene::new().talk(|_, _, mut out| {
            Box::pin(async move {
                out.send(reply("alive")).await?;
                std::future::pending().await
            })
        });
        alive.serve().await
    });
    let mut talk = living.block_on(async {
        let mut talk = client(&site).talk().await.unwrap();
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "alive");
        talk
    });
    dying.shutdown_background();
    let error = living.block_on(async { within(talk.recv()).await.unwrap_err() });
    fails(&error, 12006, "", CLOSED);
    // A client that dies.
    let dying = runtime().unwrap();
    let (site, mut ends) = living.block_on(watched());
    let talk = dying.block_on(async {
        let mut talk = client(&site).talk().await.unwrap();
        within(talk.recv()).await.unwrap().unwrap();
        talk
    });
    dying.shutdown_background();
    let (received, _) = living.block_on(async { within(ends.recv()).await.unwrap() });
    fails(&received, 12013, "", "canceled by connection closed");
    drop(talk);
}
