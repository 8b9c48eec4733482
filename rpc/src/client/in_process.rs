//! Calls to services of the same process: both ends of a connection without a socket between them.
//!
//! Requests and answers are encoded and decoded as over a socket, with a header, so that metainfo, business status,
//! exceptions and refusals are what they are elsewhere. The handler runs in the caller's task, and ends with the call if
//! that is dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::BytesMut;
use kitewire_proto::{
    Answer, CallError, ClientConfig, ClientConnection, ClientEvent, CloseReason, Demand, Disconnect, Instant,
    RequestKind, ServerConnection, Transmit, grpc,
};

use super::pump::{Pump, hand_over};
use super::request::CallHead;
use crate::Error;
use crate::server::{Budget, Engine, Link, Serving, Shared};

/// Services to call directly.
pub(crate) struct InProcess {
    config: Arc<ClientConfig>,
    /// For streams.
    grpc: Arc<grpc::Config>,
    server: Arc<Shared>,
    /// Pairs that wait for their next call.
    #[expect(clippy::vec_box, reason = "pairs move between here and their calls, and are large")]
    idle: Mutex<Vec<Box<Loop>>>,
}

/// One call on its way.
pub(crate) enum DirectCall {
    Start,
    Running(Box<Loop>),
    Ended(Option<Box<Loop>>),
}

/// Both ends of a connection.
pub(crate) struct Loop {
    client: ClientConnection,
    serving: Serving,
    requests: BytesMut,
    answers: BytesMut,
    out: Transmit,
    kind: RequestKind,
}

impl InProcess {
    pub(crate) fn new(config: &Arc<ClientConfig>, server: Shared) -> Self {
        Self {
            config: Arc::clone(config),
            grpc: Arc::default(),
            server: Arc::new(server),
            idle: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.server.now()
    }

    /// A connection for one stream.
    pub(crate) fn pump(&self) -> Arc<Pump> {
        Pump::new(&self.grpc, &self.server)
    }

    /// Goes on with `call`.
    pub(crate) fn poll(
        &self,
        call: &mut DirectCall,
        head: &CallHead<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Error>> {
        let now = self.now();
        if let DirectCall::Start = call {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut pair = idle.unwrap_or_else(|| Box::new(Loop::new(&self.config, &self.server, now)));
            pair.kind = head.request.kind;
            if let Err(error) = pair.client.open(&head.request) {
                return Poll::Ready(Err(head.not_opened(error)));
            }
            *call = DirectCall::Running(pair);
        }
        let DirectCall::Running(pair) = call else {
            return Poll::Pending;
        };
        match pair.poll(now, cx) {
            Poll::Pending if head.is_over(now) => Poll::Ready(Err(head.timed_out())),
            Poll::Pending => Poll::Pending,
            Poll::Ready(ended) => {
                if let DirectCall::Running(pair) = std::mem::replace(call, DirectCall::Ended(None)) {
                    *call = DirectCall::Ended(Some(pair));
                }
                Poll::Ready(ended.map_err(|error| head.failed(error)))
            }
        }
    }

    /// Keeps the pair of an ended call for the next one, once its answer has been read.
    pub(crate) fn settle(&self, call: &mut DirectCall) {
        let DirectCall::Ended(pair) = call else { return };
        let Some(pair) = pair.take() else { return };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if pair.is_reusable() && idle.len() < MAX_IDLE {
            idle.push(pair);
        }
    }
}

impl Loop {
    fn new(config: &Arc<ClientConfig>, server: &Arc<Shared>, now: Instant) -> Self {
        let link = Arc::new(Link::new(Arc::clone(server), None));
        let connection = ServerConnection::new(Arc::clone(&server.services), Arc::clone(&server.config), now);
        Self {
            client: ClientConnection::new(Arc::clone(config), now),
            serving: Serving::new(connection, link),
            requests: BytesMut::new(),
            answers: BytesMut::new(),
            out: Transmit::new(),
            kind: RequestKind::Call,
        }
    }

    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Result<Option<Answer>, CallError>> {
        self.serving.resume(now, cx);
        while self.client.poll_transmit(now, &mut self.out) {
            hand_over(&mut self.out, &mut self.requests);
        }
        let mut budget = Budget::new();
        self.serving.connection.receive(now, &mut self.requests);
        loop {
            self.serving.handle_events(now, cx, &mut budget, None);
            if self.serving.connection.read_demand() != Demand::Receive {
                break;
            }
            self.serving.connection.receive(now, &mut self.requests);
        }
        while self.serving.connection.poll_transmit(now, &mut self.out) {
            hand_over(&mut self.out, &mut self.answers);
        }
        self.client.receive(now, &mut self.answers);
        if self.serving.connection.is_drained() {
            self.client.handle_disconnect(now, Disconnect::ReadEnd);
        }
        if self.kind == RequestKind::Oneway && self.serving.connection.open_calls() == 0 {
            return Poll::Ready(Ok(None));
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Answered { id } => {
                    if let Some(answer) = self.client.take_answer(id) {
                        return Poll::Ready(Ok(Some(answer)));
                    }
                }
                ClientEvent::Failed { error, .. } => return Poll::Ready(Err(error)),
                ClientEvent::Closed { reason } => return Poll::Ready(Err(CallError::Closed(reason))),
                _ => {}
            }
        }
        if self.client.read_demand() == Demand::Stop {
            return Poll::Ready(Err(CallError::Closed(CloseReason::PeerClosed)));
        }
        Poll::Pending
    }

    fn is_reusable(&self) -> bool {
        self.client.is_reusable()
            && !self.serving.connection.is_drained()
            && self.serving.connection.open_calls() == 0
            && self.requests.is_empty()
            && self.answers.is_empty()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.serving.abandon(None);
    }
}

/// Pairs kept for the next calls.
const MAX_IDLE: usize = 16;
