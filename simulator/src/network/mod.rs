//! The network of a world: hosts, who listens, and what connects them.

mod arrival;
mod connection;
mod mischief;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kitewire_runtime::{Address, BytesMut, Instant};

use crate::core::{Core, keep};
use crate::faults::FaultKind;
use crate::trace::{Event, What};
use connection::{Connection, Opening, Packet};
pub use connection::{ConnectionId, Side};
pub use mischief::ConnectionInfo;
pub(crate) use mischief::Refuses;

/// The place of a host among all of them.
pub(crate) type HostId = usize;

/// What a listener is known by.
type Door = (HostId, Place);

/// Where on a host one can listen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Port(u16),
    Path(PathBuf),
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) hosts: Vec<Host>,
    listeners: BTreeMap<Door, Listener>,
    connections: BTreeMap<ConnectionId, Connection>,
    links: Links,
    begun: u64,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Box<str>,
    pub(crate) ip: Ipv4Addr,
    /// The port that is tried next where any will do.
    port: u16,
}

#[derive(Debug, Default)]
struct Listener {
    /// Only its own host reaches it.
    loopback: bool,
    queue: VecDeque<ConnectionId>,
    waker: Option<Waker>,
}

/// What holds between hosts.
#[derive(Debug, Default)]
struct Links {
    /// Nothing gets from the first to the second.
    walls: BTreeSet<(HostId, HostId)>,
    stalls: BTreeMap<(HostId, HostId), Instant>,
    latencies: BTreeMap<(HostId, HostId), (Duration, Duration)>,
    off: BTreeSet<HostId>,
    refusing: BTreeSet<Door>,
}

impl Network {
    /// The host of that name, which is made if there is none yet.
    pub(crate) fn host(&mut self, name: &str) -> HostId {
        if let Some(known) = self.hosts.iter().position(|host| &*host.name == name) {
            return known;
        }
        let number = u32::try_from(self.hosts.len() + 1).unwrap_or(u32::MAX);
        self.hosts.push(Host {
            name: name.into(),
            ip: Ipv4Addr::from_bits(FIRST_NETWORK.to_bits().saturating_add(number)),
            port: FIRST_PORT,
        });
        self.hosts.len() - 1
    }

    pub(crate) fn listen(&mut self, host: HostId, address: &Address) -> io::Result<(Address, Place)> {
        let mut loopback = false;
        let (place, ip) = match address {
            Address::Unix(path) => (Place::Path(path.clone()), None),
            Address::Tcp(address) => {
                loopback = address.ip().is_loopback();
                if !self.is_at(host, address.ip()) {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                (Place::Port(address.port()), Some(address.ip()))
            }
            Address::Name(name) => {
                let (target, port) = self.resolve(host, name)?;
                if target != host {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                (Place::Port(port), Some(IpAddr::V4(self.hosts[host].ip)))
            }
        };
        let place = match place {
            Place::Port(0) => Place::Port(self.free_port(host)),
            other => other,
        };
        let door = (host, place.clone());
        if self.listeners.contains_key(&door) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let listener = Listener {
            loopback,
            ..Listener::default()
        };
        self.listeners.insert(door, listener);
        let local = match (&place, ip) {
            (Place::Port(port), Some(ip)) => Address::from((ip, *port)),
            _ => address.clone(),
        };
        Ok((local, place))
    }

    /// Nobody listens there any more; who stands in the queue is reset.
    pub(crate) fn stop_listening(&mut self, core: &mut Core, host: HostId, place: &Place) {
        let Some(listener) = self.listeners.remove(&(host, place.clone())) else {
            return;
        };
        for id in listener.queue {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.refuse(core, &self.links, Side::Server);
            }
            self.drop_end(core, id, Side::Server);
        }
    }

    pub(crate) fn accept(
        &mut self,
        core: &mut Core,
        host: HostId,
        place: &Place,
        cx: &Context<'_>,
    ) -> Poll<io::Result<(ConnectionId, Option<Address>)>> {
        let Some(listener) = self.listeners.get_mut(&(host, place.clone())) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let Some(&id) = listener.queue.front() else {
            keep(&mut listener.waker, cx);
            return Poll::Pending;
        };
        let connection = self.connections.get(&id);
        if core.random.one_in(core.settings.faults.accept_failures) {
            core.record(Event::Fault {
                kind: FaultKind::AcceptFailed,
                what: connection.map_or(What::Host(host), Connection::what),
            });
            return Poll::Ready(Err(io::Error::other("too many open files")));
        }
        listener.queue.pop_front();
        core.record(Event::Accept { connection: id });
        let peer = connection.and_then(|connection| connection.ends[Side::Client as usize].address.clone());
        Poll::Ready(Ok((id, peer)))
    }

    /// Begins to connect.
    pub(crate) fn connect(&mut self, core: &mut Core, host: HostId, address: &Address) -> io::Result<ConnectionId> {
        let (target, place) = match address {
            Address::Unix(path) => (host, Place::Path(path.clone())),
            Address::Name(name) => {
                let (target, port) = self.resolve(host, name)?;
                (target, Place::Port(port))
            }
            Address::Tcp(address) => {
                let target = if self.is_at(host, address.ip()) {
                    Some(host)
                } else {
                    self.hosts.iter().position(|other| other.ip == address.ip())
                };
                (
                    target.ok_or(io::ErrorKind::HostUnreachable)?,
                    Place::Port(address.port()),
                )
            }
        };
        let client = match &place {
            Place::Port(_) => {
                let port = self.free_port(host);
                Some(Address::from((IpAddr::V4(self.hosts[host].ip), port)))
            }
            Place::Path(_) => None,
        };
        let server = match &place {
            Place::Port(port) => Address::from((IpAddr::V4(self.hosts[target].ip), *port)),
            Place::Path(path) => Address::Unix(path.clone()),
        };
        let id = ConnectionId(self.begun);
        self.begun += 1;
        let route = match &place {
            Place::Port(port) => format!("{} to {}:{port}", self.hosts[host].name, self.hosts[target].name),
            Place::Path(path) => format!("{} to unix:{}", self.hosts[host].name, path.display()),
        };
        core.record(Event::Connect {
            connection: id,
            route: route.into(),
        });
        let mut connection = Connection::new(id, (host, client), (target, server, place));
        connection.send(core, &self.links, Side::Client, Packet::Open(0));
        self.connections.insert(id, connection);
        Ok(id)
    }

    /// Waits until a connect has gone well or not; its address then.
    pub(crate) fn poll_connect(&mut self, id: ConnectionId, cx: &Context<'_>) -> Poll<io::Result<Option<Address>>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match connection.opening {
            Opening::Open => Poll::Ready(Ok(connection.ends[Side::Server as usize].address.clone())),
            Opening::Failed(error) => Poll::Ready(Err(error.into())),
            Opening::Waiting => {
                keep(&mut connection.flows[Side::Server as usize].reader, cx);
                Poll::Pending
            }
        }
    }

    pub(crate) fn read(
        &mut self,
        core: &mut Core,
        (id, side): (ConnectionId, Side),
        cx: &Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self.connections.get_mut(&id) {
            Some(connection) => connection.read(core, side, cx, buffer),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    pub(crate) fn write(
        &mut self,
        core: &mut Core,
        (id, side): (ConnectionId, Side),
        cx: &Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.connections.get_mut(&id) {
            Some(connection) => connection.write(core, &self.links, side, cx, slices),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    pub(crate) fn finish(&mut self, core: &mut Core, (id, side): (ConnectionId, Side)) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.finish(core, &self.links, side);
        }
    }

    pub(crate) fn drop_end(&mut self, core: &mut Core, id: ConnectionId, side: Side) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.drop_end(core, &self.links, side);
            if connection.ends.iter().all(|end| end.gone) {
                self.connections.remove(&id);
            }
        }
    }

    /// Whether the host answers to that address itself.
    fn is_at(&self, host: HostId, ip: IpAddr) -> bool {
        ip.is_loopback() || ip.is_unspecified() || ip == self.hosts[host].ip
    }

    /// `name:port`, as `host` sees it.
    fn resolve(&self, host: HostId, name: &str) -> io::Result<(HostId, u16)> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("this world has no host {name:?}"));
        let (wanted, port) = name.rsplit_once(':').ok_or_else(unknown)?;
        let port = port.parse().map_err(|_| unknown())?;
        if wanted == "localhost" {
            return Ok((host, port));
        }
        let found = self.hosts.iter().position(|other| &*other.name == wanted);
        Ok((found.ok_or_else(unknown)?, port))
    }

    /// The next port of the host that nobody listens on. Ports of clients are not kept apart: none is used twice in a
    /// row of 16,384.
    fn free_port(&mut self, host: HostId) -> u16 {
        loop {
            let port = self.hosts[host].port;
            self.hosts[host].port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.listeners.contains_key(&(host, Place::Port(port))) {
                return port;
            }
        }
    }
}

impl Links {
    fn passes(&self, from: HostId, to: HostId) -> bool {
        !self.walls.contains(&(from, to)) && !self.off.contains(&from) && !self.off.contains(&to)
    }

    fn stalled(&self, from: HostId, to: HostId) -> Instant {
        self.stalls.get(&(from, to)).copied().unwrap_or(Instant::ZERO)
    }

    fn latency(&self, core: &mut Core, from: HostId, to: HostId) -> Duration {
        match self.latencies.get(&(from, to)) {
            Some(&(least, most)) => core.random.duration(&(least..=most)),
            None => core.random.duration(&core.settings.latency),
        }
    }
}

/// Hosts are 10.0.0.1, 10.0.0.2 and so on.
const FIRST_NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
/// Where ports that a system chooses begin.
const FIRST_PORT: u16 = 49152;
