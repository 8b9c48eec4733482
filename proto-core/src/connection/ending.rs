//! How calls end.

use std::fmt;

use crate::error::DecodeError;
use crate::exception::{ApplicationException, ExceptionType};
use crate::pingpong::{CallError, EncodeBody, Reply, ReplyOutcome};
use crate::status::BusinessStatus;
use crate::wire::Codec;
use crate::wire::grpc::{self, Code, Status};
use crate::{buf::Output, ttstream};

/// What a server ends a call with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// Everything is said. Where a single answer was due and none was sent, an empty one goes out.
    Ok,
    /// A business status: the application says no.
    Business(&'a BusinessStatus),
    /// The handler failed with this text, which goes out as Kitex's handlers fail: `biz error: …`, type 6.
    Failed(&'a str),
    /// The handler failed with an exception of its own choice. Streams over TTHeader know one type only.
    Exception(&'a ApplicationException),
    /// The request cannot be decoded.
    Undecodable(&'a DecodeError),
}

/// How a call ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has said everything.
    Ok,
    /// The application on the other side said no.
    Business(BusinessStatus),
    /// Anything else.
    Failed(Failure),
}

/// Why a call did not end well, in the words of the protocol spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Ping-pong: the server answered with an exception.
    Exception(ApplicationException),
    /// Ping-pong: there is no answer that can be used.
    NoAnswer(CallError),
    /// gRPC: any status but OK.
    Status(Status),
    /// Streams over TTHeader: anything but success.
    Stream(ttstream::Exception),
}

impl Ending<'_> {
    /// Over ping-pong. Nothing for a request that cannot be decoded, which has a verb of its own there.
    pub(super) fn reply(&self, send: impl FnOnce(&Reply<'_>)) {
        match self {
            Self::Ok => send(&Reply::new(ReplyOutcome::Empty)),
            Self::Business(status) => send(&Reply::new(ReplyOutcome::Business { status, result: None })),
            Self::Exception(exception) => send(&Reply::new(ReplyOutcome::Exception(exception))),
            Self::Failed(text) => send(&Reply::new(ReplyOutcome::Exception(&failed(text)))),
            Self::Undecodable(error) => send(&Reply::new(ReplyOutcome::Exception(&undecodable(error)))),
        }
    }

    /// Over gRPC, to a caller that knows Kitex's ways or to another.
    pub(super) fn status(&self, codec: Codec, is_from_kitex: impl FnOnce() -> bool) -> grpc::Outcome {
        let by_handler = |code, mut text: String| {
            if is_from_kitex() {
                text.push_str(" [biz error]");
            }
            Status::new(code, text).into()
        };
        match self {
            Self::Ok => grpc::Outcome::default(),
            Self::Business(status) => (*status).clone().into(),
            Self::Failed(text) => by_handler(Code::INTERNAL, (*text).to_owned()),
            Self::Exception(exception) => by_handler(Code(exception.kind.0), exception.to_string()),
            Self::Undecodable(error) => {
                let code = match codec {
                    Codec::Thrift => Code(ExceptionType::PROTOCOL_ERROR.0),
                    Codec::Protobuf => Code::INTERNAL,
                };
                Status::new(code, error.to_string()).into()
            }
        }
    }

    /// Over streams in TTHeader.
    pub(super) fn trailer(&self) -> ttstream::Ending {
        match self {
            Self::Ok => ttstream::Ending::Ok,
            Self::Business(status) => ttstream::Ending::Business((*status).clone()),
            Self::Failed(text) => ttstream::Ending::Exception(failed(text)),
            Self::Exception(exception) => ttstream::Ending::Exception(failed(&exception.to_string())),
            Self::Undecodable(error) => ttstream::Ending::Exception(failed(&error.to_string())),
        }
    }
}

impl Outcome {
    pub(super) fn of_grpc(outcome: &grpc::Outcome) -> Self {
        match &outcome.business {
            Some(business) => Self::Business(business.clone()),
            None if outcome.status.code == Code::OK => Self::Ok,
            None => Self::Failed(Failure::Status(outcome.status.clone())),
        }
    }

    pub(super) fn of_tt_header(outcome: &ttstream::Outcome) -> Self {
        match outcome {
            ttstream::Outcome::Ok => Self::Ok,
            ttstream::Outcome::Business(status) => Self::Business(status.clone()),
            ttstream::Outcome::Exception(exception) => Self::Failed(Failure::Stream(exception.clone())),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exception(exception) => exception.fmt(f),
            Self::NoAnswer(error) => error.fmt(f),
            Self::Status(status) => status.fmt(f),
            Self::Stream(exception) => exception.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

/// A message with nothing in it.
pub(super) struct Empty(pub(super) Codec);

impl EncodeBody for Empty {
    fn encode_body(&self, out: &mut Output) {
        match self.0 {
            // The end of a struct without fields.
            Codec::Thrift => out.put_u8(0),
            Codec::Protobuf => {}
        }
    }
}

fn failed(text: &str) -> ApplicationException {
    ApplicationException::new(ExceptionType::INTERNAL_ERROR, format!("biz error: {text}"))
}

fn undecodable(error: &DecodeError) -> ApplicationException {
    ApplicationException::new(ExceptionType::PROTOCOL_ERROR, error.to_string())
}
