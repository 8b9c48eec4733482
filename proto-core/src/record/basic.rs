//! Numbers, texts and lists in a recording.

use std::time::Duration;

use bytes::Bytes;

use super::codec::{Reader, Value, Writer};
use super::error::RecordingError;

/// One byte, at most `most`.
pub(super) fn choice(from: &mut Reader<'_>, what: &'static str, most: u8) -> Result<u8, RecordingError> {
    let offset = from.offset();
    let found = from.byte()?;
    if found > most {
        return Err(RecordingError::invalid(what, offset));
    }
    Ok(found)
}

impl Value for u64 {
    fn put(&self, out: &mut Writer<'_>) {
        out.number(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.number()
    }
}

impl Value for u32 {
    fn put(&self, out: &mut Writer<'_>) {
        out.number((*self).into());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        narrow(from)
    }
}

impl Value for u16 {
    fn put(&self, out: &mut Writer<'_>) {
        out.number((*self).into());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        narrow(from)
    }
}

impl Value for usize {
    fn put(&self, out: &mut Writer<'_>) {
        out.len(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        // A limit of a larger machine is none on a smaller one.
        Ok(Self::try_from(from.number()?).unwrap_or(Self::MAX))
    }
}

impl Value for i32 {
    fn put(&self, out: &mut Writer<'_>) {
        self.cast_unsigned().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(u32::take(from)?.cast_signed())
    }
}

fn narrow<T: TryFrom<u64>>(from: &mut Reader<'_>) -> Result<T, RecordingError> {
    let offset = from.offset();
    T::try_from(from.number()?).map_err(|_| RecordingError::invalid("number", offset))
}

impl Value for Duration {
    fn put(&self, out: &mut Writer<'_>) {
        out.number(u64::try_from(self.as_nanos()).unwrap_or(u64::MAX));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(Self::from_nanos(from.number()?))
    }
}

impl Value for String {
    fn put(&self, out: &mut Writer<'_>) {
        out.bytes(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        let offset = from.offset();
        let text = std::str::from_utf8(from.bytes()?);
        text.map(str::to_owned)
            .map_err(|_| RecordingError::invalid("text", offset))
    }
}

impl Value for Bytes {
    fn put(&self, out: &mut Writer<'_>) {
        out.bytes(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        from.bytes().map(Self::copy_from_slice)
    }
}

impl<T: Value> Value for Option<T> {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            None => out.byte(0),
            Some(value) => {
                out.byte(1);
                out.put(value);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok(match choice(from, "option", 1)? {
            0 => None,
            _ => Some(from.take()?),
        })
    }
}

impl<T: Value> Value for Vec<T> {
    fn put(&self, out: &mut Writer<'_>) {
        out.len(self.len());
        for value in self {
            out.put(value);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        // Every value has a byte at least, so the length needs no limit of its own.
        (0..from.number()?).map(|_| from.take()).collect()
    }
}

impl<A: Value, B: Value> Value for (A, B) {
    fn put(&self, out: &mut Writer<'_>) {
        out.put(&self.0);
        out.put(&self.1);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, RecordingError> {
        Ok((from.take()?, from.take()?))
    }
}
