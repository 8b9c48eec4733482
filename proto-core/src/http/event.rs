//! What a connection that serves plain requests tells its driver.

use super::RequestId;
use crate::error::CloseReason;
use crate::http2::ErrorCode;

/// What a connection that serves plain requests tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A whole request is there and wants an answer.
    Request {
        /// The request.
        id: RequestId,
    },
    /// Nobody waits for the answer to this request any more. The handler may run on; responding does no harm.
    Cancelled {
        /// The request.
        id: RequestId,
    },
    /// A request reached no handler and was answered here. For logs and metrics.
    Refused {
        /// The status code of the answer.
        status: u16,
        /// What was wrong with the request.
        why: &'static str,
    },
    /// HTTP/2: a stream was reset before its request was whole. For logs and metrics.
    Rejected {
        /// The code of the reset.
        code: ErrorCode,
        /// What was wrong with the stream.
        why: &'static str,
    },
    /// The connection is over, once its last bytes are sent. The last event.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// A request that is answered without a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) why: &'static str,
}

impl Refusal {
    #[cold]
    pub(crate) const fn new(status: u16, why: &'static str) -> Self {
        Self { status, why }
    }
}
