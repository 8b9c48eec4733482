//! The Huffman code of RFC 7541 appendix B, and the tables made from it when the crate is compiled.
//!
//! The code is canonical: codes of one length follow one another in the order of their symbols, and the first of a
//! length follows the last shorter one. So the lengths are all there is to know.

/// The symbol that ends no string (RFC 7541 §5.2).
pub(super) const EOS: u16 = 256;

/// Length of each symbol's code in bits; EOS last.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

/// The code of one symbol.
#[derive(Clone, Copy)]
pub(super) struct Code {
    /// Aligned to the right.
    pub(super) bits: u32,
    pub(super) len: u8,
}

/// The codes of one length.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) len: u8,
    /// The first code, aligned to the left, zeros behind it.
    pub(super) first: u32,
    /// The last code, aligned to the left, ones behind it.
    pub(super) last: u32,
    /// Where its symbols begin in [`LONG_SYMBOLS`].
    pub(super) start: u8,
}

/// Most bits of a code that [`SHORT`] holds.
const SHORT_BITS: u8 = 8;

/// Most bits of any code.
const LONGEST: u8 = 30;

/// The code of each symbol.
pub(super) static CODES: [Code; 257] = codes();

/// For every first byte of input: the symbol that it begins with and the length of its code, or a length of zero where
/// the code is longer than the byte.
pub(super) static SHORT: [(u8, u8); 256] = short_codes();

/// The groups of codes that are too long for [`SHORT`], shortest first.
pub(super) static LONG: [Group; 17] = long_codes();

/// The symbols of those codes in the order of the codes.
pub(super) static LONG_SYMBOLS: [u16; 183] = long_symbols();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the compiler runs it, and reports what is out of bounds"
)]
const fn codes() -> [Code; 257] {
    let mut codes = [Code { bits: 0, len: 0 }; 257];
    let mut next = 0;
    let mut len = 1;
    while len <= LONGEST {
        next <<= 1;
        let mut symbol = 0;
        while symbol < codes.len() {
            if LENGTHS[symbol] == len {
                codes[symbol] = Code { bits: next, len };
                next += 1;
            }
            symbol += 1;
        }
        len += 1;
    }
    assert!(next == 1 << LONGEST, "the code has gaps");
    codes
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "the compiler runs it, and reports what is out of bounds"
)]
const fn short_codes() -> [(u8, u8); 256] {
    let codes = codes();
    let mut table = [(0, 0); 256];
    let mut symbol = 0;
    while symbol < 256 {
        let Code { bits, len } = codes[symbol];
        if len <= SHORT_BITS {
            let spare = SHORT_BITS - len;
            let mut tail = 0;
            while tail < 1_usize << spare {
                table[((bits as usize) << spare) + tail] = (symbol as u8, len);
                tail += 1;
            }
        }
        symbol += 1;
    }
    table
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "the compiler runs it, and reports what is out of bounds"
)]
const fn long_codes() -> [Group; 17] {
    let empty = Group {
        len: 0,
        first: 0,
        last: 0,
        start: 0,
    };
    let codes = codes();
    let symbols = long_symbols();
    let mut groups = [empty; 17];
    let mut count = 0;
    let mut at = 0;
    while at < symbols.len() {
        let Code { bits, len } = codes[symbols[at] as usize];
        let aligned = bits << (32 - len);
        if count == 0 || groups[count - 1].len != len {
            groups[count] = Group {
                len,
                first: aligned,
                last: aligned,
                start: at as u8,
            };
            count += 1;
        }
        groups[count - 1].last = aligned | (u32::MAX >> len);
        at += 1;
    }
    assert!(count == groups.len());
    groups
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "the compiler runs it, and reports what is out of bounds"
)]
const fn long_symbols() -> [u16; 183] {
    let mut symbols = [0; 183];
    let mut count = 0;
    let mut len = SHORT_BITS + 1;
    while len <= LONGEST {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] == len {
                symbols[count] = symbol as u16;
                count += 1;
            }
            symbol += 1;
        }
        len += 1;
    }
    assert!(count == symbols.len());
    symbols
}
