//! What a client asks for, and what hinders it.

use std::fmt;
use std::time::Duration;

use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use crate::error::EncodeError;
use crate::metainfo::MetaInfo;
use crate::time::Instant;
use crate::{grpc, pingpong, ttstream};

/// A call to make.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The service, as its IDL declares it.
    pub service: &'a ServiceInfo,
    /// The method's name in the IDL.
    pub method: &'a str,
    /// When to give up waiting, on this side.
    pub deadline: Option<Instant>,
    /// How long the server is told that it may take. gRPC tells what is left until the deadline instead.
    pub timeout: Option<Duration>,
    /// Metainfo to send along.
    pub meta: &'a MetaInfo,
    /// gRPC: the host that is asked for.
    pub authority: &'a str,
}

/// Why no call was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no room for another call: wait for [`Event::Available`](super::Event::Available), or for a call to end.
    Busy,
    /// The connection is closed or closing: use another one.
    NotUsable,
    /// A server's side opens no calls.
    NotClient,
    /// The service declares no such method.
    UnknownMethod,
    /// The method is of another kind than the verb serves: [`call`](super::Connection::call) is for methods with a single
    /// request, [`open`](super::Connection::open) for those with a stream of them.
    WrongKind(MethodKind),
    /// The protocol carries no calls of this kind.
    NotCarried(MethodKind),
    /// The deadline has passed already.
    DeadlinePassed,
    /// A part of the header that cannot be sent: the text says which and why.
    Header(String),
    /// The message cannot be sent.
    Message(SendError),
}

/// Why something was not sent. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits already; wait for [`Event::Writable`](super::Event::Writable).
    Full,
    /// The call is over, or there is no such call.
    Over,
    /// This side has said everything already: a second answer where one is due, or a message behind the last one.
    Finished,
    /// The message is above the limit of this side.
    TooLarge {
        /// Its length.
        length: usize,
        /// The limit.
        limit: u32,
    },
    /// The response header does not fit what the peer takes; the text says why.
    Header(String),
    /// The message has no encoding. A ping-pong call was answered with an exception that says so.
    Encode(EncodeError),
}

impl<'a> Request<'a> {
    /// A call of `method`, without deadline and metainfo.
    #[must_use]
    pub const fn new(service: &'a ServiceInfo, method: &'a str) -> Self {
        Self {
            service,
            method,
            deadline: None,
            timeout: None,
            meta: &NO_META,
            authority: "",
        }
    }

    pub(super) fn info(&self) -> Result<&'a MethodInfo, OpenError> {
        let mut methods = self.service.methods.iter();
        methods
            .find(|info| info.name == self.method)
            .ok_or(OpenError::UnknownMethod)
    }

    pub(super) fn grpc(&self, kind: MethodKind) -> grpc::Request<'a> {
        let service = self.service;
        let mut request = grpc::Request::new(&service.package, &service.name, self.method, service.codec, kind);
        request.deadline = self.deadline;
        request.meta = self.meta;
        if !self.authority.is_empty() {
            request.authority = self.authority;
        }
        request
    }

    pub(super) fn tt_header(&self, kind: MethodKind) -> ttstream::Request<'a> {
        let mut request = ttstream::Request::new(&self.service.name, self.method, kind);
        request.deadline = self.deadline;
        request.timeout = self.timeout;
        request.meta = self.meta;
        request
    }
}

impl OpenError {
    pub(super) const fn of_pingpong(error: pingpong::OpenError) -> Self {
        match error {
            pingpong::OpenError::NotUsable => Self::NotUsable,
            pingpong::OpenError::Busy => Self::Busy,
            pingpong::OpenError::Encode(error) => Self::Message(SendError::Encode(error)),
        }
    }

    pub(super) fn of_grpc(error: &grpc::OpenError) -> Self {
        match error {
            grpc::OpenError::TooManyStreams => Self::Busy,
            grpc::OpenError::Draining | grpc::OpenError::Exhausted | grpc::OpenError::Closed => Self::NotUsable,
            grpc::OpenError::DeadlinePassed => Self::DeadlinePassed,
            grpc::OpenError::NotClient => Self::NotClient,
            grpc::OpenError::Malformed(_) | grpc::OpenError::HeaderTooLarge { .. } => Self::Header(error.to_string()),
        }
    }

    pub(super) fn of_tt_header(error: &ttstream::OpenError) -> Self {
        match error {
            ttstream::OpenError::TooManyStreams => Self::Busy,
            ttstream::OpenError::Draining | ttstream::OpenError::Closed => Self::NotUsable,
            ttstream::OpenError::DeadlinePassed => Self::DeadlinePassed,
            ttstream::OpenError::Encode(_) => Self::Header(error.to_string()),
        }
    }
}

impl SendError {
    pub(super) fn of_grpc(error: grpc::SendError) -> Self {
        match error {
            grpc::SendError::Full => Self::Full,
            grpc::SendError::Over => Self::Over,
            grpc::SendError::Finished => Self::Finished,
            grpc::SendError::TooLarge { length, limit } => Self::TooLarge { length, limit },
            grpc::SendError::Encode(error) => Self::Encode(error),
            grpc::SendError::HeaderSent | grpc::SendError::HeaderTooLarge { .. } => Self::Header(error.to_string()),
        }
    }

    pub(super) fn of_tt_header(error: ttstream::SendError) -> Self {
        match error {
            ttstream::SendError::Full => Self::Full,
            ttstream::SendError::Over => Self::Over,
            ttstream::SendError::Finished => Self::Finished,
            ttstream::SendError::TooLarge { length, limit } => Self::TooLarge { length, limit },
            ttstream::SendError::Encode(error) => Self::Encode(error),
            ttstream::SendError::HeaderSent | ttstream::SendError::Strings(_) => Self::Header(error.to_string()),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the connection has no room for another call"),
            Self::NotUsable => f.write_str("the connection takes no more calls"),
            Self::NotClient => f.write_str("a server opens no calls"),
            Self::UnknownMethod => f.write_str("the service declares no such method"),
            Self::WrongKind(kind) if kind.has_single_request() => {
                write!(f, "a method of kind {kind:?} takes a single request")
            }
            Self::WrongKind(kind) => write!(f, "a method of kind {kind:?} takes a stream of requests"),
            Self::NotCarried(kind) => write!(f, "the protocol carries no calls of kind {kind:?}"),
            Self::DeadlinePassed => f.write_str("the deadline has passed"),
            Self::Header(text) => f.write_str(text),
            Self::Message(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too much waits to be sent already"),
            Self::Over => f.write_str("the call is over"),
            Self::Finished => f.write_str("everything has been said already"),
            Self::TooLarge { length, limit } => write!(f, "message of {length} bytes, at most {limit} are sent"),
            Self::Header(text) => f.write_str(text),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

static NO_META: MetaInfo = MetaInfo::new();
