//! Streams: one connection shared by its driver and by whoever reads and writes the calls on it.

mod answer;
mod connection;
mod drive;
mod end;
mod event;
mod handle;
mod hub;
mod incoming;
mod leave;
mod receiver;
mod sender;
mod single;
mod tie;
mod watch;

pub(crate) use answer::Section;
#[cfg(test)]
pub(crate) use connection::Pulled;
pub(crate) use connection::{Connection, StreamKey};
pub(crate) use end::Conclusion;
pub(crate) use event::Event;
pub(crate) use handle::{Place, Pump, Ran, Stream};
pub(crate) use hub::{Hub, Side, State, wake_all};
pub(crate) use incoming::Incoming;
pub(crate) use receiver::Patience;
pub use receiver::Receiver;
pub use sender::Sender;
pub(crate) use single::Answered;
pub(crate) use tie::Tie;

#[cfg(test)]
mod tests;
