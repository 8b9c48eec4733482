//! The first 16 bytes.

use super::{MAGIC, protocol_id};
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::SequenceId;

/// Bytes that [`Header::parse`] needs: the fixed part and the first two of the header info.
pub const HEAD: usize = 16;

/// Bytes in front of the header info.
pub(super) const FIXED: usize = 14;

/// Bytes of `LENGTH`, which do not count in it.
const LENGTH_SIZE: usize = 4;

/// The flags at offset 6. Unknown bits are ignored by receivers and never echoed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Flags(pub u16);

impl Flags {
    /// No flag: replies and calls that are not multiplexed.
    pub const NONE: Self = Self(0);
    /// The sender takes answers in any order (multiplexing client).
    pub const OUT_OF_ORDER: Self = Self(0x0001);
    /// A frame of TTHeader streaming.
    pub const STREAMING: Self = Self(0x0002);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The head of a TTHeader frame. Offsets count from the frame's first byte, which belongs to `LENGTH`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// `LENGTH`: bytes of the frame behind the first four.
    pub length: u32,
    /// Offset of the info blocks, behind the transform ids.
    pub info_start: u32,
    /// Offset of the payload, where the info blocks end.
    pub payload_start: u32,
    /// The sequence id. The payload's own rules; multiplexing clients route by this one.
    pub sequence: SequenceId,
    /// The flags.
    pub flags: Flags,
    /// The protocol id, checked for being a known one and of no further meaning.
    pub protocol_id: u8,
}

impl Header {
    /// Reads the head of the frame that starts `frame`. `None`: fewer than [`HEAD`] bytes, and nothing wrong so far.
    ///
    /// # Errors
    /// `LENGTH` above [`Limits::max_frame`] or below 14, which cannot hold the fixed part and the smallest header info
    /// (Kitex takes both); another magic number; `HS` of zero, or reaching beyond `LENGTH`; a protocol id other than
    /// 0, 3, 4, `0x10`, `0x11`; more transform ids than the header info can hold. Transform ids themselves mean
    /// nothing. Each is told as soon as its bytes are there.
    #[inline]
    pub fn parse(frame: &[u8], limits: &Limits) -> Result<Option<Self>, DecodeError> {
        match frame.first_chunk() {
            Some(head) => check(head, HEAD, limits),
            None => check_short(frame, limits),
        }
    }

    /// Bytes of the whole frame, `LENGTH` included.
    #[must_use]
    #[inline]
    pub const fn frame_len(self) -> usize {
        (self.length as usize).saturating_add(LENGTH_SIZE)
    }

    /// Offset of the payload.
    #[must_use]
    #[inline]
    pub const fn payload_start(self) -> usize {
        self.payload_start as usize
    }

    /// Bytes of the payload.
    #[must_use]
    #[inline]
    pub const fn payload_len(self) -> usize {
        self.frame_len().saturating_sub(self.payload_start())
    }

    /// `HS`: the header info in units of four bytes, padding included.
    #[must_use]
    pub const fn header_size(self) -> usize {
        self.payload_start().saturating_sub(FIXED) / 4
    }

    /// The transform ids in `frame`; empty while they are not there.
    #[must_use]
    pub fn transforms(self, frame: &[u8]) -> &[u8] {
        frame.get(HEAD..self.info_start as usize).unwrap_or(&[])
    }
}

/// Fewer than 16 bytes: the checks whose bytes are there.
#[cold]
fn check_short(frame: &[u8], limits: &Limits) -> Result<Option<Header>, DecodeError> {
    let mut head = [0; HEAD];
    for (place, byte) in head.iter_mut().zip(frame) {
        *place = *byte;
    }
    check(&head, frame.len(), limits)
}

/// Checks in the order of the bytes, so that a longer prefix cannot change the answer.
#[inline(always)]
fn check(head: &[u8; HEAD], have: usize, limits: &Limits) -> Result<Option<Header>, DecodeError> {
    let [
        l0,
        l1,
        l2,
        l3,
        m0,
        m1,
        f0,
        f1,
        s0,
        s1,
        s2,
        s3,
        h0,
        h1,
        protocol_id,
        transforms,
    ] = *head;
    if have < 4 {
        return Ok(None);
    }
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    if length < 14 {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooSmall(length), 0));
    }
    if length > limits.max_frame {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooLarge(length), 0));
    }
    if have < 6 {
        return Ok(None);
    }
    let magic = u16::from_be_bytes([m0, m1]);
    if magic != MAGIC {
        return Err(DecodeError::new(DecodeErrorKind::BadMagic(magic.into()), 4));
    }
    if have < 14 {
        return Ok(None);
    }
    // At most 4 * 65,535.
    let info = u32::from(u16::from_be_bytes([h0, h1])).wrapping_mul(4);
    if info == 0 {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooSmall(0), 12));
    }
    if info > length.wrapping_sub(10) {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooLarge(info), 12));
    }
    if have < 15 {
        return Ok(None);
    }
    if !is_known(protocol_id) {
        let kind = DecodeErrorKind::UnsupportedProtocolId(protocol_id);
        return Err(DecodeError::new(kind, 14));
    }
    if have < 16 {
        return Ok(None);
    }
    if u32::from(transforms) > info.wrapping_sub(2) {
        let kind = DecodeErrorKind::TooManyTransforms(transforms);
        return Err(DecodeError::new(kind, 15));
    }
    Ok(Some(Header {
        length,
        info_start: u32::from(transforms).wrapping_add(16),
        payload_start: info.wrapping_add(14),
        sequence: SequenceId(i32::from_be_bytes([s0, s1, s2, s3])),
        flags: Flags(u16::from_be_bytes([f0, f1])),
        protocol_id,
    }))
}

const fn is_known(id: u8) -> bool {
    matches!(
        id,
        protocol_id::THRIFT_BINARY
            | protocol_id::THRIFT_COMPACT_V2
            | protocol_id::KITEX_PROTOBUF
            | protocol_id::THRIFT_STRUCT
            | protocol_id::PROTOBUF_STRUCT
    )
}
