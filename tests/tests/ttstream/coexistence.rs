//! Streams over TTHeader beside everything else on one port: statements G1 to G12.

use kitewire::{Client, ErrorKind, StreamTransport, Transport};
use kitewire_tests::site::{PATIENCE, PromisesClient, Scene, Site, ask, reply, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, TRAILER, kinds};
use kitewire_tokio::Tokio;

use crate::{at_once, builder, built, client};

#[allow(missing_docs, reason = "generated")]
mod parcels {
    kitewire::include_idl!("kitewire.parcels");
}

/// Every handler tells how it was called.
async fn telling() -> Site {
    Scene::new()
        .ping(|call, _| {
            let transport = call.transport().to_string();
            Box::pin(async move { Ok(reply(&transport)) })
        })
        .collect(|call, mut asks| {
            Box::pin(async move {
                while asks.recv().await?.is_some() {}
                Ok(reply(&call.transport().to_string()))
            })
        })
        .watch(|call, _, mut out| Box::pin(async move { out.send(reply(&call.transport().to_string())).await }))
        .talk(|call, _, mut out| Box::pin(async move { out.send(reply(&call.transport().to_string())).await }))
        .serve()
        .await
}

/// How a client's three kinds of streams arrive.
async fn streams_of(client: &PromisesClient) -> [String; 3] {
    let up = within(client.collect().await.unwrap().finish()).await.unwrap();
    let mut down = client.watch(ask("")).await.unwrap();
    let mut talk = client.talk().await.unwrap();
    let down = within(down.recv()).await.unwrap().unwrap();
    let talk = within(talk.recv()).await.unwrap().unwrap();
    [up.text, down.text, talk.text]
}

#[tokio::test]
async fn g01_and_g03_the_same_handlers_serve_every_transport_on_one_port() {
    let site = telling().await;
    for calls in [
        Transport::Bare,
        Transport::Framed,
        Transport::TtHeader,
        Transport::TtHeaderFramed,
        Transport::Grpc,
    ] {
        for (streams, expected) in [
            (StreamTransport::Grpc, Transport::Grpc),
            (StreamTransport::TtHeader, Transport::TtHeaderStream),
        ] {
            let client = built(builder(&site.address).transport(calls).stream_transport(streams));
            // G7 and G8: how calls travel and how streams do are two settings.
            assert_eq!(within(client.ping(ask(""))).await.unwrap().text, calls.to_string());
            assert_eq!(streams_of(&client).await, [(); 3].map(|()| expected.to_string()));
            assert_eq!(within(client.ping(ask(""))).await.unwrap().text, calls.to_string());
        }
    }
}

#[tokio::test]
async fn g02_each_transport_has_connections_of_its_own() {
    let site = Scene::new().serve().await;
    let client = client(&site);
    let mut talk = client.talk().await.unwrap();
    talk.send(ask("a")).await.unwrap();
    within(talk.recv()).await.unwrap().unwrap();
    assert_eq!(site.handle.stats().connections, 1);
    assert_eq!(within(client.ping(ask("b"))).await.unwrap().text, "b");
    assert_eq!(site.handle.stats().connections, 2);
    // What decides is the first frame; a call on a connection of streams ends it, with its streams.
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk"), Frame::data(1, "a")]).await;
    assert_eq!(kinds(&peer.until(DATA).await), [HEADER, DATA].concat());
    let mut call = Frame::open(2, "talk").encode();
    call[7] = 0;
    peer.send_bytes(&call).await.unwrap();
    assert!(at_once(peer.is_closed()).await);
    talk.send(ask("still")).await.unwrap();
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "still");
}

#[tokio::test]
async fn g01_the_first_frame_may_come_in_pieces() {
    let site = Scene::new().serve().await;
    let bytes: Vec<u8> = [Frame::open(1, "watch"), Frame::data(1, "x"), Frame::trailer(1)]
        .iter()
        .flat_map(Frame::encode)
        .collect();
    for cut in [1, 4, 5, 6, 7, 8, 9, 15, 40] {
        let mut peer = Peer::connect(&site.address).await;
        peer.send_bytes(&bytes[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        peer.send_bytes(&bytes[cut..]).await.unwrap();
        assert_eq!(
            kinds(&peer.until(TRAILER).await),
            [HEADER, DATA, TRAILER].concat(),
            "{cut}"
        );
    }
    let mut peer = Peer::connect(&site.address).await;
    for byte in bytes.chunks(1) {
        peer.send_bytes(byte).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, DATA, TRAILER].concat());
}

#[tokio::test]
async fn g06_streams_go_over_grpc_unless_told_otherwise() {
    let site = telling().await;
    let plain = Client::to(site.address.clone()).connect_timeout(PATIENCE);
    let client = PromisesClient::new(plain.build(Tokio).unwrap());
    assert_eq!(streams_of(&client).await, [(); 3].map(|()| Transport::Grpc.to_string()));
}

#[tokio::test]
async fn g10_the_transport_of_streams_is_none_of_calls() {
    let error = builder(&"127.0.0.1:1".into())
        .transport(Transport::TtHeaderStream)
        .build(Tokio)
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}

#[tokio::test]
async fn g12_protobuf_has_no_streams_over_ttheader() {
    let site = Scene::new().serve().await;
    let client = parcels::ParcelsClient::new(builder(&site.address).build(Tokio).unwrap());
    let error = within(client.exchange()).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(error.to_string().contains("Protobuf"), "{error}");
    assert_eq!(site.handle.stats().connections, 0, "nothing was sent");
}

#[tokio::test]
async fn any_stream_id_is_served_and_may_be_used_again_once_its_stream_has_ended() {
    let site = Scene::new().serve().await;
    let mut peer = Peer::connect(&site.address).await;
    for id in [0, -5, i32::MIN, i32::MAX, 7, 7, 0] {
        peer.send([Frame::open(id, "talk"), Frame::data(id, "x"), Frame::trailer(id)])
            .await;
        let frames = peer.until(TRAILER).await;
        assert_eq!(kinds(&frames), [HEADER, DATA, TRAILER].concat(), "{id}");
        assert!(frames.iter().all(|frame| frame.id == id));
    }
}

#[tokio::test]
async fn a_thousand_streams_share_a_connection() {
    let site = Scene::new().serve().await;
    let client = client(&site);
    let mut talks = Vec::new();
    for number in 0..1000 {
        let mut talk = client.talk().await.unwrap();
        talk.send(ask(&number.to_string())).await.unwrap();
        talks.push(talk);
    }
    for (number, talk) in talks.iter_mut().enumerate().rev() {
        assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, number.to_string());
    }
    assert_eq!(site.handle.stats().connections, 1);
    assert_eq!(site.handle.stats().calls, 1000);
    drop(talks);
    site.quiet().await;
}

#[tokio::test]
async fn d06_a_live_id_that_is_opened_again_ends_the_requests_of_its_stream_and_no_more() {
    let (seen, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let site = Scene::new()
        .talk(move |_, mut asks, mut out| {
            let seen = seen.clone();
            Box::pin(async move {
                out.send(reply("here")).await?;
                let mut texts = Vec::new();
                let error = loop {
                    match asks.recv().await {
                        Ok(ask) => texts.push(ask.unwrap().text),
                        Err(error) => break error,
                    }
                };
                seen.send((texts, error)).unwrap();
                out.send(reply("goes out")).await
            })
        })
        .serve()
        .await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([Frame::open(1, "talk"), Frame::data(1, "mine")]).await;
    peer.until(DATA).await;
    peer.send([Frame::open(1, "talk"), Frame::data(1, "whose?")]).await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [DATA, TRAILER].concat(), "one handler, which ends well");
    let (texts, error) = within(ends.recv()).await.unwrap();
    assert_eq!(texts, ["mine"]);
    assert_eq!(error.stream_exception().unwrap().code, 12004, "{error}");
    // The id is free again.
    peer.send([Frame::open(1, "watch"), Frame::data(1, "x"), Frame::trailer(1)])
        .await;
    assert_eq!(kinds(&peer.until(TRAILER).await), [HEADER, DATA, TRAILER].concat());
}
