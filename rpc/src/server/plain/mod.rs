//! Plain HTTP requests on the port that answers calls.

mod convert;
mod requests;
mod serving;
mod settings;
mod task;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use kitewire_proto::http1;
use kitewire_runtime::Address;

pub(crate) use convert::request as convert_request;
pub(crate) use requests::{Requests, Source, lingers};
pub(crate) use serving::HttpServing;
pub(crate) use settings::{Http2, Settings};
pub(crate) use task::Background;

/// Answers plain HTTP requests: every method, every path, HTTP/1.1 and HTTP/2 alike. See
/// [`Server::http`](crate::Server::http).
///
/// Async closures and functions from [`http::Request<Bytes>`](http::Request) to [`http::Response<Bytes>`](http::Response)
/// are handlers; other types implement it:
///
/// ```
/// use kitewire::HttpHandler;
/// use kitewire::bytes::Bytes;
/// use kitewire::http::{Request, Response, StatusCode};
///
/// struct Health;
///
/// impl HttpHandler for Health {
///     async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
///         let mut response = Response::new(Bytes::from_static(b"fine\n"));
///         if request.uri().path() != "/health" {
///             *response.status_mut() = StatusCode::NOT_FOUND;
///         }
///         response
///     }
/// }
/// ```
pub trait HttpHandler: Send + Sync + 'static {
    /// Handles one request, whose body is whole.
    fn handle(&self, request: Request<Bytes>) -> impl Future<Output = Response<Bytes>> + Send;
}

impl<F, A> HttpHandler for F
where
    F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Bytes>> + Send,
{
    fn handle(&self, request: Request<Bytes>) -> impl Future<Output = Response<Bytes>> + Send {
        self(request)
    }
}

/// The other end of the connection, among the [extensions](http::Extensions) of a plain request. Clients on a Unix
/// socket have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub Address);

/// How plain requests are answered.
pub(crate) struct Plain {
    handler: Answering,
    http1: Arc<http1::Config>,
    /// Over a transport that proves who is there.
    secured_http1: Arc<http1::Config>,
}

enum Answering {
    Handler(Arc<dyn Starter>),
    /// What every request gets.
    Page(Bytes),
}

/// A handler whose type is forgotten.
trait Starter: Send + Sync {
    fn start(self: Arc<Self>, request: Request<Bytes>) -> Work;
}

impl<H: HttpHandler> Starter for H {
    fn start(self: Arc<Self>, request: Request<Bytes>) -> Work {
        Box::pin(async move { self.handle(request).await })
    }
}

/// A handler at work.
type Work = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
