//! Peers that cost more than they pay for, each with the bound on what it gets; and beside them an honest heavy client,
//! who is never refused.

use super::*;
use crate::error::CloseReason;
use crate::wire::http2::{Flags, FrameType, Setting};

/// Sends `attack(n)` until the connection ends, and returns how many it took and the largest memory on the way.
fn flood(peer: &mut Peer, most: u32, mut attack: impl FnMut(&mut Peer, u32)) -> (u32, usize) {
    let mut memory = 0;
    for n in 0..most {
        attack(peer, n);
        memory = memory.max(peer.connection.usage());
        if peer.connection.close_reason().is_some() {
            return (n + 1, memory);
        }
        peer.seen();
    }
    panic!("never stopped, after {most}");
}

type Attack = fn(&mut Peer, u32);

fn calm(peer: &Peer, text: &str) {
    assert_eq!(peer.failure(), Some((ErrorCode::ENHANCE_YOUR_CALM, text.to_owned())));
}

fn id(n: u32) -> u32 {
    n * 2 + 1
}

#[test]
fn rapid_reset_runs_no_more_handlers_than_granted() {
    // CVE-2023-44487: the application has not come to see any of the streams.
    let mut peer = Peer::client(Config::default());
    let (tries, memory) = flood(&mut peer, 10_000, |peer, n| {
        peer.headers(id(n), &post("/"), Flags::END_STREAM);
        peer.send(|frames| frames.reset(StreamId::new(id(n)), ErrorCode::CANCEL));
    });
    calm(&peer, "too many reset or refused streams");
    // 100 streams, each charged for its reset, and 300 more that were refused.
    assert!(tries <= 100 + 300 + 1, "{tries}");
    assert!(memory <= 64 * 1024, "{memory}");
    let opened = peer
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Opened { .. }))
        .count();
    assert_eq!(opened, 100);
}

#[test]
fn made_you_reset_is_counted_like_a_reset() {
    // CVE-2025-8671: the peer makes this side reset its streams while the handlers run on.
    let mut peer = Peer::client(Config::default());
    let (tries, _) = flood(&mut peer, 10_000, |peer, n| {
        peer.headers(id(n), &post("/"), Flags::NONE);
        peer.send(|frames| frames.window_update(StreamId::new(id(n)), 0));
    });
    calm(&peer, "too many reset or refused streams");
    assert!(tries <= 100 + 300 + 1, "{tries}");
    let opened = peer
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Opened { .. }))
        .count();
    assert_eq!(opened, 100);
}

#[test]
fn malformed_requests_do_not_go_on_for_ever() {
    let mut peer = Peer::client(Config::default());
    let mut head = post("/");
    head.push("connection", "close");
    let (tries, _) = flood(&mut peer, 10_000, |peer, n| {
        peer.headers(id(n), &head, Flags::END_STREAM)
    });
    calm(&peer, "too many reset or refused streams");
    assert!(tries <= 401, "{tries}");
}

#[test]
fn control_frames_without_work_are_limited() {
    let rows: [(&str, u32, Attack); 7] = [
        ("too_many_pings", 100, |peer, _| {
            peer.frame(FrameType::PING, Flags::NONE, 0, &[0; 8]);
        }),
        ("too many SETTINGS frames", 100, |peer, _| {
            peer.send(|frames| frames.settings(&[Setting::InitialWindowSize(1)]));
        }),
        ("too many SETTINGS frames", 100, |peer, _| {
            peer.send(|frames| frames.settings_ack());
        }),
        ("too many empty DATA frames", 100, |peer, _| {
            peer.frame(FrameType::DATA, Flags::PADDED, 1, &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }),
        ("too many WINDOW_UPDATE frames", 1_200, |peer, _| {
            peer.send(|frames| frames.window_update(StreamId::new(1), 1));
        }),
        ("too many frames without use", 1_000, |peer, _| {
            peer.frame(FrameType::PRIORITY, Flags::NONE, 1, &[0; 5]);
        }),
        ("too many frames without use", 1_000, |peer, _| {
            peer.frame(FrameType(0xbe), Flags::NONE, 0, &[0; 100]);
        }),
    ];
    for (text, limit, attack) in rows {
        let mut peer = Peer::client(Config::default());
        peer.headers(1, &post("/"), Flags::NONE);
        let (tries, memory) = flood(&mut peer, 10_000, attack);
        calm(&peer, text);
        // The handshake and the first request have used or refunded a few.
        assert!(tries <= limit + 5, "{text}: {tries}");
        assert!(memory <= 4 * 1024, "{text}: {memory}");
    }
}

#[test]
fn tiny_frames_hold_their_bytes_and_no_more() {
    // A byte a frame until the window is full, and one more.
    let mut peer = Peer::client(Config::default());
    peer.headers(1, &post("/"), Flags::NONE);
    let head = peer.connection.usage();
    let byte = peer::frame(FrameType::DATA, Flags::NONE, 1, b"x").repeat(1_024);
    for _ in 0..256 {
        peer.send_bytes(&byte);
    }
    assert_eq!(peer.connection.usage(), head + 256 * 1024);
    assert_eq!(peer.seen(), [""; 0]);
    peer.frame(FrameType::DATA, Flags::NONE, 1, b"x");
    assert_eq!(peer.seen(), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
}

#[test]
fn frames_of_streams_that_are_gone_are_limited() {
    let rows: [(&str, Attack); 3] = [
        ("too many frames without use", |peer, _| {
            peer.send(|frames| frames.window_update(StreamId::new(1), 1));
            peer.connection.poll_event();
        }),
        ("too many frames without use", |peer, _| {
            peer.send(|frames| frames.reset(StreamId::new(1), ErrorCode::CANCEL));
        }),
        ("too many frames without use", |peer, _| {
            peer.headers(1, &trailers(), Flags::END_STREAM);
        }),
    ];
    for (text, attack) in rows {
        let mut config = Config::default();
        config.limits.max_window_updates = u32::MAX;
        let mut peer = Peer::client(config);
        peer.headers(1, &post("/"), Flags::NONE);
        peer.connection.release(StreamId::new(1));
        assert_eq!(peer.seen(), ["RST_STREAM 1 CANCEL"]);
        let (tries, memory) = flood(&mut peer, 10_000, attack);
        calm(&peer, text);
        assert!(tries <= 1_005, "{tries}");
        assert!(memory <= 1_024, "{memory}");
    }
}

#[test]
fn a_peer_that_reads_nothing_stops_being_read() {
    // Answers to pings pile up only as far as `max_unsent`, however large the budget.
    let mut config = Config::default();
    config.limits.max_pings = u32::MAX;
    let mut peer = Peer::client(config);
    let pings = peer::frame(FrameType::PING, Flags::NONE, 0, &[0; 8]).repeat(1_000);
    for _ in 0..1_000 {
        if peer.connection.read_demand() != Demand::Read {
            break;
        }
        peer.send_bytes(&pings);
    }
    assert_eq!(peer.connection.read_demand(), Demand::Pause);
    let usage = peer.connection.usage();
    assert!(usage <= 1024 * 1024 + pings.len() + 100, "{usage}");
    let mut out = Transmit::new();
    assert!(peer.connection.poll_transmit(peer.now, &mut out));
    peer.connection.handle_timeout(peer.now + Duration::from_secs(30));
    let reason = CloseReason::TimedOut(crate::TimerKind::WriteStall);
    assert_eq!(peer.connection.close_reason(), Some(&reason));
    // What the caller still holds does not keep it alive.
    assert!(!peer.connection.poll_transmit(peer.now, &mut out));
    assert!(peer.connection.is_drained());
}

#[test]
fn header_blocks_have_an_end() {
    // CVE-2024-27316 and its kin: CONTINUATION without end.
    let mut peer = Peer::client(Config::default());
    peer.frame(FrameType::HEADERS, Flags::NONE, 1, &[]);
    let (tries, _) = flood(&mut peer, 1_000, |peer, _| {
        peer.frame(FrameType::CONTINUATION, Flags::NONE, 1, &[]);
    });
    calm(&peer, "too many CONTINUATION frames in a header block");
    assert_eq!(tries, 33);

    let mut peer = Peer::client(Config::default());
    peer.frame(FrameType::HEADERS, Flags::NONE, 1, &[0; 16_384]);
    let (tries, memory) = flood(&mut peer, 1_000, |peer, _| {
        peer.frame(FrameType::CONTINUATION, Flags::NONE, 1, &[0; 16_384]);
    });
    calm(&peer, "a header block above the limit");
    assert_eq!(tries, 8);
    assert!(memory <= 128 * 1024, "{memory}");
}

#[test]
fn a_header_bomb_costs_its_own_bytes_and_no_more() {
    // One large table entry, named again and again with a byte each: 4,000 bytes × 16,000.
    let mut peer = Peer::client(Config::default());
    let value = [b'v'; 3_900];
    let mut block = vec![0x82, 0x86, 0x84, 0x40, 1, b'x', 0x7f, 0xbd, 0x1d];
    block.extend_from_slice(&value);
    block.extend(std::iter::repeat_n(0xbe, 12_000));
    assert!(block.len() <= 16_384);
    peer.frame(
        FrameType::HEADERS,
        Flags::END_HEADERS.with(Flags::END_STREAM),
        1,
        &block,
    );
    assert_eq!(peer.seen(), ["RST_STREAM 1 ENHANCE_YOUR_CALM"]);
    assert!(peer.connection.usage() <= 70_000);
    // The table is still in step.
    peer.frame(
        FrameType::HEADERS,
        Flags::END_HEADERS.with(Flags::END_STREAM),
        3,
        &[0x82, 0x86, 0x84, 0xbe],
    );
    let head = peer.connection.head(StreamId::new(3)).unwrap();
    assert_eq!(head.get("x"), Some(&value[..]));
}

#[test]
fn header_sections_of_many_streams_are_bounded_together() {
    let mut config = Config {
        max_concurrent_streams: 10_000,
        ..Config::default()
    };
    config.limits.max_memory = 1024 * 1024;
    config.limits.max_resets = 0;
    let mut peer = Peer::client(config);
    let mut head = post("/");
    head.push("x", [b'v'; 10_000]);
    for n in 0..1_000 {
        peer.headers(id(n), &head, Flags::NONE);
        peer.seen();
    }
    let usage = peer.connection.usage();
    assert!(usage <= 512 * 1024, "{usage}");
}

#[test]
fn a_window_of_nothing_holds_only_what_the_application_pushed() {
    // A peer that opens streams and never their windows ("slow read").
    let mut peer = Peer::client(Config::default());
    peer.send(|frames| frames.settings(&[Setting::InitialWindowSize(0)]));
    for n in 0..100 {
        peer.headers(id(n), &post("/"), Flags::END_STREAM);
        let mut sender = peer.connection.sender(StreamId::new(id(n))).unwrap();
        sender.respond(&ok(), Finish::Later).unwrap();
        while sender.push(&[0; 4_096], Finish::Later).is_ok() {}
    }
    let usage = peer.connection.usage();
    assert!(usage <= 100 * (64 * 1024 + 4_096 + 1_000), "{usage}");
    // And cancelling leaves nothing of it, again and again.
    for n in 0..100 {
        peer.send(|frames| frames.reset(StreamId::new(id(n)), ErrorCode::CANCEL));
        peer.connection.release(StreamId::new(id(n)));
    }
    peer.seen();
    assert_eq!(peer.connection.usage(), 0);
}

#[test]
fn settings_that_move_many_windows_move_them_once() {
    let mut peer = Peer::client(Config::default());
    for n in 0..100 {
        peer.headers(id(n), &post("/"), Flags::NONE);
    }
    let sizes: Vec<_> = (0..2_700_u32)
        .map(|n| Setting::InitialWindowSize(n % 2 * 0x7fff_ffff))
        .collect();
    peer.send(|frames| frames.settings(&sizes));
    assert_eq!(peer.failure(), None);
    peer.connection
        .sender(StreamId::new(1))
        .unwrap()
        .respond(&ok(), Finish::Later)
        .unwrap();
}

#[test]
fn an_honest_heavy_client_is_never_refused() {
    let mut pair = Pair::new();
    // 10,000 tiny messages in flight on 100 streams, many times over.
    let ids: Vec<_> = (0..100).map(|_| pair.open(Finish::Later)).collect();
    pair.server_events();
    for round in 0..5 {
        for id in &ids {
            for _ in 0..100 {
                pair.client.sender(*id).unwrap().push(b"x", Finish::Later).unwrap();
                // Each message as a frame of its own.
                let mut out = Transmit::new();
                pair.client.poll_transmit(pair.now, &mut out);
                pair.to_server.extend_from_slice(&out.to_vec());
            }
        }
        pair.carry();
        let held = pair.server.usage();
        assert!(
            (10_000..40_000).contains(&held),
            "{held} for 10,000 bytes and 100 heads, round {round}"
        );
        for id in &ids {
            assert_eq!(read_all(&mut pair.server, *id).len(), 100);
        }
        pair.carry();
    }
    for id in ids {
        pair.client.sender(id).unwrap().finish().unwrap();
        pair.server.sender(id).unwrap().respond(&ok(), Finish::Now).unwrap();
        pair.server.release(id);
        pair.carry();
        pair.client.release(id);
    }

    // Many quick cancels: each handler ends when it hears of it.
    for _ in 0..5_000 {
        let id = pair.open(Finish::Later);
        pair.client.sender(id).unwrap().cancel(ErrorCode::CANCEL);
        pair.client.release(id);
        pair.carry();
        pair.server.release(id);
    }

    // Pings for bandwidth beside data, as Kitex and grpc-go send them.
    let id = pair.open(Finish::Later);
    for _ in 0..5_000 {
        pair.client
            .sender(id)
            .unwrap()
            .push(&[0; 1_000], Finish::Later)
            .unwrap();
        pair.client.ping(pair.now, [2, 4, 16, 16, 9, 14, 7, 7]).unwrap();
        pair.carry();
        read_all(&mut pair.server, id);
        pair.client_events();
    }
    assert_eq!(pair.client.close_reason(), None);
    assert_eq!(pair.server.close_reason(), None);
    let refused = |event: &Event| matches!(event, Event::Rejected { .. });
    assert!(!pair.server_events().iter().any(refused));
}

#[test]
fn a_burst_of_opens_before_the_limit_is_known_is_refused_and_forgiven() {
    let mut server = Connection::server(Arc::new(Config::default()), Instant::from_nanos(1));
    let now = Instant::from_nanos(1);
    let mut encoder = Encoder::new(4096);
    let mut bytes = crate::wire::http2::PREFACE.to_vec();
    bytes.extend(peer::frame(FrameType::SETTINGS, Flags::NONE, 0, &[]));
    for n in 0..1_000 {
        let mut block = Vec::new();
        encoder.encode(&post("/"), &mut block);
        bytes.extend(peer::frame(
            FrameType::HEADERS,
            Flags::END_HEADERS.with(Flags::END_STREAM),
            id(n),
            &block,
        ));
    }
    bytes.extend(peer::frame(FrameType::SETTINGS, Flags::ACK, 0, &[]));
    server.receive(now, &mut BytesMut::from(&bytes[..]));
    assert_eq!(server.close_reason(), None);
    assert_eq!(server.open_streams(), 100);
    let refused = events(&mut server)
        .into_iter()
        .filter(|event| {
            matches!(
                event,
                Event::Rejected {
                    code: ErrorCode::REFUSED_STREAM,
                    ..
                }
            )
        })
        .count();
    assert_eq!(refused, 900);
}
