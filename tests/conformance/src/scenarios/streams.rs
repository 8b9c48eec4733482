//! Streams over gRPC and over TTHeader: the same lines for both.

use kitewire::{ClientBuilder, StreamTransport};

use super::{Scenario, row};
use crate::desk::{Ask, DeskClient};
use crate::handlers::{BLOCK, pattern};
use crate::place::{Place, ask};
use crate::shown::Shown;
use crate::site::Site;
use crate::stranger;

pub(super) fn list() -> Vec<Scenario> {
    let mut list = Vec::new();
    for lane in LANES {
        let mut add = |name: &str, run: Run| {
            list.push(row(format!("{}: {name}", lane.0), move |site| run(site, lane)));
        };
        add("the four modes", |site, lane| Box::pin(modes(site, lane)));
        add("both halves at once, in order", |site, lane| {
            Box::pin(halves(site, lane))
        });
        add("large messages", |site, lane| Box::pin(large(site, lane)));
        add("metadata there and back", |site, lane| Box::pin(metadata(site, lane)));
        add("metainfo", |site, lane| Box::pin(metainfo(site, lane)));
        add("failures of handlers", |site, lane| Box::pin(failures(site, lane)));
        add("unknown names", |site, lane| Box::pin(unknown(site, lane)));
        add("sending after the end", |site, lane| {
            Box::pin(after_the_end(site, lane))
        });
        add("halves that outlive their handler", |site, lane| {
            Box::pin(outlived(site, lane))
        });
        add("a slow reader holds up nobody else", |site, lane| {
            Box::pin(slow_reader(site, lane))
        });
        add("a client that reads slowly", |site, lane| {
            Box::pin(slow_client(site, lane))
        });
        add("many streams on one connection", |site, lane| {
            Box::pin(many(site, lane))
        });
        add("short connections", |site, lane| Box::pin(short(site, lane)));
        add("to another server", |site, lane| Box::pin(elsewhere(site, lane)));
        add("an error that is handed on", |site, lane| {
            Box::pin(handed_on(site, lane))
        });
        add("two hops with metainfo", |site, lane| Box::pin(two_hops(site, lane)));
    }
    list
}

type Run = fn(Site, Lane) -> crate::any::Work<'static, ()>;

/// A transport of streams.
pub(super) type Lane = (&'static str, fn(&Place) -> ClientBuilder);

pub(super) const GRPC: Lane = ("gRPC", Place::grpc);
pub(super) const TT: Lane = ("TTHeader streams", Place::tt_streams);
pub(super) const LANES: [Lane; 2] = [GRPC, TT];

async fn modes(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    site.told("unary", desk.unary(ask("one")).await);
    let mut up = desk.collect().await.unwrap();
    for text in ["a", "b", "c"] {
        up.send(ask(text)).await.unwrap();
    }
    site.told("collect", up.finish().await);
    let mut none = desk.collect().await.unwrap();
    site.told("collect nothing", none.finish().await);
    let mut down = desk.watch(ask("a b c")).await.unwrap();
    site.rest("watch", &mut down).await;
    site.told("the same again", down.recv().await);
    let mut talk = desk.talk().await.unwrap();
    for text in ["a", "grüße, 世界 🎏", "", "sleep 2"] {
        site.exchange(&mut talk, text).await;
    }
    talk.close_send();
    site.rest("talk", &mut talk).await;
    let mut returned = desk.talk().await.unwrap();
    returned.send(ask("return")).await.unwrap();
    site.rest("the return of the handler ends the stream", &mut returned)
        .await;
    place.quiet(&site).await;
}

async fn halves(site: Site, lane: Lane) {
    const MESSAGES: usize = 500;
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let (mut out, mut input) = desk.talk().await.unwrap().split();
    let sending = site.beside(async move {
        for number in 0..MESSAGES {
            out.send(ask(&number.to_string())).await?;
        }
        out.close();
        Ok::<_, kitewire::Error>(())
    });
    let mut next = 0;
    while let Some(answer) = input.recv().await.unwrap() {
        assert_eq!(answer.text, next.to_string());
        next += 1;
    }
    site.told("sent", sending.await.unwrap());
    site.note(format!("{next} answers, in order"));
}

async fn large(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let mut talk = desk.talk().await.unwrap();
    for length in [0, 1, 9_000, 70_000, 400_000] {
        talk.send(block(length)).await.unwrap();
        site.told("talk", talk.recv().await);
    }
    let mut up = desk.collect().await.unwrap();
    for _ in 0..10 {
        up.send(block(100_000)).await.unwrap();
    }
    site.told("collect", up.finish().await);
    let mut down = desk.watch(ask("blocks=10")).await.unwrap();
    site.rest("watch", &mut down).await;
}

async fn metadata(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let call = desk.talk().metadata("x-one", "1").metadata("X-Two", "2");
    let mut talk = call.metadata("x-bytes-bin", [0, 1, 255]).await.unwrap();
    site.exchange(&mut talk, "metadata").await;
    site.note(format!("header {}", talk.header().await.shown()));
    talk.close_send();
    site.rest("talk", &mut talk).await;
    site.note(format!("trailer {}", talk.trailer().shown()));
    let mut down = desk.watch(ask("metadata boom")).metadata("x-one", "1").await.unwrap();
    site.rest("watch", &mut down).await;
    site.note(format!("trailer {}", down.trailer().shown()));
    let refused = desk.talk().metadata("grpc-status", "1").await;
    site.told("a key that is none", refused.map(drop));
    let mut place = site.serve().await;
    let mut talk = site.desk(lane.1(&place)).talk().await.unwrap();
    talk.send(ask("header")).await.unwrap();
    site.note(format!("header alone {}", talk.header().await.shown()));
    site.note(place.heard().await);
}

async fn metainfo(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place).caller("conformance"));
    let call = desk.talk().persistent("Per_K", "p1").persistent("lower-k", "p2");
    let mut talk = call.meta("tra-K", "t1").await.unwrap();
    site.exchange(&mut talk, "meta").await;
    site.exchange(&mut talk, "who").await;
}

async fn failures(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    for word in ["boom", "typed", "biz", "panic", "status", "details", "overdue"] {
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, "first").await;
        site.exchange(&mut talk, word).await;
        site.told("the same again", talk.recv().await);
        let mut up = desk.collect().await.unwrap();
        up.send(ask(word)).await.unwrap();
        site.told("collect", up.finish().await);
        let mut down = desk.watch(ask(&format!("a b {word}"))).await.unwrap();
        site.rest("watch", &mut down).await;
        site.told("unary", desk.unary(ask(word)).await);
    }
    let mut talk = desk.talk().await.unwrap();
    site.exchange(&mut talk, "still there").await;
}

async fn unknown(site: Site, lane: Lane) {
    let place = site.serve().await;
    let client = site.built(lane.1(&place));
    let mut method = stranger::DeskClient::new(client.clone()).missing().await.unwrap();
    site.told("method", method.recv().await);
    let mut service = stranger::StrangerClient::new(client.clone()).missing().await.unwrap();
    site.told("service", service.recv().await);
    let mut talk = DeskClient::new(client).talk().await.unwrap();
    site.exchange(&mut talk, "still there").await;
}

async fn after_the_end(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let mut talk = desk.talk().await.unwrap();
    talk.close_send();
    site.told("send", talk.send(ask("too late")).await);
    site.rest("the stream itself ends well", &mut talk).await;
    site.told("send", talk.send(ask("much too late")).await);
    let mut failed = desk.talk().await.unwrap();
    site.exchange(&mut failed, "biz").await;
    site.told("send behind a failure", failed.send(ask("too late")).await);
}

async fn outlived(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let mut talk = site.desk(lane.1(&place)).talk().await.unwrap();
    talk.send(ask("outlive")).await.unwrap();
    site.rest("talk", &mut talk).await;
    place.quiet(&site).await;
    place.gate.add_permits(1);
    site.note(place.heard().await);
}

/// The handler stops reading until it is let on; its sender has to wait, and others on the same connection do not.
async fn slow_reader(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let mut stuck = desk.collect().await.unwrap();
    stuck.send(ask("slow")).await.unwrap();
    let mut sent = 0;
    while site.here().within(WAIT, stuck.send(block(BLOCK))).await.is_some() {
        sent += 1;
        assert!(sent < 400, "nobody reads, and all of it was taken");
    }
    site.note(format!("some was taken: {}", sent > 0));
    let mut other = desk.talk().await.unwrap();
    for _ in 0..25 {
        other.send(block(BLOCK)).await.unwrap();
        assert_eq!(other.recv().await.unwrap().unwrap().payload.len(), BLOCK);
    }
    place.gate.add_permits(1);
    let answer = stuck.finish().await.unwrap().text;
    let expected = format!("({} bytes)", sent * BLOCK);
    site.note(format!(
        "what was sent has come, and no more: {}",
        answer.ends_with(&expected)
    ));
}

async fn slow_client(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let mut down = desk.watch(ask("blocks=60")).await.unwrap();
    site.told("first", down.recv().await);
    // Until its server can send no more.
    site.here().sleep(WAIT).await;
    site.note(format!("the handler waits: {}", place.handle.stats().calls == 1));
    let mut other = desk.talk().await.unwrap();
    site.exchange(&mut other, "goes on").await;
    let mut next = 1;
    while let Some(block) = down.recv().await.unwrap() {
        assert_eq!((block.text, block.payload.len()), (next.to_string(), BLOCK));
        next += 1;
    }
    site.note(format!("{next} blocks, in order"));
}

async fn many(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let streams: Vec<_> = (0..50)
        .map(|stream| {
            let desk = desk.clone();
            site.beside(async move {
                let mut talk = desk.talk().await?;
                for turn in 0..10 {
                    let text = format!("{stream}.{turn}");
                    talk.send(ask(&text)).await?;
                    assert_eq!(talk.recv().await?.unwrap().text, text);
                }
                talk.close_send();
                talk.recv().await
            })
        })
        .collect();
    for stream in streams {
        let ended = stream.await.unwrap();
        assert!(matches!(ended, Ok(None)), "{}", ended.shown());
    }
    site.note("all ended well");
}

async fn short(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place).short());
    for turn in 0..3 {
        let mut talk = desk.talk().await.unwrap();
        site.exchange(&mut talk, &turn.to_string()).await;
        talk.close_send();
        site.rest("talk", &mut talk).await;
    }
    site.until("all are closed", || place.handle.stats().connections == 0)
        .await;
}

async fn elsewhere(site: Site, lane: Lane) {
    let (one, two) = (site.serve().await, site.serve().await);
    let desk = site.desk(lane.1(&one));
    let mut there = desk.talk().to(two.address.clone()).await.unwrap();
    let mut here = desk.talk().await.unwrap();
    for _ in 0..3 {
        site.exchange(&mut there, "there").await;
        site.exchange(&mut here, "here").await;
    }
    site.note(format!("{} and {}", one.handle.stats().calls, two.handle.stats().calls));
}

async fn handed_on(site: Site, lane: Lane) {
    let last = site.serve().await;
    for word in ["boom", "biz", "status"] {
        let next = site.next(lane.1(&last).caller("middle"));
        let middle = site.serve_next(next, |server| server).await;
        let mut talk = site.desk(lane.1(&middle).caller("first")).talk().await.unwrap();
        talk.send(ask(&format!("hop {word}"))).await.unwrap();
        site.rest(word, &mut talk).await;
    }
}

async fn two_hops(site: Site, lane: Lane) {
    let last = site.serve().await;
    let next = site.next(lane.1(&last).stream_transport(StreamTransport::Grpc).caller("middle"));
    let over_grpc = site.serve_next(next, |server| server).await;
    let next = site.next(lane.1(&last).caller("middle"));
    let same = site.serve_next(next, |server| server).await;
    for mut middle in [same, over_grpc] {
        let desk = site.desk(lane.1(&middle).caller("first"));
        let mut talk = desk.talk().persistent("keep", "1").meta("drop", "2").await.unwrap();
        talk.send(ask("hop meta")).await.unwrap();
        talk.close_send();
        site.rest("talk", &mut talk).await;
        site.note(middle.heard().await);
    }
}

fn block(length: usize) -> Ask {
    Ask {
        text: "block".into(),
        payload: pattern(length),
    }
}

/// Longer than sending takes where nothing holds it up.
const WAIT: std::time::Duration = std::time::Duration::from_millis(150);
