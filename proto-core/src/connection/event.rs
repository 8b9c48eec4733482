//! What a connection tells.

use crate::error::CloseReason;
use crate::http::{self, RequestId};
use crate::pingpong::{CallId, Refusal, ServerEvent};
use crate::{grpc, http2, ttstream};

/// What happened on a [`Connection`](super::Connection).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Server: a call for a handler; see [`Connection::incoming`](super::Connection::incoming). Where the method takes a
    /// single request, that is there: the first [`pull`](super::Connection::pull) gives it.
    Opened {
        /// The call.
        id: CallId,
    },
    /// A [`pull`](super::Connection::pull) may give something new.
    Readable {
        /// The call.
        id: CallId,
    },
    /// There is room again after [`SendError::Full`](super::SendError::Full).
    Writable {
        /// The call.
        id: CallId,
    },
    /// The call is over, and this is the last event of it. A client finds how in
    /// [`outcome`](super::Connection::outcome), and can still pull what was received. A server is told when nobody waits
    /// for the answer any more; it finishes or releases the call all the same.
    Ended {
        /// The call.
        id: CallId,
    },
    /// Client: after [`OpenError::Busy`](super::OpenError::Busy) another call can be opened.
    Available,
    /// Client: the server ends the connection; new calls go elsewhere.
    Draining,
    /// Server: a request was answered without a handler. For logs and metrics.
    Refused(Box<Refusal>),
    /// Server: a plain request is there; see [`Connection::http_request`](super::Connection::http_request).
    HttpRequest {
        /// The request.
        id: RequestId,
    },
    /// Server: something else about plain requests. For logs and metrics.
    Http(http::ServerEvent),
    /// The connection is over, once its last bytes are sent. The last event of all.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

impl Event {
    pub(super) fn of_pingpong(event: ServerEvent) -> Self {
        match event {
            ServerEvent::Opened { id } => Self::Opened { id },
            ServerEvent::Cancelled { id, .. } => Self::Ended { id },
            ServerEvent::Refused(refusal) => Self::Refused(refusal),
            ServerEvent::Closed { reason } => Self::Closed { reason },
        }
    }

    pub(super) fn of_grpc(event: grpc::Event) -> Option<Self> {
        Some(match event {
            grpc::Event::Opened { id } => Self::Opened { id: id.into() },
            grpc::Event::Readable { id } => Self::Readable { id: id.into() },
            grpc::Event::Writable { id } => Self::Writable { id: id.into() },
            grpc::Event::Ended { id } => Self::Ended { id: id.into() },
            grpc::Event::Available => Self::Available,
            grpc::Event::Draining => Self::Draining,
            grpc::Event::Refused { status, .. } => Self::Refused(Box::new(Refusal::Status(*status))),
            grpc::Event::Http(event) => Self::of_http(event),
            grpc::Event::Closed { reason } => Self::Closed { reason },
            grpc::Event::Header { .. } => return None,
        })
    }

    pub(super) fn of_tt_header(event: ttstream::Event) -> Option<Self> {
        Some(match event {
            ttstream::Event::Opened { id } => Self::Opened { id: id.into() },
            ttstream::Event::Readable { id } => Self::Readable { id: id.into() },
            ttstream::Event::Writable { id } => Self::Writable { id: id.into() },
            ttstream::Event::Ended { id } => Self::Ended { id: id.into() },
            ttstream::Event::Available => Self::Available,
            ttstream::Event::Draining => Self::Draining,
            ttstream::Event::Refused { exception, .. } => Self::Refused(Box::new(Refusal::Exception {
                method: String::new(),
                exception: *exception,
            })),
            ttstream::Event::Closed { reason } => Self::Closed { reason },
            ttstream::Event::Header { .. } | ttstream::Event::Meta { .. } => return None,
        })
    }

    pub(super) fn of_http(event: http::ServerEvent) -> Self {
        match event {
            http::ServerEvent::Request { id } => Self::HttpRequest { id },
            http::ServerEvent::Closed { reason } => Self::Closed { reason },
            other => Self::Http(other),
        }
    }
}

impl From<http2::StreamId> for CallId {
    fn from(id: http2::StreamId) -> Self {
        Self::of_stream(id.get())
    }
}

impl From<ttstream::StreamId> for CallId {
    fn from(id: ttstream::StreamId) -> Self {
        Self::of_stream(id.get().cast_unsigned())
    }
}

impl CallId {
    pub(super) const fn grpc(self) -> http2::StreamId {
        http2::StreamId::new(self.stream())
    }

    pub(super) const fn tt_header(self) -> ttstream::StreamId {
        ttstream::StreamId::new(self.stream().cast_signed())
    }
}
