//! Recordings: what happened to one connection, in a file that can be [replayed](replay).
//!
//! A connection that [records](crate::connection::Connection::record) writes down its settings, the services, and
//! then every verb that its owner calls on it: bytes and times that came in, answers that went out, in order. As it
//! does nothing of its own accord, that is all there is to know about it. A [`Recorder`] does no I/O: its owner takes
//! the bytes from it and keeps them. Replaying the file does the same to a new connection, without sockets, clocks and
//! handlers, and compares: events and bytes must be the same ones, or the [`Difference`] is named.
//!
//! **A recording holds everything that went over the connection, in the clear:** messages, metadata, tokens and
//! passwords. Treat it as you would those.
//!
//! SPEC.md describes the format (area REC).
//!
//! ```
//! use std::sync::Arc;
//! use bytes::{Bytes, BytesMut};
//! use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
//! use kitewire_proto::record::{Recorder, replay};
//! use kitewire_proto::wire::Codec;
//! use kitewire_proto::{Instant, Reply, ReplyOutcome, ServerConfig, ServerConnection, ServerEvent, Transmit};
//!
//! static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
//! let mut table = Services::builder();
//! table.add(ServiceInfo::new("", "Echo", Codec::Thrift, &METHODS), ServiceRole::Ordinary);
//! let services = Arc::new(table.build().unwrap());
//!
//! let now = Instant::ZERO;
//! let mut connection = ServerConnection::new(services, Arc::new(ServerConfig::default()), now);
//! connection.record(Recorder::new(1024 * 1024));
//! let mut input = BytesMut::from(&b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0"[..]);
//! connection.receive(now, &mut input);
//! let Some(ServerEvent::Opened { id }) = connection.poll_event() else { panic!("a whole call opens") };
//! let result = Bytes::from_static(b"\0");
//! connection.respond(now, id, &Reply::new(ReplyOutcome::Result(&result))).unwrap();
//! let mut out = Transmit::new();
//! assert!(connection.poll_transmit(now, &mut out));
//!
//! let file = connection.recorder().unwrap().finish();
//! let replayed = replay(&file).expect("it is whole");
//! assert_eq!((replayed.received, replayed.sent, replayed.events), (21, 21, 1));
//! assert_eq!(replayed.difference, None);
//! assert_eq!(replayed.hash, replayed.recorded_hash);
//! ```

mod basic;
mod choices;
mod codec;
mod digest;
mod done;
mod error;
mod recorded;
mod recorder;
mod replay;
mod services;
mod settings;
mod step;
mod values;

#[cfg(test)]
mod tests;

pub use error::{RecordingError, RecordingErrorKind};
pub use recorder::Recorder;
pub use replay::{Difference, Finish, Replayed, Step, replay, replay_with};
pub use step::Subject;

pub(crate) use codec::Writer;
pub(crate) use digest::Digest;
pub(crate) use done::Done;
pub(crate) use recorded::Recorded;
pub(crate) use step::{Op, Pulled};
pub(crate) use values::Encoded;
