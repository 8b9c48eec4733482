//! One call of a client: its options, and the future that makes it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::wire::Codec;
use kitewire_proto::{Answer, DecodeError, EncodeBody, Instant, MetaInfo, Output, Request, RequestKind};
use kitewire_runtime::Address;

use super::request::CallHead;
use super::route::Attempt;
use super::{CONNECT_TIMEOUT, Client};
use crate::service::{Body, RawBody, Received};
use crate::{Call, Error};

/// A result struct on the caller's side: what the answer means.
///
/// Generated result structs implement it, and so does [`Protobuf`](crate::Protobuf).
pub trait CallResult: Body {
    /// What the call gives.
    type Value;
    /// What it fails with: [`Error`], or an enum of the declared exceptions and it.
    type Error: From<Error>;

    /// The value, or the declared exception.
    ///
    /// # Errors
    /// A declared exception, or [`Error::missing_result`] when none of the declared results is there.
    fn into_value(self) -> Result<Self::Value, Self::Error>;
}

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
/// drops the late answer. A oneway call is over once its bytes are written; over a shared connection, once they are
/// queued.
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
    options: Options,
}

/// What one call wants otherwise than its client.
#[derive(Default)]
struct Options {
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    address: Option<Address>,
    caller_method: String,
    meta: MetaInfo,
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
                options: Options::default(),
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
        let mut meta = incoming.meta().clone();
        meta.extend(&self.wish.options.meta);
        self.wish.options.meta = meta;
        self.wish.options.caller_method = incoming.method().to_owned();
        self
    }

    /// Sends this call to another server.
    pub fn to(mut self, address: impl Into<Address>) -> Self {
        self.wish.options.address = Some(address.into());
        self
    }

    /// Asks for all of the answer: the value, and the metainfo that the server sent back with it.
    pub const fn full(self) -> FullCall<'a, A, R> {
        FullCall { call: self }
    }

    /// Makes the call. Gives its result, and where `wanted`, what came back beside it.
    fn poll_result(&mut self, cx: &mut Context<'_>, wanted: Backward) -> Poll<Result<(R, Pairs), Error>> {
        let route = &self.wish.client.inner.route;
        match self.stage {
            Stage::Fresh => {
                self.stage = Stage::Under;
                let timeout = self.wish.timeout_in_effect().filter(|timeout| !timeout.is_zero());
                self.deadline = timeout.map(|timeout| route.now() + timeout);
            }
            Stage::Under => {}
            Stage::Over => return Poll::Pending,
        }
        let head = self.wish.head(self.deadline);
        let answer = ready!(route.poll(&mut self.attempt, &head, cx));
        self.stage = Stage::Over;
        let max_depth = self.wish.client.inner.max_depth;
        let result = match answer? {
            Some(answer) => {
                let backward = if wanted == Backward::Wanted {
                    backward(&answer)
                } else {
                    Vec::new()
                };
                match decode(&answer, max_depth) {
                    Ok(result) => Ok((result, backward)),
                    Err(error) => Err(head.place(error).with_backward(backward)),
                }
            }
            // A oneway call: its result type needs no bytes.
            None => R::decode_body(Received::new(&[], &Bytes::new), max_depth)
                .map(|result| (result, Vec::new()))
                .map_err(|error| head.place(Error::malformed(error))),
        };
        route.settle(&mut self.attempt);
        Poll::Ready(result)
    }
}

impl<A: Body> Wish<'_, A> {
    fn timeout_in_effect(&self) -> Option<Duration> {
        self.options.timeout.or(self.client.inner.timeout)
    }

    fn head(&self, deadline: Option<Instant>) -> CallHead<'_> {
        let client = &*self.client.inner;
        let timeout = self.timeout_in_effect();
        let connect_timeout = self.options.connect_timeout.or(client.connect_timeout);
        let service = &*self.service.name;
        let (method, kind) = self
            .method
            .map_or(("", MethodKind::Unary), |method| (&*method.name, method.kind));
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

/// The answer to a call: its value, and what came beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response<T> {
    /// The value.
    pub value: T,
    /// Backward metainfo, in wire order: every string that the answer's header had.
    pub backward: Vec<(String, String)>,
}

impl<T> Response<T> {
    /// A backward metainfo value. Where a key repeats, the last one counts.
    #[must_use]
    pub fn backward(&self, key: &str) -> Option<&str> {
        self.backward
            .iter()
            .rev()
            .find(|(present, _)| present == key)
            .map(|(_, value)| value.as_str())
    }
}

type Pairs = Vec<(String, String)>;

/// Whether backward metainfo is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backward {
    Wanted,
    Unwanted,
}

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
        let (result, _) = ready!(self.poll_result(cx, Backward::Unwanted))?;
        Poll::Ready(result.into_value())
    }
}

impl<A: Body, R: CallResult> Future for FullCall<'_, A, R> {
    type Output = Result<Response<R::Value>, R::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (result, backward) = ready!(self.call.poll_result(cx, Backward::Wanted))?;
        Poll::Ready(result.into_value().map(|value| Response { value, backward }))
    }
}

/// Nothing in it is pinned.
impl<A, R> Unpin for ClientCall<'_, A, R> {}

/// The result of a oneway call: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oneway;

impl EncodeBody for Oneway {
    fn encode_body(&self, _out: &mut Output) {}
}

impl Body for Oneway {
    const CODEC: Codec = Codec::Thrift;

    fn decode_body(_body: Received<'_>, _max_depth: u16) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

impl CallResult for Oneway {
    type Value = ();
    type Error = Error;

    fn into_value(self) -> Result<(), Error> {
        Ok(())
    }
}

impl CallResult for RawBody {
    type Value = Bytes;
    type Error = Error;

    fn into_value(self) -> Result<Bytes, Error> {
        Ok(self.0)
    }
}

#[cfg(feature = "protobuf")]
impl<M: prost::Message + Default> CallResult for crate::Protobuf<M> {
    type Value = M;
    type Error = Error;

    fn into_value(self) -> Result<M, Error> {
        Ok(self.0)
    }
}
