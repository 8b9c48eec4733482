//! The KitexProtobuf message: Protobuf behind Kitex's own envelope (not gRPC).
//!
//! Always framed. After the four-byte length: two bytes `0x9001`, two bytes type, four bytes name length, the method
//! name, four bytes sequence id; then the Protobuf message itself, without a wrapper. An empty body is a message with
//! all defaults. The body of an exception is `ErrorProto { int32 TypeID = 1; string Message = 2; }`.

use std::borrow::Cow;

use super::{Envelope, MessageType, SequenceId, envelope};
use crate::buf::Output;
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::exception::{ApplicationException, ExceptionType};

/// The magic number in the first two bytes.
pub const MAGIC: u16 = 0x9001;

/// Reads the envelope at the start of `message`, which is what follows the length. `None`: it is not whole yet.
///
/// # Errors
/// Another magic number than [`MAGIC`]; a type other than 1 to 5; a name length that is negative, zero or above
/// [`Limits::max_method_name`]. Each is told as soon as its bytes are there.
#[inline]
pub fn parse(message: &[u8], limits: &Limits) -> Result<Option<Envelope>, DecodeError> {
    envelope::parse(message, MAGIC, limits)
}

/// Appends an envelope; the body follows. An empty name fails with
/// [`EncodeError::MethodName`](crate::EncodeError::MethodName).
#[inline]
pub fn write_envelope(out: &mut Output, message_type: MessageType, name: impl AsRef<[u8]>, sequence: SequenceId) {
    envelope::write(out, MAGIC, message_type, name.as_ref(), sequence);
}

/// Appends the body of an exception message. Defaults (type 0, empty text) are left out, as Protobuf does.
pub fn write_exception(out: &mut Output, exception: &ApplicationException) {
    if exception.kind.0 != 0 {
        out.put_u8(0x08);
        // A negative int32 is sign-extended to ten bytes.
        put_varint(out, i64::from(exception.kind.0) as u64);
    }
    if !exception.message.is_empty() {
        out.put_u8(0x12);
        put_varint(out, exception.message.len() as u64);
        out.put(exception.message.as_bytes());
    }
}

/// Reads the body of an exception message. Fields may come in any order and repeat (the last one counts), unknown
/// fields are skipped, text that is not UTF-8 is read with replacement characters.
///
/// # Errors
/// A field that is cut, or a wire type that Protobuf does not have; groups are refused.
pub fn parse_exception(body: &[u8]) -> Result<ApplicationException, DecodeError> {
    let mut exception = ApplicationException::new(ExceptionType::UNKNOWN, "");
    let mut rest = body;
    while !rest.is_empty() {
        let at = body.len().saturating_sub(rest.len());
        let cut = || DecodeError::new(DecodeErrorKind::UnexpectedEnd, at);
        let tag = varint(&mut rest).ok_or_else(cut)?;
        match (tag >> 3, tag & 7) {
            (0, _) => return Err(DecodeError::new(DecodeErrorKind::InvalidMessage, at)),
            (1, 0) => {
                // int32 keeps the low 32 bits of what is sent.
                let [.., a, b, c, d] = varint(&mut rest).ok_or_else(cut)?.to_be_bytes();
                exception.kind = ExceptionType(i32::from_be_bytes([a, b, c, d]));
            }
            (2, 2) => {
                let text = delimited(&mut rest).ok_or_else(cut)?;
                exception.message = Cow::Owned(String::from_utf8_lossy(text).into_owned());
            }
            (_, 0) => _ = varint(&mut rest).ok_or_else(cut)?,
            (_, 1) => rest = rest.get(8..).ok_or_else(cut)?,
            (_, 2) => _ = delimited(&mut rest).ok_or_else(cut)?,
            (_, 5) => rest = rest.get(4..).ok_or_else(cut)?,
            _ => return Err(DecodeError::new(DecodeErrorKind::InvalidMessage, at)),
        }
    }
    Ok(exception)
}

fn put_varint(out: &mut Output, mut value: u64) {
    loop {
        let [.., low] = value.to_be_bytes();
        value >>= 7;
        if value == 0 {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
    }
}

/// At most ten bytes; bits above the 64th are dropped.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn delimited<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (value, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::framed;
    use crate::wire::testing::{every_split, hex};

    #[test]
    fn the_worked_examples_read_and_write() {
        let rows = [
            (
                "90 01 00 01 00 00 00 04 45 63 68 6f 00 00 00 01 0a 02 68 69 10 03",
                MessageType::Call,
                1,
            ),
            (
                "90 01 00 02 00 00 00 04 45 63 68 6f 00 00 00 01 0a 02 68 69 10 03",
                MessageType::Reply,
                1,
            ),
        ];
        for (bytes, message_type, sequence) in rows {
            let bytes = hex(bytes);
            let limits = Limits::default();
            let envelope = every_split(&bytes, |prefix| parse(prefix, &limits)).unwrap().unwrap();
            assert_eq!(envelope.message_type, message_type);
            assert_eq!(envelope.name(&bytes), b"Echo");
            assert_eq!(envelope.sequence, SequenceId(sequence));
            assert_eq!(bytes[envelope.body_start()..], hex("0a 02 68 69 10 03"));
        }
    }

    #[test]
    fn the_exception_example_reads_and_writes() {
        let bytes = hex("00 00 00 23 90 01 00 03 00 00 00 04 45 63 68 6f 00 00 00 03
             08 06 12 0f 62 69 7a 20 65 72 72 6f 72 3a 20 62 6f 6f 6d");
        let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, "biz error: boom");
        assert_eq!(parse_exception(&bytes[20..]).unwrap(), exception);
        let mut out = Output::new();
        let mark = framed::begin(&mut out);
        write_envelope(&mut out, MessageType::Exception, "Echo", SequenceId(3));
        write_exception(&mut out, &exception);
        framed::finish(&mut out, mark, u32::MAX);
        assert_eq!(out.to_vec(), bytes);
    }

    #[test]
    fn bad_envelopes_are_refused() {
        let rows = [
            ("80 01 00 01", DecodeErrorKind::BadMagic(0x8001_0001), 0),
            ("90 01 01 01", DecodeErrorKind::BadMessageType(0x101), 0),
            ("90 01 00 01 00 00 00 00", DecodeErrorKind::EmptyMethodName, 4),
            ("90 01 00 01 ff ff ff ff", DecodeErrorKind::NegativeLength(-1), 4),
        ];
        for (bytes, kind, offset) in rows {
            let limits = Limits::default();
            let parsed = every_split(&hex(bytes), |prefix| parse(prefix, &limits));
            assert_eq!(parsed, Err(DecodeError::new(kind, offset)));
        }
    }

    #[test]
    fn exceptions_of_every_shape_round_trip() {
        for kind in [0, 1, 7, 77, i32::MAX, -1, i32::MIN] {
            for message in ["", "x", "ü", &"long ".repeat(100)] {
                let exception = ApplicationException::new(ExceptionType(kind), message.to_owned());
                let mut out = Output::new();
                write_exception(&mut out, &exception);
                assert_eq!(parse_exception(&out.to_vec()).unwrap(), exception);
            }
        }
    }

    /// The bytes, and the type and text that they mean.
    type Row = (&'static str, Result<(i32, &'static str), DecodeErrorKind>);

    #[test]
    fn exceptions_are_read_leniently_and_safely() {
        let rows: [Row; 13] = [
            ("", Ok((0, ""))),
            ("12 01 61 08 06", Ok((6, "a"))),
            ("08 01 08 02", Ok((2, ""))),
            ("1a 01 ff 21 0000000000000000 2d 00000000 30 80 01 08 06", Ok((6, ""))),
            ("12 01 ff", Ok((0, "\u{fffd}"))),
            ("0a 01 61", Ok((0, ""))),
            ("08 ffffffffffffffffff01", Ok((-1, ""))),
            ("08", Err(DecodeErrorKind::UnexpectedEnd)),
            ("08 ffffffffffffffffffff01", Err(DecodeErrorKind::UnexpectedEnd)),
            ("12 02 61", Err(DecodeErrorKind::UnexpectedEnd)),
            ("12 ffffffffffffffffff01 61", Err(DecodeErrorKind::UnexpectedEnd)),
            ("0b", Err(DecodeErrorKind::InvalidMessage)),
            ("00 00", Err(DecodeErrorKind::InvalidMessage)),
        ];
        for (bytes, expected) in rows {
            let parsed = parse_exception(&hex(bytes)).map_err(|error| error.kind);
            let expected = expected.map(|(kind, text)| ApplicationException::new(ExceptionType(kind), text));
            assert_eq!(parsed, expected, "{bytes}");
        }
    }
}
