//! Requests in, answers out.

use super::write::{ReplyWriter, ResetMark, Route, RouteLayout};
use bytes::Bytes;

use super::{Answered, Call, CancelReason, Found, Refusal, ServerConnection, ServerEvent};
use crate::config::{Multiplex, Switch};
use crate::dispatch::{Lookup, MethodKind, Services};
use crate::error::{CloseReason, DecodeError, DecodeErrorKind};
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::frame::{Frame, Framer, Layout, Prefix};
use crate::pingpong::header::Header;
use crate::pingpong::incoming::Target;
use crate::pingpong::reply::{Reply, ReplyOutcome, RespondError};
use crate::pingpong::slots::CallId;
use crate::planted::{Bug, planted};
use crate::time::Instant;
use crate::wire::ttheader::Flags;
use crate::wire::{Codec, MessageType, SequenceId};

impl ServerConnection {
    /// Answers a call, encoding straight into the write arena. Oneway calls end without a byte.
    ///
    /// # Errors
    /// [`RespondError::UnknownCall`] when the call is not open (any more); [`RespondError::Encode`] when the answer has
    /// no encoding, in which case the caller gets an exception of type 6 that says so.
    pub fn respond(&mut self, now: Instant, id: CallId, reply: &Reply<'_>) -> Result<(), RespondError> {
        if self.recorder.is_some() {
            return self.record_respond(now, id, reply);
        }
        let Some(call) = self.calls.get(id) else {
            return Err(RespondError::UnknownCall);
        };
        let sent = match call.answered {
            Answered::Yes => {
                let mark = self.reset_mark();
                let route = Route {
                    layout: call.route(),
                    method: Self::method_name(&self.services, call),
                };
                ReplyWriter {
                    out: &mut self.output,
                    config: &self.config,
                }
                .write_or_explain(&route, reply, mark)
            }
            Answered::No => Ok(()),
        };
        self.end_call(id);
        self.times.active = now;
        self.go_on(now);
        sent.map_err(RespondError::Encode)
    }

    /// Refuses a call whose arguments cannot be decoded: exception type 7 with the error's text. An in-order connection
    /// closes behind it, a multiplexed one goes on.
    pub fn reject(&mut self, now: Instant, id: CallId, error: &DecodeError) {
        let kind = match error.kind {
            DecodeErrorKind::CodecMismatch => ExceptionType::INVALID_PROTOCOL,
            _ => ExceptionType::PROTOCOL_ERROR,
        };
        let exception = ApplicationException::new(kind, error.to_string());
        self.reject_with(now, id, exception);
    }

    pub(crate) fn reject_with(&mut self, now: Instant, id: CallId, exception: ApplicationException) {
        if self.recorder.is_some() {
            return self.record_reject(now, id, exception);
        }
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let method = Self::method_name(&self.services, call).to_vec();
        let route = Route {
            layout: call.route(),
            method: &method,
        };
        let (answered, concurrent) = (call.answered, call.concurrent);
        self.end_call(id);
        self.refuse(&route, exception, answered, concurrent);
        self.go_on(now);
    }

    /// Takes in one whole request.
    pub(super) fn take(&mut self, now: Instant, frame: Frame) {
        if self.config.multiplex == Multiplex::Only && !matches!(frame.layout.prefix, Prefix::TtHeader(..)) {
            let error = DecodeError::new(DecodeErrorKind::BadMagic(0), 4);
            return self.fail(CloseReason::Malformed(error));
        }
        let concurrent = self.is_concurrent(&frame);
        self.life.multiplexed |= concurrent;
        if !concurrent && !self.calls.is_empty() {
            self.held_bytes += frame.bytes.len();
            self.held = Some(Box::new(frame));
            return;
        }
        self.begin(now, frame, concurrent);
    }

    /// After a call has ended: the request that waited for it begins.
    #[inline]
    fn go_on(&mut self, now: Instant) {
        if self.held.is_some() && self.calls.is_empty() && self.life.closed.is_none() {
            self.begin_held(now);
        }
        self.settle(now);
    }

    #[cold]
    fn begin_held(&mut self, now: Instant) {
        if let Some(frame) = self.held.take() {
            self.held_bytes -= frame.bytes.len();
            self.begin(now, *frame, false);
        }
    }

    fn is_concurrent(&self, frame: &Frame) -> bool {
        match (self.config.multiplex, frame.layout.prefix) {
            (Multiplex::Only, _) => true,
            (Multiplex::Auto, Prefix::TtHeader(header, _)) => header.flags.contains(Flags::OUT_OF_ORDER),
            (Multiplex::Auto, Prefix::Mesh(_) | Prefix::None) => false,
        }
    }

    fn begin(&mut self, now: Instant, frame: Frame, concurrent: bool) {
        if matches!(frame.layout.message_type, MessageType::Reply | MessageType::Exception) {
            let error = DecodeErrorKind::BadMessageType(u32::from(frame.layout.message_type.number()));
            return self.fail(CloseReason::Malformed(DecodeError::new(error, 0)));
        }
        if self.config.crc32c.is_on()
            && let Err(error) = frame.check_checksum()
        {
            return self.fail(CloseReason::Malformed(error));
        }
        match self.find(&frame) {
            Ok((target, answered)) => self.open(now, frame, target, answered, concurrent),
            Err(found) => {
                let (exception, sequence) = explain(&self.services, &found, &frame);
                self.refuse_frame(&frame, exception, sequence, concurrent);
            }
        }
    }

    /// Where a request goes; else what the lookup said.
    #[inline(always)]
    fn find(&mut self, frame: &Frame) -> Result<(Target, Answered), Lookup> {
        let (service, method) = (frame.header().service_name_bytes(), frame.name());
        if let Some(last) = self.last
            && last.named != service.is_empty()
            && last.codec == frame.layout.codec
            && self.services.is_again(last.method, service, method)
        {
            return Ok((Target::Method(last.method), last.answered));
        }
        self.look_up(frame)
    }

    #[inline(never)]
    fn look_up(&mut self, frame: &Frame) -> Result<(Target, Answered), Lookup> {
        let service = frame.header().service_name_bytes();
        let found = self.services.lookup(service, frame.name());
        match found {
            Lookup::Method(method) => match self.services.method(method) {
                Some((declared, info)) if declared.codec == frame.layout.codec && !info.kind.is_streaming() => {
                    let answered = if info.kind == MethodKind::Oneway {
                        Answered::No
                    } else {
                        Answered::Yes
                    };
                    self.last = Some(Found {
                        method,
                        named: !service.is_empty(),
                        codec: declared.codec,
                        answered,
                    });
                    Ok((Target::Method(method), answered))
                }
                _ => Err(found),
            },
            Lookup::UnknownHandler => Ok((Target::Unknown, Answered::Yes)),
            Lookup::UnknownService | Lookup::NoServiceName | Lookup::UnknownMethod(_) => Err(found),
        }
    }

    #[inline(always)]
    fn open(&mut self, now: Instant, frame: Frame, target: Target, answered: Answered, concurrent: bool) {
        let name = match target {
            Target::Method(_) => None,
            Target::Unknown => wire_name(&frame),
        };
        let deadline = match self.config.deadline_from_header {
            Switch::On => deadline(now, &frame),
            Switch::Off => None,
        };
        let frame_len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        self.held_bytes += frame_len as usize;
        let id = self.calls.insert(Call {
            frame_len,
            target,
            sequence: reply_sequence(&frame.layout),
            transport: frame.layout.transport,
            codec: frame.layout.codec,
            answered,
            concurrent,
            cancelled: false,
            deadline,
            name,
            frame: Some(frame),
        });
        if let Some(at) = deadline {
            let calls = &self.calls;
            self.call_timers
                .insert(at, id, |id| calls.get(id).is_some(), calls.len());
        }
        self.life.in_order = !concurrent;
        if !(self.times.linger.is_some() && planted(Bug::LingerRunsOn)) {
            self.times.linger = None;
        }
        self.events.push_back(ServerEvent::Opened { id });
        if self.life.read_ended {
            self.cancel(id, CancelReason::CallerGone);
        }
    }

    pub(super) fn cancel(&mut self, id: CallId, reason: CancelReason) {
        if let Some(call) = self.calls.get_mut(id)
            && !call.cancelled
        {
            call.cancelled = true;
            self.events.push_back(ServerEvent::Cancelled { id, reason });
        }
    }

    fn end_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let is_kept = call.answered == Answered::No && planted(Bug::OnewayHeld)
            || call.cancelled && call.deadline.is_some() && planted(Bug::CancelledHeld);
        if !is_kept {
            self.held_bytes -= call.frame_len as usize;
        }
        if !call.concurrent {
            self.life.in_order = false;
        }
        let timed = call.deadline.is_some();
        self.calls.free(id);
        if timed {
            let calls = &self.calls;
            self.call_timers.prune(|id| calls.get(id).is_some());
        }
    }

    /// A draining connection marks every reply, so that the caller does not use it again.
    const fn reset_mark(&self) -> ResetMark {
        if self.life.draining {
            ResetMark::Set
        } else {
            ResetMark::Unset
        }
    }

    fn refuse_frame(&mut self, frame: &Frame, exception: ApplicationException, sequence: SequenceId, concurrent: bool) {
        let layout = RouteLayout {
            transport: frame.layout.transport,
            codec: frame.layout.codec,
            sequence,
        };
        let route = Route {
            layout,
            method: frame.name(),
        };
        self.refuse(&route, exception, Answered::Yes, concurrent);
    }

    /// Answers a request whose body never came, where its head did.
    pub(super) fn refuse_unfinished(&mut self, input: &[u8]) {
        if let Some(layout) = Framer::head(input, &self.config.limits) {
            let peer = self.peer.as_deref().unwrap_or("");
            let text = format!("connection read timeout {peer}");
            self.refuse_head(&layout, input, text);
        }
    }

    /// Answers a request of which only the head can be used: exception type 7, unless its method is oneway.
    pub(super) fn refuse_head(&mut self, layout: &Layout, input: &[u8], text: String) {
        let name = layout.name.of(input);
        let service = Header::new(input, &layout.prefix).service_name_bytes();
        let answered = match self.services.lookup(service, name) {
            Lookup::Method(method) => match self.services.method(method) {
                Some((_, info)) if info.kind == MethodKind::Oneway => Answered::No,
                _ => Answered::Yes,
            },
            _ => Answered::Yes,
        };
        let exception = ApplicationException::new(ExceptionType::PROTOCOL_ERROR, text);
        let layout = RouteLayout {
            transport: layout.transport,
            codec: layout.codec,
            sequence: reply_sequence(layout),
        };
        let name = name.to_vec();
        self.write_refusal(&Route { layout, method: &name }, exception, answered, ResetMark::Set);
    }

    /// Refuses a request; an in-order connection ends behind it.
    fn refuse(&mut self, route: &Route<'_>, exception: ApplicationException, answered: Answered, concurrent: bool) {
        let mark = if concurrent { self.reset_mark() } else { ResetMark::Set };
        self.write_refusal(route, exception, answered, mark);
        if !concurrent {
            self.fail(CloseReason::Refused);
        }
    }

    fn write_refusal(
        &mut self,
        route: &Route<'_>,
        exception: ApplicationException,
        answered: Answered,
        mark: ResetMark,
    ) {
        if answered == Answered::Yes {
            let reply = Reply::new(ReplyOutcome::Exception(&exception));
            let mut writer = ReplyWriter {
                out: &mut self.output,
                config: &self.config,
            };
            // An exception text is far below any frame limit; should one be set smaller, the caller times out.
            let _ = writer.write(route, &reply, mark);
        }
        let method = String::from_utf8_lossy(route.method).into_owned();
        self.events
            .push_back(ServerEvent::Refused(Box::new(Refusal::Exception { method, exception })));
    }
}

/// A call of type 5 is answered with sequence id 0.
const fn reply_sequence(layout: &Layout) -> SequenceId {
    match layout.message_type {
        MessageType::Stream => SequenceId(0),
        _ => layout.sequence,
    }
}

#[cold]
fn wire_name(frame: &Frame) -> Option<Box<Bytes>> {
    Some(Box::new(frame.bytes.slice(frame.layout.name.range())))
}

#[inline(never)]
fn deadline(now: Instant, frame: &Frame) -> Option<Instant> {
    frame.header().timeout().map(|timeout| now + timeout)
}

/// The exception for a request that reaches no handler, and the sequence id it goes out under.
#[cold]
fn explain(services: &Services, found: &Lookup, frame: &Frame) -> (ApplicationException, SequenceId) {
    let service = String::from_utf8_lossy(frame.header().service_name_bytes());
    let method = String::from_utf8_lossy(frame.name());
    // KitexProtobuf looks the method up before it has read the sequence id of the message.
    let before_sequence = match (frame.layout.codec, frame.layout.prefix) {
        (Codec::Protobuf, Prefix::TtHeader(header, _)) => header.sequence,
        (Codec::Protobuf, _) => SequenceId(0),
        (Codec::Thrift, _) => reply_sequence(&frame.layout),
    };
    let (kind, text, sequence) = match found {
        Lookup::Method(target) => match services.method(*target) {
            Some((declared, _)) if declared.codec == frame.layout.codec => {
                let text = format!("method {method} (service {}) is a stream", declared.name);
                (ExceptionType::UNKNOWN_METHOD, text, before_sequence)
            }
            _ => {
                let name = match frame.layout.codec {
                    Codec::Thrift => "thriftCodec",
                    Codec::Protobuf => "protobufCodec",
                };
                let text = format!("decode failed, codec msg type not match with {name}");
                (ExceptionType::INVALID_PROTOCOL, text, reply_sequence(&frame.layout))
            }
        },
        Lookup::NoServiceName | Lookup::UnknownMethod(_) | Lookup::UnknownService | Lookup::UnknownHandler => {
            return (found.refusal(&service, &method), before_sequence);
        }
    };
    (ApplicationException::new(kind, text), sequence)
}
