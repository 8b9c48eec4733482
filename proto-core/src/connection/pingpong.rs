//! A client's ping-pong calls as streams with one message each way.

use std::collections::{BTreeMap, VecDeque};

use super::{Event, Failure, Message, OpenError, Outcome, Pull, Request};
use crate::dispatch::MethodKind;
use crate::pingpong::{self, Answer, CallId, ClientConnection, ClientEvent, EncodeBody, RequestKind};
use crate::wire::Codec;

pub(super) struct PingPongClient {
    pub(super) connection: ClientConnection,
    /// Calls that are over and not released.
    ended: BTreeMap<CallId, Ended>,
}

struct Ended {
    outcome: Outcome,
    /// The answer, until it is pulled.
    answer: Option<Answer>,
}

impl PingPongClient {
    pub(super) const fn new(connection: ClientConnection) -> Self {
        Self {
            connection,
            ended: BTreeMap::new(),
        }
    }

    pub(super) fn call(
        &mut self,
        request: &Request<'_>,
        kind: MethodKind,
        message: &dyn EncodeBody,
        events: &mut VecDeque<Event>,
    ) -> Result<CallId, OpenError> {
        let request = pingpong::Request {
            service: &request.service.name,
            method: request.method,
            codec: request.service.codec,
            kind: match kind {
                MethodKind::Oneway => RequestKind::Oneway,
                _ => RequestKind::Call,
            },
            body: message,
            deadline: request.deadline,
            timeout: request.timeout,
            connect_timeout: None,
            caller_method: "",
            meta: request.meta,
        };
        let id = self.connection.open(&request).map_err(OpenError::of_pingpong)?;
        if kind == MethodKind::Oneway {
            self.end(id, Outcome::Ok, None);
            events.push_back(Event::Ended { id });
        }
        Ok(id)
    }

    pub(super) fn poll_event(&mut self, events: &mut VecDeque<Event>) -> Option<Event> {
        loop {
            match self.connection.poll_event()? {
                ClientEvent::Answered { id } => {
                    let Some(answer) = self.connection.take_answer(id) else {
                        continue;
                    };
                    let outcome = outcome(&answer);
                    let has_message = has_message(&outcome, &answer);
                    self.end(id, outcome, has_message.then_some(answer));
                    if has_message {
                        events.push_back(Event::Ended { id });
                        return Some(Event::Readable { id });
                    }
                    return Some(Event::Ended { id });
                }
                ClientEvent::Failed { id, error } => {
                    self.end(id, Outcome::Failed(Failure::NoAnswer(error)), None);
                    return Some(Event::Ended { id });
                }
                ClientEvent::Draining => return Some(Event::Draining),
                ClientEvent::Closed { reason } => return Some(Event::Closed { reason }),
            }
        }
    }

    pub(super) fn pull(&mut self, id: CallId, max_depth: u16) -> Pull {
        match self.ended.get_mut(&id) {
            Some(ended) => match ended.answer.take() {
                Some(answer) => Pull::Message(Message::new(answer.shared_body(), max_depth)),
                None if ended.outcome == Outcome::Ok => Pull::End,
                None => Pull::Failed,
            },
            None if self.connection.is_open(id) => Pull::Empty,
            None => Pull::Failed,
        }
    }

    pub(super) fn outcome(&self, id: CallId) -> Option<Outcome> {
        self.ended.get(&id).map(|ended| ended.outcome.clone())
    }

    pub(super) fn release(&mut self, id: CallId) {
        if self.ended.remove(&id).is_none() {
            self.connection.cancel(id);
        }
    }

    pub(super) fn open_calls(&self) -> usize {
        self.connection.open_calls().saturating_add(self.ended.len())
    }

    pub(super) fn usage(&self) -> usize {
        let held = self.ended.values().filter_map(|ended| ended.answer.as_ref());
        held.map(|answer| answer.body().len())
            .fold(self.connection.usage(), usize::saturating_add)
    }

    fn end(&mut self, id: CallId, outcome: Outcome, answer: Option<Answer>) {
        self.ended.insert(id, Ended { outcome, answer });
    }
}

/// What an answer says.
fn outcome(answer: &Answer) -> Outcome {
    if let Some(status) = answer.business_status() {
        return Outcome::Business(status);
    }
    match answer.exception() {
        Ok(None) => Outcome::Ok,
        Ok(Some(exception)) => Outcome::Failed(Failure::Exception(exception)),
        Err(error) => Outcome::Failed(Failure::NoAnswer(pingpong::CallError::Malformed(error))),
    }
}

/// Whether there is a result to pull. One may lie beside a business status, where there is an empty one otherwise.
fn has_message(outcome: &Outcome, answer: &Answer) -> bool {
    match outcome {
        Outcome::Ok => true,
        Outcome::Business(_) => match answer.codec() {
            Codec::Thrift => answer.body().len() > 1,
            Codec::Protobuf => !answer.body().is_empty(),
        },
        Outcome::Failed(_) => false,
    }
}
