//! Packets that arrive, or do not.

use std::io;
use std::time::Duration;

use super::connection::{Connection, ConnectionId, Opening, Packet, Side};
use super::{Links, Listener, Network};
use crate::core::{Core, Entry};
use crate::faults::FaultKind;
use crate::trace::{Event, What};

impl Network {
    /// The first packet of `side` is due.
    pub(crate) fn arrive(&mut self, core: &mut Core, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let (from, to) = connection.way(side);
        let flow = &mut connection.flows[side as usize];
        flow.planned = false;
        let Some(&(at, packet)) = flow.packets.front() else {
            return;
        };
        if flow.silent || !self.links.passes(from, to) {
            flow.held = Some(core.now);
            core.record(Event::Hold { from: (id, side) });
            let until = core.now + core.settings.give_up;
            core.plan(until, Entry::GiveUp(id, side));
            return;
        }
        // Packets may have been lost since this was planned, and others have taken their place.
        let due = at.max(flow.stalled).max(self.links.stalled(from, to));
        if due > core.now {
            flow.planned = true;
            core.plan(due, Entry::Packet(id, side));
            return;
        }
        if matches!(packet, Packet::Data(_))
            && !std::mem::replace(&mut flow.drawn, true)
            && self.misfortune(core, id, side)
        {
            return;
        }
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let flow = &mut connection.flows[side as usize];
        flow.packets.pop_front();
        flow.drawn = false;
        match packet {
            Packet::Open(tries) => {
                let key = (to, connection.place.clone());
                let refused = self.links.refuses(core, &key, connection.what());
                let listener = self.listeners.get_mut(&key);
                let listener = listener.filter(|listener| !refused && (!listener.loopback || from == to));
                knock(core, &self.links, connection, listener, tries);
            }
            Packet::Accepted => {
                connection.opening = Opening::Open;
                core.record(Event::Establish { connection: id });
                core.wake(&mut connection.flows[Side::Server as usize].reader);
            }
            Packet::Refused => {
                core.record(Event::Refuse { connection: id });
                connection.fail(core, Side::Client, io::ErrorKind::ConnectionRefused);
            }
            Packet::Data(bytes) => data(core, &self.links, connection, side, bytes),
            Packet::Finish => {
                core.record(Event::ArriveEnd { from: (id, side) });
                let flow = &mut connection.flows[side as usize];
                flow.ended = true;
                core.wake(&mut flow.reader);
            }
            Packet::Reset => {
                core.record(Event::ArriveReset { from: (id, side) });
                connection.fail(core, side.other(), io::ErrorKind::ConnectionReset);
            }
        }
        connection.plan(core, side);
    }

    /// What `side` sent has been held back for so long that its system stops trying.
    pub(crate) fn give_up(&mut self, core: &mut Core, id: ConnectionId, side: Side) {
        let patience = core.settings.give_up;
        if let Some(connection) = self.connections.get_mut(&id)
            && let Some(since) = connection.flows[side as usize].held
            && core.now >= since + patience
        {
            core.record(Event::GiveUp { from: (id, side) });
            connection.fail(core, side, io::ErrorKind::TimedOut);
            if connection.opening == Opening::Waiting {
                connection.fail(core, Side::Client, io::ErrorKind::TimedOut);
            }
        }
    }

    /// What was held back goes on where nothing hinders it any more.
    pub(super) fn resume(&mut self, core: &mut Core) {
        for connection in self.connections.values_mut() {
            for side in [Side::Client, Side::Server] {
                let (from, to) = connection.way(side);
                let flow = &connection.flows[side as usize];
                if flow.held.is_none() || flow.silent || !self.links.passes(from, to) {
                    continue;
                }
                let at = core.now + self.links.latency(core, from, to);
                let flow = &mut connection.flows[side as usize];
                flow.held = None;
                for packet in &mut flow.packets {
                    packet.0 = packet.0.max(at);
                }
                connection.plan(core, side);
            }
        }
    }

    /// Draws what goes wrong as data arrives. True when it does not arrive now.
    fn misfortune(&mut self, core: &mut Core, id: ConnectionId, side: Side) -> bool {
        let faults = &core.settings.faults;
        if core.random.one_in(faults.resets) {
            self.reset(core, id);
            return true;
        }
        if core.random.one_in(faults.cuts) {
            self.cut(core, id);
            return true;
        }
        if core.random.one_in(faults.vanishings) {
            self.silence(core, id, &[Side::Client, Side::Server]);
            self.retry(core, id, side);
            return true;
        }
        if core.random.one_in(faults.stalls) {
            let time = core.random.duration(&core.settings.faults.stall);
            self.stall(core, id, &[side], time);
            self.retry(core, id, side);
            return true;
        }
        if core.random.one_in(core.settings.faults.partitions)
            && let Some(connection) = self.connections.get(&id)
        {
            let (from, to) = connection.way(side);
            let time = core.random.duration(&core.settings.faults.partition);
            self.partition(core, from, to);
            let at = core.now + time;
            core.plan(at, Entry::Heal(from, to));
            self.retry(core, id, side);
            return true;
        }
        false
    }

    fn retry(&mut self, core: &mut Core, id: ConnectionId, side: Side) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.plan(core, side);
        }
    }
}

/// A client knocks at the door of a host.
fn knock(core: &mut Core, links: &Links, connection: &mut Connection, listener: Option<&mut Listener>, tries: u32) {
    match listener {
        None => connection.send(core, links, Side::Server, Packet::Refused),
        Some(listener) if listener.queue.len() < core.settings.backlog => {
            listener.queue.push_back(connection.id);
            core.wake(&mut listener.waker);
            connection.ends[Side::Server as usize].gone = false;
            connection.send(core, links, Side::Server, Packet::Accepted);
        }
        Some(_) => {
            let at = core.now + FIRST_RETRY * 2u32.pow(tries.min(MAX_DOUBLINGS));
            if tries > MAX_DOUBLINGS {
                connection.fail(core, Side::Client, io::ErrorKind::TimedOut);
            } else {
                connection.send_at(core, Side::Client, at, Packet::Open(tries + 1));
            }
        }
    }
}

fn data(core: &mut Core, links: &Links, connection: &mut Connection, side: Side, bytes: usize) {
    let from = (connection.id, side);
    core.record(Event::Arrive { from, bytes });
    let flow = &mut connection.flows[side as usize];
    flow.arrived += bytes;
    if connection.ends[side.other() as usize].gone || connection.cut {
        flow.discard();
        core.wake(&mut flow.writer);
        connection.refuse(core, links, side.other());
    } else {
        core.wake(&mut flow.reader);
    }
}

impl Links {
    /// Whether a connect is refused by a fault.
    fn refuses(&self, core: &mut Core, key: &super::Door, what: What) -> bool {
        let times = core.settings.faults.refusals;
        let refuses = self.refusing.contains(key) || core.random.one_in(times);
        if refuses {
            core.record(Event::Fault {
                kind: FaultKind::Refused,
                what,
            });
        }
        refuses
    }
}

/// As Linux: a connect that found the queue full tries again after 1, 2, 4 … 64 seconds.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_DOUBLINGS: u32 = 6;
