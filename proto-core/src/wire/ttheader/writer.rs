//! Writing a TTHeader frame.

use super::blocks::{ACL_TOKEN, INTS, PADDING, STRINGS};
use super::header::{FIXED, Flags, HEAD};
use super::{IntKey, MAGIC, string_key};
use crate::buf::{Mark, Output};
use crate::error::EncodeError;
use crate::wire::SequenceId;
use crate::wire::checksum::Checksum;

/// Writes the header of a frame; lengths and counts are filled in afterwards.
///
/// Values go out in the order of the calls. Kitex's order is ACL token, strings, ints; a value of another kind than
/// the one before opens a block, and a block without a value is never written. What does not fit the format fails the
/// message with a sticky [`Output::fail`].
///
/// ```
/// use kitewire_proto::Output;
/// use kitewire_proto::wire::SequenceId;
/// use kitewire_proto::wire::ttheader::{Flags, HeaderWriter, IntKey};
///
/// let mut out = Output::new();
/// let mut writer = HeaderWriter::begin(&mut out, Flags::NONE, SequenceId(1));
/// writer.string("isn", "PingPong");
/// writer.int(IntKey::MESSAGE_TYPE, "1");
/// let frame = writer.end();
/// out.put(b"the message");
/// frame.finish(&mut out, u32::MAX);
/// assert_eq!(out.len(), 14 + 28 + 11);
/// ```
#[derive(Debug)]
pub struct HeaderWriter<'a> {
    out: &'a mut Output,
    start: Mark,
    /// The block being written, [`PADDING`] for none.
    block: u8,
    /// Place of the block's count, from `start`.
    count_at: usize,
    count: u16,
    /// Place of the checksum's digits, from `start`; 0 for none.
    checksum_at: usize,
}

impl<'a> HeaderWriter<'a> {
    /// Begins a frame with protocol id 0 and no transforms.
    #[inline]
    pub fn begin(out: &'a mut Output, flags: Flags, sequence: SequenceId) -> Self {
        let start = out.mark();
        let [m0, m1] = MAGIC.to_be_bytes();
        let [f0, f1] = flags.0.to_be_bytes();
        let [s0, s1, s2, s3] = sequence.0.to_be_bytes();
        let head: [u8; HEAD] = [0, 0, 0, 0, m0, m1, f0, f1, s0, s1, s2, s3, 0, 0, 0, 0];
        out.put(&head);
        Self {
            out,
            start,
            block: PADDING,
            count_at: 0,
            count: 0,
            checksum_at: 0,
        }
    }

    /// Sets another protocol id; TTHeader streaming has its own.
    pub fn protocol_id(&mut self, id: u8) {
        self.out.patch(self.start, FIXED, &[id]);
    }

    /// Appends the ACL token.
    pub fn acl_token(&mut self, token: impl AsRef<[u8]>) {
        self.close_block();
        self.out.put_u8(ACL_TOKEN);
        self.counted(token.as_ref());
    }

    /// Appends a string value.
    #[inline(always)]
    pub fn string(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.open_entry(STRINGS);
        self.counted(key.as_ref());
        self.counted(value.as_ref());
    }

    /// Appends a string value under the key `prefix` + `key`.
    pub fn prefixed_string(&mut self, prefix: &str, key: &str, value: impl AsRef<[u8]>) {
        self.open_entry(STRINGS);
        let length = prefix.len().saturating_add(key.len());
        match u16::try_from(length) {
            Ok(length) => self.out.put_u16(length),
            Err(_) => self.out.fail(EncodeError::HeaderStringTooLong(length)),
        }
        self.out.put(prefix.as_bytes());
        self.out.put(key.as_bytes());
        self.counted(value.as_ref());
    }

    /// Appends an int value.
    #[inline(always)]
    pub fn int(&mut self, key: IntKey, value: impl AsRef<[u8]>) {
        self.open_entry(INTS);
        let value = value.as_ref();
        let [k0, k1] = key.0.to_be_bytes();
        let [l0, l1] = self.length(value).to_be_bytes();
        self.out.put(&[k0, k1, l0, l1]);
        self.out.put(value);
    }

    /// Appends an int value in decimal.
    pub fn decimal(&mut self, key: IntKey, value: u64) {
        let mut digits = [0; 20];
        self.int(key, decimal_digits(value, &mut digits));
    }

    /// Appends the checksum key; [`OpenFrame::finish`] fills the value in.
    pub fn checksum(&mut self) {
        self.string(string_key::CHECKSUM, [b'0'; 8]);
        self.checksum_at = self.out.since(self.start).saturating_sub(8);
    }

    /// Ends the header: padding, and its size. The payload comes next.
    #[inline]
    pub fn end(mut self) -> OpenFrame {
        self.close_block();
        let info = self.out.since(self.start).saturating_sub(FIXED);
        let padding = info.wrapping_neg() & 3;
        self.out.put([0_u8; 3].get(..padding).unwrap_or(&[]));
        let info = info.saturating_add(padding);
        match u16::try_from(info / 4) {
            Ok(size) => self.out.patch(self.start, 12, &size.to_be_bytes()),
            Err(_) => self.out.fail(EncodeError::HeaderTooLarge(info)),
        }
        OpenFrame {
            start: self.start,
            payload: self.out.mark(),
            checksum_at: self.checksum_at,
        }
    }

    #[inline]
    fn open_entry(&mut self, block: u8) {
        if self.block != block {
            self.close_block();
            self.block = block;
            self.out.put_u8(block);
            self.count_at = self.out.since(self.start);
            self.out.put_u16(0);
            self.count = 0;
        }
        // 65,535 entries are more bytes than the header info can have.
        self.count = self.count.saturating_add(1);
    }

    #[inline]
    fn close_block(&mut self) {
        if self.block != PADDING {
            self.out.patch(self.start, self.count_at, &self.count.to_be_bytes());
            self.block = PADDING;
        }
    }

    /// A length in two bytes and the value.
    #[inline]
    fn counted(&mut self, value: &[u8]) {
        let length = self.length(value);
        self.out.put_u16(length);
        self.out.put(value);
    }

    #[inline]
    fn length(&mut self, value: &[u8]) -> u16 {
        u16::try_from(value.len()).unwrap_or_else(|_| {
            self.out.fail(EncodeError::HeaderStringTooLong(value.len()));
            0
        })
    }
}

/// A frame whose header is written and whose payload is being written.
#[derive(Clone, Copy, Debug)]
#[must_use = "a frame has no length until it is finished"]
pub struct OpenFrame {
    start: Mark,
    payload: Mark,
    checksum_at: usize,
}

impl OpenFrame {
    /// Fills in `LENGTH`, and the checksum if there is one. A frame above `max_frame`
    /// ([`Limits::max_frame`](crate::Limits::max_frame)) fails with [`EncodeError::FrameTooLarge`].
    #[inline]
    pub fn finish(self, out: &mut Output, max_frame: u32) {
        if self.checksum_at != 0 {
            let digits = Checksum::since(out, self.payload).digits();
            out.patch(self.start, self.checksum_at, &digits);
        }
        let length = out.since(self.start).saturating_sub(4);
        match u32::try_from(length) {
            Ok(length) if length <= max_frame => out.patch_u32(self.start, length),
            _ => out.fail(EncodeError::FrameTooLarge(length)),
        }
    }

    /// Where the frame starts; rolling back to it forgets the frame.
    pub const fn start(&self) -> Mark {
        self.start
    }

    /// Where the payload starts.
    pub const fn payload(&self) -> Mark {
        self.payload
    }
}

/// The decimal digits of `value`, at the end of `buffer`.
fn decimal_digits(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut used = 0_usize;
    for place in buffer.iter_mut().rev() {
        let [.., digit] = (value % 10).to_be_bytes();
        *place = digit.wrapping_add(b'0');
        value /= 10;
        used = used.saturating_add(1);
        if value == 0 {
            break;
        }
    }
    buffer.split_at(buffer.len().saturating_sub(used)).1
}
