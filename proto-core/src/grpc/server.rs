//! The server's side: from the head of a stream to a call, and to the call's end.

use super::calls::{Call, Phase};
use super::inbox::Inbox;
use super::opening::{Opening, Refusal};
use super::receive::Look;
use super::send::response_head;
use super::{Connection, Event, StreamId};
use crate::error::CloseReason;
use crate::http::{Fields, PROGRESS, RequestId, RespondError, Response, ServerEvent};
use crate::http2::{self, ErrorCode, Finish, Initiator};
use crate::metainfo::MetaInfo;
use crate::record::Recorded;
use crate::stream::index::Key;
use crate::time::{Instant, TimerKind};
use crate::wire::grpc::message::Compression;
use crate::wire::grpc::{Code, GRACEFUL_SHUTDOWN, Outcome, Status, metadata};

impl Connection {
    /// Server: ends a call and releases it. What was sent before goes first; if nothing was, the response is nothing but
    /// trailers. Binary values in `trailer` are the bytes themselves.
    ///
    /// If the peer takes no trailers of that size, they go without `trailer` and details, and if not even so, the stream
    /// is reset.
    pub fn finish(&mut self, id: StreamId, outcome: &Outcome, trailer: &Fields) {
        if self.recorder.is_some() {
            return self.record_finish(id, outcome, trailer);
        }
        let Some(call) = self.calls.get(id) else {
            return;
        };
        if call.phase != Phase::Ended {
            let header_sent = call.header_sent;
            if let Err(http2::SendError::HeadersTooLarge { .. }) = self.send_trailers(id, header_sent, outcome, trailer)
            {
                let bare = Outcome::from(Status::new(outcome.status.code, ""));
                let sent = self.send_trailers(id, header_sent, &bare, &Fields::new());
                if let (Err(_), Ok(mut sender)) = (sent, self.http2.sender(id)) {
                    sender.cancel(ErrorCode::INTERNAL_ERROR);
                }
            }
        }
        self.release(id);
    }

    /// Server: a plain request of this connection that is whole, until it is answered.
    #[must_use]
    pub fn http_request(&self, id: RequestId) -> Option<crate::http::Request<'_>> {
        self.http.as_ref()?.request(&self.http2, id)
    }

    /// Server: answers a plain request.
    ///
    /// # Errors
    ///
    /// There is no such request, or the response cannot be sent; then nothing was, and the request stays open.
    pub fn respond_http(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError> {
        if self.recorder.is_some() {
            return self.record_respond_http(now, id, response, Self::respond_http);
        }
        let http = self.http.as_mut().ok_or(RespondError::UnknownRequest)?;
        let sent = http.respond(&mut self.http2, id, response);
        self.go_on(now);
        sent
    }

    pub(super) fn on_server_event(&mut self, now: Instant, event: http2::Event) {
        match event {
            http2::Event::Opened { id } => self.begin(now, id),
            http2::Event::Readable { id } if self.calls.find(id).is_some() => self.on_readable(now, id),
            http2::Event::Writable { id } if self.calls.find(id).is_some() => {
                if self.calls.get(id).is_some_and(|call| call.phase == Phase::Open) {
                    self.events.push_back(Event::Writable { id });
                }
            }
            http2::Event::Ended { id, outcome } if self.calls.find(id).is_some() => self.on_ended(id, &outcome),
            http2::Event::Rejected { code, text: why, .. } => {
                self.events.push_back(Event::Http(ServerEvent::Rejected { code, why }));
            }
            http2::Event::Closed { reason } => {
                if let Some(http) = &mut self.http {
                    http.clear(&mut self.http2);
                }
                self.tell_http();
                self.events.push_back(Event::Closed { reason });
            }
            event => {
                if let Some(http) = &mut self.http {
                    http.handle(now, &mut self.http2, &event);
                    self.tell_http();
                }
            }
        }
    }

    pub(super) fn tell_http(&mut self) {
        if let Some(http) = &mut self.http {
            while let Some(event) = http.poll_event() {
                self.events.push_back(Event::Http(event));
            }
        }
    }

    /// A stream has opened: a call, or a plain request.
    fn begin(&mut self, now: Instant, id: StreamId) {
        let (Some(head), Some(services)) = (self.http2.head(id), &self.services) else {
            return self.http2.release(id);
        };
        match Opening::read(head, services, &self.config) {
            Ok(opening) => self.open_call(now, id, opening),
            Err(Refusal::Plain) => match &mut self.http {
                Some(http) => {
                    http.begin(now, &mut self.http2, id);
                    self.tell_http();
                }
                None => self.refuse_http(id, 404, "plain requests are not served here"),
            },
            Err(Refusal::Http { status, why }) => self.refuse_http(id, status, &why),
            Err(Refusal::Status { status, encodings }) => {
                let mut trailer = Fields::new();
                if let Some(encodings) = encodings {
                    trailer.push("grpc-accept-encoding", encodings);
                }
                self.refuse(id, *status, &trailer);
            }
        }
    }

    fn open_call(&mut self, now: Instant, id: StreamId, opening: Opening) {
        let Opening {
            target,
            kind,
            codec,
            timeout,
            encoding,
            compression,
        } = opening;
        let single = kind.has_single_request();
        let deadline = timeout.map(|timeout| now + timeout);
        let due = now + self.config.message_timeout;
        let phase = if single {
            Phase::Collecting { due, marked: 0 }
        } else {
            Phase::Open
        };
        self.calls.insert(Call {
            id,
            kind,
            codec,
            target,
            phase,
            inbox: Inbox::default(),
            encoding,
            compression,
            deadline,
            header_sent: false,
            answered: false,
            has_header: false,
            unprocessed: false,
            ending: None,
        });
        if let Some(deadline) = deadline {
            self.watch_deadline(id, deadline);
        }
        if single {
            self.next_due = self.next_due.min(due);
        } else {
            self.events.push_back(Event::Opened { id });
        }
    }

    fn on_readable(&mut self, now: Instant, id: StreamId) {
        let Some((key, call)) = self.calls.find(id).and_then(|key| Some((key, self.calls.at(key)?))) else {
            return;
        };
        match call.phase {
            Phase::Collecting { .. } => self.collect(now, id, key),
            // A single request has been told with the call.
            Phase::Open if call.kind.has_single_request() => {}
            Phase::Open => self.events.push_back(Event::Readable { id }),
            Phase::Late | Phase::Ended => {}
        }
    }

    /// Takes what there is of the one message of a call.
    fn collect(&mut self, now: Instant, id: StreamId, key: Key) {
        match self.look(key) {
            Look::InPlace { .. } | Look::Ready => {
                if let Some(call) = self.calls.at_mut(key) {
                    call.phase = Phase::Open;
                }
                self.events.push_back(Event::Opened { id });
            }
            Look::Nothing => {
                let Ok(receiver) = self.http2.receiver(id) else {
                    return;
                };
                let unread = receiver.unread();
                let is_whole = receiver.is_whole();
                let Some(call) = self.calls.at_mut(key) else {
                    return;
                };
                if is_whole {
                    let text = match call.inbox.is_cut(unread) {
                        true => "unexpected EOF",
                        false => "EOF: the request has no message",
                    };
                    return self.refuse(id, Status::new(Code::INTERNAL, text), &Fields::new());
                }
                let progress = call.inbox.progress(unread);
                if let Phase::Collecting { due, marked } = &mut call.phase
                    && progress.saturating_sub(*marked) >= PROGRESS
                {
                    *marked = progress;
                    *due = now + self.config.message_timeout;
                }
            }
            Look::Failed => {
                let status = self.outcome(id).map(|outcome| outcome.status.clone());
                self.refuse(id, status.unwrap_or_default(), &Fields::new());
            }
        }
    }

    /// Ends calls whose single message did not come in time.
    pub(super) fn end_overdue(&mut self, now: Instant) {
        if self.next_due > now {
            return;
        }
        let mut next = Instant::FAR_FUTURE;
        let mut overdue = Vec::new();
        for call in self.calls.iter() {
            match call.phase {
                Phase::Collecting { due, .. } if due <= now => overdue.push(call.id),
                Phase::Collecting { due, .. } => next = next.min(due),
                Phase::Open | Phase::Late | Phase::Ended => {}
            }
        }
        overdue.sort_unstable();
        for id in overdue {
            let status = Status::new(Code::DEADLINE_EXCEEDED, "the request message did not come in time");
            self.refuse(id, status, &Fields::new());
        }
        self.next_due = next;
    }

    /// The caller has given up by now.
    pub(super) fn on_deadline(&mut self, _now: Instant, id: StreamId) {
        let status = Status::deadline_exceeded();
        match self.calls.get(id).map(|call| call.phase) {
            Some(Phase::Collecting { .. }) => self.refuse(id, status, &Fields::new()),
            Some(Phase::Open) => self.cancel(id, status, Phase::Late),
            Some(Phase::Late | Phase::Ended) | None => {}
        }
    }

    /// The stream is over before the answer is.
    fn on_ended(&mut self, id: StreamId, outcome: &http2::Outcome) {
        if *outcome == http2::Outcome::Complete {
            return;
        }
        let status = self.why_ended(id, outcome);
        if let Some(Phase::Collecting { .. }) = self.calls.get(id).map(|call| call.phase) {
            return self.release(id);
        }
        self.cancel(id, status, Phase::Ended);
    }

    /// What the handler of a call is told whose stream is over, in Kitex's words where it has some.
    fn why_ended(&self, id: StreamId, outcome: &http2::Outcome) -> Status {
        let source = || self.call(id).and_then(|call| call.source_service()).unwrap_or("");
        let remote = |what: &str| {
            let text = format!("transport: {what} [triggered by remote service]");
            Status::new(Code::CANCELLED, text)
        };
        match (outcome, self.http2.close_reason()) {
            (
                http2::Outcome::Reset {
                    code,
                    by: Initiator::Peer,
                },
                _,
            ) => Status::from_client_reset(*code, source()),
            (_, Some(CloseReason::TimedOut(TimerKind::Age))) => {
                remote("closing server transport due to maximum connection age")
            }
            (_, Some(CloseReason::TimedOut(TimerKind::KeepAlive))) => {
                remote("closing server transport due to idleness")
            }
            (_, Some(CloseReason::Shutdown)) => Status::from_client_reset(GRACEFUL_SHUTDOWN, ""),
            (
                http2::Outcome::Reset {
                    by: Initiator::Engine(text),
                    ..
                },
                None,
            ) => {
                let text = format!("transport: {text} [triggered by {}]", source());
                Status::new(Code::CANCELLED, text)
            }
            _ => remote("connection EOF"),
        }
    }

    /// Nobody waits for the answer any more.
    fn cancel(&mut self, id: StreamId, status: Status, phase: Phase) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut call.phase, phase);
        if before == Phase::Open {
            call.ending = Some(status.into());
            self.events.push_back(Event::Ended { id });
        }
    }

    /// Answers a call without a handler.
    #[cold]
    fn refuse(&mut self, id: StreamId, status: Status, trailer: &Fields) {
        let outcome = Outcome::from(status);
        let _ = self.send_trailers(id, false, &outcome, trailer);
        let status = Box::new(outcome.status);
        self.events.push_back(Event::Refused { id, status });
        match self.calls.find(id) {
            Some(_) => self.release(id),
            None => self.http2.release(id),
        }
    }

    /// Answers a request that is no call, and no plain request that is served.
    #[cold]
    fn refuse_http(&mut self, id: StreamId, status: u16, why: &str) {
        let mut response = Response::refusal(status, why);
        if status == 405 {
            response.fields.push("allow", "POST");
        }
        let method = self.http2.head(id).map_or(&b""[..], Fields::method);
        let content = response.write_head(method, &mut self.section).unwrap_or_default();
        let finish = if content.is_empty() { Finish::Now } else { Finish::Later };
        if let Ok(mut sender) = self.http2.sender(id)
            && sender.respond(&self.section, finish).is_ok()
            && finish == Finish::Later
        {
            // There is room, as nothing was sent before.
            let _ = sender.push_bytes(&content, Finish::Now);
        }
        self.http2.release(id);
        let status = Box::new(Status::new(Code::from_http(status), why));
        self.events.push_back(Event::Refused { id, status });
    }

    fn send_trailers(
        &mut self,
        id: StreamId,
        header_sent: bool,
        outcome: &Outcome,
        trailer: &Fields,
    ) -> Result<(), http2::SendError> {
        let mut section = std::mem::take(&mut self.section);
        section.clear();
        if !header_sent {
            response_head(&mut section, &self.http2, id, Compression::Identity);
        }
        outcome.write(&mut section);
        metadata::write(&mut section, trailer, &MetaInfo::new());
        let sent = match self.http2.sender(id) {
            Ok(mut sender) if header_sent => sender.finish_with(&section),
            Ok(mut sender) => sender.respond(&section, Finish::Now),
            Err(_) => Err(http2::SendError::Closed),
        };
        self.section = section;
        sent
    }
}
