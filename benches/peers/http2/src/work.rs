//! What is done over and over.

use crate::Failure;
use crate::pair::{Pair, Unrecorded};

/// The kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests with one message, answered with one.
    Unary,
    /// Messages of this length on streams that stay open, each echoed.
    Stream(usize),
}

/// Work of one kind at a width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// What.
    pub kind: Kind,
    /// Exchanges in flight, or open streams.
    pub width: usize,
}

impl Work {
    /// Does it so many times, on one connection: exchanges, or round trips of a message.
    ///
    /// # Errors
    /// When the implementation fails.
    pub fn run<P: Pair>(self, times: usize) -> Result<(), Failure> {
        let mut pair = P::connect(&mut Unrecorded)?;
        let turns = times / self.width;
        match self.kind {
            Kind::Unary => (0..turns).try_for_each(|_| pair.exchange(self.width, &mut Unrecorded)),
            Kind::Stream(len) => {
                let message = BYTES.get(..len).ok_or("the message is too long")?;
                pair.open(self.width, &mut Unrecorded)?;
                (0..turns).try_for_each(|_| pair.echo(message))
            }
        }
    }
}

static BYTES: [u8; 64 * 1024] = [b'x'; 64 * 1024];
