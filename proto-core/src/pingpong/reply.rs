//! What a server answers with.

use std::fmt;

use super::EncodeBody;
use crate::error::EncodeError;
use crate::exception::ApplicationException;
use crate::status::BusinessStatus;

/// The answer to one call.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The result, or what came instead of one.
    pub outcome: ReplyOutcome<'a>,
    /// Backward metainfo: sent as raw header keys, in order, by transports that have a header.
    pub backward: &'a [(String, String)],
}

/// The result of a call, or what came instead of one.
#[derive(Clone, Copy)]
pub enum ReplyOutcome<'a> {
    /// The result struct (declared exceptions included) or Protobuf message.
    Result(&'a dyn EncodeBody),
    /// A business status, with a result beside it if the handler set one.
    Business {
        /// The status.
        status: &'a BusinessStatus,
        /// The result beside it.
        result: Option<&'a dyn EncodeBody>,
    },
    /// The handler failed. The connection stays open.
    Exception(&'a ApplicationException),
    /// An empty result struct or message, on purpose: void, or a handler that answers without a result.
    Empty,
}

impl<'a> Reply<'a> {
    /// A reply without backward metainfo.
    #[must_use]
    pub const fn new(outcome: ReplyOutcome<'a>) -> Self {
        Self { outcome, backward: &[] }
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("outcome", &self.outcome)
            .field("backward", &self.backward)
            .finish()
    }
}

impl fmt::Debug for ReplyOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(_) => f.write_str("Result(..)"),
            Self::Business { status, .. } => f.debug_tuple("Business").field(status).finish(),
            Self::Exception(exception) => f.debug_tuple("Exception").field(exception).finish(),
            Self::Empty => f.write_str("Empty"),
        }
    }
}

/// Why an answer was not sent as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RespondError {
    /// No such call is open: answered before, or its connection is gone.
    UnknownCall,
    /// The answer has no encoding; the caller got an exception of type 6 that says so instead.
    Encode(EncodeError),
}

impl fmt::Display for RespondError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCall => f.write_str("no such call is open"),
            Self::Encode(error) => write!(f, "reply cannot be encoded: {error}"),
        }
    }
}

impl std::error::Error for RespondError {}
