//! Timeouts: statements A14 to A16, A31, A46 and what §2.4 of the facts says.

use std::time::{Duration, Instant};

use kitewire::{ErrorKind, RecvTimeout, StreamOptions};
use kitewire_tests::site::{PATIENCE, Scene, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, RST, TRAILER, kinds};
use tokio::sync::mpsc;

use crate::{CLIENT, SERVER, Stage, at_once, builder, built, client, fails, watched};

const SHORT: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_secs(9);
const WAITED: &str = "stream Recv timeout, timeout config={Timeout:600ms DisableCancelRemote:false}";
const KEPT: &str = "stream Recv timeout, timeout config={Timeout:600ms DisableCancelRemote:true}";

#[tokio::test]
async fn a14_a_recv_timeout_ends_the_stream_on_both_sides() {
    let (site, mut ends) = watched().await;
    let client = built(builder(&site.address).caller("A"));
    let mut talk = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    let begun = Instant::now();
    let error = within(talk.recv()).await.unwrap_err();
    assert!(begun.elapsed() >= SHORT);
    fails(&error, 12014, CLIENT, WAITED);
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // On the server the same code is one of a cancel.
    let (received, sent) = at_once(ends.recv()).await.unwrap();
    for error in [received, sent] {
        fails(&error, 12014, &format!("{SERVER}[canceled path: A] "), WAITED);
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
    fails(&within(talk.recv()).await.unwrap_err(), 12014, CLIENT, WAITED);
    fails(&talk.send(ask("")).await.unwrap_err(), 12014, CLIENT, WAITED);
}

#[tokio::test]
async fn a14_a_recv_timeout_sends_one_reset() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    let mut peer = stage.accept().await;
    within(talk.recv()).await.unwrap_err();
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, RST, TRAILER].concat());
    assert_eq!(frames[1].fault(), Some((12014, WAITED.to_owned())));
    assert_eq!(frames[1].get("ttscp"), None, "the client has no name");
    // After its own end of the requests, nothing but the reset.
    let mut half = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    half.close_send();
    within(half.recv()).await.unwrap_err();
    assert_eq!(kinds(&peer.until(RST).await), [HEADER, TRAILER, RST].concat());
    let _next = client.talk().await.unwrap();
    assert_eq!(kinds(&peer.until(HEADER).await), HEADER);
}

#[tokio::test]
async fn a15_with_keep_remote_the_stream_goes_on() {
    let stage = Stage::new().await;
    let patient = RecvTimeout::new(SHORT).keep_remote();
    let mut talk = built(stage.builder()).talk().recv_timeout(patient).await.unwrap();
    let mut peer = stage.accept().await;
    for _ in 0..2 {
        fails(&within(talk.recv()).await.unwrap_err(), 12014, CLIENT, KEPT);
    }
    talk.send(ask("still here")).await.unwrap();
    assert_eq!(
        kinds(&peer.until(DATA).await),
        [HEADER, DATA].concat(),
        "nothing was sent in between"
    );
    peer.send([Frame::new(1, HEADER), Frame::data(1, "a")]).await;
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "a");
    peer.send([Frame::trailer(1)]).await;
    assert!(within(talk.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn a16_the_shorter_of_two_timeouts_decides() {
    let (site, mut ends) = watched().await;
    let client = client(&site);
    for (recv, stream, code) in [(SHORT, LONG, 12014), (LONG, SHORT, 12015)] {
        let timeout = RecvTimeout::new(recv);
        let mut talk = client.talk().recv_timeout(timeout).timeout(stream).await.unwrap();
        let error = loop {
            match within(talk.recv()).await {
                Ok(answer) => assert!(answer.is_some()),
                Err(error) => break error,
            }
        };
        assert_eq!(error.stream_exception().unwrap().code, code);
        let (received, _) = at_once(ends.recv()).await.unwrap();
        assert_eq!(received.stream_exception().unwrap().code, code);
    }
}

#[tokio::test]
async fn the_timeout_of_a_stream_ends_it_on_both_sides() {
    let (site, mut ends) = watched().await;
    let client = built(builder(&site.address).caller("A"));
    let begun = Instant::now();
    let mut talk = client.talk().timeout(SHORT).await.unwrap();
    let error = loop {
        match within(talk.recv()).await {
            Ok(answer) => assert!(answer.is_some()),
            Err(error) => break error,
        }
    };
    assert!(begun.elapsed() >= SHORT);
    let exception = error.stream_exception().unwrap();
    assert_eq!((exception.code, error.kind()), (12015, ErrorKind::Timeout));
    assert!(
        exception.message.starts_with("stream timeout, timeout in ctx: "),
        "{error}"
    );
    let (received, sent) = at_once(ends.recv()).await.unwrap();
    for there in [received, sent] {
        assert_eq!(
            (there.stream_exception().unwrap().code, there.kind()),
            (12015, ErrorKind::Cancelled)
        );
        assert!(
            there.to_string().contains("[canceled path: A] stream timeout"),
            "{there}"
        );
    }
    assert_eq!(talk.send(ask("")).await.unwrap_err().to_string(), error.to_string());
    // The same as an option of the client.
    let options = StreamOptions::default().timeout(SHORT);
    let client = built(builder(&site.address).streaming(options));
    let mut talk = client.talk().await.unwrap();
    while let Ok(answer) = within(talk.recv()).await {
        assert!(answer.is_some());
    }
    assert_eq!(talk.send(ask("")).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_timeout_ends_a_stream_that_nobody_looks_at() {
    let (site, mut ends) = watched().await;
    let begun = Instant::now();
    let mut talk = client(&site).talk().timeout(SHORT).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    let (received, _) = within(ends.recv()).await.unwrap();
    let soon = SHORT..Duration::from_secs(4);
    assert!(soon.contains(&begun.elapsed()), "Kitex looks every five seconds");
    assert_eq!(received.stream_exception().unwrap().code, 12015);
    drop(talk);
}

#[tokio::test]
async fn a31_a_handler_knows_no_deadline() {
    let (seen, mut left) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, _, _| {
            seen.send((call.time_left(), call.timeout())).unwrap();
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    let mut talk = client(&site).talk().timeout(LONG).await.unwrap();
    assert!(within(talk.recv()).await.unwrap().is_none());
    assert_eq!(left.recv().await.unwrap(), (None, None));
}

#[tokio::test]
async fn a44_the_timeout_of_calls_has_no_effect_on_streams() {
    let site = Scene::new()
        .talk(|_, _, mut out| {
            Box::pin(async move {
                tokio::time::sleep(SHORT * 2).await;
                out.send(reply("still here")).await
            })
        })
        .serve()
        .await;
    let client = built(builder(&site.address).timeout(SHORT));
    let mut talk = client.talk().await.unwrap();
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "still here");
}

#[tokio::test]
async fn a46_a_stream_without_time_is_not_opened() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let error = client
        .talk()
        .timeout(Duration::from_nanos(1))
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let waited = tokio::time::timeout(Duration::from_millis(50), stage.listener.accept()).await;
    assert!(waited.is_err(), "nobody was called");
}

#[tokio::test]
async fn an_option_of_one_stream_beats_the_client() {
    let (site, _ends) = watched().await;
    let options = StreamOptions::default()
        .recv_timeout(RecvTimeout::new(LONG))
        .timeout(LONG);
    let client = built(builder(&site.address).streaming(options));
    let mut talk = client.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    fails(&within(talk.recv()).await.unwrap_err(), 12014, CLIENT, WAITED);
    let mut talk = client.talk().timeout(SHORT).await.unwrap();
    while let Ok(answer) = within(talk.recv()).await {
        assert!(answer.is_some());
    }
    let options = StreamOptions::default().timeout(SHORT);
    let client = built(builder(&site.address).streaming(options));
    let mut long = client.talk().timeout(PATIENCE).await.unwrap();
    within(long.recv()).await.unwrap().unwrap();
    assert!(tokio::time::timeout(SHORT * 3, long.recv()).await.is_err());
}

#[tokio::test]
async fn a_send_that_waits_for_room_ends_with_its_stream() {
    let site = Scene::new()
        .talk(|call, _asks, _| {
            Box::pin(async move {
                call.cancelled().await;
                Ok(())
            })
        })
        .serve()
        .await;
    let mut block = ask("block");
    block.payload = vec![0; 64 * 1024].into();
    let mut talk = client(&site).talk().timeout(SHORT).await.unwrap();
    let error = loop {
        if let Err(error) = within(talk.send(&block)).await {
            break error;
        }
    };
    assert_eq!(error.stream_exception().unwrap().code, 12015, "{error}");
    // So does one whose connection is lost.
    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    let peer = stage.accept().await;
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = talk.send(&block).await {
                return error;
            }
        }
    });
    // The sockets and the queue are full by then, or they are not: the end is the same.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(peer);
    let error = at_once(sending).await.unwrap();
    assert_eq!(
        (error.stream_exception().unwrap().code, error.kind()),
        (12006, ErrorKind::Transport)
    );
}
