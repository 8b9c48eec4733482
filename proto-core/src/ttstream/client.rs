//! The client's side.

use std::time::Duration;

use super::output::write_strings;
use super::streams::{Phase, Stream};
use super::{Connection, Ending, Exception, OpenError, StreamId, Strings};
use crate::dispatch::MethodKind;
use crate::error::EncodeError;
use crate::exception::{ApplicationException, ExceptionType};
use crate::http2::Role;
use crate::metainfo::MetaInfo;
use crate::record::{Op, Recorded};
use crate::stream::lifecycle::Sending;
use crate::time::Instant;
use crate::wire::ttheader::{IntKey, string_key};
use crate::wire::ttstream::{FramePrefix, FrameType, write_frame};

/// What a client wants to open.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The IDL service name.
    pub service: &'a str,
    /// The method name.
    pub method: &'a str,
    /// How many messages each side sends.
    pub kind: MethodKind,
    /// When the stream is given up.
    pub deadline: Option<Instant>,
    /// What that was made from, for the error's text.
    pub timeout: Option<Duration>,
    /// Metainfo for the server.
    pub meta: &'a MetaInfo,
    /// Other string entries for the header.
    pub strings: &'a Strings,
    /// Own service name, told to the server (int key 3). Kitex tells none, and does not mind.
    pub caller: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A request with nothing but names.
    #[must_use]
    pub const fn new(service: &'a str, method: &'a str, kind: MethodKind) -> Self {
        static META: MetaInfo = MetaInfo::new();
        static STRINGS: Strings = Strings::new();
        Self {
            service,
            method,
            kind,
            deadline: None,
            timeout: None,
            meta: &META,
            strings: &STRINGS,
            caller: None,
        }
    }
}

impl Connection {
    /// Client: opens a stream. Its header is queued at once.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. Nothing was sent, and other streams are not touched.
    pub fn open(&mut self, now: Instant, request: &Request<'_>) -> Result<StreamId, OpenError> {
        if self.recorder.is_some() {
            return self.record_open(now, request);
        }
        if self.life.closed.is_some() || self.role != Role::Client {
            return Err(OpenError::Closed);
        }
        if self.life.drain.is_some() {
            return Err(OpenError::Draining);
        }
        if request.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(OpenError::DeadlinePassed);
        }
        if self.streams.len().saturating_sub(self.over) >= self.config.max_streams as usize {
            self.life.wants_stream = true;
            return Err(OpenError::TooManyStreams);
        }
        let id = self.free_id();
        let method = request.method.as_bytes();
        let prefix = match FramePrefix::new(id, method) {
            Some(prefix) if !method.is_empty() => prefix,
            _ => return Err(OpenError::Encode(EncodeError::MethodName(method.len()))),
        };
        self.put_request(id, request).map_err(OpenError::Encode)?;
        self.last_id = id;
        self.times.idle = None;
        self.streams.insert(Stream {
            deadline: request.deadline,
            timeout: request.timeout,
            ..Stream::new(id, request.kind, prefix, &self.credit)
        });
        if let Some(deadline) = request.deadline {
            let streams = &self.streams;
            let is_open = |id| streams.find(id).is_some();
            self.deadlines.insert(deadline, id, is_open, streams.len());
        }
        Ok(id)
    }

    /// The next id that no live stream has.
    fn free_id(&self) -> StreamId {
        let mut id = self.last_id.next();
        while self.streams.find(id).is_some() {
            id = id.next();
        }
        id
    }

    fn put_request(&mut self, id: StreamId, request: &Request<'_>) -> Result<(), EncodeError> {
        self.queues.put_control(|out| {
            let frame = write_frame(
                out,
                id,
                FrameType::Header,
                Some(request.method.as_bytes()),
                |writer| {
                    // Metainfo first: its token stands in front of all strings.
                    request.meta.write(writer);
                    write_strings(writer, request.strings);
                    writer.string(string_key::SERVICE_NAME, request.service);
                },
                |writer| {
                    if let Some(caller) = request.caller.filter(|caller| !caller.is_empty()) {
                        writer.int(IntKey::FROM_SERVICE, caller);
                    }
                },
            );
            frame.finish(out, u32::MAX);
        })
    }

    /// Gives a stream up for this reason, which both sides see: the peer as its rst, this side as the
    /// [outcome](Self::outcome). Changes nothing once the stream is over.
    pub fn cancel(&mut self, id: StreamId, why: &Exception) {
        if self.recorder.is_some() {
            return self.record_cancel(id, why);
        }
        if self.life.closed.is_none() {
            self.give_up(id, why.clone());
        }
    }

    /// Tells that the application is done with a stream. Every stream has to be released, or finished by a server, however
    /// it ended. One that is not over is given up: the peer sees it canceled by the user. A stream with a single answer
    /// that was taken is over as far as anybody cares.
    pub fn release(&mut self, id: StreamId) {
        if self.recorder.is_some() {
            return self.record_id(Op::Release, id, Self::release);
        }
        let Some(stream) = self.streams.get(id) else {
            return;
        };
        let answered = stream.kind.has_single_answer() && stream.flags.has_taken && stream.sending == Sending::Ended;
        if stream.phase != Phase::Ended && self.life.closed.is_none() {
            match self.role {
                Role::Client if answered => {}
                Role::Client => {
                    if self.end_here(id, Exception::canceled_by_user()) {
                        self.over = self.over.saturating_add(1);
                    }
                }
                Role::Server => return self.drop_unfinished(id),
            }
        }
        self.forget(id);
    }

    /// Server: the handler of a stream is gone without an end.
    fn drop_unfinished(&mut self, id: StreamId) {
        let text = "the handler was stopped";
        let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
        self.finish(id, &Ending::Exception(exception), &Strings::new());
    }

    /// Takes a stream out of the table.
    pub(super) fn forget(&mut self, id: StreamId) {
        let Some(mut stream) = self.streams.remove(id) else {
            return;
        };
        if stream.phase == Phase::Ended {
            self.over = self.over.saturating_sub(1);
        }
        self.credit.take(stream.queued());
        stream.inbox.clear(&mut self.spares);
        self.held = self.held.saturating_sub(stream.held);
        if stream.flags.is_listed {
            self.blocked.retain(|(_, waiting)| *waiting != id);
        }
        if stream.deadline.is_some() {
            self.prune_deadlines();
        }
        self.tell_available();
    }

    pub(super) fn prune_deadlines(&mut self) {
        let streams = &self.streams;
        self.deadlines.prune(|id| streams.find(id).is_some());
    }

    /// The deadline of a stream has passed.
    pub(super) fn on_deadline(&mut self, id: StreamId) {
        if let Some(timeout) = self.streams.get(id).map(|stream| stream.timeout) {
            self.give_up(id, Exception::stream_timeout(timeout));
        }
    }
}
