//! Plain HTTP requests on the port that answers calls, and clients of all kinds at once.

use kitewire::{StreamPool, StreamTransport, Switch, Transport, TtStreamOptions};

use super::{Scenario, row};
use crate::desk::DeskClient;
use crate::handlers::{parcel, pattern};
use crate::parcels::ParcelsClient;
use crate::place::{Place, ask};
use crate::site::Site;
use crate::wire::{Http2, Wire};

pub(super) fn list() -> Vec<Scenario> {
    vec![
        row("HTTP/1: pages", http1),
        row("HTTP/1: requests sent ahead", ahead),
        row("HTTP/1: bodies", bodies),
        row("HTTP/1: what is no request", no_request),
        row("HTTP/2: pages", http2),
        row("HTTP/2: requests at once", at_once),
        row("HTTP: without a handler", without),
        row("everything on one port at once", everything),
    ]
}

async fn http1(site: Site) {
    let place = site.serve_pages().await;
    let mut wire = Wire::connect(site.here(), &place.address).await;
    for path in ["/hello", "/nothing", "/sleep", "/panic", "/big", "/echo?a=b"] {
        site.note(wire.get(path).await);
    }
    wire.send("HEAD /hello HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    site.note(wire.head().await);
    wire.send("GET /last HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        .await;
    site.note(wire.page().await);
    site.note(format!("{} bytes more", wire.read_to_end().await.len()));
}

async fn ahead(site: Site) {
    let mut place = site.serve_pages().await;
    let mut wire = Wire::connect(site.here(), &place.address).await;
    let paths = ["/one", "/sleep", "/wait", "/two", "/nothing"];
    let all: String = paths
        .iter()
        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n"))
        .collect();
    wire.send(all).await;
    site.note(place.heard().await);
    place.gate.add_permits(1);
    for _ in paths {
        site.note(wire.page().await);
    }
}

async fn bodies(site: Site) {
    let place = site.serve_pages().await;
    let mut wire = Wire::connect(site.here(), &place.address).await;
    let head = "POST /echo HTTP/1.1\r\nHost: shop\r\n";
    wire.send(format!("{head}Content-Length: 4\r\n\r\nbody")).await;
    site.note(wire.page().await);
    wire.send(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    ))
    .await;
    site.note(wire.page().await);
    wire.send(format!("{head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"))
        .await;
    site.note(wire.head().await);
    wire.send("ok").await;
    site.note(wire.page().await);
    let large = pattern(300_000);
    wire.send(format!("{head}Content-Length: {}\r\n\r\n", large.len()))
        .await;
    wire.send(&large).await;
    site.note(wire.page().await);
}

async fn no_request(site: Site) {
    let place = site.serve_pages().await;
    for request in [
        "GET /hello\r\n\r\n",
        "GET /a<b HTTP/1.1\r\nHost: shop\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: shop\r\n\r\n",
    ] {
        let mut wire = Wire::connect(site.here(), &place.address).await;
        wire.send(request).await;
        site.note(wire.page().await);
    }
}

async fn http2(site: Site) {
    let place = site.serve_pages().await;
    let mut client = Http2::connect(site.here(), &place.address).await;
    for path in ["/hello", "/nothing", "/sleep", "/panic", "/big"] {
        site.note(client.get(path).await);
    }
    let id = client.open("PATCH", "/echo?a=b", &[("x", "1")], b"body").await;
    site.note(client.page(id).await);
    let id = client
        .open("POST", "/echo", &[("content-type", "application/json")], b"{}")
        .await;
    site.note(client.page(id).await);
}

async fn at_once(site: Site) {
    let mut place = site.serve_pages().await;
    let mut client = Http2::connect(site.here(), &place.address).await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(client.open("GET", "/wait", &[], b"").await);
        site.note(place.heard().await);
    }
    site.note(client.get("/hello").await);
    site.note(format!("{} calls", place.handle.stats().calls));
    place.gate.add_permits(10);
    for id in waiting {
        site.note(client.page(id).await);
    }
}

async fn without(site: Site) {
    let quiet = site.serve().await;
    let open = site.serve_with(|server| server.disclose_services(Switch::On)).await;
    let closed = site.serve_with(|server| server.serve_http(Switch::Off)).await;
    for place in [quiet, open] {
        site.note(Wire::connect(site.here(), &place.address).await.get("/").await);
        site.note(Http2::connect(site.here(), &place.address).await.get("/").await);
    }
    site.note(Wire::connect(site.here(), &closed.address).await.get("/").await);
    site.note(Http2::connect(site.here(), &closed.address).await.get("/").await);
}

async fn everything(site: Site) {
    let place = site.serve_pages().await;
    let mut clients = Vec::new();
    for transport in [
        Transport::Bare,
        Transport::Framed,
        Transport::TtHeader,
        Transport::TtHeaderFramed,
        Transport::Grpc,
    ] {
        let client = site.built(place.over(transport));
        clients.push(site.beside(calls(client)));
    }
    clients.push(site.beside(calls(site.built(place.over(Transport::TtHeader).multiplexed(2)))));
    for pool in [
        StreamPool::Multiplexed { connections: 2 },
        StreamPool::exclusive(),
        StreamPool::Short,
    ] {
        let streams = place
            .over(Transport::TtHeader)
            .stream_transport(StreamTransport::TtHeader);
        let streams = streams.tt_streams(TtStreamOptions::default().pool(pool));
        clients.push(site.beside(talks(site.desk(streams))));
    }
    clients.push(site.beside(talks(site.desk(place.grpc()))));
    let (runtime, address) = (site.here().clone(), place.address.clone());
    clients.push(site.beside(async move {
        let mut http1 = Wire::connect(&runtime, &address).await;
        let mut http2 = Http2::connect(&runtime, &address).await;
        let mut good = 0;
        for _ in 0..TURNS {
            good += usize::from(http1.get("/page").await.ends_with("|| \"/page\""));
            good += usize::from(http2.get("/page").await.ends_with("| \"/page\""));
        }
        good / 2
    }));
    for client in clients {
        site.note(format!("{} good turns", client.await.unwrap()));
    }
    idle(&place, &site).await;
}

async fn calls(client: kitewire::Client) -> usize {
    let (desk, parcels) = (DeskClient::new(client.clone()), ParcelsClient::new(client));
    let mut good = 0;
    for turn in 0..TURNS {
        let text = format!("{turn} {}", "x".repeat(turn * turn * 50));
        let said = desk.say(ask(&text)).await.is_ok_and(|reply| reply.text == text);
        let sent = parcels
            .send(parcel(&text))
            .await
            .is_ok_and(|parcel| parcel.label == text);
        good += usize::from(said && sent);
    }
    good
}

async fn talks(desk: DeskClient) -> usize {
    let mut good = 0;
    for turn in 0..TURNS {
        let text = format!("{turn} {}", "x".repeat(turn * turn * 50));
        let mut talk = desk.talk().await.unwrap();
        talk.send(ask(&text)).await.unwrap();
        let same = talk.recv().await.unwrap().is_some_and(|reply| reply.text == text);
        talk.close_send();
        let ended = talk.recv().await.unwrap().is_none();
        good += usize::from(same && ended);
    }
    good
}

async fn idle(place: &Place, site: &Site) {
    site.until("no call is open", || place.handle.stats().calls == 0).await;
}

const TURNS: usize = 10;
