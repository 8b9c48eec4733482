//! How a stream ends otherwise than well.

use std::fmt;
use std::time::Duration;

use crate::exception::{ApplicationException, ExceptionType};
use crate::status::BusinessStatus;

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer has said everything.
    Ok,
    /// The application on the other side said no.
    Business(BusinessStatus),
    /// Anything else.
    Exception(Exception),
}

/// What a server ends a stream with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything is said.
    Ok,
    /// A business status, in the entries of the trailer.
    Business(BusinessStatus),
    /// An exception, as the payload of the trailer.
    Exception(ApplicationException),
}

/// Kitex's exception of a stream: a code, a text, the side that shows it and the way that a cancel has come.
///
/// ```
/// use kitewire_proto::ttstream::{Class, Exception, Side};
///
/// let mut exception = Exception::canceled_by_user().on(Side::Server);
/// exception.path = "A,B".to_owned();
/// exception.class = Class::Canceled;
/// let text = "[ttstream error, code=12007] [server-side stream] [canceled path: A -> B] user code invoking stream RPC \
///             with context processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively";
/// assert_eq!(exception.to_string(), text);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The code; those of this side are the constants of [`code`], a peer may send any.
    pub code: i32,
    /// What kind of failure it is. It belongs to the side that shows it, not to the code.
    pub class: Class,
    /// Which end of the stream shows it; none for what concerns a whole connection.
    pub side: Option<Side>,
    /// The services that a cancel has come through, joined by commas; empty for none.
    pub path: String,
    /// The text.
    pub message: String,
    /// The type of the exception in a trailer, where it is that.
    pub remote: Option<ExceptionType>,
}

/// Kinds of failures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// The other side's application failed.
    Application,
    /// A peer or the application broke the protocol, or the connection is lost.
    Protocol,
    /// Somebody gave the stream up.
    Canceled,
    /// This side waited too long.
    Timeout,
}

/// The ends of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The one that opened it.
    Client,
    /// The one that serves it.
    Server,
}

/// Codes of exceptions.
pub mod code {
    /// The server ended the stream with an exception.
    pub const APPLICATION: i32 = 12001;
    /// A second header frame.
    pub const UNEXPECTED_HEADER: i32 = 12002;
    /// A business status whose extra cannot be read.
    pub const ILLEGAL_BUSINESS: i32 = 12003;
    /// A frame that cannot be read or written.
    pub const ILLEGAL_FRAME: i32 = 12004;
    /// Sending after the end.
    pub const ILLEGAL_OPERATION: i32 = 12005;
    /// The connection is gone.
    pub const CONNECTION_CLOSED: i32 = 12006;
    /// The caller gave the stream up.
    pub const CANCELED_BY_USER: i32 = 12007;
    /// Kitex's default of an rst from the server; what the rst holds takes its place.
    pub const CANCELED_BY_DOWNSTREAM: i32 = 12009;
    /// Kitex's default of an rst from the client; what the rst holds takes its place.
    pub const CANCELED_BY_UPSTREAM: i32 = 12010;
    /// Given up for a reason that is no exception of a stream.
    pub const INTERNAL_CANCELED: i32 = 12011;
    /// The handler has returned.
    pub const HANDLER_RETURNED: i32 = 12012;
    /// A server's stream lost its connection.
    pub const CANCELED_WITH_CONNECTION: i32 = 12013;
    /// A message did not come in time.
    pub const RECV_TIMEOUT: i32 = 12014;
    /// The stream took too long.
    pub const STREAM_TIMEOUT: i32 = 12015;
}

/// What stands in the path for a cancel that did not begin on a stream.
pub const FOREIGN_PATH: &str = "non-ttstream path";

impl Exception {
    /// An exception without side and path.
    #[must_use]
    pub fn new(code: i32, class: Class, message: impl Into<String>) -> Self {
        Self {
            code,
            class,
            side: None,
            path: String::new(),
            message: message.into(),
            remote: None,
        }
    }

    /// The caller gave the stream up.
    #[must_use]
    pub fn canceled_by_user() -> Self {
        let text = "user code invoking stream RPC with context processed by context.WithCancel or \
                    context.WithTimeout, then invoking cancel() actively";
        Self::new(code::CANCELED_BY_USER, Class::Canceled, text).on(Side::Client)
    }

    /// A message did not come in time; `config` is how Go prints Kitex's setting.
    #[must_use]
    pub fn recv_timeout(config: impl fmt::Display) -> Self {
        let text = format!("stream Recv timeout, timeout config={config}");
        Self::new(code::RECV_TIMEOUT, Class::Timeout, text).on(Side::Client)
    }

    /// The stream took longer than `timeout`.
    #[must_use]
    pub fn stream_timeout(timeout: Option<Duration>) -> Self {
        let text = match timeout {
            Some(timeout) => format!("stream timeout, timeout in ctx: {}", crate::GoDuration(timeout)),
            None => "stream timeout, no explicit timeout set in stream ctx".to_owned(),
        };
        Self::new(code::STREAM_TIMEOUT, Class::Timeout, text).on(Side::Client)
    }

    /// The handler that the stream belongs to has returned.
    #[must_use]
    pub fn handler_returned() -> Self {
        let text = "canceled by business handler returning";
        Self::new(code::HANDLER_RETURNED, Class::Canceled, text)
    }

    /// The connection that the stream, or the call it belongs to, came over is gone. `cause` is what broke it, if not its
    /// end alone.
    #[must_use]
    pub fn canceled_with_connection(cause: Option<&Self>) -> Self {
        let text = match cause {
            Some(cause) => cause.to_string(),
            None => "canceled by connection closed".to_owned(),
        };
        Self::new(code::CANCELED_WITH_CONNECTION, Class::Canceled, text)
    }

    /// Given up for a reason that is no exception of a stream.
    #[must_use]
    pub fn foreign(reason: impl Into<String>) -> Self {
        let mut exception = Self::new(code::INTERNAL_CANCELED, Class::Canceled, reason).on(Side::Client);
        exception.path = FOREIGN_PATH.to_owned();
        exception
    }

    /// Sending after the end.
    #[must_use]
    pub fn closed_send() -> Self {
        Self::new(code::ILLEGAL_OPERATION, Class::Protocol, "stream is closed send")
    }

    /// The connection is gone.
    #[must_use]
    pub fn connection_closed(reason: impl Into<String>) -> Self {
        Self::new(code::CONNECTION_CLOSED, Class::Protocol, reason)
    }

    /// Bytes that are no frame.
    #[must_use]
    pub fn illegal_frame(reason: impl Into<String>) -> Self {
        Self::new(code::ILLEGAL_FRAME, Class::Protocol, reason)
    }

    /// What a peer said.
    pub(super) fn remote(code: i32, class: Class, text: &str) -> Self {
        Self::new(code, class, beginning(text, MAX_TEXT))
    }

    /// This exception as `side` shows it.
    #[must_use]
    pub const fn on(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }

    /// What a stream is given up with because the call that it belongs to ended with this: code, text and path stay.
    /// Where it is sent, the own name comes behind the path.
    #[must_use]
    pub fn passed_on(&self) -> Self {
        Self {
            class: Class::Canceled,
            side: Some(Side::Client),
            remote: None,
            ..self.clone()
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[ttstream error, code={}] ", self.code)?;
        match self.side {
            Some(Side::Client) => f.write_str("[client-side stream] ")?,
            Some(Side::Server) => f.write_str("[server-side stream] ")?,
            None => {}
        }
        if !self.path.is_empty() {
            write!(f, "[canceled path: {}] ", self.path.replace(',', " -> "))?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exception {}

/// As much of a peer's text as is kept: it stays for as long as its stream is not released.
pub(super) fn beginning(text: &str, limit: usize) -> &str {
    let ends = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= limit);
    match text.len() > limit {
        true => text.get(..ends.last().unwrap_or(0)).unwrap_or(""),
        false => text,
    }
}

/// Bytes of the text of an exception that are kept.
pub(super) const MAX_TEXT: usize = 16 * 1024;
/// Bytes of the way of a cancel that are kept.
pub(super) const MAX_PATH: usize = 4 * 1024;
