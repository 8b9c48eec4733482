//! What we want to reach.

use std::fmt;

use crate::cases::Case;
use crate::peers::Peer;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Calls per second.
    Speed,
    /// Processor time of the server per call.
    ServerTime,
    /// User instructions of the server process per call.
    Instructions,
    /// Allocations of the server process per call.
    Allocations,
    /// Writing system calls of the server per call.
    Writes,
}

/// A bound on a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// It should be this or more.
    AtLeast(f64),
    /// It should be this or less.
    AtMost(f64),
}

/// What a figure of ours should be.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    /// In which case.
    pub case: Case,
    /// Of what.
    pub figure: Figure,
    /// Divided by the same figure of whom; by itself if `None`.
    pub against: Option<Peer>,
    /// How much.
    pub bound: Bound,
}

impl Aim {
    /// Beside a peer's figure.
    const fn beside(case: Case, peer: Peer, figure: Figure, bound: Bound) -> Self {
        Self {
            case,
            figure,
            against: Some(peer),
            bound,
        }
    }

    /// By itself.
    const fn alone(case: Case, figure: Figure, bound: Bound) -> Self {
        Self {
            case,
            figure,
            against: None,
            bound,
        }
    }
}

impl Bound {
    /// Whether a value keeps it.
    #[must_use]
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    /// "met" or "not met".
    #[must_use]
    pub fn verdict(self, value: f64) -> &'static str {
        if self.is_met_by(value) { "met" } else { "NOT MET" }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

/// The aims of `pingpong`.
pub const PING_PONG: [Aim; 12] = [
    Aim::beside(Case::HUNDRED, Peer::Raw, Figure::Speed, Bound::AtLeast(0.95)),
    Aim::beside(Case::HUNDRED, Peer::Raw, Figure::ServerTime, Bound::AtMost(1.1)),
    Aim::beside(Case::MULTIPLEXED, Peer::Raw, Figure::ServerTime, Bound::AtMost(1.4)),
    Aim::beside(Case::ONE, Peer::Volo, Figure::Speed, Bound::AtLeast(1.2)),
    Aim::beside(Case::HUNDRED, Peer::Volo, Figure::Speed, Bound::AtLeast(2.0)),
    Aim::beside(Case::MULTIPLEXED, Peer::Volo, Figure::Speed, Bound::AtLeast(8.0)),
    Aim::beside(Case::ONE, Peer::Kitex, Figure::Speed, Bound::AtLeast(1.5)),
    Aim::beside(Case::HUNDRED, Peer::Kitex, Figure::Speed, Bound::AtLeast(2.0)),
    Aim::beside(Case::MULTIPLEXED, Peer::Kitex, Figure::Speed, Bound::AtLeast(7.0)),
    Aim::alone(Case::MULTIPLEXED, Figure::Instructions, Bound::AtMost(3000.0)),
    Aim::alone(Case::MULTIPLEXED, Figure::Allocations, Bound::AtMost(0.0)),
    Aim::alone(Case::MULTIPLEXED, Figure::Writes, WRITES),
];

/// The aims of `grpc`.
pub const GRPC: [Aim; 16] = [
    Aim::beside(Case::UNARY, Peer::Tonic, Figure::Speed, UNARY_SPEED),
    Aim::beside(Case::UNARY, Peer::Tonic, Figure::ServerTime, HALF),
    Aim::beside(Case::UNARY_SMALL, Peer::Tonic, Figure::Speed, UNARY_SPEED),
    Aim::beside(Case::UNARY_SMALL, Peer::Tonic, Figure::ServerTime, HALF),
    Aim::beside(Case::STREAMS, Peer::Tonic, Figure::Speed, STREAM_SPEED),
    Aim::beside(Case::STREAMS, Peer::Tonic, Figure::ServerTime, HALF),
    Aim::beside(Case::STREAMS_SMALL, Peer::Tonic, Figure::Speed, STREAM_SPEED),
    Aim::beside(Case::STREAMS_SMALL, Peer::Tonic, Figure::ServerTime, HALF),
    Aim::beside(Case::DEEP, Peer::Tonic, Figure::Speed, STREAM_SPEED),
    Aim::beside(Case::DEEP, Peer::Tonic, Figure::ServerTime, HALF),
    Aim::beside(Case::DEEP_SMALL, Peer::Tonic, Figure::Speed, STREAM_SPEED),
    Aim::beside(Case::DEEP_SMALL, Peer::Tonic, Figure::ServerTime, HALF),
    Aim::alone(Case::UNARY, Figure::Writes, WRITES),
    Aim::alone(Case::UNARY_SMALL, Figure::Writes, WRITES),
    Aim::alone(Case::STREAMS, Figure::Writes, WRITES),
    Aim::alone(Case::STREAMS_SMALL, Figure::Writes, WRITES),
];

/// The aims of `ttstream`.
pub const TT_STREAM: [Aim; 14] = [
    Aim::beside(Case::TT_STREAMS, Peer::KitewireHttp2, Figure::Speed, FASTER),
    Aim::beside(Case::TT_STREAMS, Peer::Tonic, Figure::Speed, Bound::AtLeast(4.5)),
    Aim::beside(Case::TT_STREAMS, Peer::Kitex, Figure::Speed, Bound::AtLeast(7.0)),
    Aim::beside(Case::TT_STREAMS_SMALL, Peer::KitewireHttp2, Figure::Speed, FASTER),
    Aim::beside(Case::TT_STREAMS_SMALL, Peer::Tonic, Figure::Speed, Bound::AtLeast(4.5)),
    Aim::beside(Case::TT_STREAMS_SMALL, Peer::Kitex, Figure::Speed, Bound::AtLeast(7.0)),
    Aim::beside(Case::TT_DEEP, Peer::KitewireHttp2, Figure::Speed, FASTER),
    Aim::beside(Case::TT_DEEP, Peer::Tonic, Figure::Speed, Bound::AtLeast(1.5)),
    Aim::beside(Case::TT_DEEP, Peer::Kitex, Figure::Speed, Bound::AtLeast(3.0)),
    Aim::beside(Case::TT_DEEP_SMALL, Peer::KitewireHttp2, Figure::Speed, FASTER),
    Aim::beside(Case::TT_DEEP_SMALL, Peer::Tonic, Figure::Speed, Bound::AtLeast(1.5)),
    Aim::beside(Case::TT_DEEP_SMALL, Peer::Kitex, Figure::Speed, Bound::AtLeast(3.0)),
    Aim::alone(Case::TT_STREAMS, Figure::Writes, WRITES),
    Aim::alone(Case::TT_STREAMS_SMALL, Figure::Writes, WRITES),
];

const FASTER: Bound = Bound::AtLeast(1.0);
const UNARY_SPEED: Bound = Bound::AtLeast(3.0);
const STREAM_SPEED: Bound = Bound::AtLeast(1.5);
const HALF: Bound = Bound::AtMost(0.5);
/// With 100 in flight.
const WRITES: Bound = Bound::AtMost(0.05);

/// Instructions of the core for one call with a payload of one byte.
pub const CORE_INSTRUCTIONS: Bound = Bound::AtMost(1000.0);
/// Allocations of the core for one call.
pub const CORE_ALLOCATIONS: Bound = Bound::AtMost(0.0);
/// Instructions of one end of the core for an echoed message of 16 bytes on a stream over TTHeader.
pub const TT_MESSAGE_INSTRUCTIONS: Bound = Bound::AtMost(700.0);
/// Allocations for the same.
pub const TT_MESSAGE_ALLOCATIONS: Bound = Bound::AtMost(0.0);
/// Heap bytes of the server for one idle connection.
pub const IDLE_CONNECTION: Bound = Bound::AtMost(2048.0);
/// The same for a connection that speaks gRPC.
pub const IDLE_GRPC_CONNECTION: Bound = Bound::AtMost(8192.0);
/// The same for a connection that carries streams over TTHeader.
pub const IDLE_TT_STREAM_CONNECTION: Bound = Bound::AtMost(2048.0);
/// Our instructions for a unary HTTP/2 exchange, divided by the h2 crate's.
pub const HTTP2_UNARY: Bound = Bound::AtMost(0.333);
/// Our instructions for a message on an HTTP/2 stream, divided by the h2 crate's.
pub const HTTP2_MESSAGE: Bound = Bound::AtMost(0.25);
/// Allocations for a message on an HTTP/2 stream.
pub const HTTP2_MESSAGE_ALLOCATIONS: Bound = Bound::AtMost(0.0);
/// Heap bytes of one end of an idle HTTP/2 connection.
pub const HTTP2_IDLE_CONNECTION: Bound = Bound::AtMost(4096.0);
/// Heap bytes of one end for an idle HTTP/2 stream, beyond its header fields.
pub const HTTP2_IDLE_STREAM: Bound = Bound::AtMost(512.0);
