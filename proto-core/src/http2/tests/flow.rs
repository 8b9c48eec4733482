//! Flow control and turns.

use bytes::Bytes;

use super::*;
use crate::wire::http2::{Flags, FrameType, Setting};

fn upload(pair: &mut Pair, id: StreamId, body: &Bytes) -> Vec<u8> {
    pair.client.sender(id).unwrap().push_bytes(body, Finish::Now).unwrap();
    let mut got = Vec::new();
    for _ in 0..10_000 {
        pair.carry();
        got.extend(read_all(&mut pair.server, id));
        if pair.server.receiver(id).unwrap().is_ended() {
            return got;
        }
    }
    panic!("the body never ends");
}

#[test]
fn bodies_above_all_windows_pass_as_they_are_read() {
    for window in [1, 100, 16_384, 65_535, 65_536, 1 << 20] {
        let config = Config {
            stream_window: window,
            connection_window: Some(window),
            ..Config::default()
        };
        let mut pair = Pair::with(Config::default(), config);
        let body: Vec<u8> = (0..window.min(5_000) as usize * 3)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let body = Bytes::from(body);
        let id = pair.open(Finish::Later);
        assert_eq!(upload(&mut pair, id, &body), body, "window {window}");
    }
}

#[test]
fn an_unread_body_holds_no_more_than_its_window() {
    let config = Config {
        stream_window: 100_000,
        connection_window: Some(250_000),
        ..Config::default()
    };
    let mut pair = Pair::with(Config::default(), config);
    let body = Bytes::from(vec![0; 1_000_000]);
    let ids: Vec<_> = (0..4).map(|_| pair.open(Finish::Later)).collect();
    for id in &ids {
        pair.client.sender(*id).unwrap().push_bytes(&body, Finish::Now).unwrap();
    }
    pair.carry();
    let unread: Vec<_> = ids
        .iter()
        .map(|id| pair.server.receiver(*id).unwrap().unread())
        .collect();
    assert_eq!(unread.iter().sum::<usize>(), 250_000, "{unread:?}");
    assert!(unread.iter().all(|unread| *unread <= 100_000), "{unread:?}");
    // Dropping one stream gives its share of the connection to the others.
    pair.server.release(ids[0]);
    pair.carry();
    let unread = pair.server.receiver(ids[3]).unwrap().unread();
    assert!(unread > 0, "{unread}");
}

#[test]
fn a_reader_goes_on_beside_streams_that_nobody_reads() {
    let config = Config {
        stream_window: 100_000,
        connection_window: Some(250_000),
        ..Config::default()
    };
    let mut pair = Pair::with(Config::default(), config);
    let body = Bytes::from(vec![0; 100_000]);
    for _ in 0..2 {
        let id = pair.open(Finish::Later);
        pair.client
            .sender(id)
            .unwrap()
            .push_bytes(&body, Finish::Later)
            .unwrap();
        pair.carry();
        assert_eq!(pair.server.receiver(id).unwrap().unread(), 100_000);
    }
    // What is left is less than half of the connection's window.
    let body = Bytes::from(vec![7; 300_000]);
    let id = pair.open(Finish::Later);
    assert_eq!(upload(&mut pair, id, &body), body);
}

#[test]
fn a_full_queue_takes_nothing_and_tells_when_there_is_room() {
    let mut pair = Pair::new();
    let id = pair.open(Finish::Later);
    let chunk = [1; 10_000];
    let mut pushed = 0;
    let mut sender = pair.client.sender(id).unwrap();
    while sender.push(&chunk, Finish::Later).is_ok() {
        pushed += chunk.len();
        assert!(pushed < 1_000_000, "the queue is bounded");
    }
    assert_eq!(sender.capacity(), 0);
    assert_eq!(sender.push(&chunk, Finish::Later), Err(SendError::Full));
    assert_eq!(pair.client_events(), []);
    pair.carry();
    assert_eq!(pair.client_events(), [Event::Writable { id }]);
    assert_eq!(read_all(&mut pair.server, id).len(), pushed);
}

#[test]
fn a_stream_has_no_room_when_the_others_fill_the_memory() {
    let mut config = Config::default();
    config.limits.max_memory = 100_000;
    let mut pair = Pair::with(config, Config::default());
    let filler = pair.open(Finish::Later);
    let other = pair.open(Finish::Later);
    pair.client
        .sender(filler)
        .unwrap()
        .push(&[1; 200_000], Finish::Later)
        .unwrap();
    let mut sender = pair.client.sender(other).unwrap();
    assert_eq!(sender.capacity(), 0);
    assert_eq!(sender.push(&[1], Finish::Later), Err(SendError::Full));
    pair.carry();
    assert_eq!(pair.client_events(), [Event::Writable { id: other }]);
}

#[test]
fn streams_take_turns_a_frame_each() {
    let mut peer = Peer::client(Config::default());
    peer.send(|frames| {
        frames.settings(&[Setting::InitialWindowSize(1 << 20)]);
        frames.window_update(StreamId::CONNECTION, 1 << 20);
    });
    let body = Bytes::from(vec![0; 100_000]);
    for id in [1, 3, 5] {
        peer.headers(id, &post("/"), Flags::END_STREAM);
        let mut sender = peer.connection.sender(StreamId::new(id)).unwrap();
        sender.respond(&ok(), Finish::Later).unwrap();
        sender.push_bytes(&body, Finish::Now).unwrap();
    }
    let turns: Vec<_> = peer
        .seen()
        .into_iter()
        .filter(|frame| frame.starts_with("DATA"))
        .map(|frame| frame.split(' ').nth(1).unwrap().to_owned())
        .collect();
    let expected: Vec<_> = ["1", "3", "5"]
        .iter()
        .cycle()
        .take(21)
        .map(|id| (*id).to_owned())
        .collect();
    assert_eq!(turns, expected);
}

#[test]
fn control_frames_wait_behind_a_bounded_amount_of_data() {
    let mut peer = Peer::client(Config::default());
    peer.send(|frames| {
        frames.settings(&[Setting::InitialWindowSize(1 << 30)]);
        frames.window_update(StreamId::CONNECTION, 1 << 30);
    });
    peer.headers(1, &post("/"), Flags::END_STREAM);
    let mut sender = peer.connection.sender(StreamId::new(1)).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender
        .push_bytes(&Bytes::from(vec![0; 10_000_000]), Finish::Now)
        .unwrap();
    let mut out = Transmit::new();
    assert!(peer.connection.poll_transmit(peer.now, &mut out));
    peer.frame(FrameType::PING, Flags::NONE, 0, &[1; 8]);
    assert!(peer.connection.poll_transmit(peer.now, &mut out));
    let bytes = out.to_vec();
    let pong = peer::frame(FrameType::PING, Flags::ACK, 0, &[1; 8]);
    let at = bytes.windows(pong.len()).position(|window| window == pong).unwrap();
    assert!(at <= 64 * 1024 + 16_384 + 100, "{at}");
}

#[test]
fn settings_move_the_windows_of_open_streams_below_zero_and_back() {
    let mut peer = Peer::client(Config::default());
    peer.headers(1, &post("/"), Flags::END_STREAM);
    let id = StreamId::new(1);
    let mut sender = peer.connection.sender(id).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.push(&[0; 1_000], Finish::Later).unwrap();
    assert_eq!(peer.seen(), ["HEADERS 1", "DATA 1 1000"]);
    // 65,535 - 1,000 sent; a new size of 400 leaves -600.
    peer.send(|frames| frames.settings(&[Setting::InitialWindowSize(400)]));
    peer.connection
        .sender(id)
        .unwrap()
        .push(&[0; 50], Finish::Later)
        .unwrap();
    assert_eq!(peer.seen(), ["SETTINGS ACK"]);
    peer.send(|frames| frames.window_update(id, 600));
    assert_eq!(peer.seen(), [""; 0]);
    peer.send(|frames| frames.window_update(id, 20));
    assert_eq!(peer.seen(), ["DATA 1 20"]);
    peer.send(|frames| frames.settings(&[Setting::InitialWindowSize(65_535)]));
    assert_eq!(peer.seen(), ["SETTINGS ACK", "DATA 1 30"]);
}

#[test]
fn trailers_wait_for_the_body_in_front_of_them() {
    let mut peer = Peer::client(Config::default());
    peer.send(|frames| frames.settings(&[Setting::InitialWindowSize(10)]));
    peer.headers(1, &post("/"), Flags::END_STREAM);
    let id = StreamId::new(1);
    let mut sender = peer.connection.sender(id).unwrap();
    sender.respond(&ok(), Finish::Later).unwrap();
    sender.push(&[0; 15], Finish::Later).unwrap();
    sender.finish_with(&trailers()).unwrap();
    peer.seen();
    peer.send(|frames| frames.window_update(id, 5));
    assert_eq!(peer.seen(), ["DATA 1 5", "HEADERS 1 END_STREAM"]);
}

#[test]
fn a_stream_whose_window_is_shut_does_not_hold_up_others() {
    let mut peer = Peer::client(Config::default());
    for id in [1, 3] {
        peer.headers(id, &post("/"), Flags::END_STREAM);
        let mut sender = peer.connection.sender(StreamId::new(id)).unwrap();
        sender.respond(&ok(), Finish::Later).unwrap();
    }
    peer.send(|frames| {
        frames.settings(&[Setting::InitialWindowSize(0)]);
        frames.window_update(StreamId::new(3), 100);
    });
    for id in [1, 3] {
        peer.connection
            .sender(StreamId::new(id))
            .unwrap()
            .push(&[0; 100], Finish::Now)
            .unwrap();
    }
    let seen = peer.seen();
    assert_eq!(seen.last().unwrap(), "DATA 3 100 END_STREAM");
    // The connection's window is shut: a stream that only has its end to send may send it.
    peer.headers(5, &post("/"), Flags::END_STREAM);
    peer.connection
        .sender(StreamId::new(5))
        .unwrap()
        .respond(&ok(), Finish::Now)
        .unwrap();
    assert_eq!(peer.seen(), ["HEADERS 5 END_STREAM"]);
}

#[test]
fn padding_counts_and_is_given_back_at_once() {
    let config = Config {
        stream_window: 1_000,
        connection_window: Some(65_535),
        ..Config::default()
    };
    let mut peer = Peer::client(config);
    peer.headers(1, &post("/"), Flags::NONE);
    let mut payload = vec![0; 251];
    payload[0] = 250;
    peer.seen();
    for _ in 0..4 {
        peer.frame(FrameType::DATA, Flags::PADDED, 1, &payload);
    }
    assert_eq!(peer.seen(), ["WINDOW_UPDATE 1 502", "WINDOW_UPDATE 1 502"]);
    assert_eq!(peer.connection.receiver(StreamId::new(1)).unwrap().unread(), 0);
}

#[test]
fn more_than_the_window_is_an_error_of_its_scope() {
    let config = Config {
        stream_window: 70_000,
        connection_window: Some(100_000),
        ..Config::default()
    };
    let mut peer = Peer::client(config);
    for id in [1, 3] {
        peer.headers(id, &post("/"), Flags::NONE);
    }
    peer.seen();
    for _ in 0..5 {
        peer.frame(FrameType::DATA, Flags::NONE, 1, &[0; 16_000]);
    }
    assert_eq!(peer.seen(), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
    for _ in 0..3 {
        peer.frame(FrameType::DATA, Flags::NONE, 3, &[0; 16_000]);
    }
    assert_eq!(
        peer.seen(),
        ["GOAWAY 3 FLOW_CONTROL_ERROR more data than the connection's window"]
    );
}
