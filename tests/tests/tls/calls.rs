//! What works over plain sockets works over TLS.

use std::future::poll_fn;

use kitewire::runtime::{BytesMut, Io, IoSlice};
use kitewire::{Address, ClientBuilder, Runtime, StreamTransport, Transport};
use kitewire_tls::Tls;

use crate::places::{Place, Scenario, everywhere, to};
use crate::promises::PromisesClient;
use crate::service::{Trust, ask, identity, serve};

async fn calls<C: Runtime>(builder: ClientBuilder, runtime: &C, seen: &str) {
    let client = PromisesClient::new(builder.build(runtime.clone()).unwrap());
    for size in [0, 10, 20_000, 300_000, 1] {
        let reply = client.ping(ask("ping", size)).await.unwrap();
        assert_eq!((&*reply.text, reply.payload.len()), ("ping", size));
    }
    assert_eq!(client.ping(ask("who", 0)).await.unwrap().text, seen);
}

async fn streams<C: Runtime>(builder: ClientBuilder, runtime: &C, seen: &str) {
    let client = PromisesClient::new(builder.build(runtime.clone()).unwrap());
    let mut talk = client.talk().await.unwrap();
    for size in [0, 10, 20_000, 300_000, 1] {
        talk.send(ask("talk", size)).await.unwrap();
        assert_eq!(talk.recv().await.unwrap().unwrap().payload.len(), size);
    }
    talk.send(ask("who", 0)).await.unwrap();
    assert_eq!(talk.recv().await.unwrap().unwrap().text, seen);
    talk.close_send();
    assert!(talk.recv().await.unwrap().is_none());
    let mut watch = client.watch(ask("watch", 70_000)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(watch.recv().await.unwrap().unwrap().payload.len(), 70_000);
    }
    assert!(watch.recv().await.unwrap().is_none());
}

/// What the page answers over HTTP/1.1.
async fn page<C: Runtime>(address: &Address, runtime: &C) -> String {
    let mut io = runtime.connect(address).await.unwrap();
    let request = b"GET /who HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    let slices = [IoSlice::new(request)];
    assert_eq!(poll_fn(|cx| io.poll_write(cx, &slices)).await.unwrap(), request.len());
    let mut answer = BytesMut::with_capacity(4096);
    while poll_fn(|cx| io.poll_read(cx, &mut answer)).await.unwrap() > 0 {}
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

struct Everything;

impl Scenario for Everything {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let tls = trust.server().request_client_certificates(trust.roots());
        let server = serve(&Tls::new(place.server).server(tls.build().unwrap()), &place.listen).await;
        let address = &server.address;
        let unknown = trust.client().build().unwrap();
        let known = trust
            .client()
            .identity(identity(&trust.authority.issue(&["caller.test"])));
        let known = known.server_name("shop.test").build().unwrap();
        for (client, seen) in [(unknown, "0 h2 unnamed"), (known, "1 h2 shop.test")] {
            let runtime = Tls::new(place.client.clone()).client(client);
            for transport in [Transport::Bare, Transport::Framed, Transport::TtHeader, Transport::Grpc] {
                calls(to(address, transport), &runtime, seen).await;
            }
            calls(to(address, Transport::TtHeader).short(), &runtime, seen).await;
            calls(to(address, Transport::TtHeader).multiplexed(1), &runtime, seen).await;
            streams(to(address, Transport::Grpc), &runtime, seen).await;
            let over_ttheader = to(address, Transport::TtHeader).stream_transport(StreamTransport::TtHeader);
            streams(over_ttheader, &runtime, seen).await;
            assert_eq!(page(address, &runtime).await, format!("https://here/who {seen}"));
        }
        assert_eq!(server.stop().await, Vec::<String>::new(), "every end was a good one");
    }
}

#[test]
fn every_transport_goes_over_tls() {
    everywhere::<Everything>();
}

struct OverUnix;

impl Scenario for OverUnix {
    async fn play<S: Runtime, C: Runtime>(place: Place<S, C>) {
        let trust = Trust::new();
        let path = std::env::temp_dir().join(format!("kitewire-tls-{}.sock", std::process::id()));
        let tls = trust.server().build().unwrap();
        let runtime = place.server;
        let server = serve(&Tls::new(runtime.clone()).server(tls), &Address::unix(&path)).await;
        let client = trust.client().server_name("shop.test").build().unwrap();
        let runtime = Tls::new(runtime).client(client);
        calls(to(&server.address, Transport::TtHeader), &runtime, "0 h2 shop.test").await;
        server.stop().await;
        let _ = std::fs::remove_file(path);
    }
}

#[test]
fn unix_sockets_are_secured_alike() {
    everywhere::<OverUnix>();
}
