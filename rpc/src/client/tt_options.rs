//! Options of streams over TTHeader.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kitewire_proto::Switch;
use kitewire_proto::ttstream::{self, MetaFrame};

use crate::Error;

/// How the streams of a client travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamTransport {
    /// gRPC, for Thrift and Protobuf.
    #[default]
    Grpc,
    /// TTHeader Streaming, Kitex's own, for Thrift.
    TtHeader,
}

impl fmt::Display for StreamTransport {
    /// Kitex's names of the transport.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "GRPC",
            Self::TtHeader => "TTHeaderStreaming",
        })
    }
}

/// Connections that carry streams over TTHeader.
///
/// ```
/// use std::time::Duration;
/// use kitewire::{Client, StreamPool, StreamTransport, TtStreamOptions};
///
/// let options = TtStreamOptions::default()
///     .pool(StreamPool::exclusive())
///     .idle_timeout(Duration::from_secs(30))
///     .on_meta_frame(|frame| {
///         println!("{frame:?}");
///         Ok(())
///     });
/// let builder = Client::to("127.0.0.1:8888").stream_transport(StreamTransport::TtHeader).tt_streams(options);
/// ```
///
/// Options of one stream are none of its connection:
///
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # use kitewire::TtStreamOptions;
/// let options = TtStreamOptions::default().timeout(Duration::from_secs(1));
/// ```
///
/// ```
/// # use std::time::Duration;
/// # use kitewire::TtStreamOptions;
/// let options = TtStreamOptions::default().idle_timeout(Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TtStreamOptions {
    /// Which streams share a connection. [`ClientBuilder::short`](crate::ClientBuilder::short) comes before it.
    pub pool: StreamPool,
    /// Whether each stream tells the server the client's own [name](crate::ClientBuilder::caller). Kitex's servers pass
    /// over it. [`ClientBuilder::meta`](crate::ClientBuilder::meta) switches it off, too. Default on.
    pub tell_caller: Switch,
    /// Each connection: flow control, limits, timeouts. What the client knows itself comes before what is here: its
    /// [name](ttstream::Config::service_name), whether a connection is [exclusive](ttstream::Config::exclusive), and
    /// whether anybody wants [meta frames](ttstream::Config::meta_frames).
    pub connection: ttstream::Config,
    on_meta_frame: Option<MetaHandler>,
}

impl Default for TtStreamOptions {
    fn default() -> Self {
        Self {
            pool: StreamPool::default(),
            tell_caller: Switch::On,
            connection: ttstream::Config::default(),
            on_meta_frame: None,
        }
    }
}

impl TtStreamOptions {
    /// Sets [`Self::pool`].
    #[must_use]
    pub const fn pool(mut self, pool: StreamPool) -> Self {
        self.pool = pool;
        self
    }

    /// Sets [`Self::tell_caller`].
    #[must_use]
    pub const fn tell_caller(mut self, switch: Switch) -> Self {
        self.tell_caller = switch;
        self
    }

    /// Sets [`Self::connection`].
    #[must_use]
    pub fn connection(mut self, config: ttstream::Config) -> Self {
        self.connection = config;
        self
    }

    /// Whether flow control is offered to servers; those that do not know it pass over the offer. Default on.
    #[must_use]
    pub const fn flow_control(mut self, switch: Switch) -> Self {
        self.connection.flow_control = switch;
        self
    }

    /// With flow control: how much one stream may send ahead of its reader. Default 1 MiB.
    #[must_use]
    pub const fn stream_window(mut self, bytes: u64) -> Self {
        self.connection.stream_window = bytes;
        self
    }

    /// With flow control: how much all streams of a connection may send ahead of their readers. Default 16 MiB.
    #[must_use]
    pub const fn connection_window(mut self, bytes: u64) -> Self {
        self.connection.connection_window = bytes;
        self
    }

    /// How long a connection without a stream is kept. Default 60 s, as Kitex.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.connection.idle_timeout = Some(timeout);
        self
    }

    /// Has `handler` called with each meta frame that a server or a proxy sends: in Kitex's fleets, to tell the real
    /// address of the server. It runs in the task that reads the connection, and must not block.
    ///
    /// If it fails, the connection is closed, and its streams fail with that error's text.
    #[must_use]
    pub fn on_meta_frame(mut self, handler: impl Fn(&MetaFrame) -> Result<(), Error> + Send + Sync + 'static) -> Self {
        self.on_meta_frame = Some(MetaHandler(Arc::new(handler)));
        self
    }

    pub(super) const fn meta_handler(&self) -> Option<&MetaHandler> {
        self.on_meta_frame.as_ref()
    }

    /// The settings of the connections of the client called `name`.
    pub(super) fn to_config(&self, name: &str) -> ttstream::Config {
        let mut config = self.connection.clone();
        name.clone_into(&mut config.service_name);
        config.meta_frames = switch(self.on_meta_frame.is_some());
        config.exclusive = switch(!matches!(self.pool, StreamPool::Multiplexed { .. }));
        config
    }
}

/// Which streams over TTHeader share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamPool {
    /// Streams to the same address share `connections` connections, which are made when they are needed and used in turn.
    Multiplexed {
        /// How many.
        connections: usize,
    },
    /// Each stream has a connection to itself. When the stream is over, the connection waits for the next one; the one
    /// that was used last comes first. Connections in use are not limited.
    Exclusive {
        /// Connections to one address that wait at most; any other one is closed.
        max_idle: usize,
    },
    /// Each stream has a connection to itself, which is closed when the stream is over.
    Short,
}

impl StreamPool {
    /// Multiplexed, over as many connections as this machine runs threads at once, as Kitex.
    #[must_use]
    pub fn multiplexed() -> Self {
        // Asking the system is slow compared with making a client.
        static CONNECTIONS: OnceLock<usize> = OnceLock::new();
        let parallelism = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::Multiplexed {
            connections: *CONNECTIONS.get_or_init(parallelism),
        }
    }

    /// Exclusive, with at most 100 connections to one address that wait. Kitex's pool has no such bound.
    #[must_use]
    pub const fn exclusive() -> Self {
        Self::Exclusive { max_idle: 100 }
    }
}

impl Default for StreamPool {
    fn default() -> Self {
        Self::multiplexed()
    }
}

/// What meta frames are for.
#[derive(Clone)]
pub(super) struct MetaHandler(Arc<HandleMeta>);

type HandleMeta = dyn Fn(&MetaFrame) -> Result<(), Error> + Send + Sync;

impl MetaHandler {
    pub(super) fn call(&self, frame: &MetaFrame) -> Result<(), Error> {
        (self.0)(frame)
    }
}

impl fmt::Debug for MetaHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetaHandler")
    }
}

const fn switch(on: bool) -> Switch {
    if on { Switch::On } else { Switch::Off }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_knows_comes_before_what_is_set() {
        let mut config = ttstream::Config::default();
        config.service_name = "somebody".to_owned();
        config.exclusive = Switch::On;
        config.meta_frames = Switch::On;
        config.max_streams = 7;
        let options = TtStreamOptions::default().connection(config).stream_window(5);
        let shared = options.to_config("me");
        assert_eq!((shared.service_name.as_str(), shared.max_streams), ("me", 7));
        assert_eq!((shared.exclusive, shared.meta_frames), (Switch::Off, Switch::Off));
        assert_eq!(shared.stream_window, 5);
        for pool in [StreamPool::exclusive(), StreamPool::Short] {
            let alone = options.clone().pool(pool).on_meta_frame(|_| Ok(())).to_config("me");
            assert_eq!((alone.exclusive, alone.meta_frames), (Switch::On, Switch::On));
        }
        assert!(matches!(
            StreamPool::default(),
            StreamPool::Multiplexed { connections: 1.. }
        ));
    }
}
