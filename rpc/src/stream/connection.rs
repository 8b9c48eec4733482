//! A connection that carries streams, whatever it speaks: gRPC over HTTP/2, or TTHeader frames.

use std::fmt;

use bytes::Bytes;
use kitewire_proto::buf::SHARE_FROM;
use kitewire_proto::record::Recorder;
use kitewire_proto::{EncodeBody, Instant, grpc, http2, ttstream};

use super::end::{Conclusion, SendError};
use super::incoming::Incoming;
use crate::{Metadata, Transport};

/// One side of a connection that carries streams. The verbs are those of both kinds; what only one of them can do is
/// done through [`Self::grpc`] and [`Self::tt_header`].
pub(crate) enum Connection {
    Grpc(Box<grpc::Connection>),
    TtHeader(Box<ttstream::Connection>),
}

/// The id of a stream, whatever its connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StreamKey(u32);

/// What there was to take.
pub(crate) enum Pulled<T> {
    /// What came of a message that was read where it was.
    Read(T),
    /// A message by itself.
    Large(Bytes),
    Empty,
    End,
    Failed,
}

impl Connection {
    /// What carries the streams.
    pub(crate) const fn transport(&self) -> Transport {
        match self {
            Self::Grpc(_) => Transport::Grpc,
            Self::TtHeader(_) => Transport::TtHeaderStream,
        }
    }

    /// Records the connection, on which nothing has happened.
    pub(crate) fn record(&mut self, recorder: Recorder) {
        match self {
            Self::Grpc(connection) => connection.record(recorder),
            Self::TtHeader(connection) => connection.record(recorder),
        }
    }

    /// What records the connection, if something does.
    pub(crate) fn recorder(&mut self) -> Option<&mut Recorder> {
        match self {
            Self::Grpc(connection) => connection.recorder(),
            Self::TtHeader(connection) => connection.recorder(),
        }
    }

    /// The connection, if it speaks gRPC.
    pub(crate) const fn grpc(&mut self) -> Option<&mut grpc::Connection> {
        match self {
            Self::Grpc(connection) => Some(connection),
            Self::TtHeader(_) => None,
        }
    }

    /// The connection, if it speaks TTHeader.
    pub(crate) const fn tt_header(&mut self) -> Option<&mut ttstream::Connection> {
        match self {
            Self::Grpc(_) => None,
            Self::TtHeader(connection) => Some(connection),
        }
    }
}

/// What a client does to open a stream.
impl Connection {
    /// Opens a call over gRPC.
    pub(crate) fn open_grpc(
        &mut self,
        now: Instant,
        request: &grpc::Request<'_>,
    ) -> Result<StreamKey, grpc::OpenError> {
        match self {
            Self::Grpc(connection) => connection.open(now, request).map(StreamKey::from),
            Self::TtHeader(_) => Err(grpc::OpenError::Closed),
        }
    }

    /// Opens a stream over TTHeader.
    pub(crate) fn open_tt_header(
        &mut self,
        now: Instant,
        request: &ttstream::Request<'_>,
    ) -> Result<StreamKey, ttstream::OpenError> {
        match self {
            Self::TtHeader(connection) => connection.open(now, request).map(StreamKey::from),
            Self::Grpc(_) => Err(ttstream::OpenError::Closed),
        }
    }

    /// Sends the only message of a stream that has just been opened. Returns whether that went well; what hinders it
    /// shows when it is sent again.
    pub(crate) fn send_only(&mut self, key: StreamKey, message: &dyn EncodeBody) -> bool {
        self.send(key, message).is_ok() && self.close_send(key)
    }
}

/// What the halves of a stream do.
impl Connection {
    /// Pulls the next message of a stream, and has `read` look at it where it is, unless it is large.
    #[inline]
    pub(crate) fn pull<T>(&mut self, key: StreamKey, read: impl FnOnce(&[u8]) -> T) -> Pulled<T> {
        match self {
            Self::Grpc(connection) => match connection.receiver(key.grpc()).map(grpc::Receiver::pull) {
                Ok(grpc::Pull::Message(message)) => match message.bytes() {
                    bytes if bytes.len() < SHARE_FROM => Pulled::Read(read(bytes)),
                    _ => Pulled::Large(message.to_bytes()),
                },
                Ok(grpc::Pull::Empty) => Pulled::Empty,
                Ok(grpc::Pull::End) => Pulled::End,
                Ok(grpc::Pull::Failed) | Err(_) => Pulled::Failed,
            },
            Self::TtHeader(connection) => match connection.receiver(key.tt_header()).map(ttstream::Receiver::pull) {
                Ok(ttstream::Pull::Message(message)) => match message.bytes() {
                    bytes if bytes.len() < SHARE_FROM => Pulled::Read(read(bytes)),
                    _ => Pulled::Large(message.to_bytes()),
                },
                Ok(ttstream::Pull::Empty) => Pulled::Empty,
                Ok(ttstream::Pull::End) => Pulled::End,
                Ok(ttstream::Pull::Failed) | Err(_) => Pulled::Failed,
            },
        }
    }

    /// Nobody reads the messages of a call any more.
    pub(crate) fn discard(&mut self, key: StreamKey) {
        if let Self::TtHeader(connection) = self
            && let Ok(receiver) = connection.receiver(key.tt_header())
        {
            receiver.discard();
        }
    }

    #[inline]
    pub(crate) fn send(&mut self, key: StreamKey, message: &dyn EncodeBody) -> Result<(), SendError> {
        match self {
            Self::Grpc(connection) => match connection.sender(key.grpc()) {
                Ok(mut sender) => sender.send(message).map_err(SendError::of_grpc),
                Err(_) => Err(SendError::Over),
            },
            Self::TtHeader(connection) => match connection.sender(key.tt_header()) {
                Ok(mut sender) => sender.send(message).map_err(SendError::of_tt_header),
                Err(_) => Err(SendError::Over),
            },
        }
    }

    /// Server: sends the header of an answer.
    pub(super) fn send_header(&mut self, key: StreamKey, header: &Metadata) -> Result<(), SendError> {
        match self {
            Self::Grpc(connection) => match connection.sender(key.grpc()) {
                Ok(mut sender) => sender.send_header(header.fields()).map_err(SendError::of_grpc),
                Err(_) => Err(SendError::Over),
            },
            Self::TtHeader(connection) => match connection.sender(key.tt_header()) {
                Ok(mut sender) => sender.send_header(&header.strings()).map_err(SendError::of_tt_header),
                Err(_) => Err(SendError::Over),
            },
        }
    }

    /// Client: sends no more on a stream. Returns whether that is news.
    pub(crate) fn close_send(&mut self, key: StreamKey) -> bool {
        match self {
            Self::Grpc(connection) => connection
                .sender(key.grpc())
                .is_ok_and(|mut sender| sender.finish().is_ok()),
            Self::TtHeader(connection) => connection
                .sender(key.tt_header())
                .is_ok_and(|mut sender| sender.finish().is_ok()),
        }
    }

    /// What the peer began with, once it is there; for a server at once.
    pub(crate) fn header(&self, key: StreamKey) -> Option<Metadata> {
        match self {
            Self::Grpc(connection) => connection.header(key.grpc()).map(Metadata::received),
            Self::TtHeader(connection) => match connection.role() {
                http2::Role::Client => connection.header(key.tt_header()).map(Metadata::from_strings),
                http2::Role::Server => {
                    let stream = connection.stream(key.tt_header());
                    stream.map(|stream| Metadata::from_strings(stream.strings()))
                }
            },
        }
    }

    /// What came with the end of a stream, once it is there.
    pub(crate) fn trailer(&self, key: StreamKey) -> Option<Metadata> {
        match self {
            Self::Grpc(connection) => connection.trailer(key.grpc()).map(Metadata::received),
            Self::TtHeader(connection) => connection.trailer(key.tt_header()).map(Metadata::from_strings),
        }
    }

    /// Whether it is known how a stream ended.
    pub(crate) fn is_ended(&self, key: StreamKey) -> bool {
        match self {
            Self::Grpc(connection) => connection.outcome(key.grpc()).is_some(),
            Self::TtHeader(connection) => connection.outcome(key.tt_header()).is_some(),
        }
    }

    /// Whether a stream is neither over nor released.
    pub(crate) fn is_live(&mut self, key: StreamKey) -> bool {
        self.is_open(key) && !self.is_ended(key)
    }

    /// Whether a stream is not released.
    pub(crate) fn is_open(&mut self, key: StreamKey) -> bool {
        match self {
            Self::Grpc(connection) => connection.receiver(key.grpc()).is_ok(),
            Self::TtHeader(connection) => connection.receiver(key.tt_header()).is_ok(),
        }
    }

    /// Nobody looks at a stream any more. One that is not over is given up.
    pub(crate) fn release(&mut self, key: StreamKey) {
        match self {
            Self::Grpc(connection) => connection.release(key.grpc()),
            Self::TtHeader(connection) => connection.release(key.tt_header()),
        }
    }
}

/// What a server does with a stream.
impl Connection {
    /// A stream that is not released, as it came in.
    pub(crate) fn incoming(&self, key: StreamKey) -> Option<Incoming<'_>> {
        match self {
            Self::Grpc(connection) => connection.call(key.grpc()).map(Incoming::Grpc),
            Self::TtHeader(connection) => connection.stream(key.tt_header()).map(Incoming::TtHeader),
        }
    }

    /// The one request of a call that has one: in `body`, or by itself if it is large.
    pub(crate) fn take_request(&mut self, key: StreamKey, body: &mut Vec<u8>) -> Option<Option<Bytes>> {
        match self.pull(key, |bytes| body.extend_from_slice(bytes)) {
            Pulled::Read(()) => Some(None),
            Pulled::Large(bytes) => Some(Some(bytes)),
            Pulled::Empty | Pulled::End | Pulled::Failed => None,
        }
    }

    /// Ends and releases a stream.
    pub(super) fn finish(&mut self, key: StreamKey, conclusion: &Conclusion<'_>, trailer: &Metadata) {
        match self {
            Self::Grpc(connection) => {
                let from_kitex = |connection: &grpc::Connection| {
                    let call = connection.call(key.grpc());
                    call.is_some_and(|call| call.is_from_kitex())
                };
                let outcome = conclusion.outcome(|| from_kitex(connection));
                connection.finish(key.grpc(), &outcome, trailer.fields());
            }
            Self::TtHeader(connection) => {
                connection.finish(key.tt_header(), &conclusion.ending(), &trailer.strings());
            }
        }
    }
}

impl From<grpc::Connection> for Connection {
    fn from(connection: grpc::Connection) -> Self {
        Self::Grpc(Box::new(connection))
    }
}

impl From<ttstream::Connection> for Connection {
    fn from(connection: ttstream::Connection) -> Self {
        Self::TtHeader(Box::new(connection))
    }
}

impl StreamKey {
    /// As the sequence id of a call.
    pub(crate) const fn get(self) -> i32 {
        self.0.cast_signed()
    }

    #[inline]
    pub(crate) const fn grpc(self) -> http2::StreamId {
        http2::StreamId::new(self.0)
    }

    #[inline]
    pub(crate) const fn tt_header(self) -> ttstream::StreamId {
        ttstream::StreamId::new(self.0.cast_signed())
    }
}

impl From<http2::StreamId> for StreamKey {
    #[inline]
    fn from(id: http2::StreamId) -> Self {
        Self(id.get())
    }
}

impl From<ttstream::StreamId> for StreamKey {
    #[inline]
    fn from(id: ttstream::StreamId) -> Self {
        Self(id.get().cast_unsigned())
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}
