//! Cancels and timeouts of streams over gRPC and TTHeader, seen from both ends and further on.

use std::sync::Arc;
use std::time::Duration;

use kitewire::{RecvTimeout, StreamOptions};

use super::streams::{GRPC, LANES, Lane, TT};
use super::{Scenario, row};
use crate::place::{Place, ask};
use crate::shown::Shown;
use crate::site::Site;

pub(super) fn list() -> Vec<Scenario> {
    let mut list = Vec::new();
    for lane in LANES {
        let mut add = |name: &str, run: Run| {
            list.push(row(format!("{}: {name}", lane.0), move |site| run(site, lane)));
        };
        add("cancelled by its client", |site, lane| Box::pin(cancelled(site, lane)));
        add("dropped by its client", |site, lane| Box::pin(dropped(site, lane)));
        add("half-closed, then dropped", |site, lane| {
            Box::pin(half_closed(site, lane))
        });
        add("a receiver that is dropped", |site, lane| {
            Box::pin(receiver_dropped(site, lane))
        });
        add("the timeout of a stream", |site, lane| Box::pin(timed_out(site, lane)));
        add("a recv timeout", |site, lane| Box::pin(recv_timeout(site, lane)));
        add("a recv timeout that keeps the stream", |site, lane| {
            Box::pin(kept(site, lane))
        });
        add("the shorter of two timeouts", |site, lane| {
            Box::pin(shorter(site, lane))
        });
        add("a stream without time", |site, lane| Box::pin(no_time(site, lane)));
        add("a send that waits ends with its stream", |site, lane| {
            Box::pin(waiting_send(site, lane))
        });
        add("a server that dies", |site, lane| Box::pin(server_dies(site, lane)));
        add("a server that hangs up", |site, lane| Box::pin(hangs_up(site, lane)));
        add("nobody to connect to", |site, lane| Box::pin(nobody(site, lane)));
    }
    for (first, second) in [(GRPC, GRPC), (TT, TT), (GRPC, TT), (TT, GRPC)] {
        let name = format!("a cancel goes on: {} to {}", first.0, second.0);
        list.push(row(name, move |site| cascade(site, first, second)));
    }
    list
}

type Run = fn(Site, Lane) -> crate::any::Work<'static, ()>;

/// A stream whose handler listens until nobody sends to it any more.
async fn listening(site: &Site, lane: Lane) -> (Place, kitewire::BidiStream<crate::desk::Ask, crate::desk::Reply>) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place).caller("A"));
    let mut talk = desk.talk().await.unwrap();
    site.exchange(&mut talk, "listen").await;
    (place, talk)
}

async fn cancelled(site: Site, lane: Lane) {
    let (mut place, mut talk) = listening(&site, lane).await;
    talk.cancel();
    site.note(place.heard().await);
    site.told("recv", talk.recv().await);
    site.told("send", talk.send(ask("late")).await);
    place.quiet(&site).await;
}

async fn dropped(site: Site, lane: Lane) {
    let (mut place, talk) = listening(&site, lane).await;
    drop(talk);
    site.note(place.heard().await);
    place.quiet(&site).await;
}

async fn half_closed(site: Site, lane: Lane) {
    let (mut place, mut talk) = listening(&site, lane).await;
    talk.close_send();
    drop(talk);
    // What its requests end with depends on whether the end has come before the cancel.
    let heard = place.heard().await;
    let (reason, sent) = (heard.split(", received ").next(), heard.split(", sent ").nth(1));
    site.note(format!("{} then {}", reason.unwrap(), sent.unwrap()));
    place.quiet(&site).await;
}

async fn receiver_dropped(site: Site, lane: Lane) {
    let (mut place, talk) = listening(&site, lane).await;
    let (mut out, input) = talk.split();
    drop(input);
    site.note(place.heard().await);
    site.told("send", out.send(ask("late")).await);
}

async fn timed_out(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let of_client = StreamOptions::default().timeout(SHORT);
    for (options, own) in [(StreamOptions::default(), Some(SHORT)), (of_client, None)] {
        let desk = site.desk(lane.1(&place).caller("A").streaming(options));
        let call = desk.talk();
        let mut talk = match own {
            Some(timeout) => call.timeout(timeout).await.unwrap(),
            None => call.await.unwrap(),
        };
        site.exchange(&mut talk, "listen").await;
        let error = talk.recv().await.unwrap_err();
        site.note(format!("recv {:?} {}", error.kind(), without_rest(&error.to_string())));
        let error = talk.send(ask("late")).await.unwrap_err();
        site.note(format!("send {:?} {}", error.kind(), without_rest(&error.to_string())));
        let heard = place.heard().await;
        // Over gRPC both sides have a clock of their own.
        let allowed = ["CallerGone", "DeadlinePassed"];
        site.one_of("the handler", &allowed, heard.split(',').next().unwrap());
    }
    place.quiet(&site).await;
}

async fn recv_timeout(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let desk = site.desk(lane.1(&place).caller("A"));
    let mut talk = desk.talk().recv_timeout(RecvTimeout::new(SHORT)).await.unwrap();
    talk.send(ask("wait x")).await.unwrap();
    site.told("recv", talk.recv().await);
    site.told("again", talk.recv().await);
    site.told("send", talk.send(ask("late")).await);
    for _ in 0..2 {
        site.note(place.heard().await);
    }
    place.quiet(&site).await;
}

async fn kept(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let patient = RecvTimeout::new(SHORT).keep_remote();
    let mut talk = desk.talk().recv_timeout(patient).await.unwrap();
    talk.send(ask("wait x")).await.unwrap();
    for _ in 0..2 {
        site.told("recv", talk.recv().await);
    }
    site.note(place.heard().await);
    place.gate.add_permits(1);
    site.told("recv", talk.recv().await);
    site.exchange(&mut talk, "it goes on").await;
}

async fn shorter(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    for (recv, stream) in [(SHORT, LONG), (LONG, SHORT)] {
        let call = desk.talk().recv_timeout(RecvTimeout::new(recv)).timeout(stream);
        let mut talk = call.await.unwrap();
        talk.send(ask("wait x")).await.unwrap();
        let error = talk.recv().await.unwrap_err();
        site.note(format!("{:?} {}", error.kind(), without_rest(&error.to_string())));
        for _ in 0..2 {
            let heard = place.heard().await;
            site.one_of("heard", &["waiting x", "CallerGone x", "DeadlinePassed x"], &heard);
        }
    }
}

async fn no_time(site: Site, lane: Lane) {
    let place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let opened = desk.talk().timeout(Duration::from_nanos(1)).await;
    let error = opened.map(drop).unwrap_err();
    site.note(format!("{:?} {}", error.kind(), without_rest(&error.to_string())));
    site.note(format!("{} calls", place.handle.stats().calls));
    // The dial for it may have got through to the server or not.
    site.vary_accepted(&place);
}

async fn waiting_send(site: Site, lane: Lane) {
    let mut place = site.serve().await;
    let desk = site.desk(lane.1(&place));
    let talk = desk.talk().await.unwrap();
    let (mut out, input) = talk.split();
    out.send(ask("wait x")).await.unwrap();
    site.note(place.heard().await);
    let sending = site.beside(async move {
        let block = crate::desk::Ask {
            text: "block".into(),
            payload: crate::handlers::pattern(64 * 1024),
        };
        loop {
            if let Err(error) = out.send(&block).await {
                return error;
            }
        }
    });
    site.here().sleep(SHORT).await;
    drop(input);
    site.told("send", sending.await.unwrap());
    site.note(place.heard().await);
    place.quiet(&site).await;
}

async fn server_dies(site: Site, lane: Lane) {
    let (mut place, mut talk) = listening(&site, lane).await;
    place.handle.shutdown(Duration::ZERO);
    let heard = place.heard().await;
    site.note(heard.split(',').next().unwrap().to_owned());
    site.one_of("recv", &LOST, &talk.recv().await.shown());
    site.one_of("send", &LOST, &talk.send(ask("late")).await.shown());
    site.ended(&place).await;
}

async fn hangs_up(site: Site, lane: Lane) {
    let place = site.serve().await;
    let gate = Arc::clone(&place.gate);
    let address = site
        .peer(1, move |mut wire| {
            let gate = Arc::clone(&gate);
            async move {
                let reading = async { while wire.read_more().await {} };
                tokio::select! { biased; _ = gate.acquire() => {} () = reading => {} }
            }
        })
        .await;
    let mut talk = site.desk(lane.1(&place)).talk().to(address).await.unwrap();
    place.gate.add_permits(1);
    let error = talk.recv().await.unwrap_err();
    site.one_of("recv", &LOST, &error.shown());
}

async fn nobody(site: Site, lane: Lane) {
    let place = site.serve().await;
    place.handle.shutdown(Duration::ZERO);
    site.ended(&place).await;
    let desk = site.desk(lane.1(&place));
    site.told("talk", desk.talk().await.map(drop));
    site.told("unary", desk.unary(ask("x")).await);
}

/// First to middle to last; the middle looks at nothing meanwhile.
async fn cascade(site: Site, first: Lane, second: Lane) {
    let mut last = site.serve().await;
    let next = site.next(second.1(&last).caller("B"));
    let mut middle = site.serve_next(next, |server| server).await;
    let desk = site.desk(first.1(&middle).caller("A"));
    let mut talk = desk.talk().await.unwrap();
    site.exchange(&mut talk, "hop listen").await;
    talk.cancel();
    site.note(last.heard().await);
    site.note(middle.heard().await);
    site.told("recv", talk.recv().await);
    middle.quiet(&site).await;
    last.quiet(&site).await;
}

/// Texts of timeouts tell what was left by the clock.
fn without_rest(text: &str) -> &str {
    text.split_once("timeout in ctx: ").map_or(text, |(start, _)| start)
}

/// A socket that is closed over bytes which nobody has read may end with a reset.
const LOST: [&str; 4] = [
    "Transport connection error: desc = \"error reading from server, error=EOF\"",
    "Transport connection error: desc = \"error reading from server, error=socket failed\"",
    "Transport [ttstream error, code=12006] connection closed by peer",
    "Cancelled [ttstream error, code=12013] [client-side stream] canceled by connection closed",
];
const SHORT: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_secs(10);
