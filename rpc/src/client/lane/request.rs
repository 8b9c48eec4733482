//! What is asked of a connection, and why it may say no, over both transports.

use std::fmt;

use kitewire_proto::{Instant, grpc, ttstream};

use crate::stream::{Connection, StreamKey};

/// A call or stream to open.
pub(crate) enum Request<'a> {
    Grpc(grpc::Request<'a>),
    TtHeader(ttstream::Request<'a>),
}

/// What `:scheme` says over gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    /// Over a transport that proves whom it connects to.
    Https,
}

/// Why a connection did not open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Grpc(grpc::OpenError),
    TtHeader(ttstream::OpenError),
}

impl Request<'_> {
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Grpc(request) => request.deadline,
            Self::TtHeader(request) => request.deadline,
        }
    }

    /// Opens it on a connection of its transport.
    pub(crate) fn open(&self, connection: &mut Connection, now: Instant, scheme: Scheme) -> Result<StreamKey, Refusal> {
        let opened = match (self, scheme) {
            (Self::Grpc(request), Scheme::Http) => connection.open_grpc(now, request),
            (Self::Grpc(request), Scheme::Https) => {
                let scheme = "https";
                connection.open_grpc(now, &grpc::Request { scheme, ..*request })
            }
            (Self::TtHeader(request), _) => {
                return connection.open_tt_header(now, request).map_err(Refusal::TtHeader);
            }
        };
        opened.map_err(Refusal::Grpc)
    }
}

impl Refusal {
    /// Whether as many streams are open as may be.
    pub(super) const fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Grpc(grpc::OpenError::TooManyStreams) | Self::TtHeader(ttstream::OpenError::TooManyStreams)
        )
    }

    /// Whether another connection would do.
    pub(super) const fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Grpc(grpc::OpenError::Draining | grpc::OpenError::Exhausted | grpc::OpenError::Closed)
                | Self::TtHeader(ttstream::OpenError::Draining | ttstream::OpenError::Closed)
        )
    }

    /// Whether the connection works, but has no ids left.
    pub(super) const fn is_exhausted(&self) -> bool {
        matches!(self, Self::Grpc(grpc::OpenError::Exhausted))
    }

    pub(super) const fn is_late(&self) -> bool {
        matches!(
            self,
            Self::Grpc(grpc::OpenError::DeadlinePassed) | Self::TtHeader(ttstream::OpenError::DeadlinePassed)
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(error) => error.fmt(f),
            Self::TtHeader(error) => error.fmt(f),
        }
    }
}
