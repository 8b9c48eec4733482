//! Plain requests and their handlers, whichever connection they come over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Version;
use kitewire_proto::dispatch::Lookup;
use kitewire_proto::http::{RequestId, RespondError, Response, ServerEvent};
use kitewire_proto::wire::grpc::Path;
use kitewire_proto::{CloseReason, Instant};

use super::task::{Background, Desk, Outcome, Wish, poll};
use super::{Answering, PeerAddress, convert};
use crate::server::engine::{Budget, Spawn};
use crate::server::link::Link;
use crate::server::shared::{Notice, Stop};

/// Where plain requests come from, and their answers go.
pub(crate) trait Source {
    /// An open request as a handler gets it, or why a handler cannot get it.
    fn request(&self, id: RequestId, version: Version) -> Option<Result<http::Request<Bytes>, &'static str>>;

    /// Answers a request.
    fn respond(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError>;

    /// Ends the connection at once.
    fn shut_down(&mut self, now: Instant);
}

/// The plain requests of a connection.
///
/// A handler is polled at once where it stands, and moves to a task of its own if it has to wait. When nobody waits for
/// its answer any more it is dropped there.
pub(crate) struct Requests {
    version: Version,
    link: Arc<Link>,
    desk: Arc<Desk>,
    /// Requests whose handlers run in tasks of their own.
    running: BTreeMap<RequestId, Arc<Wish>>,
    /// Ended handlers taken from the desk; empty between turns, kept for its memory.
    batch: Vec<(RequestId, Outcome)>,
    /// Requests cancelled by the latest thing that happened to the connection.
    cancelled: usize,
}

impl Requests {
    pub(crate) fn new(version: Version, link: &Arc<Link>) -> Self {
        Self {
            version,
            link: Arc::clone(link),
            desk: Arc::new(Desk::new(Arc::clone(link))),
            running: BTreeMap::new(),
            batch: Vec::new(),
            cancelled: 0,
        }
    }

    /// Does what an event asks for, apart from the end of the connection.
    pub(crate) fn handle(
        &mut self,
        source: &mut impl Source,
        now: Instant,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        event: &ServerEvent,
        spawn: Option<Spawn<'_, Background>>,
    ) {
        match *event {
            ServerEvent::Request { id } => {
                budget.spend_call();
                self.begin(source, now, cx, id, spawn);
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
            _ => {}
        }
    }

    /// Answers what handlers in tasks of their own have finished.
    pub(crate) fn collect(&mut self, source: &mut impl Source, now: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        self.desk.clear(&mut batch);
        for (id, outcome) in batch.drain(..) {
            self.running.remove(&id);
            self.settle(source, now, id, outcome);
        }
        self.batch = batch;
    }

    /// Everything that has happened is dealt with.
    pub(crate) const fn settle_events(&mut self) {
        self.cancelled = 0;
    }

    /// Requests cancelled by what is being dealt with.
    pub(crate) const fn cancelled(&self) -> usize {
        self.cancelled
    }

    pub(crate) fn release_memory(&mut self) {
        self.batch = Vec::new();
        self.desk.release_memory();
    }

    /// Has all handlers dropped, by their own tasks.
    pub(crate) fn abandon(&mut self) {
        for wish in std::mem::take(&mut self.running).into_values() {
            wish.cancel();
        }
    }

    /// Whether this is a call but for its content type.
    fn names_a_method(&self, request: &http::Request<Bytes>) -> bool {
        let path = Path::parse(request.uri().path().as_bytes());
        self.version == Version::HTTP_2
            && request.method() == http::Method::POST
            && path.is_ok_and(|path| {
                let services = &self.link.server().services;
                matches!(services.lookup_exact(path.service, path.method), Lookup::Method(_))
            })
    }

    fn begin(
        &mut self,
        source: &mut impl Source,
        now: Instant,
        cx: &mut Context<'_>,
        id: RequestId,
        spawn: Option<Spawn<'_, Background>>,
    ) {
        let (Some(request), Some(plain)) = (source.request(id, self.version), self.link.server().plain.as_ref()) else {
            return;
        };
        let handler = match &plain.handler {
            Answering::Handler(handler) => Arc::clone(handler),
            Answering::Page(page) => {
                let is_call = request.is_ok_and(|request| self.names_a_method(&request));
                let answer = match is_call {
                    true => Response::text(415, NO_CONTENT_TYPE),
                    false => Response::text(404, page.clone()),
                };
                return send(source, now, id, &answer);
            }
        };
        let mut request = match request {
            Ok(request) => request,
            Err(why) => return self.refuse(source, now, id, 400, why),
        };
        if let Some(peer) = self.link.peer() {
            request.extensions_mut().insert(PeerAddress(peer.clone()));
        }
        if let Some(identity) = self.link.peer_identity() {
            request.extensions_mut().insert(Arc::clone(identity));
        }
        let mut work = Some(handler.start(request));
        match (poll(&mut work, cx), work, spawn) {
            (Poll::Ready(outcome), _, _) => self.settle(source, now, id, outcome),
            (Poll::Pending, Some(work), Some(spawn)) => {
                let wish = Arc::new(Wish::default());
                self.running.insert(id, Arc::clone(&wish));
                spawn(Background::new(id, work, wish, Arc::clone(&self.desk)));
            }
            (Poll::Pending, _, _) => self.settle(source, now, id, Outcome::Dropped),
        }
    }

    fn settle(&self, source: &mut impl Source, now: Instant, id: RequestId, outcome: Outcome) {
        match outcome {
            Outcome::Answered(response) => {
                let response = convert::response(response);
                match source.respond(now, id, &response) {
                    Ok(()) | Err(RespondError::UnknownRequest) => {}
                    Err(error) => {
                        self.refuse(source, now, id, 500, &format!("the response cannot be sent: {error}"));
                    }
                }
            }
            Outcome::Panicked => self.refuse(source, now, id, 500, "the handler panicked"),
            // For the sake of the place that the request takes: hardly anybody reads this.
            Outcome::Dropped => send(source, now, id, &Response::new(CLIENT_GONE, Bytes::new())),
        }
    }

    /// Answers in the handler's stead. The client is told what is wrong with its request, but not what is wrong here.
    #[cold]
    fn refuse(&self, source: &mut impl Source, now: Instant, id: RequestId, status: u16, why: &str) {
        if source.request(id, self.version).is_none() {
            return;
        }
        self.notice_refused(status, why);
        let text = match status {
            400 => format!("400 Bad Request: {why}\n"),
            _ => "500 Internal Server Error\n".to_owned(),
        };
        send(source, now, id, &Response::text(status, text));
    }

    fn notice_refused(&self, status: u16, why: &str) {
        let peer = self.link.peer();
        self.link.server().notice(&Notice::HttpRefused { peer, status, why });
    }
}

/// Sends an answer of our own.
fn send(source: &mut impl Source, now: Instant, id: RequestId, response: &Response) {
    let status = response.status;
    if let Err(RespondError::FieldsTooLarge { .. }) = source.respond(now, id, response)
        && let Err(RespondError::FieldsTooLarge { .. }) = source.respond(now, id, &Response::new(status, Bytes::new()))
    {
        // Who takes no answer at all is not kept waiting for one.
        source.shut_down(now);
    }
}

/// Whether a peer that speaks HTTP may still send although the connection ended like this. RFC 9112 §9.6: whoever closes
/// lets the client read the last answer first.
pub(crate) fn lingers(closed: Option<&CloseReason>, link: &Link) -> bool {
    match closed {
        None => false,
        Some(CloseReason::Shutdown) => link.server().stop_state() != Stop::AtOnce,
        Some(reason) => reason.lingers(),
    }
}

/// What a call gets whose content type is not gRPC's.
const NO_CONTENT_TYPE: &str = "415 Unsupported Media Type: a gRPC call has the content-type application/grpc, \
                               application/grpc+proto or application/grpc+thrift\n";
/// As proxies note a client that did not wait for its answer.
const CLIENT_GONE: u16 = 499;
