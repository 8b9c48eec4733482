//! Servers.

mod bound;
mod driver;
mod engine;
mod grpc;
mod link;
mod plain;
mod recording;
mod serving;
mod shared;
mod spares;
mod streams;

use std::fmt;
use std::sync::Arc;

use kitewire_proto::dispatch::{RegistrationError, Services, ServicesBuilder, Strictness};
use kitewire_proto::{Limits, Multiplex, ServerConfig, Switch, ttstream};
use kitewire_runtime::{Address, Listener, Runtime};

pub use bound::{Bound, ServerHandle, Unfinished};
pub(crate) use engine::{Budget, Engine, Load};
pub use grpc::GrpcConfig;
pub(crate) use link::Link;
pub use plain::{HttpHandler, PeerAddress};
pub use recording::{Accepted, Recording};
pub(crate) use serving::Serving;
pub(crate) use shared::{Fixed, Shared};
pub use shared::{Notice, ServerStats};
pub(crate) use streams::StreamServing;

use crate::service::{Registration, Unknown, UnknownHandler};
use shared::Observer;

/// A server to be: services and settings, until [`Self::bind`] makes it listen.
///
/// One port serves every service and every transport: bare, framed and TTHeader messages, Thrift and Protobuf, one call
/// at a time or many at once, gRPC, and streams over gRPC or TTHeader. It answers plain HTTP requests too: see [`Self::http`].
///
/// ```no_run
/// # use kitewire::{Server, Registration, Runtime};
/// # async fn run<R: Runtime>(runtime: R, cart: Registration, stock: Registration) -> Result<(), Box<dyn std::error::Error>> {
/// let bound = Server::new(runtime).register(cart).register(stock.fallback()).bind("0.0.0.0:8888").await?;
/// let handle = bound.handle();         // to stop it from elsewhere
/// bound.run().await?;
/// # drop(handle); Ok(()) }
/// ```
#[must_use = "a server does nothing until it is bound and run"]
pub struct Server<R> {
    runtime: R,
    table: ServicesBuilder,
    registered: Vec<Registration>,
    unknown: Option<Unknown>,
    observer: Option<Observer>,
    config: ServerConfig,
    plain: plain::Settings,
    grpc: GrpcConfig,
    tt_streams: ttstream::Config,
    recordings: Option<recording::Choice>,
}

impl Server<()> {
    /// Services and settings without a runtime, for [`Client::to_server`](crate::Client::to_server).
    pub fn detached() -> Self {
        Self::new(())
    }
}

impl<R> Server<R> {
    /// A server without services, on `runtime`.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            table: Services::builder(),
            registered: Vec::new(),
            unknown: None,
            observer: None,
            config: ServerConfig::default(),
            plain: plain::Settings::new(),
            grpc: GrpcConfig::default(),
            tt_streams: ttstream::Config::default(),
            recordings: None,
        }
    }

    /// Adds a service: a generated `…Server`, or what its `fallback()` makes of it. What does not fit together is
    /// reported by [`Self::bind`], all of it at once.
    pub fn register(mut self, service: impl Into<Registration>) -> Self {
        let registration = service.into();
        self.table.add(registration.service.info().clone(), registration.role);
        self.registered.push(registration);
        self
    }

    /// Refuses requests that do not name a registered service, instead of searching by method name.
    pub fn refuse_without_service_name(mut self) -> Self {
        self.table.strictness(Strictness::RefuseWithoutServiceName);
        self
    }

    /// Takes requests whose service or method nobody registered.
    pub fn unknown_handler(mut self, handler: impl UnknownHandler) -> Self {
        self.table.unknown_handler();
        self.unknown = Some(Unknown::new(handler));
        self
    }

    /// Whether TTHeader replies carry meta keys: message type, business status, the mark of a closing connection.
    /// Default on (Kitex: off).
    pub fn meta(mut self, switch: Switch) -> Self {
        self.config.meta = switch;
        self
    }

    /// Whether TTHeader payloads are checked and sent with a CRC-32C. Default off.
    pub fn crc32c(mut self, switch: Switch) -> Self {
        self.config.crc32c = switch;
        self
    }

    /// Whether the caller's RPC timeout becomes the call's deadline: see [`Call::time_left`](crate::Call::time_left) and
    /// [`Call::cancelled`](crate::Call::cancelled). Default off, as in Kitex.
    pub fn deadline_from_header(mut self, switch: Switch) -> Self {
        self.config.deadline_from_header = switch;
        self
    }

    /// When calls of one connection run at once. Default [`Multiplex::Auto`]: when the caller asks for it.
    pub fn multiplex(mut self, multiplex: Multiplex) -> Self {
        self.config.multiplex = multiplex;
        self
    }

    /// Bounds on what a peer can do.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Tells `observer` about refusals and ended connections, for logs and metrics. It runs in the connection's task and
    /// must not block. The last one given counts.
    pub fn observe(mut self, observer: impl Fn(&Notice<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Checks what was registered.
    pub(crate) fn fix(self) -> Result<Fixed, RegistrationError> {
        let (plain, http2) = self.plain.fix(&self.registered);
        Ok(Fixed {
            services: self.table.build()?,
            config: self.config,
            plain,
            grpc: Arc::new(self.grpc.fix(http2)),
            tt_streams: Arc::new(self.tt_streams),
            registered: self.registered,
            unknown: self.unknown,
            observer: self.observer,
            recordings: self.recordings,
        })
    }
}

impl<R: Runtime> Server<R> {
    /// Checks the services, and starts to listen on `address`. Connections wait in the system's queue until
    /// [`Bound::run`].
    ///
    /// # Errors
    /// [`BindError::Registration`] with everything that is wrong with the services; [`BindError::Listen`] when the
    /// address cannot be had.
    pub async fn bind(self, address: impl Into<Address>) -> Result<Bound<R>, BindError> {
        let runtime = self.runtime.clone();
        let fixed = self.fix().map_err(BindError::Registration)?;
        let clock = runtime.clone();
        Bound::new(runtime, Shared::new(fixed, move || clock.now()))
            .listen_also(address)
            .await
    }
}

impl<R> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("registered", &self.registered)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why a server does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The services do not fit together. The error lists every problem.
    Registration(RegistrationError),
    /// An address cannot be listened on.
    Listen {
        /// The address.
        address: Address,
        /// What the system says.
        error: std::io::Error,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration(error) => error.fmt(f),
            Self::Listen { address, error } => write!(f, "listen {address}: {error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Registration(error) => Some(error),
            Self::Listen { error, .. } => Some(error),
        }
    }
}

/// The addresses that `listeners` got.
fn addresses<L: Listener>(listeners: &[L]) -> impl Iterator<Item = Address> + '_ {
    listeners.iter().filter_map(|listener| listener.local_address().ok())
}
