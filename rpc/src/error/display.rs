//! How errors read: Kitex's texts, so that what people search for in their logs stays the same.

use std::fmt::{self, Display};
use std::time::Duration;

use kitewire_proto::GoDuration;

use super::grpc::{Origin, is_connection_error};
use super::{Error, Repr};

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text(f)?;
        match &self.0.cause {
            Some(cause) if cause.is_of_a_layer() => write!(f, ": {cause}"),
            _ => Ok(()),
        }
    }
}

impl Error {
    fn text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.0.place;
        match &self.0.repr {
            Repr::Connect(error) => {
                f.write_str("remote or network error: get connection error: ")?;
                if let Some(peer) = &place.peer {
                    write!(f, "dial {peer}: ")?;
                }
                error.fmt(f)
            }
            // Kitex cannot tell its own numbered errors from the peer's.
            Repr::Call(error) if error.exception_type().is_some() => {
                write!(f, "remote or network error[remote]: {error}")
            }
            Repr::Call(error) => write!(f, "remote or network error: {error}"),
            Repr::Timeout(timeout) => {
                let timeout = GoDuration(timeout.unwrap_or(Duration::ZERO));
                let (to, method) = (&place.service, &place.method);
                write!(
                    f,
                    "rpc timeout: timeout={timeout}, to={to}, method={method}, location=kitex.rpcTimeoutMW"
                )?;
                place.peer.as_ref().map_or(Ok(()), |peer| write!(f, ", remote={peer}"))
            }
            Repr::Remote(exception) => write!(f, "remote or network error[remote]: {exception}"),
            Repr::Status(status, origin) => {
                if *origin == Origin::UnaryCall {
                    f.write_str("remote or network error: ")?;
                }
                match is_connection_error(status) {
                    true => f.write_str(&status.message),
                    false => status.fmt(f),
                }
            }
            Repr::Stream(failure) => failure.exception().fmt(f),
            Repr::Business(status, _) => write!(f, "biz error: code={}, msg={}", status.code, status.message),
            Repr::MissingResult if place.method.is_empty() => f.write_str("missing result"),
            Repr::MissingResult => write!(f, "missing result of {}.{}", place.service, place.method),
            Repr::Malformed(error) => write!(f, "remote or network error: {error}"),
            Repr::Message(error, _) => error.fmt(f),
            Repr::Encode(error) => write!(f, "message cannot be encoded: {error}"),
            Repr::Metadata(error) => write!(f, "metadata cannot be sent: {error}"),
            Repr::Protocol(how) => write!(f, "remote or network error: {how}"),
            Repr::Busy => f.write_str("too many calls in flight"),
            Repr::Configuration(what) => f.write_str(what),
            Repr::Mismatch(how) => f.write_str(how),
            Repr::Registration(error) => error.fmt(f),
            Repr::Handler(error) => error.fmt(f),
            Repr::Typed(exception) => exception.fmt(f),
            Repr::DeadlineExceeded => f.write_str("context deadline exceeded"),
            Repr::Empty => f.write_str("empty reply"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use kitewire_proto::wire::SequenceId;
    use kitewire_proto::{ApplicationException, CallError, CloseReason, ExceptionType};
    use kitewire_runtime::Address;

    use crate::Error;

    #[test]
    fn texts_are_those_of_kitex() {
        let peer = Address::from("127.0.0.1:8888");
        let timeout = Error::timed_out(Some(Duration::from_millis(700))).at("rst", "EchoA", Some(&peer));
        assert_eq!(
            timeout.to_string(),
            "rpc timeout: timeout=700ms, to=rst, method=EchoA, location=kitex.rpcTimeoutMW, remote=127.0.0.1:8888"
        );
        let unknown =
            ApplicationException::new(ExceptionType::UNKNOWN_METHOD, "unknown method EchoA (service ServiceA)");
        assert_eq!(
            Error::remote(unknown).to_string(),
            "remote or network error[remote]: unknown method EchoA (service ServiceA)"
        );
        assert_eq!(
            Error::from(CallError::Closed(CloseReason::PeerClosed)).to_string(),
            "remote or network error: default codec read failed: EOF peer close"
        );
        let order = CallError::OutOfOrderSequence {
            method: "echo".into(),
            expected: SequenceId(1),
            received: SequenceId(2),
        };
        assert_eq!(
            Error::from(order).to_string(),
            "remote or network error[remote]: method[echo] out of order sequence response, expect[1], receive[2]"
        );
        let refused = Error::connect(io::ErrorKind::ConnectionRefused.into()).at("s", "m", Some(&peer));
        assert_eq!(
            refused.to_string(),
            "remote or network error: get connection error: dial 127.0.0.1:8888: connection refused"
        );
    }

    #[test]
    fn an_error_is_one_word_long() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }
}
