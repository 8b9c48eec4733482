//! Streams: one gRPC connection shared by its driver and by whoever reads and writes the calls on it.

mod answer;
mod handle;
mod hub;
mod receiver;
mod sender;
mod single;
mod watch;

pub(crate) use answer::Section;
pub(crate) use handle::{Place, Pump, Ran, Stream};
pub(crate) use hub::{Hub, Side, State, wake_all};
pub(crate) use receiver::Patience;
pub use receiver::Receiver;
pub use sender::Sender;
pub(crate) use single::Answered;
pub(crate) use watch::wait_also;

#[cfg(test)]
mod tests;
