//! From the events of a connection with streams to handlers and back, without a socket.

use std::ops::DerefMut;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Version;
use kitewire_proto::http::{RequestId, RespondError, Response};
use kitewire_proto::record::Recorder;
use kitewire_proto::wire::Codec;
use kitewire_proto::{CloseReason, DecodeError, Instant, Machine, Refusal, Shutdown, Target, grpc, ttstream};

use super::task::{Background, Task, Work};
use crate::server::engine::{Budget, Engine, Load, Spawn};
use crate::server::link::Link;
use crate::server::plain::{Requests, Source, convert_request, lingers};
use crate::server::shared::{Notice, Stop};
use crate::server::spares::Spares;
use crate::service::{Dispatch, Received};
use crate::stream::{Conclusion, Connection, Event, Hub, Side, State, StreamKey};
use crate::wakes::Wakes;
use crate::{Call, Error};

/// A connection with streams, and the handlers of its calls; over HTTP/2 of its plain requests too.
///
/// A handler is polled at once where it stands, and moves to a task of its own if it has to wait. Calls are answered
/// through the hub, by whoever ran their handler.
pub(crate) struct StreamServing {
    pub(super) hub: Arc<Hub>,
    link: Arc<Link>,
    /// HTTP/2: plain requests.
    requests: Option<Requests>,
    spares: Spares,
    /// The message that is being decoded; kept for its memory.
    body: Vec<u8>,
    /// Whom the events that are being dealt with concern; empty between turns, kept for its memory.
    wake: Wakes,
    /// An event that a write has led to.
    next: Option<Event>,
    /// Calls that lost their caller by the latest thing that happened to the connection.
    cancelled: usize,
    /// Why the connection is over.
    closed: Option<CloseReason>,
}

/// A call that has come in, on its way to its handler.
struct Arrival {
    call: Call,
    target: Target,
    /// The single request, if it is a large one; small ones are in [`StreamServing::body`].
    large: Option<Bytes>,
}

impl StreamServing {
    /// The server's side of an HTTP/2 connection.
    pub(crate) fn grpc(link: &Arc<Link>, now: Instant) -> Self {
        let server = link.server();
        let connection = grpc::Connection::server(Arc::clone(&server.services), Arc::clone(&server.grpc), now);
        Self {
            requests: Some(Requests::new(Version::HTTP_2, link)),
            ..Self::new(connection, link)
        }
    }

    /// The server's side of a connection with streams over TTHeader.
    pub(crate) fn tt_header(link: &Arc<Link>, now: Instant) -> Self {
        let server = link.server();
        let connection =
            ttstream::Connection::server(Arc::clone(&server.services), Arc::clone(&server.tt_streams), now);
        Self::new(connection, link)
    }

    fn new(connection: impl Into<Connection>, link: &Arc<Link>) -> Self {
        Self {
            hub: Hub::new(connection, Side::Server, link.server().config.limits.max_depth),
            link: Arc::clone(link),
            requests: None,
            spares: Spares::default(),
            body: Vec::new(),
            wake: Wakes::new(),
            next: None,
            cancelled: 0,
            closed: None,
        }
    }

    /// Whether somebody has something to send.
    pub(crate) fn is_called(&self) -> bool {
        // With tasks left to wake, the next turn comes behind those that were woken anyway.
        self.wake.is_empty() && self.hub.is_called()
    }

    fn open(&mut self, cx: &mut Context<'_>, key: StreamKey, spawn: Option<Spawn<'_, Background>>) {
        let Some(Arrival { call, target, large }) = self.arrive(key) else {
            return self.hub.release(key);
        };
        let Some((method, dispatch)) = self.link.server().stream_method(target) else {
            return self.hub.release(key);
        };
        let mut slot = self.spares.take(target, method);
        // The handler's first steps may use the call, so the hub is not locked here.
        let body = large.as_deref().unwrap_or(&self.body);
        let share = || large.clone().unwrap_or_else(|| Bytes::copy_from_slice(&self.body));
        if let Err(error) = slot.start(call, Received::new(body, &share), self.hub.max_depth()) {
            self.refuse(cx, key, target, error);
            return self.spares.keep(target, slot);
        }
        let mut work = Work { key, target, slot };
        let first = match (dispatch, spawn) {
            (Dispatch::Spawn, Some(_)) => Poll::Pending,
            _ => work.poll(&self.hub, &self.link, cx),
        };
        match (first, spawn) {
            (Poll::Ready(()), _) => self.spares.keep(target, work.slot),
            (Poll::Pending, spawn) => {
                let task = Task::new(work, Arc::clone(&self.hub), Arc::clone(&self.link));
                if let Some(spawn) = spawn {
                    spawn(Background::Call(task));
                }
            }
        }
    }

    /// Takes what a handler needs out of the connection.
    fn arrive(&mut self, key: StreamKey) -> Option<Arrival> {
        let mut state = self.hub.lock();
        let incoming = state.connection.incoming(key)?;
        let (target, kind) = (incoming.target(), incoming.kind());
        let call = Call::of_stream(&self.link, &self.hub, key, &incoming);
        self.body.clear();
        let large = match kind.has_single_request() {
            true => state.connection.take_request(key, &mut self.body)?,
            false => None,
        };
        Some(Arrival { call, target, large })
    }

    /// Answers a call whose request does not decode.
    #[cold]
    fn refuse(&self, cx: &Context<'_>, key: StreamKey, target: Target, error: DecodeError) {
        let server = self.link.server();
        let codec = match target {
            Target::Method(method) => server.services.method(method).map(|(service, _)| service.codec),
            Target::Unknown => None,
        };
        let error = Error::message(error, codec.unwrap_or(Codec::Thrift));
        let refusal = self.hub.lock().connection.refusal_of(&error);
        let _ = self.hub.poll_finish(key, cx, None, &Conclusion::Broken(&error));
        self.notice_refused(&refusal);
    }

    fn notice_refused(&self, refusal: &Refusal) {
        let peer = self.link.peer();
        self.link.server().notice(&Notice::Refused { peer, refusal });
    }

    fn on_closed(&mut self, reason: CloseReason) {
        let (server, peer) = (self.link.server(), self.link.peer());
        server.notice(&Notice::Closed { peer, reason: &reason });
        if reason == CloseReason::Shutdown && server.stop_state() != Stop::Serving {
            let requests = self.requests.as_ref().map_or(0, Requests::cancelled);
            server.count_cut_off(self.cancelled + requests);
        }
        self.closed = Some(reason);
    }

    /// The next event that is not about somebody who waits.
    fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.next.take() {
            return Some(event);
        }
        let mut state = self.hub.lock();
        loop {
            let event = state.connection.poll_event()?;
            match event {
                Event::Readable { .. } | Event::Writable { .. } => state.notify(&event, self.wake.waiting()),
                Event::Ended { .. } => {
                    self.cancelled += 1;
                    state.notify(&event, self.wake.waiting());
                }
                event => return Some(event),
            }
        }
    }
}

/// Plain requests go through the hub as calls do.
impl Source for &Hub {
    fn request(&self, id: RequestId, version: Version) -> Option<Result<http::Request<Bytes>, &'static str>> {
        let mut state = self.lock();
        Some(convert_request(&state.connection.grpc()?.http_request(id)?, version))
    }

    fn respond(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError> {
        match self.lock().connection.grpc() {
            Some(connection) => connection.respond_http(now, id, response),
            None => Ok(()),
        }
    }

    fn shut_down(&mut self, now: Instant) {
        self.lock().connection.shutdown(now, Shutdown::Immediate);
    }
}

impl Engine for StreamServing {
    type Background = Background;
    type Machine = State;

    #[inline]
    fn machine(&mut self) -> impl DerefMut<Target = State> {
        self.hub.lock()
    }

    fn record(&mut self, recorder: Recorder) {
        self.hub.lock().connection.record(recorder);
    }

    fn recorded(&mut self, take: fn(&mut Recorder) -> Vec<u8>) -> Vec<u8> {
        let mut state = self.hub.lock();
        state.connection.recorder().map(take).unwrap_or_default()
    }

    fn adopt(&mut self, task: &Waker) {
        self.hub.adopt(task);
    }

    fn wake(&mut self) {
        self.wake.begin_turn();
        self.hub.begin_turn();
    }

    fn after_write(&mut self) -> bool {
        self.next = self.next_event();
        self.wake.wake();
        self.next.is_some()
    }

    fn collect(&mut self, now: Instant) {
        if let Some(requests) = &mut self.requests {
            requests.collect(&mut &*self.hub, now);
        }
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
            let Some(event) = self.next_event() else {
                self.cancelled = 0;
                if let Some(requests) = &mut self.requests {
                    requests.settle_events();
                }
                break;
            };
            match event {
                Event::Opened { key } => {
                    budget.spend_call();
                    self.open(cx, key, spawn);
                }
                Event::Refused(refusal) => self.notice_refused(&refusal),
                Event::Http(event) => {
                    let spawn = spawn.map(|spawn| move |request| spawn(Background::Request(request)));
                    let spawn = spawn.as_ref().map(|spawn| spawn as Spawn<'_, _>);
                    if let Some(requests) = &mut self.requests {
                        requests.handle(&mut &*self.hub, now, cx, budget, &event, spawn);
                    }
                }
                Event::Closed { reason } => self.on_closed(reason),
                _ => {}
            }
        }
        self.wake.wake();
    }

    fn has_more(&self) -> bool {
        !self.wake.is_empty()
    }

    fn load(&self) -> Load {
        self.hub.lock().connection.load()
    }

    fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    fn lingers(&self) -> bool {
        lingers(self.closed.as_ref(), &self.link)
    }

    /// Free slots go back to their methods.
    fn rest(&mut self) {
        self.spares.recycle();
        self.hub.rest();
    }

    fn release_memory(&mut self) {
        self.spares = Spares::default();
        self.body = Vec::new();
        self.wake.release_memory();
        if let Some(requests) = &mut self.requests {
            requests.release_memory();
        }
        self.hub.lock().release_memory();
    }

    /// Handlers of calls run on, for nobody. Those of plain requests are dropped, by their own tasks.
    fn abandon(&mut self, _spawn: Option<Spawn<'_, Background>>) {
        self.wake.wake_all();
        self.hub.close(self.link.now());
        self.link.close();
        if let Some(requests) = &mut self.requests {
            requests.abandon();
        }
        self.spares.recycle();
    }
}
