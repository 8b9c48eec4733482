//! What a connection tells its owner, and what its verbs refuse.

use std::fmt;

use crate::error::CloseReason;
use crate::http::Fields;
use crate::wire::http2::{ErrorCode, StreamId};

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Server: a request has begun; see [`Connection::head`](super::Connection::head).
    Opened {
        /// The stream.
        id: StreamId,
    },
    /// Server: a request was reset before it became a stream. For logs and metrics.
    Rejected {
        /// The stream it would have been.
        id: StreamId,
        /// The code it was reset with.
        code: ErrorCode,
        /// What was wrong.
        text: &'static str,
    },
    /// Client: the response has begun; see [`Connection::head`](super::Connection::head).
    Answered {
        /// The stream.
        id: StreamId,
    },
    /// Client: a 1xx response came before the final one.
    Interim {
        /// The stream.
        id: StreamId,
        /// Its header section.
        head: Box<Fields>,
    },
    /// Body bytes, or the end of the body, can be taken where nothing was before.
    Readable {
        /// The stream.
        id: StreamId,
    },
    /// The send queue has room again after [`SendError::Full`].
    Writable {
        /// The stream.
        id: StreamId,
    },
    /// Both directions are over. Exactly once for each stream, and the last event of it; what was received can be read
    /// until [`Connection::release`](super::Connection::release).
    Ended {
        /// The stream.
        id: StreamId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Client: after [`OpenError::TooManyStreams`] a stream can be opened again.
    Available,
    /// The answer to [`Connection::ping`](super::Connection::ping).
    Pong {
        /// The payload of the ping.
        payload: [u8; 8],
    },
    /// The peer ends the connection (GOAWAY): no new streams.
    Draining {
        /// The last stream that it will process.
        last: StreamId,
    },
    /// The connection is over, once its last bytes are sent. The last event of all.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Both sides said everything.
    Complete,
    /// One side gave it up.
    Reset {
        /// Why, as on the wire.
        code: ErrorCode,
        /// Who did.
        by: Initiator,
    },
    /// The peer has not processed it and will not; a retry is safe.
    Refused,
    /// The connection ended before the stream did.
    ConnectionLost,
}

/// Who began the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// This side's application.
    Application,
    /// This side's engine, because the peer broke a rule; the text names it.
    Engine(&'static str),
    /// The peer.
    Peer,
}

/// Whether END_STREAM goes with what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is the last of this side.
    Now,
    /// More follows.
    Later,
}

/// Why a stream could not be opened. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// As many streams are open as the peer allows; wait for [`Event::Available`].
    TooManyStreams,
    /// One side ends the connection; use another one.
    Draining,
    /// All stream ids are used up; use another connection.
    Exhausted,
    /// The connection is over.
    Closed,
    /// Only clients open streams.
    NotClient,
    /// The head is not a legal request; the text says why.
    Malformed(&'static str),
    /// The header section is above what the peer takes.
    HeadersTooLarge {
        /// Its size.
        size: usize,
        /// The peer's limit.
        limit: u32,
    },
}

/// Why something could not be sent on a stream. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits already; wait for [`Event::Writable`].
    Full,
    /// The stream is over.
    Closed,
    /// This side has said everything already.
    Finished,
    /// The head has to be sent first.
    HeadMissing,
    /// The head has been sent already.
    HeadSent,
    /// The section is not legal; the text says why.
    Malformed(&'static str),
    /// The section is above what the peer takes.
    HeadersTooLarge {
        /// Its size.
        size: usize,
        /// The peer's limit.
        limit: u32,
    },
}

/// Why a ping could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PingError {
    /// The one before has not been answered.
    Outstanding,
    /// The connection is over.
    Closed,
}

/// No such stream: it was never opened, or has been released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStream(
    /// The id that was asked for.
    pub StreamId,
);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyStreams => f.write_str("as many streams are open as the peer allows"),
            Self::Draining => f.write_str("the connection is draining"),
            Self::Exhausted => f.write_str("all stream ids are used up"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::NotClient => f.write_str("a server opens no streams"),
            Self::Malformed(text) => write!(f, "malformed request head: {text}"),
            Self::HeadersTooLarge { size, limit } => too_large(f, *size, *limit),
        }
    }
}

impl std::error::Error for OpenError {}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too much waits to be sent already"),
            Self::Closed => f.write_str("the stream is closed"),
            Self::Finished => f.write_str("the stream is finished already"),
            Self::HeadMissing => f.write_str("the head has not been sent"),
            Self::HeadSent => f.write_str("the head has been sent already"),
            Self::Malformed(text) => write!(f, "malformed fields: {text}"),
            Self::HeadersTooLarge { size, limit } => too_large(f, *size, *limit),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Display for PingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outstanding => "the ping before has not been answered",
            Self::Closed => "the connection is closed",
        })
    }
}

impl std::error::Error for PingError {}

impl fmt::Display for UnknownStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no stream {}", self.0)
    }
}

impl std::error::Error for UnknownStream {}

fn too_large(f: &mut fmt::Formatter<'_>, size: usize, limit: u32) -> fmt::Result {
    write!(f, "header section of {size} bytes, the peer takes {limit}")
}
