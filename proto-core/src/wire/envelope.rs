//! The message envelope, which Thrift and KitexProtobuf share but for the magic number.

use super::{MessageType, SequenceId, Span};
use crate::buf::Output;
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// The head of a message: what it is, for which method, and where its body starts.
///
/// Read by [`thrift_message::parse`](super::thrift_message::parse) and
/// [`kitex_protobuf::parse`](super::kitex_protobuf::parse); offsets count from the message's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Call, reply, exception, oneway or stream. Which of them is allowed depends on the reader's role.
    pub message_type: MessageType,
    /// Place of the method name: not empty, at most [`Limits::max_method_name`] bytes, not checked for UTF-8.
    pub name: Span,
    /// The number that a reply repeats.
    pub sequence: SequenceId,
    /// Offset of the body.
    pub body_start: u32,
}

impl Envelope {
    /// The method name's bytes in the `message` that was parsed.
    #[must_use]
    #[inline]
    pub fn name(self, message: &[u8]) -> &[u8] {
        self.name.of(message)
    }

    /// Offset of the body.
    #[must_use]
    #[inline]
    pub const fn body_start(self) -> usize {
        self.body_start as usize
    }
}

/// Bytes in front of the name: magic, type, name length.
const HEAD: usize = 8;

/// Reads an envelope whose first two bytes are `magic`.
#[inline]
pub(super) fn parse(message: &[u8], magic: u16, limits: &Limits) -> Result<Option<Envelope>, DecodeError> {
    let Some(([m0, m1, t0, t1], rest)) = message.split_first_chunk() else {
        return Ok(None);
    };
    if u16::from_be_bytes([*m0, *m1]) != magic {
        let word = u32::from_be_bytes([*m0, *m1, *t0, *t1]);
        return Err(DecodeError::new(DecodeErrorKind::BadMagic(word), 0));
    }
    let number = u32::from(u16::from_be_bytes([*t0, *t1]));
    let Some(message_type) = MessageType::from_number(number) else {
        return Err(DecodeError::new(DecodeErrorKind::BadMessageType(number), 0));
    };
    let Some((length, rest)) = rest.split_first_chunk() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    let name_length = match usize::try_from(length) {
        Ok(name_length) if name_length > 0 && name_length <= limits.max_method_name as usize => name_length,
        _ => return Err(bad_name_length(length)),
    };
    let Some(tail) = rest.get(name_length..) else {
        return Ok(None);
    };
    let Some((sequence, body)) = tail.split_first_chunk() else {
        return Ok(None);
    };
    let body_start = message.len().saturating_sub(body.len());
    let (Some(name), Ok(body_start)) = (Span::new(HEAD, name_length), u32::try_from(body_start)) else {
        return Err(bad_name_length(length));
    };
    Ok(Some(Envelope {
        message_type,
        name,
        sequence: SequenceId(i32::from_be_bytes(*sequence)),
        body_start,
    }))
}

/// Writes an envelope. A name that is empty or beyond `i32::MAX` bytes fails with [`EncodeError::MethodName`].
#[inline]
pub(super) fn write(out: &mut Output, magic: u16, message_type: MessageType, name: &[u8], sequence: SequenceId) {
    let length = match i32::try_from(name.len()) {
        Ok(length) if length > 0 => length,
        _ => return out.fail(EncodeError::MethodName(name.len())),
    };
    let [m0, m1] = magic.to_be_bytes();
    let [t0, t1] = message_type.number().to_be_bytes();
    let [l0, l1, l2, l3] = length.to_be_bytes();
    out.put(&[m0, m1, t0, t1, l0, l1, l2, l3]);
    out.put(name);
    out.put(&sequence.0.to_be_bytes());
}

#[cold]
fn bad_name_length(length: i32) -> DecodeError {
    let kind = match u32::try_from(length) {
        Ok(0) => DecodeErrorKind::EmptyMethodName,
        Ok(length) => DecodeErrorKind::LengthTooLarge(length),
        Err(_) => DecodeErrorKind::NegativeLength(length),
    };
    DecodeError::new(kind, 4)
}
