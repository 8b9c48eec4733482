//! Errors and the exceptions of streams over TTHeader.

use kitewire_proto::ttstream::{Class, Ending, Exception, code};
use kitewire_proto::wire::grpc::Code;
use kitewire_proto::{ApplicationException, ExceptionType};

use super::{Error, ErrorKind, Repr};

/// How a stream over TTHeader failed.
#[derive(Debug)]
pub(super) struct StreamFailure {
    exception: Exception,
    /// What the server answered with, if it was that.
    remote: Option<ApplicationException>,
}

impl Error {
    /// The exception that a stream over TTHeader failed with.
    ///
    /// ```
    /// # use kitewire::{Error, ErrorKind, StreamException};
    /// let error = Error::from(StreamException::canceled_by_user());
    /// assert_eq!(error.kind(), ErrorKind::Cancelled);
    /// assert_eq!(error.stream_exception().map(|exception| exception.code), Some(12007));
    /// ```
    #[must_use]
    pub fn stream_exception(&self) -> Option<&Exception> {
        match &self.0.repr {
            Repr::Stream(failure) => Some(&failure.exception),
            _ => None,
        }
    }

    /// What a stream over TTHeader ends with when its handler ended with this error.
    pub(crate) fn ending(&self) -> Ending {
        if let Some((status, _)) = self.business_inside() {
            return Ending::Business(status.clone());
        }
        match &self.0.repr {
            Repr::Empty => Ending::Ok,
            // Kitex sends one type for everything, and shows none.
            _ => {
                let text = format!("biz error: {self}");
                Ending::Exception(ApplicationException::new(ExceptionType::INTERNAL_ERROR, text))
            }
        }
    }
}

impl StreamFailure {
    pub(super) const fn exception(&self) -> &Exception {
        &self.exception
    }

    pub(super) const fn remote(&self) -> Option<&ApplicationException> {
        self.remote.as_ref()
    }

    pub(super) const fn kind(&self) -> ErrorKind {
        match self.exception.class {
            Class::Application => ErrorKind::Remote,
            Class::Canceled => ErrorKind::Cancelled,
            Class::Timeout => ErrorKind::Timeout,
            Class::Protocol => match self.exception.code {
                code::CONNECTION_CLOSED => ErrorKind::Transport,
                _ => ErrorKind::Protocol,
            },
        }
    }

    /// Its code in gRPC's terms.
    pub(super) fn code(&self) -> Code {
        match (self.kind(), &self.remote) {
            (_, Some(remote)) => Code(remote.kind.0),
            (ErrorKind::Cancelled, _) => Code::CANCELLED,
            (ErrorKind::Timeout, _) if self.exception.code == code::RECV_TIMEOUT => Code::RECV_DEADLINE_EXCEEDED,
            (ErrorKind::Timeout, _) => Code::DEADLINE_EXCEEDED,
            (ErrorKind::Transport, _) => Code::UNAVAILABLE,
            _ => Code::INTERNAL,
        }
    }
}

impl From<Exception> for Error {
    fn from(exception: Exception) -> Self {
        let remote = (exception.class == Class::Application).then(|| {
            let kind = exception.remote.unwrap_or(ExceptionType::INTERNAL_ERROR);
            ApplicationException::new(kind, exception.message.clone())
        });
        Self::of(Repr::Stream(StreamFailure { exception, remote }))
    }
}

/// What sending a header, or changing it, is refused with when it has been sent.
pub(crate) fn stream_header_is_sent() -> Error {
    Error::mismatch("stream header already sent".to_owned())
}
