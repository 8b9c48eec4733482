//! A stream of a client that is about to be opened: its options, and the future that opens it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::{EncodeBody, Instant, Output, Switch, grpc};
use kitewire_runtime::Address;

use super::call_options::CallOptions;
use super::grpc::{Begun, NotOpened, Opening, Wanted};
use super::in_process::InProcess;
use super::options::RecvTimeout;
use super::route::Route;
use super::streams::Opened;
use super::{CONNECT_TIMEOUT, Client, mismatch};
use crate::service::Message;
use crate::stream::{Place, Stream};
use crate::{Call, Error};

/// A stream that is about to be opened. Await it, after setting what this one stream needs otherwise than its client.
///
/// ```no_run
/// # use std::time::Duration;
/// # use kitewire::{BidiStream, Client, Error, RecvTimeout, ServiceInfo, StreamCall, service::RawBody, bytes::Bytes};
/// # struct ChatClient(Client);
/// # static CHAT: ServiceInfo = ServiceInfo::new("", "Chat", kitewire::Codec::Thrift, &[]);
/// # impl ChatClient { fn talk(&self) -> StreamCall<'_, BidiStream<Bytes, Bytes>> { self.0.bidirectional::<RawBody, RawBody>(&CHAT, 0) } }
/// # async fn run(chat: ChatClient, line: Bytes) -> Result<(), Error> {
/// let mut talk = chat.talk().timeout(Duration::from_secs(60)).metadata("room", "7").await?;
/// talk.send(line).await?;
/// while let Some(line) = talk.recv().await? {
///     println!("{line:?}");
/// }
/// # Ok(()) }
/// ```
///
/// The stream is open once its connection is there and its header is queued; the server has not answered by then. For a
/// method with one request, that is queued as well.
///
/// What only calls have does not exist here:
///
/// ```compile_fail,E0599
/// # use kitewire::{ServerStream, StreamCall, bytes::Bytes};
/// # fn with(stream: StreamCall<'_, ServerStream<Bytes>>) {
/// let _ = stream.full();
/// # }
/// ```
///
/// ```
/// # use kitewire::{ServerStream, StreamCall, bytes::Bytes};
/// # fn with(stream: StreamCall<'_, ServerStream<Bytes>>) {
/// let _ = stream.metadata("k", "v");
/// # }
/// ```
#[must_use = "a stream is opened when it is awaited"]
pub struct StreamCall<'a, S> {
    wish: Wish<'a>,
    open: fn(Opened) -> S,
    deadline: Option<Instant>,
    stage: Stage,
}

/// What is to be opened, and how.
struct Wish<'a> {
    client: &'a Client,
    service: &'static ServiceInfo,
    method: Option<&'static MethodInfo>,
    kind: MethodKind,
    /// The one request, where there is only one.
    request: Option<Box<dyn EncodeBody + Send>>,
    options: CallOptions,
    recv_timeout: Option<RecvTimeout>,
}

enum Stage {
    Fresh,
    Opening(Opening),
    /// The request waits for room.
    Sending(Arc<Stream>),
    Over,
}

/// The one request of a stream.
pub(super) struct Only<A: Message>(pub(super) A::Value);

impl<A: Message> EncodeBody for Only<A> {
    fn encode_body(&self, out: &mut Output) {
        A::encode_value(&self.0, out);
    }
}

impl<'a, S> StreamCall<'a, S> {
    pub(super) fn new(
        client: &'a Client,
        (service, method, kind): (&'static ServiceInfo, usize, MethodKind),
        request: Option<Box<dyn EncodeBody + Send>>,
        open: fn(Opened) -> S,
    ) -> Self {
        Self {
            wish: Wish {
                client,
                service,
                method: service.methods.get(method),
                kind,
                request,
                options: CallOptions::default(),
                recv_timeout: None,
            },
            open,
            deadline: None,
            stage: Stage::Fresh,
        }
    }

    /// How long the stream may take, from now to its end, in place of the client's
    /// [option](crate::StreamOptions::timeout); zero means for ever. The server is told. When it is over, both halves
    /// fail with code 4.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.wish.options.timeout = Some(timeout);
        self
    }

    /// How long one message may be waited for, in place of the client's [option](crate::StreamOptions::recv_timeout).
    pub const fn recv_timeout(mut self, timeout: RecvTimeout) -> Self {
        self.wish.recv_timeout = Some(timeout);
        self
    }

    /// How long making a connection may take, if this stream needs one.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.wish.options.connect_timeout = Some(timeout);
        self
    }

    /// Sends metadata in front of the first message. The value of a key that ends in `-bin` is any bytes. With metadata
    /// that cannot be sent, opening the stream fails with
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest).
    pub fn metadata(mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        self.wish.options.append_metadata(key.as_ref(), value.as_ref());
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
    /// Tells the server which method is being served, too. Values already set for this stream stay.
    pub fn forward(mut self, incoming: &Call) -> Self {
        self.wish.options.forward(incoming);
        self
    }

    /// Opens this stream to another server.
    pub fn to(mut self, address: impl Into<Address>) -> Self {
        self.wish.options.address = Some(address.into());
        self
    }

    /// Whether messages are sent compressed, in place of the client's [option](crate::StreamOptions::gzip).
    pub fn gzip(mut self, switch: Switch) -> Self {
        self.wish.options.set_gzip(switch);
        self
    }

    /// Labels this stream; it can be asked for the label. A tag of the stream comes before the client's of the same key;
    /// see [`ClientBuilder::tag`](crate::ClientBuilder::tag).
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.wish.options.set_tag(key.into(), value.into());
        self
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<S, Error>> {
        loop {
            match &mut self.stage {
                Stage::Fresh => {
                    self.wish.check()?;
                    let client = &self.wish.client.inner;
                    self.deadline = self.wish.timeout().map(|timeout| client.route.now() + timeout);
                    self.stage = match &client.route {
                        Route::InProcess(direct) => Stage::Sending(self.wish.open_in_process(direct, self.deadline)?),
                        _ => Stage::Opening(Opening::new()),
                    };
                }
                Stage::Opening(opening) => {
                    let stream = ready!(self.wish.poll_begin(opening, self.deadline, cx))?;
                    self.stage = Stage::Sending(stream);
                }
                Stage::Sending(stream) => {
                    if let Some(request) = &self.wish.request {
                        let sent = ready!(stream.poll(|hub| hub.poll_send(stream.id(), cx, &**request)));
                        sent.map_err(|error| stream.placed(error))?;
                        stream.close_send();
                    }
                    let stream = Arc::clone(stream);
                    return Poll::Ready(Ok((self.open)(self.wish.opened(stream))));
                }
                Stage::Over => return Poll::Pending,
            }
        }
    }
}

impl Wish<'_> {
    /// Whether the stream can be opened at all.
    fn check(&mut self) -> Result<(), Error> {
        if let Some(error) = self.options.take_problem() {
            return Err(error);
        }
        match self.method.map(|method| method.kind) {
            Some(kind) if kind == self.kind => Ok(()),
            Some(_) => Err(mismatch("not a streaming method", self.service, self.method)),
            None => Err(mismatch("non-existent method", self.service, None)),
        }
    }

    fn poll_begin(
        &self,
        opening: &mut Opening,
        deadline: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arc<Stream>, Error>> {
        let client = &*self.client.inner;
        let Some(grpc) = &client.streams else {
            return Poll::Pending;
        };
        let authority = grpc.authority(self.options.address.as_ref());
        let connect_timeout = self.options.connect_timeout.or(client.connect_timeout);
        let wanted = Wanted {
            request: self.request(&authority, deadline),
            address: self.address(),
            connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            only: None,
        };
        opening.poll(grpc, &wanted, cx).map(|begun| match begun {
            Ok(Begun { lane, id, .. }) => {
                let place = self.named(Some(self.address().clone()));
                Ok(Stream::new(Arc::clone(lane.hub()), id, Some(place)))
            }
            Err(error) => Err(error.into_error(self.to(), self.method(), self.address())),
        })
    }

    /// Opens the stream to a service of this process.
    fn open_in_process(&self, direct: &InProcess, deadline: Option<Instant>) -> Result<Arc<Stream>, Error> {
        let pump = direct.pump();
        let request = self.request(&self.service.name, deadline);
        let opened = pump.client().lock().connection.open(pump.now(), &request);
        let refused = |error| NotOpened::of(error).into_error(self.to(), self.method(), self.address());
        let id = opened.map_err(refused)?;
        let hub = Arc::clone(pump.client());
        Ok(Stream::pumped(hub, id, Some(self.named(None)), Some(pump)))
    }

    fn request<'a>(&'a self, authority: &'a str, deadline: Option<Instant>) -> grpc::Request<'a> {
        let (client, options) = (&*self.client.inner, &self.options);
        let (service, method) = (&*self.service.name, self.method());
        grpc::Request {
            authority: options.url_host(client).unwrap_or(authority),
            deadline,
            gzip: options.gzip().unwrap_or(client.streaming.gzip),
            metadata: options.metadata().fields(),
            meta: &options.meta,
            names: options.names(client, method),
            ..grpc::Request::new(&self.service.package, service, method, self.service.codec, self.kind)
        }
    }

    fn opened(&mut self, stream: Arc<Stream>) -> Opened {
        let client = &*self.client.inner;
        let recv_timeout = self.recv_timeout.or(client.streaming.recv_timeout);
        let recv_timeout = recv_timeout.filter(|timeout| !timeout.timeout().is_zero());
        Opened {
            stream,
            tags: self.options.take_tags(&client.tags),
            // Where there is no runtime, there is no timer.
            recv_timeout: recv_timeout.zip(client.streams.as_ref().map(|grpc| Arc::clone(grpc.connector()))),
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let timeout = self.options.timeout.or(self.client.inner.streaming.timeout);
        timeout.filter(|timeout| !timeout.is_zero())
    }

    fn address(&self) -> &Address {
        self.options.address.as_ref().unwrap_or(&self.client.inner.address)
    }

    /// Who is called, for texts.
    fn to(&self) -> &str {
        match &*self.client.inner.destination {
            "" => &self.service.name,
            name => name,
        }
    }

    fn method(&self) -> &'static str {
        self.method.map_or("", |method| &*method.name)
    }

    fn named(&self, peer: Option<Address>) -> Place {
        let destination = &self.client.inner.destination;
        Place {
            service: match &**destination {
                "" => self.service.name.clone(),
                name => Cow::Owned(name.to_owned()),
            },
            method: Cow::Borrowed(self.method()),
            peer,
        }
    }
}

impl<S> Future for StreamCall<'_, S> {
    type Output = Result<S, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let opened = ready!(self.poll_open(cx));
        // What was not handed over is given up here.
        self.stage = Stage::Over;
        Poll::Ready(opened)
    }
}

/// Nothing in it is pinned.
impl<S> Unpin for StreamCall<'_, S> {}

impl<S> fmt::Debug for StreamCall<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamCall")
            .field("service", &self.wish.service.name)
            .field("method", &self.wish.method())
            .finish_non_exhaustive()
    }
}
