//! One call of a client: its options, and the future that makes it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::{Answer, Instant, Request, RequestKind, Switch, grpc};
use kitewire_runtime::Address;

use super::call_options::CallOptions;
use super::grpc::{Beside, Besides, Grpc, GrpcCall};
use super::lane::{Request as StreamRequest, Wanted as GrpcWanted};
use super::request::CallHead;
use super::results::{CallResult, Response};
use super::route::{Attempt, Route};
use super::{CONNECT_TIMEOUT, Client, mismatch};
use crate::service::{Body, Received};
use crate::{Call, Error};

/// A call that is about to be made. Await it, after setting what this one call needs otherwise than its client.
///
/// ```no_run
/// # use std::time::Duration;
/// # use kitewire::{Call, CallResult, Client, ClientCall, Error, service::{Body, RawBody}};
/// # struct CartClient(Client);
/// # static CART: kitewire::ServiceInfo = kitewire::ServiceInfo::new("", "Cart", kitewire::Codec::Thrift, &[]);
/// # impl CartClient { fn add(&self, item: RawBody) -> ClientCall<'_, RawBody, RawBody> { self.0.call(&CART, 0, item) } }
/// # async fn run(cart: CartClient, item: RawBody, incoming: &Call) -> Result<(), Error> {
/// let receipt = cart.add(item.clone()).await?;
/// let receipt = cart.add(item.clone()).timeout(Duration::from_millis(50)).meta("user", "7").await?;
/// // Inside a handler: hand on what came with the call being served.
/// let receipt = cart.add(item.clone()).forward(incoming).await?;
/// // With what the server sent beside the result.
/// let response = cart.add(item).full().await?;
/// println!("{:?} {:?}", response.value, response.backward("served-by"));
/// # Ok(()) }
/// ```
///
/// Dropping the future gives the call up: a connection that carries one call at a time is closed then, a shared one
/// drops the late answer, and over gRPC the server is told. A oneway call is over once its bytes are written; over a
/// shared connection, once they are queued; over gRPC, once it is answered.
///
/// Options of streams do not exist here:
///
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # use kitewire::{ClientCall, RecvTimeout, service::RawBody};
/// # fn with(call: ClientCall<'_, RawBody, RawBody>) {
/// let _ = call.recv_timeout(RecvTimeout::new(Duration::from_secs(1)));
/// # }
/// ```
///
/// ```
/// # use std::time::Duration;
/// # use kitewire::{ClientCall, RecvTimeout, service::RawBody};
/// # fn with(call: ClientCall<'_, RawBody, RawBody>) {
/// let _ = call.timeout(Duration::from_secs(1));
/// # }
/// ```
#[must_use = "a call is made when it is awaited"]
pub struct ClientCall<'a, A, R> {
    wish: Wish<'a, A>,
    attempt: Attempt,
    deadline: Option<Instant>,
    stage: Stage,
    result: PhantomData<fn() -> R>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Under,
    Over,
}

/// What is to be called, and how.
struct Wish<'a, A> {
    client: &'a Client,
    service: &'a ServiceInfo,
    method: Option<&'a MethodInfo>,
    arguments: A,
    options: CallOptions,
}

impl<'a, A: Body, R: CallResult> ClientCall<'a, A, R> {
    pub(super) fn new(client: &'a Client, service: &'a ServiceInfo, method: usize, arguments: A) -> Self {
        let method = service.methods.get(method);
        Self {
            wish: Wish {
                client,
                service,
                method,
                arguments,
                options: CallOptions::default(),
            },
            attempt: client.inner.route.start(),
            deadline: None,
            stage: Stage::Fresh,
            result: PhantomData,
        }
    }

    /// How long this call may take, in place of the client's timeout; zero means for ever.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.wish.options.timeout = Some(timeout);
        self
    }

    /// How long making a connection may take, if this call needs one.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.wish.options.connect_timeout = Some(timeout);
        self
    }

    /// Sends a metainfo value to the server called, and no further.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.wish.options.meta.set_transient(key, value);
        self
    }

    /// Sends a metainfo value that travels on along the whole chain of calls.
    pub fn persistent(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.wish.options.meta.set_persistent(key, value);
        self
    }

    /// Hands on the metainfo of the call being served, by the hop rule: persistent values go on, transient ones do not.
    /// Tells the server which method is being served, too. Values already set for this call stay.
    pub fn forward(mut self, incoming: &Call) -> Self {
        self.wish.options.forward(incoming);
        self
    }

    /// Sends metadata with the request, over gRPC; other transports have none. The value of a key that ends in `-bin` is
    /// any bytes. A call with metadata that cannot be sent fails with
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest).
    pub fn metadata(mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        self.wish.options.append_metadata(key.as_ref(), value.as_ref());
        self
    }

    /// Whether the request is sent compressed, over gRPC. Default off. A compressed answer is asked for with it, and taken.
    pub fn gzip(mut self, switch: Switch) -> Self {
        self.wish.options.set_gzip(switch);
        self
    }

    /// Labels this call. A tag of the call comes before the client's of the same key; see
    /// [`ClientBuilder::tag`](crate::ClientBuilder::tag).
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.wish.options.set_tag(key.into(), value.into());
        self
    }

    /// Sends this call to another server.
    pub fn to(mut self, address: impl Into<Address>) -> Self {
        self.wish.options.address = Some(address.into());
        self
    }

    /// Asks for all of the answer: the value, and the metainfo and metadata that the server sent back with it.
    pub const fn full(self) -> FullCall<'a, A, R> {
        FullCall { call: self }
    }

    /// Makes the call. Gives its result, and where `wanted`, what came back beside it.
    fn poll_result(&mut self, cx: &mut Context<'_>, wanted: Besides) -> Poll<Result<(R, Extras), Error>> {
        match self.stage {
            Stage::Fresh => {
                self.stage = Stage::Over;
                self.wish.check()?;
                self.stage = Stage::Under;
                let timeout = self.wish.timeout_in_effect().filter(|timeout| !timeout.is_zero());
                self.deadline = timeout.map(|timeout| self.wish.client.inner.route.now() + timeout);
            }
            Stage::Under => {}
            Stage::Over => return Poll::Pending,
        }
        let route = &self.wish.client.inner.route;
        let result = match (route, &mut self.attempt) {
            (Route::Grpc(grpc), Attempt::Grpc(call)) => {
                ready!(self.wish.poll_grpc(grpc, call, self.deadline, wanted, cx))
            }
            (_, attempt) => {
                let head = self.wish.head(self.deadline);
                let answer = ready!(route.poll(attempt, &head, cx));
                self.stage = Stage::Over;
                self.wish.read(answer?, &head, wanted)
            }
        };
        self.stage = Stage::Over;
        route.settle(&mut self.attempt);
        Poll::Ready(result)
    }
}

impl<A: Body> Wish<'_, A> {
    /// Whether the call can be made at all.
    fn check(&mut self) -> Result<(), Error> {
        if let Some(error) = self.options.take_problem() {
            return Err(error);
        }
        match self.method.map(|method| method.kind) {
            Some(kind) if !kind.is_streaming() => Ok(()),
            Some(_) => Err(mismatch("not a unary method", self.service, self.method)),
            None => Err(mismatch("non-existent method", self.service, None)),
        }
    }

    /// Goes on with the call over gRPC.
    fn poll_grpc<R: Body>(
        &self,
        grpc: &Grpc,
        call: &mut GrpcCall,
        deadline: Option<Instant>,
        wanted: Besides,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(R, Extras), Error>> {
        let (client, options) = (&*self.client.inner, &self.options);
        let head = self.head(deadline);
        let default = grpc.authority(options.address.as_ref());
        let (method, kind) = self.method_called();
        let request = grpc::Request {
            authority: options.url_host(client).unwrap_or(&default),
            deadline,
            gzip: options.gzip().unwrap_or(Switch::Off),
            metadata: options.metadata().fields(),
            meta: &options.meta,
            names: options.names(client, method),
            ..grpc::Request::new(
                &self.service.package,
                &self.service.name,
                method,
                self.service.codec,
                kind,
            )
        };
        let request = GrpcWanted {
            request: StreamRequest::Grpc(request),
            address: head.address,
            connect_timeout: head.connect_timeout,
            only: Some(&self.arguments),
        };
        let result = ready!(grpc.poll_unary(call, &request, &head, wanted, cx));
        let beside = match wanted {
            Besides::Wanted => Some(call.beside(cx)),
            Besides::Unwanted => None,
        };
        Poll::Ready(match (result, beside) {
            (Ok(result), beside) => Ok((result, beside.map(|beside| Box::new((Vec::new(), beside))))),
            (Err(error), Some(Beside { header, trailer })) => Err(error.with_metadata(header, trailer)),
            (Err(error), None) => Err(error),
        })
    }

    /// What an answer over a ping-pong transport says; there is none to a oneway call.
    fn read<R: Body>(
        &self,
        answer: Option<Answer>,
        head: &CallHead<'_>,
        wanted: Besides,
    ) -> Result<(R, Extras), Error> {
        let max_depth = self.client.inner.max_depth;
        let Some(answer) = answer else {
            // Its result type needs no bytes.
            return R::decode_body(Received::new(&[], &Bytes::new), max_depth)
                .map(|result| (result, None))
                .map_err(|error| head.place(Error::malformed(error)));
        };
        let decoded = decode(&answer, max_depth).map_err(|error| head.place(error));
        match wanted {
            Besides::Unwanted => decoded.map(|result| (result, None)),
            Besides::Wanted => {
                let backward = backward(&answer);
                match decoded {
                    Ok(result) => Ok((result, Some(Box::new((backward, Beside::default()))))),
                    Err(error) => Err(error.with_backward(backward)),
                }
            }
        }
    }

    fn method_called(&self) -> (&str, MethodKind) {
        self.method
            .map_or(("", MethodKind::Unary), |method| (&*method.name, method.kind))
    }

    fn timeout_in_effect(&self) -> Option<Duration> {
        self.options.timeout.or(self.client.inner.timeout)
    }

    fn head(&self, deadline: Option<Instant>) -> CallHead<'_> {
        let client = &*self.client.inner;
        let timeout = self.timeout_in_effect();
        let connect_timeout = self.options.connect_timeout.or(client.connect_timeout);
        let service = &*self.service.name;
        let (method, kind) = self.method_called();
        CallHead {
            request: Request {
                // A combined service is reached under no name of its own.
                service: if self.service.combine { "" } else { service },
                method,
                codec: self.service.codec,
                kind: if kind == MethodKind::Oneway {
                    RequestKind::Oneway
                } else {
                    RequestKind::Call
                },
                body: &self.arguments,
                deadline,
                timeout,
                connect_timeout,
                caller_method: &self.options.caller_method,
                meta: &self.options.meta,
            },
            address: self.options.address.as_ref().unwrap_or(&client.address),
            to: if client.destination.is_empty() {
                service
            } else {
                &client.destination
            },
            timeout,
            connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        }
    }
}

impl<A, R> fmt::Debug for ClientCall<'_, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCall")
            .field("service", &self.wish.service.name)
            .field("method", &self.wish.method.map(|method| &method.name))
            .finish_non_exhaustive()
    }
}

/// A [`ClientCall`] that gives a whole [`Response`]. Made by [`ClientCall::full`].
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct FullCall<'a, A, R> {
    call: ClientCall<'a, A, R>,
}

type Pairs = Vec<(String, String)>;

/// What came beside a result, where that is asked for.
type Extras = Option<Box<(Pairs, Beside)>>;

/// What an answer says.
fn decode<R: Body>(answer: &Answer, max_depth: u16) -> Result<R, Error> {
    if let Some(status) = answer.business_status() {
        return Err(status.into());
    }
    match answer.exception() {
        Ok(None) => {
            let share = || answer.shared_body();
            R::decode_body(Received::new(answer.body(), &share), max_depth).map_err(Error::malformed)
        }
        Ok(Some(exception)) => Err(Error::remote(exception)),
        Err(error) => Err(Error::malformed(error)),
    }
}

fn backward(answer: &Answer) -> Pairs {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    answer.backward().map(|(key, value)| (text(key), text(value))).collect()
}

impl<A: Body, R: CallResult> Future for ClientCall<'_, A, R> {
    type Output = Result<R::Value, R::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (result, _) = ready!(self.poll_result(cx, Besides::Unwanted))?;
        Poll::Ready(result.into_value())
    }
}

impl<A: Body, R: CallResult> Future for FullCall<'_, A, R> {
    type Output = Result<Response<R::Value>, R::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (result, extras) = ready!(self.call.poll_result(cx, Besides::Wanted))?;
        let (backward, Beside { header, trailer }) = extras.map(|extras| *extras).unwrap_or_default();
        Poll::Ready(result.into_value().map(|value| Response {
            value,
            backward,
            header,
            trailer,
        }))
    }
}

/// Nothing in it is pinned.
impl<A, R> Unpin for ClientCall<'_, A, R> {}
