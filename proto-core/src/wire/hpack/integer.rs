//! Integers with a prefix (RFC 7541 §5.1).

use super::HpackError;

/// Reads the integer whose prefix, the bits of `mask`, lies in `first`; the bytes that continue it come from `input`.
///
/// Values up to 2³²-1 in at most five bytes behind the prefix are taken, so the bytes of zeros that §5.1 allows behind
/// small values are too.
#[inline]
pub(super) fn decode(first: u8, mask: u8, input: &mut &[u8]) -> Result<u32, HpackError> {
    let prefix = first & mask;
    if prefix < mask {
        Ok(u32::from(prefix))
    } else {
        decode_rest(mask, input)
    }
}

fn decode_rest(mask: u8, input: &mut &[u8]) -> Result<u32, HpackError> {
    let mut value = u64::from(mask);
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, rest) = input.split_first().ok_or(HpackError::Truncated)?;
        *input = rest;
        value = value.wrapping_add(u64::from(byte & 0x7f) << shift);
        if byte & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| HpackError::IntegerOverflow);
        }
    }
    Err(HpackError::IntegerOverflow)
}

/// Appends `value` with the bits of `pattern` above its prefix, which is the bits of `mask`.
#[inline]
pub(super) fn encode(out: &mut Vec<u8>, pattern: u8, mask: u8, value: usize) {
    match u8::try_from(value) {
        Ok(value) if value < mask => out.push(pattern | value),
        _ => encode_rest(out, pattern, mask, value),
    }
}

fn encode_rest(out: &mut Vec<u8>, pattern: u8, mask: u8, value: usize) {
    out.push(pattern | mask);
    let mut left = value.saturating_sub(usize::from(mask));
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        if left == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}
