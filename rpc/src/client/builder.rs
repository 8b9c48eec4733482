//! Describing a client.

use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::wire;
use kitewire_proto::{ClientConfig, Limits, Switch};
use kitewire_runtime::{Address, Runtime};

use super::connector::{Connector, RuntimeConnector};
use super::grpc::Grpc;
use super::in_process::InProcess;
use super::lanes::Lanes;
use super::options::{GrpcOptions, StreamOptions, Tags};
use super::pool::PoolOptions;
use super::pooled::{Keep, Pooled};
use super::route::Route;
use super::{Client, Inner};
use crate::server::{Server, Shared};
use crate::{Error, Transport};

/// A client to be. Made by [`Client::to`], and turned into one by [`Self::build`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    address: Address,
    /// `None`: gRPC.
    framing: Option<wire::Transport>,
    config: ClientConfig,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    connections: Connections,
    tags: Tags,
    streaming: StreamOptions,
    grpc: GrpcOptions,
}

#[derive(Clone, Copy, Debug)]
enum Connections {
    Short,
    Pooled(PoolOptions),
    Multiplexed(usize),
}

impl ClientBuilder {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            framing: Some(ClientConfig::default().transport),
            config: ClientConfig::default(),
            timeout: None,
            connect_timeout: None,
            connections: Connections::Pooled(PoolOptions::default()),
            tags: Tags::new(),
            streaming: StreamOptions::default(),
            grpc: GrpcOptions::default(),
        }
    }

    /// How calls travel. Default [`Transport::TtHeaderFramed`]; only the transports with a header and gRPC carry
    /// metainfo, business status and the service's name. Protobuf is always framed, and multiplexed calls always have a
    /// header. Streams travel over gRPC, whatever is set here.
    pub const fn transport(mut self, transport: Transport) -> Self {
        self.framing = transport.framing();
        self
    }

    /// The name of the service that calls, told to the server.
    pub fn caller(mut self, name: impl Into<String>) -> Self {
        self.config.caller = name.into();
        self
    }

    /// The name under which service discovery knows the server, told to it and shown in errors.
    pub fn destination(mut self, name: impl Into<String>) -> Self {
        self.config.destination = name.into();
        self
    }

    /// Makes a connection for each call and for each stream, and closes it afterwards.
    pub const fn short(mut self) -> Self {
        self.connections = Connections::Short;
        self
    }

    /// Keeps connections for the next calls, one call at a time on each. The default, with the default options. Over
    /// gRPC calls share their connections; see [`GrpcOptions::connections`].
    pub const fn pooled(mut self, options: PoolOptions) -> Self {
        self.connections = Connections::Pooled(options);
        self
    }

    /// Makes all calls over `connections` connections per address, many at once on each. Not for gRPC, which does so
    /// anyway: see [`GrpcOptions::connections`].
    pub const fn multiplexed(mut self, connections: usize) -> Self {
        self.connections = Connections::Multiplexed(connections);
        self
    }

    /// How long making a connection may take. Default 50 ms, as Kitex; what is set here is told to the server, too.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long a call may take, all in all; zero means for ever. Default: for ever. It is told to the server. Streams
    /// have an option of their own, [`StreamOptions::timeout`].
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether TTHeader requests carry meta keys (service name, caller, timeouts) and replies' keys are looked at, and
    /// requests over gRPC the names of a [caller](Self::caller) and whom it calls. Default on (Kitex: off). Metainfo and
    /// backward values travel all the same.
    pub const fn meta(mut self, switch: Switch) -> Self {
        self.config.meta = switch;
        self
    }

    /// Whether TTHeader payloads are sent and checked with a CRC-32C. Default off.
    pub const fn crc32c(mut self, switch: Switch) -> Self {
        self.config.crc32c = switch;
        self
    }

    /// What all streams have in common.
    pub const fn streaming(mut self, options: StreamOptions) -> Self {
        self.streaming = options;
        self
    }

    /// The connections of streams, and of calls over gRPC.
    pub fn grpc(mut self, options: GrpcOptions) -> Self {
        self.grpc = options;
        self
    }

    /// Labels all calls and streams. Tags stay on this side, except that the host of the URL in
    /// [`HTTP_URL`](crate::HTTP_URL) is what requests over gRPC call their `:authority`.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.set(key, value);
        self
    }

    /// Bounds on what a server can do.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Makes the client. Nothing is connected before the first call.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when settings contradict each other.
    pub fn build<R: Runtime>(mut self, runtime: R) -> Result<Client, Error> {
        let connector: Arc<dyn Connector> = Arc::new(RuntimeConnector(runtime));
        self.check()?;
        let keep = match self.connections {
            Connections::Short => Keep::Closed,
            Connections::Pooled(_) | Connections::Multiplexed(_) => Keep::Pooled,
        };
        let max_depth = self.config.limits.max_depth;
        let destination = &self.config.destination;
        let grpc = Grpc::new(&self.grpc, &connector, &self.address, destination, max_depth, keep);
        let grpc = Arc::new(grpc);
        let Some(framing) = self.framing else {
            let route = Route::Grpc(Arc::clone(&grpc));
            return Ok(self.finish(route, Some(grpc)));
        };
        self.config.transport = framing;
        self.config.multiplex = match self.connections {
            Connections::Multiplexed(_) => Switch::On,
            Connections::Short | Connections::Pooled(_) => Switch::Off,
        };
        let config = Arc::new(self.config.clone());
        let route = match self.connections {
            Connections::Short => {
                let pooled = Pooled::new(&config, &connector, PoolOptions::default(), Keep::Closed);
                Route::Pooled(pooled, connector)
            }
            Connections::Pooled(options) => {
                Route::Pooled(Pooled::new(&config, &connector, options, Keep::Pooled), connector)
            }
            Connections::Multiplexed(lanes) => {
                Route::Multiplexed(Lanes::new(&config, &connector, self.address.clone(), lanes), connector)
            }
        };
        Ok(self.finish(route, Some(grpc)))
    }

    fn check(&self) -> Result<(), Error> {
        match self.connections {
            Connections::Multiplexed(0) => Err(Error::configuration("a client multiplexes over no connection")),
            Connections::Multiplexed(_) if self.framing.is_none() => Err(Error::configuration(
                "how many connections gRPC has is an option of ClientBuilder::grpc",
            )),
            _ if self.grpc.connections == 0 => Err(Error::configuration("gRPC over no connection")),
            _ => Ok(()),
        }
    }

    /// Makes a client that calls the services of `server` directly.
    pub(super) fn build_in_process<R>(mut self, server: Server<R>) -> Result<Client, Error> {
        self.config.transport = wire::Transport::TtHeaderFramed;
        let fixed = server.fix().map_err(Error::registration)?;
        let start = std::time::Instant::now();
        let clock =
            move || kitewire_proto::Instant::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let config = Arc::new(self.config.clone());
        let route = Route::InProcess(InProcess::new(&config, Shared::new(fixed, clock)));
        Ok(self.finish(route, None))
    }

    fn finish(self, route: Route, streams: Option<Arc<Grpc>>) -> Client {
        Client {
            inner: Arc::new(Inner {
                address: self.address,
                destination: self.config.destination,
                timeout: self.timeout,
                connect_timeout: self.connect_timeout,
                max_depth: self.config.limits.max_depth,
                caller: if self.config.meta.is_on() {
                    self.config.caller
                } else {
                    String::new()
                },
                tags: self.tags,
                streaming: self.streaming,
                route,
                streams,
            }),
        }
    }
}
