//! Calls of every transport and kind of connection: values, failures, names.

use kitewire::service::RawBody;
use kitewire::{ClientBuilder, Limits, Multiplex, PoolOptions, Switch, Transport};

use super::{Scenario, row};
use crate::desk::{AnnexServer, Ask, DESK, DeskClient, SecondClient, SecondServer};
use crate::handlers::{parcel, pattern};
use crate::parcels::Parcel;
use crate::place::{Place, ask};
use crate::site::Site;
use crate::stranger;

pub(super) fn list() -> Vec<Scenario> {
    let mut list = Vec::new();
    for way in WAYS {
        list.push(row(format!("calls: {}", way.0), move |site| values(site, way)));
    }
    for way in [FRAMED, HEADER, SHARED] {
        list.push(row(format!("failures of handlers: {}", way.0), move |site| {
            failures(site, way)
        }));
        list.push(row(format!("unknown names: {}", way.0), move |site| unknown(site, way)));
    }
    list.extend([
        row("calls: Protobuf", protobuf),
        row("calls: many at once on one connection", at_once),
        row("calls: large messages", large),
        row("calls: with a checksum", checksum),
        row("calls: raw bytes", raw_bytes),
        row("calls: oneway", oneway),
        row("declared exceptions", declared),
        row("business statuses", business),
        row("metainfo there and back", metainfo),
        row("metainfo over two hops", hops),
        row("who calls what", who),
        row("services by name and fallback", by_name),
        row("services: traffic without a name refused", nameless),
        row("services: unknown handler", unknown_handler),
        row("services: inherited methods", inherited),
        row("connections: kept and used again", kept),
        row("connections: short", short),
        row("connections: bounded number of idle ones", bounded),
        row("calls: to another server", elsewhere),
        row("server that multiplexes only", multiplex_only),
        row("limits: a frame that is too large", too_large),
        row("limits: one call at a time per connection", one_at_a_time),
    ]);
    list
}

/// A way to make calls.
type Way = (&'static str, fn(&Place) -> ClientBuilder);

const FRAMED: Way = ("framed, pooled", |place| place.over(Transport::Framed));
const HEADER: Way = ("TTHeader, pooled", |place| place.over(Transport::TtHeader));
const SHARED: Way = ("TTHeader, multiplexed", |place| {
    place.over(Transport::TtHeader).multiplexed(1)
});
const WAYS: [Way; 9] = [
    ("bare, pooled", |place| place.over(Transport::Bare)),
    ("bare, short", |place| place.over(Transport::Bare).short()),
    FRAMED,
    ("framed, short", |place| place.over(Transport::Framed).short()),
    HEADER,
    ("TTHeader, short", |place| place.over(Transport::TtHeader).short()),
    SHARED,
    ("TTHeader framed, pooled", |place| place.over(Transport::TtHeaderFramed)),
    ("TTHeader framed, multiplexed over two", |place| {
        place.over(Transport::TtHeaderFramed).multiplexed(2)
    }),
];

async fn values(site: Site, way: Way) {
    let place = site.serve().await;
    let client = site.built(way.1(&place));
    let desk = DeskClient::new(client.clone());
    for text in ["hello", "", "grüße, 世界 🎏", "sleep 2", "big 70000", "transport"] {
        site.say(&desk, text).await;
    }
    site.told("sum", desk.sum(-40, 2_000_000_000_000).await);
    site.told("nothing", desk.nothing(ask("quiet")).await);
    site.note(format!("{} idle", client.idle_connections()));
}

async fn failures(site: Site, way: Way) {
    let place = site.serve().await;
    let desk = site.desk(way.1(&place));
    for text in ["boom", "typed", "panic", "nil", "overdue", "biz", "status", "hello"] {
        site.say(&desk, text).await;
    }
    site.told("nothing", desk.nothing(ask("boom")).await);
    site.told("nothing", desk.nothing(ask("panic")).await);
    site.say(&desk, "still there").await;
}

async fn unknown(site: Site, way: Way) {
    let place = site.serve().await;
    let client = site.built(way.1(&place));
    let desk = stranger::DeskClient::new(client.clone());
    site.told("method", desk.absent(stranger_ask()).await);
    let stranger = stranger::StrangerClient::new(client.clone());
    site.told("service", stranger.absent(stranger_ask()).await);
    site.say(&DeskClient::new(client), "still there").await;
}

async fn protobuf(site: Site) {
    let place = site.serve().await;
    for builder in [
        place.over(Transport::Framed),
        place.over(Transport::TtHeader),
        place.over(Transport::TtHeaderFramed).multiplexed(1),
    ] {
        let parcels = site.parcels(builder);
        for label in ["hello", "", "boom", "biz", "panic", "big 70000"] {
            site.told(label, parcels.send(parcel(label)).await);
        }
        let payload = pattern(100_000).to_vec();
        let label = String::new();
        site.told("large", parcels.send(Parcel { label, payload }).await);
    }
}

async fn at_once(site: Site) {
    let place = site.serve().await;
    let desk = site.desk(place.over(Transport::TtHeader).multiplexed(1));
    let callers: Vec<_> = (0..20)
        .map(|caller| {
            let desk = desk.clone();
            site.beside(async move {
                let mut answers = Vec::new();
                for turn in 0..20 {
                    // Those that come first wait longest.
                    let text = match turn % 5 {
                        0 => format!("sleep {}", 20 - caller),
                        _ => format!("{caller}.{turn}"),
                    };
                    answers.push(
                        desk.say(ask(&text))
                            .await
                            .map_or_else(|error| error.to_string(), |reply| reply.text),
                    );
                }
                answers.join(" ")
            })
        })
        .collect();
    for caller in callers {
        site.note(caller.await.unwrap());
    }
}

async fn large(site: Site) {
    let place = site.serve().await;
    for builder in [
        place.over(Transport::Framed),
        place.over(Transport::TtHeader).multiplexed(1),
        place.grpc(),
    ] {
        let desk = site.desk(builder);
        for length in [0, 1, 1000, 9000, 300_000] {
            let ask = Ask {
                text: "echo".into(),
                payload: pattern(length),
            };
            site.told("echo", desk.say(ask).await);
        }
        site.say(&desk, "big 700000").await;
    }
}

async fn checksum(site: Site) {
    let place = site.serve_with(|server| server.crc32c(Switch::On)).await;
    for switch in [Switch::On, Switch::Off] {
        let desk = site.desk(place.over(Transport::TtHeader).crc32c(switch));
        site.say(&desk, "checked").await;
        site.say(&desk, "big 70000").await;
    }
}

async fn raw_bytes(site: Site) {
    let place = site.serve().await;
    let client = site.built(place.over(Transport::TtHeader));
    let arguments = b"\x0c\0\x01\x0b\0\x01\0\0\0\x02hi\x0b\0\x02\0\0\0\0\0\0".as_slice();
    let answer = client.call::<_, RawBody>(&DESK, 0, RawBody(arguments.into())).await;
    site.note(format!("{:?}", answer.map(|answer| answer.escape_ascii().to_string())));
    let broken = RawBody(b"\x0b\0\x01".as_slice().into());
    let answer = client.call::<_, RawBody>(&DESK, 0, broken).await;
    site.told("broken", answer.map(drop));
}

async fn oneway(site: Site) {
    let mut place = site.serve().await;
    for way in [FRAMED, HEADER, SHARED, ("gRPC", Place::grpc)] {
        let desk = site.desk(way.1(&place));
        for text in ["token", "boom", "panic"] {
            site.told("push", desk.push(ask(text)).await);
            site.note(place.heard().await);
        }
        site.say(&desk, "next").await;
    }
}

async fn declared(site: Site) {
    let place = site.serve().await;
    for way in [FRAMED, HEADER, SHARED, ("gRPC", Place::grpc)] {
        let desk = site.desk(way.1(&place));
        site.say(&desk, "refused").await;
        site.told("where it is not declared", desk.nothing(ask("refused")).await);
        site.say(&desk, "fine").await;
    }
}

async fn business(site: Site) {
    let place = site.serve_with(|server| server.meta(Switch::On)).await;
    for way in [FRAMED, HEADER, SHARED, ("gRPC", Place::grpc)] {
        let desk = site.desk(way.1(&place));
        site.told(way.0, desk.say(ask("biz")).full().await);
        site.told(way.0, desk.nothing(ask("biz")).await);
    }
    let without = site.serve_with(|server| server.meta(Switch::Off)).await;
    site.say(&site.desk(without.over(Transport::TtHeader)), "biz").await;
}

async fn metainfo(site: Site) {
    let place = site.serve().await;
    for way in [FRAMED, HEADER, SHARED, ("gRPC", Place::grpc)] {
        let desk = site.desk(way.1(&place));
        for text in ["meta", "meta boom"] {
            let call = desk
                .say(ask(text))
                .persistent("Per_K", "p1")
                .persistent("lower-k", "p2");
            let call = call.meta("tra-K", "t1").meta("gdpr-token", "tok");
            site.told(way.0, call.full().await);
        }
    }
}

async fn hops(site: Site) {
    let last = site.serve().await;
    for transport in [Transport::TtHeader, Transport::Grpc] {
        let next = site.next(last.over(transport).caller("middle"));
        let middle = site.serve_next(next, |server| server).await;
        let desk = site.desk(middle.over(transport).caller("first"));
        for text in ["hop meta", "hop who"] {
            let call = desk.say(ask(text)).persistent("keep", "1").meta("drop", "2");
            site.told(text, call.full().await);
        }
        site.say(&desk, "hop boom").await;
        site.say(&desk, "hop biz").await;
    }
}

async fn who(site: Site) {
    let place = site.serve().await;
    for way in WAYS.into_iter().chain([("gRPC", Place::grpc as fn(&Place) -> _)]) {
        let desk = site.desk(way.1(&place).caller("conformance").destination("shop"));
        site.say(&desk, "who").await;
    }
}

async fn by_name(site: Site) {
    let place = site.serve().await;
    for way in [FRAMED, HEADER, SHARED, ("gRPC", Place::grpc)] {
        let client = site.built(way.1(&place));
        let second = SecondClient::new(client.clone());
        site.told(way.0, second.say(ask("x")).await);
        site.told(way.0, second.only_here(ask("x")).await);
        site.told(way.0, DeskClient::new(client).say(ask("x")).await);
    }
}

async fn nameless(site: Site) {
    let place = site.serve_with(kitewire::Server::refuse_without_service_name).await;
    for way in [FRAMED, HEADER, SHARED] {
        site.say(&site.desk(way.1(&place)), "x").await;
    }
}

async fn unknown_handler(site: Site) {
    let mut place = site
        .serve_only(None, |clerk, server| {
            server.register(SecondServer::new(clerk.clone())).unknown_handler(clerk)
        })
        .await;
    for way in [FRAMED, HEADER, SHARED, ("gRPC", Place::grpc)] {
        let client = site.built(way.1(&place));
        let stranger = stranger::StrangerClient::new(client.clone());
        site.told(way.0, stranger.absent(stranger_ask()).await);
        site.note(place.heard().await);
        site.told(way.0, SecondClient::new(client).only_here(ask("x")).await);
    }
}

async fn inherited(site: Site) {
    let place = site
        .serve_only(None, |clerk, server| server.register(AnnexServer::new(clerk)))
        .await;
    let annex = crate::desk::AnnexClient::new(site.built(place.grpc()));
    site.told("say", annex.say(ask("x")).await);
    site.told("sum", annex.sum(1, 2).await);
    let mut own = annex.own().await.unwrap();
    own.send(ask("x")).await.unwrap();
    site.told("own", own.recv().await);
    own.close_send();
    site.rest("own", &mut own).await;
}

async fn kept(site: Site) {
    let place = site.serve().await;
    for (way, accepted) in [(FRAMED, 1), (HEADER, 2), (SHARED, 3)] {
        let client = site.built(way.1(&place));
        let desk = DeskClient::new(client.clone());
        for turn in 0..100 {
            let text = turn.to_string();
            assert_eq!(desk.say(ask(&text)).await.unwrap().text, text);
        }
        site.note(format!("{} idle", client.idle_connections()));
        site.note(format!("accepted as it should be: {}", place.accepted() == accepted));
    }
}

async fn short(site: Site) {
    let place = site.serve().await;
    let client = site.built(place.over(Transport::TtHeader).short());
    let desk = DeskClient::new(client.clone());
    for _ in 0..5 {
        site.say(&desk, "x").await;
    }
    site.note(format!("{} idle", client.idle_connections()));
    site.until("all are closed", || place.handle.stats().connections == 0)
        .await;
}

async fn bounded(site: Site) {
    let mut place = site.serve().await;
    let options = PoolOptions::default().max_idle_per_address(2);
    let client = site.built(place.over(Transport::TtHeader).pooled(options));
    let desk = DeskClient::new(client.clone());
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let desk = desk.clone();
            site.beside(async move { desk.say(ask("wait x")).await })
        })
        .collect();
    for _ in 0..4 {
        site.note(place.heard().await);
    }
    place.gate.add_permits(4);
    for waiting in waiting {
        site.told("waited", waiting.await.unwrap());
    }
    site.until("two are left", || place.handle.stats().connections == 2)
        .await;
    site.note(format!("{} idle", client.idle_connections()));
}

async fn elsewhere(site: Site) {
    let one = site.serve().await;
    let two = site.serve().await;
    for builder in [
        one.over(Transport::TtHeader),
        one.over(Transport::TtHeader).multiplexed(1),
        one.grpc(),
    ] {
        let desk = site.desk(builder);
        site.say(&desk, "here").await;
        site.told("there", desk.say(ask("there")).to(two.address.clone()).await);
        site.say(&desk, "here").await;
    }
}

async fn multiplex_only(site: Site) {
    let place = site.serve_with(|server| server.multiplex(Multiplex::Only)).await;
    for way in [HEADER, SHARED, FRAMED] {
        site.say(&site.desk(way.1(&place)), "hello").await;
    }
}

async fn too_large(site: Site) {
    let mut limits = Limits::default();
    limits.max_frame = 10_000;
    let place = site.serve_with(|server| server.limits(limits)).await;
    for way in [FRAMED, HEADER, SHARED] {
        let desk = site.desk(way.1(&place));
        let ask = Ask {
            text: "large".into(),
            payload: pattern(20_000),
        };
        site.told(way.0, desk.say(ask).await);
        site.say(&desk, "still there").await;
    }
}

async fn one_at_a_time(site: Site) {
    let mut limits = Limits::default();
    limits.max_calls = 1;
    let mut place = site.serve_with(|server| server.limits(limits)).await;
    let desk = site.desk(place.over(Transport::TtHeader).multiplexed(1));
    let calls: Vec<_> = ["wait one", "wait two"]
        .map(|text| {
            let desk = desk.clone();
            site.beside(async move { desk.say(ask(text)).await })
        })
        .into();
    let first = place.heard().await;
    let second = site
        .here()
        .within(std::time::Duration::from_millis(30), place.heard())
        .await;
    site.note(format!("at the same time: {second:?}"));
    place.gate.add_permits(2);
    let mut order = [first, place.heard().await];
    order.sort();
    site.note(format!("{order:?}"));
    for call in calls {
        site.told("waited", call.await.unwrap());
    }
}

fn stranger_ask() -> stranger::Ask {
    stranger::Ask {
        text: "x".into(),
        payload: kitewire::bytes::Bytes::new(),
    }
}
