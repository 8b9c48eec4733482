//! The frames of TTHeader streaming.
//!
//! A frame is a [TTHeader](super::ttheader) with the streaming flag. Its sequence id is the stream's, int key 27 says
//! what kind of frame it is, int key 9 names the method on every frame, and the protocol id is `0x10` always:
//!
//! | kind | key 27 | strings | payload |
//! |---|---|---|---|
//! | meta | `1` | as a proxy likes | opaque |
//! | header | `2` | client: `isn`, metainfo, own entries; server: own entries | none |
//! | data | `3` | none | one message |
//! | trailer | `4` | server: own entries, business status | none, or an exception |
//! | rst | `5` | `ttscp`: the way a cancel has come | an exception |
//!
//! [`Frame::read`] looks at a whole frame in one pass; [`FramePrefix`] and [`write_frame`] write.

mod exception;
mod flow;
mod frame;
mod known;
mod strings;
mod write;

#[cfg(test)]
mod tests;

use std::fmt;

pub use exception::{BadException, read_exception, write_exception};
pub use flow::{FC_ACK, FC_LIMIT, FC_SETTINGS, FlowFrame, FlowSettings};
pub use frame::Frame;
pub use known::{DataFrame, KnownHead};
pub use strings::{Strings, StringsIter};
pub use write::{FramePrefix, write_frame};

/// The id of a stream. Clients choose them; Kitex counts from 1 and, after 2³¹ − 1, from −2³¹ up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(i32);

impl StreamId {
    /// Not a stream: frames about the whole connection.
    pub const CONNECTION: Self = Self(0);

    /// The stream with this number.
    #[must_use]
    #[inline]
    pub const fn new(id: i32) -> Self {
        Self(id)
    }

    /// Its number.
    #[must_use]
    #[inline]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The id that a client uses next. Never [`Self::CONNECTION`].
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.wrapping_add(1) {
            0 => Self(1),
            id => Self(id),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.0)
    }
}

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FrameType {
    /// About the way, not the stream: what a proxy tells, and flow control.
    Meta,
    /// The beginning of a request or answer.
    Header,
    /// One message.
    Data,
    /// The end of a request or answer.
    Trailer,
    /// The stream is given up.
    Rst,
}

impl FrameType {
    /// All kinds, by number.
    pub const ALL: [Self; 5] = [Self::Meta, Self::Header, Self::Data, Self::Trailer, Self::Rst];

    /// The kind that int key 27 names. The text is compared as it is: `03` is none.
    #[must_use]
    #[inline]
    pub const fn of(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"1" => Self::Meta,
            b"2" => Self::Header,
            b"3" => Self::Data,
            b"4" => Self::Trailer,
            b"5" => Self::Rst,
            _ => return None,
        })
    }

    /// Its digit.
    #[must_use]
    #[inline]
    pub const fn digit(self) -> u8 {
        match self {
            Self::Meta => b'1',
            Self::Header => b'2',
            Self::Data => b'3',
            Self::Trailer => b'4',
            Self::Rst => b'5',
        }
    }
}

impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Meta => "meta",
            Self::Header => "header",
            Self::Data => "data",
            Self::Trailer => "trailer",
            Self::Rst => "rst",
        })
    }
}

/// The string key of the way that a cancel has come: service names, joined by commas.
pub const CANCEL_PATH: &str = "ttscp";

/// What a data frame counts in flow control beside its payload. Its header does not count: a proxy may add to that.
pub const FRAME_CHARGE: u32 = 64;
