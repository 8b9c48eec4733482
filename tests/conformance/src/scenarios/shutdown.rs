//! Servers that stop: in peace, out of patience, at once.

use std::time::Duration;

use kitewire::{ClientBuilder, Transport};

use super::streams::{LANES, Lane};
use super::{Scenario, row};
use crate::place::{PATIENCE, Place, ask};
use crate::shown::Shown;
use crate::site::Site;
use crate::wire::{Http2, Wire};

pub(super) fn list() -> Vec<Scenario> {
    let mut list = Vec::new();
    for way in WAYS {
        list.push(row(
            format!("stop: running calls are answered: {}", way.0),
            move |site| answered(site, way),
        ));
        list.push(row(format!("stop: out of patience: {}", way.0), move |site| {
            expired(site, way)
        }));
        list.push(row(format!("stop: at once: {}", way.0), move |site| at_once(site, way)));
    }
    for lane in LANES {
        list.push(row(
            format!("stop: running streams are finished: {}", lane.0),
            move |site| finished(site, lane),
        ));
        list.push(row(format!("stop: streams cut off: {}", lane.0), move |site| {
            cut_off(site, lane)
        }));
        list.push(row(
            format!("stop: clients go to another server: {}", lane.0),
            move |site| moved(site, lane),
        ));
    }
    list.extend([
        row("stop: idle connections end at once", idle),
        row("stop: a second wish shortens the first", shortened),
        row("stop: plain requests are answered", pages),
        row("stop: nobody is accepted any more", refused),
    ]);
    list
}

/// A way to make calls.
type Way = (&'static str, fn(&Place) -> ClientBuilder);

const WAYS: [Way; 4] = [
    ("framed", |place| place.over(Transport::Framed)),
    ("TTHeader", |place| place.over(Transport::TtHeader)),
    ("TTHeader, multiplexed", |place| {
        place.over(Transport::TtHeader).multiplexed(1)
    }),
    ("gRPC", Place::grpc),
];

/// A call that waits at the server.
async fn waiting(site: &Site, place: &mut Place, way: Way) -> Waiting {
    let desk = site.desk(way.1(place));
    let call = site.beside(async move { desk.say(ask("wait x")).await.shown() });
    site.note(place.heard().await);
    call
}

type Waiting = tokio::sync::oneshot::Receiver<String>;

async fn answered(site: Site, way: Way) {
    let mut place = site.serve().await;
    let call = waiting(&site, &mut place, way).await;
    place.handle.shutdown(PATIENCE);
    site.here().sleep(Duration::from_millis(20)).await;
    site.note(format!("{} calls", place.handle.stats().calls));
    place.gate.add_permits(1);
    site.note(call.await.unwrap());
    site.ended(&place).await;
}

async fn expired(site: Site, way: Way) {
    let mut place = site.serve().await;
    let call = waiting(&site, &mut place, way).await;
    place.handle.shutdown(SHORT);
    site.one_of("say", &GONE, &call.await.unwrap());
    site.note(place.heard().await);
    site.ended(&place).await;
}

async fn at_once(site: Site, way: Way) {
    let mut place = site.serve().await;
    let call = waiting(&site, &mut place, way).await;
    place.handle.shutdown(Duration::ZERO);
    site.one_of("say", &GONE, &call.await.unwrap());
    site.note(place.heard().await);
    site.ended(&place).await;
}

async fn finished(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let mut talk = desk.talk().await.unwrap();
    site.exchange(&mut talk, "before").await;
    place.handle.shutdown(PATIENCE);
    for _ in 0..5 {
        site.exchange(&mut talk, "sleep 5").await;
    }
    // Refused, or not even connected: never silence.
    let late = match desk.talk().await {
        Ok(mut late) => late.recv().await.map(drop).shown(),
        Err(error) => error.shown(),
    };
    site.note(format!("a new stream fails: {}", !late.starts_with("ok")));
    talk.close_send();
    site.rest("talk", &mut talk).await;
    site.ended(&place).await;
}

async fn cut_off(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let mut talk = site.desk(lane.1(&place)).talk().await.unwrap();
    talk.send(ask("wait x")).await.unwrap();
    site.note(place.heard().await);
    place.handle.shutdown(SHORT);
    let error = talk.recv().await.unwrap_err();
    site.one_of("recv", &CUT, &error.shown());
    site.note(place.heard().await);
    site.ended(&place).await;
}

async fn moved(site: Site, lane: Lane) {
    let place = site.serve().await;
    let other = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let mut talk = desk.talk().await.unwrap();
    site.exchange(&mut talk, "before").await;
    place.handle.shutdown(PATIENCE);
    site.exchange(&mut talk, "sleep 20").await;
    let mut there = desk.talk().to(other.address.clone()).await.unwrap();
    site.exchange(&mut there, "there").await;
    talk.close_send();
    site.rest("talk", &mut talk).await;
    site.ended(&place).await;
    site.exchange(&mut there, "still there").await;
}

async fn idle(site: Site) {
    let place = site.serve().await;
    let mut desks = Vec::new();
    for way in WAYS {
        let desk = site.desk(way.1(&place));
        site.say(&desk, "x").await;
        desks.push(desk);
    }
    let desk = site.desk(place.tt_streams());
    let mut talk = desk.talk().await.unwrap();
    talk.close_send();
    site.rest("talk", &mut talk).await;
    let mut wire = Wire::connect(site.here(), &place.address).await;
    site.until("all are accepted", || place.handle.stats().connections == 6)
        .await;
    let begun = kitewire::Runtime::now(site.here());
    place.handle.shutdown(PATIENCE);
    site.note(format!("{} bytes", wire.read_to_end().await.len()));
    drop(wire);
    site.ended(&place).await;
    let took = kitewire::Runtime::now(site.here()).saturating_since(begun);
    site.note(format!("soon: {}", took < PATIENCE / 2));
}

async fn shortened(site: Site) {
    let mut place = site.serve().await;
    let call = waiting(&site, &mut place, WAYS[1]).await;
    place.handle.shutdown(PATIENCE);
    site.here().sleep(Duration::from_millis(20)).await;
    site.note(format!("{} calls", place.handle.stats().calls));
    place.handle.shutdown(Duration::ZERO);
    site.one_of("say", &GONE, &call.await.unwrap());
    site.ended(&place).await;
}

async fn pages(site: Site) {
    let mut place = site.serve_pages().await;
    let mut http1 = Wire::connect(site.here(), &place.address).await;
    http1.send("GET /wait HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    site.note(place.heard().await);
    let mut http2 = Http2::connect(site.here(), &place.address).await;
    let id = http2.open("GET", "/wait", &[], b"").await;
    site.note(place.heard().await);
    place.handle.shutdown(PATIENCE);
    // Both connections have heard of it when the handlers answer.
    site.here().sleep(Duration::from_millis(500)).await;
    place.gate.add_permits(2);
    site.note(http1.page().await);
    site.note(format!("{} bytes more", http1.read_to_end().await.len()));
    site.note(http2.page(id).await);
    drop((http1, http2));
    site.ended(&place).await;
}

async fn refused(site: Site) {
    let mut place = site.serve().await;
    let call = waiting(&site, &mut place, WAYS[0]).await;
    place.handle.shutdown(PATIENCE);
    // How many find their way in before the listener goes is a matter of time.
    site.vary_accepted(&place);
    let desk = site.desk(place.over(Transport::TtHeader));
    let mut last = String::new();
    for _ in 0..500 {
        last = desk.say(ask("x")).await.shown();
        if last.starts_with("Connect") {
            break;
        }
        site.here().sleep(Duration::from_millis(2)).await;
    }
    site.one_of(
        "say",
        &["Connect Some(ConnectionRefused)", "Connect Some(ConnectionReset)"],
        &last,
    );
    place.gate.add_permits(1);
    site.note(call.await.unwrap());
    site.ended(&place).await;
}

const SHORT: Duration = Duration::from_millis(60);
/// A connection that is closed over a call. Over bytes which nobody has read, it may end with a reset.
const GONE: [&str; 4] = [
    "Transport remote or network error: default codec read failed: EOF peer close",
    "Transport remote or network error: socket failed",
    "Transport remote or network error: connection error: desc = \"error reading from server, error=EOF\"",
    "Transport remote or network error: connection error: desc = \"error reading from server, error=socket failed\"",
];
/// The same of streams.
const CUT: [&str; 3] = [
    "Transport connection error: desc = \"error reading from server, error=EOF\"",
    "Transport connection error: desc = \"error reading from server, error=socket failed\"",
    "Cancelled [ttstream error, code=12013] [client-side stream] canceled by connection closed",
];
