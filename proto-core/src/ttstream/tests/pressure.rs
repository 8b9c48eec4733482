//! What presses on a connection: readers and senders that wait, and memory that is easily overlooked.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::frames::Frame;
use super::rig::{Side, services, stream};
use crate::Transmit;
use crate::dispatch::{MethodKind, UnknownHandler};
use crate::pingpong::Demand;
use crate::time::Instant;
use crate::ttstream::*;

#[test]
fn a_pause_that_is_over_resets_nobody() {
    let mut side = Side::server(|config| config.connection_memory = 1000);
    let id = side.opened(1, "bidi");
    side.feed(&[Frame::data(1, [b'x'; 436]), Frame::data(1, [b'x'; 436])]);
    // All is taken at once, and nothing more comes.
    assert_eq!(side.pulled(id).len(), 2);
    side.wait(Duration::from_secs(3));
    assert_eq!((side.ending(id), side.sent()), ("none".to_owned(), vec![]));
}

#[test]
fn blocked_senders_take_turns() {
    let mut side = Side::stock_client(|_| {});
    let ids = [side.open("bidi"), side.open("bidi"), side.open("bidi")];
    side.frames();
    let mut sent = [0; 3];
    let message = Bytes::from(vec![0; 300 * 1024]);
    let mut go = |side: &mut Side, n: usize| {
        while side.connection.sender(ids[n]).unwrap().send(&message).is_ok() {
            sent[n] += 1;
        }
    };
    for n in 0..3 {
        go(&mut side, n);
    }
    for _ in 0..100 {
        side.frames();
        while let Some(event) = side.connection.poll_event() {
            if let Event::Writable { id } = event {
                go(&mut side, ids.iter().position(|other| *other == id).unwrap());
            }
        }
    }
    assert!(sent.iter().all(|sent| *sent > 20), "{sent:?}");
}

#[test]
fn names_in_headers_count() {
    let mut side = Side::server(|config| config.connection_memory = 1024 * 1024);
    let caller = "x".repeat(60_000);
    for id in 1..=200 {
        side.feed(&[Frame::open(id, "bidi").int(3, &caller)]);
    }
    let refused = side.told().iter().filter(|event| event.starts_with("refused")).count();
    assert!(refused > 150, "refused {refused}, usage {}", side.connection.usage());
}

#[test]
fn a_large_message_pins_no_more_than_it_costs() {
    let mut side = Side::stock_client(|_| {});
    let id = side.open("bidi");
    side.frames();
    let mut block = BytesMut::with_capacity(64 * 1024);
    let range = block.as_ptr() as usize..block.as_ptr() as usize + 64 * 1024;
    let junk = Frame::data(99, vec![0; 1000]).bytes();
    let message = Frame::data(id.get(), vec![7; 8200]).bytes();
    while block.len() + junk.len() + message.len() <= 64 * 1024 {
        block.extend_from_slice(&junk);
    }
    block.extend_from_slice(&message);
    side.connection.receive(side.now, &mut block);
    let Pull::Message(message) = side.connection.receiver(id).unwrap().pull() else {
        panic!()
    };
    let bytes = message.to_bytes();
    assert_eq!(bytes.len(), 8200);
    assert!(
        !range.contains(&(bytes.as_ptr() as usize)),
        "8 KiB hold a block of 64 KiB"
    );
}

/// A socket with so much room each way.
const ROOM: usize = 256 * 1024;

#[derive(Default)]
struct Pipe {
    out: Option<Transmit>,
    under_way: Vec<u8>,
    arrived: BytesMut,
}

impl Pipe {
    fn turn(&mut self, now: Instant, from: &mut Connection, to: &mut Connection) -> bool {
        let out = self.out.get_or_insert_with(Transmit::new);
        let mut moved = false;
        while self.under_way.len() < ROOM && from.poll_transmit(now, out) {
            let n = out.len().min(ROOM - self.under_way.len());
            self.under_way.extend_from_slice(&out.to_vec()[..n]);
            out.advance(n);
            moved |= n > 0;
        }
        match to.read_demand() {
            Demand::Receive => to.receive(now, &mut self.arrived),
            Demand::Read if !self.under_way.is_empty() => {
                let n = self.under_way.len().min(64 * 1024);
                self.arrived.extend_from_slice(&self.under_way[..n]);
                self.under_way.drain(..n);
                to.receive(now, &mut self.arrived);
            }
            _ => return moved,
        }
        true
    }
}

#[test]
fn two_sides_with_large_headers_do_not_wait_for_each_other() {
    let now = Instant::from_nanos(1);
    let mut client = Connection::client(Arc::new(Config::default()), now);
    let mut server = Connection::server(services(UnknownHandler::Absent), Arc::new(Config::default()), now);
    let (mut there, mut back) = (Pipe::default(), Pipe::default());
    let mut entries = Strings::new();
    entries.push("room", "x".repeat(10_000));
    let (mut opened, mut headers) = (0, 0);
    let mut quiet = 0;
    while quiet < 10 {
        quiet += 1;
        for _ in 0..32 {
            let mut request = Request::new("Stream", "bidi", MethodKind::BidirectionalStreaming);
            request.strings = &entries;
            if client.open(now, &request).is_ok() {
                opened += 1;
            }
        }
        if there.turn(now, &mut client, &mut server) | back.turn(now, &mut server, &mut client) {
            quiet = 0;
        }
        while let Some(event) = server.poll_event() {
            if let Event::Opened { id } = event {
                server.sender(id).unwrap().send_header(&entries).unwrap();
            }
        }
        while let Some(event) = client.poll_event() {
            if let Event::Header { .. } = event {
                headers += 1;
            }
        }
    }
    assert_eq!(
        (opened, headers),
        (1024, 1024),
        "{:?} {:?}",
        client.read_demand(),
        server.read_demand()
    );
}

#[test]
fn a_business_status_of_a_client_is_kept_without_its_extra() {
    let mut side = Side::server(|config| config.connection_memory = 64 * 1024);
    let extra: Vec<_> = (0..5900).map(|n| format!("\"{n:x}\":\"\"")).collect();
    let extra = format!("{{{}}}", extra.join(","));
    assert!(extra.len() < 65_536);
    for id in 1..=50 {
        side.opened(id, "bidi");
        side.feed(&[Frame::trailer(id).text("biz-status", "1").text("biz-extra", &extra)]);
    }
    let held: usize = (1..=50)
        .map(|id| match side.connection.outcome(stream(id)) {
            Some(Outcome::Business(status)) => status.extra.len() * 48,
            _ => 0,
        })
        .sum();
    assert!(
        held < 64 * 1024,
        "{held} bytes and more, usage {}",
        side.connection.usage()
    );
}

#[test]
fn a_peer_is_not_late_while_nobody_reads() {
    let mut side = Side::server(|_| {});
    let ids = [side.opened(1, "bidi"), side.opened(2, "bidi")];
    let frame = Frame::data(1, "hello").bytes();
    side.feed_bytes(&frame[..10]);
    side.stuck();
    let mut entries = Strings::new();
    for n in 0..4 {
        entries.push(format!("k{n}"), "x".repeat(60_000));
    }
    for id in ids {
        side.connection.sender(id).unwrap().send_header(&entries).unwrap();
    }
    let other = side.connection.read_demand();
    side.wait(Duration::from_secs(6));
    assert_eq!(side.connection.close_reason(), None, "{other:?}");
}
