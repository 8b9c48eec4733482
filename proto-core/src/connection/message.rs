//! Messages that have come in.

use bytes::Bytes;

use crate::error::DecodeError;
use crate::thrift::{self, Struct};
use crate::{grpc, ttstream};

/// What [`Connection::pull`](super::Connection::pull) found.
#[derive(Debug)]
pub enum Pull<'a> {
    /// The next message.
    Message(Message<'a>),
    /// Nothing whole for now; [`Event::Readable`](super::Event::Readable) tells when there may be more.
    Empty,
    /// The peer has said everything. For a client: the call went well.
    End,
    /// There will be no more messages, or there is no such call.
    /// [`Connection::outcome`](super::Connection::outcome) tells a client why.
    Failed,
}

/// A message: arguments, a result, or what a stream carries, encoded. It is taken when this is dropped.
#[derive(Debug)]
pub struct Message<'a> {
    place: Place<'a>,
    max_depth: u16,
}

#[derive(Debug)]
enum Place<'a> {
    Whole(Bytes),
    Grpc(grpc::Message<'a>),
    TtHeader(ttstream::Message<'a>),
}

impl<'a> Message<'a> {
    pub(super) const fn whole(bytes: Bytes, max_depth: u16) -> Self {
        Self {
            place: Place::Whole(bytes),
            max_depth,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Whole(bytes) => bytes,
            Place::Grpc(message) => message.bytes(),
            Place::TtHeader(message) => message.bytes(),
        }
    }

    /// Its bytes to keep. Many share the block that was read; few are copied, so that they do not pin it.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        match self.place {
            Place::Whole(bytes) => bytes,
            Place::Grpc(message) => message.to_bytes(),
            Place::TtHeader(message) => message.to_bytes(),
        }
    }

    /// Reads it as a Thrift struct.
    ///
    /// # Errors
    /// What is wrong with its bytes, and where.
    pub fn thrift<T: Struct>(self) -> Result<T, DecodeError> {
        let max_depth = self.max_depth;
        thrift::decode(&self.to_bytes(), max_depth)
    }
}

impl<'a> Pull<'a> {
    pub(super) fn of_grpc(pull: grpc::Pull<'a>, max_depth: u16) -> Self {
        match pull {
            grpc::Pull::Message(message) => Self::Message(Message {
                place: Place::Grpc(message),
                max_depth,
            }),
            grpc::Pull::Empty => Self::Empty,
            grpc::Pull::End => Self::End,
            grpc::Pull::Failed => Self::Failed,
        }
    }

    pub(super) fn of_tt_header(pull: ttstream::Pull<'a>, max_depth: u16) -> Self {
        match pull {
            ttstream::Pull::Message(message) => Self::Message(Message {
                place: Place::TtHeader(message),
                max_depth,
            }),
            ttstream::Pull::Empty => Self::Empty,
            ttstream::Pull::End => Self::End,
            ttstream::Pull::Failed => Self::Failed,
        }
    }
}
