//! The sending half of a call.

use std::borrow::Cow;

use super::calls::Phase;
use super::{Connection, SendError};
use crate::buf::Output;
use crate::error::EncodeError;
use crate::http::{FieldKind, Fields, Sensitivity};
use crate::http2::{self, Finish, Role};
use crate::metainfo::MetaInfo;
use crate::pingpong::EncodeBody;
use crate::stream::index::Key;
use crate::wire::grpc::message::{self, Compression};
use crate::wire::grpc::{ContentType, metadata};

/// The sending half of a call.
#[derive(Debug)]
pub struct Sender<'a> {
    connection: &'a mut Connection,
    key: Key,
}

impl<'a> Sender<'a> {
    pub(super) const fn new(connection: &'a mut Connection, key: Key) -> Self {
        Self { connection, key }
    }

    /// Sends a message. A server's response header goes in front of the first one.
    ///
    /// A message is taken whole as long as less than [`send_buffer`](http2::Config::send_buffer) waits.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if too much waits, the states in which nothing can be sent, a message without an encoding or
    /// above the limit. Nothing of it was sent.
    #[inline]
    pub fn send(&mut self, message: &dyn EncodeBody) -> Result<(), SendError> {
        if self.connection.recorder.is_some() {
            return self.connection.record_send(self.key, message);
        }
        self.connection.send(self.key, message)
    }

    /// Server: sends the response header now, with this metadata; binary values are the bytes themselves.
    ///
    /// # Errors
    ///
    /// It is out already, the call is over, or the peer takes no header of this size.
    pub fn send_header(&mut self, metadata: &Fields) -> Result<(), SendError> {
        if self.connection.recorder.is_some() {
            return self.connection.record_send_header(self.key, metadata);
        }
        self.connection.send_header(self.key, metadata)
    }

    /// Client: says that no more will be sent.
    ///
    /// # Errors
    ///
    /// That was said before, or the call is over. A server's answers end with
    /// [`Connection::finish`] alone.
    pub fn finish(&mut self) -> Result<(), SendError> {
        if self.connection.recorder.is_some() {
            return self.connection.record_close_send(self.key);
        }
        self.connection.close_send(self.key)
    }

    /// Bytes that can be sent before [`SendError::Full`]; the last message may go beyond it.
    #[must_use]
    pub fn capacity(&mut self) -> usize {
        let connection = &mut *self.connection;
        let open = connection.calls.at(self.key).filter(|call| call.phase == Phase::Open);
        open.and_then(|call| connection.http2.sender(call.id).ok())
            .map_or(0, |sender| sender.capacity())
    }
}

impl Connection {
    pub(super) fn send(&mut self, key: Key, message: &dyn EncodeBody) -> Result<(), SendError> {
        let call = self.calls.at(key).ok_or(SendError::Over)?;
        if call.phase != Phase::Open {
            return Err(SendError::Over);
        }
        let (id, compression) = (call.id, call.compression);
        let is_answer = self.role == Role::Server && call.kind.has_single_answer();
        if self.role == Role::Server && !call.header_sent {
            self.send_header(key, &Fields::new())?;
        }
        let limit = self.config.max_sent_message;
        let mut sender = self.http2.sender(id).map_err(|_| SendError::Over)?;
        sender.check_room().map_err(stream_error)?;
        let out = &mut self.scratch;
        encode(out, message, limit)?;
        if compression == Compression::Compressed {
            self.gzip.pack(out);
        }
        sender.put_output(out);
        if is_answer && let Some(call) = self.calls.at_mut(key) {
            call.answered = true;
        }
        Ok(())
    }

    pub(super) fn close_send(&mut self, key: Key) -> Result<(), SendError> {
        let call = self.calls.at(key).ok_or(SendError::Over)?;
        if call.phase != Phase::Open {
            return Err(SendError::Over);
        }
        if self.role == Role::Server {
            return Err(SendError::Finished);
        }
        let mut sender = self.http2.sender(call.id).map_err(|_| SendError::Over)?;
        sender.finish().map_err(stream_error)
    }

    pub(super) fn send_header(&mut self, key: Key, metadata: &Fields) -> Result<(), SendError> {
        let call = self.calls.at_mut(key).ok_or(SendError::Over)?;
        if call.phase != Phase::Open || self.role != Role::Server {
            return Err(SendError::Over);
        }
        if call.header_sent {
            return Err(SendError::HeaderSent);
        }
        let id = call.id;
        let mut head = std::mem::take(&mut self.section);
        response_head(&mut head, &self.http2, id, call.compression);
        metadata::write(&mut head, metadata, &MetaInfo::new());
        let sent = match self.http2.sender(id) {
            Ok(mut sender) => sender.respond(&head, Finish::Later).map_err(stream_error),
            Err(_) => Err(SendError::Over),
        };
        self.section = head;
        if sent.is_ok()
            && let Some(call) = self.calls.at_mut(key)
        {
            call.header_sent = true;
        }
        sent
    }
}

/// The fields that every response to the call on stream `id` begins with.
pub(super) fn response_head(
    head: &mut Fields,
    http2: &http2::Connection,
    id: http2::StreamId,
    compression: Compression,
) {
    head.set_response(200);
    let value = http2.head(id).and_then(|head| head.get(ContentType::NAME));
    let content_type = value.and_then(ContentType::parse);
    let response = content_type.map_or(Cow::Borrowed(&b"application/grpc"[..]), |value| value.of_response());
    // It came in a legal field, or is ours.
    head.push_known(
        ContentType::NAME.as_bytes(),
        &response,
        FieldKind::ContentType,
        Sensitivity::Ordinary,
    );
    if compression == Compression::Compressed {
        head.push("grpc-encoding", "gzip");
    }
}

/// Encodes `message` behind its prefix, alone in `out`.
fn encode(out: &mut Output, message: &dyn EncodeBody, limit: u32) -> Result<(), SendError> {
    let mark = message::begin(out, Compression::Identity);
    message.encode_body(out);
    message::finish(out, mark, limit);
    let Some(error) = out.take_error() else {
        return Ok(());
    };
    out.rollback(mark);
    Err(match error {
        EncodeError::FrameTooLarge(length) => SendError::TooLarge { length, limit },
        error => SendError::Encode(error),
    })
}

fn stream_error(error: http2::SendError) -> SendError {
    match error {
        http2::SendError::Full => SendError::Full,
        http2::SendError::Finished => SendError::Finished,
        http2::SendError::HeadSent => SendError::HeaderSent,
        http2::SendError::HeadersTooLarge { size, limit } => SendError::HeaderTooLarge { size, limit },
        // Metadata was checked, and the header goes first: what is left is that the stream is over.
        http2::SendError::Closed | http2::SendError::HeadMissing | http2::SendError::Malformed(_) => SendError::Over,
    }
}
