//! Flow control: windows that run empty, grow, shrink and go below zero, both ways.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::Response;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Outcome};
use kitewire_proto::wire::http2::{FrameHead, FrameType, HEAD_LEN};
use kitewire_testkit::reference::{Body, Cuts, Reading, Reply, read_body};

use crate::setup::{
    Kept, bytes, echo_ours, keep, our_client, our_client_with, our_server, our_server_with, post, post_fields,
    some_cuts, stream,
};

const WINDOWS: [u32; 5] = [1, 100, 16_384, 65_535, 1_000_000];

#[test]
fn every_window_carries_every_body() {
    for window in WINDOWS {
        // A window of one byte asks for a frame per byte.
        let size = if window < 100 { 300 } else { 200_000 };
        let mut config = Config::default();
        config.stream_window = window;
        config.connection_window = Some(window.max(65_535));
        config.limits.max_window_updates = 1_000_000;
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(window)
            .initial_connection_window_size(window.max(65_535));
        let (mut pair, client) = our_server_with(config.clone(), Cuts::seeded(3), &builder);
        pair.ours.service = Some(echo_ours);
        let answers = [0, 1, 2].map(|more| client.request(post("/echo"), Body::new(bytes(size + more))));
        pair.settle();
        for (more, answer) in answers.iter().enumerate() {
            let received = answer.done().expect("an answer").body.expect("a whole body");
            assert!(received.data == bytes(size + more), "with a window of {window}");
        }

        let mut builder = h2::server::Builder::new();
        builder
            .initial_window_size(window)
            .initial_connection_window_size(window.max(65_535));
        let (mut pair, _server) = our_client_with(config, Cuts::seeded(3), &builder, crate::setup::echo);
        let ids = [0, 1, 2].map(|more| pair.ours.request(Reply::new(post_fields("/echo"), bytes(size + more))));
        pair.settle();
        for (more, id) in ids.iter().enumerate() {
            assert!(
                pair.ours.log.streams[id].body == bytes(size + more),
                "with a window of {window}"
            );
        }
    }
}

/// Nothing is read, so the sender stops at the window; then everything is, and it goes on.
#[test]
fn our_reader_holds_the_sender_up() {
    for cuts in some_cuts() {
        let mut config = Config::default();
        config.stream_window = 30_000;
        let (mut pair, client) = our_server(config.clone(), cuts.clone());
        // Until the window is known, the one that every stream begins with is used.
        pair.settle();
        pair.ours.reading = Reading::ByHand;
        let answer = client.request(post("/"), Body::new(bytes(100_000)));
        pair.settle();
        let id = stream(0);
        assert_eq!(
            pair.ours.connection.receiver(id).expect("an open stream").unread(),
            30_000
        );
        pair.settle();
        assert_eq!(
            pair.ours.connection.receiver(id).expect("an open stream").unread(),
            30_000
        );
        pair.ours.reading = Reading::Eager;
        pair.ours.read(id);
        pair.settle();
        assert_eq!(pair.ours.log.streams[&id].body, bytes(100_000));
        pair.ours.respond(id, Reply::new(Fields::response(200), ""));
        pair.settle();
        answer.done().expect("an answer");

        let (mut pair, _server) = our_client(config, cuts);
        pair.settle();
        pair.ours.reading = Reading::ByHand;
        let id = pair.ours.request(Reply::new(post_fields("/"), bytes(100_000)));
        pair.settle();
        assert_eq!(
            pair.ours.connection.receiver(id).expect("an open stream").unread(),
            30_000
        );
        pair.ours.reading = Reading::Eager;
        pair.ours.read(id);
        pair.settle();
        assert_eq!(pair.ours.log.streams[&id].body, bytes(100_000));
        assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Complete));
    }
}

/// One stream that nobody reads must not stop another one.
#[test]
fn a_stream_that_waits_does_not_hold_another_one_up() {
    let mut config = Config::default();
    config.stream_window = 30_000;
    let (mut pair, client) = our_server(config, Cuts::whole());
    pair.ours.reading = Reading::ByHand;
    let _held = client.request(post("/"), Body::new(bytes(100_000)));
    pair.settle();
    pair.ours.reading = Reading::Eager;
    pair.ours.service = Some(echo_ours);
    let answer = client.request(post("/echo"), Body::new(bytes(500_000)));
    pair.settle();
    assert!(answer.done().expect("an answer").body.expect("a whole body").data == bytes(500_000));
}

/// The reader of `h2` gives its window back when it says so: we stop there and go on then.
#[test]
fn the_reference_reader_holds_us_up() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(6));
    let (response, _sender) = client.requests().send_request(post("/"), true).expect("a request");
    pair.settle();
    pair.ours
        .respond(stream(0), Reply::new(Fields::response(200), bytes(400_000)));
    let response = pair.tasks.spawn(response);
    pair.settle();
    let body = response.done().expect("an answer").into_body();
    assert_eq!(pair.ours.log.streams[&stream(0)].outcome, None, "there is more to send");
    assert_eq!(data_in(&pair.sent), 65_535, "the window is used to its end");
    let body = pair.tasks.spawn(read_body(body));
    pair.settle();
    assert!(body.done().expect("a whole body").data == bytes(400_000));
    assert_eq!(pair.ours.log.streams[&stream(0)].outcome, Some(Outcome::Complete));
}

/// SETTINGS_INITIAL_WINDOW_SIZE changes in the middle of a body (RFC 9113 §6.9.2): far enough down for our window to
/// be below zero, and up again.
#[test]
fn our_client_follows_a_window_that_shrinks_below_zero_and_grows() {
    for (first, then, size) in [
        (60_000, 10, 100_000),
        (60_000, 0, 100_000),
        (10, 60_000, 100_000),
        (65_535, 1_000, 300_000),
    ] {
        let kept = Kept::default();
        let mut builder = h2::server::Builder::new();
        builder.initial_window_size(first);
        let (mut pair, server) = our_client_with(Config::default(), Cuts::seeded(7), &builder, keep(&kept));
        pair.settle();
        let id = pair.ours.request(Reply::new(post_fields("/"), bytes(size)));
        pair.settle();
        server
            .change(&mut pair.tasks, |connection| connection.set_initial_window_size(then))
            .expect("new settings");
        pair.settle();
        let (request, mut respond) = kept.borrow_mut().pop().expect("a request");
        let mut body = request.into_body();
        let received = pair.tasks.spawn(async move {
            let mut received = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                received.extend_from_slice(&data);
                body.flow_control().release_capacity(data.len()).expect("what was read");
            }
            received
        });
        pair.settle();
        if then == 0 {
            assert!(
                received.take().is_none(),
                "nothing may be sent with a window of nothing"
            );
            server
                .change(&mut pair.tasks, |connection| connection.set_initial_window_size(first))
                .expect("new settings");
            pair.settle();
        }
        assert!(received.done() == bytes(size), "{first} then {then}");
        respond.send_response(Response::new(()), true).expect("it is sent");
        pair.tasks.run_all();
        pair.settle();
        assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Complete));
    }
}

#[test]
fn our_server_follows_a_window_that_shrinks_below_zero_and_grows() {
    for (first, then) in [(60_000, 10), (60_000, 0), (10, 60_000)] {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(first);
        let (mut pair, client) = our_server_with(Config::default(), Cuts::seeded(7), &builder);
        let (response, _sender) = client.requests().send_request(post("/"), true).expect("a request");
        pair.settle();
        pair.ours
            .respond(stream(0), Reply::new(Fields::response(200), bytes(100_000)));
        pair.settle();
        client
            .change(&mut pair.tasks, |connection| connection.set_initial_window_size(then))
            .expect("new settings");
        pair.settle();
        let body = pair
            .tasks
            .spawn(async move { read_body(response.await?.into_body()).await });
        pair.settle();
        if then == 0 {
            assert!(body.take().is_none(), "nothing may be sent with a window of nothing");
            client
                .change(&mut pair.tasks, |connection| connection.set_initial_window_size(first))
                .expect("new settings");
            pair.settle();
        }
        assert!(
            body.done().expect("a whole body").data == bytes(100_000),
            "{first} then {then}"
        );
    }
}

/// The window of the connection, not of a stream, is what holds these up; whoever reads lets all of them go on.
#[test]
fn streams_share_the_window_of_the_connection() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(2));
    let bodies: Rc<RefCell<Vec<RecvStream>>> = Rc::default();
    let mut senders: Vec<SendStream<Bytes>> = Vec::new();
    for index in 0..4 {
        let (response, sender) = client.requests().send_request(post("/"), true).expect("a request");
        senders.push(sender);
        let bodies = bodies.clone();
        pair.tasks.spawn(async move {
            let body = response.await.expect("an answer").into_body();
            bodies.borrow_mut().push(body);
        });
        pair.settle();
        pair.ours
            .respond(stream(index), Reply::new(Fields::response(200), bytes(50_000)));
    }
    pair.settle();
    assert_eq!(bodies.borrow().len(), 4, "heads are not held up");
    assert_eq!(
        data_in(&pair.sent),
        65_535,
        "the connection's window is used to its end"
    );
    let bodies: Vec<_> = bodies
        .take()
        .into_iter()
        .map(|body| pair.tasks.spawn(read_body(body)))
        .collect();
    pair.settle();
    for body in bodies {
        assert!(body.done().expect("a whole body").data == bytes(50_000));
    }
}

/// The reference client writes as much as it has capacity for, in any pieces, and we give it back as we read.
#[test]
fn tiny_frames_are_as_good_as_large_ones() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(11));
    pair.ours.service = Some(echo_ours);
    let (response, mut sender) = client.requests().send_request(post("/echo"), false).expect("a request");
    let answer = pair.tasks.spawn(kitewire_testkit::reference::receive(response));
    pair.tasks.spawn(async move {
        let mut rest = bytes(3_000);
        while !rest.is_empty() {
            let length = rest.len().min(3);
            sender.reserve_capacity(length);
            poll_fn(|context| sender.poll_capacity(context))
                .await
                .expect("an open stream")
                .expect("capacity");
            sender
                .send_data(rest.split_to(length), false)
                .expect("there is capacity");
        }
        sender.send_data(Bytes::new(), true).expect("the end");
    });
    pair.settle();
    assert_eq!(
        answer.done().expect("an answer").body.expect("a whole body").data,
        bytes(3_000)
    );
}

/// Body bytes in whole frames.
fn data_in(mut frames: &[u8]) -> usize {
    let mut data = 0;
    while let Some(head) = FrameHead::parse(frames) {
        let length = head.len as usize;
        if head.frame_type == FrameType::DATA {
            data += length;
        }
        frames = &frames[HEAD_LEN + length..];
    }
    data
}
