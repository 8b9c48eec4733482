//! The one error type of servers and clients.

mod display;
mod grpc;
mod shared;
mod stream;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use kitewire_proto::dispatch::RegistrationError;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::Status;
use kitewire_proto::wire::grpc::metadata::MetadataError;
use kitewire_proto::{
    ApplicationException, BusinessStatus, CallError, CloseReason, DecodeError, EncodeError, ExceptionType, OpenError,
    ReplyOutcome,
};
use kitewire_runtime::Address;

use crate::Metadata;
use grpc::{Origin, is_connection_error};
pub(crate) use grpc::{header_is_fixed, header_is_sent, stream_is_done};
pub(crate) use shared::SharedError;
use stream::StreamFailure;
pub(crate) use stream::stream_header_is_sent;

/// Why a call failed, or why a handler has no result.
///
/// A **caller** asks for [`Self::kind`], and for the details that a kind has: [`Self::exception`],
/// [`Self::business_status`], [`Self::method`], [`Self::peer`]. Texts are Kitex's where Kitex has one.
///
/// A **handler** makes one, and what it makes decides what the caller gets:
///
/// | handler returns | caller gets | over gRPC |
/// |---|---|---|
/// | [`Error::business`] | that status; the call itself went through | the same, in a status of code 13 or of its [own](Self::with_status) |
/// | [`Error::status`], or an error of a stream handed on with `?` | exception type 6, `biz error: rpc error: …` | that code, `<text> [biz error]`, and its details |
/// | [`Error::application`] | an exception of that type, `<text> [biz error]` | the type as the code, the same text |
/// | [`Error::new`], or an error of an outgoing call handed on with `?` | exception type 6, `biz error: <text>`; a business status among its causes counts as such | code 13, `<text> [biz error]`; likewise |
/// | [`Error::deadline_exceeded`] | exception type 6, `biz error: context deadline exceeded` | code 4, `context deadline exceeded [biz error]` |
/// | [`Error::reply_empty`] | a reply without any result | the same |
///
/// A stream over TTHeader ends with a business status as it is, and with exception type 6, `biz error: <text>`, for
/// everything else, as with Kitex.
///
/// The words ` [biz error]` are said over gRPC to callers that know Kitex's ways: those that speak Thrift, and those whose
/// user agent begins with `kitex/`. grpc-go, tonic and others get the text alone.
///
/// ```
/// use kitewire::{Error, ErrorKind};
///
/// let error = Error::business(404, "no such item").with_extra("item", "7");
/// assert_eq!(error.kind(), ErrorKind::Business);
/// assert_eq!(error.business_status().map(|status| status.code), Some(404));
/// assert_eq!(error.to_string(), "biz error: code=404, msg=no such item");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    repr: Repr,
    place: Place,
    backward: Vec<(String, String)>,
    /// The header and trailer of an answer over gRPC, where somebody asked for them.
    beside: Option<Box<(Metadata, Metadata)>>,
    /// What the socket said, where that ended the call.
    cause: Option<SharedError>,
}

/// Which call it was.
#[derive(Debug, Default)]
struct Place {
    service: Cow<'static, str>,
    method: Cow<'static, str>,
    peer: Option<Address>,
}

#[derive(Debug)]
enum Repr {
    Connect(io::Error),
    Call(CallError),
    Timeout(Option<Duration>),
    Remote(ApplicationException),
    /// With a status of its own, where it has one.
    Business(BusinessStatus, Option<Box<Status>>),
    Status(Status, Origin),
    /// How a stream over TTHeader failed.
    Stream(StreamFailure),
    MissingResult,
    Malformed(DecodeError),
    /// A message of a stream, and what it should have been.
    Message(DecodeError, Codec),
    Encode(EncodeError),
    Metadata(MetadataError),
    /// The other side breaks the protocol; how it does.
    Protocol(&'static str),
    Busy,
    Configuration(Cow<'static, str>),
    /// A method is called in a way that it is not declared for.
    Mismatch(String),
    Registration(RegistrationError),
    Handler(Box<dyn StdError + Send + Sync>),
    Typed(ApplicationException),
    DeadlineExceeded,
    Empty,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection could be made. Nothing was sent.
    Connect,
    /// The connection failed or ended before the answer came. The server may have run the call.
    Transport,
    /// The answer is not what the protocol asks for.
    Protocol,
    /// No answer in time, or no message of a stream (codes 4 and 17; over TTHeader 12014 and 12015). The server may have
    /// run the call.
    Timeout,
    /// The server answered with an application exception: see [`Error::exception`].
    Remote,
    /// The application on the other side said no: see [`Error::business_status`]. The call itself went through.
    Business,
    /// The call ended with a gRPC status: see [`Error::grpc_status`] and [`Error::code`].
    Status,
    /// The call was given up, or the peer has gone (code 1; over TTHeader several between 12007 and 12015).
    Cancelled,
    /// The answer holds no result.
    MissingResult,
    /// The message has no encoding, metadata is none, or the method is called in a way that it is not declared for.
    /// Nothing was sent.
    InvalidRequest,
    /// As many calls are in flight as the limits allow. Nothing was sent.
    Busy,
    /// Settings that contradict each other.
    Configuration,
    /// Made by application code, with [`Error::new`] or [`Error::application`].
    Application,
    /// A handler's wish to answer without a result.
    ReplyEmpty,
}

impl Error {
    /// A plain failure of a handler, from a text or from any other error.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of(Repr::Handler(cause.into()))
    }

    /// A failure of a handler with an exception number of its own choice.
    pub fn application(kind: ExceptionType, message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Repr::Typed(ApplicationException::new(kind, message)))
    }

    /// A business status: the application says no, the call itself is fine. Code 0 reads as success on the other side.
    pub fn business(code: i32, message: impl Into<String>) -> Self {
        BusinessStatus {
            code,
            message: message.into(),
            extra: Vec::new(),
        }
        .into()
    }

    /// What a handler returns that found its deadline passed. Nobody may be there to read it.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        Self::of(Repr::DeadlineExceeded)
    }

    /// What a handler returns to answer with an empty result struct, on purpose: a Kitex client reads nil, ours reports
    /// [`ErrorKind::MissingResult`].
    #[must_use]
    pub fn reply_empty() -> Self {
        Self::of(Repr::Empty)
    }

    /// For generated code: the answer has none of the declared results.
    #[must_use]
    pub fn missing_result() -> Self {
        Self::of(Repr::MissingResult)
    }

    /// Adds a detail to a business status. Other errors stay as they are.
    #[must_use]
    pub fn with_extra(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        if let Repr::Business(status, _) = &mut self.0.repr {
            status.extra.push((key.into(), value.into()));
        }
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0.repr {
            Repr::Connect(_) => ErrorKind::Connect,
            Repr::Call(CallError::TimedOut) | Repr::Timeout(_) => ErrorKind::Timeout,
            Repr::Call(CallError::Closed(_)) => ErrorKind::Transport,
            Repr::Call(_) | Repr::Malformed(_) | Repr::Message(..) | Repr::Protocol(_) => ErrorKind::Protocol,
            Repr::Remote(_) => ErrorKind::Remote,
            Repr::Business(..) => ErrorKind::Business,
            Repr::Status(status, _) if is_connection_error(status) => ErrorKind::Transport,
            Repr::Status(status, _) => grpc::kind_of(status.code),
            Repr::Stream(failure) => failure.kind(),
            Repr::MissingResult => ErrorKind::MissingResult,
            Repr::Encode(_) | Repr::Metadata(_) | Repr::Mismatch(_) => ErrorKind::InvalidRequest,
            Repr::Busy => ErrorKind::Busy,
            Repr::Configuration(_) | Repr::Registration(_) => ErrorKind::Configuration,
            Repr::Handler(_) | Repr::Typed(_) | Repr::DeadlineExceeded => ErrorKind::Application,
            Repr::Empty => ErrorKind::ReplyEmpty,
        }
    }

    /// Whether no answer came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// The business status, if that is what it is.
    #[must_use]
    pub fn business_status(&self) -> Option<&BusinessStatus> {
        match &self.0.repr {
            Repr::Business(status, _) => Some(status),
            _ => None,
        }
    }

    /// The application exception that the server answered with, or that a handler made.
    #[must_use]
    pub fn exception(&self) -> Option<&ApplicationException> {
        match &self.0.repr {
            Repr::Remote(exception) | Repr::Typed(exception) => Some(exception),
            Repr::Stream(failure) => failure.remote(),
            _ => None,
        }
    }

    /// The method that was called; empty when there was no call.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.0.place.method
    }

    /// The service that was called; empty when there was no call.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.0.place.service
    }

    /// Where the call went, once that was known.
    #[must_use]
    pub const fn peer(&self) -> Option<&Address> {
        self.0.place.peer.as_ref()
    }

    /// Backward metainfo that came with the failure; only for calls that asked for it with
    /// [`full`](crate::ClientCall::full).
    #[must_use]
    pub fn backward(&self) -> &[(String, String)] {
        &self.0.backward
    }

    fn of(repr: Repr) -> Self {
        Self(Box::new(Inner {
            repr,
            place: Place::default(),
            backward: Vec::new(),
            beside: None,
            cause: None,
        }))
    }
}

/// What the other rooms of this crate make and need.
impl Error {
    pub(crate) fn connect(error: io::Error) -> Self {
        Self::of(Repr::Connect(error))
    }

    /// Notes what the socket said, for a call that ended with it.
    pub(crate) fn because(mut self, cause: Option<SharedError>) -> Self {
        self.0.cause = cause;
        self
    }

    pub(crate) fn timed_out(timeout: Option<Duration>) -> Self {
        Self::of(Repr::Timeout(timeout))
    }

    pub(crate) fn remote(exception: ApplicationException) -> Self {
        Self::of(Repr::Remote(exception))
    }

    pub(crate) fn malformed(error: DecodeError) -> Self {
        Self::of(Repr::Malformed(error))
    }

    /// A message of a stream that does not decode.
    pub(crate) fn message(error: DecodeError, codec: Codec) -> Self {
        Self::of(Repr::Message(error, codec))
    }

    pub(crate) fn encode(error: EncodeError) -> Self {
        Self::of(Repr::Encode(error))
    }

    pub(crate) fn metadata(error: MetadataError) -> Self {
        Self::of(Repr::Metadata(error))
    }

    /// The other side breaks the protocol in a way that has a text of its own.
    pub(crate) fn protocol(how: &'static str) -> Self {
        Self::of(Repr::Protocol(how))
    }

    pub(crate) fn registration(error: RegistrationError) -> Self {
        Self::of(Repr::Registration(error))
    }

    pub(crate) fn mismatch(how: String) -> Self {
        Self::of(Repr::Mismatch(how))
    }

    pub(crate) fn configuration(what: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Repr::Configuration(what.into()))
    }

    /// Names the call that failed, where that is not known yet.
    pub(crate) fn at(mut self, service: &str, method: &str, peer: Option<&Address>) -> Self {
        let place = &mut self.0.place;
        if place.method.is_empty() {
            place.service = Cow::Owned(service.to_owned());
            place.method = Cow::Owned(method.to_owned());
        }
        if place.peer.is_none() {
            place.peer = peer.cloned();
        }
        self
    }

    pub(crate) fn with_backward(mut self, backward: Vec<(String, String)>) -> Self {
        self.0.backward = backward;
        self
    }

    /// What a server answers when a handler ended with this error.
    pub(crate) fn answer<T>(&self, send: impl FnOnce(ReplyOutcome<'_>) -> T) -> T {
        if let Some((status, _)) = self.business_inside() {
            return send(ReplyOutcome::Business { status, result: None });
        }
        match &self.0.repr {
            Repr::Empty => send(ReplyOutcome::Empty),
            Repr::Typed(exception) => {
                let text = format!("{exception} [biz error]");
                send(ReplyOutcome::Exception(&ApplicationException::new(
                    exception.kind,
                    text,
                )))
            }
            _ => {
                let text = format!("biz error: {self}");
                let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
                send(ReplyOutcome::Exception(&exception))
            }
        }
    }

    /// As Kitex, a business status counts wherever it is in the chain of causes. With it its own gRPC status, if it has
    /// one.
    fn business_inside(&self) -> Option<(&BusinessStatus, Option<&Status>)> {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(Repr::Business(status, own)) = error.downcast_ref::<Self>().map(|error| &error.0.repr) {
                return Some((status, own.as_deref()));
            }
            if let Some(status) = error.downcast_ref() {
                return Some((status, None));
            }
            cause = error.source();
        }
        None
    }
}

impl From<BusinessStatus> for Error {
    fn from(status: BusinessStatus) -> Self {
        Self::of(Repr::Business(status, None))
    }
}

impl From<ApplicationException> for Error {
    fn from(exception: ApplicationException) -> Self {
        Self::of(Repr::Typed(exception))
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::of(match error {
            CallError::TimedOut => Repr::Timeout(None),
            other => Repr::Call(other),
        })
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::of(match error {
            OpenError::Encode(error) => Repr::Encode(error),
            OpenError::Busy => Repr::Busy,
            _ => Repr::Call(CallError::Closed(CloseReason::PeerDrained)),
        })
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.kind()).field("text", &self.to_string());
        if !self.0.place.method.is_empty() {
            shown.field("method", &self.0.place.method);
        }
        if let Some(peer) = self.peer() {
            shown.field("peer", peer);
        }
        if !self.0.backward.is_empty() {
            shown.field("backward", &self.0.backward);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Some(cause) = &self.0.cause {
            return Some(cause);
        }
        match &self.0.repr {
            Repr::Connect(error) => Some(error),
            Repr::Call(error) => Some(error),
            Repr::Remote(exception) | Repr::Typed(exception) => Some(exception),
            Repr::Business(status, _) => Some(status),
            Repr::Status(status, _) => Some(status),
            Repr::Stream(failure) => Some(failure.exception()),
            Repr::Malformed(error) | Repr::Message(error, _) => Some(error),
            Repr::Encode(error) => Some(error),
            Repr::Metadata(error) => Some(error),
            Repr::Registration(error) => Some(error),
            Repr::Handler(error) => Some(&**error),
            Repr::Timeout(_)
            | Repr::MissingResult
            | Repr::Protocol(_)
            | Repr::Busy
            | Repr::Configuration(_)
            | Repr::Mismatch(_)
            | Repr::DeadlineExceeded
            | Repr::Empty => None,
        }
    }
}
