//! The server's side of a connection that serves plain requests, whatever its version.

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;

use super::exchanges::Exchanges;
use super::{Request, RequestId, RequestLimits, RespondError, Response, ServerEvent};
use crate::buf::Transmit;
use crate::error::Disconnect;
use crate::pingpong::{Demand, Shutdown};
use crate::record::{Recorded, Recorder};
use crate::time::{Deadline, Instant};
use crate::{http1, http2};

/// The server's side of a connection that serves plain requests: bytes and time in, requests and bytes out.
///
/// Made for HTTP/1.1 or for HTTP/2, as [`detect`](crate::wire::detect::detect) tells; the same for its owner from then
/// on. Bodies are collected up to [`RequestLimits::max_body`], so that a request is whole when it is told. Drive it as a
/// [`ServerConnection`](crate::ServerConnection), with the same verbs.
///
/// Each request has to be answered once, a cancelled one too: until then it takes one of the connection's places.
///
/// ```
/// use std::sync::Arc;
/// use bytes::BytesMut;
/// use kitewire_proto::http::{RequestLimits, Response, ServerConnection, ServerEvent};
/// use kitewire_proto::wire::Protocol;
/// use kitewire_proto::wire::detect::{Detection, detect};
/// use kitewire_proto::{Instant, Transmit, http1, http2};
///
/// let now = Instant::ZERO;
/// let mut input = BytesMut::from("GET /status HTTP/1.1\r\nHost: stock\r\n\r\n");
/// let mut connection = match detect(&input) {
///     Detection::Protocol(Protocol::Http2) => {
///         ServerConnection::http2(Arc::new(http2::Config::default()), RequestLimits::default(), now)
///     }
///     _ => ServerConnection::http1(Arc::new(http1::Config::default()), now),
/// };
/// connection.receive(now, &mut input);
/// while let Some(event) = connection.poll_event() {
///     if let ServerEvent::Request { id } = event {
///         let request = connection.request(id).expect("it is open");
///         let answer = match (request.method(), request.path()) {
///             (b"GET", b"/status") => Response::text(200, "fine\n"),
///             _ => Response::text(404, "nothing here\n"),
///         };
///         connection.respond(now, id, &answer).expect("nothing is wrong with it");
///     }
/// }
/// let mut out = Transmit::new();
/// assert!(connection.poll_transmit(now, &mut out));
/// ```
pub struct ServerConnection {
    pub(super) version: Version,
    /// HTTP/2: an HTTP/1 connection has its own.
    pub(super) recorder: Option<Box<Recorder>>,
}

pub(super) enum Version {
    Http1(Box<http1::Connection>),
    Http2(Box<Http2>),
}

pub(super) struct Http2 {
    pub(super) connection: http2::Connection,
    pub(super) exchanges: Exchanges,
}

impl ServerConnection {
    /// A connection that speaks HTTP/1.1.
    #[must_use]
    pub fn http1(config: Arc<http1::Config>, now: Instant) -> Self {
        Self {
            version: Version::Http1(Box::new(http1::Connection::server(config, now))),
            recorder: None,
        }
    }

    /// A connection that speaks HTTP/2. The client's preface is still in the input.
    #[must_use]
    pub fn http2(config: Arc<http2::Config>, requests: RequestLimits, now: Instant) -> Self {
        let http2 = Http2 {
            connection: http2::Connection::server(config, now),
            exchanges: Exchanges::new(requests),
        };
        Self {
            version: Version::Http2(Box::new(http2)),
            recorder: None,
        }
    }

    /// Takes in what was read. What is not whole, or has to wait, stays in `input`. Call it again with the same buffer
    /// when [`Self::read_demand`] says [`Demand::Receive`].
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        if self.recorder.is_some() {
            return self.record_receive(now, input, Self::receive);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.receive(now, input),
            Version::Http2(http2) => http2.then(now, |connection| connection.receive(now, input)),
        }
    }

    /// Tells how the socket ended. Hand everything that was read to [`Self::receive`] first.
    pub fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        if self.recorder.is_some() {
            return self.record_disconnect(now, why, Self::handle_disconnect);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.handle_disconnect(now, why),
            Version::Http2(http2) => http2.then(now, |connection| connection.handle_disconnect(now, why)),
        }
    }

    /// What to do with the reading side of the socket now.
    #[must_use]
    pub fn read_demand(&self) -> Demand {
        match &self.version {
            Version::Http1(connection) => connection.read_demand(),
            Version::Http2(http2) => http2.connection.read_demand(),
        }
    }

    /// Moves what there is to send to `out`. Returns whether `out` holds anything to write.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        if self.recorder.is_some() {
            return self.record_transmit(now, out, Self::poll_transmit);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.poll_transmit(now, out),
            Version::Http2(http2) => {
                let mut any = false;
                http2.then(now, |connection| any = connection.poll_transmit(now, out));
                any
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        match &self.version {
            Version::Http1(connection) => connection.poll_timeout(),
            Version::Http2(http2) => {
                let due = [http2.connection.poll_timeout(), http2.exchanges.poll_timeout()];
                due.into_iter().flatten().min_by_key(|due| due.at)
            }
        }
    }

    /// Does what is due at `now`. Calling early or more often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.recorder.is_some() {
            return self.record_timeout(now, Self::handle_timeout);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.handle_timeout(now),
            Version::Http2(http2) => {
                http2.then(now, |connection| connection.handle_timeout(now));
                http2.exchanges.handle_timeout(now, &mut http2.connection);
                http2.then(now, |_| {});
            }
        }
    }

    /// The next event, until there is none.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        if self.recorder.is_some() {
            return self.record_event(Self::poll_event);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.poll_event(),
            Version::Http2(http2) => http2.exchanges.poll_event(),
        }
    }

    /// A request that wants an answer, until it has one.
    #[must_use]
    pub fn request(&self, id: RequestId) -> Option<Request<'_>> {
        match &self.version {
            Version::Http1(connection) => connection.request(id),
            Version::Http2(http2) => http2.exchanges.request(&http2.connection, id),
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    ///
    /// There is no such request, or the response cannot be sent; then nothing was, and the request stays open.
    pub fn respond(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError> {
        if self.recorder.is_some() {
            return self.record_respond_http(now, id, response, Self::respond);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.respond(now, id, response),
            Version::Http2(http2) => {
                let sent = http2.exchanges.respond(&mut http2.connection, id, response);
                http2.then(now, |_| {});
                sent
            }
        }
    }

    /// Ends the connection; see [`Shutdown`].
    pub fn shutdown(&mut self, now: Instant, how: Shutdown) {
        if self.recorder.is_some() {
            return self.record_shutdown(now, how, Self::shutdown);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.shutdown(now, how),
            Version::Http2(http2) => http2.then(now, |connection| connection.shutdown(now, how)),
        }
    }

    /// Whether everything is over and sent, so that the socket can be closed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        match &self.version {
            Version::Http1(connection) => connection.is_drained(),
            Version::Http2(http2) => http2.connection.is_drained(),
        }
    }

    /// Requests that wait for an answer, cancelled ones included.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        match &self.version {
            Version::Http1(connection) => connection.open_requests(),
            Version::Http2(http2) => http2.exchanges.running(),
        }
    }

    /// Bytes that this connection makes its owner hold: input not yet whole, requests not yet answered, output not yet
    /// sent.
    #[must_use]
    pub fn usage(&self) -> usize {
        match &self.version {
            Version::Http1(connection) => connection.usage(),
            Version::Http2(http2) => http2.connection.usage().saturating_add(http2.exchanges.usage()),
        }
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_memory(&mut self) {
        if self.recorder.is_some() {
            return self.record_release_memory(Self::release_memory);
        }
        match &mut self.version {
            Version::Http1(connection) => connection.release_memory(),
            Version::Http2(http2) => {
                http2.connection.release_memory();
                http2.exchanges.release_memory();
            }
        }
    }
}

impl Http2 {
    /// Does something with the connection, and then what that leads to.
    fn then(&mut self, now: Instant, act: impl FnOnce(&mut http2::Connection)) {
        let Self { connection, exchanges } = self;
        act(connection);
        while let Some(event) = connection.poll_event() {
            match event {
                http2::Event::Opened { id } => exchanges.begin(now, connection, id),
                http2::Event::Rejected { code, text: why, .. } => {
                    exchanges.push_event(ServerEvent::Rejected { code, why });
                }
                http2::Event::Closed { reason } => {
                    exchanges.clear(connection);
                    exchanges.push_event(ServerEvent::Closed { reason });
                }
                event => exchanges.handle(now, connection, &event),
            }
        }
    }
}

impl fmt::Debug for ServerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Version::Http1(connection) => connection.fmt(f),
            Version::Http2(http2) => f
                .debug_struct("ServerConnection")
                .field("connection", &http2.connection)
                .field("requests", &http2.exchanges.running())
                .finish_non_exhaustive(),
        }
    }
}
