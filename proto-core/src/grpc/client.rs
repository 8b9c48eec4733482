//! The client's side: calls that are opened, and how they end.
//!
//! A call is over with the end of the response, whatever of the request is still to be sent, or with the first thing
//! that goes wrong. What was received before that can still be pulled.

mod request;

use std::fmt;

use super::calls::{Call, Ending, Phase};
use super::gzip::Gzip;
use super::inbox::{Encoding, Inbox};
use super::{Connection, Event, Receiver, StreamId};
use crate::config::Switch;
use crate::error::CloseReason;
use crate::http::{FieldKind, Fields};
use crate::http2::{self, ErrorCode, Finish, Initiator, Role};
use crate::pingpong::Target;
use crate::time::{Instant, TimerKind};
use crate::wire::grpc::message::Compression;
use crate::wire::grpc::{CallDeadline, Code, ContentType, GRACEFUL_SHUTDOWN, Outcome, Status};

pub use request::{CallerNames, OpenError, Request};

pub(super) use request::Template;

impl Connection {
    /// Client: opens a call. Its request header is on its way then; messages follow through [`Self::sender`].
    ///
    /// # Errors
    ///
    /// The connection cannot open a call now, or the request is not legal.
    pub fn open(&mut self, now: Instant, request: &Request<'_>) -> Result<StreamId, OpenError> {
        if self.recorder.is_some() {
            return self.record_open(now, request);
        }
        if request.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(OpenError::DeadlinePassed);
        }
        request.write(&mut self.section, &mut self.template, &self.config, now);
        let id = self.http2.open(now, &self.section, Finish::Later)?;
        self.calls.insert(Call {
            id,
            kind: request.kind,
            codec: request.codec,
            target: Target::Unknown,
            phase: Phase::Open,
            inbox: Inbox::default(),
            encoding: Encoding::Identity,
            compression: match request.is_compressed() {
                true => Compression::Compressed,
                false => Compression::Identity,
            },
            deadline: request.deadline,
            header_sent: true,
            answered: false,
            has_header: false,
            unprocessed: false,
            ending: None,
        });
        if let Some(deadline) = request.deadline {
            self.watch_deadline(id, deadline);
        }
        Ok(id)
    }

    /// The header of the peer: a server's request, a client's response, as received. `None` until it is there, where a
    /// response is nothing but trailers, and after [`Self::release`].
    #[inline]
    #[must_use]
    pub fn header(&self, id: StreamId) -> Option<&Fields> {
        let call = self.calls.get(id)?;
        match self.role {
            Role::Client if !call.has_header => None,
            _ => self.http2.head(id),
        }
    }

    /// Client: the trailers, as received, once the end of the response is there. Of a response that is nothing but
    /// trailers, all of it.
    #[must_use]
    pub fn trailer(&self, id: StreamId) -> Option<&Fields> {
        if self.calls.get(id)?.has_header {
            return self.http2.trailers(id);
        }
        self.http2
            .head(id)
            .filter(|head| self.http2.is_head_only(id) && is_grpc(head))
    }

    /// Client: whether the server has not looked at a call and will not, so that another try does no harm. Told with
    /// the call's end.
    #[must_use]
    pub fn is_unprocessed(&self, id: StreamId) -> bool {
        self.calls.get(id).is_some_and(|call| call.unprocessed)
    }

    /// Does what an event of the HTTP/2 connection asks of a client.
    pub(super) fn on_client_event(&mut self, now: Instant, event: http2::Event) {
        match event {
            http2::Event::Answered { id } => self.on_answer(id),
            http2::Event::Readable { id } => self.on_response_bytes(id),
            http2::Event::Writable { id } => {
                if self.is_running(id) {
                    self.events.push_back(Event::Writable { id });
                }
            }
            http2::Event::Ended { id, outcome } => self.on_stream_end(now, id, outcome),
            http2::Event::Available => self.events.push_back(Event::Available),
            http2::Event::Draining { last } => {
                // A graceful stop says so twice.
                if self.last_processed.replace(last).is_none() {
                    self.events.push_back(Event::Draining);
                }
            }
            http2::Event::Closed { reason } => self.events.push_back(Event::Closed { reason }),
            // 1xx responses mean nothing to gRPC (RFC 9110 §15.2 lets a client pass them over).
            http2::Event::Interim { .. }
            | http2::Event::Pong { .. }
            | http2::Event::Opened { .. }
            | http2::Event::Rejected { .. } => {}
        }
    }

    /// The deadline of a call has passed.
    pub(super) fn on_client_deadline(&mut self, id: StreamId) {
        let status = Status::deadline_exceeded();
        self.end_call(id, status.into(), ErrorCode::CANCEL);
    }

    fn is_running(&self, id: StreamId) -> bool {
        self.calls.get(id).is_some_and(|call| call.phase != Phase::Ended)
    }

    /// The response has begun.
    fn on_answer(&mut self, id: StreamId) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.phase != Phase::Ended) else {
            return;
        };
        let Some(head) = self.http2.head(id) else {
            return;
        };
        let Some(encoding) = response_encoding(head, self.config.accept_gzip) else {
            let status = Status::from_http(head);
            return self.end_call(id, status.into(), ErrorCode::PROTOCOL_ERROR);
        };
        if self.http2.is_head_only(id) {
            return self.end_with_trailers(id);
        }
        call.encoding = encoding;
        call.has_header = true;
        self.events.push_back(Event::Header { id });
    }

    /// Bytes of the response are there, or its end.
    #[inline]
    fn on_response_bytes(&mut self, id: StreamId) {
        let Some(call) = self.calls.get(id).filter(|call| call.phase != Phase::Ended) else {
            return;
        };
        let has_single_answer = call.kind.has_single_answer();
        if self.http2.receiver(id).is_ok_and(|receiver| receiver.is_whole()) {
            return self.end_with_trailers(id);
        }
        if !has_single_answer {
            return self.events.push_back(Event::Readable { id });
        }
        // There is nothing to pull before the end, but an answer above the window has to be moved out of the way, and so
        // has one that is whole: what follows it is told only when nothing lies in front.
        if let Some(key) = self.calls.find(id) {
            self.set_aside(key);
            Receiver::new(self, key).pull();
        }
    }

    /// The response is whole.
    fn end_with_trailers(&mut self, id: StreamId) {
        let Some(trailers) = self.trailer(id) else {
            let status = Status::new(Code::INTERNAL, "server closed the stream without sending trailers");
            return self.end_call(id, status.into(), ErrorCode::NO_ERROR);
        };
        if is_plain_success(trailers) {
            return self.end_call(id, Ending::Well, ErrorCode::NO_ERROR);
        }
        match Outcome::read(trailers) {
            // What is left of the request is not wanted any more.
            Ok(outcome) => self.end_call(id, outcome.into(), ErrorCode::NO_ERROR),
            Err(malformed) => self.end_call(id, Status::from(malformed).into(), ErrorCode::PROTOCOL_ERROR),
        }
    }

    /// The stream of a call is over. One whose response was whole has been told already.
    fn on_stream_end(&mut self, now: Instant, id: StreamId, outcome: http2::Outcome) {
        if self.trailer(id).is_some() {
            return self.end_with_trailers(id);
        }
        let Some(call) = self.calls.get_mut(id).filter(|call| call.phase != Phase::Ended) else {
            return;
        };
        let deadline = match call.deadline {
            Some(deadline) if deadline <= now => CallDeadline::Passed,
            _ => CallDeadline::Ahead,
        };
        let status = match outcome {
            http2::Outcome::Refused => {
                call.unprocessed = true;
                match self.last_processed {
                    Some(last) if id > last => Status::new(Code::UNAVAILABLE, request::DRAINING),
                    _ => Status::from_reset(ErrorCode::REFUSED_STREAM, deadline),
                }
            }
            http2::Outcome::Reset {
                by: Initiator::Engine(text),
                code,
            } if code != GRACEFUL_SHUTDOWN => Status::new(Code::INTERNAL, engine_text(text)),
            http2::Outcome::Reset { code, .. } => Status::from_reset(code, deadline),
            http2::Outcome::ConnectionLost => connection_lost(self.http2.close_reason()),
            http2::Outcome::Complete => return self.end_with_trailers(id),
        };
        self.end_call(id, status.into(), ErrorCode::CANCEL);
    }

    /// Ends a call, and with `code` what is left of its stream.
    pub(super) fn end_call(&mut self, id: StreamId, ending: Ending, code: ErrorCode) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.phase != Phase::Ended) else {
            return;
        };
        call.phase = Phase::Ended;
        call.ending = Some(ending);
        self.events.push_back(Event::Ended { id });
        if let Ok(mut sender) = self.http2.sender(id) {
            sender.cancel(code);
        }
    }
}

fn is_grpc(head: &Fields) -> bool {
    head.get(ContentType::NAME).and_then(ContentType::parse).is_some()
}

/// How the messages behind `head` are compressed. `None`: it is not gRPC's.
fn response_encoding(head: &Fields, accept_gzip: Switch) -> Option<Encoding> {
    let (mut content_type, mut encoding) = (None, &b""[..]);
    for field in head {
        match field.kind {
            FieldKind::ContentType if content_type.is_none() => content_type = Some(field.value),
            FieldKind::Regular if field.name == b"grpc-encoding" => encoding = field.value,
            _ => {}
        }
    }
    ContentType::parse(content_type?)?;
    Some(match encoding {
        b"" | b"identity" => Encoding::Identity,
        b"gzip" if accept_gzip.is_on() && Gzip::IS_BUILT_IN => Encoding::Gzip,
        other => Encoding::Unknown(String::from_utf8_lossy(other).into()),
    })
}

/// Whether trailers say that all went well, and nothing else about the outcome. Most do.
fn is_plain_success(trailers: &Fields) -> bool {
    let mut is_success = false;
    for field in trailers {
        match field.name {
            b"grpc-status" => is_success = field.value == b"0",
            b"grpc-message" if field.value.is_empty() => {}
            b"grpc-message" | b"grpc-status-details-bin" | b"biz-status" | b"biz-extra" => return false,
            _ => {}
        }
    }
    is_success
}

/// What Kitex calls a breach of HTTP/2, where it has a text of its own.
fn engine_text(text: &'static str) -> &'static str {
    if text == crate::stream::lifecycle::Breach::SecondHead.text() {
        return "a HEADERS frame cannot appear in the middle of a stream";
    }
    text
}

/// The status of a call whose connection ended first. Kitex has no status here, but code and texts are its own.
fn connection_lost(reason: Option<&CloseReason>) -> Status {
    let error = |what: &dyn fmt::Display| format!("connection error: desc = \"{what}\"");
    let read = |what: &dyn fmt::Display| error(&format_args!("error reading from server, error={what}"));
    let text = match reason {
        None | Some(CloseReason::Shutdown | CloseReason::PeerDrained) => request::CLOSING.to_owned(),
        Some(CloseReason::PeerClosed | CloseReason::PeerClosedMidway) => read(&"EOF"),
        Some(reason @ CloseReason::SocketFailed) => read(reason),
        Some(CloseReason::TimedOut(TimerKind::KeepAlive)) => {
            error(&"keepalive ping failed to receive ACK within timeout")
        }
        Some(reason) => error(reason),
    };
    Status::new(Code::UNAVAILABLE, text)
}
