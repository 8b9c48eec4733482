//! What one can do to the network of a world.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kitewire_runtime::Address;

use crate::core::{Order, Shared};
use crate::faults::{FaultInfo, Faults};
use crate::network::{ConnectionId, ConnectionInfo, Place, Refuses, Side};
use crate::runtime::Simulated;

/// The network of a [`World`](crate::World). Cheap to clone; it may be used inside tasks, too.
///
/// Whatever it does happens at once. What is asked of a connection that is gone is forgotten.
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

impl Net {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }

    /// The connections that exist, those being made included, in the order in which they were begun.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.shared.with(|state| state.network.connections())
    }

    /// Resets a connection: both ends get an error, and what is under way is lost. What has arrived can still be read.
    pub fn reset(&self, connection: ConnectionId) {
        self.shared
            .with(|state| state.network.reset(&mut state.core, connection));
    }

    /// Ends a connection early: both ends see an end of the stream after what has arrived, and the rest is lost.
    pub fn cut(&self, connection: ConnectionId) {
        self.shared.with(|state| state.network.cut(&mut state.core, connection));
    }

    /// Makes a connection fall silent for ever, without anybody being told.
    pub fn vanish(&self, connection: ConnectionId) {
        let sides = [Side::Client, Side::Server];
        self.shared
            .with(|state| state.network.silence(&mut state.core, connection, &sides));
    }

    /// Makes one direction fall silent for ever: what `from` sends does not arrive. The connection is half open.
    pub fn half_open(&self, connection: ConnectionId, from: Side) {
        self.shared
            .with(|state| state.network.silence(&mut state.core, connection, &[from]));
    }

    /// Both directions of a connection stand still for a while.
    pub fn stall(&self, connection: ConnectionId, time: Duration) {
        let sides = [Side::Client, Side::Server];
        self.shared
            .with(|state| state.network.stall(&mut state.core, connection, &sides, time));
    }

    /// Everything between two hosts stands still for a while.
    pub fn stall_link(&self, one: &Simulated, other: &Simulated, time: Duration) {
        self.shared
            .with(|state| state.network.stall_link(&mut state.core, one.host, other.host, time));
    }

    /// Two hosts do not hear each other until [`Self::heal`]. What they send meanwhile arrives afterwards, unless a
    /// system has given up by then.
    pub fn partition(&self, one: &Simulated, other: &Simulated) {
        self.shared
            .with(|state| state.network.partition(&mut state.core, one.host, other.host));
    }

    /// What `from` sends does not get to `to` until [`Self::heal`].
    pub fn partition_one_way(&self, from: &Simulated, to: &Simulated) {
        self.shared
            .with(|state| state.network.wall(&mut state.core, from.host, to.host));
    }

    /// Two hosts hear each other again.
    pub fn heal(&self, one: &Simulated, other: &Simulated) {
        self.shared
            .with(|state| state.network.heal(&mut state.core, one.host, other.host));
    }

    /// No partition, stalled link or refusal remains. Connections keep what was done to them.
    pub fn heal_all(&self) {
        self.shared.with(|state| state.network.heal_all(&mut state.core));
    }

    /// What goes wrong by itself from now on, instead of the faults that the world was built with.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.with(|state| state.core.settings.faults = faults);
    }

    /// What has gone wrong so far, drawn or done on purpose, the first fault first.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultInfo> {
        self.shared.with(|state| state.core.recorder.faults().to_vec())
    }

    /// How long it takes between two hosts, instead of the world's latency.
    pub fn set_latency(&self, one: &Simulated, other: &Simulated, latency: RangeInclusive<Duration>) {
        let latency = latency.into_inner();
        self.shared
            .with(|state| state.network.set_latency(one.host, other.host, latency));
    }

    /// Connects to this port, or Unix socket, of `host` are refused from now on.
    pub fn refuse(&self, host: &Simulated, address: impl Into<Address>) {
        self.refusing(host, &address.into(), Refuses::Everybody);
    }

    /// Connects to this port, or Unix socket, of `host` are no longer refused.
    pub fn admit(&self, host: &Simulated, address: impl Into<Address>) {
        self.refusing(host, &address.into(), Refuses::Nobody);
    }

    /// Ends the tasks of a host as if its process was killed: its connections are closed, and nobody listens any more.
    /// What is spawned there afterwards runs.
    pub fn kill(&self, host: &Simulated) {
        self.shared.with(|state| {
            state.network.note_kill(&mut state.core, host.host);
            state.orders.list.push(Order::Kill(host.host));
        });
    }

    /// Takes the power from a host: its tasks end, and nobody is told. See [`Self::power_on`].
    pub fn power_off(&self, host: &Simulated) {
        self.shared.with(|state| {
            state.network.power_off(&mut state.core, host.host);
            state.orders.list.push(Order::Kill(host.host));
        });
    }

    /// Gives a host its power back. It runs nothing yet, and knows nothing of its connections: whoever sends into one is
    /// reset.
    pub fn power_on(&self, host: &Simulated) {
        self.shared
            .with(|state| state.network.power_on(&mut state.core, host.host));
    }

    fn refusing(&self, host: &Simulated, address: &Address, refuses: Refuses) {
        let place = match address {
            Address::Unix(path) => Place::Path(path.clone()),
            other => Place::Port(other.port().unwrap_or(0)),
        };
        self.shared
            .with(|state| state.network.set_refusing((host.host, place), refuses));
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("connections", &self.connections().len())
            .finish_non_exhaustive()
    }
}
