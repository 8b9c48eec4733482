//! A status, and the statuses that a client makes where no trailers tell one.

use std::fmt;

use super::ContentType;
use super::code::{Code, GRACEFUL_SHUTDOWN};
use super::details::Details;
use super::quoted::Quoted;
use crate::http::{Fields, reason_phrase};
use crate::wire::http2::ErrorCode;

/// How a call ended. It prints as Kitex does, with the code as a number: `rpc error: code = 5 desc = gone`.
///
/// ```
/// use kitewire_proto::wire::grpc::{Code, Status};
///
/// let status = Status::new(Code::NOT_FOUND, "gone");
/// assert_eq!(status.to_string(), "rpc error: code = 5 desc = gone");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// The code; [`Code::OK`] is success.
    pub code: Code,
    /// Text for people.
    pub message: String,
    /// More about the error, for programs.
    pub details: Details,
}

/// Whether the deadline of a call has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallDeadline {
    /// It has not, or there is none.
    Ahead,
    /// It has.
    Passed,
}

impl Status {
    /// A status without details.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Details::new(),
        }
    }

    /// What a client reports when the first header section of a response is not gRPC's, that is, when
    /// [`ContentType::parse`] does not know its content type. It also resets the stream with PROTOCOL_ERROR.
    #[must_use]
    pub fn from_http(head: &Fields) -> Self {
        let status = head.status();
        let mut message = match status {
            0 => "malformed header: missing HTTP status".to_owned(),
            _ => format!("{}: HTTP status code {status}", go_reason_phrase(status)),
        };
        message.push_str("; ");
        match head.get(ContentType::NAME) {
            None => message.push_str("transport: missing content-type field"),
            Some(value) => {
                let text = format!("transport: received the unexpected content-type {}", Quoted(value));
                message.push_str(&text);
            }
        }
        Self::new(Code::from_http(status), message)
    }

    /// What a client reports when the server resets the stream.
    #[must_use]
    pub fn from_reset(code: ErrorCode, deadline: CallDeadline) -> Self {
        if code == GRACEFUL_SHUTDOWN {
            return Self::graceful_shutdown();
        }
        let status = match (Code::from_reset(code), deadline) {
            (Code::CANCELLED, CallDeadline::Passed) => Code::DEADLINE_EXCEEDED,
            (status, _) => status,
        };
        Self::new(
            status,
            format!("stream terminated by RST_STREAM with error code: {code}"),
        )
    }

    /// What a server's handler is told when the client resets the stream; `source` is the request's `source-service`,
    /// empty if it has none.
    #[must_use]
    pub fn from_client_reset(code: ErrorCode, source: &str) -> Self {
        if code == GRACEFUL_SHUTDOWN {
            return Self::graceful_shutdown();
        }
        let message = format!("transport: RSTStream Frame received with error code: {code} [triggered by {source}]");
        Self::new(Code::CANCELLED, message)
    }

    /// What both sides report when the call's time is up.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::new(Code::DEADLINE_EXCEEDED, DEADLINE_EXCEEDED)
    }

    fn graceful_shutdown() -> Self {
        Self::new(Code::UNAVAILABLE, "graceful shutdown")
    }
}

/// The phrase in Go's words, which are older than RFC 9110's.
const fn go_reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        407 => "Proxy Authentication Required",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        416 => "Requested Range Not Satisfiable",
        418 => "I'm a teapot",
        422 => "Unprocessable Entity",
        511 => "Network Authentication Required",
        _ => reason_phrase(status),
    }
}

/// In Go's words.
pub(crate) const DEADLINE_EXCEEDED: &str = "context deadline exceeded";

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {} desc = {}", self.code.0, self.message)
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_is_not_grpc() {
        let rows = [
            (
                404,
                Some("text/html"),
                12,
                r#"Not Found: HTTP status code 404; transport: received the unexpected content-type "text/html""#,
            ),
            (
                103,
                None,
                2,
                "Early Hints: HTTP status code 103; transport: missing content-type field",
            ),
            (
                0,
                Some("application/grpcx"),
                13,
                "malformed header: missing HTTP status; \
                 transport: received the unexpected content-type \"application/grpcx\"",
            ),
        ];
        for (status, content_type, code, message) in rows {
            let mut head = Fields::new();
            if status != 0 {
                head.set_response(status);
            }
            if let Some(value) = content_type {
                head.push("content-type", value);
            }
            assert_eq!(Status::from_http(&head), Status::new(Code(code), message));
        }
    }

    #[test]
    fn a_stream_that_was_reset() {
        let rows = [
            (2, CallDeadline::Ahead, 13, "INTERNAL_ERROR"),
            (8, CallDeadline::Ahead, 1, "CANCEL"),
            (8, CallDeadline::Passed, 4, "CANCEL"),
            (7, CallDeadline::Passed, 14, "REFUSED_STREAM"),
            (14, CallDeadline::Ahead, 2, "unknown error code 0xe"),
        ];
        for (reset, deadline, code, name) in rows {
            let status = Status::from_reset(ErrorCode(reset), deadline);
            let message = format!("stream terminated by RST_STREAM with error code: {name}");
            assert_eq!(status, Status::new(Code(code), message));
        }
        let shutdown = Status::new(Code(14), "graceful shutdown");
        assert_eq!(Status::from_reset(ErrorCode(1000), CallDeadline::Passed), shutdown);
        assert_eq!(Status::from_client_reset(ErrorCode(1000), "a"), shutdown);
        let message = "transport: RSTStream Frame received with error code: CANCEL [triggered by a.b]";
        assert_eq!(
            Status::from_client_reset(ErrorCode::CANCEL, "a.b"),
            Status::new(Code(1), message)
        );
    }
}
