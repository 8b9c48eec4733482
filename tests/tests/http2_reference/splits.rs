//! However the bytes are cut: the same events, and the same messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use h2::Reason;
use http::{Request, Response};
use kitewire_proto::http2::{Config, Connection, ErrorCode, Event, Finish, StreamId};
use kitewire_proto::{Demand, Disconnect, Instant, Transmit};
use kitewire_testkit::reference::{Body, Cuts, Exchange, Pair, Reply, read_body};

use crate::setup::{bytes, echo, echo_ours, our_client_with, our_server, post, post_fields, trailers};

/// A frame head is nine bytes long, a preface 24, a frame at most 16,393.
const LENGTHS: [usize; 16] = [1, 2, 3, 5, 7, 8, 9, 10, 13, 24, 33, 64, 1_000, 4_096, 16_393, 100_000];

/// Both sides live, all bytes cut both ways: each stream sees and sends the same.
#[test]
fn streams_of_our_server_are_the_same_for_every_cut() {
    let whole = serve(Cuts::whole()).ours.log.streams;
    assert_eq!(whole.len(), 7);
    for length in LENGTHS {
        assert!(
            serve(Cuts::every(length)).ours.log.streams == whole,
            "in pieces of {length}"
        );
    }
    for seed in 0..30 {
        assert!(serve(Cuts::seeded(seed)).ours.log.streams == whole, "with seed {seed}");
    }
}

#[test]
fn streams_of_our_client_are_the_same_for_every_cut() {
    let whole = call(Cuts::whole()).ours.log.streams;
    assert_eq!(whole.len(), 5);
    for length in LENGTHS {
        assert!(
            call(Cuts::every(length)).ours.log.streams == whole,
            "in pieces of {length}"
        );
    }
    for seed in 0..30 {
        assert!(call(Cuts::seeded(seed)).ours.log.streams == whole, "with seed {seed}");
    }
}

/// What the reference client once sent, to a server that only listens: event by event and byte by byte the same.
#[test]
fn a_server_that_listens_hears_the_same_from_every_cut() {
    let tape = serve(Cuts::whole()).tape;
    listen_to(&tape, || Connection::server(Arc::new(wide()), Instant::ZERO));
}

#[test]
fn a_client_that_listens_hears_the_same_from_every_cut() {
    let tape = call(Cuts::whole()).tape;
    listen_to(&tape, || {
        let mut connection = Connection::client(Arc::new(wide()), Instant::ZERO);
        requests().into_iter().for_each(|message| {
            connection
                .open(Instant::ZERO, &message.head, Finish::Now)
                .expect("a stream can be opened");
        });
        connection
    });
}

/// Bodies, trailers, a large head, a request that is reset and one whose answer is.
fn serve(cuts: Cuts) -> Pair {
    let (mut pair, client) = our_server(wide(), cuts);
    pair.ours.service = Some(echo_ours);
    let answers: Vec<_> = [(0, 0), (1, 0), (30_000, 0), (100, 20_000), (66_000, 5)]
        .into_iter()
        .map(|(size, field)| {
            let mut request: Request<()> = post("/echo");
            if field > 0 {
                let value = "v".repeat(field).parse().expect("a good value");
                request.headers_mut().insert("x-long", value);
            }
            let body = Body {
                data: bytes(size),
                trailers: (size % 100 == 0).then(|| trailers(&[("sum", "1"), ("x-end", "")])),
            };
            client.request(request, body)
        })
        .collect();
    pair.settle();
    answers
        .iter()
        .for_each(|answer| drop(answer.done().expect("an answer").body.expect("a whole body")));
    pair.ours.service = None;
    let (given_up, mut sender) = client
        .requests()
        .send_request(post("/reset"), false)
        .expect("a request");
    pair.settle();
    sender.send_data(bytes(50), false).expect("it is queued");
    pair.settle();
    sender.send_reset(Reason::CANCEL);
    pair.settle();
    drop(given_up);
    let refused = client.request(post("/refused"), Body::default());
    pair.settle();
    let last = *pair.ours.log.streams.keys().last().expect("streams");
    pair.ours
        .connection
        .sender(last)
        .expect("an open stream")
        .cancel(ErrorCode::INADEQUATE_SECURITY);
    pair.settle();
    refused.done().expect_err("a reset");
    client.finish();
    pair.settle();
    pair
}

fn requests() -> Vec<Reply> {
    [
        (0, "/echo"),
        (1, "/echo"),
        (20_000, "/echo"),
        (66_000, "/interim"),
        (10, "/reset"),
    ]
    .map(|(size, path)| {
        let mut head = post_fields(path);
        head.push("x-long", "v".repeat(size / 2));
        Reply::new(head, bytes(size))
    })
    .into()
}

fn call(cuts: Cuts) -> Pair {
    let handle = |request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<bytes::Bytes>| async move {
        match request.uri().path() {
            "/reset" => {
                let _ = read_body(request.into_body()).await;
                respond.send_reset(Reason::INTERNAL_ERROR);
            }
            "/interim" => {
                let interim = Response::builder().status(103).body(()).expect("a good response");
                respond.send_informational(interim).expect("it is sent");
                echo(request, respond).await;
            }
            _ => echo(request, respond).await,
        }
    };
    let (mut pair, _server) = our_client_with(wide(), cuts, &h2::server::Builder::new(), handle);
    for message in requests() {
        pair.ours.request(message);
        pair.settle();
    }
    pair
}

fn wide() -> Config {
    let mut config = Config::default();
    config.limits.max_header_list = 200_000;
    config
}

/// Everything that shows of a connection.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    events: Vec<Event>,
    sent: Vec<u8>,
    streams: BTreeMap<StreamId, Exchange>,
}

fn listen_to(tape: &[u8], connect: impl Fn() -> Connection) {
    let whole = listen(tape, connect(), Cuts::whole());
    assert!(whole.streams.len() > 3, "{whole:?}");
    for length in LENGTHS {
        assert!(
            listen(tape, connect(), Cuts::every(length)) == whole,
            "in pieces of {length}"
        );
    }
    for seed in 0..30 {
        assert!(listen(tape, connect(), Cuts::seeded(seed)) == whole, "with seed {seed}");
    }
}

/// Hands the tape over and does nothing else, so that nothing depends on when it is done.
fn listen(tape: &[u8], mut connection: Connection, mut cuts: Cuts) -> Heard {
    let now = Instant::ZERO;
    let mut heard = Heard::default();
    let mut input = BytesMut::new();
    let mut out = Transmit::new();
    let mut rest = tape;
    while !rest.is_empty() && connection.read_demand() == Demand::Read {
        let (piece, later) = rest.split_at(cuts.piece(rest.len()));
        rest = later;
        input.extend_from_slice(piece);
        connection.receive(now, &mut input);
        note(&mut connection, &mut heard, &mut out);
        while connection.read_demand() == Demand::Receive {
            connection.receive(now, &mut input);
            note(&mut connection, &mut heard, &mut out);
        }
    }
    connection.handle_disconnect(now, Disconnect::ReadEnd);
    note(&mut connection, &mut heard, &mut out);
    for (id, exchange) in &mut heard.streams {
        exchange.head = connection.head(*id).cloned();
        exchange.trailers = connection.trailers(*id).cloned();
        let Ok(mut receiver) = connection.receiver(*id) else {
            continue;
        };
        while !receiver.chunk().is_empty() {
            let length = receiver.chunk().len();
            exchange.body.extend_from_slice(receiver.chunk());
            receiver.consume(length);
        }
        exchange.whole = receiver.is_ended();
    }
    heard
}

fn note(connection: &mut Connection, heard: &mut Heard, out: &mut Transmit) {
    while let Some(event) = connection.poll_event() {
        if let Event::Opened { id } | Event::Answered { id } | Event::Ended { id, .. } = &event {
            heard.streams.entry(*id).or_default();
        }
        heard.events.push(event);
    }
    while connection.poll_transmit(Instant::ZERO, out) {
        heard.sent.extend(out.to_vec());
        out.advance(out.len());
    }
}
