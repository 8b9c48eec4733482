//! The server's side.

use super::output::write_strings;
use super::streams::{Head, Phase, Stream};
use super::{Connection, Ending, Event, Exception, IncomingStream, StreamId, Strings};
use crate::dispatch::{Lookup, MethodKind, Services};
use crate::error::CloseReason;
use crate::exception::{ApplicationException, ExceptionType};
use crate::http2::Role;
use crate::metainfo::{MetaInfo, is_metainfo_key};
use crate::pingpong::Target;
use crate::stream::index::Key;
use crate::stream::lifecycle::{Receiving, Sending};
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::business;
use crate::wire::ttheader::{IntKey, string_key};
use crate::wire::ttstream::{Frame, FramePrefix, FrameType, write_exception, write_frame};

/// What a header frame asks for.
struct Wanted {
    target: Target,
    kind: MethodKind,
}

impl Connection {
    /// Server: a stream that was opened, until it is finished.
    #[must_use]
    pub fn stream(&self, id: StreamId) -> Option<IncomingStream<'_>> {
        self.streams.get(id).map(IncomingStream::new)
    }

    /// Server: whether a stream has one answer, and has had it.
    pub(crate) fn is_answered(&self, id: StreamId) -> bool {
        let has_all = |stream: &Stream| stream.kind.has_single_answer() && stream.sent > 0;
        self.role == Role::Server && self.streams.get(id).is_some_and(has_all)
    }

    /// Server: ends a stream, and releases it. The header goes first if it has not gone; nothing is sent to a client that
    /// has given the stream up.
    pub fn finish(&mut self, id: StreamId, ending: &Ending, trailer: &Strings) {
        if self.recorder.is_some() {
            return self.record_finish(id, ending, trailer);
        }
        let Some(key) = self.streams.find(id) else {
            return;
        };
        let Some(stream) = self.streams.at(key) else {
            return;
        };
        if stream.phase != Phase::Ended && self.life.closed.is_none() {
            if stream.sending == Sending::Head {
                // Without entries it fits.
                let _ = self.put_header(key, &Strings::new());
            }
            if self.put_trailer(key, ending, trailer).is_err() {
                let text = "the entries of the trailer do not fit a header";
                let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
                let _ = self.put_trailer(key, &Ending::Exception(exception), &Strings::new());
            }
        }
        self.forget(id);
    }

    fn put_trailer(&mut self, key: Key, ending: &Ending, trailer: &Strings) -> Result<(), crate::EncodeError> {
        if *ending == Ending::Ok && trailer.is_empty() {
            self.put_plain(key, FrameType::Trailer);
            return Ok(());
        }
        self.put_frame(
            key,
            FrameType::Trailer,
            |writer| {
                write_strings(writer, trailer);
                if let Ending::Business(status) = ending {
                    business::write(writer, status);
                }
            },
            |out, id, method| {
                if let Ending::Exception(exception) = ending {
                    write_exception(out, id, method, exception.kind, &exception.message);
                }
            },
        )
    }

    /// A header frame has come whose id is free.
    pub(super) fn begin(&mut self, now: Instant, frame: &Frame, bytes: &[u8]) {
        let Some(services) = &self.services else {
            return;
        };
        let method = frame.method.map_or(&b""[..], |span| span.of(bytes));
        let service = frame.service.map_or(&b""[..], |span| span.of(bytes));
        let wanted = look_up(services, service, method);
        let busy = if frame.id == StreamId::CONNECTION && self.has_flow_control() {
            Some("stream 0 is the connection itself")
        } else if self.life.drain.is_some() {
            Some("the server is shutting down")
        } else if self.streams.len() >= self.config.max_streams as usize {
            Some("too many streams on this connection")
        } else if self.is_laden() {
            Some("the headers of this connection hold too much memory")
        } else {
            None
        };
        let prefix = FramePrefix::new(frame.id, method);
        let (wanted, prefix) = match (wanted, busy, prefix) {
            (Ok(wanted), None, Some(prefix)) => (wanted, prefix),
            (Err(exception), None, _) => return self.refuse(frame.id, method, exception),
            (_, why, _) => {
                let text = why.unwrap_or("the method's name does not fit a header");
                let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
                return self.refuse(frame.id, method, exception);
            }
        };
        let head = Box::new(read_head(frame, bytes, service, method));
        let single = wanted.kind.has_single_request();
        let due = now + self.config.request_timeout;
        let key = self.streams.insert(Stream {
            target: wanted.target,
            phase: if single { Phase::Collecting { due } } else { Phase::Open },
            receiving: Receiving::Body,
            sending: Sending::Head,
            head: Some(head),
            ..Stream::new(frame.id, wanted.kind, prefix, &self.credit)
        });
        self.count_held(key);
        if single {
            self.next_due = self.next_due.min(due);
        } else {
            self.events.push_back(Event::Opened { id: frame.id });
        }
    }

    /// A header frame with the id of a live stream: nobody can tell from here on which stream a frame is for.
    #[cold]
    pub(super) fn on_duplicate(&mut self, key: Key, frame: &Frame, bytes: &[u8]) {
        if self.streams.at(key).is_some_and(|stream| stream.phase == Phase::Ended) {
            // For the client that one is over, so that an answer can only be for the new one.
            let method = frame.method.map_or(&b""[..], |span| span.of(bytes));
            let text = "the handler of an earlier stream with this id still runs";
            let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
            return self.refuse(frame.id, method, exception);
        }
        self.duplicates = self.duplicates.saturating_add(1);
        if self.duplicates > MAX_DUPLICATES {
            return self.fail(CloseReason::LimitReached("header frames with the ids of live streams"));
        }
        let Some(stream) = self.streams.at_mut(key) else {
            return;
        };
        if stream.receiving == Receiving::Body {
            stream.receiving = Receiving::Ended;
            let text = format!("stream[{}] was opened again while it is live", stream.id);
            stream.fail(Exception::illegal_frame(text).on(super::Side::Server));
        }
        match stream.phase {
            Phase::Collecting { .. } => self.refuse_incomplete(key, "the stream was opened again"),
            Phase::Open | Phase::Ended => self.tell_readable(key),
        }
    }

    /// Answers a stream without a handler.
    #[cold]
    fn refuse(&mut self, id: StreamId, method: &[u8], exception: ApplicationException) {
        // An exception has to name its method.
        let method = if method.is_empty() { b"unknown" } else { method };
        let mut put = |method: &[u8]| {
            self.queues.put_control(|out| {
                let frame = write_frame(out, id, FrameType::Trailer, Some(method), |_| {}, |_| {});
                write_exception(out, id, method, exception.kind, &exception.message);
                frame.finish(out, u32::MAX);
            })
        };
        if put(method).is_err() {
            // A name that was read fits, with what stands around it.
            let _ = put(b"unknown");
        }
        let exception = Box::new(exception);
        self.events.push_back(Event::Refused { id, exception });
    }

    /// Answers a stream whose single request does not come.
    #[cold]
    pub(super) fn refuse_incomplete(&mut self, key: Key, text: &'static str) {
        let Some(stream) = self.streams.at(key) else {
            return;
        };
        let id = stream.id;
        let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
        self.finish(id, &Ending::Exception(exception.clone()), &Strings::new());
        let exception = Box::new(exception);
        self.events.push_back(Event::Refused { id, exception });
    }

    /// Ends streams whose single request did not come in time.
    pub(super) fn end_overdue(&mut self, now: Instant) {
        if self.next_due > now {
            return;
        }
        let mut next = Instant::FAR_FUTURE;
        let mut overdue = Vec::new();
        for stream in self.streams.iter() {
            match stream.phase {
                Phase::Collecting { due } if due <= now => overdue.push(stream.id),
                Phase::Collecting { due } => next = next.min(due),
                Phase::Open | Phase::Ended => {}
            }
        }
        overdue.sort_unstable();
        for id in overdue {
            if let Some(key) = self.streams.find(id) {
                self.refuse_incomplete(key, "the request did not come in time");
            }
        }
        self.next_due = next;
    }
}

fn look_up(services: &Services, service: &[u8], method: &[u8]) -> Result<Wanted, ApplicationException> {
    let found = services.lookup(service, method);
    let (target, kind) = match found {
        Lookup::Method(target) => match services.method(target) {
            Some((info, _)) if info.codec != Codec::Thrift => {
                let text = "decode failed, codec msg type not match with thriftCodec";
                return Err(ApplicationException::new(ExceptionType::INVALID_PROTOCOL, text));
            }
            Some((_, method)) if method.kind.is_streaming() => (Target::Method(target), method.kind),
            _ => return Err(explain(&found, service, method)),
        },
        Lookup::UnknownHandler => (Target::Unknown, MethodKind::BidirectionalStreaming),
        _ => return Err(explain(&found, service, method)),
    };
    Ok(Wanted { target, kind })
}

#[cold]
fn explain(found: &Lookup, service: &[u8], method: &[u8]) -> ApplicationException {
    found.refusal(&String::from_utf8_lossy(service), &String::from_utf8_lossy(method))
}

fn read_head(frame: &Frame, bytes: &[u8], service: &[u8], method: &[u8]) -> Head {
    let view = frame.view(bytes);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_boxed_str();
    let wanted = |key: &[u8]| key != string_key::SERVICE_NAME.as_bytes() && !is_metainfo_key(key);
    let mut meta = MetaInfo::new();
    if frame.has_strings {
        meta = MetaInfo::from_header(&view);
        meta.adopt_upstream();
    }
    Head {
        strings: frame.strings(bytes, wanted),
        service: text(service),
        method: text(method),
        caller: view.int(IntKey::FROM_SERVICE).map(text),
        meta,
    }
}

/// Headers with the ids of live streams that are taken from one peer.
const MAX_DUPLICATES: u32 = 100;
