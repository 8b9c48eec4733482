//! The four-byte length in front of a message, on its own (Framed) or behind a TTHeader (TTHeaderFramed).

use super::Codec;
use crate::buf::{Mark, Output};
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// Bytes of the length itself.
pub const LENGTH_SIZE: usize = 4;

/// Reads the length: the bytes of the message that follow it. `None`: fewer than four bytes.
///
/// # Errors
/// A length above [`Limits::max_frame`], or one that cannot hold the smallest message of the codec (an envelope with
/// a one-byte name, for Thrift also the body's stop byte). Kitex takes the first and guesses at the second.
#[inline]
pub fn parse(prefix: &[u8], codec: Codec, limits: &Limits) -> Result<Option<u32>, DecodeError> {
    let Some(length) = prefix.first_chunk() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length);
    let smallest = match codec {
        Codec::Thrift => 14,
        Codec::Protobuf => 13,
    };
    if length < smallest {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooSmall(length), 0));
    }
    if length > limits.max_frame {
        return Err(DecodeError::new(DecodeErrorKind::LengthTooLarge(length), 0));
    }
    Ok(Some(length))
}

/// Writes a placeholder for the length; hand the mark to [`finish`] when the message stands behind it.
#[inline]
pub fn begin(out: &mut Output) -> Mark {
    let mark = out.mark();
    out.put_u32(0);
    mark
}

/// Fills in the length of the message behind `mark`. A message above `max_frame` fails with
/// [`EncodeError::FrameTooLarge`].
#[inline]
pub fn finish(out: &mut Output, mark: Mark, max_frame: u32) {
    let length = out.since(mark).saturating_sub(LENGTH_SIZE);
    match u32::try_from(length) {
        Ok(length) if length <= max_frame => out.patch_u32(mark, length),
        _ => out.fail(EncodeError::FrameTooLarge(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::every_split;

    #[test]
    fn lengths_are_checked_at_once() {
        let limits = Limits::default();
        let rows = [
            (0, Codec::Thrift, Err(DecodeErrorKind::LengthTooSmall(0))),
            (13, Codec::Thrift, Err(DecodeErrorKind::LengthTooSmall(13))),
            (14, Codec::Thrift, Ok(14)),
            (12, Codec::Protobuf, Err(DecodeErrorKind::LengthTooSmall(12))),
            (13, Codec::Protobuf, Ok(13)),
            (16 << 20, Codec::Thrift, Ok(16 << 20)),
            (
                (16 << 20) + 1,
                Codec::Thrift,
                Err(DecodeErrorKind::LengthTooLarge((16 << 20) + 1)),
            ),
            (
                u32::MAX,
                Codec::Protobuf,
                Err(DecodeErrorKind::LengthTooLarge(u32::MAX)),
            ),
        ];
        for (length, codec, expected) in rows {
            let whole = every_split(&length.to_be_bytes(), |prefix| parse(prefix, codec, &limits));
            assert_eq!(whole.map_err(|error| error.kind).map(Option::unwrap), expected);
        }
    }

    #[test]
    fn the_length_is_filled_in() {
        let mut out = Output::new();
        out.put(b"before");
        let mark = begin(&mut out);
        out.put(b"message");
        finish(&mut out, mark, 7);
        assert_eq!(out.to_vec(), b"before\0\0\0\x07message");
        finish(&mut out, mark, 6);
        assert_eq!(out.take_error(), Some(EncodeError::FrameTooLarge(7)));
    }
}
