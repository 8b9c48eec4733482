//! Ping-pong: one request, one reply, over bare, framed and TTHeader messages.

mod answer;
mod call_error;
mod client;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
mod frame;
mod header;
mod incoming;
mod message;
mod reply;
mod request;
mod server;
mod slots;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::buf::Output;

pub use answer::Answer;
pub use call_error::CallError;
pub use client::{ClientConnection, ClientEvent};
pub use header::{CallHeader, Header, HeaderStrings};
pub use incoming::{Incoming, Target};
pub use reply::{Reply, ReplyOutcome, RespondError};
pub use request::{OpenError, Request, RequestKind};
pub(crate) use server::recorded;
pub use server::{CancelReason, Refusal, ServerConnection, ServerEvent};
pub use slots::CallId;

/// Something with a message body: a Thrift struct, a Protobuf message, or ready-made bytes.
///
/// Encoding appends to `out`; a value without a wire form reports it with [`Output::fail`], and the message is rolled
/// back.
pub trait EncodeBody {
    /// Appends the encoded body.
    fn encode_body(&self, out: &mut Output);
}

impl EncodeBody for Bytes {
    fn encode_body(&self, out: &mut Output) {
        out.put_shared(self);
    }
}

/// What a connection wants from the reading side of its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Read more and hand it to `receive`.
    Read,
    /// Input that was left over can go on now: call `receive` with it before reading.
    Receive,
    /// Do not read for now: a limit is reached, and calls must end or bytes be sent first.
    Pause,
    /// Nothing will be read any more.
    Stop,
}

/// How a connection is asked to end. Who asks again can bring the end forward, and not put it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Finish what runs; whatever is left at `until` is cut off.
    Graceful {
        /// The end of patience.
        until: crate::Instant,
    },
    /// End now; calls that run are cancelled.
    Immediate,
}

impl Shutdown {
    /// The one of both that ends sooner.
    pub(crate) fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Graceful { until: one }, Self::Graceful { until: other }) => {
                Self::Graceful { until: one.min(other) }
            }
            _ => Self::Immediate,
        }
    }
}
