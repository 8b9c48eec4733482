//! The TTHeader frame.
//!
//! Big-endian: `LENGTH` u32 (bytes that follow it), magic `0x1000`, flags u16, sequence id i32, `HS` u16 (header info
//! in units of four bytes), then the header info: protocol id u8, number of transforms u8, their ids, info blocks,
//! zero padding; then the payload.
//!
//! | info id | block | layout behind the id |
//! |---|---|---|
//! | `0x00` | padding | nothing |
//! | `0x01` | strings | u16 count, then u16 length + key, u16 length + value each |
//! | `0x10` | ints | u16 count, then u16 key, u16 length + value each |
//! | `0x11` | ACL token | u16 length + token |
//!
//! Reading goes in two steps: [`Header::parse`] on the first 16 bytes, which tells how much follows, and
//! [`Info::scan`] on the header info, one pass that checks everything and notes where the interesting values lie.
//! [`HeaderView`] walks all of them. [`HeaderWriter`] writes.

mod blocks;
mod header;
mod info;
mod keys;
mod view;
mod writer;

pub use header::{Flags, HEAD, Header};
pub use info::Info;
pub use keys::{IntKey, string_key};
pub use view::{HeaderView, IntEntries, StringEntries};
pub use writer::{HeaderWriter, OpenFrame};

/// The magic number at offset 4.
pub const MAGIC: u16 = 0x1000;

/// Most bytes of header info: 65,535 units of four.
pub const MAX_INFO: usize = 4 * 65_535;

/// The protocol ids that Kitex knows. Only the range is checked: the payload's own magic number decides its codec.
pub mod protocol_id {
    /// Thrift binary; written for every unary call, Protobuf ones too.
    pub const THRIFT_BINARY: u8 = 0x00;
    /// Thrift compact version 2 (fbthrift); accepted for compatibility.
    pub const THRIFT_COMPACT_V2: u8 = 0x03;
    /// KitexProtobuf; accepted, never written.
    pub const KITEX_PROTOBUF: u8 = 0x04;
    /// A Thrift struct (TTHeader streaming).
    pub const THRIFT_STRUCT: u8 = 0x10;
    /// A Protobuf message (TTHeader streaming).
    pub const PROTOBUF_STRUCT: u8 = 0x11;
}

#[cfg(test)]
mod tests;
