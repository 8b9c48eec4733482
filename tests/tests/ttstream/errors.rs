//! What a handler's failure becomes: statements A19 and A20, the deviations D1, D2, D16, D17, business errors, panics.

use kitewire::{Error, ErrorKind, ExceptionType};
use kitewire_tests::site::{Scene, Site, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, RST, TRAILER, kinds};

use crate::{CLIENT, Stage, at_once, built, client, fails};

/// Handlers of `talk` that send two messages and fail as their first request asks for.
async fn failing() -> Site {
    let failure = |wish: &str| match wish {
        "business" => Error::business(404, "né").with_extra("k", "v<é>"),
        "typed" => Error::application(ExceptionType(1000), "mine"),
        "panic" => panic!("as you wish"),
        text => Error::new(text.to_owned()),
    };
    Scene::new()
        .talk(move |_, mut asks, mut out| {
            Box::pin(async move {
                let wish = asks.recv().await?.unwrap().text;
                out.send(reply("1")).await?;
                out.send(reply("2")).await?;
                Err(failure(&wish))
            })
        })
        .collect(move |_, mut asks| {
            Box::pin(async move {
                let wish = asks.recv().await?.unwrap().text;
                Err(failure(&wish))
            })
        })
        .watch(move |_, ask, _| Box::pin(async move { Err(failure(&ask.text)) }))
        .serve()
        .await
}

fn check_business(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Business);
    let status = error.business_status().unwrap();
    assert_eq!((status.code, status.message.as_str()), (404, "né"));
    assert_eq!(status.extra, [("k".to_owned(), "v<é>".to_owned())]);
    assert_eq!(error.to_string(), "biz error: code=404, msg=né");
}

#[tokio::test]
async fn a19_a_business_error_comes_behind_the_messages() {
    // D16: Kitex's client drops what is still queued.
    let site = failing().await;
    let client = client(&site);
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("business")).await.unwrap();
    // All of it is here before the first of it is asked for.
    site.quiet().await;
    for word in ["1", "2"] {
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, word);
    }
    for _ in 0..2 {
        check_business(&within(talk.recv()).await.unwrap_err());
    }
    check_business(&talk.send(ask("")).await.unwrap_err());
    let entries = ["biz-status", "biz-message", "biz-extra"].map(|key| talk.trailer().get(key).is_some());
    assert_eq!(entries, [true; 3], "the entries are in the trailer");
    let mut up = client.collect().await.unwrap();
    up.send(ask("business")).await.unwrap();
    check_business(&within(up.finish()).await.unwrap_err());
    let mut down = client.watch(ask("business")).await.unwrap();
    check_business(&within(down.recv()).await.unwrap_err());
}

#[tokio::test]
async fn a19_a_business_error_is_entries_of_a_trailer_without_payload() {
    let site = failing().await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk"), Frame::data(1, "business")]).await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, DATA, TRAILER].concat());
    let end = frames.last().unwrap();
    assert!(end.payload.is_empty());
    assert_eq!(
        (end.get("biz-status"), end.get("biz-message")),
        (Some("404"), Some("né"))
    );
    assert_eq!(end.get("biz-extra"), Some(r#"{"k":"v\u003cé\u003e"}"#));
}

#[tokio::test]
async fn a20_other_failures_are_exceptions_with_their_text() {
    let site = failing().await;
    let client = client(&site);
    let rows = [
        ("boom", 6, "biz error: boom"),
        (
            "panic",
            6,
            "panic: [happened in biz handler, method=Promises.talk, please check the panic at the server side] as you wish",
        ),
    ];
    let mut peer = Peer::connect(&site.address).await;
    for (id, (wish, kind, text)) in (1..).zip(rows) {
        let mut talk = client.talk().await.unwrap();
        talk.send(ask(wish)).await.unwrap();
        for _ in 0..2 {
            within(talk.recv()).await.unwrap().unwrap();
        }
        let error = within(talk.recv()).await.unwrap_err();
        fails(&error, 12001, CLIENT, text);
        assert_eq!(error.kind(), ErrorKind::Remote);
        let exception = error.exception().unwrap();
        assert_eq!((exception.kind, &*exception.message), (ExceptionType(kind), text));
        peer.send([Frame::open(id, "talk"), Frame::data(id, wish)]).await;
        assert_eq!(
            peer.until(TRAILER).await.pop().unwrap().fault(),
            Some((kind, text.to_owned()))
        );
    }
    // The type of a typed one may travel or not (D17); the text does.
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("typed")).await.unwrap();
    for _ in 0..2 {
        within(talk.recv()).await.unwrap().unwrap();
    }
    let error = within(talk.recv()).await.unwrap_err();
    assert_eq!(error.stream_exception().unwrap().code, 12001);
    assert!(error.to_string().contains("mine"), "{error}");
    assert_eq!(site.handle.stats().connections, 2, "and no connection is lost");
}

#[tokio::test]
async fn d01_unknown_names_are_answered_at_once() {
    let site = Scene::new().serve().await;
    let mut peer = Peer::connect(&site.address).await;
    let nowhere = |id: i32| Frame::new(id, HEADER).of("nope").string("isn", "Nowhere");
    let rows = [
        (Frame::open(1, "nope"), 1),
        (nowhere(2), 20),
        // A unary method is none of streams.
        (Frame::open(3, "ping"), 1),
    ];
    for (open, kind) in rows {
        let id = open.id;
        peer.send([open]).await;
        let end = peer.frame().await;
        assert_eq!(
            (end.id, end.kind.as_str()),
            (id, TRAILER),
            "a lone trailer cannot meet a cancel"
        );
        let (found, text) = end.fault().unwrap();
        assert!(found == kind || (id == 2 && found == 1), "{found} {text}");
        assert!(text.contains("unknown"), "{text}");
    }
    peer.send([Frame::open(4, "talk"), Frame::data(4, "fine"), Frame::trailer(4)])
        .await;
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, DATA, TRAILER].concat());
}

#[tokio::test]
async fn d02_a_second_header_fails_its_own_stream_alone() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let mut other = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::new(1, HEADER), Frame::new(1, HEADER)]).await;
    let error = within(talk.recv()).await.unwrap_err();
    fails(&error, 12002, CLIENT, "stream[1] already set header");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let told = peer.until(RST).await.pop().unwrap();
    assert_eq!((told.id, told.fault().unwrap().0), (1, 12002));
    peer.send([Frame::data(2, "fine")]).await;
    assert_eq!(within(other.recv()).await.unwrap().unwrap().text, "fine");
}

#[tokio::test]
async fn broken_endings_fail_their_own_stream_alone() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut extra = client.talk().await.unwrap();
    let mut reply_typed = client.talk().await.unwrap();
    let mut bare_reset = client.talk().await.unwrap();
    let mut fine = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    let mut wrong = Frame::exception(2, TRAILER, (6, "x"));
    wrong.payload[3] = 2;
    peer.send([
        Frame::trailer(1).string("biz-status", "7").string("biz-extra", "{"),
        wrong,
        Frame::new(3, RST),
        Frame::data(4, "fine"),
    ])
    .await;
    fails(
        &within(extra.recv()).await.unwrap_err(),
        12003,
        CLIENT,
        "malformed header info, extra: {",
    );
    fails(
        &within(reply_typed.recv()).await.unwrap_err(),
        12004,
        CLIENT,
        "thrift message type want Exception, but got Reply",
    );
    fails(&within(bare_reset.recv()).await.unwrap_err(), 13, CLIENT, "rst");
    assert_eq!(within(fine.recv()).await.unwrap().unwrap().text, "fine");
}

#[tokio::test]
async fn when_payload_and_business_entries_come_together_the_payload_counts() {
    let stage = Stage::new().await;
    let mut talk = built(stage.builder()).talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.send([Frame::exception(1, TRAILER, (6, "payload")).string("biz-status", "7")])
        .await;
    fails(&within(talk.recv()).await.unwrap_err(), 12001, CLIENT, "payload");
}

#[tokio::test]
async fn a_message_that_does_not_decode_gives_its_stream_up() {
    let stage = Stage::new().await;
    let client = built(stage.builder());
    let mut talk = client.talk().await.unwrap();
    let mut fine = client.talk().await.unwrap();
    let mut peer = stage.accept().await;
    peer.until(HEADER).await;
    peer.send([Frame::new(1, DATA).payload(&[0x0b]), Frame::data(2, "fine")])
        .await;
    let error = within(talk.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert_eq!(at_once(peer.until(RST)).await.pop().unwrap().id, 1);
    assert_eq!(within(fine.recv()).await.unwrap().unwrap().text, "fine");
}

#[tokio::test]
async fn fatal_frames_end_the_connection_with_its_streams() {
    let (site, mut ends) = crate::watched().await;
    let mut odd_flags = Frame::data(1, "").encode();
    odd_flags[7] = 0;
    let rows = [
        Frame::new(1, "9").encode(),
        odd_flags,
        // LENGTH below what the header needs, and above what may be.
        [&[0, 0, 0, 12, 0x10, 0, 0, 2, 0, 0, 0, 1, 0, 5][..], &[0; 20]].concat(),
        [0x7f, 0xff, 0xff, 0xff, 0x10, 0, 0, 2, 0, 0, 0, 1, 0, 0].to_vec(),
    ];
    for bytes in rows {
        let mut peer = Peer::connect(&site.address).await;
        peer.send([Frame::open(1, "talk")]).await;
        peer.until(DATA).await;
        peer.send_bytes(&bytes).await.unwrap();
        let (received, _) = at_once(ends.recv()).await.unwrap();
        let text = received.to_string();
        let start = "[ttstream error, code=12013] [ttstream error, code=12004] ";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(received.stream_exception().unwrap().code, 12013);
        assert!(peer.is_closed().await);
    }
}
