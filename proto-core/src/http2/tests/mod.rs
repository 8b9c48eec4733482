//! Both sides against each other, and raw frames where a side of ours would not send them.

mod attacks;
mod exchange;
mod flow;
mod life;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::*;
use crate::time::Instant;
use crate::{Demand, Transmit};

pub(super) use peer::Peer;

/// Two sides, one clock, and a link that carries everything at once.
pub(super) struct Pair {
    pub(super) client: Connection,
    pub(super) server: Connection,
    pub(super) now: Instant,
    to_client: BytesMut,
    to_server: BytesMut,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self::with(Config::default(), Config::default())
    }

    pub(super) fn with(client: Config, server: Config) -> Self {
        let now = Instant::from_nanos(1);
        let mut pair = Self {
            client: Connection::client(Arc::new(client), now),
            server: Connection::server(Arc::new(server), now),
            now,
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
        };
        pair.carry();
        pair
    }

    /// Carries bytes both ways until none are left.
    pub(super) fn carry(&mut self) {
        for _ in 0..100_000 {
            let there = carry(self.now, &mut self.client, &mut self.server, &mut self.to_server);
            let back = carry(self.now, &mut self.server, &mut self.client, &mut self.to_client);
            if !there && !back {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.carry();
    }

    /// Opens a stream and lets the server see it.
    pub(super) fn open(&mut self, finish: Finish) -> StreamId {
        let id = self.client.open(self.now, &post("/a.B/c"), finish).unwrap();
        self.carry();
        id
    }

    pub(super) fn server_events(&mut self) -> Vec<Event> {
        events(&mut self.server)
    }

    pub(super) fn client_events(&mut self) -> Vec<Event> {
        events(&mut self.client)
    }
}

fn carry(now: Instant, from: &mut Connection, to: &mut Connection, wire: &mut BytesMut) -> bool {
    let mut out = Transmit::new();
    let mut moved = !wire.is_empty();
    while from.poll_transmit(now, &mut out) {
        wire.extend_from_slice(&out.to_vec());
        out.advance(out.len());
        moved = true;
    }
    if moved || to.read_demand() == Demand::Receive {
        to.receive(now, wire);
    }
    moved && !to.is_closed()
}

pub(super) fn events(connection: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| connection.poll_event()).collect()
}

pub(super) fn post(path: &str) -> Fields {
    let mut head = Fields::request("POST", "http", "a.svc", path);
    head.push("content-type", "application/grpc");
    head.push("te", "trailers");
    head
}

pub(super) fn ok() -> Fields {
    let mut head = Fields::response(200);
    head.push("content-type", "application/grpc");
    head
}

pub(super) fn trailers() -> Fields {
    let mut trailers = Fields::new();
    trailers.push("grpc-status", "0");
    trailers
}

pub(super) fn read_all(connection: &mut Connection, id: StreamId) -> Vec<u8> {
    let mut body = Vec::new();
    let mut half = connection.receiver(id).unwrap();
    while !half.chunk().is_empty() {
        let len = half.chunk().len();
        body.extend_from_slice(half.chunk());
        half.consume(len);
    }
    body
}

pub(super) fn reset(code: ErrorCode, by: Initiator) -> Outcome {
    Outcome::Reset { code, by }
}
