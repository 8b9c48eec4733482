//! What became of a verb.

use std::fmt;

use super::basic::choice;
use super::codec::{Reader, Value, Writer};
use super::error::RecordingError;
use crate::{grpc, ttstream as streams};

/// What became of a verb, as far as it matters to what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Well,
    /// There is no room for now.
    Full,
    Refused,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Well => "done",
            Self::Full => "full",
            Self::Refused => "refused",
        })
    }
}

impl Value for Done {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte(match self {
            Self::Well => 0,
            Self::Full => 1,
            Self::Refused => 2,
        });
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "result", 2)? {
            0 => Self::Well,
            1 => Self::Full,
            _ => Self::Refused,
        })
    }
}

impl Done {
    pub(crate) fn of<T>(result: &Result<T, impl Failure>) -> Self {
        match result {
            Ok(_) => Self::Well,
            Err(error) if error.is_full() => Self::Full,
            Err(_) => Self::Refused,
        }
    }

    /// What became of something done with a half of a call, if that was there.
    pub(super) fn with<H, U, E: Failure>(half: Result<H, U>, act: impl FnOnce(H) -> Result<(), E>) -> Self {
        half.map_or(Self::Refused, |half| Self::of(&act(half)))
    }
}

/// Why a verb did nothing.
pub(crate) trait Failure {
    /// There is no room for now.
    fn is_full(&self) -> bool;
}

impl Failure for grpc::SendError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }
}

impl Failure for streams::SendError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }
}

impl Failure for grpc::OpenError {
    fn is_full(&self) -> bool {
        matches!(self, Self::TooManyStreams)
    }
}

impl Failure for streams::OpenError {
    fn is_full(&self) -> bool {
        matches!(self, Self::TooManyStreams)
    }
}

impl Failure for crate::OpenError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

impl Failure for crate::RespondError {
    fn is_full(&self) -> bool {
        false
    }
}

impl Failure for crate::http::RespondError {
    fn is_full(&self) -> bool {
        false
    }
}
