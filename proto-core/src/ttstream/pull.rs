//! The receiving half of a stream.

use std::fmt;

use bytes::Bytes;

use super::credit::Credit;
use super::inbox::{Front, Spares};
use super::streams::Stream;
use super::{Connection, Outcome, StreamId};
use crate::http2::Role;
use crate::record::Pulled;
use crate::stream::index::Key;

/// The receiving half of a stream.
///
/// Towards a peer that obeys flow control, messages that are not pulled keep its window shut, so that a slow reader holds
/// no more than [`Config::stream_window`](super::Config::stream_window) and one message.
#[derive(Debug)]
pub struct Receiver<'a> {
    connection: &'a mut Connection,
    key: Key,
}

/// What [`Receiver::pull`] found.
#[derive(Debug)]
pub enum Pull<'a> {
    /// The next message.
    Message(Message<'a>),
    /// Nothing for now; [`Event::Readable`](super::Event::Readable) or [`Event::Ended`](super::Event::Ended) tells when
    /// there may be more.
    Empty,
    /// The peer has said everything. For a client: the stream went well.
    End,
    /// There will be no more messages; [`Connection::outcome`] tells why.
    Failed,
}

/// A message. It is taken when this is dropped.
pub struct Message<'a> {
    stream: &'a mut Stream,
    credit: &'a mut Credit,
    spares: &'a mut Spares,
    updates: &'a mut Vec<StreamId>,
    front: Front,
    /// It was taken as bytes of its own.
    taken: bool,
}

impl<'a> Receiver<'a> {
    pub(super) const fn new(connection: &'a mut Connection, key: Key) -> Self {
        Self { connection, key }
    }

    /// Drops the messages that are there, and all that come: nobody reads them any more. To flow control they are taken,
    /// so that they hold up neither their sender nor other streams.
    pub fn discard(self) {
        let Self { connection, key } = self;
        if connection.recorder.is_some() {
            return connection.record_discard(key);
        }
        connection.discard(key);
    }

    /// The next message. What came before the end of the stream comes before that.
    #[inline]
    pub fn pull(self) -> Pull<'a> {
        let Self { connection, key } = self;
        let role = connection.role;
        let Some(stream) = connection.streams.at_mut(key) else {
            return Pull::Failed;
        };
        if let Some(front) = stream.inbox.front() {
            if let Some(recorder) = &mut connection.recorder {
                recorder.pull(&stream.id, stream.inbox.bytes(front));
            }
            return Pull::Message(Message {
                stream,
                credit: &mut connection.credit,
                spares: &mut connection.spares,
                updates: &mut connection.updates,
                front,
                taken: false,
            });
        }
        let (pull, pulled) = match (stream.ending.as_deref(), role) {
            (Some(Outcome::Ok), _) => (Pull::End, Pulled::End),
            (Some(_), _) => (Pull::Failed, Pulled::Failed),
            (None, Role::Server) if stream.is_request_whole() => (Pull::End, Pulled::End),
            (None, _) => {
                stream.flags.wants_readable = true;
                (Pull::Empty, Pulled::Empty)
            }
        };
        if let Some(recorder) = &mut connection.recorder {
            recorder.pulled(&stream.id, pulled);
        }
        pull
    }
}

impl Connection {
    pub(super) fn discard(&mut self, key: Key) {
        if let Some(stream) = self.streams.at_mut(key) {
            stream.flags.is_unread = true;
            let charge = stream.inbox.clear(&mut self.spares);
            self.credit.take(charge);
            stream.note_taken(charge, &mut self.updates);
        }
    }
}

impl Message<'_> {
    /// Its bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.stream.inbox.bytes(self.front)
    }

    /// Its bytes to keep. Many share the block that was read; few are copied, so that they do not pin it.
    #[must_use]
    pub fn to_bytes(mut self) -> Bytes {
        self.taken = true;
        self.note_taken();
        self.stream.inbox.take_front(self.front, self.spares)
    }

    /// The application has taken it.
    #[inline]
    fn note_taken(&mut self) {
        let charge = self.front.charge.into();
        self.credit.take(charge);
        self.stream.note_taken(charge, self.updates);
    }
}

impl Drop for Message<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.taken {
            self.stream.inbox.drop_front(self.front, self.spares);
            self.note_taken();
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(&self.bytes()).finish()
    }
}
