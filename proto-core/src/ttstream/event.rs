//! What a connection tells its owner, and what its verbs refuse.

use std::fmt;

use bytes::Bytes;

use super::{StreamId, Strings};
use crate::error::{CloseReason, EncodeError};
use crate::exception::ApplicationException;
use crate::wire::ttheader::IntKey;

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Server: a stream for a handler; see [`Connection::stream`](super::Connection::stream). If its method takes a
    /// single request, the first [`pull`](super::Receiver::pull) gives that.
    Opened {
        /// The stream.
        id: StreamId,
    },
    /// Client: the server's header is there; see [`Connection::header`](super::Connection::header).
    Header {
        /// The stream.
        id: StreamId,
    },
    /// A [`pull`](super::Receiver::pull) may give something new.
    Readable {
        /// The stream.
        id: StreamId,
    },
    /// There is room again after [`SendError::Full`].
    Writable {
        /// The stream.
        id: StreamId,
    },
    /// The stream is over; see [`Connection::outcome`](super::Connection::outcome). Once for each stream at most, and the
    /// last event of it. What was received can be pulled until [`Connection::release`](super::Connection::release).
    ///
    /// A client is told the end of every stream. A server is told when nobody waits for its answer any more; it
    /// [finishes](super::Connection::finish) or releases the stream all the same.
    Ended {
        /// The stream.
        id: StreamId,
    },
    /// Client: a meta frame of an open stream, where [`Config::meta_frames`](super::Config::meta_frames) is on.
    Meta {
        /// The stream.
        id: StreamId,
        /// What it holds.
        frame: Box<MetaFrame>,
    },
    /// Client: after [`OpenError::TooManyStreams`] a stream can be opened again.
    Available,
    /// Client: the connection ends; new streams go elsewhere.
    Draining,
    /// Server: a stream was answered without a handler. For logs and metrics.
    Refused {
        /// The stream it would have been.
        id: StreamId,
        /// What it was answered with.
        exception: Box<ApplicationException>,
    },
    /// The connection is over, once its last bytes are sent. The last event of all.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// A meta frame: what somebody on the way, a proxy, tells about a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetaFrame {
    /// Int entries, in order.
    pub ints: Vec<(IntKey, Bytes)>,
    /// String entries.
    pub strings: Strings,
    /// The payload.
    pub payload: Bytes,
}

/// Why something could not be sent. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits already, or the peer takes no more for now; wait for [`Event::Writable`].
    Full,
    /// The stream is over; [`Connection::outcome`](super::Connection::outcome) tells how.
    Over,
    /// This side has said everything already.
    Finished,
    /// The header has been sent already.
    HeaderSent,
    /// An entry that does not fit a header.
    Strings(EncodeError),
    /// The message is above the limit of this side.
    TooLarge {
        /// Its length.
        length: usize,
        /// The limit.
        limit: u32,
    },
    /// The message has no encoding.
    Encode(EncodeError),
}

/// Why no stream was opened. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// As many streams are open as may be; wait for [`Event::Available`].
    TooManyStreams,
    /// The connection takes no new streams.
    Draining,
    /// The connection is over.
    Closed,
    /// The deadline has passed already.
    DeadlinePassed,
    /// A name or entry that does not fit a header, or an empty method.
    Encode(EncodeError),
}

/// There is no such stream: it was never opened, or is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStream(pub StreamId);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too much waits to be sent already"),
            Self::Over => f.write_str("the stream is over"),
            Self::Finished => f.write_str("stream is closed send"),
            Self::HeaderSent => f.write_str("the header has been sent already"),
            Self::TooLarge { length, limit } => write!(f, "message of {length} bytes, at most {limit} are sent"),
            Self::Strings(error) | Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyStreams => f.write_str("as many streams are open as may be"),
            Self::Draining => f.write_str("the connection is ending"),
            Self::Closed => f.write_str("the connection is over"),
            Self::DeadlinePassed => f.write_str("the deadline has passed"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl fmt::Display for UnknownStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no stream {}", self.0)
    }
}

impl std::error::Error for UnknownStream {}
