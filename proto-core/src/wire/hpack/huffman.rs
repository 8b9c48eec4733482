//! Strings in the Huffman code (RFC 7541 §5.2).

use super::HpackError;
use super::huffman_code::{CODES, Code, EOS, LONG, LONG_SYMBOLS, SHORT};

/// Most bytes that `len` bytes of Huffman code can stand for: no code is shorter than five bits.
pub(super) const fn max_decoded_len(len: usize) -> usize {
    len.saturating_mul(8) / 5
}

/// Appends what `input` stands for to `out`.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let start = out.len();
    out.resize(start.saturating_add(max_decoded_len(input.len())), 0);
    let room = out.get_mut(start..).unwrap_or(&mut []);
    let decoded = decode_into(input, room)?;
    out.truncate(start.saturating_add(decoded));
    Ok(())
}

/// Length of `text` in the Huffman code.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    // At most 30 bits for each byte of what is in memory already.
    let bits = text
        .iter()
        .fold(0_u64, |bits, byte| bits.wrapping_add(u64::from(code(*byte).len)));
    usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX)
}

/// Appends `text` in the Huffman code, filled up with ones.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut bits = 0_u64;
    let mut count = 0_u32;
    for byte in text {
        // At most 31 bits are there before, and at most 30 come.
        let Code { bits: more, len } = code(*byte);
        bits = bits << len | u64::from(more);
        count = count.wrapping_add(u32::from(len));
        if count >= 32 {
            count = count.wrapping_sub(32);
            let [_, _, _, _, word @ ..] = (bits >> count).to_be_bytes();
            out.extend_from_slice(&word);
        }
    }
    // The first bits of EOS are all ones.
    bits = bits << 8 | 0xff;
    let mut left = count;
    while left > 0 {
        let [.., byte] = (bits >> left).to_be_bytes();
        out.push(byte);
        left = left.saturating_sub(8);
    }
}

/// Decodes into `room`, which is long enough, and tells how much of it was needed.
fn decode_into(mut input: &[u8], room: &mut [u8]) -> Result<usize, HpackError> {
    // The bits to decode next, aligned to the left, with zeros behind them.
    let mut bits = 0_u64;
    let mut count = 0_u32;
    let len = room.len();
    let mut slots = room.iter_mut();
    loop {
        if count < 32 && !input.is_empty() {
            refill(&mut bits, &mut count, &mut input);
        }
        let [first, ..] = bits.to_be_bytes();
        let (mut symbol, mut used) = SHORT.get(usize::from(first)).copied().unwrap_or((0, 0));
        if used == 0 {
            let (long, long_len) = long_symbol(bits);
            if u32::from(long_len) <= count && long == EOS {
                return Err(HpackError::HuffmanEos);
            }
            [symbol, _] = long.to_le_bytes();
            used = long_len;
        }
        if u32::from(used) > count {
            break;
        }
        let Some(slot) = slots.next() else {
            break;
        };
        *slot = symbol;
        bits <<= used;
        count = count.wrapping_sub(u32::from(used));
    }
    check_padding(bits, count)?;
    Ok(len.saturating_sub(slots.len()))
}

/// Adds bits from the input as long as there are any, at least up to 32.
#[inline]
fn refill(bits: &mut u64, count: &mut u32, input: &mut &[u8]) {
    // There are less than 32 bits before.
    if let Some((word, rest)) = input.split_first_chunk::<4>() {
        *bits |= u64::from(u32::from_be_bytes(*word)) << 32_u32.wrapping_sub(*count);
        *count = count.wrapping_add(32);
        *input = rest;
        return;
    }
    while let Some((&byte, rest)) = input.split_first() {
        *bits |= u64::from(byte) << 56_u32.wrapping_sub(*count);
        *count = count.wrapping_add(8);
        *input = rest;
    }
}

/// The symbol that `bits` begins with, one with a long code, and the length of the code.
fn long_symbol(bits: u64) -> (u16, u8) {
    let [word @ .., _, _, _, _] = bits.to_be_bytes();
    let word = u32::from_be_bytes(word);
    // The last group ends with all bits set.
    let group = LONG.iter().find(|group| word <= group.last);
    group.map_or((EOS, 30), |group| {
        let offset = word.saturating_sub(group.first) >> 32_u8.wrapping_sub(group.len);
        let at = usize::from(group.start).saturating_add(offset as usize);
        (LONG_SYMBOLS.get(at).copied().unwrap_or(EOS), group.len)
    })
}

/// Looks at the `count` bits that are left over: at most seven, and all ones (RFC 7541 §5.2).
fn check_padding(bits: u64, count: u32) -> Result<(), HpackError> {
    if bits.leading_ones() < count {
        Err(HpackError::HuffmanPadding)
    } else if count > 7 {
        Err(HpackError::HuffmanPaddingLength)
    } else {
        Ok(())
    }
}

#[inline]
fn code(byte: u8) -> Code {
    CODES
        .get(usize::from(byte))
        .copied()
        .unwrap_or(Code { bits: 0, len: 0 })
}
