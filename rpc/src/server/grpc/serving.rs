//! From the events of an HTTP/2 connection to handlers and back, without a socket.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::Version;
use kitewire_proto::buf::SHARE_FROM;
use kitewire_proto::grpc::{Connection, Event, Pull};
use kitewire_proto::http::{RequestId, RespondError, Response};
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::Status;
use kitewire_proto::{
    CloseReason, Deadline, DecodeError, Demand, Disconnect, Instant, Refusal, Shutdown, Target, Transmit,
};

use super::task::{Background, Task, Work};
use crate::server::engine::{Budget, Engine, Spawn};
use crate::server::link::Link;
use crate::server::plain::{Requests, Source, convert_request, lingers};
use crate::server::shared::{Notice, Stop};
use crate::server::spares::Spares;
use crate::service::{Dispatch, Received};
use crate::stream::{Hub, Side, wake_all};
use crate::{Call, Error};

/// An HTTP/2 connection and the handlers of its calls and plain requests.
///
/// A handler is polled at once where it stands, and moves to a task of its own if it has to wait. Calls are answered
/// through the hub, by whoever ran their handler.
pub(crate) struct GrpcServing {
    pub(super) hub: Arc<Hub>,
    link: Arc<Link>,
    requests: Requests,
    spares: Spares,
    /// The message that is being decoded; kept for its memory.
    body: Vec<u8>,
    /// Whom the events that are being dealt with concern; empty between turns, kept for its memory.
    wake: Vec<Waker>,
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
    /// The single request, if it is a large one; small ones are in [`GrpcServing::body`].
    large: Option<Bytes>,
}

impl GrpcServing {
    pub(crate) fn new(link: &Arc<Link>, now: Instant) -> Self {
        let server = link.server();
        let connection = Connection::server(Arc::clone(&server.services), Arc::clone(&server.grpc), now);
        Self {
            hub: Hub::new(connection, Side::Server, server.config.limits.max_depth),
            link: Arc::clone(link),
            requests: Requests::new(Version::HTTP_2, link),
            spares: Spares::default(),
            body: Vec::new(),
            wake: Vec::new(),
            next: None,
            cancelled: 0,
            closed: None,
        }
    }

    /// Whether somebody has something to send.
    pub(crate) fn is_called(&self) -> bool {
        self.hub.is_called()
    }

    fn open(&mut self, cx: &mut Context<'_>, id: StreamId, spawn: Option<Spawn<'_, Background>>) {
        let Some(Arrival { call, target, large }) = self.arrive(id) else {
            return self.hub.release(id);
        };
        let Some((method, dispatch)) = self.link.server().grpc_method(target) else {
            return self.hub.release(id);
        };
        let mut slot = self.spares.take(target, method);
        // The handler's first steps may use the call, so the hub is not locked here.
        let body = large.as_deref().unwrap_or(&self.body);
        let share = || large.clone().unwrap_or_else(|| Bytes::copy_from_slice(&self.body));
        if let Err(error) = slot.start(call, Received::new(body, &share), self.hub.max_depth()) {
            self.refuse(cx, id, target, error);
            return self.spares.keep(target, slot);
        }
        let mut work = Work { id, target, slot };
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
    fn arrive(&mut self, id: StreamId) -> Option<Arrival> {
        let mut state = self.hub.lock();
        let incoming = state.connection.call(id)?;
        let (target, kind) = (incoming.target, incoming.kind);
        let call = Call::over_grpc(&self.link, &self.hub, id, &incoming);
        self.body.clear();
        let mut large = None;
        if kind.has_single_request() {
            match state.connection.receiver(id).ok()?.pull() {
                Pull::Message(message) if message.bytes().len() < SHARE_FROM => {
                    self.body.extend_from_slice(message.bytes());
                }
                Pull::Message(message) => large = Some(message.to_bytes()),
                _ => return None,
            }
        }
        Some(Arrival { call, target, large })
    }

    /// Answers a call whose request does not decode.
    #[cold]
    fn refuse(&self, cx: &Context<'_>, id: StreamId, target: Target, error: DecodeError) {
        let server = self.link.server();
        let codec = match target {
            Target::Method(method) => server.services.method(method).map(|(service, _)| service.codec),
            Target::Unknown => None,
        };
        let outcome = Error::message(error, codec.unwrap_or(Codec::Thrift)).raw_outcome();
        let _ = self.hub.poll_finish(id, cx, None, &outcome);
        self.notice_refused(outcome.status);
    }

    fn notice_refused(&self, status: Status) {
        let peer = self.link.peer();
        let refusal = Refusal::Status(status);
        self.link.server().notice(&Notice::Refused {
            peer,
            refusal: &refusal,
        });
    }

    fn on_closed(&mut self, reason: CloseReason) {
        let (server, peer) = (self.link.server(), self.link.peer());
        server.notice(&Notice::Closed { peer, reason: &reason });
        if reason == CloseReason::Shutdown && server.stop_state() != Stop::Serving {
            server.count_cut_off(self.cancelled + self.requests.cancelled());
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
                Event::Readable { .. } | Event::Writable { .. } => state.notify(&event, &mut self.wake),
                Event::Ended { .. } => {
                    self.cancelled += 1;
                    state.notify(&event, &mut self.wake);
                }
                event => return Some(event),
            }
        }
    }
}

/// Plain requests go through the hub as calls do.
impl Source for &Hub {
    fn request(&self, id: RequestId, version: Version) -> Option<Result<http::Request<Bytes>, &'static str>> {
        let state = self.lock();
        Some(convert_request(&state.connection.http_request(id)?, version))
    }

    fn respond(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError> {
        self.lock().connection.respond_http(now, id, response)
    }

    fn shut_down(&mut self, now: Instant) {
        self.lock().connection.shutdown(now, Shutdown::Immediate);
    }
}

impl Engine for GrpcServing {
    type Background = Background;

    fn receive(&mut self, now: Instant, input: &mut BytesMut) {
        self.hub.lock().connection.receive(now, input);
    }

    fn handle_disconnect(&mut self, now: Instant, why: Disconnect) {
        self.hub.lock().connection.handle_disconnect(now, why);
    }

    fn handle_timeout(&mut self, now: Instant, _input: &mut BytesMut) {
        self.hub.lock().connection.handle_timeout(now);
    }

    fn shutdown(&mut self, now: Instant, how: Shutdown) {
        self.hub.lock().connection.shutdown(now, how);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        let mut state = self.hub.lock();
        Hub::asked(&mut state);
        state.connection.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.hub.lock().connection.poll_timeout()
    }

    fn read_demand(&self) -> Demand {
        self.hub.lock().connection.read_demand()
    }

    fn is_drained(&self) -> bool {
        self.hub.lock().connection.is_drained()
    }

    fn adopt(&mut self, task: &Waker) {
        self.hub.adopt(task);
    }

    fn wake(&mut self) {
        self.hub.begin_turn();
    }

    fn after_write(&mut self) -> bool {
        self.next = self.next_event();
        wake_all(self.wake.drain(..));
        self.next.is_some()
    }

    fn collect(&mut self, now: Instant) {
        self.requests.collect(&mut &*self.hub, now);
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
                self.requests.settle_events();
                break;
            };
            match event {
                Event::Opened { id } => {
                    budget.spend_call();
                    self.open(cx, id, spawn);
                }
                Event::Refused { status, .. } => self.notice_refused(*status),
                Event::Http(event) => {
                    let spawn = spawn.map(|spawn| move |request| spawn(Background::Request(request)));
                    let spawn = spawn.as_ref().map(|spawn| spawn as Spawn<'_, _>);
                    self.requests.handle(&mut &*self.hub, now, cx, budget, &event, spawn);
                }
                Event::Closed { reason } => self.on_closed(reason),
                _ => {}
            }
        }
        wake_all(self.wake.drain(..));
    }

    fn open_calls(&self) -> usize {
        self.hub.lock().connection.open_calls()
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
        self.wake = Vec::new();
        self.requests.release_memory();
        self.hub.lock().release_memory();
    }

    /// Handlers of calls run on, for nobody. Those of plain requests are dropped, by their own tasks.
    fn abandon(&mut self, _spawn: Option<Spawn<'_, Background>>) {
        self.hub.close(self.link.now());
        self.link.close();
        self.requests.abandon();
        self.spares.recycle();
    }
}
