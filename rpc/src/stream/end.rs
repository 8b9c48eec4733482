//! How streams end, whatever their connection speaks, and what that means to those who still use them.

use kitewire_proto::http2::Role;
use kitewire_proto::ttstream::{Side, code};
use kitewire_proto::wire::grpc::{Code, Outcome, Status};
use kitewire_proto::{ApplicationException, CancelReason, EncodeError, ExceptionType, Refusal, grpc, ttstream};

use super::connection::{Connection, StreamKey};
use super::event::refusal;
use crate::{Error, error};

/// What the work of a handler came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conclusion<'a> {
    Done,
    /// The handler ended with this error.
    Failed(&'a Error),
    /// The handler panicked.
    Panicked(&'a ApplicationException),
    /// There is no handler's word: the request does not decode, or the answer cannot be sent.
    Broken(&'a Error),
}

/// What a client ends a stream with on its own account.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Grpc(Status),
    TtHeader(ttstream::Exception),
}

/// Why the call is over that a stream hangs on.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Grpc(Status),
    TtHeader(ttstream::Exception),
}

/// Why something could not be sent.
#[derive(Debug)]
pub(crate) enum SendError {
    /// Too much waits already.
    Full,
    /// The stream is over.
    Over,
    HeaderSent,
    /// The stream goes on.
    Failed(Error),
}

impl From<Status> for Verdict {
    fn from(status: Status) -> Self {
        Self::Grpc(status)
    }
}

impl From<ttstream::Exception> for Verdict {
    fn from(exception: ttstream::Exception) -> Self {
        Self::TtHeader(exception)
    }
}

impl Conclusion<'_> {
    /// What a call over gRPC ends with; `from_kitex` tells whether its caller knows Kitex's ways.
    pub(super) fn outcome(&self, from_kitex: impl FnOnce() -> bool) -> Outcome {
        match self {
            Self::Done => Outcome::default(),
            Self::Failed(error) => match from_kitex() {
                true => error.outcome(),
                false => error.plain_outcome(),
            },
            Self::Panicked(exception) => Status::new(Code::INTERNAL, exception.to_string()).into(),
            Self::Broken(error) => error.raw_outcome(),
        }
    }

    /// What a stream over TTHeader ends with.
    pub(super) fn ending(&self) -> ttstream::Ending {
        match self {
            Self::Done => ttstream::Ending::Ok,
            Self::Failed(error) | Self::Broken(error) => error.ending(),
            Self::Panicked(exception) => ttstream::Ending::Exception((*exception).clone()),
        }
    }
}

impl Upstream {
    /// What a stream over TTHeader is cancelled with.
    pub(super) fn exception(&self) -> ttstream::Exception {
        match self {
            Self::TtHeader(exception) => exception.clone(),
            Self::Grpc(status) => ttstream::Exception::foreign(status.to_string()),
        }
    }

    /// What a stream over gRPC is given up with.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Grpc(status) => status.clone(),
            Self::TtHeader(exception) => Status::new(Code::CANCELLED, exception.to_string()),
        }
    }
}

impl Connection {
    /// Why nothing more can be read or sent on a stream.
    #[cold]
    pub(crate) fn failure(&self, key: StreamKey) -> Error {
        match self {
            Self::Grpc(connection) => match connection.outcome(key.grpc()) {
                Some(outcome) if outcome.status.code != Code::OK => Error::from_stream(outcome),
                Some(_) => error::stream_is_done(),
                // It was released.
                None => match connection.role() {
                    Role::Client => Status::new(Code::CANCELLED, "context canceled"),
                    Role::Server => returned(),
                }
                .into(),
            },
            Self::TtHeader(connection) => match connection.outcome(key.tt_header()) {
                Some(ttstream::Outcome::Ok) => closed_send(connection.role()),
                Some(ttstream::Outcome::Business(status)) => status.clone().into(),
                Some(ttstream::Outcome::Exception(exception)) => exception.clone().into(),
                None => match connection.role() {
                    Role::Client => ttstream::Exception::canceled_by_user().into(),
                    Role::Server => handler_returned(),
                },
            },
        }
    }

    /// What sending is refused with once this side has said everything.
    pub(crate) fn stream_is_done(&self) -> Error {
        match self {
            Self::Grpc(_) => error::stream_is_done(),
            Self::TtHeader(connection) => closed_send(connection.role()),
        }
    }

    /// What changing a header is refused with when it has been sent.
    pub(super) fn header_is_fixed(&self) -> Error {
        match self {
            Self::Grpc(_) => error::header_is_fixed(),
            Self::TtHeader(_) => error::stream_header_is_sent(),
        }
    }

    /// What sending a header is refused with when it has been sent.
    pub(super) fn header_is_sent(&self) -> Error {
        match self {
            Self::Grpc(_) => error::header_is_sent(),
            Self::TtHeader(_) => error::stream_header_is_sent(),
        }
    }

    /// Server: whether nobody waits for the answer any more, and why.
    pub(super) fn cancel_reason(&self, key: StreamKey) -> Option<CancelReason> {
        // A request that cannot be read is no reason: its caller waits.
        let late = match self {
            Self::Grpc(connection) if connection.is_over(key.grpc()) => {
                connection.outcome(key.grpc())?.status.code == Code::DEADLINE_EXCEEDED
            }
            Self::TtHeader(connection) if connection.is_over(key.tt_header()) => {
                let outcome = connection.outcome(key.tt_header())?;
                matches!(outcome, ttstream::Outcome::Exception(exception) if exception.code == code::STREAM_TIMEOUT)
            }
            _ => return None,
        };
        Some(match late {
            true => CancelReason::DeadlinePassed,
            false => CancelReason::CallerGone,
        })
    }

    /// Server: what those hear who hang on a call that is over. Its handler has returned if nothing else has happened.
    #[cold]
    pub(super) fn upstream(&self, key: StreamKey) -> Upstream {
        match self {
            Self::Grpc(connection) => match connection.outcome(key.grpc()) {
                Some(outcome) => Upstream::Grpc(outcome.status.clone()),
                None => Upstream::Grpc(returned()),
            },
            Self::TtHeader(connection) => Upstream::TtHeader(match connection.outcome(key.tt_header()) {
                Some(ttstream::Outcome::Exception(exception)) => exception.passed_on(),
                _ => ttstream::Exception::handler_returned().passed_on(),
            }),
        }
    }

    /// How the refusal of a stream reads in logs.
    pub(crate) fn refusal_of(&self, error: &Error) -> Refusal {
        match self {
            Self::Grpc(_) => Refusal::Status(error.raw_outcome().status),
            Self::TtHeader(_) => refusal(match error.ending() {
                ttstream::Ending::Exception(exception) => exception,
                _ => ApplicationException::new(ExceptionType::INTERNAL_ERROR, error.to_string()),
            }),
        }
    }
}

impl SendError {
    #[inline]
    pub(super) fn of_grpc(error: grpc::SendError) -> Self {
        match error {
            grpc::SendError::Full => Self::Full,
            grpc::SendError::Over => Self::Over,
            grpc::SendError::HeaderSent => Self::HeaderSent,
            error => Self::Failed(grpc_send_failure(error)),
        }
    }

    #[inline]
    pub(super) fn of_tt_header(error: ttstream::SendError) -> Self {
        match error {
            ttstream::SendError::Full => Self::Full,
            ttstream::SendError::Over => Self::Over,
            ttstream::SendError::HeaderSent => Self::HeaderSent,
            // Only clients say before the end that they have said everything.
            ttstream::SendError::Finished => Self::Failed(closed_send(Role::Client)),
            error => Self::Failed(tt_header_send_failure(error)),
        }
    }
}

#[cold]
fn grpc_send_failure(error: grpc::SendError) -> Error {
    match error {
        grpc::SendError::HeaderTooLarge { .. } => Status::new(
            Code::INTERNAL,
            "transport: trying to send header list size larger than the limit set by peer [triggered by handler side]",
        )
        .into(),
        grpc::SendError::TooLarge { length, limit } => Status::new(
            Code::RESOURCE_EXHAUSTED,
            format!("trying to send message larger than max ({length} vs. {limit})"),
        )
        .into(),
        grpc::SendError::Encode(error) => Error::encode(error),
        _ => error::stream_is_done(),
    }
}

#[cold]
fn tt_header_send_failure(error: ttstream::SendError) -> Error {
    match error {
        ttstream::SendError::TooLarge { length, .. } => Error::encode(EncodeError::FrameTooLarge(length)),
        ttstream::SendError::Strings(error) | ttstream::SendError::Encode(error) => Error::encode(error),
        other => Error::configuration(other.to_string()),
    }
}

fn closed_send(role: Role) -> Error {
    let side = match role {
        Role::Client => Side::Client,
        Role::Server => Side::Server,
    };
    ttstream::Exception::closed_send().on(side).into()
}

/// What is left of a stream over TTHeader fails with when its handler has returned.
pub(super) fn handler_returned() -> Error {
    ttstream::Exception::handler_returned().on(Side::Server).into()
}

fn returned() -> Status {
    Status::new(Code::CANCELLED, "transport: canceled by business handler returning")
}
