//! What is done with a case.

use super::Ask;
use crate::lanes::Side;

/// What is done on the lane.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One call.
    Call(Ask),
    /// The first call, whatever comes of it, then the second, which must be as expected.
    Then(Ask, Ask),
    /// As many calls at once, each of which takes its time, over this many connections; 0 is the client's own choice.
    AtOnce(u32, u32),
    /// As many streams at once on one connection, most of which a server of ours does not take.
    TooMany(usize),
    /// The call, as many times, one after the other on one connection.
    Repeat(Ask, u32),
    /// The call of a handler that calls the next server, which is of this side.
    Hop(Side, Ask),
    /// While the call runs, calls over every ping-pong transport with a header on the same port.
    Beside(Ask),
    /// A call through a proxy that sees how much is carried.
    Measured(Ask, Sizes),
    /// The call runs while the server stops.
    StopWhileRunning(Ask),
    /// The same, but the call does not come to its end in time.
    StopExpires(Ask),
    /// The server is gone while the call runs.
    ServerLost(Ask),
    /// The call runs while the server stops, and another one begins on the same connection.
    StopRefuses(Ask),
    /// The connection is cut while the call runs.
    Cut(Ask),
    /// The call of a handler that opens a stream on the next server.
    Cascade(Cascade),
    /// The streams of a [`Race`].
    Race(Race),
    /// Four streams at once, then two, one after the other: how many connections?
    Connections(Ask),
    /// How much memory our process takes for the call; a stream beside it, on the same connection where that is shared, goes on.
    Memory(Ask, Megabytes),
}

/// A stream that a handler opens for the one that it serves.
#[derive(Debug, Clone)]
pub(crate) struct Cascade {
    /// Whose the next server is.
    pub(crate) next: Side,
    pub(crate) ask: Ask,
    pub(crate) front: Front,
    pub(crate) back: Back,
}

/// How the second of the two servers is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// As the lane says.
    Lane,
    /// Over gRPC.
    Grpc,
}

/// How the first of the two servers is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    /// As the lane says.
    Lane,
    /// Over gRPC.
    Grpc,
    /// As the lane says, by a connection that is cut.
    Cut,
}

/// Streams that are cancelled one after the other, beside one that is quiet, all on one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Race {
    pub(crate) cancels: u32,
    /// Each is cancelled after a time between none and this.
    pub(crate) within_micros: u32,
    pub(crate) text: &'static str,
    /// As many connections may be lost to a server of ours.
    pub(crate) lost: u32,
}

/// A bound on memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Megabytes(pub(crate) u64);

/// Whether gzip made the requests and the answers small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) requests: Size,
    pub(crate) answers: Size,
}

/// Against the length of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Full,
}
