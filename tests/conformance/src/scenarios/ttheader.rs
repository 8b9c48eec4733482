//! What only streams over TTHeader have: pools of connections, flow control that can be left out.

use std::time::Duration;

use kitewire::proto::ttstream::Config;
use kitewire::{StreamPool, StreamTransport, Switch, Transport, TtStreamOptions};

use super::{Scenario, row};
use crate::desk::{Ask, DeskClient};
use crate::handlers::{BLOCK, pattern};
use crate::parcels::ParcelsClient;
use crate::place::{Place, ask};
use crate::site::Site;

pub(super) fn list() -> Vec<Scenario> {
    let mut list = vec![
        row("TTHeader streams: connections used in turn", in_turn),
        row("TTHeader streams: an exclusive connection is used again", exclusive),
        row("TTHeader streams: bounded number of idle connections", bounded),
        row("TTHeader streams: idle connections are closed", idle),
        row("TTHeader streams: connections lost while idle", lost),
        row("TTHeader streams: no Protobuf", no_protobuf),
        row("TTHeader streams: calls and streams of one client", calls_too),
        row("TTHeader streams: no deadline", no_deadline),
    ];
    for (name, client, server) in [
        ("at the client alone", Switch::On, Switch::Off),
        ("at the server alone", Switch::Off, Switch::On),
        ("nowhere", Switch::Off, Switch::Off),
    ] {
        list.push(row(format!("TTHeader streams: flow control {name}"), move |site| {
            flow_control(site, client, server)
        }));
    }
    list.push(row("TTHeader streams: small windows", small_windows));
    list
}

fn pooled(place: &Place, options: TtStreamOptions) -> kitewire::ClientBuilder {
    place
        .over(Transport::TtHeader)
        .stream_transport(StreamTransport::TtHeader)
        .tt_streams(options)
}

fn pool(pool: StreamPool) -> TtStreamOptions {
    TtStreamOptions::default().pool(pool)
}

async fn in_turn(site: Site) {
    let place = site.serve().await;
    let desk = site.desk(pooled(&place, pool(StreamPool::Multiplexed { connections: 3 })));
    let mut talks = Vec::new();
    for turn in 0..6 {
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, &turn.to_string()).await;
        site.note(format!("{} accepted", place.accepted()));
        talks.push(talk);
    }
}

async fn exclusive(site: Site) {
    let place = site.serve().await;
    let client = site.built(pooled(&place, pool(StreamPool::exclusive())));
    let desk = DeskClient::new(client.clone());
    let mut both = [desk.talk().await.unwrap(), desk.talk().await.unwrap()];
    for talk in &mut both {
        site.exchange(talk, "x").await;
        talk.close_send();
        site.rest("talk", talk).await;
    }
    site.note(format!(
        "{} accepted, {} idle",
        place.accepted(),
        client.idle_connections()
    ));
    for turn in 0..4 {
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, &turn.to_string()).await;
        // Given up, its connection comes back just as well.
        drop(talk);
        site.until("it is back", || client.idle_connections() == 2).await;
    }
}

async fn bounded(site: Site) {
    let place = site.serve().await;
    let client = site.built(pooled(&place, pool(StreamPool::Exclusive { max_idle: 1 })));
    let desk = DeskClient::new(client.clone());
    let mut talks = Vec::new();
    for _ in 0..3 {
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, "x").await;
        talks.push(talk);
    }
    for mut talk in talks {
        talk.close_send();
        site.rest("talk", &mut talk).await;
    }
    site.until("one is left", || place.handle.stats().connections == 1)
        .await;
    site.note(format!("{} idle", client.idle_connections()));
}

async fn idle(site: Site) {
    let place = site.serve().await;
    for shared in [StreamPool::Multiplexed { connections: 1 }, StreamPool::exclusive()] {
        let desk = site.desk(pooled(&place, pool(shared).idle_timeout(SHORT)));
        for _ in 0..2 {
            let mut talk = desk.talk().await.unwrap();
            site.exchange(&mut talk, "sleep 150").await;
            talk.close_send();
            site.rest("a live stream keeps it", &mut talk).await;
            site.until("it is closed", || place.handle.stats().connections == 0)
                .await;
        }
    }
}

async fn lost(site: Site) {
    let first = site.serve().await;
    for shared in [StreamPool::Multiplexed { connections: 1 }, StreamPool::exclusive()] {
        let desk = site.desk(pooled(&first, pool(shared)));
        let second = site.serve().await;
        let mut talk = desk.talk().to(second.address.clone()).await.unwrap();
        site.exchange(&mut talk, "x").await;
        talk.close_send();
        site.rest("talk", &mut talk).await;
        drop(talk);
        let address = second.address.clone();
        second.handle.shutdown(Duration::ZERO);
        site.ended(&second).await;
        let _third = site
            .serve_at(address.clone(), None, |clerk, server| {
                server.register(crate::desk::DeskServer::new(clerk))
            })
            .await;
        // Until the client has seen what became of its connection.
        site.here().sleep(SHORT).await;
        let mut talk = desk.talk().to(address).await.unwrap();
        site.exchange(&mut talk, "a new connection").await;
    }
}

async fn no_protobuf(site: Site) {
    let place = site.serve().await;
    let parcels = ParcelsClient::new(site.built(place.tt_streams()));
    site.told("exchange", parcels.exchange().await.map(drop));
    site.told(
        "calls go their own way",
        parcels.send(crate::handlers::parcel("x")).await,
    );
}

async fn calls_too(site: Site) {
    let place = site.serve().await;
    for calls in [Transport::Framed, Transport::TtHeader, Transport::Grpc] {
        let desk = site.desk(place.tt_streams().transport(calls));
        site.say(&desk, "who").await;
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, "who").await;
        talk.close_send();
        site.rest("talk", &mut talk).await;
    }
}

async fn no_deadline(site: Site) {
    let place = site.serve().await;
    let desk = site.desk(place.tt_streams());
    let mut talk = desk.talk().timeout(Duration::from_secs(9)).await.unwrap();
    site.exchange(&mut talk, "deadline").await;
}

async fn flow_control(site: Site, client: Switch, server: Switch) {
    let mut config = Config::default();
    config.flow_control = server;
    let place = site.serve_with(|made| made.tt_streams(config)).await;
    let options = pool(StreamPool::Multiplexed { connections: 1 }).flow_control(client);
    carry(&site, &place, options).await;
}

async fn small_windows(site: Site) {
    let mut config = Config::default();
    config.stream_window = 1000;
    config.connection_window = 3000;
    let place = site.serve_with(|made| made.tt_streams(config)).await;
    let options = pool(StreamPool::Multiplexed { connections: 1 });
    carry(&site, &place, options.stream_window(500).connection_window(700)).await;
}

/// Both ways, more than any window holds.
async fn carry(site: &Site, place: &Place, options: TtStreamOptions) {
    let desk = site.desk(pooled(place, options));
    let block = Ask {
        text: "block".into(),
        payload: pattern(BLOCK),
    };
    let mut up = desk.collect().await.unwrap();
    for _ in 0..40 {
        up.send(&block).await.unwrap();
    }
    site.told("collect", up.finish().await);
    let mut down = desk.watch(ask("blocks=40")).await.unwrap();
    let mut next = 0;
    while let Some(block) = down.recv().await.unwrap() {
        assert_eq!((block.text, block.payload.len()), (next.to_string(), BLOCK));
        next += 1;
    }
    site.note(format!("{next} blocks, in order"));
    let mut talk = desk.talk().await.unwrap();
    for _ in 0..10 {
        talk.send(&block).await.unwrap();
        assert_eq!(talk.recv().await.unwrap().unwrap().payload.len(), BLOCK);
    }
    talk.close_send();
    site.rest("talk", &mut talk).await;
}

const SHORT: Duration = Duration::from_millis(60);
