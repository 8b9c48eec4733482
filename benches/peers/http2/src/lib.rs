//! Both ends of an HTTP/2 connection in one process, joined by two buffers: no socket, no runtime, no thread.
//!
//! Each side does the same work with the same settings, through its own public interface and with as little around it
//! as that interface allows: [`ours`], [`h2_crate`], [`shiguredo`].

pub mod args;
pub mod h2_crate;
pub mod ours;
pub mod pair;
pub mod pipe;
pub mod shiguredo;
pub mod work;

/// Anything that can stop a measurement.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
