//! Data frames whose heads are all alike.

use super::{FRAME_CHARGE, Frame, FrameType, StreamId};
use crate::wire::ttheader::Header;

/// A data frame that is all there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataFrame {
    id: StreamId,
    /// Where its payload starts, and how long that is.
    payload_start: u32,
    payload_len: u32,
}

/// The head of the last data frame. A peer sends the same on every message but for `LENGTH` and the stream, so that most
/// frames are known by a comparison.
#[derive(Clone, Debug)]
pub struct KnownHead {
    /// All in front of the payload, if it was not too long.
    head: [u8; MAX],
    /// Where the payload starts; 0 for none.
    len: u8,
}

impl Default for KnownHead {
    fn default() -> Self {
        Self { head: [0; MAX], len: 0 }
    }
}

impl KnownHead {
    /// Remembers the head of a data frame.
    #[inline]
    pub fn learn(&mut self, frame: &Frame, input: &[u8]) {
        if frame.kind != FrameType::Data {
            return;
        }
        let start = frame.header.payload_start();
        if let (Some(place), Some(head), Ok(len)) = (self.head.get_mut(..start), input.get(..start), start.try_into()) {
            place.copy_from_slice(head);
            self.len = len;
        }
    }

    /// The data frame that starts `input`, if its head is the one that is known and it is all there. What
    /// [`Frame::read`] says of it is the same; where there is no answer, ask that.
    #[inline]
    #[must_use]
    pub fn read(&self, input: &[u8], max_message: u32) -> Option<DataFrame> {
        let len = usize::from(self.len);
        let (known, head) = (self.head.get(..len)?, input.get(..len)?);
        let (known_fixed, known_info) = known.split_first_chunk::<FIXED>()?;
        let (fixed, info) = head.split_first_chunk::<FIXED>()?;
        let [l0, l1, l2, l3, m0, m1, f0, f1, s0, s1, s2, s3] = *fixed;
        let [.., k0, k1, k2, k3, _, _, _, _] = *known_fixed;
        if [m0, m1, f0, f1] != [k0, k1, k2, k3] || info != known_info {
            return None;
        }
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let payload_len = length.checked_sub(u32::from(self.len).saturating_sub(LENGTH_SIZE))?;
        let frame = DataFrame {
            id: StreamId::new(i32::from_be_bytes([s0, s1, s2, s3])),
            payload_start: u32::from(self.len),
            payload_len,
        };
        (payload_len <= max_message && input.len() >= frame.frame_len()).then_some(frame)
    }
}

impl DataFrame {
    /// What a frame is, if it is one with data.
    #[must_use]
    pub const fn of(header: &Header) -> Self {
        Self {
            id: StreamId::new(header.sequence.0),
            payload_start: header.payload_start,
            payload_len: header
                .length
                .saturating_sub(header.payload_start.saturating_sub(LENGTH_SIZE)),
        }
    }

    /// The stream.
    #[must_use]
    #[inline]
    pub const fn id(&self) -> StreamId {
        self.id
    }

    /// Bytes of the whole frame.
    #[must_use]
    #[inline]
    pub const fn frame_len(&self) -> usize {
        (self.payload_start as usize).saturating_add(self.payload_len as usize)
    }

    /// Bytes of the payload.
    #[must_use]
    #[inline]
    pub const fn payload_len(&self) -> usize {
        self.payload_len as usize
    }

    /// Its payload, in the bytes that it was read from.
    #[must_use]
    #[inline]
    pub fn payload<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(self.payload_start as usize..self.frame_len()).unwrap_or(&[])
    }

    /// What it counts in flow control: its payload and [`FRAME_CHARGE`].
    #[must_use]
    #[inline]
    pub const fn charge(&self) -> u32 {
        self.payload_len.saturating_add(FRAME_CHARGE)
    }
}

/// `LENGTH`, magic, flags, stream id.
const FIXED: usize = 12;
/// Longest head that is remembered.
const MAX: usize = 96;
/// Bytes of `LENGTH`, which do not count in it.
const LENGTH_SIZE: u32 = 4;
