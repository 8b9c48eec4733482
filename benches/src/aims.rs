//! What we want to reach.

use std::fmt;

use crate::cases::Case;
use crate::peers::Peer;

/// A figure of ours, divided by the same figure of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Calls per second.
    Speed,
    /// Processor time of the server per call.
    ServerTime,
}

/// A bound on a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// The ratio should be this or more.
    AtLeast(f64),
    /// The ratio should be this or less.
    AtMost(f64),
}

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    /// In which case.
    pub case: Case,
    /// Against whom.
    pub peer: Peer,
    /// Of what.
    pub figure: Figure,
    /// How much.
    pub bound: Bound,
}

impl Aim {
    const fn new(case: Case, peer: Peer, figure: Figure, bound: Bound) -> Self {
        Self {
            case,
            peer,
            figure,
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
pub const PING_PONG: [Aim; 9] = [
    Aim::new(Case::Hundred, Peer::Raw, Figure::Speed, Bound::AtLeast(0.95)),
    Aim::new(Case::Hundred, Peer::Raw, Figure::ServerTime, Bound::AtMost(1.1)),
    Aim::new(Case::Multiplexed, Peer::Raw, Figure::ServerTime, Bound::AtMost(1.4)),
    Aim::new(Case::One, Peer::Volo, Figure::Speed, Bound::AtLeast(1.2)),
    Aim::new(Case::Hundred, Peer::Volo, Figure::Speed, Bound::AtLeast(2.0)),
    Aim::new(Case::Multiplexed, Peer::Volo, Figure::Speed, Bound::AtLeast(8.0)),
    Aim::new(Case::One, Peer::Kitex, Figure::Speed, Bound::AtLeast(1.5)),
    Aim::new(Case::Hundred, Peer::Kitex, Figure::Speed, Bound::AtLeast(2.0)),
    Aim::new(Case::Multiplexed, Peer::Kitex, Figure::Speed, Bound::AtLeast(7.0)),
];

/// Instructions of the core for one call with a payload of one byte.
pub const CORE_INSTRUCTIONS: Bound = Bound::AtMost(1000.0);
/// Allocations of the core for one call.
pub const CORE_ALLOCATIONS: Bound = Bound::AtMost(0.0);
/// User instructions of the server process for one multiplexed call.
pub const SERVER_INSTRUCTIONS: Bound = Bound::AtMost(3000.0);
/// Allocations of the server process for one multiplexed call.
pub const SERVER_ALLOCATIONS: Bound = Bound::AtMost(0.0);
/// Writing system calls of the server for one call with 100 in flight.
pub const WRITES: Bound = Bound::AtMost(0.05);
/// Heap bytes of the server for one idle connection.
pub const IDLE_CONNECTION: Bound = Bound::AtMost(2048.0);
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
