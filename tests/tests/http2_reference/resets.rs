//! Streams that end early, by either side, with their codes.

use h2::Reason;
use http::Response;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, ErrorCode, Initiator, Outcome, StreamId};
use kitewire_testkit::reference::{Body, Cuts, H2Client, Pair, Reading, Reply, receive};

use crate::setup::{Kept, bytes, echo_ours, keep, our_client_with, our_server, post, post_fields, stream};

const CODES: [u32; 8] = [0x0, 0x1, 0x2, 0x7, 0x8, 0xb, 0xd, 1000];

#[test]
fn our_server_resets_a_request() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(1));
    for code in CODES {
        let answer = client.request(post("/"), Body::new(bytes(1_000)));
        pair.settle();
        let id = last(&pair);
        pair.ours
            .connection
            .sender(id)
            .expect("an open stream")
            .cancel(ErrorCode(code));
        pair.settle();
        let error = answer.done().expect_err("a reset");
        assert_eq!((error.is_reset(), error.is_remote()), (true, true));
        assert_eq!(error.reason(), Some(Reason::from(code)));
        expect_reset(&pair, id, code, Initiator::Application);
        assert_still_good(&mut pair, &client);
    }
}

#[test]
fn our_server_resets_an_answer_midway() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(1));
    let answer = client.request(post("/"), Body::new("x"));
    pair.settle();
    let id = stream(0);
    pair.ours.respond(
        id,
        Reply::new(Fields::response(200), bytes(30_000)).with_trailers(Fields::new()),
    );
    pair.settle();
    let answer = answer.done().expect("an answer").body;
    assert_eq!(answer.expect("a whole body").data.len(), 30_000);

    let answer = client.request(post("/"), Body::new("x"));
    pair.settle();
    let id = stream(1);
    let mut sender = pair.ours.connection.sender(id).expect("an open stream");
    sender
        .respond(&Fields::response(200), kitewire_proto::http2::Finish::Later)
        .expect("it is sent");
    sender
        .push(&bytes(10), kitewire_proto::http2::Finish::Later)
        .expect("there is room");
    pair.settle();
    pair.ours
        .connection
        .sender(id)
        .expect("an open stream")
        .cancel(ErrorCode::INTERNAL_ERROR);
    pair.settle();
    let error = answer.done().expect("a head").body.expect_err("a reset");
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    expect_reset(&pair, id, 2, Initiator::Application);
}

#[test]
fn the_reference_client_resets_a_request() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(1));
    for code in CODES {
        let (response, mut sender) = client.requests().send_request(post("/"), false).expect("a request");
        sender.send_data(bytes(100), false).expect("it is queued");
        pair.settle();
        sender.send_reset(Reason::from(code));
        pair.settle();
        drop(response);
        let id = last(&pair);
        expect_reset(&pair, id, code, Initiator::Peer);
        assert_eq!(pair.ours.log.streams[&id].body, bytes(100));
        assert_still_good(&mut pair, &client);
    }
}

/// A request that nobody waits for any more is cancelled before its answer has been sent.
#[test]
fn the_reference_client_gives_up_an_answer() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    let (response, sender) = client.requests().send_request(post("/"), true).expect("a request");
    pair.settle();
    pair.ours
        .respond(stream(0), Reply::new(Fields::response(200), bytes(1_000_000)));
    pair.settle();
    drop((response, sender));
    pair.tasks.run_all();
    pair.settle();
    expect_reset(&pair, stream(0), 8, Initiator::Peer);
    assert_eq!(pair.ours.connection.open_streams(), 0);
    assert_still_good(&mut pair, &client);
}

#[test]
fn our_client_resets_a_request() {
    let kept = Kept::default();
    let (mut pair, _server) = our_client_with(
        Config::default(),
        Cuts::seeded(1),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    for code in CODES {
        let message = Reply::new(post_fields("/"), bytes(100));
        let id = pair.ours.request(message);
        pair.settle();
        let (request, _respond) = kept.borrow_mut().pop().expect("a request");
        pair.ours
            .connection
            .sender(id)
            .expect("an open stream")
            .cancel(ErrorCode(code));
        let body = pair
            .tasks
            .spawn(kitewire_testkit::reference::read_body(request.into_body()));
        pair.settle();
        // A body that had come whole before the reset may be read or may be gone; the reset must not be something else.
        if let Err(error) = body.done() {
            assert_eq!(error.reason(), Some(Reason::from(code)));
        }
        expect_reset(&pair, id, code, Initiator::Application);
    }
    assert_eq!(pair.ours.log.closed, None);
}

#[test]
fn the_reference_server_resets_a_request() {
    let kept = Kept::default();
    let (mut pair, _server) = our_client_with(
        Config::default(),
        Cuts::seeded(1),
        &h2::server::Builder::new(),
        keep(&kept),
    );
    for code in CODES {
        let id = pair.ours.request(Reply::new(post_fields("/"), ""));
        pair.settle();
        let (_request, mut respond) = kept.borrow_mut().pop().expect("a request");
        respond.send_reset(Reason::from(code));
        pair.tasks.run_all();
        pair.settle();
        match code {
            7 => assert_eq!(pair.ours.log.streams[&id].outcome, Some(Outcome::Refused)),
            _ => expect_reset(&pair, id, code, Initiator::Peer),
        }
    }

    let id = pair.ours.request(Reply::new(post_fields("/"), ""));
    pair.settle();
    let (_request, mut respond) = kept.borrow_mut().pop().expect("a request");
    let mut stream = respond.send_response(Response::new(()), false).expect("it is sent");
    stream.send_data(bytes(77), false).expect("it is queued");
    pair.tasks.run_all();
    pair.settle();
    stream.send_reset(Reason::INTERNAL_ERROR);
    pair.tasks.run_all();
    pair.settle();
    expect_reset(&pair, id, 2, Initiator::Peer);
    assert_eq!(
        pair.ours.log.streams[&id].body,
        bytes(77),
        "what had come before is not lost"
    );
}

/// An answer that is complete before the request is: the rest of the request is not wanted (RFC 9113 §8.1).
#[test]
fn an_early_answer_ends_the_request_without_an_error() {
    let (mut pair, client) = our_server(Config::default(), Cuts::whole());
    let (response, mut sender) = client.requests().send_request(post("/"), false).expect("a request");
    let answer = pair.tasks.spawn(receive(response));
    pair.settle();
    pair.ours.reading = Reading::ByHand;
    pair.ours.respond(stream(0), Reply::new(Fields::response(413), ""));
    pair.ours.connection.release(stream(0));
    pair.settle();
    assert_eq!(answer.done().expect("an answer").head.status(), 413);
    let reset = pair
        .tasks
        .spawn(async move { std::future::poll_fn(|context| sender.poll_reset(context)).await });
    pair.settle();
    assert_eq!(reset.done().expect("a reset"), Reason::NO_ERROR);
    assert_eq!(pair.ours.connection.open_streams(), 0);
    pair.ours.reading = Reading::Eager;
    assert_still_good(&mut pair, &client);
}

/// Data of a stream that we have reset still counts in the connection's window, which must not leak.
#[test]
fn windows_do_not_leak_with_streams_that_are_reset() {
    let mut config = Config::default();
    config.stream_window = 40_000;
    config.connection_window = Some(70_000);
    let (mut pair, client) = our_server(config, Cuts::seeded(9));
    pair.ours.reading = Reading::ByHand;
    for index in 0..40 {
        let answer = client.request(post("/"), Body::new(bytes(60_000)));
        pair.settle();
        pair.ours.connection.release(stream(index));
        pair.settle();
        let error = answer.done().expect_err("a reset");
        assert_eq!(error.reason(), Some(Reason::CANCEL));
    }
    pair.ours.reading = Reading::Eager;
    assert_still_good(&mut pair, &client);
    assert_eq!(pair.ours.log.closed, None);
}

/// The stream that was opened last.
fn last(pair: &Pair) -> StreamId {
    *pair.ours.log.streams.keys().last().expect("a stream")
}

fn expect_reset(pair: &Pair, id: StreamId, code: u32, by: Initiator) {
    let outcome = pair.ours.log.streams[&id].outcome.clone();
    let expected = Outcome::Reset {
        code: ErrorCode(code),
        by,
    };
    assert_eq!(outcome, Some(expected));
}

/// The connection takes another request, with a body above every window.
fn assert_still_good(pair: &mut Pair, client: &H2Client) {
    let service = pair.ours.service.replace(echo_ours);
    let answer = client.request(post("/echo"), Body::new(bytes(300_000)));
    pair.settle();
    let received = answer.done().expect("an answer").body.expect("a whole body");
    assert!(received.data == bytes(300_000));
    pair.ours.service = service;
}
