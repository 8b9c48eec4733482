//! What connections with streams tell, whatever they speak.

use kitewire_proto::http::ServerEvent;
use kitewire_proto::ttstream::MetaFrame;
use kitewire_proto::{ApplicationException, CloseReason, Refusal, grpc, ttstream};

use super::connection::StreamKey;

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// Server: a stream for a handler.
    Opened { key: StreamKey },
    /// Client: the server's header is there.
    Header { key: StreamKey },
    /// There may be something new to pull.
    Readable { key: StreamKey },
    /// There is room again.
    Writable { key: StreamKey },
    /// Client: the stream is over. Server: nobody waits for its answer any more.
    Ended { key: StreamKey },
    /// Client, TTHeader: what a proxy tells, where it was asked for.
    Meta { frame: Box<MetaFrame> },
    /// Client: there is room for a stream again.
    Available,
    /// Client: new streams go elsewhere.
    Draining,
    /// Server: a stream was answered without a handler.
    Refused(Refusal),
    /// Server, HTTP/2: what happened to plain requests.
    Http(ServerEvent),
    /// The connection is over.
    Closed { reason: CloseReason },
}

impl Event {
    #[inline]
    pub(super) fn of_grpc(event: grpc::Event) -> Option<Self> {
        Some(match event {
            grpc::Event::Opened { id } => Self::Opened { key: id.into() },
            grpc::Event::Header { id } => Self::Header { key: id.into() },
            grpc::Event::Readable { id } => Self::Readable { key: id.into() },
            grpc::Event::Writable { id } => Self::Writable { key: id.into() },
            grpc::Event::Ended { id } => Self::Ended { key: id.into() },
            grpc::Event::Available => Self::Available,
            grpc::Event::Draining => Self::Draining,
            grpc::Event::Refused { status, .. } => Self::Refused(Refusal::Status(*status)),
            grpc::Event::Http(event) => Self::Http(event),
            grpc::Event::Closed { reason } => Self::Closed { reason },
            _ => return None,
        })
    }

    #[inline]
    pub(super) fn of_tt_header(event: ttstream::Event) -> Option<Self> {
        Some(match event {
            ttstream::Event::Opened { id } => Self::Opened { key: id.into() },
            ttstream::Event::Header { id } => Self::Header { key: id.into() },
            ttstream::Event::Readable { id } => Self::Readable { key: id.into() },
            ttstream::Event::Writable { id } => Self::Writable { key: id.into() },
            ttstream::Event::Ended { id } => Self::Ended { key: id.into() },
            ttstream::Event::Meta { frame, .. } => Self::Meta { frame },
            ttstream::Event::Available => Self::Available,
            ttstream::Event::Draining => Self::Draining,
            ttstream::Event::Refused { exception, .. } => Self::Refused(refusal(*exception)),
            ttstream::Event::Closed { reason } => Self::Closed { reason },
            _ => return None,
        })
    }
}

/// What a TTHeader stream was refused with, for logs; the text names the method.
pub(super) const fn refusal(exception: ApplicationException) -> Refusal {
    Refusal::Exception {
        method: String::new(),
        exception,
    }
}
