//! Why a call got no answer.

use std::fmt;

use crate::error::{CloseReason, DecodeError};
use crate::exception::ExceptionType;
use crate::wire::SequenceId;

/// Why a call ended without an answer that can be used. The texts are Kitex's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The call's deadline passed.
    TimedOut,
    /// The connection ended first.
    Closed(CloseReason),
    /// The reply's sequence id is not the request's.
    OutOfOrderSequence {
        /// The method called.
        method: String,
        /// The id sent.
        expected: SequenceId,
        /// The id received.
        received: SequenceId,
    },
    /// The reply is for another method.
    WrongMethod {
        /// The method called.
        expected: String,
        /// The method in the reply.
        actual: String,
    },
    /// The reply's message type is not a reply's.
    InvalidMessageType(u32),
    /// The reply cannot be decoded.
    Malformed(DecodeError),
}

impl CallError {
    /// The exception number that Kitex gives to this local error, if it gives one.
    #[must_use]
    pub const fn exception_type(&self) -> Option<ExceptionType> {
        match self {
            Self::OutOfOrderSequence { .. } => Some(ExceptionType::BAD_SEQUENCE_ID),
            Self::InvalidMessageType(_) => Some(ExceptionType::INVALID_MESSAGE_TYPE),
            Self::TimedOut | Self::Closed(_) | Self::WrongMethod { .. } | Self::Malformed(_) => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::Closed(CloseReason::PeerClosed | CloseReason::PeerClosedMidway) => {
                f.write_str("default codec read failed: EOF peer close")
            }
            Self::Closed(reason) => reason.fmt(f),
            Self::OutOfOrderSequence {
                method,
                expected,
                received,
            } => write!(
                f,
                "method[{method}] out of order sequence response, expect[{}], receive[{}]",
                expected.0, received.0
            ),
            Self::WrongMethod { expected, actual } => {
                write!(f, "wrong method name, expect={expected}, actual={actual}")
            }
            Self::InvalidMessageType(found) => {
                write!(f, "client side, invalid message type {found}")
            }
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}
