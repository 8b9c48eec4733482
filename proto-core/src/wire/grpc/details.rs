//! The message `google.rpc.Status`, which `grpc-status-details-bin` carries: code, message and a list of
//! `google.protobuf.Any`.

use std::fmt;

use super::{Code, Status};

/// Key of field 1, `int32 code`.
const CODE: u8 = 0x08;
/// Key of field 2, `string message`.
const MESSAGE: u8 = 0x12;
/// Key of field 3, `repeated google.protobuf.Any details`.
const DETAIL: u8 = 0x1a;

/// The details of a status: encoded `google.protobuf.Any` messages, whose content is the application's.
///
/// They lie in one block as they are on the wire, so that many small ones cost no more here than there.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Key, length and bytes of each.
    records: Vec<u8>,
}

/// Bytes that are no `google.rpc.Status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedDetails {
    /// A value ends after the message does.
    UnexpectedEnd,
    /// A number above 64 bits.
    NumberTooLarge,
    /// A field key that does not exist.
    FieldKey(u64),
    /// The message is not UTF-8.
    InvalidUtf8,
}

impl Details {
    /// No details, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { records: Vec::new() }
    }

    /// Adds an encoded `google.protobuf.Any`.
    pub fn push(&mut self, any: &[u8]) {
        put_counted(&mut self.records, DETAIL, any);
    }

    /// The encoded `google.protobuf.Any` messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut records = Reader(&self.records);
        std::iter::from_fn(move || match records.field() {
            Ok(Some((_, Value::Counted(any)))) => Some(any),
            _ => None,
        })
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|any| any.escape_ascii().to_string()))
            .finish()
    }
}

impl Status {
    /// Appends the status as a `google.rpc.Status`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.code != Code::OK {
            out.push(CODE);
            put_number(out, i64::from(self.code.0).cast_unsigned());
        }
        if !self.message.is_empty() {
            put_counted(out, MESSAGE, self.message.as_bytes());
        }
        out.extend_from_slice(&self.details.records);
    }

    /// Reads a `google.rpc.Status`. Unknown fields are skipped; of a field that repeats the last one stays.
    ///
    /// # Errors
    /// Anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedDetails> {
        let mut status = Self::default();
        let mut message: &[u8] = &[];
        let mut fields = Reader(bytes);
        while let Some((key, value)) = fields.field()? {
            match (key, value) {
                (key, Value::Number(code)) if key == u64::from(CODE) => {
                    let low = u32::try_from(code & u64::from(u32::MAX)).unwrap_or(u32::MAX);
                    status.code = Code(low.cast_signed());
                }
                (key, Value::Counted(text)) if key == u64::from(MESSAGE) => message = text,
                (key, Value::Counted(any)) if key == u64::from(DETAIL) => status.details.push(any),
                _ => {}
            }
        }
        match std::str::from_utf8(message) {
            Ok(message) => status.message = message.to_owned(),
            Err(_) => return Err(MalformedDetails::InvalidUtf8),
        }
        Ok(status)
    }
}

/// What is left of a Protobuf message.
struct Reader<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Counted(&'a [u8]),
    Fixed,
}

impl<'a> Reader<'a> {
    /// The next field: its key and its value. `None`: the message ends.
    fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, MalformedDetails> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.number()?;
        let number = key >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(MalformedDetails::FieldKey(key));
        }
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.number()?;
                let length = usize::try_from(length).map_err(|_| MalformedDetails::UnexpectedEnd)?;
                Value::Counted(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Fixed)?,
            _ => return Err(MalformedDetails::FieldKey(key)),
        };
        Ok(Some((key, value)))
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], MalformedDetails> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(MalformedDetails::UnexpectedEnd)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, MalformedDetails> {
        let mut number = 0_u64;
        for shift in (0..64_u32).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(MalformedDetails::UnexpectedEnd)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.wrapping_shl(shift);
            if shifted.wrapping_shr(shift) != bits {
                return Err(MalformedDetails::NumberTooLarge);
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(MalformedDetails::NumberTooLarge)
    }
}

fn put_counted(out: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    out.push(key);
    put_number(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

impl fmt::Display for MalformedDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("unexpected end of message"),
            Self::NumberTooLarge => f.write_str("number above 64 bits"),
            Self::FieldKey(key) => write!(f, "unknown field key {key:#x}"),
            Self::InvalidUtf8 => f.write_str("message is not UTF-8"),
        }
    }
}

impl std::error::Error for MalformedDetails {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    fn encoded(status: &Status) -> Vec<u8> {
        let mut out = Vec::new();
        status.encode(&mut out);
        out
    }

    #[test]
    fn a_status_is_written_and_read() {
        let mut status = Status::new(Code(5), "gone");
        status.details.push(b"one");
        status.details.push(b"");
        let bytes = hex("0805 1204 676f6e65 1a03 6f6e65 1a00");
        assert_eq!(encoded(&status), bytes);
        assert_eq!(Status::decode(&bytes), Ok(status.clone()));
        assert_eq!(status.details.iter().collect::<Vec<_>>(), [&b"one"[..], b""]);

        assert_eq!(encoded(&Status::default()), b"");
        let negative = Status::new(Code(-1), "");
        assert_eq!(encoded(&negative), hex("08 ffffffffffffffffff01"));
        assert_eq!(Status::decode(&encoded(&negative)), Ok(negative));
    }

    #[test]
    fn unknown_fields_are_skipped_and_the_last_one_counts() {
        let bytes = hex("2a02 ffff 30 ff01 39 0102030405060708 3d 01020304 0801 1201 61 0802 1201 62 0d 01020304");
        assert_eq!(Status::decode(&bytes), Ok(Status::new(Code(2), "b")));
        assert_eq!(
            Status::decode(&hex("0a01 00")),
            Ok(Status::default()),
            "code of a wrong type"
        );
        let wide = hex("08 8180808010");
        assert_eq!(Status::decode(&wide), Ok(Status::new(Code(1), "")), "the low 32 bits");
    }

    #[test]
    fn anything_else_is_refused() {
        let rows = [
            ("08", MalformedDetails::UnexpectedEnd),
            ("08 80", MalformedDetails::UnexpectedEnd),
            ("12 02 61", MalformedDetails::UnexpectedEnd),
            ("12 ffffffffffffffffff01", MalformedDetails::UnexpectedEnd),
            ("3d 010203", MalformedDetails::UnexpectedEnd),
            ("08 ffffffffffffffffff02", MalformedDetails::NumberTooLarge),
            ("08 ffffffffffffffffffff01", MalformedDetails::NumberTooLarge),
            ("00 00", MalformedDetails::FieldKey(0)),
            ("0b", MalformedDetails::FieldKey(0x0b)),
            ("0e", MalformedDetails::FieldKey(0x0e)),
            ("12 01 ff", MalformedDetails::InvalidUtf8),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Status::decode(&hex(bytes)), Err(expected), "{bytes}");
        }
    }
}
