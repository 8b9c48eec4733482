//! The vocabulary of the wire.

use std::fmt;

/// How a message is framed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// The message alone (Kitex: PurePayload).
    Bare,
    /// A four-byte length, then the message.
    Framed,
    /// A TTHeader, then the message.
    TtHeader,
    /// A TTHeader, then a four-byte length, then the message.
    TtHeaderFramed,
}

impl Transport {
    /// Whether a TTHeader stands in front.
    #[must_use]
    pub const fn has_header(self) -> bool {
        matches!(self, Self::TtHeader | Self::TtHeaderFramed)
    }

    /// Whether the message has a four-byte length of its own.
    #[must_use]
    pub const fn is_framed(self) -> bool {
        matches!(self, Self::Framed | Self::TtHeaderFramed)
    }
}

impl fmt::Display for Transport {
    /// Kitex's names of the transport.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "PurePayload",
            Self::Framed => "Framed",
            Self::TtHeader => "TTHeader",
            Self::TtHeaderFramed => "TTHeader|Framed",
        })
    }
}

/// How the body of a message is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// Thrift strict binary protocol.
    Thrift,
    /// KitexProtobuf: Protobuf behind Kitex's own envelope.
    Protobuf,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thrift => "Thrift",
            Self::Protobuf => "Protobuf",
        })
    }
}

/// What the first bytes of a connection speak.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// TTHeader, framed or bare messages: one request, one reply.
    PingPong,
    /// Streams over TTHeader frames.
    TtHeaderStreaming,
    /// HTTP/1: plain requests.
    Http1,
    /// HTTP/2: gRPC, and plain requests.
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PingPong => "ping-pong",
            Self::TtHeaderStreaming => "TTHeader streaming",
            Self::Http1 => "HTTP/1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// The number that ties a reply to its request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SequenceId(pub i32);

/// The type in a message envelope.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageType {
    /// A request that wants a reply.
    Call = 1,
    /// An answer, declared exceptions included.
    Reply = 2,
    /// An application exception.
    Exception = 3,
    /// A request that wants no reply. The receiving method's declaration decides.
    Oneway = 4,
    /// Accepted as a call by Kitex; answered with sequence id 0.
    Stream = 5,
}

impl MessageType {
    /// The type with number `value`.
    #[must_use]
    pub const fn from_number(value: u32) -> Option<Self> {
        Some(match value {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Exception,
            4 => Self::Oneway,
            5 => Self::Stream,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}
