//! Where streams find their connections.

use std::sync::Arc;
use std::time::Duration;

use kitewire_runtime::Address;

use super::exclusive::{Exclusive, Taken};
use super::{LaneConfig, StreamLane};
use crate::client::connector::Connector;
use crate::client::lanes::{Dialling, Found as Lane, Group, Lanes};
use crate::server::Load;

/// The connections of a client for streams over one transport.
pub(crate) struct LanePool {
    lanes: Lanes<StreamLane>,
    connector: Arc<dyn Connector>,
    keep: Keep,
}

/// Which streams share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Any, over so many connections per address.
    Shared(usize),
    /// One at a time; so many connections per address wait for the next one.
    Exclusive(usize),
    /// None.
    Short,
}

enum Keep {
    Shared,
    Exclusive(Arc<Exclusive>),
    Closed,
}

/// What a stream gets to go on with.
pub(super) enum Found {
    Shared(Lane<StreamLane>),
    Waiting(Taken),
    /// A connection that is made for this stream alone; it is retired with the group.
    Own(Arc<Group<StreamLane>>, Arc<Dialling<StreamLane>>),
}

/// Whether a stream has found a connection at its end already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Luck {
    Fresh,
    Out,
}

impl LanePool {
    /// How much the connections that streams share have to do and to hold.
    pub(crate) fn load(&self) -> Load {
        self.lanes.load()
    }

    pub(crate) fn new(
        config: &Arc<LaneConfig>,
        connector: &Arc<dyn Connector>,
        address: Address,
        sharing: Sharing,
    ) -> Self {
        let (per_address, keep) = match sharing {
            Sharing::Shared(connections) => (connections, Keep::Shared),
            Sharing::Exclusive(max_idle) => (1, Keep::Exclusive(Exclusive::new(connector, max_idle))),
            Sharing::Short => (1, Keep::Closed),
        };
        Self {
            lanes: Lanes::new(config, connector, address, per_address),
            connector: Arc::clone(connector),
            keep,
        }
    }

    pub(crate) const fn connector(&self) -> &Arc<dyn Connector> {
        &self.connector
    }

    /// Connections that wait for a stream of their own.
    pub(crate) fn idle(&self) -> usize {
        match &self.keep {
            Keep::Exclusive(exclusive) => exclusive.len(),
            Keep::Shared | Keep::Closed => 0,
        }
    }

    /// A connection to `address`. `patience` is what a dial that others may wait for has, and `own_patience` any other.
    pub(super) fn find(&self, address: &Address, patience: Duration, own_patience: Duration, luck: Luck) -> Found {
        match &self.keep {
            Keep::Shared => return Found::Shared(self.lanes.find(address, patience)),
            Keep::Exclusive(exclusive) if luck == Luck::Fresh => {
                if let Some(taken) = exclusive.take(address) {
                    return Found::Waiting(taken);
                }
            }
            Keep::Exclusive(_) | Keep::Closed => {}
        }
        let (group, dialling) = self.lanes.dial_alone(address, own_patience);
        Found::Own(group, dialling)
    }

    /// `lane` was dialled for one stream, which is about to be opened.
    pub(super) fn settle(&self, address: &Address, lane: &StreamLane) {
        match &self.keep {
            Keep::Shared => {}
            Keep::Exclusive(exclusive) => lane.wait_afterwards(|| exclusive.home(address)),
            Keep::Closed => lane.close_afterwards(),
        }
    }

    /// A stream was opened on `lane`, which is the only one of `group`.
    pub(super) fn keep(&self, group: &Group<StreamLane>, lane: &Arc<StreamLane>) {
        if let Keep::Exclusive(_) = &self.keep {
            group.remove(lane);
        }
    }

    /// Takes a connection out that was found at its end.
    pub(super) fn retire(&self, address: &Address, lane: &Arc<StreamLane>) {
        self.lanes.retire(address, lane);
    }
}
