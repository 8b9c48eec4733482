//! How messages travel.

use std::fmt;

use kitewire_proto::wire;

/// How the messages of a call travel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Transport {
    /// The message alone (Kitex: PurePayload).
    Bare,
    /// A four-byte length, then the message.
    Framed,
    /// A TTHeader, then the message.
    TtHeader,
    /// A TTHeader, then a four-byte length, then the message.
    TtHeaderFramed,
    /// gRPC: every call is a stream of an HTTP/2 connection.
    Grpc,
    /// Streams of TTHeader frames. What a stream can travel by, but no call: see
    /// [`StreamTransport`](crate::StreamTransport).
    TtHeaderStream,
}

impl Transport {
    /// Whether a TTHeader stands in front.
    #[must_use]
    pub const fn has_header(self) -> bool {
        matches!(self, Self::TtHeader | Self::TtHeaderFramed)
    }

    /// The framing of a message, where the transport is one of single messages and not of streams.
    #[must_use]
    pub const fn framing(self) -> Option<wire::Transport> {
        Some(match self {
            Self::Bare => wire::Transport::Bare,
            Self::Framed => wire::Transport::Framed,
            Self::TtHeader => wire::Transport::TtHeader,
            Self::TtHeaderFramed => wire::Transport::TtHeaderFramed,
            Self::Grpc | Self::TtHeaderStream => return None,
        })
    }
}

impl From<wire::Transport> for Transport {
    fn from(framing: wire::Transport) -> Self {
        match framing {
            wire::Transport::Bare => Self::Bare,
            wire::Transport::Framed => Self::Framed,
            wire::Transport::TtHeader => Self::TtHeader,
            wire::Transport::TtHeaderFramed => Self::TtHeaderFramed,
        }
    }
}

impl fmt::Display for Transport {
    /// Kitex's names of the transport.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.framing() {
            Some(framing) => framing.fmt(f),
            None if *self == Self::TtHeaderStream => f.write_str("TTHeaderStreaming"),
            None => f.write_str("GRPC"),
        }
    }
}
