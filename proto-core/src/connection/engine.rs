//! The engines behind a connection.

use crate::{ClientConnection, ServerConnection, grpc, http1, ttstream};

/// The engine of the protocol that a [`Connection`](super::Connection) speaks.
///
/// It is there for what the common model of a call has no verbs for. Bytes, time and events go through the connection:
/// an event that is taken here is missing there.
#[derive(Debug)]
#[non_exhaustive]
pub enum Engine<'a> {
    /// A server's ping-pong; also as long as the peer has not told what it speaks.
    PingPong(&'a mut ServerConnection),
    /// A client's ping-pong.
    PingPongClient(&'a mut ClientConnection),
    /// gRPC, either side; a server's also takes plain requests over HTTP/2.
    Grpc(&'a mut grpc::Connection),
    /// Streams over TTHeader, either side.
    TtHeaderStreams(&'a mut ttstream::Connection),
    /// A server's HTTP/1.
    Http1(&'a mut http1::Connection),
}
