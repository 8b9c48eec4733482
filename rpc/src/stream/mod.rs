//! Streams: one gRPC connection shared by its driver and by whoever reads and writes the calls on it.

mod answer;
mod handle;
mod hub;
mod receiver;
mod sender;
mod watch;

pub(crate) use answer::Section;
pub(crate) use handle::{Place, Stream};
pub(crate) use hub::{Hub, Side, State, wake_all};
pub use receiver::Receiver;
pub(crate) use receiver::Patience;
pub use sender::Sender;

#[cfg(test)]
mod tests;
