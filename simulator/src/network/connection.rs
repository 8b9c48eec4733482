//! One connection: two ends, and what is under way between them.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker};

use kitewire_runtime::{Address, BytesMut, Instant};

use super::{HostId, Links, Place};
use crate::core::{Core, Entry, keep};
use crate::trace::{Event, What, digest};

/// A connection of a world. They are numbered in the order in which they were begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

impl ConnectionId {
    /// Its number, from 0.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one that connected.
    Client,
    /// The one that accepted.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) id: ConnectionId,
    /// Where the client wants to go.
    pub(super) place: Place,
    pub(super) opening: Opening,
    pub(super) ends: [End; 2],
    /// What the client, and what the server has written.
    pub(super) flows: [Flow; 2],
    /// Both directions ended early: who writes on learns that the other end knows nothing of the connection.
    pub(super) cut: bool,
}

/// How far the client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Waiting,
    Open,
    Failed(io::ErrorKind),
}

#[derive(Debug)]
pub(crate) struct End {
    pub(super) host: HostId,
    /// As the other end sees it.
    pub(super) address: Option<Address>,
    /// Why it is of no use any more.
    pub(super) error: Option<io::ErrorKind>,
    /// A write has returned that error. Later ones find the pipe broken.
    told: bool,
    /// Dropped, or not made yet.
    pub(super) gone: bool,
    /// It has answered with a reset.
    pub(super) refused: bool,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Written and not read yet: the first [`Self::arrived`] have arrived, the others are under way.
    pub(super) bytes: VecDeque<u8>,
    pub(super) arrived: usize,
    /// Under way, in the order of arrival.
    pub(super) packets: VecDeque<(Instant, Packet)>,
    /// The first packet stands in the agenda.
    pub(super) planned: bool,
    /// What goes wrong with the first packet has been drawn.
    pub(super) drawn: bool,
    /// The first packet could not get through; since when.
    pub(super) held: Option<Instant>,
    /// Nothing gets through any more.
    pub(super) silent: bool,
    /// It stands still until then.
    pub(super) stalled: Instant,
    /// When the last packet arrives. None overtakes another.
    last: Instant,
    /// The writer has said that it will write no more.
    pub(super) finished: bool,
    /// The reader has learned that.
    pub(super) ended: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Packet {
    /// The client wants to connect; how often it has tried before.
    Open(u32),
    /// The server's host agrees.
    Accepted,
    /// Nobody listens there.
    Refused,
    /// So many bytes.
    Data(usize),
    /// No more bytes.
    Finish,
    /// The connection does not exist any more.
    Reset,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, client: (HostId, Option<Address>), server: (HostId, Address, Place)) -> Self {
        let end = |host, address, gone| End {
            host,
            address,
            error: None,
            told: false,
            gone,
            refused: false,
        };
        Self {
            id,
            place: server.2,
            opening: Opening::Waiting,
            ends: [end(client.0, client.1, false), end(server.0, Some(server.1), true)],
            flows: [Flow::default(), Flow::default()],
            cut: false,
        }
    }

    /// The hosts that what `side` sends travels between.
    pub(super) const fn way(&self, side: Side) -> (HostId, HostId) {
        (self.ends[side as usize].host, self.ends[side.other() as usize].host)
    }

    /// It, as something that a fault happens to.
    pub(super) const fn what(&self) -> What {
        let (client, server) = self.way(Side::Client);
        What::Connection(self.id, [client, server])
    }

    pub(super) fn send(&mut self, core: &mut Core, links: &Links, side: Side, packet: Packet) {
        let (from, to) = self.way(side);
        let at = core.now + links.latency(core, from, to);
        self.send_at(core, side, at, packet);
    }

    pub(super) fn send_at(&mut self, core: &mut Core, side: Side, at: Instant, packet: Packet) {
        let flow = &mut self.flows[side as usize];
        flow.last = flow.last.max(at);
        flow.packets.push_back((flow.last, packet));
        self.plan(core, side);
    }

    /// Puts the first packet into the agenda.
    pub(super) fn plan(&mut self, core: &mut Core, side: Side) {
        let flow = &mut self.flows[side as usize];
        if !flow.planned
            && flow.held.is_none()
            && let Some(&(at, _)) = flow.packets.front()
        {
            flow.planned = true;
            core.plan(at, Entry::Packet(self.id, side));
        }
    }

    pub(super) fn read(
        &mut self,
        core: &mut Core,
        side: Side,
        cx: &Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let flow = &mut self.flows[side.other() as usize];
        if flow.arrived > 0 {
            let spare = buffer.capacity() - buffer.len();
            let taken = core.chunk(flow.arrived.min(spare));
            let (front, back) = flow.bytes.as_slices();
            let first = taken.min(front.len());
            buffer.extend_from_slice(&front[..first]);
            buffer.extend_from_slice(&back[..taken - first]);
            flow.bytes.drain(..taken);
            flow.arrived -= taken;
            core.wake(&mut flow.writer);
            core.record(Event::Read {
                from: (self.id, side.other()),
                bytes: taken,
            });
            return Poll::Ready(Ok(taken));
        }
        if let Some(error) = self.ends[side as usize].error {
            return Poll::Ready(Err(error.into()));
        }
        if flow.ended {
            return Poll::Ready(Ok(0));
        }
        keep(&mut flow.reader, cx);
        Poll::Pending
    }

    pub(super) fn write(
        &mut self,
        core: &mut Core,
        links: &Links,
        side: Side,
        cx: &Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let end = &mut self.ends[side as usize];
        if let Some(error) = end.error {
            let told = std::mem::replace(&mut end.told, true);
            let error = if told { io::ErrorKind::BrokenPipe } else { error };
            return Poll::Ready(Err(error.into()));
        }
        let flow = &mut self.flows[side as usize];
        if flow.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let offered = slices.iter().map(|slice| slice.len()).sum::<usize>();
        // Where a connection was cut, nobody asks how much its reader has room for.
        let unread = if self.cut { flow.arrived } else { 0 };
        let waiting = flow.bytes.len() - unread;
        let space = core.settings.buffer.saturating_sub(waiting);
        if space == 0 && offered > 0 {
            keep(&mut flow.writer, cx);
            return Poll::Pending;
        }
        let taken = core.chunk(offered.min(space));
        let mut left = taken;
        let mut hash = 0;
        for slice in slices {
            let part = &slice[..left.min(slice.len())];
            flow.bytes.extend(part);
            hash ^= digest(part).rotate_left(u32::try_from(left % 64).unwrap_or(0));
            left -= part.len();
        }
        core.record(Event::Write {
            from: (self.id, side),
            bytes: taken,
            digest: hash,
        });
        self.dispatch(core, links, side, taken);
        Poll::Ready(Ok(taken))
    }

    /// Sends what was written, sometimes in two parts.
    fn dispatch(&mut self, core: &mut Core, links: &Links, side: Side, bytes: usize) {
        let first = if core.settings.chunks.is_some() && bytes > 1 && core.random.one_in(4) {
            1 + core.random.index(bytes - 1)
        } else {
            bytes
        };
        if first > 0 {
            self.send(core, links, side, Packet::Data(first));
        }
        if first < bytes {
            self.send(core, links, side, Packet::Data(bytes - first));
        }
    }

    pub(super) fn finish(&mut self, core: &mut Core, links: &Links, side: Side) {
        if self.ends[side as usize].error.is_none() && !self.flows[side as usize].finished {
            self.flows[side as usize].finished = true;
            core.record(Event::Finish { from: (self.id, side) });
            self.send(core, links, side, Packet::Finish);
        }
    }

    /// An end is closed altogether. As a system does: whoever leaves something unread resets the connection.
    pub(super) fn drop_end(&mut self, core: &mut Core, links: &Links, side: Side) {
        self.ends[side as usize].gone = true;
        core.record(Event::Drop { end: (self.id, side) });
        if self.ends[side as usize].error.is_some() {
            return;
        }
        let inbound = &mut self.flows[side.other() as usize];
        if inbound.arrived > 0 {
            inbound.discard();
            // A reset may overtake what was written before it, when that was lost once on the way.
            if core.random.one_in(2) {
                self.flows[side as usize].lose();
                self.ends[side as usize].refused = false;
            }
            self.refuse(core, links, side);
        } else {
            self.finish(core, links, side);
        }
    }

    /// Tells the other end that here is nobody any more.
    pub(super) fn refuse(&mut self, core: &mut Core, links: &Links, side: Side) {
        if !std::mem::replace(&mut self.ends[side as usize].refused, true) {
            self.send(core, links, side, Packet::Reset);
        }
    }

    /// The end at `side` is of no use any more.
    pub(super) fn fail(&mut self, core: &mut Core, side: Side, error: io::ErrorKind) {
        if side == Side::Client && self.opening == Opening::Waiting {
            self.opening = Opening::Failed(error);
        }
        self.ends[side as usize].error.get_or_insert(error);
        let outbound = &mut self.flows[side as usize];
        outbound.lose();
        core.wake(&mut outbound.writer);
        core.wake(&mut self.flows[side.other() as usize].reader);
    }
}

impl Flow {
    /// What is under way never arrives.
    pub(super) fn lose(&mut self) {
        self.bytes.truncate(self.arrived);
        self.packets.clear();
        self.drawn = false;
    }

    /// What has arrived is thrown away.
    pub(super) fn discard(&mut self) {
        self.bytes.drain(..self.arrived);
        self.arrived = 0;
    }
}
