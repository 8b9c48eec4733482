//! CloudWeGo Kitex's RPC protocols as pure state machines: bytes and time in, bytes and events out.
//!
//! Nothing here reads a socket, a clock or a random source, spawns a thread or knows an async runtime. [`Machine`] is what
//! that leaves: the verbs of every connection, and the loop that drives one. [`Connection`] is the way in.

#![warn(clippy::indexing_slicing)]

pub mod buf;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod connection;
pub mod dispatch;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod grpc;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod http;
pub mod http1;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod http2;
pub mod record;
pub mod stream;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod thrift;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod ttstream;
#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
pub mod wire;

mod call_timers;
mod config;
mod error;
mod exception;
mod go_duration;
mod machine;
mod metainfo;
mod pingpong;
#[cfg(not(kitewire_planted))]
mod planted;
#[cfg(kitewire_planted)]
pub mod planted;
mod status;
mod time;

pub use buf::{Output, Transmit};
pub use config::{ClientConfig, Limits, Multiplex, ServerConfig, Switch};
pub use connection::{Connection, Event};
pub use error::{CloseReason, DecodeError, DecodeErrorKind, Disconnect, EncodeError};
pub use exception::{ApplicationException, ExceptionType};
pub use go_duration::GoDuration;
pub use machine::Machine;
pub use metainfo::MetaInfo;
pub use pingpong::{
    Answer, CallError, CallHeader, CallId, CancelReason, ClientConnection, ClientEvent, Demand, EncodeBody, Header,
    HeaderStrings, Incoming, OpenError, Refusal, Reply, ReplyOutcome, Request, RequestKind, RespondError,
    ServerConnection, ServerEvent, Shutdown, Target,
};
pub use status::BusinessStatus;
pub use time::{Deadline, Instant, TimerKind};
