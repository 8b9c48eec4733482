//! The five bytes in front of each message: a compression flag and a big-endian length.
//!
//! Messages and DATA frames have nothing to do with each other: a message may span frames, and a frame may hold
//! several messages. An empty message is legal.

use crate::buf::{Mark, Output};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// Bytes of the prefix.
pub const PREFIX_SIZE: usize = 5;
/// Bytes of the flag; the length is behind it.
const FLAG_SIZE: usize = 1;

/// The prefix of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// Whether the bytes that follow are compressed.
    pub compression: Compression,
    /// How many bytes follow.
    pub length: u32,
}

/// Whether a message is compressed, by the algorithm that `grpc-encoding` names for its direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// The bytes are the message. Flag 0; read from every flag but 1, as Kitex does.
    #[default]
    Identity,
    /// The message is compressed. Flag 1.
    Compressed,
}

/// Reads a prefix. `None`: fewer than five bytes.
///
/// # Errors
/// A length above `max_length`. Kitex has no such limit.
///
/// ```
/// use kitewire_proto::wire::grpc::message::{self, Compression};
///
/// let prefix = message::parse(b"\x00\x00\x00\x00\x0a", 1024)?.unwrap();
/// assert_eq!((prefix.compression, prefix.length), (Compression::Identity, 10));
/// # Ok::<(), kitewire_proto::DecodeError>(())
/// ```
#[inline]
pub fn parse(input: &[u8], max_length: u32) -> Result<Option<Prefix>, DecodeError> {
    let Some([flag, length @ ..]) = input.first_chunk::<PREFIX_SIZE>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length);
    if length > max_length {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooLarge(length), FLAG_SIZE));
    }
    let compression = match flag {
        1 => Compression::Compressed,
        _ => Compression::Identity,
    };
    Ok(Some(Prefix { compression, length }))
}

/// Writes the flag and a placeholder for the length; hand the mark to [`finish`] when the message stands behind it.
#[inline]
pub fn begin(out: &mut Output, compression: Compression) -> Mark {
    let mark = out.mark();
    let prefix = Prefix { compression, length: 0 };
    out.put(&prefix.to_bytes());
    mark
}

/// Fills in the length of the message behind `mark`. A message above `max_length` fails with
/// [`EncodeError::FrameTooLarge`].
#[inline]
pub fn finish(out: &mut Output, mark: Mark, max_length: u32) {
    let length = out.since(mark).saturating_sub(PREFIX_SIZE);
    match u32::try_from(length) {
        Ok(length) if length <= max_length => out.patch(mark, FLAG_SIZE, &length.to_be_bytes()),
        _ => out.fail(EncodeError::FrameTooLarge(length)),
    }
}

impl Prefix {
    /// The prefix as it stands on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; PREFIX_SIZE] {
        let flag = match self.compression {
            Compression::Identity => 0,
            Compression::Compressed => 1,
        };
        let [a, b, c, d] = self.length.to_be_bytes();
        [flag, a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{every_split, hex};

    #[test]
    fn prefixes_are_read_and_lengths_bounded() {
        let too_large = |length| DecodeError::new(DecodeErrorKind::LengthTooLarge(length), 1);
        let prefix = |compression, length| Ok(Some(Prefix { compression, length }));
        let rows = [
            ("00 00000000", prefix(Compression::Identity, 0)),
            ("00 0000000a", prefix(Compression::Identity, 10)),
            ("01 0000000a", prefix(Compression::Compressed, 10)),
            ("02 0000000a", prefix(Compression::Identity, 10)),
            ("ff 00000064", prefix(Compression::Identity, 100)),
            ("00 00000065", Err(too_large(101))),
            ("01 ffffffff", Err(too_large(u32::MAX))),
        ];
        for (bytes, expected) in rows {
            assert_eq!(every_split(&hex(bytes), |input| parse(input, 100)), expected, "{bytes}");
        }
    }

    #[test]
    fn the_length_is_filled_in() {
        let mut out = Output::new();
        out.put(b"before");
        let mark = begin(&mut out, Compression::Identity);
        out.put(&hex("0b 0001 00000002 6869 00"));
        finish(&mut out, mark, 10);
        let empty = begin(&mut out, Compression::Compressed);
        finish(&mut out, empty, 0);
        let expected = hex("00 0000000a 0b 0001 00000002 6869 00 01 00000000");
        assert_eq!(out.to_vec(), [b"before", expected.as_slice()].concat());
        finish(&mut out, mark, 9);
        assert_eq!(out.take_error(), Some(EncodeError::FrameTooLarge(15)));
    }
}
