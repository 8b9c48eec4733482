//! What a connection tells its owner, and what its verbs refuse.

use std::fmt;

use crate::error::{CloseReason, EncodeError};
use crate::http::ServerEvent;
use crate::http2::StreamId;
use crate::wire::grpc::Status;

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Server: a call for a handler; see [`Connection::call`](super::Connection::call). If its method takes a single
    /// request, the first [`pull`](super::Receiver::pull) gives that.
    Opened {
        /// The call.
        id: StreamId,
    },
    /// Client: the response header is there; see [`Connection::header`](super::Connection::header). A response that is
    /// nothing but trailers has none.
    Header {
        /// The call.
        id: StreamId,
    },
    /// A [`pull`](super::Receiver::pull) may give something new.
    Readable {
        /// The call.
        id: StreamId,
    },
    /// There is room again after [`SendError::Full`].
    Writable {
        /// The call.
        id: StreamId,
    },
    /// The call is over; see [`Connection::outcome`](super::Connection::outcome). Once for each call at most, and the last event
    /// of it. What was received can be pulled until [`Connection::release`](super::Connection::release).
    ///
    /// A client is told the end of every call. A server is told when nobody waits for its answer any more; it
    /// [finishes](super::Connection::finish) or releases the call all the same.
    Ended {
        /// The call.
        id: StreamId,
    },
    /// Client: after [`OpenError::TooManyStreams`](super::OpenError::TooManyStreams) a call can be opened again.
    Available,
    /// Client: the server ends the connection; new calls go elsewhere.
    Draining,
    /// Server: a call was answered without a handler. For logs and metrics.
    Refused {
        /// The call it would have been.
        id: StreamId,
        /// What it was answered with.
        status: Box<Status>,
    },
    /// Server: what happened to plain requests; see [`Connection::http_request`](super::Connection::http_request).
    Http(ServerEvent),
    /// The connection is over, once its last bytes are sent. The last event of all.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why something could not be sent. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits already; wait for [`Event::Writable`].
    Full,
    /// The call is over; [`Connection::outcome`](super::Connection::outcome) tells how.
    Over,
    /// This side has said everything already.
    Finished,
    /// The header has been sent already.
    HeaderSent,
    /// The header is above what the peer takes.
    HeaderTooLarge {
        /// Its size.
        size: usize,
        /// The peer's limit.
        limit: u32,
    },
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

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too much waits to be sent already"),
            Self::Over => f.write_str("the call is over"),
            Self::Finished => f.write_str("the stream is done"),
            Self::HeaderSent => f.write_str("the header has been sent already"),
            Self::HeaderTooLarge { size, limit } => {
                write!(f, "header section of {size} bytes, the peer takes {limit}")
            }
            Self::TooLarge { length, limit } => write!(f, "message of {length} bytes, at most {limit} are sent"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}
