//! What travels with the opening of a stream: statements M1 to M9, the hop rule, and how a service is found.

use kitewire::{Call, Error, Server, Transport};
use kitewire_tests::site::{PromisesServer, Scene, Site, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, TRAILER, kinds};
use kitewire_tokio::Tokio;
use tokio::sync::mpsc;

use crate::{Stage, built, client};

/// A server whose handler of `talk` tells what it finds with `look`.
async fn looking<T: Send + 'static>(
    look: impl Fn(&Call) -> T + Send + Sync + 'static,
) -> (Site, mpsc::UnboundedReceiver<T>) {
    let (found, finds) = mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |call, _, _| {
            assert!(found.send(look(call)).is_ok());
            Box::pin(async { Ok(()) })
        })
        .serve()
        .await;
    (site, finds)
}

/// Transient values `tk`, `Camel-Key_x` and `empty`, and the persistent one `Pk`.
type Found = [Option<String>; 4];

fn look(call: &Call) -> Found {
    let transient = |key: &str| call.transient(key).map(str::to_owned);
    let persistent = call.persistent("Pk").map(str::to_owned);
    [
        transient("tk"),
        transient("Camel-Key_x"),
        transient("empty"),
        persistent,
    ]
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn m1_and_m2_metainfo_arrives_as_it_was_written() {
    let (site, mut finds) = looking(look).await;
    let client = client(&site);
    let talk = client
        .talk()
        .meta("tk", "tv")
        .meta("Camel-Key_x", "2")
        .meta("empty", "");
    within(talk.persistent("Pk", "pv").await.unwrap().recv()).await.unwrap();
    assert_eq!(finds.recv().await.unwrap(), [some("tv"), some("2"), None, some("pv")]);

    let stage = Stage::new().await;
    let client = built(stage.builder());
    let talk = client.talk().meta("tk", "tv").persistent("Pk", "pv");
    let _open = talk.await.unwrap();
    let header = stage.accept().await.frame().await;
    let expected = [("RPC_PERSIST_Pk", "pv"), ("RPC_TRANSIT_tk", "tv"), ("isn", "Promises")];
    assert_eq!(header.entries(), expected);
}

#[tokio::test]
async fn m2_and_m3_prefixes_are_matched_exactly() {
    let (site, mut finds) = looking(look).await;
    let mut peer = Peer::connect(&site.address).await;
    let open = Frame::open(1, "talk")
        .string("RPC_TRANSIT_UPSTREAM_tk", "stale")
        .string("rpc_transit_Camel-Key_x", "no")
        .string("RPC_TRANSIT_empty", "")
        .string("RPC_TRANSIT_", "no key")
        .string("RPC_PERSIST_Pk", "pv");
    peer.send([open]).await;
    assert_eq!(
        within(finds.recv()).await.unwrap(),
        [some("stale"), None, None, some("pv")]
    );
}

#[tokio::test]
async fn m4_backward_values_are_lost() {
    let site = Scene::new()
        .talk(|call, _, mut out| {
            Box::pin(async move {
                call.set_backward("k", "v");
                out.send(reply("")).await
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk")]).await;
    let frames = peer.until(TRAILER).await;
    assert!(frames.iter().all(|frame| frame.strings.is_empty()), "{frames:?}");
}

#[tokio::test]
async fn m7_entries_of_a_clients_trailer_disturb_nobody() {
    let site = Scene::new().serve().await;
    let mut peer = Peer::connect(&site.address).await;
    let end = Frame::trailer(1).string("any", "thing");
    peer.send([Frame::open(1, "collect"), Frame::data(1, "x"), end]).await;
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, DATA, TRAILER].concat());
}

#[tokio::test]
async fn m8_a_token_block_is_a_transient_value() {
    let (site, mut finds) = looking(|call| call.transient("gdpr-token").map(str::to_owned)).await;
    // The recording of a Kitex client, with the names of our service.
    let mut bytes = Frame::open(1, "talk").encode();
    let token = [&[0x11, 0, 3][..], b"tok", &[0, 0]].concat();
    bytes.splice(16..16, token);
    bytes[3] += 8;
    bytes[13] += 2;
    let mut peer = Peer::connect(&site.address).await;
    peer.send_bytes(&bytes).await.unwrap();
    assert_eq!(within(finds.recv()).await.unwrap(), some("tok"));
    let client = client(&site);
    let talk = client.talk().meta("gdpr-token", "ours");
    within(talk.await.unwrap().recv()).await.unwrap();
    assert_eq!(within(finds.recv()).await.unwrap(), some("ours"));
}

#[tokio::test]
async fn m9_the_service_is_found_as_in_calls() {
    let (site, mut finds) = looking(|call| (call.service().to_owned(), call.method().to_owned())).await;
    let mut peer = Peer::connect(&site.address).await;
    let bare = Frame::new(1, HEADER);
    let unknown = Frame::new(2, HEADER).string("isn", "Nowhere");
    peer.send([bare, unknown, Frame::open(3, "talk")]).await;
    for _ in 0..3 {
        let found = within(finds.recv()).await.unwrap();
        assert_eq!(found, ("Promises".to_owned(), "talk".to_owned()));
    }
    let strict = Server::new(Tokio).register(PromisesServer::new(Scene::new()));
    let site = Site::of(strict.refuse_without_service_name()).await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::new(1, HEADER)]).await;
    let end = peer.frame().await;
    assert_eq!((end.kind.as_str(), end.fault().unwrap().0), (TRAILER, 20));
}

#[tokio::test]
async fn a_caller_tells_its_name_unless_told_not_to() {
    // D14.
    let (site, mut finds) = looking(|call| call.caller_service().map(str::to_owned)).await;
    let named = built(crate::builder(&site.address).caller("shop"));
    within(named.talk().await.unwrap().recv()).await.unwrap();
    assert_eq!(finds.recv().await.unwrap(), some("shop"));
    within(client(&site).talk().await.unwrap().recv()).await.unwrap();
    assert_eq!(finds.recv().await.unwrap(), None);
}

#[tokio::test]
async fn entries_of_ones_own_arrive_and_reserved_names_are_refused() {
    let (site, mut finds) = looking(|call| {
        let all = call
            .metadata()
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_vec()));
        (
            all.collect::<Vec<_>>(),
            call.metadata().get("log-ID").map(str::to_owned),
        )
    })
    .await;
    let client = client(&site);
    let talk = client.talk().metadata("Log-Id", "7").meta("tk", "tv");
    within(talk.await.unwrap().recv()).await.unwrap();
    let expected = vec![("Log-Id".to_owned(), b"7".to_vec())];
    assert_eq!(
        finds.recv().await.unwrap(),
        (expected, some("7")),
        "and no metainfo among them"
    );
    for key in ["isn", "RPC_TRANSIT_x", "RPC_PERSIST_x", "biz-status"] {
        let error = client.talk().metadata(key, "x").await.unwrap_err();
        assert_eq!(error.kind(), kitewire::ErrorKind::InvalidRequest, "{key}: {error}");
    }
}

#[tokio::test]
async fn what_a_stranger_adds_to_frames_is_ignored() {
    let (site, mut finds) = looking(|call| call.meta().is_empty()).await;
    let echo = Scene::new().serve().await;
    let mut peer = Peer::connect(&echo.address).await;
    peer.send([
        Frame::open(1, "talk")
            .int(999, "x")
            .string("unknown", "y")
            .payload(b"ignored"),
        Frame::new(1, "1")
            .string("rip", "10.0.0.1:1")
            .int(7, "z")
            .payload(b"ignored"),
        Frame::new(77, "1").string("rip", "10.0.0.1:1"),
        Frame::data(1, "x").string("any", "key").int(5, "y").of("other"),
        Frame {
            method: None,
            ..Frame::data(1, "y")
        },
        Frame::trailer(1),
    ])
    .await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, DATA, TRAILER].concat());
    assert_eq!([frames[1].text(), frames[2].text()], ["x", "y"]);
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk").string("unknown", "y")]).await;
    assert!(within(finds.recv()).await.unwrap());
}

#[tokio::test]
async fn hop_rule_persistent_values_go_on_and_transient_ones_do_not() {
    let (last, mut finds) = looking(|call| {
        let transient = ["tk", "own"].map(|key| call.transient(key).map(str::to_owned));
        (transient, call.persistent("Pk").map(str::to_owned))
    })
    .await;
    let next = client(&last);
    let middle = Scene::new()
        .talk(move |call, _, _| {
            let next = next.clone();
            Box::pin(async move {
                assert_eq!(call.transient("tk"), Some("tv"), "readable here");
                assert_eq!(call.transport(), Transport::TtHeaderStream);
                let mut down = next.talk().forward(call).meta("own", "mine").await?;
                down.recv().await?;
                Ok::<_, Error>(())
            })
        })
        .serve()
        .await;
    let client = client(&middle);
    let talk = client.talk().meta("tk", "tv").persistent("Pk", "pv");
    assert!(within(talk.await.unwrap().recv()).await.unwrap().is_none());
    let expected = ([None, some("mine")], some("pv"));
    assert_eq!(within(finds.recv()).await.unwrap(), expected);
    let mut direct = crate::client(&last).talk().await.unwrap();
    assert!(direct.send(ask("")).await.is_ok());
}
