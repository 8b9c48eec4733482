//! A checked cursor over bytes from a peer.

use super::Span;
use crate::error::{DecodeError, DecodeErrorKind};

/// Reads big-endian values from the front of a slice. A read that does not fit changes nothing and gives `None`;
/// [`Self::cut`] then says why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the frame.
    end: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor over `frame[start..end]`, if the frame holds that.
    #[inline]
    pub(crate) fn new(frame: &'a [u8], start: usize, end: usize) -> Option<Self> {
        Some(Self {
            rest: frame.get(start..end)?,
            end,
        })
    }

    /// Offset of the next byte from the start of the frame.
    #[inline]
    pub(crate) const fn offset(self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (value, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*value)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Option<u16> {
        let (value, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u16::from_be_bytes(*value))
    }

    /// A value behind its length in two bytes.
    #[inline]
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.rest = rest;
        Some(value)
    }

    /// The place of the `len` bytes that were read last.
    #[inline]
    pub(crate) fn span_behind(self, len: usize) -> Option<Span> {
        Span::new(self.offset().saturating_sub(len), len)
    }

    /// Why [`Self::counted`] (or a read of a lone number) gave `None`: the length does not fit, or is itself cut.
    #[cold]
    pub(crate) fn cut(self) -> DecodeError {
        match self.rest.first_chunk() {
            Some(len) => DecodeError::new(
                DecodeErrorKind::LengthTooLarge(u32::from(u16::from_be_bytes(*len))),
                self.offset(),
            ),
            None => DecodeError::new(DecodeErrorKind::UnexpectedEnd, self.end),
        }
    }
}

/// A whole decimal number as Go's `strconv` reads it: digits with an optional sign and nothing else.
pub(crate) fn decimal(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let digit = i64::from(digit);
        value = value.checked_mul(10)?;
        value = if negative {
            value.checked_sub(digit)?
        } else {
            value.checked_add(digit)?
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_go_decimals() {
        let rows: [(&[u8], Option<i64>); 11] = [
            (b"0", Some(0)),
            (b"1500", Some(1500)),
            (b"+5", Some(5)),
            (b"-404", Some(-404)),
            (b"-9223372036854775808", Some(i64::MIN)),
            (b"9223372036854775808", None),
            (b"", None),
            (b"-", None),
            (b"1_000", None),
            (b" 1", None),
            (b"0x1", None),
        ];
        for (text, expected) in rows {
            assert_eq!(decimal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cut_value_says_where_and_why() {
        let frame = [0xff, 0, 3, b'a', b'b'];
        let mut cursor = Cursor::new(&frame, 1, 5).unwrap();
        assert_eq!(cursor.counted(), None);
        assert_eq!(cursor.cut(), DecodeError::new(DecodeErrorKind::LengthTooLarge(3), 1));
        let mut cursor = Cursor::new(&frame, 4, 5).unwrap();
        assert_eq!(cursor.counted(), None);
        assert_eq!(cursor.cut(), DecodeError::new(DecodeErrorKind::UnexpectedEnd, 5));
        assert!(Cursor::new(&frame, 4, 6).is_none());
    }
}
