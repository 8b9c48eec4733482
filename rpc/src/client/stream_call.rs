//! A stream of a client that is about to be opened: its options, and the future that opens it.

mod wish;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kitewire_proto::dispatch::{MethodKind, ServiceInfo};
use kitewire_proto::{EncodeBody, Instant, Output, Switch};
use kitewire_runtime::Address;

use super::Client;
use super::lane::Opening;
use super::options::RecvTimeout;
use super::route::Route;
use super::streams::Opened;
use crate::service::Message;
use crate::stream::Stream;
use crate::{Call, Error};
use wish::Wish;

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
            wish: Wish::new(client, (service, method, kind), request),
            open,
            deadline: None,
            stage: Stage::Fresh,
        }
    }

    /// How long the stream may take, from now to its end, in place of the client's
    /// [option](crate::StreamOptions::timeout); zero means for ever. When it is over, both halves fail with code 4. Over
    /// gRPC the server is told how long it is, over TTHeader that it is over.
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

    /// Sends metadata in front of the first message. The value of a key that ends in `-bin` is any bytes. Over TTHeader it
    /// travels as entries of the stream's header, a key that repeats with its last value. With metadata that cannot be
    /// sent, opening the stream fails with [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest).
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

    /// Makes the stream a part of the call being served.
    ///
    /// It hands on that call's metainfo, by the hop rule: persistent values go on, transient ones do not; values already
    /// set for this stream stay. Over gRPC the server is told which method is being served, too.
    ///
    /// And if that call is a stream over gRPC or TTHeader, this one ends with it at the latest: when the caller gives up,
    /// the connection is lost or the handler returns, this stream is cancelled at once, with that reason. Over TTHeader
    /// the server is told it, and the way that it has come. If nobody waits for the call's answer any more, the stream is
    /// not opened: that fails as after a timeout.
    pub fn forward(mut self, incoming: &Call) -> Self {
        self.wish.forward(incoming);
        self
    }

    /// Opens this stream to another server.
    pub fn to(mut self, address: impl Into<Address>) -> Self {
        self.wish.options.address = Some(address.into());
        self
    }

    /// Whether messages are sent compressed over gRPC, in place of the client's [option](crate::StreamOptions::gzip).
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
                    if let Poll::Ready(orphaned) = self.wish.poll_orphaned(cx) {
                        return Poll::Ready(Err(orphaned));
                    }
                    let route = &self.wish.client().route;
                    self.deadline = self.wish.timeout().map(|timeout| route.now() + timeout);
                    self.stage = match route {
                        Route::InProcess(direct) => Stage::Sending(self.wish.open_in_process(direct, self.deadline)?),
                        _ => Stage::Opening(Opening::new()),
                    };
                }
                Stage::Opening(opening) => {
                    if let Poll::Ready(begun) = self.wish.poll_begin(opening, self.deadline, cx) {
                        self.stage = Stage::Sending(begun?);
                        continue;
                    }
                    return self.wish.poll_orphaned(cx).map(Err);
                }
                Stage::Sending(stream) => {
                    if let Some(request) = self.wish.request() {
                        let sent = ready!(stream.poll(|hub| hub.poll_send(stream.key(), cx, request)));
                        sent.map_err(|error| stream.placed(error))?;
                        stream.close_send();
                    }
                    let stream = Arc::clone(stream);
                    return Poll::Ready(Ok((self.open)(self.wish.opened(stream, self.deadline))));
                }
                Stage::Over => return Poll::Pending,
            }
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
            .field("service", &self.wish.service())
            .field("method", &self.wish.method())
            .finish_non_exhaustive()
    }
}
