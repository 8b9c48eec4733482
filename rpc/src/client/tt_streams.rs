//! Where streams over TTHeader find their connections, and how they are asked for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::ttstream::{OpenError, Strings};
use kitewire_runtime::Address;

use super::connector::Connector;
use super::lane::{LaneConfig, LanePool, LaneProtocol, NotOpened, Refusal, Sharing};
use super::tt_options::{StreamPool, TtStreamOptions};
use crate::{Error, Metadata};

/// The connections of a client for streams over TTHeader.
pub(crate) struct TtStreams {
    pool: LanePool,
    /// Whom servers are told to be called by.
    caller: Option<String>,
}

/// The names that a client has for itself.
pub(super) struct OwnName<'a> {
    /// What the way of a cancel shows.
    pub(super) name: &'a str,
    /// What servers are told; empty for nothing.
    pub(super) told: &'a str,
}

impl TtStreams {
    pub(super) fn new(
        options: &TtStreamOptions,
        connector: &Arc<dyn Connector>,
        address: &Address,
        own: &OwnName<'_>,
        max_depth: u16,
    ) -> Self {
        let protocol = Arc::new(options.to_config(own.name));
        let config = Arc::new(LaneConfig {
            protocol: LaneProtocol::TtHeader(protocol, options.meta_handler().cloned()),
            max_depth,
        });
        let sharing = match options.pool {
            StreamPool::Multiplexed { connections } => Sharing::Shared(connections),
            StreamPool::Exclusive { max_idle } => Sharing::Exclusive(max_idle),
            StreamPool::Short => Sharing::Short,
        };
        let is_told = options.tell_caller.is_on() && !own.told.is_empty();
        Self {
            pool: LanePool::new(&config, connector, address.clone(), sharing),
            caller: is_told.then(|| own.told.to_owned()),
        }
    }

    pub(super) const fn pool(&self) -> &LanePool {
        &self.pool
    }

    pub(super) fn caller(&self) -> Option<&str> {
        self.caller.as_deref()
    }
}

/// Metadata as entries of a stream's header, among which the protocol has its own.
pub(super) fn entries(metadata: &Metadata) -> Result<Strings, Error> {
    for (key, _) in metadata.iter() {
        if key == SERVICE || RESERVED.iter().any(|reserved| key.starts_with(reserved)) {
            let text = format!("metadata cannot be sent: key {key:?} is the protocol's own");
            return Err(Error::mismatch(text));
        }
    }
    Ok(metadata.strings())
}

/// The error of a stream that could not be opened; `timeout` is the whole time that it had.
pub(super) fn not_opened(
    why: NotOpened,
    timeout: Option<Duration>,
    (service, method): (&str, &str),
    address: &Address,
) -> Error {
    let error = match why {
        NotOpened::TimedOut => Error::timed_out(timeout),
        NotOpened::Connect(error) => Error::connect(error),
        NotOpened::Refused(Refusal::TtHeader(OpenError::Encode(error))) => Error::encode(error),
        // Without an address: it is not the dial that failed.
        NotOpened::Refused(refusal) => {
            return Error::connect(io::Error::other(refusal.to_string())).at(service, method, None);
        }
    };
    error.at(service, method, Some(address))
}

/// The key of the service's name.
const SERVICE: &str = "isn";
/// What the keys of metainfo and of a business status begin with.
const RESERVED: [&str; 2] = ["RPC_", "biz-"];
