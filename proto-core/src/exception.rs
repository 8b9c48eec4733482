//! The application exception: how a server says that a call failed before or outside its declared results.

use std::borrow::Cow;
use std::fmt;

/// The number of an application exception (`TApplicationException` type, KitexProtobuf `TypeID`).
///
/// Handlers may answer with any number; the constants are those that Thrift and Kitex define.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExceptionType(pub i32);

impl ExceptionType {
    /// No further information.
    pub const UNKNOWN: Self = Self(0);
    /// The service is known, the method is not.
    pub const UNKNOWN_METHOD: Self = Self(1);
    /// The envelope's message type is not allowed.
    pub const INVALID_MESSAGE_TYPE: Self = Self(2);
    /// The reply is for another method.
    pub const WRONG_METHOD_NAME: Self = Self(3);
    /// The reply's sequence id is not the request's.
    pub const BAD_SEQUENCE_ID: Self = Self(4);
    /// The reply holds no result.
    pub const MISSING_RESULT: Self = Self(5);
    /// The handler failed, panicked or was forbidden.
    pub const INTERNAL_ERROR: Self = Self(6);
    /// The message could not be decoded.
    pub const PROTOCOL_ERROR: Self = Self(7);
    /// A transform that is not supported.
    pub const INVALID_TRANSFORM: Self = Self(8);
    /// The payload's codec is not the one of the service.
    pub const INVALID_PROTOCOL: Self = Self(9);
    /// The client type is not supported.
    pub const UNSUPPORTED_CLIENT_TYPE: Self = Self(10);
    /// No service matched (Kitex).
    pub const UNKNOWN_SERVICE: Self = Self(20);
    /// The request names no service (Kitex; defined, never sent).
    pub const NO_SERVICE_NAME: Self = Self(21);

    /// The text that a client shows when the exception carries none.
    #[must_use]
    pub const fn default_text(self) -> &'static str {
        match self.0 {
            0 => "unknown application exception",
            1 => "unknown method",
            2 => "invalid message type",
            3 => "wrong method name",
            4 => "bad sequence ID",
            5 => "missing result",
            6 => "unknown internal error",
            7 => "unknown protocol error",
            8 => "Invalid transform",
            9 => "Invalid protocol",
            10 => "Unsupported client type",
            20 => "unknown service",
            _ => "",
        }
    }
}

impl fmt::Debug for ExceptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.default_text() {
            "" => write!(f, "ExceptionType({})", self.0),
            text => write!(f, "ExceptionType({}: {text})", self.0),
        }
    }
}

/// An application exception: a number and a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplicationException {
    /// What kind of failure.
    pub kind: ExceptionType,
    /// Text for people; empty means [`ExceptionType::default_text`].
    pub message: Cow<'static, str>,
}

impl ApplicationException {
    /// An exception of `kind` with `message`.
    pub fn new(kind: ExceptionType, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for ApplicationException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() {
            self.kind.default_text()
        } else {
            &self.message
        })
    }
}

impl std::error::Error for ApplicationException {}
