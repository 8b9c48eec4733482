//! Messages that have come in.

use bytes::Bytes;

use crate::error::DecodeError;
use crate::thrift::{self, Struct};
use crate::{grpc, ttstream};

/// What [`Connection::pull`](super::Connection::pull) found.
#[derive(Debug)]
pub enum Pull {
    /// The next message.
    Message(Message),
    /// Nothing whole for now; [`Event::Readable`](super::Event::Readable) tells when there may be more.
    Empty,
    /// The peer has said everything. For a client: the call went well.
    End,
    /// There will be no more messages, or there is no such call.
    /// [`Connection::outcome`](super::Connection::outcome) tells a client why.
    Failed,
}

/// A message: arguments, a result, or what a stream carries, encoded. The connection has let go of it: its verbs can be
/// called while the message is looked at.
#[derive(Debug)]
pub struct Message {
    bytes: Bytes,
    max_depth: u16,
}

impl Message {
    pub(super) const fn new(bytes: Bytes, max_depth: u16) -> Self {
        Self { bytes, max_depth }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes to keep. Many share the block that was read; few are copied, so that they do not pin it.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        self.bytes
    }

    /// Reads it as a Thrift struct.
    ///
    /// # Errors
    /// What is wrong with its bytes, and where.
    pub fn thrift<T: Struct>(&self) -> Result<T, DecodeError> {
        thrift::decode(&self.bytes, self.max_depth)
    }
}

impl Pull {
    pub(super) fn of_grpc(pull: grpc::Pull<'_>, max_depth: u16) -> Self {
        match pull {
            grpc::Pull::Message(message) => Self::Message(Message::new(message.to_bytes(), max_depth)),
            grpc::Pull::Empty => Self::Empty,
            grpc::Pull::End => Self::End,
            grpc::Pull::Failed => Self::Failed,
        }
    }

    pub(super) fn of_tt_header(pull: ttstream::Pull<'_>, max_depth: u16) -> Self {
        match pull {
            ttstream::Pull::Message(message) => Self::Message(Message::new(message.to_bytes(), max_depth)),
            ttstream::Pull::Empty => Self::Empty,
            ttstream::Pull::End => Self::End,
            ttstream::Pull::Failed => Self::Failed,
        }
    }
}
