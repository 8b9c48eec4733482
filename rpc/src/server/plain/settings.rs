//! What a server is told about HTTP.

use std::fmt::Write as _;
use std::sync::Arc;

use kitewire_proto::http::RequestLimits;
use kitewire_proto::wire::grpc::GRACEFUL_SHUTDOWN;
use kitewire_proto::{Switch, http1, http2};

use super::{Answering, HttpHandler, Plain, Starter};
use crate::server::Server;
use crate::service::Registration;

/// What gRPC stands on.
pub(crate) struct Http2 {
    pub(crate) config: http2::Config,
    /// Bounds on plain requests, if there are to be some.
    pub(crate) requests: Option<RequestLimits>,
}

/// Everything about plain requests and HTTP/2, until the server is bound.
pub(crate) struct Settings {
    handler: Option<Arc<dyn Starter>>,
    serve: Switch,
    disclose_services: Switch,
    requests: RequestLimits,
    http1: http1::Limits,
    http2: http2::Config,
}

impl<R> Server<R> {
    /// Answers plain HTTP requests with `handler`, on the port that answers calls: HTTP/1.1, and HTTP/2 with prior
    /// knowledge. The last handler given counts.
    ///
    /// The handler gets every method and path, with the body whole. The [URI](http::Request::uri) has scheme, host and
    /// path in every version, `https` over TLS unless the client names another scheme; the peer is [among the
    /// extensions](crate::PeerAddress), over TLS with an `Arc` of its [identity](crate::PeerIdentity). No `date` is added
    /// to responses.
    ///
    /// A handler runs in the task of its connection until it first waits, and in a task of its own from then on. If the
    /// client goes away meanwhile, the handler's future is dropped; handlers of calls run on. A client that closes only
    /// its sending half is taken to have gone, too. A panic is answered with 500, as is a response that cannot be sent.
    ///
    /// ```no_run
    /// use kitewire::bytes::Bytes;
    /// use kitewire::http::{Request, Response};
    /// # use kitewire::{Registration, Runtime, Server};
    /// # async fn run<R: Runtime>(runtime: R, cart: Registration) -> Result<(), Box<dyn std::error::Error>> {
    /// let bound = Server::new(runtime)
    ///     .register(cart)
    ///     .http(|request: Request<Bytes>| async move {
    ///         Response::new(Bytes::from(format!("you asked for {}\n", request.uri().path())))
    ///     })
    ///     .bind("0.0.0.0:8888")
    ///     .await?;
    /// # bound.run().await?; Ok(()) }
    /// ```
    pub fn http(mut self, handler: impl HttpHandler) -> Self {
        self.plain.handler = Some(Arc::new(handler));
        self
    }

    /// Whether plain HTTP requests are answered at all. Default on: without a [handler](Self::http) they get 404 and a
    /// line that tells what this port is for. Off: over HTTP/1 connections are closed without an answer, and over HTTP/2,
    /// which calls need too, each gets 404.
    pub fn serve_http(mut self, switch: Switch) -> Self {
        self.plain.serve = switch;
        self
    }

    /// Whether the page that requests get without a [handler](Self::http) names the registered services. Default off.
    pub fn disclose_services(mut self, switch: Switch) -> Self {
        self.plain.disclose_services = switch;
        self
    }

    /// Bounds on plain requests, whatever their version of HTTP.
    pub fn request_limits(mut self, limits: RequestLimits) -> Self {
        self.plain.requests = limits;
        self
    }

    /// Bounds on what a peer can do over HTTP/1.
    pub fn http1_limits(mut self, limits: http1::Limits) -> Self {
        self.plain.http1 = limits;
        self
    }

    /// Settings of HTTP/2 connections, and bounds on what a peer can do over them, with calls as with plain requests.
    ///
    /// Without this, [`drain_code`](http2::Config::drain_code) is Kitex's own 1000, which its clients report as `graceful
    /// shutdown`.
    pub fn http2_config(mut self, config: http2::Config) -> Self {
        self.plain.http2 = config;
        self
    }
}

impl Settings {
    pub(crate) fn new() -> Self {
        let mut http2 = http2::Config::default();
        http2.drain_code = GRACEFUL_SHUTDOWN;
        Self {
            handler: None,
            serve: Switch::On,
            disclose_services: Switch::Off,
            requests: RequestLimits::default(),
            http1: http1::Limits::default(),
            http2,
        }
    }

    /// How plain requests are answered, and HTTP/2 is spoken. Without the first there are to be none.
    pub(crate) fn fix(self, registered: &[Registration]) -> (Option<Plain>, Http2) {
        let mut http2 = Http2 {
            config: self.http2,
            requests: None,
        };
        if !self.serve.is_on() {
            return (None, http2);
        }
        http2.requests = Some(self.requests.clone());
        let handler = match self.handler {
            Some(handler) => Answering::Handler(handler),
            None => Answering::Page(page(self.disclose_services, registered).into()),
        };
        let mut http1 = http1::Config::default();
        http1.requests = self.requests;
        http1.limits = self.http1;
        let mut secured = http1.clone();
        secured.secured = Switch::On;
        let plain = Plain {
            handler,
            http1: Arc::new(http1),
            secured_http1: Arc::new(secured),
        };
        (Some(plain), http2)
    }
}

/// What a browser shows that was pointed at the port.
fn page(disclose_services: Switch, registered: &[Registration]) -> String {
    let mut page = "404 Not Found: this port serves Kitex RPC; plain HTTP requests have no handler here.\n".to_owned();
    if disclose_services.is_on() {
        page += "\nServices:\n";
        for registration in registered {
            // Writing to a string does not fail.
            let _ = writeln!(page, "  {}", registration.service.info().name);
        }
    }
    page
}
