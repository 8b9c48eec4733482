//! The payload checksum of TTHeader frames: string key `crc32c`.
//!
//! CRC-32C (Castagnoli) over everything behind the header, the inner four-byte length included, as eight lower-case
//! hex digits. A frame without the key passes.

use crate::buf::{Mark, Output};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::Span;

/// A CRC-32C value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Checksum(pub u32);

impl Checksum {
    /// The checksum of `payload`.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(crc32c::crc32c(payload))
    }

    /// The checksum of everything that was written to `out` since `mark`, without joining the pieces.
    #[must_use]
    pub fn since(out: &Output, mark: Mark) -> Self {
        Self(out.pieces_since(mark).fold(0, crc32c::crc32c_append))
    }

    /// The eight digits that stand in the header.
    #[must_use]
    pub fn digits(self) -> [u8; 8] {
        let mut digits = [0; 8];
        for (index, digit) in (0_u32..).zip(digits.iter_mut()) {
            let [.., nibble] = self
                .0
                .rotate_left(index.saturating_mul(4).saturating_add(4))
                .to_be_bytes();
            let nibble = nibble & 0xf;
            *digit = nibble.wrapping_add(if nibble < 10 { b'0' } else { b'a' - 10 });
        }
        digits
    }
}

/// Compares the checksum at `announced` in `frame`, if there is one, with that of `payload`.
///
/// # Errors
/// [`DecodeErrorKind::ChecksumMismatch`] at the announced value; upper-case digits are a mismatch, as with Kitex.
pub fn check(frame: &[u8], announced: Option<Span>, payload: &[u8]) -> Result<(), DecodeError> {
    match announced {
        Some(span) if span.of(frame) != Checksum::of(payload).digits() => {
            Err(DecodeError::new(DecodeErrorKind::ChecksumMismatch, span.range().start))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn checksums_of_the_worked_examples() {
        let call = hex("80 01 00 01 00 00 00 04 65 63 68 6f 00 00 00 01 0c 00 01 0b 00 01 00 00 00 02 68 69 00 00");
        let framed = [&hex("00 00 00 1e")[..], &call].concat();
        let rows: [(&[u8], &[u8; 8]); 4] = [
            (b"123456789", b"e3069283"),
            (b"", b"00000000"),
            (&call, b"ac3457c7"),
            (&framed, b"d3c1b02e"),
        ];
        for (payload, digits) in rows {
            assert_eq!(&Checksum::of(payload).digits(), digits);
        }
    }

    #[test]
    fn pieces_are_summed_as_one() {
        let mut out = Output::new();
        out.put(b"not covered");
        let mark = out.mark();
        let large = Bytes::from(vec![7; 10_000]);
        out.put(b"before");
        out.put_shared(&large);
        out.put(b"between");
        out.put_shared(&large);
        let joined = [b"before", &large[..], b"between", &large[..]].concat();
        assert_eq!(Checksum::since(&out, mark), Checksum::of(&joined));
    }

    #[test]
    fn only_the_right_lower_case_digits_pass() {
        let payload = b"123456789";
        for (text, passes) in [
            ("e3069283", true),
            ("E3069283", false),
            ("e3069284", false),
            ("e306928", false),
            ("", false),
        ] {
            let frame = format!("_{text}");
            let span = Span::new(1, text.len());
            assert_eq!(check(frame.as_bytes(), span, payload).is_ok(), passes, "{text}");
        }
        assert_eq!(check(b"", None, payload), Ok(()));
    }
}
