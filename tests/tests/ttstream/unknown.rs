//! Streams that no service was registered for: the handler of unknown names takes them as they are.

use kitewire::bytes::Bytes;
use kitewire::{Call, Error, Receiver, Sender, Server, Transport, UnknownHandler};
use kitewire_tests::site::{PromisesServer, Scene, Site, ask, ask_bytes, within};
use kitewire_tests::ttframe::{DATA, Frame, HEADER, Peer, TRAILER, kinds};
use kitewire_tokio::Tokio;

/// Sends every message back, and the names in front of them.
struct Mirror;

impl UnknownHandler for Mirror {
    async fn handle(&self, _call: &Call, body: Bytes) -> Result<Bytes, Error> {
        Ok(body)
    }

    async fn handle_stream(
        &self,
        call: &Call,
        mut messages: Receiver<Bytes>,
        mut out: Sender<Bytes>,
    ) -> Result<(), Error> {
        assert_eq!(call.transport(), Transport::TtHeaderStream);
        call.set_header("names", format!("{}.{}", call.service(), call.method()))?;
        while let Some(message) = messages.recv().await? {
            out.send(message).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn the_handler_of_unknown_names_takes_streams() {
    let server = Server::new(Tokio).register(PromisesServer::new(Scene::new()));
    let site = Site::of(server.unknown_handler(Mirror)).await;
    let mut peer = Peer::connect(&site.address).await;
    peer.send([
        Frame::new(1, HEADER).of("nope").string("isn", "Nowhere"),
        Frame::data(1, "a"),
        Frame::new(1, DATA).payload(&[0]),
        Frame::trailer(1),
    ])
    .await;
    let frames = peer.until(TRAILER).await;
    assert_eq!(kinds(&frames), [HEADER, DATA, DATA, TRAILER].concat());
    assert_eq!(frames[0].entries(), [("names", "Nowhere.nope")]);
    assert!(frames.iter().all(|frame| frame.method.as_deref() == Some("nope")));
    assert_eq!((&frames[1].payload, &frames[2].payload), (&ask_bytes("a"), &vec![0]));
    // What is registered is served as ever.
    let mut talk = crate::client(&site).talk().await.unwrap();
    talk.send(ask("known")).await.unwrap();
    assert_eq!(within(talk.recv()).await.unwrap().unwrap().text, "known");
}
