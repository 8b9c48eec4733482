//! The exception in a trailer or rst frame: a Thrift message of type EXCEPTION.

use std::borrow::Cow;
use std::fmt;

use super::StreamId;
use crate::buf::Output;
use crate::config::Limits;
use crate::exception::{ApplicationException, ExceptionType};
use crate::thrift::{Reader, Struct, Writer};
use crate::wire::{MessageType, SequenceId, thrift_message};

/// Appends an exception as the payload of a frame.
///
/// The method must have a name, as the format has no message without one.
pub fn write_exception(out: &mut Output, id: StreamId, method: &[u8], kind: ExceptionType, message: &str) {
    thrift_message::write_envelope(out, MessageType::Exception, method, SequenceId(id.get()));
    let exception = ApplicationException {
        kind,
        message: Cow::Owned(message.to_owned()),
    };
    exception.encode(&mut Writer::new(out));
}

/// Reads the exception that a payload is.
///
/// # Errors
/// The payload is something else.
pub fn read_exception(payload: &[u8]) -> Result<ApplicationException, BadException> {
    let envelope = match thrift_message::parse(payload, &Limits::default()) {
        Ok(Some(envelope)) => envelope,
        Ok(None) => return Err(BadException::Undecodable),
        Err(_) => return Err(BadException::Undecodable),
    };
    if envelope.message_type != MessageType::Exception {
        return Err(BadException::MessageType(envelope.message_type));
    }
    let body = payload.get(envelope.body_start()..).unwrap_or(&[]);
    let mut reader = Reader::new(body, EXCEPTION_DEPTH);
    ApplicationException::decode(&mut reader).map_err(|_| BadException::Undecodable)
}

/// Why a payload is no exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadException {
    /// A message of another type.
    MessageType(MessageType),
    /// No message, or a body that is no exception.
    Undecodable,
}

impl fmt::Display for BadException {
    /// In Kitex's words where it has some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageType(found) => {
                write!(f, "thrift message type want Exception, but got {found:?}")
            }
            Self::Undecodable => f.write_str("malformed exception"),
        }
    }
}

const EXCEPTION_DEPTH: u16 = 16;
