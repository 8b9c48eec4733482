//! Errors and gRPC statuses.

use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{Code, Outcome, Status};
use kitewire_proto::{CallError, ExceptionType};

use super::{Error, ErrorKind, Repr};
use crate::Metadata;

/// Where a status comes from, which decides how it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A stream, or the application's own making.
    Stream,
    /// A call that looks like any other; Kitex puts a few words in front of those.
    UnaryCall,
}

impl Error {
    /// A failure with a gRPC status of a handler's choice. Over other transports it is a failure like any other.
    ///
    /// ```
    /// use kitewire::{Code, Error, ErrorKind};
    ///
    /// let error = Error::status(Code::NOT_FOUND, "no such item");
    /// assert_eq!((error.kind(), error.code()), (ErrorKind::Status, Code::NOT_FOUND));
    /// assert_eq!(error.to_string(), "rpc error: code = 5 desc = no such item");
    /// ```
    pub fn status(code: Code, message: impl Into<String>) -> Self {
        Status::new(code, message).into()
    }

    /// Gives a business status a gRPC status of its own, in place of code 13 and the business message. Other errors stay
    /// as they are.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        if let Repr::Business(_, own) = &mut self.0.repr {
            *own = Some(Box::new(status));
        }
        self
    }

    /// Adds a detail to a gRPC status, or to that of a business status: an encoded `google.protobuf.Any`. Other errors
    /// stay as they are.
    #[must_use]
    pub fn with_details(mut self, any: impl AsRef<[u8]>) -> Self {
        match &mut self.0.repr {
            Repr::Status(status, _) => status.details.push(any.as_ref()),
            Repr::Business(business, own) => {
                let status = || Box::new(Status::new(Code::INTERNAL, business.message.as_str()));
                own.get_or_insert_with(status).details.push(any.as_ref());
            }
            _ => {}
        }
        self
    }

    /// The gRPC status that the call ended with, or that a business status has of its own.
    #[must_use]
    pub fn grpc_status(&self) -> Option<&Status> {
        match &self.0.repr {
            Repr::Status(status, _) => Some(status),
            Repr::Business(_, own) => own.as_deref(),
            _ => None,
        }
    }

    /// Its code in gRPC's terms: the one that the peer told, or the one that fits best.
    #[must_use]
    pub fn code(&self) -> Code {
        match &self.0.repr {
            Repr::Status(status, _) => status.code,
            Repr::Business(_, Some(status)) => status.code,
            Repr::Remote(exception) | Repr::Typed(exception) => Code(exception.kind.0),
            Repr::Timeout(_) | Repr::DeadlineExceeded | Repr::Call(CallError::TimedOut) => Code::DEADLINE_EXCEEDED,
            Repr::Connect(_) | Repr::Call(CallError::Closed(_)) => Code::UNAVAILABLE,
            Repr::Busy => Code::RESOURCE_EXHAUSTED,
            Repr::Message(_, codec) => undecodable(*codec),
            Repr::Stream(failure) => failure.code(),
            _ => Code::INTERNAL,
        }
    }

    /// Metadata that the answer began with; only for unary calls over gRPC that asked for it with
    /// [`full`](crate::ClientCall::full). A stream tells its own.
    #[must_use]
    pub fn header(&self) -> &Metadata {
        self.0.beside.as_ref().map_or(Metadata::none(), |beside| &beside.0)
    }

    /// Metadata that the failure came with; as [`Self::header`].
    #[must_use]
    pub fn trailer(&self) -> &Metadata {
        self.0.beside.as_ref().map_or(Metadata::none(), |beside| &beside.1)
    }

    pub(crate) fn with_metadata(mut self, header: Metadata, trailer: Metadata) -> Self {
        if !header.is_empty() || !trailer.is_empty() {
            self.0.beside = Some(Box::new((header, trailer)));
        }
        self
    }

    /// How a stream of a client failed.
    pub(crate) fn from_stream(outcome: &Outcome) -> Self {
        Self::ended(outcome, Origin::Stream)
    }

    /// How a unary call of a client failed.
    pub(crate) fn from_unary(outcome: &Outcome) -> Self {
        Self::ended(outcome, Origin::UnaryCall)
    }

    fn ended(outcome: &Outcome, origin: Origin) -> Self {
        let status = &outcome.status;
        Self::of(match &outcome.business {
            None => Repr::Status(status.clone(), origin),
            Some(business) => {
                let plain = status.code == Code::INTERNAL && status.details.is_empty();
                Repr::Business(business.clone(), (!plain).then(|| Box::new(status.clone())))
            }
        })
    }

    /// Whether a handler wishes to answer without a result.
    pub(crate) const fn wants_empty_reply(&self) -> bool {
        matches!(self.0.repr, Repr::Empty)
    }

    /// What a call over gRPC ends with when its handler ended with this error, for a caller that knows Kitex's ways: some
    /// words tell it that the application said so.
    pub(crate) fn outcome(&self) -> Outcome {
        let mut outcome = self.plain_outcome();
        if outcome.business.is_none() && outcome.status.code != Code::OK {
            outcome.status.message.push_str(" [biz error]");
        }
        outcome
    }

    /// The same for any other caller: the text is what the handler said.
    pub(crate) fn plain_outcome(&self) -> Outcome {
        if let Some((business, own)) = self.business_inside() {
            let mut outcome = Outcome::from(business.clone());
            if let Some(status) = own {
                outcome.status.clone_from(status);
            }
            return outcome;
        }
        self.raw_outcome()
    }

    /// The same for an error that no handler has returned.
    pub(crate) fn raw_outcome(&self) -> Outcome {
        match &self.0.repr {
            Repr::Status(status, Origin::Stream) => status.clone(),
            Repr::Typed(exception) => Status::new(Code(exception.kind.0), exception.to_string()),
            Repr::DeadlineExceeded => Status::new(Code::DEADLINE_EXCEEDED, self.to_string()),
            Repr::Message(error, codec) => Status::new(undecodable(*codec), error.to_string()),
            Repr::Empty => Status::default(),
            _ => Status::new(Code::INTERNAL, self.to_string()),
        }
        .into()
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::of(Repr::Status(status, Origin::Stream))
    }
}

/// The code of a message that cannot be decoded. Thrift's errors keep their exception type, as with Kitex.
pub(crate) const fn undecodable(codec: Codec) -> Code {
    match codec {
        Codec::Thrift => Code(ExceptionType::PROTOCOL_ERROR.0),
        Codec::Protobuf => Code::INTERNAL,
    }
}

/// What sending is refused with after the end.
pub(crate) fn stream_is_done() -> Error {
    Error::status(Code::INTERNAL, "the stream is done")
}

/// What changing a header is refused with when it has been sent.
pub(crate) fn header_is_fixed() -> Error {
    Error::status(
        Code::INTERNAL,
        "transport: the stream is done or WriteHeader was already called",
    )
}

/// What sending a header is refused with when it has been sent.
pub(crate) fn header_is_sent() -> Error {
    Error::status(
        Code::INTERNAL,
        "transport: the stream is done or WriteHeader was already called [triggered by handler side]",
    )
}

pub(super) const fn kind_of(code: Code) -> ErrorKind {
    match code {
        Code::CANCELLED => ErrorKind::Cancelled,
        Code::DEADLINE_EXCEEDED | Code::RECV_DEADLINE_EXCEEDED => ErrorKind::Timeout,
        _ => ErrorKind::Status,
    }
}

/// Whether a client made it of a connection that failed. Kitex has an error of its own for that, with this text.
pub(super) fn is_connection_error(status: &Status) -> bool {
    status.code == Code::UNAVAILABLE && status.message.starts_with("connection error: desc = ")
}
