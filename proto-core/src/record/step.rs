//! What a recording is of, and what can happen in one.

use std::fmt;

use super::codec::{Reader, Value, Writer};
use super::digest::Digest;
use super::error::{RecordingError, RecordingErrorKind};
use crate::{grpc, ttstream};

/// What a recording is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A [`ServerConnection`](crate::ServerConnection).
    PingPongServer,
    /// A [`ClientConnection`](crate::ClientConnection).
    PingPongClient,
    /// A [`grpc::Connection`](crate::grpc::Connection) on the server's side.
    GrpcServer,
    /// A [`grpc::Connection`](crate::grpc::Connection) on the client's side.
    GrpcClient,
    /// A [`ttstream::Connection`](crate::ttstream::Connection) on the server's side.
    TtStreamServer,
    /// A [`ttstream::Connection`](crate::ttstream::Connection) on the client's side.
    TtStreamClient,
    /// An [`http::ServerConnection`](crate::http::ServerConnection) that speaks HTTP/1.
    Http1Server,
    /// An [`http::ServerConnection`](crate::http::ServerConnection) that speaks HTTP/2.
    Http2Server,
}

impl Subject {
    const ALL: [Self; 8] = [
        Self::PingPongServer,
        Self::PingPongClient,
        Self::GrpcServer,
        Self::GrpcClient,
        Self::TtStreamServer,
        Self::TtStreamClient,
        Self::Http1Server,
        Self::Http2Server,
    ];
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PingPongServer => "ping-pong server",
            Self::PingPongClient => "ping-pong client",
            Self::GrpcServer => "gRPC server",
            Self::GrpcClient => "gRPC client",
            Self::TtStreamServer => "TTHeader streams, server",
            Self::TtStreamClient => "TTHeader streams, client",
            Self::Http1Server => "HTTP/1 server",
            Self::Http2Server => "HTTP/2 server",
        })
    }
}

impl Value for Subject {
    fn put(&self, out: &mut Writer<'_>) {
        let number = (1u8..).zip(Self::ALL).find(|(_, subject)| subject == self);
        out.byte(number.map_or(0, |(number, _)| number));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let offset = from.offset();
        let number = from.byte()?;
        let found = (1u8..).zip(Self::ALL).find(|(known, _)| *known == number);
        found
            .map(|(_, subject)| subject)
            .ok_or(RecordingError::invalid("subject", offset))
    }
}

/// The kinds of steps; the byte that each begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    /// The end of the recording, with its checksum.
    End = 0x00,
    /// The same where the recording had to stay incomplete.
    Cut = 0x01,
    Receive = 0x02,
    Disconnect = 0x03,
    Timeout = 0x04,
    Transmit = 0x05,
    Event = 0x06,
    Shutdown = 0x07,
    ReleaseMemory = 0x08,
    SetPeer = 0x10,
    Respond = 0x11,
    Reject = 0x12,
    ReleaseRequest = 0x13,
    TakeAnswer = 0x14,
    Cancel = 0x15,
    Open = 0x16,
    Pull = 0x20,
    Discard = 0x21,
    SendHeader = 0x22,
    Send = 0x23,
    CloseSend = 0x24,
    Finish = 0x25,
    Release = 0x26,
    Abort = 0x27,
    RespondHttp = 0x30,
}

impl Op {
    const ALL: [Self; 25] = [
        Self::End,
        Self::Cut,
        Self::Receive,
        Self::Disconnect,
        Self::Timeout,
        Self::Transmit,
        Self::Event,
        Self::Shutdown,
        Self::ReleaseMemory,
        Self::SetPeer,
        Self::Respond,
        Self::Reject,
        Self::ReleaseRequest,
        Self::TakeAnswer,
        Self::Cancel,
        Self::Open,
        Self::Pull,
        Self::Discard,
        Self::SendHeader,
        Self::Send,
        Self::CloseSend,
        Self::Finish,
        Self::Release,
        Self::Abort,
        Self::RespondHttp,
    ];

    pub(super) fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let offset = from.offset();
        let byte = from.byte()?;
        let found = Self::ALL.into_iter().find(|op| *op as u8 == byte);
        found.ok_or(RecordingError::new(RecordingErrorKind::UnknownStep(byte), offset))
    }
}

/// What a pull gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulled {
    Message(Digest),
    Empty,
    End,
    Failed,
}

impl Pulled {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Message(digest) => *digest,
            Self::Empty => Digest::of(b"e"),
            Self::End => Digest::of(b"z"),
            Self::Failed => Digest::of(b"f"),
        }
    }
}

impl From<grpc::Pull<'_>> for Pulled {
    fn from(pull: grpc::Pull<'_>) -> Self {
        match pull {
            grpc::Pull::Message(message) => Self::Message(Digest::of(message.bytes())),
            grpc::Pull::Empty => Self::Empty,
            grpc::Pull::End => Self::End,
            grpc::Pull::Failed => Self::Failed,
        }
    }
}

impl From<ttstream::Pull<'_>> for Pulled {
    fn from(pull: ttstream::Pull<'_>) -> Self {
        match pull {
            ttstream::Pull::Message(message) => Self::Message(Digest::of(message.bytes())),
            ttstream::Pull::Empty => Self::Empty,
            ttstream::Pull::End => Self::End,
            ttstream::Pull::Failed => Self::Failed,
        }
    }
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(digest) => write!(f, "a message of {digest}"),
            Self::Empty => f.write_str("nothing yet"),
            Self::End => f.write_str("the end"),
            Self::Failed => f.write_str("failed"),
        }
    }
}

impl Value for Pulled {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::Message(digest) => {
                out.byte(0);
                out.put(digest);
            }
            Self::Empty => out.byte(1),
            Self::End => out.byte(2),
            Self::Failed => out.byte(3),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match super::basic::choice(from, "pull", 3)? {
            0 => Self::Message(from.take()?),
            1 => Self::Empty,
            2 => Self::End,
            _ => Self::Failed,
        })
    }
}

impl Value for Digest {
    fn put(&self, out: &mut Writer<'_>) {
        out.number(self.len);
        if self.len > 0 {
            out.raw(&self.checksum.to_le_bytes());
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let len = from.number()?;
        let checksum = match len {
            0 => 0,
            _ => from.raw(4)?.try_into().map_or(0, u32::from_le_bytes),
        };
        Ok(Self { len, checksum })
    }
}
