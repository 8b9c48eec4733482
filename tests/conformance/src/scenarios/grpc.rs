//! What only gRPC has.

use std::time::Duration;

use kitewire::{GrpcConfig, GrpcOptions, StreamOptions, Switch, Transport};

use super::{Scenario, row};
use crate::desk::{Ask, DeskClient};
use crate::handlers::{parcel, pattern};
use crate::parcels::ParcelsClient;
use crate::place::ask;
use crate::shown::Shown;
use crate::site::Site;
use crate::wire::Http2;

pub(super) fn list() -> Vec<Scenario> {
    vec![
        row("gRPC: calls and their failures", calls),
        row("gRPC: Protobuf in the four modes", protobuf),
        row("gRPC: metadata of calls", metadata),
        row("gRPC: gzip on both sides", gzip),
        row("gRPC: messages that are too large", too_large),
        row("gRPC: the deadline travels", deadline),
        row("gRPC: the timeout of a call", timeout),
        row("gRPC: the timeout of calls has no effect on streams", no_effect),
        row("gRPC: few streams at once", few_streams),
        row("gRPC: bytes of an answer", bytes),
        row("gRPC: several connections", connections),
    ]
}

async fn calls(site: Site) {
    let place = site.serve().await;
    let desk = site.desk(place.grpc());
    for text in [
        "hello", "sleep 2", "boom", "typed", "panic", "nil", "overdue", "biz", "status", "details",
    ] {
        site.say(&desk, text).await;
        site.told("unary", desk.unary(ask(text)).await);
    }
    site.told("sum", desk.sum(1, 2).await);
}

async fn protobuf(site: Site) {
    let place = site.serve().await;
    let parcels = site.parcels(place.grpc());
    for label in ["hello", "boom", "biz", "status", "panic", "big 70000"] {
        site.told("send", parcels.send(parcel(label)).await);
    }
    for last in ["end", "boom", "biz", "details"] {
        let mut up = parcels.collect().await.unwrap();
        for label in ["a", "b", last] {
            let _ = up.send(parcel(label)).await;
        }
        site.told("collect", up.finish().await);
        let mut down = parcels.deliver(parcel(&format!("a b {last}"))).await.unwrap();
        site.rest("deliver", &mut down).await;
        let mut both = parcels.exchange().await.unwrap();
        for label in ["a", "b", last] {
            both.send(parcel(label)).await.unwrap();
            site.told("exchange", both.recv().await);
        }
        both.close_send();
        site.rest("exchange", &mut both).await;
    }
}

async fn metadata(site: Site) {
    let place = site.serve().await;
    let desk = site.desk(place.grpc());
    let call = desk.say(ask("metadata")).metadata("x-one", "1").metadata("x-one", "2");
    site.told("say", call.metadata("x-bytes-bin", [0, 255]).full().await);
    let call = desk.unary(ask("metadata")).metadata("X-Upper", "a");
    site.told("unary", call.full().await);
    let refused = desk.say(ask("x")).metadata("grpc-timeout", "1S").await;
    site.told("a key that is none", refused);
}

async fn gzip(site: Site) {
    let mut config = GrpcConfig::default();
    config.send_gzip = Switch::On;
    let compressing = site.serve_with(|server| server.grpc(config)).await;
    let mut config = GrpcConfig::default();
    config.accept_gzip = Switch::Off;
    let refusing = site.serve_with(|server| server.grpc(config)).await;
    for place in [compressing, refusing] {
        let options = StreamOptions::default().gzip(Switch::On);
        let desk = site.desk(place.grpc().streaming(options));
        let large = Ask {
            text: "large".into(),
            payload: pattern(50_000),
        };
        site.told("say", desk.say(large.clone()).gzip(Switch::On).await);
        let mut talk = desk.talk().await.unwrap();
        talk.send(&large).await.unwrap();
        site.told("talk", talk.recv().await);
        let mut plain = desk.talk().gzip(Switch::Off).await.unwrap();
        plain.send(&large).await.unwrap();
        site.told("talk without", plain.recv().await);
    }
}

async fn too_large(site: Site) {
    let mut config = GrpcConfig::default();
    config.max_received_message = 10_000;
    let place = site.serve_with(|server| server.grpc(config)).await;
    let desk = site.desk(place.grpc());
    let large = Ask {
        text: "large".into(),
        payload: pattern(20_000),
    };
    site.told("say", desk.say(large.clone()).await);
    let mut talk = desk.talk().await.unwrap();
    talk.send(&large).await.unwrap();
    site.told("talk", talk.recv().await);
    let options = GrpcOptions::default().connections(1).max_received_message(10_000);
    let desk = site.desk(place.grpc().grpc(options.clone()));
    site.say(&desk, "big 20000").await;
    let mut down = desk.watch(ask("a blocks=1 b")).await.unwrap();
    site.rest("watch", &mut down).await;
    let desk = site.desk(place.grpc().grpc(options.max_sent_message(5_000)));
    site.told("say", desk.say(large.clone()).await);
    let mut talk = desk.talk().await.unwrap();
    site.told("send", talk.send(&large).await);
    site.exchange(&mut talk, "it goes on").await;
}

async fn deadline(site: Site) {
    let mut place = site.serve().await;
    let desk = site.desk(place.grpc());
    for timeout in [Duration::from_millis(900), Duration::from_secs(9), Duration::ZERO] {
        site.told("say", desk.say(ask("deadline")).timeout(timeout).await);
        let mut talk = desk.talk().timeout(timeout).await.unwrap();
        site.exchange(&mut talk, "deadline").await;
    }
    // The handler's own clock may say so first, or the caller's.
    let mut talk = desk.talk().timeout(SHORT).await.unwrap();
    talk.send(ask("wait x")).await.unwrap();
    site.told("recv", talk.recv().await);
    site.note(place.heard().await);
    site.one_of("heard", &["CallerGone x", "DeadlinePassed x"], &place.heard().await);
}

async fn timeout(site: Site) {
    let mut place = site.serve().await;
    let desk = site.desk(place.grpc());
    let error = desk.say(ask("wait x")).timeout(SHORT).await.unwrap_err();
    site.one_of("say", &TIMEOUTS, &error.shown());
    site.note(place.heard().await);
    site.one_of("heard", &["CallerGone x", "DeadlinePassed x"], &place.heard().await);
    site.say(&desk, "still there").await;
    // One that is dropped is told to the server.
    let dropped = site.here().within(SHORT, desk.say(ask("wait y"))).await;
    site.note(format!("dropped: {}", dropped.is_none()));
    site.note(place.heard().await);
    site.note(place.heard().await);
    site.say(&desk, "still there").await;
}

async fn no_effect(site: Site) {
    let place = site.serve().await;
    for builder in [place.grpc(), place.tt_streams()] {
        let desk = site.desk(builder.timeout(SHORT));
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, "sleep 900").await;
    }
}

/// The server allows two streams; others wait for their turn.
async fn few_streams(site: Site) {
    let mut http2 = kitewire::proto::http2::Config::default();
    http2.max_concurrent_streams = 2;
    let mut place = site.serve_with(|server| server.http2_config(http2)).await;
    let desk = site.desk(place.grpc());
    site.say(&desk, "so that the limit is known").await;
    let callers: Vec<_> = (0..6)
        .map(|_| {
            let desk = desk.clone();
            site.beside(async move { desk.say(ask("wait x")).await })
        })
        .collect();
    for turn in 0..6 {
        site.note(place.heard().await);
        if turn >= 1 {
            site.note(format!("at most two at once: {}", place.handle.stats().calls <= 2));
            place.gate.add_permits(1);
        }
    }
    place.gate.add_permits(1);
    for caller in callers {
        site.told("waited", caller.await.unwrap());
    }
}

async fn bytes(site: Site) {
    let place = site.serve().await;
    let mut client = Http2::connect(site.here(), &place.address).await;
    let message = b"\0\0\0\0\x0c\x0b\0\x01\0\0\0\x01x\x0b\0\x02\0\0\0\0\0";
    let mut framed = message.to_vec();
    framed[4] = u8::try_from(message.len() - 5).unwrap();
    for (path, content_type) in [
        ("/desk.Desk/watch", "application/grpc+thrift"),
        ("/desk.Desk/none", "application/grpc+thrift"),
        ("/desk.None/watch", "application/grpc+thrift"),
        ("/conformance.Parcels/None", "application/grpc"),
        ("/desk.Desk/watch", "application/grpc-web"),
    ] {
        let fields = [("content-type", content_type), ("te", "trailers")];
        let id = client.open("POST", path, &fields, &framed).await;
        let page = client.page(id).await;
        site.note(format!("{path} {content_type}: {page}"));
    }
}

async fn connections(site: Site) {
    let place = site.serve().await;
    let options = GrpcOptions::default().connections(3);
    let client = site.built(place.over(Transport::Grpc).grpc(options));
    let (desk, parcels) = (DeskClient::new(client.clone()), ParcelsClient::new(client));
    for turn in 0..6 {
        site.say(&desk, &turn.to_string()).await;
        site.told("send", parcels.send(parcel("x")).await);
    }
}

const SHORT: Duration = Duration::from_millis(600);
/// Whose clock is first: this side's, or the server's.
const TIMEOUTS: [&str; 2] = [
    "Timeout remote or network error: rpc error: code = 4 desc = context deadline exceeded",
    "Timeout remote or network error: rpc error: code = 4 desc = context deadline exceeded [biz error]",
];
