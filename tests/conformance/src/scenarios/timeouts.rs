//! Calls that take too long, are given up, or find nobody.

use std::time::Duration;

use kitewire::{ClientBuilder, Limits, Server, Switch, Transport};

use super::{Scenario, row};
use crate::any::Any;
use crate::desk::{DeskClient, DeskServer};
use crate::place::{Place, ask, to};
use crate::shown::Shown;
use crate::site::Site;
use crate::wire::Wire;

pub(super) fn list() -> Vec<Scenario> {
    let mut list = Vec::new();
    for way in WAYS {
        list.push(row(format!("the timeout of a call: {}", way.0), move |site| {
            timeout(site, way)
        }));
        list.push(row(format!("a call that is dropped: {}", way.0), move |site| {
            dropped(site, way)
        }));
        list.push(row(format!("nobody to connect to: {}", way.0), move |site| {
            nobody(site, way)
        }));
        list.push(row(format!("a server that hangs up: {}", way.0), move |site| {
            hangs_up(site, way)
        }));
        list.push(row(format!("a server that comes back: {}", way.0), move |site| {
            comes_back(site, way)
        }));
    }
    list.extend([
        row("the timeout of a connect", connect),
        row("the timeout of a call covers its connect", covers_connect),
        row("the deadline from the header", deadline),
        row("bytes that are no protocol", garbage),
        row("a caller that closes its sending half", half_closed),
        row("a caller that goes away", goes_away),
        row("a connection that says nothing", silent),
        row("a connection that stops inside a frame", midway),
        row("Unix sockets", unix),
    ]);
    list
}

/// A way to make calls.
type Way = (&'static str, fn(&Place) -> ClientBuilder);

const WAYS: [Way; 4] = [
    ("framed, pooled", |place| place.over(Transport::Framed)),
    ("TTHeader, pooled", |place| place.over(Transport::TtHeader)),
    ("TTHeader, multiplexed", |place| {
        place.over(Transport::TtHeader).multiplexed(1)
    }),
    ("gRPC", Place::grpc),
];

async fn timeout(site: Site, way: Way) {
    let mut place = site.serve().await;
    let desk = site.desk(way.1(&place).destination("shop"));
    site.say(&desk, "connect").await;
    let error = desk.say(ask("wait x")).timeout(SHORT).await.unwrap_err();
    site.one_of("say", &TIMEOUTS, &error.shown());
    site.note(place.heard().await);
    for text in ["still", "there"] {
        site.say(&desk, text).await;
    }
    // The late answer must not be taken for another call's.
    place.gate.add_permits(1);
    for text in ["1", "2", "3"] {
        site.say(&desk, text).await;
    }
    let of_client = site.desk(way.1(&place).destination("shop").timeout(SHORT));
    let error = of_client.say(ask("sleep 2000")).await.unwrap_err();
    site.one_of("say", &TIMEOUTS, &error.shown());
    site.told(
        "for ever",
        of_client.say(ask("sleep 900")).timeout(Duration::ZERO).await,
    );
}

async fn dropped(site: Site, way: Way) {
    let mut place = site.serve().await;
    let desk = site.desk(way.1(&place));
    let calling = {
        let desk = desk.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let call = site.beside(async move {
            tokio::select! { biased; _ = stopped => "dropped", _ = desk.say(ask("wait x")) => "answered" }
        });
        (stop, call)
    };
    site.note(place.heard().await);
    let _ = calling.0.send(());
    site.note(calling.1.await.unwrap());
    site.say(&desk, "still there").await;
    if way.0 == "TTHeader, multiplexed" {
        // Nobody tells the server that a call was given up, until the connection goes with its client.
        drop(desk);
    }
    site.note(place.heard().await);
    place.quiet(&site).await;
}

async fn nobody(site: Site, way: Way) {
    let place = site.serve().await;
    place.handle.shutdown(Duration::ZERO);
    site.ended(&place).await;
    let desk = site.desk(way.1(&place));
    site.say(&desk, "x").await;
    site.told("push", desk.push(ask("x")).await);
    site.say(&site.desk(way.1(&place).short()), "x").await;
}

async fn hangs_up(site: Site, way: Way) {
    let place = site.serve().await;
    let address = site
        .peer(1, |mut wire| async move {
            // The whole request is read, so that nothing is left to be reset over.
            while !wire.read.windows(7).any(|bytes| bytes == b"hang up") && wire.read_more().await {}
        })
        .await;
    let desk = site.desk(way.1(&place));
    let error = desk.say(ask("hang up")).to(address).await.unwrap_err();
    site.one_of("say", &LOST, &error.shown());
}

/// Connections that died while nobody used them are replaced.
async fn comes_back(site: Site, way: Way) {
    let first = site.serve().await;
    let desk = site.desk(way.1(&first));
    site.say(&desk, "first").await;
    first.handle.shutdown(Duration::ZERO);
    site.ended(&first).await;
    let register = |clerk, server: Server<Any>| server.register(DeskServer::new(clerk));
    let second = site.serve_at(first.address.clone(), None, register).await;
    // Until the client has seen what became of its connection.
    site.here().sleep(SHORT).await;
    for text in ["second", "and again"] {
        site.say(&desk, text).await;
    }
    site.note(format!("{} accepted", second.accepted()));
}

async fn connect(site: Site) {
    let place = site.serve().await;
    let slow = site.here().dialling_slowly(Duration::from_secs(9));
    for builder in [
        to(&place.address, Transport::TtHeader),
        to(&place.address, Transport::TtHeader).multiplexed(1),
        to(&place.address, Transport::Grpc),
    ] {
        let client = builder.connect_timeout(SHORT).build(slow.clone()).unwrap();
        site.say(&DeskClient::new(client.clone()), "x").await;
        site.told("talk", DeskClient::new(client).talk().await.map(drop));
    }
    site.note(format!("{} dialled", slow.dialled()));
}

async fn covers_connect(site: Site) {
    let place = site.serve().await;
    let slow = site.here().dialling_slowly(Duration::from_secs(2));
    for builder in [
        to(&place.address, Transport::TtHeader),
        to(&place.address, Transport::TtHeader).multiplexed(1),
        to(&place.address, Transport::Grpc),
    ] {
        let desk = DeskClient::new(builder.destination("shop").build(slow.clone()).unwrap());
        // A caller in a hurry takes nobody's connection away.
        let patient = {
            let desk = desk.clone();
            site.beside(async move { desk.say(ask("patient")).await })
        };
        site.told("hurried", desk.say(ask("x")).timeout(SHORT).await);
        site.told("patient", patient.await.unwrap());
    }
}

async fn deadline(site: Site) {
    let mut place = site.serve_with(|server| server.deadline_from_header(Switch::On)).await;
    for builder in [
        place.over(Transport::TtHeader),
        place.over(Transport::TtHeader).multiplexed(1),
    ] {
        let desk = site.desk(builder);
        for timeout in [Duration::from_millis(900), Duration::from_secs(9), Duration::ZERO] {
            site.told("say", desk.say(ask("deadline")).timeout(timeout).await);
        }
        let error = desk.say(ask("wait x")).timeout(SHORT).await.unwrap_err();
        // Client and server wait equally long: the answer may come just in time.
        let late = error.shown().starts_with("Timeout") || error.to_string().ends_with("nobody waits");
        site.note(format!("in time: {}", !late));
        site.note(place.heard().await);
        site.one_of("heard", &["CallerGone x", "DeadlinePassed x"], &place.heard().await);
    }
}

async fn garbage(site: Site) {
    let (told, mut notices) = tokio::sync::mpsc::unbounded_channel();
    let place = site
        .serve_with(|server| {
            server.limits(hurried()).serve_http(Switch::Off).observe(move |notice| {
                if let kitewire::Notice::Closed { reason, .. } = notice {
                    let _ = told.send(format!("{reason}"));
                }
            })
        })
        .await;
    for bytes in [
        "GET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\x7c",
        "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}",
    ] {
        let mut wire = Wire::connect(site.here(), &place.address).await;
        wire.send(bytes).await;
        site.note(format!("{} bytes", wire.read_to_end().await.len()));
        site.note(notices.recv().await.unwrap());
    }
}

/// One framed call of `nothing`.
fn framed(id: u8) -> Vec<u8> {
    let message = [
        &b"\x80\x01\0\x01\0\0\0\x07nothing\0\0\0"[..],
        &[id],
        b"\x0c\0\x01\x0b\0\x01\0\0\0\x08sleep 30\x0b\0\x02\0\0\0\0\0\0",
    ]
    .concat();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&length[..], &message].concat()
}

async fn half_closed(site: Site) {
    let place = site.serve().await;
    let mut wire = Wire::connect(site.here(), &place.address).await;
    for id in 1..=3 {
        wire.send(framed(id)).await;
    }
    wire.close().await;
    let answers = wire.read_to_end().await;
    site.note(format!("in order: {}", answers.escape_ascii()));
}

async fn goes_away(site: Site) {
    let mut place = site.serve().await;
    for builder in [
        place.over(Transport::Framed),
        place.over(Transport::TtHeader).multiplexed(1),
    ] {
        let client = site.desk(builder);
        let calling = site.beside(async move {
            let _ = client.say(ask("wait x")).timeout(SHORT).await;
            drop(client);
        });
        site.note(place.heard().await);
        calling.await.unwrap();
        site.note(place.heard().await);
    }
    place.quiet(&site).await;
    site.until("all are closed", || place.handle.stats().connections == 0)
        .await;
}

/// Times of a connection, all short.
fn hurried() -> Limits {
    let mut limits = Limits::default();
    limits.detection_timeout = SHORT;
    limits.frame_timeout = SHORT;
    limits.idle_timeout = SHORT;
    limits
}

async fn silent(site: Site) {
    let place = site.serve_with(|server| server.limits(hurried())).await;
    for bytes in [&b""[..], b"\0", &framed(1)] {
        let mut wire = Wire::connect(site.here(), &place.address).await;
        wire.send(bytes).await;
        site.note(format!("closed behind {} bytes", wire.read_to_end().await.len()));
    }
}

async fn midway(site: Site) {
    let place = site.serve_with(|server| server.limits(hurried())).await;
    let whole = framed(1);
    for cut in [6, 20, whole.len() - 1] {
        let mut wire = Wire::connect(site.here(), &place.address).await;
        wire.send(&whole[..cut]).await;
        site.note(last_words(&mut wire).await);
        let mut wire = Wire::connect(site.here(), &place.address).await;
        wire.send(&whole[..cut]).await;
        wire.close().await;
        site.note(last_words(&mut wire).await);
    }
}

/// What a connection ended with; the address in it is the caller's own.
async fn last_words(wire: &mut Wire) -> String {
    let words = wire.read_to_end().await;
    let text = b"connection read timeout ";
    match words.windows(text.len()).any(|bytes| bytes == text) {
        true => "closed for taking too long".to_owned(),
        false => format!("closed behind {}", words.escape_ascii()),
    }
}

async fn unix(site: Site) {
    let place = site
        .serve_at(site.socket_file(), None, |clerk, server| {
            server.register(DeskServer::new(clerk))
        })
        .await;
    // The second one finds the first one's file.
    place.handle.shutdown(Duration::ZERO);
    site.ended(&place).await;
    let register = |clerk, server: Server<Any>| server.register(DeskServer::new(clerk));
    let place = site.serve_at(place.address.clone(), None, register).await;
    for way in WAYS
        .into_iter()
        .chain([("TTHeader streams", Place::tt_streams as fn(&Place) -> _)])
    {
        let desk = DeskClient::new(way.1(&place).build(site.neighbour().clone()).unwrap());
        site.say(&desk, "who").await;
        site.say(&desk, "big 200000").await;
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, "who").await;
        talk.close_send();
        site.rest("talk", &mut talk).await;
    }
    site.remove_file(&place.address);
}

const SHORT: Duration = Duration::from_millis(600);
/// Over gRPC the server knows the deadline, too, and may be first.
const TIMEOUTS: [&str; 3] = [
    "Timeout rpc timeout: timeout=600ms, to=shop, method=say, location=kitex.rpcTimeoutMW, remote=server-1",
    "Timeout remote or network error: rpc error: code = 4 desc = context deadline exceeded",
    "Timeout remote or network error: rpc error: code = 4 desc = context deadline exceeded [biz error]",
];
/// A socket that is closed over bytes which nobody has read may end with a reset.
const LOST: [&str; 4] = [
    "Transport remote or network error: default codec read failed: EOF peer close",
    "Transport remote or network error: socket failed",
    "Transport remote or network error: connection error: desc = \"error reading from server, error=EOF\"",
    "Transport remote or network error: connection error: desc = \"error reading from server, error=socket failed\"",
];
