//! The sending half of a stream, and opening one.

use bytes::Bytes;

use super::event::{Event, Finish, Initiator, OpenError, Outcome, SendError};
use super::section;
use super::streams::{Outbox, Stream};
use super::{Connection, Role};
use crate::buf::Output;
use crate::http::Fields;
use crate::stream::index::Key;
use crate::stream::lifecycle::{self, Act, Consequence, Receiving, Sending};
use crate::time::Instant;
use crate::wire::http2::{ErrorCode, StreamId};

/// The sending half of a stream.
#[derive(Debug)]
pub struct SendHalf<'a> {
    connection: &'a mut Connection,
    key: Key,
}

impl Connection {
    /// Client: opens a stream with this request head.
    ///
    /// # Errors
    ///
    /// The connection cannot open a stream now, or the head is not a legal request.
    pub fn open(&mut self, now: Instant, head: &Fields, finish: Finish) -> Result<StreamId, OpenError> {
        let _ = now;
        if self.role != Role::Client {
            return Err(OpenError::NotClient);
        }
        if self.is_closed() {
            return Err(OpenError::Closed);
        }
        if self.life.peer_last.is_some() || self.life.drain.is_some() {
            return Err(OpenError::Draining);
        }
        if self.next_local > StreamId::MAX.get() {
            return Err(OpenError::Exhausted);
        }
        if self.streams.len() >= self.peer.max_streams as usize {
            self.life.wants_stream = true;
            return Err(OpenError::TooManyStreams);
        }
        let facts = section::request(head).map_err(OpenError::Malformed)?;
        let limit = self.peer.max_header_list;
        let size = head.size();
        if size > limit as usize {
            return Err(OpenError::HeadersTooLarge { size, limit });
        }
        let id = StreamId::new(self.next_local);
        self.next_local = self.next_local.saturating_add(2);
        let sending = match finish {
            Finish::Now => Sending::Ended,
            Finish::Later => Sending::Body,
        };
        let stream = Stream {
            head_request: facts.is_head,
            end_written: finish == Finish::Now,
            ..self.new_stream(id, sending)
        };
        self.streams.insert(stream);
        self.write_section(id, head, finish);
        self.budgets.refund(super::budget::Abuse::Ignored, 4);
        Ok(id)
    }

    /// Tells that the application is done with a stream. Whatever is open of it is reset: with NO_ERROR if one side has
    /// said everything, with CANCEL otherwise; what was pushed and finished is sent first. Unread bytes are dropped, and
    /// the stream does not count as open any more once its last bytes are out.
    ///
    /// Every stream has to be released, by both sides, however it ended. Its [`Event::Ended`] comes all the same, if it
    /// has not come before.
    pub fn release(&mut self, id: StreamId) {
        let Some(key) = self.known(id) else {
            return;
        };
        self.discard_body(key);
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        stream.released = true;
        stream.wants_room = false;
        if std::mem::take(&mut stream.charged) {
            self.budgets.refund(super::budget::Abuse::Resets, 1);
        }
        if stream.ended {
            return self.remove_if_done(key);
        }
        match (stream.sending, stream.receiving) {
            // The rest is sent first; the end of that leads back here.
            (Sending::Ended, _) if !stream.end_written => {}
            (Sending::Ended, _) => self.reset_here(key, self.code_after_answer(), Initiator::Application),
            (_, Receiving::Ended) if self.role == Role::Client => {
                self.reset_here(key, ErrorCode::NO_ERROR, Initiator::Application);
            }
            (_, _) => self.reset_here(key, ErrorCode::CANCEL, Initiator::Application),
        }
    }

    /// RFC 9113 §8.1: a server that has answered needs no more of the request; a client that has not been answered
    /// cancels.
    pub(super) const fn code_after_answer(&self) -> ErrorCode {
        match self.role {
            Role::Server => ErrorCode::NO_ERROR,
            Role::Client => ErrorCode::CANCEL,
        }
    }

    /// Gives a stream up from this side.
    pub(super) fn reset_here(&mut self, key: Key, code: ErrorCode, by: Initiator) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.ended {
            return;
        }
        let id = stream.id;
        // Once the response is whole the exchange is complete, whatever of the request is not wanted any more.
        let answered = code == ErrorCode::NO_ERROR
            && match self.role {
                Role::Server => stream.end_written,
                Role::Client => stream.receiving == Receiving::Ended,
            };
        stream.receiving = Receiving::ResetHere;
        self.give_up_sending(key);
        if !self.is_closed() {
            self.writer().reset(id, code);
        }
        let outcome = match answered {
            true => Outcome::Complete,
            false => Outcome::Reset { code, by },
        };
        self.tell_end(key, outcome);
        self.remove_if_done(key);
    }

    /// Drops what waits to be sent on a stream.
    pub(super) fn give_up_sending(&mut self, key: Key) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.sending = Sending::Over;
            stream.wants_room = false;
            let stale = std::mem::take(&mut stream.queued);
            if let Some(outbox) = stream.outbox.take() {
                self.counts.queued = self.counts.queued.saturating_sub(outbox.data.len());
            }
            // Its place in the queue is skipped when its turn comes, which may be long when nothing can be sent.
            if stale && self.ready.len() > MAX_STALE.saturating_add(self.streams.len()) {
                let streams = &self.streams;
                let waits = |key: Key, id| streams.get(key).is_some_and(|stream| stream.id == id && stream.queued);
                self.ready.retain(|(id, key)| waits(*key, *id));
            }
            self.tell_memory_free();
        }
    }

    /// Tells streams that had no room for the others' sake that there is some.
    pub(super) fn tell_memory_free(&mut self) {
        if !self.life.memory_full || self.counts.queued > self.config.limits.max_memory / 2 {
            return;
        }
        self.life.memory_full = false;
        let enough = self.config.send_buffer / 2;
        for (_, stream) in self.streams.iter_mut() {
            if stream.wants_room && stream.queued_bytes() <= enough {
                stream.wants_room = false;
                self.events.push_back(Event::Writable { id: stream.id });
            }
        }
    }

    /// Both sides have said everything.
    pub(super) fn end_if_complete(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.end_written && stream.receiving == Receiving::Ended {
            self.budgets.refund(super::budget::Abuse::Resets, 1);
            self.tell_end(key, Outcome::Complete);
            self.remove_if_done(key);
        } else if stream.end_written && stream.released {
            self.reset_here(key, self.code_after_answer(), Initiator::Application);
        }
    }

    /// Forgets a stream that is over and released.
    pub(super) fn remove_if_done(&mut self, key: Key) {
        let done = self
            .streams
            .get(key)
            .is_some_and(|stream| stream.ended && stream.released);
        if done && let Some(stream) = self.streams.remove(key) {
            let heads = stream.section_bytes as usize;
            self.counts.heads = self.counts.heads.saturating_sub(heads);
            self.tell_available();
        }
    }

    /// Tells a client that waits that it can open a stream again.
    pub(super) fn tell_available(&mut self) {
        if self.life.wants_stream && self.streams.len() < self.peer.max_streams as usize {
            self.life.wants_stream = false;
            self.events.push_back(Event::Available);
        }
    }
}

impl<'a> SendHalf<'a> {
    pub(super) const fn new(connection: &'a mut Connection, key: Key) -> Self {
        Self { connection, key }
    }

    /// Bytes that can be pushed before [`SendError::Full`]; the last push may go beyond it.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let connection = &*self.connection;
        let Some(stream) = connection.streams.get(self.key) else {
            return 0;
        };
        match lifecycle::sending(stream.sending, Act::Data) {
            Consequence::Done(_) if connection.counts.queued < connection.config.limits.max_memory => connection
                .config
                .send_buffer
                .max(1)
                .saturating_sub(stream.queued_bytes()),
            _ => 0,
        }
    }

    /// Server: sends a 1xx response.
    ///
    /// # Errors
    ///
    /// The final head is out, the stream is over, or the section is not a legal interim response.
    pub fn interim(&mut self, head: &Fields) -> Result<(), SendError> {
        let (id, _) = self.check(Act::Head)?;
        let facts = section::response(head).map_err(SendError::Malformed)?;
        if facts.status >= 200 {
            return Err(SendError::Malformed("the :status is not 1xx"));
        }
        self.check_size(head)?;
        self.connection.write_section(id, head, Finish::Later);
        Ok(())
    }

    /// Server: sends the head of the response, once.
    ///
    /// # Errors
    ///
    /// It is out already, the stream is over, or the section is not a legal response.
    pub fn respond(&mut self, head: &Fields, finish: Finish) -> Result<(), SendError> {
        let (id, next) = self.check(Act::Head)?;
        let facts = section::response(head).map_err(SendError::Malformed)?;
        if facts.status < 200 {
            return Err(SendError::Malformed("the :status is 1xx"));
        }
        self.check_size(head)?;
        self.connection.write_section(id, head, finish);
        if let Some(stream) = self.connection.streams.get_mut(self.key) {
            stream.sending = next;
            if finish == Finish::Now {
                stream.sending = Sending::Ended;
                stream.end_written = true;
                self.connection.end_if_complete(self.key);
            }
        }
        Ok(())
    }

    /// Sends a copy of `data` as the next bytes of the body.
    ///
    /// A message is taken whole as long as less than [`Config::send_buffer`](super::Config::send_buffer) waits.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if too much waits, and the states in which no body can be sent. Nothing of `data` was taken.
    #[inline]
    pub fn push(&mut self, data: &[u8], finish: Finish) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.send_data(self.key, data, None, finish);
        Ok(())
    }

    /// Sends `data` as the next bytes of the body, without a copy if they are many.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    #[inline]
    pub fn push_bytes(&mut self, data: &Bytes, finish: Finish) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.send_data(self.key, data, Some(data), finish);
        Ok(())
    }

    /// Sends everything in `output` as the next bytes of the body and empties it; large payloads are not copied.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]; `output` is left as it is then.
    #[inline]
    pub fn push_output(&mut self, output: &mut Output) -> Result<(), SendError> {
        self.check_room()?;
        self.put_output(output);
        Ok(())
    }

    /// [`Self::push_output`] after a [`Self::check_room`].
    #[inline]
    pub(crate) fn put_output(&mut self, output: &mut Output) {
        let (arena, shared) = output.parts();
        let mut at = 0;
        // Almost always there are none, and to drain none is not free.
        if !shared.is_empty() {
            for (end, bytes) in shared.drain(..) {
                let before = arena.get(at..end).unwrap_or(&[]);
                self.connection.send_data(self.key, before, None, Finish::Later);
                self.connection.send_data(self.key, &bytes, Some(&bytes), Finish::Later);
                at = end;
            }
        }
        let rest = arena.get(at..).unwrap_or(&[]);
        self.connection.send_data(self.key, rest, None, Finish::Later);
        arena.clear();
    }

    /// Says that no more will come. The end goes with the last DATA frame if that is still here, else with an empty one.
    ///
    /// # Errors
    ///
    /// The states in which the body cannot end.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.check(Act::End)?;
        self.connection.send_data(self.key, &[], None, Finish::Now);
        Ok(())
    }

    /// Ends the body with trailers.
    ///
    /// # Errors
    ///
    /// The states in which the body cannot end, or a section that is not legal as trailers.
    pub fn finish_with(&mut self, trailers: &Fields) -> Result<(), SendError> {
        let (id, next) = self.check(Act::End)?;
        section::trailers(trailers).map_err(SendError::Malformed)?;
        self.check_size(trailers)?;
        let connection = &mut *self.connection;
        let Some(stream) = connection.streams.get_mut(self.key) else {
            return Err(SendError::Closed);
        };
        stream.sending = next;
        if stream.has_queued_data() {
            if let Some(outbox) = &mut stream.outbox {
                outbox.trailers = Some(trailers.clone());
            }
            return Ok(());
        }
        stream.end_written = true;
        connection.write_section(id, trailers, Finish::Now);
        connection.end_if_complete(self.key);
        Ok(())
    }

    /// Gives the stream up, both directions of it. Does nothing if it is over already.
    pub fn cancel(&mut self, code: ErrorCode) {
        self.connection.reset_here(self.key, code, Initiator::Application);
    }

    /// Whether `act` has its place now.
    #[inline]
    fn check(&self, act: Act) -> Result<(StreamId, Sending), SendError> {
        let stream = self.connection.streams.get(self.key).ok_or(SendError::Closed)?;
        Ok((stream.id, stream.check(act)?))
    }

    /// Whether a push has its place now, and room. Notes who waits for it.
    #[inline]
    pub(crate) fn check_room(&mut self) -> Result<(), SendError> {
        let connection = &mut *self.connection;
        let stream = connection.streams.get_mut(self.key).ok_or(SendError::Closed)?;
        stream.check(Act::Data)?;
        let full = connection.counts.queued >= connection.config.limits.max_memory;
        connection.life.memory_full |= full;
        if full || stream.queued_bytes() >= connection.config.send_buffer.max(1) {
            stream.wants_room = true;
            return Err(SendError::Full);
        }
        Ok(())
    }

    fn check_size(&self, fields: &Fields) -> Result<(), SendError> {
        let limit = self.connection.peer.max_header_list;
        let size = fields.size();
        match size > limit as usize {
            true => Err(SendError::HeadersTooLarge { size, limit }),
            false => Ok(()),
        }
    }
}

impl Stream {
    /// The state after `act`, if it has its place now.
    #[inline]
    fn check(&self, act: Act) -> Result<Sending, SendError> {
        match lifecycle::sending(self.sending, act) {
            Consequence::Done(next) => Ok(next),
            Consequence::HeadMissing => Err(SendError::HeadMissing),
            Consequence::HeadSent => Err(SendError::HeadSent),
            Consequence::Finished => Err(SendError::Finished),
            Consequence::Closed | Consequence::Nothing => Err(SendError::Closed),
        }
    }

    #[inline]
    pub(super) fn queued_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.data.len())
    }

    #[inline]
    pub(super) fn has_queued_data(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| !outbox.data.is_empty())
    }

    pub(super) fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_or_insert_default()
    }
}

/// Streams in the queue beyond those that exist before it is tidied.
const MAX_STALE: usize = 64;
