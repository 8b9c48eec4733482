//! How connections end, and how they stay alive.

use std::time::Duration;

use h2::{Ping, Reason};
use http::Response;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, ErrorCode, Finish, KeepAlive, OpenError, Outcome, StreamId};
use kitewire_proto::{CloseReason, Shutdown, Switch};
use kitewire_testkit::reference::{Body, Cuts, Reply};

use crate::setup::{
    Kept, bytes, echo_ours, keep, our_client, our_client_with, our_server, post, post_fields, some_cuts, stream,
};

#[test]
fn our_server_drains_when_it_is_asked_to() {
    for cuts in some_cuts() {
        let (mut pair, client) = our_server(Config::default(), cuts);
        let first = client.request(post("/"), Body::new(bytes(10)));
        pair.settle();
        let until = pair.ours.now + Duration::from_secs(60);
        pair.ours
            .connection
            .shutdown(pair.ours.now, Shutdown::Graceful { until });
        pair.settle();
        // The open stream goes on; a new one is not begun.
        let late = client.request(post("/"), Body::default());
        pair.settle();
        assert!(late.done().expect_err("the connection drains").is_go_away());
        assert_eq!(pair.ours.log.closed, None);
        pair.ours
            .respond(stream(0), Reply::new(Fields::response(200), bytes(200_000)));
        pair.settle();
        assert_eq!(
            first.done().expect("an answer").body.expect("a whole body").data,
            bytes(200_000)
        );
        assert_eq!(pair.ours.log.closed, Some(CloseReason::Shutdown));
        assert!(pair.ours.connection.is_drained());
        assert_eq!(pair.ours.now, kitewire_proto::Instant::ZERO, "no time had to pass");
        client.ended.done().expect("the client ends well");
    }
}

#[test]
fn a_drain_of_our_server_ends_at_its_deadline() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    let answer = client.request(post("/"), Body::new(bytes(10)));
    pair.settle();
    let until = pair.ours.now + Duration::from_secs(7);
    pair.ours
        .connection
        .shutdown(pair.ours.now, Shutdown::Graceful { until });
    pair.pass(Duration::from_secs(6));
    assert!(answer.take().is_none());
    pair.pass(Duration::from_secs(1));
    let error = answer.done().expect_err("out of time");
    assert_eq!(error.reason(), Some(Reason::CANCEL));
    assert_eq!(pair.ours.log.closed, Some(CloseReason::Shutdown));
    assert!(pair.ours.connection.is_drained());
}

#[test]
fn our_server_stops_at_once() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    let answer = client.request(post("/"), Body::new(bytes(10)));
    pair.settle();
    pair.ours.connection.shutdown(pair.ours.now, Shutdown::Immediate);
    pair.settle();
    answer.done().expect_err("the connection is gone");
    assert_eq!(pair.ours.log.closed, Some(CloseReason::Shutdown));
    assert_eq!(pair.ours.log.streams[&stream(0)].outcome, Some(Outcome::ConnectionLost));
    assert!(pair.ours.connection.is_drained());
}

#[test]
fn the_reference_client_goes_away() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    pair.ours.service = Some(echo_ours);
    let answer = client.request(post("/echo"), Body::new(bytes(100)));
    pair.settle();
    answer.done().expect("an answer");
    client.finish();
    pair.settle();
    client.ended.done().expect("the client ends well");
    assert!(pair.ours.log.closed.is_some());
    assert!(pair.ours.connection.is_drained());
}

#[test]
fn a_client_that_vanishes_loses_its_streams() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    let _answer = client.request(post("/"), Body::new(bytes(100)));
    pair.settle();
    pair.ours.read_end();
    pair.settle();
    assert!(pair.ours.log.closed.is_some());
    assert_eq!(pair.ours.log.streams[&stream(0)].outcome, Some(Outcome::ConnectionLost));
    assert_eq!(pair.ours.connection.open_streams(), 0);
}

#[test]
fn the_reference_server_drains() {
    for cuts in some_cuts() {
        let kept = Kept::default();
        let (mut pair, server) = our_client_with(Config::default(), cuts, &h2::server::Builder::new(), keep(&kept));
        let id = pair.ours.request(Reply::new(post_fields("/"), ""));
        pair.settle();
        server.change(&mut pair.tasks, h2::server::Connection::graceful_shutdown);
        pair.settle();
        assert_eq!(pair.ours.log.draining.last(), Some(&id), "{:?}", pair.ours.log.draining);
        let refused = pair.ours.connection.open(pair.ours.now, &post_fields("/"), Finish::Now);
        assert_eq!(refused, Err(OpenError::Draining));
        let (_request, mut respond) = kept.borrow_mut().pop().expect("a request");
        respond.send_response(Response::new(()), true).expect("it is sent");
        pair.tasks.run_all();
        pair.settle();
        assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Complete));
        assert!(
            pair.ours.log.closed.is_some(),
            "no stream is open and none can be opened"
        );
        assert!(pair.ours.connection.is_drained());
        server.ended.done().expect("the server ends well");
    }
}

#[test]
fn the_reference_server_stops_with_an_error() {
    let kept = Kept::default();
    let (mut pair, server) = our_client_with(
        Config::default(),
        Cuts::whole(),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    let id = pair.ours.request(Reply::new(post_fields("/"), bytes(10)));
    pair.settle();
    server.change(&mut pair.tasks, |connection| {
        connection.abrupt_shutdown(Reason::INTERNAL_ERROR)
    });
    pair.settle();
    assert!(pair.ours.log.closed.is_some());
    assert!(pair.ours.log.streams[&id].outcome.is_some());
    let text = format!("{:?}", pair.ours.log.closed);
    assert!(text.contains("INTERNAL_ERROR"), "{text}");
}

/// Streams above the last one that a GOAWAY names were not processed (RFC 9113 §6.8).
#[test]
fn streams_above_the_last_one_are_safe_to_retry() {
    let kept = Kept::default();
    let (mut pair, server) = our_client_with(
        Config::default(),
        Cuts::whole(),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    let first = pair.ours.request(Reply::new(post_fields("/"), ""));
    pair.settle();
    // The second one is on its way when the server ends.
    let second = pair.ours.request(Reply::new(post_fields("/"), ""));
    server.change(&mut pair.tasks, |connection| {
        connection.abrupt_shutdown(Reason::NO_ERROR)
    });
    pair.settle();
    assert_eq!(pair.ours.log.draining.last(), Some(&first));
    assert_eq!(pair.ours.log.streams[&second].outcome, Some(Outcome::Refused));
    assert!(pair.ours.log.closed.is_some());
}

#[test]
fn our_client_stops_when_its_streams_are_done() {
    let (mut pair, server) = our_client(Config::default(), Cuts::seeded(4));
    let id = pair.ours.request(Reply::new(post_fields("/"), bytes(50_000)));
    let until = pair.ours.now + Duration::from_secs(5);
    pair.ours
        .connection
        .shutdown(pair.ours.now, Shutdown::Graceful { until });
    let refused = pair.ours.connection.open(pair.ours.now, &post_fields("/"), Finish::Now);
    assert_eq!(refused, Err(OpenError::Draining));
    pair.settle();
    assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Complete));
    assert_eq!(pair.ours.log.streams[&id].body, bytes(50_000));
    assert_eq!(pair.ours.log.closed, Some(CloseReason::Shutdown));
    server.ended.done().expect("the server ends well");
}

#[test]
fn pings_are_answered_both_ways() {
    for cuts in some_cuts() {
        let (mut pair, client) = our_server(Config::default(), cuts.clone());
        pair.settle();
        let mut pings = client.change(&mut pair.tasks, |connection| connection.ping_pong().expect("pings"));
        let pong = pair.tasks.spawn(async move { pings.ping(Ping::opaque()).await });
        pair.ours
            .connection
            .ping(pair.ours.now, *b"12345678")
            .expect("no ping before");
        pair.settle();
        pong.done().expect("a pong");
        assert_eq!(pair.ours.log.pongs, [*b"12345678"]);

        let (mut pair, server) = our_client(Config::default(), cuts);
        pair.settle();
        let mut pings = server.change(&mut pair.tasks, |connection| connection.ping_pong().expect("pings"));
        let pong = pair.tasks.spawn(async move { pings.ping(Ping::opaque()).await });
        pair.ours
            .connection
            .ping(pair.ours.now, [0; 8])
            .expect("no ping before");
        pair.settle();
        pong.done().expect("a pong");
        assert_eq!(pair.ours.log.pongs, [[0; 8]]);
    }
}

#[test]
fn keep_alive_pings_hold_a_quiet_connection_and_find_a_dead_one() {
    let mut config = Config::default();
    config.keep_alive = Some(KeepAlive {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        without_streams: Switch::On,
    });
    let (mut pair, _server) = our_client(config, Cuts::whole());
    let id = pair.ours.request(Reply::new(post_fields("/"), "x"));
    pair.settle();
    assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Complete));
    pair.pass(Duration::from_secs(120));
    assert_eq!(pair.ours.log.closed, None, "every ping was answered");
    assert_eq!(pair.ours.log.pongs, [[0; 8]; 0], "those are the engine's own");
    pair.silence();
    pair.pass(Duration::from_secs(14));
    assert!(
        matches!(pair.ours.log.closed, Some(CloseReason::TimedOut(_))),
        "{:?}",
        pair.ours.log.closed
    );
}

#[test]
fn a_connection_that_is_old_is_drained() {
    let mut config = Config::default();
    config.max_age = Some(Duration::from_secs(100));
    config.max_age_grace = Duration::from_secs(5);
    config.drain_code = ErrorCode(1000);
    let (mut pair, client) = our_server(config, Cuts::whole());
    let answer = client.request(post("/"), Body::new(bytes(10)));
    pair.pass(Duration::from_secs(101));
    let late = client.request(post("/"), Body::default());
    pair.settle();
    late.done().expect_err("the connection drains");
    pair.pass(Duration::from_secs(10));
    let error = answer.done().expect_err("out of time");
    assert_eq!(error.reason(), Some(Reason::from(1000)));
    assert!(pair.ours.connection.is_drained());
    assert_eq!(pair.ours.log.streams.keys().collect::<Vec<_>>(), [&StreamId::new(1)]);
}
