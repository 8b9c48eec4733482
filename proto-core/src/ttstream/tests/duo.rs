//! A client and a server of ours, one clock, and a link that cuts bytes anywhere.

use std::sync::Arc;

use bytes::BytesMut;

use super::rig::services;
use crate::Transmit;
use crate::dispatch::UnknownHandler;
use crate::pingpong::Demand;
use crate::time::Instant;
use crate::ttstream::*;

pub(super) struct Duo {
    pub(super) client: Connection,
    pub(super) server: Connection,
    pub(super) now: Instant,
    to_client: Wire,
    to_server: Wire,
}

impl Duo {
    pub(super) fn new(client: Config, server: Config) -> Self {
        let now = Instant::from_nanos(1);
        Self {
            client: Connection::client(Arc::new(client), now),
            server: Connection::server(services(UnknownHandler::Absent), Arc::new(server), now),
            now,
            to_client: Wire::default(),
            to_server: Wire::default(),
        }
    }

    /// At most so many bytes each way. Returns whether there were any.
    pub(super) fn carry(&mut self, piece: usize) -> bool {
        let there = pump(self.now, &mut self.client, &mut self.server, &mut self.to_server, piece);
        let back = pump(self.now, &mut self.server, &mut self.client, &mut self.to_client, piece);
        there | back
    }

    /// Carries until nothing is under way.
    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.carry(usize::MAX) {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    /// Bytes that a side was given and has not taken in.
    pub(super) fn unread(&self) -> (usize, usize) {
        (self.to_client.arrived.len(), self.to_server.arrived.len())
    }
}

/// One direction of the link.
#[derive(Default)]
struct Wire {
    under_way: BytesMut,
    /// What the reader has not taken.
    arrived: BytesMut,
}

fn pump(now: Instant, from: &mut Connection, to: &mut Connection, wire: &mut Wire, piece: usize) -> bool {
    let mut out = Transmit::new();
    let mut moved = false;
    // The link takes more only when it is nearly empty, as a socket does.
    while wire.under_way.len() < 64 * 1024 && from.poll_transmit(now, &mut out) {
        wire.under_way.extend_from_slice(&out.to_vec());
        out.advance(out.len());
        moved = true;
    }
    let demand = to.read_demand();
    if demand == Demand::Receive {
        to.receive(now, &mut wire.arrived);
        return true;
    }
    if demand != Demand::Read {
        return moved;
    }
    let arriving = wire.under_way.split_to(piece.min(wire.under_way.len()));
    wire.arrived.extend_from_slice(&arriving);
    if !arriving.is_empty() {
        to.receive(now, &mut wire.arrived);
        moved = true;
    }
    moved
}

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}
