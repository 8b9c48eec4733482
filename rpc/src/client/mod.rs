//! Clients.

mod builder;
mod call;
mod call_options;
mod carrier;
mod connector;
mod exchange;
mod grpc;
mod in_process;
mod lane;
mod lanes;
mod mux;
mod options;
mod pool;
mod pooled;
mod pump;
mod request;
mod results;
mod route;
mod stream_call;
mod streams;
mod tt_options;
mod tt_streams;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_runtime::Address;

pub use builder::ClientBuilder;
pub use call::{ClientCall, FullCall};
pub use options::{GrpcOptions, HTTP_URL, RecvTimeout, StreamOptions};
pub use pool::PoolOptions;
pub use results::{CallResult, Oneway, Response};
pub use stream_call::StreamCall;
pub use streams::{BidiStream, ClientStream, ServerStream};
pub use tt_options::{StreamPool, StreamTransport, TtStreamOptions};

use crate::Error;
use crate::server::{Load, Server};
use crate::service::{Body, Message, Registration};
use options::Tags;
use route::{Route, StreamRoute};

/// Makes calls. Cheap to clone; clones share their connections.
///
/// Generated clients are made from one, and several of them may share it:
///
/// ```no_run
/// # use kitewire::{Client, Runtime, Transport};
/// # fn make<R: Runtime>(runtime: R) -> Result<(), kitewire::Error> {
/// let client = Client::to("127.0.0.1:8888").transport(Transport::TtHeader).build(runtime)?;
/// // let cart = CartClient::new(client.clone());
/// // let stock = StockClient::new(client);
/// # drop(client); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    address: Address,
    /// Name of the service called, for service discovery and texts; may be empty.
    destination: String,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    max_depth: u16,
    /// Who calls, where that is to be told over gRPC; may be empty.
    caller: String,
    tags: Tags,
    streaming: StreamOptions,
    route: Route,
    /// The way of streams. A client of its own process has none.
    streams: Option<StreamRoute>,
}

impl Client {
    /// Starts to describe a client of the server at `address`: `host:port`, `ip:port`, or the path of a Unix socket.
    pub fn to(address: impl Into<Address>) -> ClientBuilder {
        ClientBuilder::new(address.into())
    }

    /// A client that calls `service` directly, in this process and without a runtime.
    ///
    /// Everything but the socket is as usual: messages are encoded and decoded, with a header, so that what works here
    /// works over a connection. The handler runs in the caller's task, whatever its [`Dispatch`](crate::Dispatch), and
    /// stops where it is if the call is dropped.
    /// Without a runtime there is no timer: a timeout shows only when the handler wakes the call after it.
    ///
    /// A stream's handler goes on whenever a half of the stream is polled, and stops where it is when both are dropped.
    /// The client's recv timeouts do not count.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the service cannot be registered.
    pub fn in_process(service: impl Into<Registration>) -> Result<Self, Error> {
        Self::to_server(Server::detached().register(service))
    }

    /// As [`Self::in_process`], with every service and setting of `server`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when its services do not fit together.
    pub fn to_server<R>(server: Server<R>) -> Result<Self, Error> {
        ClientBuilder::new(Address::Name("in process".into())).build_in_process(server)
    }

    /// A call of the method at index `method` of `service`. Generated clients make these.
    pub fn call<'a, A: Body, R: CallResult>(
        &'a self,
        service: &'a ServiceInfo,
        method: usize,
        arguments: A,
    ) -> ClientCall<'a, A, R> {
        ClientCall::new(self, service, method, arguments)
    }

    /// A stream of a method with many requests and one answer. Generated clients make these, and the two below.
    pub fn client_streaming<'a, A: Message, R: Message>(
        &'a self,
        service: &'static ServiceInfo,
        method: usize,
    ) -> StreamCall<'a, ClientStream<A::Value, R::Value>> {
        let call = (service, method, MethodKind::ClientStreaming);
        StreamCall::new(self, call, None, ClientStream::open::<A, R>)
    }

    /// A stream of a method with one request and many answers.
    pub fn server_streaming<'a, A: Message, R: Message>(
        &'a self,
        service: &'static ServiceInfo,
        method: usize,
        request: A::Value,
    ) -> StreamCall<'a, ServerStream<R::Value>> {
        let call = (service, method, MethodKind::ServerStreaming);
        let request = stream_call::Only::<A>(request);
        StreamCall::new(self, call, Some(Box::new(request)), ServerStream::open::<R>)
    }

    /// A stream of a method with many requests and many answers.
    pub fn bidirectional<'a, A: Message, R: Message>(
        &'a self,
        service: &'static ServiceInfo,
        method: usize,
    ) -> StreamCall<'a, BidiStream<A::Value, R::Value>> {
        let call = (service, method, MethodKind::BidirectionalStreaming);
        StreamCall::new(self, call, None, BidiStream::open::<A, R>)
    }

    /// A tag that was set with [`ClientBuilder::tag`].
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.inner.tags.get(key)
    }

    /// Where calls go that name no address of their own.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// How busy the connections are that calls and streams share.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let calls = self.inner.route.load();
        let streams = match (&self.inner.route, &self.inner.streams) {
            (Route::Grpc(calls), Some(StreamRoute::Grpc(streams))) if Arc::ptr_eq(calls, streams) => Load::default(),
            (_, Some(streams)) => streams.pool().load(),
            (_, None) => Load::default(),
        };
        let Load {
            calls,
            memory,
            withheld,
        } = calls.plus(streams);
        ClientStats {
            calls,
            memory,
            withheld,
        }
    }

    /// Connections that wait for their next call or stream. Those that are shared do not: they are never idle for anybody.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        let streams = self.inner.streams.as_ref().map_or(0, |streams| streams.pool().idle());
        self.inner.route.idle() + streams
    }
}

/// How busy the connections are that calls and streams of a client share. See [`Client::stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls and streams that are open.
    pub calls: usize,
    /// Bytes that the connections hold: input that is not whole, messages that nobody has taken, requests that are not
    /// sent.
    pub memory: usize,
    /// The part of the flow-control credit that servers get back once somebody has read. Nothing, where no stream is open.
    pub withheld: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.inner.address)
            .field("destination", &self.inner.destination)
            .field("route", &self.inner.route)
            .finish_non_exhaustive()
    }
}

/// A method is called in a way that it is not declared for; in Kitex's words.
#[cold]
fn mismatch(what: &str, service: &ServiceInfo, method: Option<&MethodInfo>) -> Error {
    let (service, method) = (&*service.name, method.map_or("", |method| &*method.name));
    let text = format!("internal exception: {what}, service: {service}, method: {method}");
    Error::mismatch(text).at(service, method, None)
}

/// As Kitex.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(50);
