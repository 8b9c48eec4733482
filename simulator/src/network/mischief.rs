//! Faults, as they are done to the network.

use std::io;
use std::time::Duration;

use super::connection::{ConnectionId, Packet, Side};
use super::{Door, HostId, Network};
use crate::core::Core;
use crate::faults::FaultKind;
use crate::trace::{Event, What};

/// What can be seen of a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Which one it is.
    pub id: ConnectionId,
    /// The host that connected.
    pub client: Box<str>,
    /// The host that it connects to.
    pub server: Box<str>,
    /// Both sides know of each other.
    pub established: bool,
    /// Nothing gets through any more, in one direction at least.
    pub silent: bool,
    /// Bytes that the client has written and the server has not read yet.
    pub to_server: usize,
    /// Bytes that the server has written and the client has not read yet.
    pub to_client: usize,
}

impl Network {
    pub(crate) fn connections(&self) -> Vec<ConnectionInfo> {
        let name = |host: HostId| self.hosts[host].name.clone();
        self.connections
            .values()
            .map(|connection| ConnectionInfo {
                id: connection.id,
                client: name(connection.ends[Side::Client as usize].host),
                server: name(connection.ends[Side::Server as usize].host),
                established: connection.opening == super::Opening::Open,
                silent: connection.flows.iter().any(|flow| flow.silent),
                to_server: connection.flows[Side::Client as usize].bytes.len(),
                to_client: connection.flows[Side::Server as usize].bytes.len(),
            })
            .collect()
    }

    pub(crate) fn reset(&mut self, core: &mut Core, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        fault(core, FaultKind::Reset, connection.what());
        for side in [Side::Client, Side::Server] {
            connection.fail(core, side, io::ErrorKind::ConnectionReset);
        }
    }

    pub(crate) fn cut(&mut self, core: &mut Core, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        fault(core, FaultKind::Cut, connection.what());
        if connection.opening == super::Opening::Waiting {
            connection.fail(core, Side::Client, io::ErrorKind::ConnectionReset);
        }
        connection.cut = true;
        for flow in &mut connection.flows {
            flow.lose();
            flow.ended = true;
            core.wake(&mut flow.reader);
            core.wake(&mut flow.writer);
        }
    }

    pub(crate) fn silence(&mut self, core: &mut Core, id: ConnectionId, sides: &[Side]) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        fault(core, FaultKind::Vanished, connection.what());
        for side in sides {
            connection.flows[*side as usize].silent = true;
        }
    }

    pub(crate) fn stall(&mut self, core: &mut Core, id: ConnectionId, sides: &[Side], time: Duration) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        fault(core, FaultKind::Stalled, connection.what());
        let until = core.now + time;
        for side in sides {
            let flow = &mut connection.flows[*side as usize];
            flow.stalled = flow.stalled.max(until);
        }
    }

    pub(crate) fn stall_link(&mut self, core: &mut Core, one: HostId, other: HostId, time: Duration) {
        fault(core, FaultKind::Stalled, What::Hosts(one, other));
        let until = core.now + time;
        for way in [(one, other), (other, one)] {
            let stalled = self.links.stalls.entry(way).or_insert(until);
            *stalled = until.max(*stalled);
        }
    }

    /// Nothing gets from one host to the other, either way.
    pub(crate) fn partition(&mut self, core: &mut Core, one: HostId, other: HostId) {
        fault(core, FaultKind::Partitioned, What::Hosts(one, other));
        self.links.walls.insert((one, other));
        self.links.walls.insert((other, one));
    }

    /// Nothing gets from the first host to the second.
    pub(crate) fn wall(&mut self, core: &mut Core, from: HostId, to: HostId) {
        fault(core, FaultKind::Partitioned, What::Hosts(from, to));
        self.links.walls.insert((from, to));
    }

    pub(crate) fn heal(&mut self, core: &mut Core, one: HostId, other: HostId) {
        self.links.walls.remove(&(one, other));
        self.links.walls.remove(&(other, one));
        self.resume(core);
    }

    pub(crate) fn heal_all(&mut self, core: &mut Core) {
        self.links.walls.clear();
        self.links.stalls.clear();
        self.links.refusing.clear();
        self.resume(core);
    }

    pub(crate) fn set_latency(&mut self, one: HostId, other: HostId, (least, most): (Duration, Duration)) {
        for way in [(one, other), (other, one)] {
            self.links.latencies.insert(way, (least, most));
        }
    }

    pub(crate) fn set_refusing(&mut self, door: Door, refuses: Refuses) {
        match refuses {
            Refuses::Everybody => self.links.refusing.insert(door),
            Refuses::Nobody => self.links.refusing.remove(&door),
        };
    }

    pub(crate) fn note_kill(&self, core: &mut Core, host: HostId) {
        fault(core, FaultKind::Killed, What::Host(host));
    }

    /// The host falls silent at once. What it has sent is lost.
    pub(crate) fn power_off(&mut self, core: &mut Core, host: HostId) {
        if !self.links.off.insert(host) {
            return;
        }
        fault(core, FaultKind::PoweredOff, What::Host(host));
        for connection in self.connections.values_mut() {
            for side in [Side::Client, Side::Server] {
                if connection.ends[side as usize].host == host {
                    connection.fail(core, side, io::ErrorKind::ConnectionAborted);
                    connection.flows[side as usize].silent = true;
                }
            }
        }
    }

    /// The host is there again. Of its old connections it knows nothing: who sends into one is told so.
    pub(crate) fn power_on(&mut self, core: &mut Core, host: HostId) {
        if !self.links.off.remove(&host) {
            return;
        }
        for connection in self.connections.values_mut() {
            for side in [Side::Client, Side::Server] {
                if connection.ends[side as usize].host == host {
                    let flow = &mut connection.flows[side as usize];
                    flow.packets.retain(|(_, packet)| matches!(packet, Packet::Open(_)));
                    flow.drawn = false;
                    flow.silent = false;
                }
            }
        }
        self.resume(core);
    }
}

/// Whom an address turns away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refuses {
    Everybody,
    Nobody,
}

fn fault(core: &mut Core, kind: FaultKind, what: What) {
    core.record(Event::Fault { kind, what });
}
