//! Describing a client.

use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::wire;
use kitewire_proto::{ClientConfig, Limits, Switch};
use kitewire_runtime::{Address, Runtime};

use super::connector::{Connector, RuntimeConnector};
use super::grpc::Grpc;
use super::in_process::InProcess;
use super::lane::Sharing;
use super::lanes::Lanes;
use super::options::{GrpcOptions, StreamOptions, Tags};
use super::pool::PoolOptions;
use super::pooled::{Keep, Pooled};
use super::route::{Route, StreamRoute};
use super::tt_options::{StreamPool, StreamTransport, TtStreamOptions};
use super::tt_streams::{OwnName, TtStreams};
use super::{Client, Inner};
use crate::server::{Server, Shared};
use crate::{Error, Transport};

/// A client to be. Made by [`Client::to`], and turned into one by [`Self::build`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    address: Address,
    transport: Transport,
    config: ClientConfig,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    connections: Connections,
    tags: Tags,
    streaming: StreamOptions,
    grpc: GrpcOptions,
    stream_transport: StreamTransport,
    tt_streams: TtStreamOptions,
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
            transport: ClientConfig::default().transport.into(),
            config: ClientConfig::default(),
            timeout: None,
            connect_timeout: None,
            connections: Connections::Pooled(PoolOptions::default()),
            tags: Tags::new(),
            streaming: StreamOptions::default(),
            grpc: GrpcOptions::default(),
            stream_transport: StreamTransport::default(),
            tt_streams: TtStreamOptions::default(),
        }
    }

    /// How calls travel. Default [`Transport::TtHeaderFramed`]; only the transports with a header and gRPC carry
    /// metainfo, business status and the service's name. Protobuf is always framed, and multiplexed calls always have a
    /// header. How streams travel is [another setting](Self::stream_transport).
    pub const fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// How streams travel. Default [`StreamTransport::Grpc`]; streams of Thrift services also travel over TTHeader, as
    /// Kitex's do. Opening a stream of a Protobuf service then fails with
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest).
    pub const fn stream_transport(mut self, transport: StreamTransport) -> Self {
        self.stream_transport = transport;
        self
    }

    /// The name of the service that calls, told to the server. Where a stream over TTHeader is cancelled, it stands in
    /// the way that the cancel has come.
    pub fn caller(mut self, name: impl Into<String>) -> Self {
        self.config.caller = name.into();
        self
    }

    /// The name under which service discovery knows the server, told to it and shown in errors.
    pub fn destination(mut self, name: impl Into<String>) -> Self {
        self.config.destination = name.into();
        self
    }

    /// Makes a connection for each call and for each stream, and closes it afterwards, whatever pools are set.
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

    /// The connections of streams over TTHeader.
    ///
    /// ```compile_fail,E0308
    /// # use kitewire::{Client, GrpcOptions};
    /// let builder = Client::to("127.0.0.1:8888").tt_streams(GrpcOptions::default());
    /// ```
    ///
    /// ```
    /// # use kitewire::{Client, TtStreamOptions};
    /// let builder = Client::to("127.0.0.1:8888").tt_streams(TtStreamOptions::default());
    /// ```
    pub fn tt_streams(mut self, options: TtStreamOptions) -> Self {
        self.tt_streams = options;
        self
    }

    /// The connections of streams over gRPC, and of calls over gRPC.
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
        let Some(framing) = self.transport.framing() else {
            let grpc = self.make_grpc(&connector);
            let streams = self.make_streams(&connector, || Arc::clone(&grpc));
            return Ok(self.finish(Route::Grpc(grpc), Some(streams)));
        };
        self.config.transport = framing;
        self.config.multiplex = match self.connections {
            Connections::Multiplexed(_) => Switch::On,
            Connections::Short | Connections::Pooled(_) => Switch::Off,
        };
        let streams = self.make_streams(&connector, || self.make_grpc(&connector));
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
        Ok(self.finish(route, Some(streams)))
    }

    /// Where calls and streams over gRPC find their connections.
    fn make_grpc(&self, connector: &Arc<dyn Connector>) -> Arc<Grpc> {
        let sharing = match self.connections {
            Connections::Short => Sharing::Short,
            Connections::Pooled(_) | Connections::Multiplexed(_) => Sharing::Shared(self.grpc.connections),
        };
        let max_depth = self.config.limits.max_depth;
        let destination = &self.config.destination;
        Arc::new(Grpc::new(
            &self.grpc,
            connector,
            &self.address,
            destination,
            max_depth,
            sharing,
        ))
    }

    fn make_streams(&self, connector: &Arc<dyn Connector>, grpc: impl FnOnce() -> Arc<Grpc>) -> StreamRoute {
        if self.stream_transport == StreamTransport::Grpc {
            return StreamRoute::Grpc(grpc());
        }
        let mut options = self.tt_streams.clone();
        if let Connections::Short = self.connections {
            options.pool = StreamPool::Short;
        }
        let own = OwnName {
            name: &self.config.caller,
            told: self.told_caller(),
        };
        let max_depth = self.config.limits.max_depth;
        StreamRoute::TtHeader(TtStreams::new(&options, connector, &self.address, &own, max_depth))
    }

    /// Who calls, where that is to be told; may be empty.
    fn told_caller(&self) -> &str {
        if self.config.meta.is_on() {
            &self.config.caller
        } else {
            ""
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self.connections {
            Connections::Multiplexed(0) => Err(Error::configuration("a client multiplexes over no connection")),
            _ if self.transport == Transport::TtHeaderStream => Err(Error::configuration(
                "calls do not travel as streams over TTHeader; ClientBuilder::stream_transport is for streams",
            )),
            Connections::Multiplexed(_) if self.transport == Transport::Grpc => Err(Error::configuration(
                "how many connections gRPC has is an option of ClientBuilder::grpc",
            )),
            _ if self.grpc.connections == 0 => Err(Error::configuration("gRPC over no connection")),
            _ if self.tt_streams.pool == (StreamPool::Multiplexed { connections: 0 }) => {
                Err(Error::configuration("streams over no connection"))
            }
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

    fn finish(self, route: Route, streams: Option<StreamRoute>) -> Client {
        let caller = self.told_caller().to_owned();
        Client {
            inner: Arc::new(Inner {
                address: self.address,
                destination: self.config.destination,
                timeout: self.timeout,
                connect_timeout: self.connect_timeout,
                max_depth: self.config.limits.max_depth,
                caller,
                tags: self.tags,
                streaming: self.streaming,
                route,
                streams,
            }),
        }
    }
}
