//! What every side can do.

use crate::Failure;

/// Client and server of one implementation on one connection.
pub trait Pair: Sized {
    /// Header fields as the implementation holds them.
    type Fields;

    /// Joins the two; when it returns, both have the other's settings, and the acknowledgement of their own.
    ///
    /// # Errors
    /// When one of them refuses.
    fn connect<L: Ledger>(ledger: &mut L) -> Result<Self, Failure>;

    /// Makes unary exchanges, so many at once: request fields, [`MESSAGE`], and back come response fields, [`MESSAGE`]
    /// and trailers. The server reads a request to its end before it answers. At the end no stream is left.
    ///
    /// # Errors
    /// When one does not come to its end.
    fn exchange<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure>;

    /// Opens so many streams, and answers them with response fields. All stay open.
    ///
    /// # Errors
    /// When one cannot be opened.
    fn open<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure>;

    /// Sends `message` on each open stream; the server reads it and sends it back, the client reads that.
    ///
    /// # Errors
    /// When one does not come back.
    fn echo(&mut self, message: &'static [u8]) -> Result<(), Failure>;

    /// Gives back the memory that an idle connection need not hold, as far as the implementation can.
    fn rest<L: Ledger>(&mut self, ledger: &mut L);

    /// A copy of the header fields that the implementation itself holds for an open stream: in the server of the
    /// request, in the client of the response.
    ///
    /// # Errors
    /// When no stream is open.
    fn held_fields(&self, side: Side) -> Result<Self::Fields, Failure>;
}

/// A part of a process that holds both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who answers.
    Server,
    /// Who calls.
    Client,
}

/// Is told whose doing it was, whenever one side has done something.
pub trait Ledger {
    /// All that happened since the last call was this side's doing.
    fn charge(&mut self, side: Side);

    /// All that happened since the last call belongs to neither.
    fn ignore(&mut self);
}

/// For when it does not matter.
#[derive(Debug, Clone, Copy)]
pub struct Unrecorded;

impl Ledger for Unrecorded {
    fn charge(&mut self, _: Side) {}

    fn ignore(&mut self) {}
}

/// The fields of a request, as a gRPC client sends them.
pub const REQUEST: [(&str, &str); 8] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/shop.StockService/Take"),
    (":authority", "stock.shop.svc:8888"),
    ("content-type", "application/grpc"),
    ("user-agent", "bench-http2/1.0"),
    ("te", "trailers"),
    ("grpc-timeout", "1500m"),
];

/// The fields of a response.
pub const RESPONSE: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

/// The fields at its end.
pub const TRAILERS: [(&str, &str); 2] = [("grpc-status", "0"), ("grpc-message", "")];

/// A gRPC message with its prefix.
pub const MESSAGE: &[u8; 16] = b"\0\0\0\0\x0b\x0a\x09forty-two";

/// Of the flow control of a stream, in either direction.
pub const STREAM_WINDOW: u32 = 256 * 1024;
/// Of the flow control of a connection, in either direction.
pub const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;
/// That a client may have at once.
pub const MAX_STREAMS: u32 = 100;
