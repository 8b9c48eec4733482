//! What a client asks for.

use std::fmt;
use std::time::Duration;

use super::EncodeBody;
use crate::error::EncodeError;
use crate::metainfo::MetaInfo;
use crate::time::Instant;
use crate::wire::Codec;

/// One call to make.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The IDL service name, sent as `isn` by transports with a header when meta is on. Empty: not sent.
    pub service: &'a str,
    /// The IDL method name.
    pub method: &'a str,
    /// How `body` is encoded. Protobuf needs a framed transport; an unframed one is upgraded to its framed form.
    pub codec: Codec,
    /// Whether an answer is wanted.
    pub kind: RequestKind,
    /// The argument struct or Protobuf message.
    pub body: &'a dyn EncodeBody,
    /// When to give up waiting, on this side.
    pub deadline: Option<Instant>,
    /// The RPC timeout to tell the server (int key 12, milliseconds).
    pub timeout: Option<Duration>,
    /// The connect timeout to tell the server (int key 17, milliseconds).
    pub connect_timeout: Option<Duration>,
    /// The method being handled when this call is made (int key 20); empty outside a handler.
    pub caller_method: &'a str,
    /// Metainfo to send along.
    pub meta: &'a MetaInfo,
}

/// Whether a request wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// It does.
    Call,
    /// It does not; the call is over once it is written.
    Oneway,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("service", &self.service)
            .field("method", &self.method)
            .field("codec", &self.codec)
            .field("kind", &self.kind)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Why a call could not be opened. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The connection is closed, closing, or the peer asked not to use it any more.
    NotUsable,
    /// A call is open on a connection that carries one at a time, or the limit of calls in flight is reached.
    Busy,
    /// The request has no encoding.
    Encode(EncodeError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUsable => f.write_str("the connection takes no more calls"),
            Self::Busy => f.write_str("the connection has no room for another call"),
            Self::Encode(error) => write!(f, "request cannot be encoded: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}
