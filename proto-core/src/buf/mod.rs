//! Buffers between the codecs and the socket.

mod output;
mod transmit;

pub use output::{Mark, Output, SHARE_FROM};
pub use transmit::Transmit;
