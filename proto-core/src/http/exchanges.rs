//! Plain requests on the streams of an HTTP/2 connection.
//!
//! The streams may share their connection with others (gRPC): whoever owns the connection decides which stream is
//! whose when it opens.

use std::collections::VecDeque;

use bytes::Bytes;

use super::body::Body;
use super::{
    Fields, PROGRESS, Refusal, Request, RequestId, RequestLimits, RespondError, Response, ServerEvent, decimal,
    is_continue,
};
use crate::http2::{Connection, Event, Finish, Outcome, Pull, SendError, StreamId};
use crate::time::{Deadline, Instant, TimerKind};

/// The plain requests of one connection, from their heads to the last bytes of their answers.
#[derive(Debug)]
pub(crate) struct Exchanges {
    limits: RequestLimits,
    /// In the order of their ids, which is that of their beginning.
    open: Vec<(StreamId, Exchange)>,
    events: VecDeque<ServerEvent>,
    /// Bytes of bodies that are not answered.
    held: usize,
    /// No body is overdue before.
    next_due: Instant,
    /// Memory for the heads of responses.
    head: Fields,
}

#[derive(Debug)]
struct Exchange {
    phase: Phase,
    body: Bytes,
}

#[derive(Debug)]
enum Phase {
    /// The body comes in.
    Collecting(Box<Collecting>),
    /// A handler runs.
    Open,
    /// A handler runs, and nobody waits for its answer.
    Cancelled,
    /// The rest of the answer waits for room.
    Sending(Bytes),
}

#[derive(Debug)]
struct Collecting {
    body: Body,
    /// When the body is overdue.
    due: Instant,
    /// Bytes of the body when that was set.
    marked: usize,
}

impl Exchanges {
    pub(crate) const fn new(limits: RequestLimits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            events: VecDeque::new(),
            held: 0,
            next_due: Instant::FAR_FUTURE,
            head: Fields::new(),
        }
    }

    /// Takes over a stream that has just opened.
    pub(crate) fn begin(&mut self, now: Instant, connection: &mut Connection, id: StreamId) {
        let Some(head) = connection.head(id) else {
            return connection.release(id);
        };
        let awaited = match check_head(head, &self.limits) {
            Ok(awaited) => awaited,
            Err(refusal) => return self.refuse(connection, id, refusal),
        };
        let due = now + self.limits.body_timeout;
        let collecting = Collecting {
            body: Body::default(),
            due,
            marked: 0,
        };
        let phase = Phase::Collecting(Box::new(collecting));
        let body = Bytes::new();
        self.open.push((id, Exchange { phase, body }));
        if connection.receiver(id).is_ok_and(|receiver| receiver.is_ended()) {
            return;
        }
        self.next_due = self.next_due.min(due);
        if awaited == Awaited::Continue
            && let Ok(mut sender) = connection.sender(id)
        {
            self.head.set_response(100);
            // If it cannot be sent any more, the stream's end says so.
            let _ = sender.interim(&self.head);
        }
    }

    /// Does what an event of one of these streams asks for; those of others change nothing.
    pub(crate) fn handle(&mut self, now: Instant, connection: &mut Connection, event: &Event) {
        match event {
            Event::Readable { id } => self.collect(now, connection, *id),
            Event::Writable { id } => self.resume(connection, *id),
            Event::Ended { id, outcome } => self.end(connection, *id, outcome),
            _ => {}
        }
    }

    /// The next event, until there is none. The connection's end is not among them.
    pub(crate) fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    pub(crate) fn push_event(&mut self, event: ServerEvent) {
        self.events.push_back(event);
    }

    /// A whole request, until it is answered.
    pub(crate) fn request<'a>(&'a self, connection: &'a Connection, id: RequestId) -> Option<Request<'a>> {
        let id = stream_id(id)?;
        let (_, exchange) = self.open.get(self.find(id)?)?;
        match exchange.phase {
            Phase::Open | Phase::Cancelled => Some(Request::new(connection.head(id)?, &exchange.body)),
            Phase::Collecting(_) | Phase::Sending(_) => None,
        }
    }

    /// Answers a request. An error changes nothing.
    pub(crate) fn respond(
        &mut self,
        connection: &mut Connection,
        id: RequestId,
        response: &Response,
    ) -> Result<(), RespondError> {
        let id = stream_id(id).ok_or(RespondError::UnknownRequest)?;
        let at = self.find(id).ok_or(RespondError::UnknownRequest)?;
        match self.open.get(at).map(|(_, exchange)| &exchange.phase) {
            Some(Phase::Open) => self.send(connection, id, response)?,
            // Nobody waits for it, but mistakes are told all the same.
            Some(Phase::Cancelled) => {
                let head = connection.head(id).map_or(&b""[..], Fields::method);
                response.plan(head)?;
                self.finish(connection, id);
            }
            _ => return Err(RespondError::UnknownRequest),
        }
        Ok(())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        (self.next_due < Instant::FAR_FUTURE).then_some(Deadline {
            at: self.next_due,
            timer: TimerKind::Frame,
        })
    }

    /// Answers requests whose bodies did not come in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        if self.next_due > now {
            return;
        }
        let overdue: Vec<_> = self
            .collecting()
            .filter(|(_, due)| *due <= now)
            .map(|(id, _)| id)
            .collect();
        for id in overdue {
            self.refuse(connection, id, Refusal::new(408, "the body did not come in time"));
        }
        self.next_due = self
            .collecting()
            .map(|(_, due)| due)
            .min()
            .unwrap_or(Instant::FAR_FUTURE);
    }

    /// Lets go of everything, once the connection is over.
    pub(crate) fn clear(&mut self, connection: &mut Connection) {
        for (id, _) in self.open.drain(..) {
            connection.release(id);
        }
        self.held = 0;
        self.next_due = Instant::FAR_FUTURE;
    }

    /// Requests whose handlers run.
    pub(crate) fn running(&self) -> usize {
        let runs = |phase: &Phase| matches!(phase, Phase::Open | Phase::Cancelled);
        self.open.iter().filter(|(_, exchange)| runs(&exchange.phase)).count()
    }

    pub(crate) const fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    /// Bytes of bodies that are not answered.
    pub(crate) const fn usage(&self) -> usize {
        self.held
    }

    pub(crate) fn release_memory(&mut self) {
        self.open.shrink_to_fit();
        self.head = Fields::new();
        if self.events.is_empty() {
            self.events.shrink_to(0);
        }
    }

    fn find(&self, id: StreamId) -> Option<usize> {
        self.open.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    fn phase(&mut self, id: StreamId) -> Option<&mut Phase> {
        let at = self.find(id)?;
        self.open.get_mut(at).map(|(_, exchange)| &mut exchange.phase)
    }

    fn collecting(&self) -> impl Iterator<Item = (StreamId, Instant)> {
        self.open.iter().filter_map(|(id, exchange)| match &exchange.phase {
            Phase::Collecting(collecting) => Some((*id, collecting.due)),
            Phase::Open | Phase::Cancelled | Phase::Sending(_) => None,
        })
    }

    /// Takes what there is of a body.
    fn collect(&mut self, now: Instant, connection: &mut Connection, id: StreamId) {
        let RequestLimits {
            max_body,
            max_bodies,
            body_timeout,
        } = self.limits;
        let Some(at) = self.find(id) else {
            return;
        };
        let Some((_, exchange)) = self.open.get_mut(at) else {
            return;
        };
        let (Phase::Collecting(collecting), Ok(mut receiver)) = (&mut exchange.phase, connection.receiver(id)) else {
            return;
        };
        let refusal = loop {
            match receiver.pull() {
                Pull::Data(piece) => {
                    if piece.len() > max_body.saturating_sub(collecting.body.len()) {
                        break Refusal::new(413, "body too large");
                    }
                    if piece.len() > max_bodies.saturating_sub(self.held) {
                        break Refusal::new(503, "too many bytes of requests on this connection");
                    }
                    self.held = self.held.saturating_add(piece.len());
                    collecting.body.push(piece, max_body);
                }
                Pull::Empty => {
                    let len = collecting.body.len();
                    if len.saturating_sub(collecting.marked) >= PROGRESS {
                        collecting.marked = len;
                        collecting.due = now + body_timeout;
                    }
                    return;
                }
                Pull::End => {
                    exchange.body = collecting.body.take();
                    exchange.phase = Phase::Open;
                    return self.events.push_back(ServerEvent::Request { id: request_id(id) });
                }
                // Its end is told by an event of its own.
                Pull::Reset => return,
            }
        };
        self.refuse(connection, id, refusal);
    }

    /// Answers a request that reaches no handler. What of it still comes is dropped.
    #[cold]
    fn refuse(&mut self, connection: &mut Connection, id: StreamId, refusal: Refusal) {
        let Refusal { status, why } = refusal;
        self.events.push_back(ServerEvent::Refused { status, why });
        if self.send(connection, id, &Response::refusal(status, why)).is_err() {
            self.finish(connection, id);
        }
    }

    fn send(&mut self, connection: &mut Connection, id: StreamId, response: &Response) -> Result<(), RespondError> {
        let method = connection.head(id).map_or(&b""[..], Fields::method);
        let content = response.write_head(method, &mut self.head)?;
        let finish = if content.is_empty() { Finish::Now } else { Finish::Later };
        let sent = match connection.sender(id) {
            Ok(mut sender) => sender.respond(&self.head, finish),
            Err(_) => Err(SendError::Closed),
        };
        match sent {
            Ok(()) => {}
            Err(SendError::HeadersTooLarge { size, limit }) => {
                return Err(RespondError::FieldsTooLarge { size, limit });
            }
            Err(SendError::Malformed(_)) => return Err(RespondError::Field),
            // The stream is over; responding does no harm.
            Err(_) => {
                self.finish(connection, id);
                return Ok(());
            }
        }
        if finish == Finish::Now {
            self.finish(connection, id);
        } else {
            self.drop_body(id);
            self.push(connection, id, content);
        }
        Ok(())
    }

    /// Sends the body of an answer, or keeps it until there is room.
    fn push(&mut self, connection: &mut Connection, id: StreamId, content: Bytes) {
        let pushed = match connection.sender(id) {
            Ok(mut sender) => sender.push_bytes(&content, Finish::Now),
            Err(_) => Err(SendError::Closed),
        };
        match (pushed, self.phase(id)) {
            (Err(SendError::Full), Some(phase)) => *phase = Phase::Sending(content),
            // Released with bytes to send, the stream sends them first.
            _ => self.finish(connection, id),
        }
    }

    fn resume(&mut self, connection: &mut Connection, id: StreamId) {
        if let Some(Phase::Sending(content)) = self.phase(id) {
            let content = std::mem::take(content);
            self.push(connection, id, content);
        }
    }

    fn end(&mut self, connection: &mut Connection, id: StreamId, outcome: &Outcome) {
        match self.phase(id) {
            None => {}
            Some(phase @ Phase::Open) => {
                *phase = Phase::Cancelled;
                self.events.push_back(ServerEvent::Cancelled { id: request_id(id) });
            }
            Some(Phase::Cancelled) => {}
            Some(Phase::Collecting(_) | Phase::Sending(_)) => {
                if let Outcome::Reset {
                    code,
                    by: crate::http2::Initiator::Engine(why),
                } = outcome
                {
                    self.events.push_back(ServerEvent::Rejected { code: *code, why });
                }
                self.finish(connection, id);
            }
        }
    }

    /// Lets go of a request and its stream.
    fn finish(&mut self, connection: &mut Connection, id: StreamId) {
        self.drop_body(id);
        if let Some(at) = self.find(id) {
            self.open.remove(at);
        }
        connection.release(id);
    }

    fn drop_body(&mut self, id: StreamId) {
        let Some((_, exchange)) = self.find(id).and_then(|at| self.open.get_mut(at)) else {
            return;
        };
        let mut len = std::mem::take(&mut exchange.body).len();
        if let Phase::Collecting(collecting) = &mut exchange.phase {
            len = len.saturating_add(collecting.body.take().len());
        }
        self.held = self.held.saturating_sub(len);
    }
}

/// Whether the client waits before it sends the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Nothing,
    Continue,
}

fn check_head(head: &Fields, limits: &RequestLimits) -> Result<Awaited, Refusal> {
    if head.method() == b"CONNECT" {
        return Err(Refusal::new(501, "no tunnels here"));
    }
    let length = head.get("content-length").and_then(decimal).unwrap_or(0);
    if length > limits.max_body as u64 {
        return Err(Refusal::new(413, "body too large"));
    }
    let mut awaited = Awaited::Nothing;
    for expectation in head.get_all("expect") {
        match is_continue(expectation) {
            true => awaited = Awaited::Continue,
            false => return Err(Refusal::new(417, "unknown expectation")),
        }
    }
    Ok(awaited)
}

fn request_id(id: StreamId) -> RequestId {
    RequestId(id.get().into())
}

fn stream_id(RequestId(id): RequestId) -> Option<StreamId> {
    u32::try_from(id).ok().map(StreamId::new)
}
