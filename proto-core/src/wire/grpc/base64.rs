//! Base64 (RFC 4648 §4) of fields whose name ends in `-bin`: written without padding, read with or without.

use std::fmt;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// In [`VALUES`]: not of the alphabet.
const NONE: u8 = 0xff;
/// What the digits of the alphabet stand for, by byte.
static VALUES: [u8; 256] = values();

/// A text that is not base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Base64Error {
    /// A byte that is not of the alphabet, padding at a wrong place included.
    Byte {
        /// Where it is.
        offset: usize,
    },
    /// A number of digits, padding aside, that no bytes have.
    Length(usize),
}

/// Appends `bytes` as base64 without padding.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3).saturating_mul(4));
    let (triples, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in triples {
        out.extend_from_slice(&[digit(a >> 2), digit(a << 4 | b >> 4), digit(b << 2 | c >> 6), digit(*c)]);
    }
    match rest {
        [a] => out.extend_from_slice(&[digit(a >> 2), digit(a << 4)]),
        [a, b] => out.extend_from_slice(&[digit(a >> 2), digit(a << 4 | b >> 4), digit(b << 2)]),
        _ => {}
    }
}

/// Appends the bytes that `text` stands for. Padding is taken where it makes the length a multiple of four, as Kitex
/// does; spare bits of the last digit are ignored, as there.
///
/// # Errors
/// Bytes that are not of the standard alphabet, or a length that is impossible; `out` is as it was then.
pub fn decode(text: &[u8], out: &mut Vec<u8>) -> Result<(), Base64Error> {
    let digits = match text {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] if text.len().is_multiple_of(4) => digits,
        _ => text,
    };
    if let Some(offset) = digits.iter().position(|byte| value(*byte) == NONE) {
        return Err(Base64Error::Byte { offset });
    }
    let (quads, rest) = digits.as_chunks::<4>();
    if rest.len() == 1 {
        return Err(Base64Error::Length(digits.len()));
    }
    out.reserve(digits.len().div_ceil(4).saturating_mul(3));
    for [a, b, c, d] in quads {
        let (a, b, c, d) = (value(*a), value(*b), value(*c), value(*d));
        out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    match rest {
        [a, b] => out.push(value(*a) << 2 | value(*b) >> 4),
        [a, b, c] => {
            let (a, b, c) = (value(*a), value(*b), value(*c));
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]);
        }
        _ => {}
    }
    Ok(())
}

fn digit(value: u8) -> u8 {
    ALPHABET.get(usize::from(value & 0x3f)).copied().unwrap_or(b'A')
}

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(NONE)
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "the compiler runs it, and reports what is out of bounds"
)]
const fn values() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        table[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    table
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte { offset } => write!(f, "illegal base64 data at input byte {offset}"),
            Self::Length(digits) => write!(f, "illegal base64 data: {digits} digits"),
        }
    }
}

impl std::error::Error for Base64Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        encode(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn decoded(text: &str) -> Result<Vec<u8>, Base64Error> {
        let mut out = b"before".to_vec();
        let result = decode(text.as_bytes(), &mut out);
        assert!(
            result.is_ok() || out == b"before",
            "{text}: a failure leaves nothing behind"
        );
        result.map(|()| out.split_off(6))
    }

    #[test]
    fn the_examples_of_rfc_4648_section_10() {
        let rows: [(&str, &str, &str); 7] = [
            ("", "", ""),
            ("f", "Zg", "Zg=="),
            ("fo", "Zm8", "Zm8="),
            ("foo", "Zm9v", "Zm9v"),
            ("foob", "Zm9vYg", "Zm9vYg=="),
            ("fooba", "Zm9vYmE", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy", "Zm9vYmFy"),
        ];
        for (text, bare, padded) in rows {
            assert_eq!(encoded(text.as_bytes()), bare);
            assert_eq!(decoded(bare), Ok(text.as_bytes().to_vec()), "{bare}");
            assert_eq!(decoded(padded), Ok(text.as_bytes().to_vec()), "{padded}");
        }
        assert_eq!(encoded(b"\x00\x01\xfe"), "AAH+");
        assert_eq!(decoded("AAH+"), Ok(b"\x00\x01\xfe".to_vec()));
        assert_eq!(decoded("Zh"), Ok(b"f".to_vec()), "spare bits are ignored");
    }

    #[test]
    fn anything_else_is_refused() {
        let byte = |offset| Err(Base64Error::Byte { offset });
        let rows = [
            ("Z", Err(Base64Error::Length(1))),
            ("Zm9vY", Err(Base64Error::Length(5))),
            ("Zm9vY===", byte(5)),
            ("====", byte(0)),
            ("=", byte(0)),
            ("Zg=", byte(2)),
            ("Zg==Zg==", byte(2)),
            ("Zm8=Zm8", byte(3)),
            ("Zm9v=", byte(4)),
            ("Zm 9", byte(2)),
            ("Zm9v\n", byte(4)),
            ("_-8", byte(0)),
            ("Zmé", byte(2)),
        ];
        for (text, expected) in rows {
            assert_eq!(decoded(text), expected, "{text:?}");
        }
    }
}
