//! Numbers, bytes and times in a recording.

use super::error::{RecordingError, RecordingErrorKind};
use crate::time::Instant;

/// Appends to a recording.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    /// The last time that was written: times are differences.
    last: Instant,
    /// The length that `bytes` must stay within.
    room: usize,
    /// More was to be written than there is room for.
    full: bool,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(bytes: &'a mut Vec<u8>, last: Instant, room: usize) -> Self {
        Self {
            bytes,
            last,
            room,
            full: false,
        }
    }

    pub(crate) fn put<T: Value>(&mut self, value: &T) {
        value.put(self);
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    pub(crate) fn len(&mut self, len: usize) {
        self.number(u64::try_from(len).unwrap_or(u64::MAX));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.raw(bytes);
    }

    pub(crate) fn pairs(&mut self, pairs: &[(String, String)]) {
        self.len(pairs.len());
        for pair in pairs {
            self.put(pair);
        }
    }

    /// The time at which something happens; later times count from it.
    pub(crate) fn time(&mut self, now: Instant) {
        self.moment(now);
        self.last = now;
    }

    /// Another time than the present.
    pub(super) fn moment(&mut self, at: Instant) {
        let difference = at.as_nanos().wrapping_sub(self.last.as_nanos());
        self.number(zigzag(difference));
    }

    /// What was the last time, unless not everything could be written.
    pub(super) const fn end(self) -> Option<Instant> {
        if self.full { None } else { Some(self.last) }
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if bytes.len() > self.room.saturating_sub(self.bytes.len()) {
            self.full = true;
        }
        if !self.full {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// Reads a recording from front to back.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The last time that was read.
    pub(super) last: Instant,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            last: Instant::ZERO,
        }
    }

    pub(crate) fn take<T: Value>(&mut self) -> Result<T, RecordingError> {
        T::take(self)
    }

    /// Where the next byte stands.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What has been read.
    pub(super) fn done(&self) -> &'a [u8] {
        self.bytes.get(..self.at).unwrap_or(self.bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, RecordingError> {
        Ok(self.raw(1)?.first().copied().unwrap_or(0))
    }

    pub(super) fn number(&mut self) -> Result<u64, RecordingError> {
        let start = self.at;
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(RecordingError::invalid("number", start))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], RecordingError> {
        let len = self.number()?;
        self.raw(usize::try_from(len).unwrap_or(usize::MAX))
    }

    pub(super) fn time(&mut self) -> Result<Instant, RecordingError> {
        self.last = self.moment()?;
        Ok(self.last)
    }

    pub(super) fn moment(&mut self) -> Result<Instant, RecordingError> {
        let difference = unzigzag(self.number()?);
        Ok(Instant::from_nanos(self.last.as_nanos().wrapping_add(difference)))
    }

    /// The next `len` bytes as a reader of their own, whose offsets are those of the whole.
    pub(super) fn block(&mut self, len: usize) -> Result<Self, RecordingError> {
        let start = self.at;
        self.raw(len)?;
        Ok(Self {
            bytes: self.done(),
            at: start,
            last: self.last,
        })
    }

    pub(super) fn raw(&mut self, len: usize) -> Result<&'a [u8], RecordingError> {
        let end = self.at.saturating_add(len);
        let taken = self.bytes.get(self.at..end);
        let taken = taken.ok_or(RecordingError::new(RecordingErrorKind::Truncated, self.bytes.len()))?;
        self.at = end;
        Ok(taken)
    }
}

/// Something that has a place in recordings.
pub(crate) trait Value: Sized {
    fn put(&self, out: &mut Writer<'_>);
    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError>;
}

/// Small differences in either direction become small numbers.
const fn zigzag(difference: u64) -> u64 {
    let sign = if difference >> 63 == 1 { u64::MAX } else { 0 };
    (difference << 1) ^ sign
}

const fn unzigzag(number: u64) -> u64 {
    let sign = if number & 1 == 1 { u64::MAX } else { 0 };
    (number >> 1) ^ sign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes, Instant::ZERO, usize::MAX);
        for number in numbers {
            out.number(number);
            out.time(Instant::from_nanos(number));
            out.moment(Instant::FAR_FUTURE);
        }
        assert_eq!(out.end(), Some(Instant::from_nanos(u64::MAX)));
        let mut from = Reader::new(&bytes);
        for number in numbers {
            assert_eq!(from.number(), Ok(number));
            assert_eq!(from.time(), Ok(Instant::from_nanos(number)));
            assert_eq!(from.moment(), Ok(Instant::FAR_FUTURE));
        }
        assert!(from.is_at_end());
    }

    #[test]
    fn what_is_no_number_says_where_it_begins() {
        let mut from = Reader::new(&[0x05, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]);
        assert_eq!(from.number(), Ok(5));
        assert_eq!(from.number(), Err(RecordingError::invalid("number", 1)));
        let mut from = Reader::new(&[0x80]);
        assert_eq!(
            from.number(),
            Err(RecordingError::new(RecordingErrorKind::Truncated, 1))
        );
    }

    #[test]
    fn nothing_is_written_beyond_the_room() {
        let mut bytes = vec![1];
        let mut out = Writer::new(&mut bytes, Instant::ZERO, 4);
        out.byte(2);
        out.bytes(b"abc");
        out.byte(3);
        assert_eq!(out.end(), None);
        assert!(bytes.len() <= 4);
    }
}
