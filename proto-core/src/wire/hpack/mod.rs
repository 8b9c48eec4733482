//! HPACK, the header compression of HTTP/2 (RFC 7541).
//!
//! A [`Decoder`] and an [`Encoder`] each serve one direction of one connection and see its header blocks whole and in
//! order. They work on [`Fields`](crate::http::Fields). What a field is to the protocol is told once, when its text comes
//! over the wire; the dynamic table keeps the answer, so that a field that comes again as an index is only copied.
//!
//! ```
//! use kitewire_proto::http::Fields;
//! use kitewire_proto::wire::hpack::{Decoded, Decoder, Encoder};
//!
//! let mut encoder = Encoder::new(4096);
//! let mut decoder = Decoder::new(4096);
//! let request = Fields::request("POST", "http", "stock.svc", "/shop.Stock/take");
//! let mut sizes = [0; 2];
//! for size in &mut sizes {
//!     let mut block = Vec::new();
//!     encoder.encode(&request, &mut block);
//!     *size = block.len();
//!     let mut fields = Fields::new();
//!     assert_eq!(decoder.decode(&block, 1024, &mut fields), Ok(Decoded::Complete));
//!     assert_eq!(fields, request);
//! }
//! assert_eq!(sizes, [25, 4]);
//! ```

mod decoder;
mod dynamic_table;
mod encoder;
mod huffman;
mod huffman_code;
mod index;
mod integer;
mod run;
mod static_table;

pub use decoder::{Decoded, Decoder};
pub use encoder::Encoder;

use std::fmt;

use crate::http::FieldKind;

/// A header block that cannot be decoded. The tables of the two ends are out of step from here on: a connection error
/// of type `COMPRESSION_ERROR` (RFC 9113 §4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HpackError {
    /// The block ends inside an integer or a string.
    Truncated,
    /// An integer above 2³²-1, or one of more than six bytes (RFC 7541 §5.1).
    IntegerOverflow,
    /// Index zero (RFC 7541 §6.1).
    ZeroIndex,
    /// An index above the last entry of the dynamic table (RFC 7541 §2.3.3).
    UnknownIndex(u32),
    /// A Huffman-coded string that holds the end-of-string symbol (RFC 7541 §5.2).
    HuffmanEos,
    /// A Huffman-coded string that ends with something other than ones (RFC 7541 §5.2).
    HuffmanPadding,
    /// A Huffman-coded string with eight bits of padding or more (RFC 7541 §5.2).
    HuffmanPaddingLength,
    /// A table size update above the size that was announced (RFC 7541 §6.3).
    SizeUpdateTooLarge(u32),
    /// A table size update behind a field (RFC 7541 §4.2).
    LateSizeUpdate,
    /// A third table size update in one block (RFC 7541 §4.2).
    TooManySizeUpdates,
    /// The announced size went below the one in use, and the block does not begin with an update (RFC 7541 §4.2).
    MissingSizeUpdate,
}

impl fmt::Display for HpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "header block ends inside a field"),
            Self::IntegerOverflow => write!(f, "integer in header block above 2^32-1 or longer than 6 bytes"),
            Self::ZeroIndex => write!(f, "header field with index 0"),
            Self::UnknownIndex(index) => write!(f, "header field index {index} is not in the table"),
            Self::HuffmanEos => write!(f, "end-of-string symbol in Huffman-coded string"),
            Self::HuffmanPadding => write!(f, "padding of Huffman-coded string is not all ones"),
            Self::HuffmanPaddingLength => write!(f, "padding of Huffman-coded string is longer than 7 bits"),
            Self::SizeUpdateTooLarge(size) => write!(f, "header table size update to {size}, which is above the limit"),
            Self::LateSizeUpdate => write!(f, "header table size update after a header field"),
            Self::TooManySizeUpdates => write!(f, "more than 2 header table size updates in one block"),
            Self::MissingSizeUpdate => write!(f, "no header table size update after the limit was lowered"),
        }
    }
}

impl std::error::Error for HpackError {}

/// An entry of a table.
struct Entry<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// What the name alone says.
    name_kind: FieldKind,
}

/// Where a name and its value end in a text of several, and what they are.
#[derive(Clone, Copy)]
struct Ends {
    name: u32,
    value: u32,
    kind: FieldKind,
}

/// What an entry costs beyond its text (RFC 7541 §4.1); the size of a header list counts fields in the same way
/// (RFC 9113 §6.5.2).
const ENTRY_OVERHEAD: usize = 32;

/// The table size before any setting (RFC 9113 §6.5.2).
const INITIAL_TABLE_SIZE: u32 = 4096;

/// Larger tables are never agreed to, whatever is announced: positions in one are 32-bit numbers.
const MAX_TABLE_SIZE: u32 = 1 << 30;

// The first bits of a representation (RFC 7541 §6) and the prefix that is left for its integer.
const INDEXED: u8 = 0x80;
const INDEXED_PREFIX: u8 = 0x7f;
const LITERAL_INDEXED: u8 = 0x40;
const LITERAL_INDEXED_PREFIX: u8 = 0x3f;
const SIZE_UPDATE: u8 = 0x20;
const SIZE_UPDATE_PREFIX: u8 = 0x1f;
const LITERAL_NEVER_INDEXED: u8 = 0x10;
const LITERAL: u8 = 0x00;
const LITERAL_PREFIX: u8 = 0x0f;

/// Set in the length of a string that is in the Huffman code.
const HUFFMAN: u8 = 0x80;
const STRING_PREFIX: u8 = 0x7f;

#[cfg(test)]
mod tests;
