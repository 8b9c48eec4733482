//! Status codes, and what other protocols' codes become.

use std::fmt;

use crate::wire::http2::ErrorCode;

/// The code of Kitex's own with which a server resets its streams when a graceful shutdown takes too long.
pub const GRACEFUL_SHUTDOWN: ErrorCode = ErrorCode(1000);

/// How a call ended. Any number is legal and kept: Kitex copies the type of a Thrift application exception here, so
/// that an unknown service has 20 and an unknown method 1, which is also [`Self::CANCELLED`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Code(pub i32);

impl Code {
    /// The call went well.
    pub const OK: Self = Self(0);
    /// The caller gave the call up.
    pub const CANCELLED: Self = Self(1);
    /// An error of no known kind.
    pub const UNKNOWN: Self = Self(2);
    /// The request is wrong, whatever the state of the server.
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// The deadline passed first.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// Something that was asked for is not there.
    pub const NOT_FOUND: Self = Self(5);
    /// Something to be made is there already.
    pub const ALREADY_EXISTS: Self = Self(6);
    /// The caller may not do this.
    pub const PERMISSION_DENIED: Self = Self(7);
    /// A quota or a limit is used up.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// The server is not in the state that the call needs.
    pub const FAILED_PRECONDITION: Self = Self(9);
    /// The operation lost against another one.
    pub const ABORTED: Self = Self(10);
    /// A position past the end.
    pub const OUT_OF_RANGE: Self = Self(11);
    /// There is no such method.
    pub const UNIMPLEMENTED: Self = Self(12);
    /// Something that must not happen happened; Kitex's code of every error without one.
    pub const INTERNAL: Self = Self(13);
    /// The server cannot be reached just now.
    pub const UNAVAILABLE: Self = Self(14);
    /// Data is lost or damaged.
    pub const DATA_LOSS: Self = Self(15);
    /// The caller did not say who it is.
    pub const UNAUTHENTICATED: Self = Self(16);
    /// No message came in time. Kitex's own; made by clients and never sent.
    pub const RECV_DEADLINE_EXCEEDED: Self = Self(17);

    /// The code's name in gRPC's documents, if it has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "OK",
            1 => "CANCELLED",
            2 => "UNKNOWN",
            3 => "INVALID_ARGUMENT",
            4 => "DEADLINE_EXCEEDED",
            5 => "NOT_FOUND",
            6 => "ALREADY_EXISTS",
            7 => "PERMISSION_DENIED",
            8 => "RESOURCE_EXHAUSTED",
            9 => "FAILED_PRECONDITION",
            10 => "ABORTED",
            11 => "OUT_OF_RANGE",
            12 => "UNIMPLEMENTED",
            13 => "INTERNAL",
            14 => "UNAVAILABLE",
            15 => "DATA_LOSS",
            16 => "UNAUTHENTICATED",
            17 => "RECV_DEADLINE_EXCEEDED",
            _ => return None,
        })
    }

    /// The code for a response that is not gRPC's, by its `:status`; 0 says that there was none.
    #[must_use]
    pub const fn from_http(status: u16) -> Self {
        match status {
            0 | 400 => Self::INTERNAL,
            401 => Self::UNAUTHENTICATED,
            403 => Self::PERMISSION_DENIED,
            404 => Self::UNIMPLEMENTED,
            429 | 502..=504 => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }

    /// The code for a stream that the server reset. [`ErrorCode::CANCEL`] is [`Self::CANCELLED`] here; a client
    /// whose deadline has passed makes it [`Self::DEADLINE_EXCEEDED`].
    #[must_use]
    pub const fn from_reset(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NO_ERROR
            | ErrorCode::PROTOCOL_ERROR
            | ErrorCode::INTERNAL_ERROR
            | ErrorCode::SETTINGS_TIMEOUT
            | ErrorCode::STREAM_CLOSED
            | ErrorCode::FRAME_SIZE_ERROR
            | ErrorCode::COMPRESSION_ERROR
            | ErrorCode::CONNECT_ERROR
            | ErrorCode::HTTP_1_1_REQUIRED => Self::INTERNAL,
            ErrorCode::FLOW_CONTROL_ERROR | ErrorCode::ENHANCE_YOUR_CALM => Self::RESOURCE_EXHAUSTED,
            ErrorCode::REFUSED_STREAM | GRACEFUL_SHUTDOWN => Self::UNAVAILABLE,
            ErrorCode::CANCEL => Self::CANCELLED,
            ErrorCode::INADEQUATE_SECURITY => Self::PERMISSION_DENIED,
            _ => Self::UNKNOWN,
        }
    }

    /// The code with which a server resets a stream whose header section it refuses; in practice that is
    /// [`Self::INTERNAL`] and no other.
    #[must_use]
    pub const fn to_reset(self) -> ErrorCode {
        match self {
            Self::CANCELLED => ErrorCode::CANCEL,
            Self::UNAVAILABLE => ErrorCode::REFUSED_STREAM,
            Self::RESOURCE_EXHAUSTED => ErrorCode::ENHANCE_YOUR_CALM,
            Self::PERMISSION_DENIED => ErrorCode::INADEQUATE_SECURITY,
            _ => ErrorCode::INTERNAL_ERROR,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "code {}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_documents() {
        assert_eq!((0..=17).filter_map(|code| Code(code).name()).count(), 18);
        assert_eq!(Code(17).to_string(), "RECV_DEADLINE_EXCEEDED");
        assert_eq!(Code(20).to_string(), "code 20");
        assert_eq!(Code(-1).name(), None);
        assert_eq!(Code::default(), Code::OK);
    }

    #[test]
    fn codes_of_http() {
        let rows = [
            (0, 13),
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (429, 14),
            (502, 14),
            (503, 14),
            (504, 14),
            (103, 2),
            (200, 2),
            (418, 2),
            (500, 2),
            (505, 2),
        ];
        for (status, code) in rows {
            assert_eq!(Code::from_http(status), Code(code), "{status}");
        }
    }

    #[test]
    fn codes_of_resets() {
        let codes = [13, 13, 13, 8, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13, 2];
        for (reset, code) in (0..).zip(codes) {
            assert_eq!(Code::from_reset(ErrorCode(reset)), Code(code), "{reset}");
        }
        assert_eq!(Code::from_reset(ErrorCode(1000)), Code::UNAVAILABLE);
        assert_eq!(Code::from_reset(ErrorCode(u32::MAX)), Code::UNKNOWN);
        for (code, reset) in [(13, 2), (1, 8), (14, 7), (8, 11), (7, 12), (0, 2), (99, 2)] {
            assert_eq!(Code(code).to_reset(), ErrorCode(reset), "{code}");
        }
    }
}
