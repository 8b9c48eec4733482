//! The sending half of a stream.

use super::credit::Credit;
use super::output::Queues;
use super::streams::{Phase, Stream};
use super::{Connection, SendError, Strings};
use crate::error::EncodeError;
use crate::http2::Role;
use crate::pingpong::EncodeBody;
use crate::stream::index::Key;
use crate::stream::lifecycle::{Act, Consequence, Sending, sending};
use crate::wire::ttstream::{FRAME_CHARGE, FramePrefix, FrameType};

/// The sending half of a stream.
#[derive(Debug)]
pub struct Sender<'a> {
    connection: &'a mut Connection,
    key: Key,
}

impl<'a> Sender<'a> {
    pub(super) const fn new(connection: &'a mut Connection, key: Key) -> Self {
        Self { connection, key }
    }

    /// Sends a message. A server's header goes in front of the first one.
    ///
    /// A message is taken whole as long as the peer allows any, and less than
    /// [`Config::send_buffer`](super::Config::send_buffer) waits.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if it has to wait, the states in which nothing can be sent, a message without an encoding or
    /// above the limit. Nothing of it was sent.
    #[inline]
    pub fn send(&mut self, message: &dyn EncodeBody) -> Result<(), SendError> {
        if self.connection.recorder.is_some() {
            return self.connection.record_send(self.key, message);
        }
        self.connection.send(self.key, message)
    }

    /// Server: sends the header now, with these entries.
    ///
    /// # Errors
    ///
    /// It is out already, the stream is over, or an entry does not fit.
    pub fn send_header(&mut self, strings: &Strings) -> Result<(), SendError> {
        if self.connection.recorder.is_some() {
            return self.connection.record_send_header(self.key, strings);
        }
        self.connection.send_header(self.key, strings)
    }

    /// Client: says that no more will be sent.
    ///
    /// # Errors
    ///
    /// That was said before, or the stream is over. A server's answers end with [`Connection::finish`] alone.
    pub fn finish(&mut self) -> Result<(), SendError> {
        if self.connection.recorder.is_some() {
            return self.connection.record_close_send(self.key);
        }
        self.connection.finish_sending(self.key)
    }

    /// Whether a message would be taken now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let stream = self.connection.streams.at(self.key);
        stream.is_some_and(|stream| self.connection.may_send(stream))
    }
}

impl Connection {
    #[inline]
    pub(super) fn send(&mut self, key: Key, message: &dyn EncodeBody) -> Result<(), SendError> {
        if let Some(stream) = self.streams.at_mut(key)
            && stream.phase == Phase::Open
            && stream.sending == Sending::Body
            && stream.sent < stream.limit
            && self.credit.may_send()
            && self.queues.data.len() < self.config.send_buffer
        {
            return stream.write(message, self.config.max_message, &mut self.queues, &mut self.credit);
        }
        self.send_first(key, message)
    }

    /// The same where something is to be done before, or nothing can be sent.
    #[cold]
    fn send_first(&mut self, key: Key, message: &dyn EncodeBody) -> Result<(), SendError> {
        self.prepare(key)?;
        match self.streams.at_mut(key) {
            Some(stream) => stream.write(message, self.config.max_message, &mut self.queues, &mut self.credit),
            None => Err(SendError::Over),
        }
    }

    /// Sees whether a message can be sent by all means, and sends the header if that is still to be done.
    fn prepare(&mut self, key: Key) -> Result<(), SendError> {
        let Some(stream) = self.streams.at(key).filter(|stream| stream.phase != Phase::Ended) else {
            return Err(SendError::Over);
        };
        let has_room = self.may_send(stream);
        match sending(stream.sending, Act::Data) {
            Consequence::Done(_) | Consequence::HeadMissing if !has_room => Err(self.wait_for_room(key)),
            Consequence::Done(_) => Ok(()),
            Consequence::HeadMissing => self.send_header(key, &Strings::new()),
            Consequence::Finished | Consequence::HeadSent | Consequence::Nothing => Err(SendError::Finished),
            Consequence::Closed => Err(SendError::Over),
        }
    }

    #[cold]
    fn wait_for_room(&mut self, key: Key) -> SendError {
        self.queues.was_full |= self.queues.data.len() >= self.config.send_buffer;
        if let Some(stream) = self.streams.at_mut(key) {
            stream.flags.wants_writable = true;
            if stream.waited_at != stream.sent {
                // Who was told and found no room keeps its turn.
                (stream.waited_at, stream.turn) = (stream.sent, self.turns);
                self.turns = self.turns.saturating_add(1);
            }
            if !std::mem::replace(&mut stream.flags.is_listed, true) {
                let at = self.blocked.partition_point(|(turn, _)| *turn < stream.turn);
                self.blocked.insert(at, (stream.turn, stream.id));
            }
        }
        SendError::Full
    }

    pub(super) fn send_header(&mut self, key: Key, strings: &Strings) -> Result<(), SendError> {
        let Some(stream) = self.streams.at(key) else {
            return Err(SendError::Over);
        };
        if stream.phase == Phase::Ended {
            return Err(SendError::Over);
        }
        let next = match sending(stream.sending, Act::Head) {
            Consequence::Done(next) => next,
            Consequence::Closed => return Err(SendError::Over),
            _ => return Err(SendError::HeaderSent),
        };
        self.put_header(key, strings).map_err(SendError::Strings)?;
        if let Some(stream) = self.streams.at_mut(key) {
            stream.sending = next;
        }
        Ok(())
    }

    pub(super) fn put_header(&mut self, key: Key, strings: &Strings) -> Result<(), EncodeError> {
        match self.streams.at(key) {
            Some(stream) => self.queues.put_header(stream, strings),
            None => Ok(()),
        }
    }

    pub(super) fn finish_sending(&mut self, key: Key) -> Result<(), SendError> {
        let Some(stream) = self.streams.at_mut(key) else {
            return Err(SendError::Over);
        };
        if stream.phase == Phase::Ended {
            return Err(SendError::Over);
        }
        match sending(stream.sending, Act::End) {
            Consequence::Done(next) if self.role == Role::Client => {
                stream.sending = next;
                self.put_plain(key, FrameType::Trailer);
                Ok(())
            }
            Consequence::Closed => Err(SendError::Over),
            _ => Err(SendError::Finished),
        }
    }
}

impl Stream {
    /// Writes a data frame.
    #[inline(always)]
    fn write(
        &mut self,
        message: &dyn EncodeBody,
        limit: u32,
        queues: &mut Queues,
        credit: &mut Credit,
    ) -> Result<(), SendError> {
        let out = &mut queues.data;
        let start = self.prefix.begin_data(out);
        message.encode_body(out);
        let bytes = out.since(start);
        let length = bytes.saturating_sub(self.prefix.len());
        if let Some(error) = out.take_error() {
            out.rollback(start);
            return Err(SendError::Encode(error));
        }
        let charge = match u32::try_from(length) {
            Ok(length) if length <= limit => length.saturating_add(FRAME_CHARGE),
            _ => {
                out.rollback(start);
                return Err(SendError::TooLarge { length, limit });
            }
        };
        FramePrefix::end_of(out, start, bytes);
        self.sent = self.sent.wrapping_add(charge.into());
        queues.note_data(self, bytes);
        credit.note_sent(charge);
        Ok(())
    }
}
