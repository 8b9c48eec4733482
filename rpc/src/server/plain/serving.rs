//! From the events of an HTTP connection to handlers and back, without a socket.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::Version;
use kitewire_proto::http::{Request, RequestId, RespondError, Response, ServerConnection, ServerEvent};
use kitewire_proto::wire::Protocol;
use kitewire_proto::{CloseReason, Deadline, Demand, Disconnect, Instant, Shutdown, TimerKind, Transmit};

use super::task::{Background, Desk, Outcome, Wish, poll};
use super::{Answering, PeerAddress, Plain, convert};
use crate::server::engine::{Budget, Engine, Spawn};
use crate::server::link::Link;
use crate::server::shared::{Notice, Stop};

/// An HTTP connection and the handlers of its requests.
///
/// A handler is polled at once where it stands, and moves to a task of its own if it has to wait. When nobody waits for
/// its answer any more it is dropped there.
pub(crate) struct HttpServing {
    connection: ServerConnection,
    version: Version,
    link: Arc<Link>,
    desk: Arc<Desk>,
    /// Requests whose handlers run in tasks of their own.
    running: HashMap<RequestId, Arc<Wish>>,
    /// Ended handlers taken from the desk; empty between turns, kept for its memory.
    batch: Vec<(RequestId, Outcome)>,
    /// Requests cancelled by the latest thing that happened to the connection.
    cancelled: usize,
    /// Why the connection is over.
    closed: Option<CloseReason>,
}

impl HttpServing {
    /// `None` if the server answers no plain requests, or `protocol` is none that they come in.
    pub(crate) fn new(link: &Arc<Link>, protocol: Protocol, now: Instant) -> Option<Self> {
        let Plain {
            requests, http1, http2, ..
        } = link.server().plain.as_ref()?;
        let (version, connection) = match protocol {
            Protocol::Http1 => (Version::HTTP_11, ServerConnection::http1(Arc::clone(http1), now)),
            Protocol::Http2 => {
                let connection = ServerConnection::http2(Arc::clone(http2), requests.clone(), now);
                (Version::HTTP_2, connection)
            }
            _ => return None,
        };
        Some(Self {
            connection,
            version,
            link: Arc::clone(link),
            desk: Arc::new(Desk::new(Arc::clone(link))),
            running: HashMap::new(),
            batch: Vec::new(),
            cancelled: 0,
            closed: None,
        })
    }

    fn begin(&mut self, now: Instant, cx: &mut Context<'_>, id: RequestId, spawn: Option<Spawn<'_, Background>>) {
        let (Some(request), Some(plain)) = (self.connection.request(id), self.link.server().plain.as_ref()) else {
            return;
        };
        if self.version == Version::HTTP_2
            && let Some(content_type) = grpc(&request)
        {
            let refusal = unimplemented(content_type);
            self.notice_refused(200, "gRPC is not served here");
            return self.send(now, id, &refusal);
        }
        let handler = match &plain.handler {
            Answering::Handler(handler) => Arc::clone(handler),
            Answering::Page(page) => {
                let page = Response::text(404, page.clone());
                return self.send(now, id, &page);
            }
        };
        let mut request = match convert::request(&request, self.version) {
            Ok(request) => request,
            Err(why) => return self.refuse(now, id, 400, why),
        };
        if let Some(peer) = self.link.peer() {
            request.extensions_mut().insert(PeerAddress(peer.clone()));
        }
        let mut work = Some(handler.start(request));
        match (poll(&mut work, cx), work, spawn) {
            (Poll::Ready(outcome), _, _) => self.settle(now, id, outcome),
            (Poll::Pending, Some(work), Some(spawn)) => {
                let wish = Arc::new(Wish::default());
                self.running.insert(id, Arc::clone(&wish));
                spawn(Background::new(id, work, wish, Arc::clone(&self.desk)));
            }
            (Poll::Pending, _, _) => self.settle(now, id, Outcome::Dropped),
        }
    }

    fn settle(&mut self, now: Instant, id: RequestId, outcome: Outcome) {
        match outcome {
            Outcome::Answered(response) => {
                let response = convert::response(response);
                if let Err(error) = self.connection.respond(now, id, &response) {
                    self.refuse(now, id, 500, &format!("the response cannot be sent: {error}"));
                }
            }
            Outcome::Panicked => self.refuse(now, id, 500, "the handler panicked"),
            // For the sake of the place that the request takes: hardly anybody reads this.
            Outcome::Dropped => self.send(now, id, &Response::new(CLIENT_GONE, Bytes::new())),
        }
    }

    /// Answers in the handler's stead. The client is told what is wrong with its request, but not what is wrong here.
    #[cold]
    fn refuse(&mut self, now: Instant, id: RequestId, status: u16, why: &str) {
        if self.connection.request(id).is_none() {
            return;
        }
        self.notice_refused(status, why);
        let text = match status {
            400 => format!("400 Bad Request: {why}\n"),
            _ => "500 Internal Server Error\n".to_owned(),
        };
        self.send(now, id, &Response::text(status, text));
    }

    /// Sends an answer of our own.
    fn send(&mut self, now: Instant, id: RequestId, response: &Response) {
        let status = response.status;
        if let Err(RespondError::FieldsTooLarge { .. }) = self.connection.respond(now, id, response)
            && let Err(RespondError::FieldsTooLarge { .. }) =
                self.connection.respond(now, id, &Response::new(status, Bytes::new()))
        {
            // Who takes no answer at all is not kept waiting for one.
            self.connection.shutdown(now, Shutdown::Immediate);
        }
    }

    fn notice_refused(&self, status: u16, why: &str) {
        let peer = self.link.peer();
        self.link.server().notice(&Notice::HttpRefused { peer, status, why });
    }
}

impl Engine for HttpServing {
    type Background = Background;

    fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        self.connection.receive(now, input);
    }

    fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        self.connection.handle_disconnect(now, why);
    }

    fn handle_timeout(&mut self, now: Instant, _input: &mut BytesMut) {
        self.connection.handle_timeout(now);
    }

    fn shutdown(&mut self, now: Instant, how: Shutdown) {
        self.connection.shutdown(now, how);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        self.connection.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.connection.poll_timeout()
    }

    fn read_demand(&self) -> Demand {
        self.connection.read_demand()
    }

    fn is_drained(&self) -> bool {
        self.connection.is_drained()
    }

    fn collect(&mut self, now: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        self.desk.clear(&mut batch);
        for (id, outcome) in batch.drain(..) {
            self.running.remove(&id);
            self.settle(now, id, outcome);
        }
        self.batch = batch;
    }

    fn resume(&mut self, _now: Instant, _cx: &mut Context<'_>) {}

    fn handle_events(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        spawn: Option<Spawn<'_, Background>>,
    ) {
        while !budget.is_spent() {
            let Some(event) = self.connection.poll_event() else {
                self.cancelled = 0;
                return;
            };
            match event {
                ServerEvent::Request { id } => {
                    budget.spend_call();
                    self.begin(now, cx, id, spawn);
                }
                ServerEvent::Cancelled { id } => {
                    self.cancelled += 1;
                    if let Some(wish) = self.running.get(&id) {
                        wish.cancel();
                    }
                }
                ServerEvent::Refused { status, why } => self.notice_refused(status, why),
                ServerEvent::Rejected { code, why } => {
                    let peer = self.link.peer();
                    self.link.server().notice(&Notice::HttpRejected { peer, code, why });
                }
                ServerEvent::Closed { reason } => {
                    let peer = self.link.peer();
                    self.link.server().notice(&Notice::Closed { peer, reason: &reason });
                    let server = self.link.server();
                    if reason == CloseReason::Shutdown && server.stop_state() != Stop::Serving {
                        server.count_cut_off(self.cancelled);
                    }
                    self.closed = Some(reason);
                }
                _ => {}
            }
        }
    }

    fn open_calls(&self) -> usize {
        self.connection.open_requests()
    }

    fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// RFC 9112 §9.6: whoever closes lets the client read the last answer first.
    fn lingers(&self) -> bool {
        match &self.closed {
            None
            | Some(
                CloseReason::PeerClosed
                | CloseReason::PeerClosedMidway
                | CloseReason::PeerGoAway { .. }
                | CloseReason::SocketFailed
                | CloseReason::TimedOut(TimerKind::WriteStall),
            ) => false,
            Some(CloseReason::Shutdown) => self.link.server().stop_state() != Stop::AtOnce,
            Some(_) => true,
        }
    }

    fn rest(&mut self) {}

    fn release_memory(&mut self) {
        self.batch = Vec::new();
        self.desk.release_memory();
        if self.running.is_empty() {
            self.running = HashMap::new();
        }
        self.connection.release_memory();
    }

    /// Handlers are dropped, by their own tasks.
    fn abandon(&mut self, _spawn: Option<Spawn<'_, Background>>) {
        self.link.close();
        for (_, wish) in self.running.drain() {
            wish.cancel();
        }
    }
}

/// The content type of a gRPC request.
fn grpc<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let content_type = request.fields().get("content-type")?;
    let subtype = content_type.strip_prefix(b"application/grpc")?;
    matches!(subtype, [] | [b'+' | b';', ..]).then_some(content_type)
}

/// An answer that a gRPC client understands: headers that are the trailers, too.
fn unimplemented(content_type: &[u8]) -> Response {
    let mut response = Response::new(200, Bytes::new());
    response.fields.push("content-type", content_type);
    response.fields.push("grpc-status", "12");
    response.fields.push("grpc-message", "gRPC is not served here");
    response
}

/// As proxies note a client that did not wait for its answer.
const CLIENT_GONE: u16 = 499;
