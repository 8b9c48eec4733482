//! Flow control as it is on the wire (SPEC TFC): settled by the first frames, obeyed, raised as messages are taken.

use std::time::{Duration, Instant};

use kitewire::proto::Switch;
use kitewire::{Server, StreamPool, TtStreamConfig, TtStreamOptions};
use kitewire_tests::site::{Ask, PATIENCE, PromisesServer, Scene, Site, ask, reply, within};
use kitewire_tests::ttframe::{DATA, FC_ACK, FC_LIMIT, FC_SETTINGS, Frame, HEADER, META, Peer, RST, TRAILER, kinds};
use kitewire_tokio::Tokio;
use tokio::sync::mpsc;

use crate::{Stage, at_once, built};

/// What a data frame with this text costs.
fn charge(text: &str) -> u64 {
    u64::try_from(Frame::data(1, text).payload.len()).unwrap() + 64
}

#[tokio::test]
async fn f01_without_an_offer_there_is_no_frame_of_it() {
    let site = Scene::new().serve().await;
    let mut peer = Peer::connect(&site.address).await;
    // An offer that comes late is none.
    peer.send([
        Frame::open(1, "watch"),
        Peer::control(FC_SETTINGS, "1,1000,1000"),
        Peer::control(FC_ACK, "1"),
        Frame::data(1, "a b c"),
        Frame::trailer(1),
    ])
    .await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|frame: &Frame| frame.kind != TRAILER) {
        seen.push(peer.next().await.unwrap());
    }
    assert_eq!(kinds(&seen), [HEADER, DATA, DATA, DATA, TRAILER].concat());
}

#[tokio::test]
async fn f02_an_offer_is_answered_in_front_of_everything() {
    let answers = [
        (Switch::On, "1,1,1", "1,16777216,1048576"),
        (Switch::On, "7,1000,1000,8", "1,16777216,1048576"),
        (Switch::Off, "1,1000,1000", "0,0,0"),
    ];
    for (switch, offer, answer) in answers {
        let mut config = TtStreamConfig::default();
        config.flow_control = switch;
        let server = Server::new(Tokio).register(PromisesServer::new(Scene::new()));
        let site = Site::of(server.tt_streams(config)).await;
        let mut peer = Peer::connect(&site.address).await;
        peer.send([
            Peer::control(FC_SETTINGS, offer),
            Frame::open(1, "talk"),
            Frame::data(1, "a"),
        ])
        .await;
        let first = peer.next().await.unwrap();
        assert_eq!(
            (first.id, first.kind.as_str(), first.get_int(FC_SETTINGS)),
            (0, META, Some(answer))
        );
        assert_eq!(
            kinds(&[peer.frame().await, peer.frame().await]),
            [HEADER, DATA].concat()
        );
    }
}

#[tokio::test]
async fn f03_a_server_sends_no_more_than_its_client_allows() {
    let words = vec!["word"; 100].join(" ");
    let site = Scene::new().serve().await;
    let each = charge("word");
    // Three messages for the stream: the fourth would begin at the limit.
    let mut peer = Peer::negotiated(&site.address, 1 << 20, 3 * each).await;
    peer.send([Frame::open(1, "watch"), Frame::data(1, &words), Frame::trailer(1)])
        .await;
    assert_eq!(kinds(&peer.only(4).await), [HEADER, DATA, DATA, DATA].concat());
    let limit = |charge: u64| Frame {
        id: 1,
        ..Peer::control(FC_LIMIT, &charge.to_string())
    };
    // A byte more lets one message more out, which may go beyond it. A smaller limit counts for nothing.
    peer.send([limit(3 * each + 1), limit(each)]).await;
    assert_eq!(kinds(&peer.only(1).await), DATA);
    // Other streams are not held up, nor is a reset.
    peer.send([Frame::open(3, "watch"), Frame::data(3, "x"), Frame::trailer(3)])
        .await;
    assert_eq!(
        kinds(&at_once(peer.until(TRAILER)).await),
        [HEADER, DATA, TRAILER].concat()
    );
    peer.send([Frame::new(1, RST)]).await;
    at_once(site.quiet()).await;
}

#[tokio::test]
async fn f04_a_client_does_not_wait_for_an_answer_that_never_comes() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    let (begun, mut sent) = (Instant::now(), 0);
    let mut message = ask("");
    message.payload = vec![0; 32 * 1024].into();
    while sent < 2 << 20 {
        within(talk.send(&message)).await.unwrap();
        sent += 32 * 1024;
        // The socket and the queue are never what it waits for.
        if let Some(frame) = peer.next().await {
            assert!(frame.id < 2);
        }
    }
    // 256 KiB at once, and after 100 ms the rest.
    assert!(begun.elapsed() >= Duration::from_millis(90), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn f04_and_f05_a_client_that_learns_of_limits_acknowledges_and_obeys_them() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    assert!(peer.next().await.unwrap().get_int(FC_SETTINGS).is_some());
    let each = charge("word");
    let settings = format!("1,1000000,{}", 2 * each);
    peer.send([Peer::control(FC_SETTINGS, &settings), Frame::new(1, HEADER)])
        .await;
    within(talk.header()).await.unwrap();
    for _ in 0..2 {
        within(talk.send(ask("word"))).await.unwrap();
    }
    let mut third = Box::pin(talk.send(ask("word")));
    let waited = tokio::time::timeout(Duration::from_millis(50), &mut third).await;
    let frames = peer.only(3).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, DATA].concat(), "{waited:?}");
    let raised = (3 * each).to_string();
    peer.send([Frame {
        id: 1,
        ..Peer::control(FC_LIMIT, &raised)
    }])
    .await;
    if waited.is_err() {
        at_once(&mut third).await.unwrap();
    }
    drop(third);
    assert_eq!(peer.frame().await.kind, DATA);
    // The end waits for nothing.
    talk.close_send();
    assert_eq!(at_once(peer.frame()).await.kind, TRAILER);
}

#[tokio::test]
async fn f08_limits_are_raised_in_steps_as_messages_are_taken() {
    let stage = Stage::new().await;
    let pool = StreamPool::Multiplexed { connections: 1 };
    let options = TtStreamOptions::default()
        .pool(pool)
        .stream_window(1000)
        .connection_window(100_000);
    let mut talk = built(stage.builder().tt_streams(options)).talk().await.unwrap();
    let mut peer = stage.accept().await;
    assert_eq!(peer.next().await.unwrap().get_int(FC_SETTINGS), Some("1,100000,1000"));
    peer.send([Peer::control(FC_SETTINGS, "1,1000000,1000000"), Frame::new(1, HEADER)])
        .await;
    let each = charge("word");
    let (mut taken, mut limit, mut told) = (0, 1000, 0);
    while taken < 20 * each {
        assert!(taken < limit, "a message may always be sent");
        peer.send([Frame::data(1, "word")]).await;
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "word");
        taken += each;
        // Every half of the window, and not before.
        while limit - taken <= 500 {
            let frame = peer.next().await.unwrap();
            if let Some(value) = frame.get_int(FC_LIMIT).filter(|_| frame.id == 1) {
                let raised: u64 = value.parse().unwrap();
                assert!(raised >= limit + 500 && raised <= taken + 1000, "{raised} at {taken}");
                (limit, told) = (raised, told + 1);
            }
        }
    }
    assert!(told <= 20 * each / 500 + 1, "{told}");
}

#[tokio::test]
async fn f09_who_sends_more_than_allowed_loses_the_stream_or_the_connection() {
    let (ended, mut ends) = mpsc::unbounded_channel();
    let site = Scene::new().talk(move |call, _asks, _| {
        let ended = ended.clone();
        Box::pin(async move {
            call.cancelled().await;
            ended.send(()).unwrap();
            Ok(())
        })
    });
    let mut config = TtStreamConfig::default();
    (config.stream_window, config.connection_window) = (1000, 3000);
    let server = Server::new(Tokio).register(PromisesServer::new(site));
    let site = Site::of(server.tt_streams(config)).await;
    let mut peer = Peer::negotiated(&site.address, 1000, 1000).await;
    let many = |id: i32, count: u64| (0..count).map(move |_| Frame::data(id, "word"));
    let fit = 1000_u64.div_ceil(charge("word"));
    peer.send(
        [Frame::open(1, "talk"), Frame::open(3, "talk")]
            .into_iter()
            .chain(many(1, fit + 1)),
    )
    .await;
    let told = peer.until(RST).await.pop().unwrap();
    let text = "flow control: stream limit exceeded".to_owned();
    assert_eq!((told.id, told.fault()), (1, Some((12011, text))));
    // The other stream has its window still; the connection's is used up by streams that keep within theirs.
    peer.send(many(3, fit)).await;
    for id in [5, 7] {
        peer.send([Frame::open(id, "talk")].into_iter().chain(many(id, fit)))
            .await;
    }
    // The handlers are told at once, whatever becomes of the socket: this one has broken no rule.
    for _ in [1, 3, 5] {
        at_once(ends.recv()).await.unwrap();
    }
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn with_flow_control_switched_off_a_client_offers_nothing() {
    let stage = Stage::new().await;
    let pool = StreamPool::Multiplexed { connections: 1 };
    let options = TtStreamOptions::default().pool(pool).flow_control(Switch::Off);
    let mut talk = built(stage.builder().tt_streams(options)).talk().await.unwrap();
    let mut peer = stage.accept().await;
    assert_eq!(peer.next().await.unwrap().kind, HEADER);
    // Nor does it look at what nobody asked for.
    peer.send([Peer::control(FC_SETTINGS, "1,1,1"), Frame::new(1, HEADER)])
        .await;
    for _ in 0..3 {
        let message = Ask {
            text: "x".into(),
            ..ask("")
        };
        within(talk.send(message)).await.unwrap();
        assert_eq!(at_once(peer.next()).await.unwrap().kind, DATA);
    }
    let site = Scene::new().talk(|_, _, mut out| Box::pin(async move { out.send(reply("both")).await }));
    let site = site.serve().await;
    let off = TtStreamOptions::default().flow_control(Switch::Off);
    let mut talk = built(crate::builder(&site.address).tt_streams(off))
        .talk()
        .await
        .unwrap();
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "both");
}
