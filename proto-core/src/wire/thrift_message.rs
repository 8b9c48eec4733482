//! The Thrift strict binary message envelope.
//!
//! Four bytes `0x8001` and type, four bytes name length, the method name, four bytes sequence id; then the body, a
//! struct. Old Thrift without the version word and Thrift compact are refused, as Kitex does.

use super::{Envelope, MessageType, SequenceId, envelope};
use crate::buf::Output;
use crate::config::Limits;
use crate::error::DecodeError;

/// The version in the first two bytes.
pub const VERSION: u16 = 0x8001;

/// Reads the envelope at the start of `message`. `None`: it is not whole yet.
///
/// # Errors
/// Another version than [`VERSION`]; a type other than 1 to 5 (all of the low 16 bits count); a name length that is
/// negative, zero or above [`Limits::max_method_name`]. Each is told as soon as its bytes are there.
#[inline]
pub fn parse(message: &[u8], limits: &Limits) -> Result<Option<Envelope>, DecodeError> {
    envelope::parse(message, VERSION, limits)
}

/// Appends an envelope; the body follows. An empty name fails with
/// [`EncodeError::MethodName`](crate::EncodeError::MethodName).
#[inline]
pub fn write_envelope(out: &mut Output, message_type: MessageType, name: impl AsRef<[u8]>, sequence: SequenceId) {
    envelope::write(out, VERSION, message_type, name.as_ref(), sequence);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DecodeErrorKind;
    use crate::wire::testing::{every_split, hex};

    #[test]
    fn the_worked_example_reads_and_writes() {
        let rows = [
            (
                "80 01 00 01 00 00 00 04 65 63 68 6f 00 00 00 01 0c",
                MessageType::Call,
                1,
            ),
            (
                "80 01 00 02 00 00 00 04 65 63 68 6f ff ff ff ff 00",
                MessageType::Reply,
                -1,
            ),
            (
                "80 01 00 03 00 00 00 04 65 63 68 6f 00 00 00 03 0b",
                MessageType::Exception,
                3,
            ),
            (
                "80 01 00 04 00 00 00 04 65 63 68 6f 00 00 00 03 0b",
                MessageType::Oneway,
                3,
            ),
            (
                "80 01 00 05 00 00 00 04 65 63 68 6f 00 00 00 00 0b",
                MessageType::Stream,
                0,
            ),
        ];
        for (bytes, message_type, sequence) in rows {
            let bytes = hex(bytes);
            let limits = Limits::default();
            let envelope = every_split(&bytes, |prefix| parse(prefix, &limits)).unwrap().unwrap();
            assert_eq!(envelope.message_type, message_type);
            assert_eq!(envelope.name(&bytes), b"echo");
            assert_eq!(envelope.sequence, SequenceId(sequence));
            assert_eq!(envelope.body_start(), 16);
            let mut out = Output::new();
            write_envelope(&mut out, message_type, "echo", SequenceId(sequence));
            assert_eq!(out.to_vec(), bytes[..16]);
        }
    }

    #[test]
    fn bad_envelopes_are_refused_as_early_as_possible() {
        let rows = [
            ("00 00 00 04 65 63 68 6f", DecodeErrorKind::BadMagic(4), 0, 4),
            ("80 02 00 01", DecodeErrorKind::BadMagic(0x8002_0001), 0, 4),
            ("82 21 01 04", DecodeErrorKind::BadMagic(0x8221_0104), 0, 4),
            ("80 01 01 01 00 00", DecodeErrorKind::BadMessageType(0x101), 0, 4),
            ("80 01 00 00", DecodeErrorKind::BadMessageType(0), 0, 4),
            ("80 01 00 06", DecodeErrorKind::BadMessageType(6), 0, 4),
            ("80 01 00 01 00 00 00 00 00", DecodeErrorKind::EmptyMethodName, 4, 8),
            ("80 01 00 01 ff ff ff ff 00", DecodeErrorKind::NegativeLength(-1), 4, 8),
            (
                "80 01 00 01 00 00 10 01 00",
                DecodeErrorKind::LengthTooLarge(4097),
                4,
                8,
            ),
            (
                "80 01 00 01 7f ff ff ff 00",
                DecodeErrorKind::LengthTooLarge(i32::MAX as u32),
                4,
                8,
            ),
        ];
        for (bytes, kind, offset, needs) in rows {
            let bytes = hex(bytes);
            let limits = Limits::default();
            let error = every_split(&bytes, |prefix| parse(prefix, &limits)).unwrap_err();
            assert_eq!(error, DecodeError::new(kind, offset));
            assert_eq!(parse(&bytes[..needs], &limits), Err(error));
            assert_eq!(parse(&bytes[..needs - 1], &limits), Ok(None));
        }
    }

    #[test]
    fn an_empty_name_is_not_written() {
        let mut out = Output::new();
        write_envelope(&mut out, MessageType::Call, "", SequenceId(1));
        assert_eq!(out.take_error(), Some(crate::EncodeError::MethodName(0)));
    }
}
