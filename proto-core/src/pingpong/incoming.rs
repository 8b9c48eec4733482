//! A request as the server's application sees it.

use bytes::Bytes;

use super::frame::Frame;
use super::header::{CallHeader, Header};
use crate::dispatch::MethodRef;
use crate::time::Instant;
use crate::wire::{Codec, MessageType, SequenceId, Transport};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a method of the table.
    Method(MethodRef),
    /// To the unknown-service handler.
    Unknown,
}

/// A request, as [`ServerConnection::request`](crate::ServerConnection::request) shows it: a view of the frame as it was
/// received; nothing was copied.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Where it goes.
    pub target: Target,
    /// When the caller will have given up, if the connection takes deadlines from the header.
    pub deadline: Option<Instant>,
    /// Whether other calls of the connection may run beside it.
    pub concurrent: bool,
    pub(super) frame: &'a Frame,
}

impl<'a> Incoming<'a> {
    /// Its message type: [`MessageType::Call`], [`MessageType::Oneway`] or [`MessageType::Stream`].
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        self.frame.layout.message_type
    }

    /// How the request was framed; the reply goes the same way.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.frame.layout.transport
    }

    /// How the body is encoded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.frame.layout.codec
    }

    /// The message's sequence id.
    #[must_use]
    pub const fn sequence(&self) -> SequenceId {
        self.frame.layout.sequence
    }

    /// The method name on the wire; bytes that are not UTF-8 read as an empty name.
    #[must_use]
    pub fn method_name(&self) -> &'a str {
        std::str::from_utf8(self.frame.name()).unwrap_or("")
    }

    /// The IDL service name on the wire (`isn`), empty when there is none.
    #[must_use]
    pub fn service_name(&self) -> &'a str {
        self.frame.header().service_name()
    }

    /// The encoded arguments.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.frame.body()
    }

    /// The encoded arguments as a slice that shares the received block.
    #[must_use]
    pub fn shared_body(&self) -> Bytes {
        self.frame.bytes.slice(self.frame.layout.body.range())
    }

    /// The header as received; empty for transports without one.
    #[must_use]
    pub fn header(&self) -> Header<'a> {
        self.frame.header()
    }

    /// The header, to be kept beyond the frame.
    #[must_use]
    pub fn call_header(&self) -> CallHeader {
        self.frame.call_header()
    }
}
