//! Pure codecs: bytes of one frame to fields and back. No state, no time.
//!
//! Parsers take a prefix of the input and answer `Ok(None)` until it holds enough; whatever they decide, they decide
//! the same for every longer prefix. They borrow and point ([`Span`]) and never allocate. Writers append to an
//! [`Output`](crate::Output) and fill lengths in afterwards.
//!
//! A ping-pong frame is read in this order: [`detect::sniff`] names the framing; [`ttheader`] or [`mesh`] reads the
//! header, if there is one, and [`detect::sniff_payload`] looks at what follows it; [`framed`] reads the inner length,
//! if there is one; [`thrift_message`] or [`kitex_protobuf`] reads the envelope, and the body follows.

pub mod business;
pub mod checksum;
pub mod detect;
pub mod framed;
pub mod grpc;
pub mod hpack;
pub mod http2;
pub mod kitex_protobuf;
pub mod mesh;
pub mod thrift_message;
pub mod ttheader;
pub mod ttstream;

mod cursor;
mod envelope;
mod span;
mod types;

pub use envelope::Envelope;
pub use span::Span;
pub use types::{Codec, MessageType, Protocol, SequenceId, Transport};

#[cfg(test)]
pub(crate) mod testing;
