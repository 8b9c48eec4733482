//! Percent-encoding of `grpc-message`.

use std::borrow::Cow;

/// Encodes a text: 0x20 to 0x7E stand for themselves, `%` excepted; every other byte is `%` and two upper-case hex
/// digits. Each byte that is not UTF-8 becomes the replacement character.
///
/// ```
/// use kitewire_proto::wire::grpc::percent;
///
/// assert_eq!(percent::encode("50% 你".as_bytes()), &b"50%25 %E4%BD%A0"[..]);
/// ```
#[must_use]
pub fn encode(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().copied().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len().saturating_mul(2));
    for chunk in text.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            put(&mut out, byte);
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(b"%EF%BF%BD");
        }
    }
    Cow::Owned(out)
}

/// Decodes a text. Hex digits may be of either case; an escape that is not whole is left as it is. The result need
/// not be UTF-8.
#[must_use]
pub fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => escaped(*high, *low).map(|byte| (byte, behind)),
            _ => None,
        };
        let (byte, behind) = escaped.unwrap_or((*byte, behind));
        out.push(byte);
        rest = behind;
    }
    Cow::Owned(out)
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'%'
}

fn put(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value & 0x0f)).copied().unwrap_or(b'0');
    if is_plain(byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
    }
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_and_come_back() {
        let rows: [(&str, &str); 7] = [
            ("", ""),
            ("gone [biz error]", "gone [biz error]"),
            ("50% 你", "50%25 %E4%BD%A0"),
            ("né", "n%C3%A9"),
            ("a\nb\tc\0", "a%0Ab%09c%00"),
            (" ~\u{7f}", " ~%7F"),
            ("%41", "%2541"),
        ];
        for (text, encoded) in rows {
            assert_eq!(encode(text.as_bytes()), encoded.as_bytes(), "{text}");
            assert_eq!(decode(encoded.as_bytes()), text.as_bytes(), "{text}");
        }
    }

    #[test]
    fn each_byte_that_is_not_utf_8_is_replaced() {
        assert_eq!(encode(b"a\xff"), &b"a%EF%BF%BD"[..]);
        assert_eq!(encode(b"\xe4\xbdb%"), &b"%EF%BF%BD%EF%BF%BDb%25"[..]);
    }

    #[test]
    fn escapes_that_are_not_whole_are_left_alone() {
        let rows: [(&[u8], &[u8]); 8] = [
            (b"%c3%A9", "é".as_bytes()),
            (b"%", b"%"),
            (b"a%4", b"a%4"),
            (b"%zz", b"%zz"),
            (b"%+1", b"%+1"),
            (b"%%41", b"%A"),
            (b"%ff", b"\xff"),
            (b"\xff%41", b"\xffA"),
        ];
        for (encoded, text) in rows {
            assert_eq!(decode(encoded), text, "{}", encoded.escape_ascii());
        }
    }
}
