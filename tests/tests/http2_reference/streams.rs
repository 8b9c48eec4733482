//! Many streams, one after the other and at once.

use kitewire_proto::http2::{Config, Finish, OpenError, Outcome, StreamId};
use kitewire_testkit::reference::{Body, Cuts, Reading, Reply};

use crate::setup::{
    Kept, bytes, echo, echo_ours, keep, our_client, our_client_with, our_server, post, post_fields, stream,
};

const STREAMS: u32 = 1_000;

#[test]
fn our_server_answers_a_thousand_streams_one_after_the_other() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(1));
    pair.ours.service = Some(echo_ours);
    for index in 0..STREAMS as usize {
        let answer = client.request(post("/echo"), Body::new(bytes(index)));
        pair.settle();
        assert_eq!(
            answer.done().expect("an answer").body.expect("a whole body").data,
            bytes(index)
        );
    }
    assert_eq!(pair.ours.log.streams.len(), STREAMS as usize);
    assert_eq!(pair.ours.connection.open_streams(), 0);
}

#[test]
fn our_client_opens_a_thousand_streams_one_after_the_other() {
    let (mut pair, _server) = our_client(Config::default(), Cuts::seeded(1));
    for index in 0..STREAMS as usize {
        let id = pair.ours.request(Reply::new(post_fields("/echo"), bytes(index)));
        pair.settle();
        let seen = pair.ours.log.streams.remove(&id).expect("it was opened");
        assert_eq!(seen.body, bytes(index));
        assert_eq!(seen.outcome, Some(Outcome::Complete));
    }
    assert_eq!(pair.ours.connection.open_streams(), 0);
}

/// As many as our server allows are open at a time; the reference client queues the others.
#[test]
fn our_server_answers_a_thousand_streams_at_once() {
    for limit in [1, 100, STREAMS] {
        let mut config = Config::default();
        config.max_concurrent_streams = limit;
        let (mut pair, client) = our_server(config, Cuts::seeded(limit.into()));
        // The limit has to be known before there are too many.
        pair.settle();
        pair.ours.reading = Reading::ByHand;
        let size = |index: u32| 20 + (index as usize * 37) % 500;
        let answers: Vec<_> = (0..STREAMS)
            .map(|index| client.request(post("/echo"), Body::new(bytes(size(index)))))
            .collect();
        pair.settle();
        assert_eq!(pair.ours.connection.open_streams(), limit as usize);
        pair.ours.reading = Reading::Eager;
        pair.ours.service = Some(echo_ours);
        for index in 0..limit {
            pair.ours.read(stream(index));
        }
        pair.settle();
        for (index, answer) in (0..).zip(answers) {
            let received = answer.done().expect("an answer").body.expect("a whole body");
            assert_eq!(received.data, bytes(size(index)));
        }
        let complete = |seen: &&kitewire_testkit::reference::Exchange| seen.outcome == Some(Outcome::Complete);
        assert_eq!(
            pair.ours.log.streams.values().filter(complete).count(),
            STREAMS as usize
        );
        assert_eq!(pair.ours.connection.open_streams(), 0);
    }
}

/// Our client opens as many as the server allows and hears when there is room again.
#[test]
fn our_client_opens_a_thousand_streams_at_once() {
    for limit in [1, 100, STREAMS] {
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(limit);
        let (mut pair, _server) = our_client_with(Config::default(), Cuts::seeded(limit.into()), &builder, echo);
        pair.settle();
        let mut opened: Vec<StreamId> = Vec::new();
        while opened.len() < STREAMS as usize {
            let before = opened.len();
            let refused = loop {
                if opened.len() == STREAMS as usize {
                    break None;
                }
                match pair
                    .ours
                    .connection
                    .open(pair.ours.now, &post_fields("/echo"), Finish::Later)
                {
                    Ok(id) => {
                        pair.ours.log.streams.entry(id).or_default();
                        pair.ours.send(id, bytes(20 + opened.len()), None);
                        opened.push(id);
                    }
                    Err(error) => break Some(error),
                }
            };
            if let Some(error) = refused {
                assert_eq!(error, OpenError::TooManyStreams);
                assert_eq!(opened.len() - before, limit as usize, "all that the server allows");
                let available = pair.ours.log.available;
                pair.settle();
                assert!(pair.ours.log.available > available, "there is room again");
            }
        }
        pair.settle();
        for (index, id) in opened.iter().enumerate() {
            assert_eq!(pair.ours.log.streams[id].body, bytes(20 + index));
            assert_eq!(pair.ours.log.streams[id].outcome, Some(Outcome::Complete));
        }
        assert_eq!(pair.ours.connection.open_streams(), 0);
    }
}

/// A client cannot keep a limit that it has not read yet.
#[test]
fn streams_opened_before_the_limit_is_known_are_taken() {
    let mut config = Config::default();
    config.max_concurrent_streams = 3;
    let (mut pair, client) = our_server(config, Cuts::whole());
    pair.ours.service = Some(echo_ours);
    pair.ours.reading = Reading::ByHand;
    // Written before the first byte of the server has been read.
    let answers: Vec<_> = (0..10)
        .map(|_| client.request(post("/echo"), Body::default()))
        .collect();
    pair.settle();
    pair.ours.reading = Reading::Eager;
    for index in 0..10 {
        pair.ours.read(stream(index));
    }
    pair.settle();
    assert!(answers.iter().all(|answer| answer.done().is_ok()));
    assert_eq!(pair.ours.connection.open_streams(), 0);
}

/// The reference server refuses those above the limit; a retry is safe (RFC 9113 §8.7).
#[test]
fn streams_above_the_limit_are_refused_and_safe_to_retry() {
    let kept = Kept::default();
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(3);
    let (mut pair, _server) = our_client_with(Config::default(), Cuts::whole(), &builder, keep(&kept));
    let ids: Vec<_> = (0..10)
        .map(|_| pair.ours.request(Reply::new(post_fields("/"), "")))
        .collect();
    pair.settle();
    let refused = ids
        .iter()
        .filter(|id| pair.ours.log.streams[id].outcome == Some(Outcome::Refused));
    assert_eq!(refused.count(), 7);
    assert_eq!(kept.borrow().len(), 3);
}

#[test]
fn a_burst_of_cancelled_streams_is_forgiven() {
    let (mut pair, client) = our_server(Config::default(), Cuts::seeded(4));
    pair.settle();
    for round in 0..5 {
        let burst: Vec<_> = (0..60)
            .map(|_| client.requests().send_request(post("/"), false))
            .collect();
        pair.settle();
        drop(burst);
        pair.tasks.run_all();
        pair.settle();
        assert_eq!(pair.ours.log.closed, None, "in round {round}");
        pair.pass(std::time::Duration::from_secs(5));
    }
    pair.ours.service = Some(echo_ours);
    let answer = client.request(post("/echo"), Body::new("x"));
    pair.settle();
    answer.done().expect("an answer");
}
