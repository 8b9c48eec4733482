//! What can stand in a field.

use bytes::Bytes;

use super::{Reader, Struct, Text, Type, Uuid, Writer};
use crate::error::DecodeError;

/// A value of a field, list, set or map.
///
/// Implemented for base types, collections and every [`Struct`]; generated enums implement it themselves.
pub trait Value: Sized {
    /// The wire type.
    const TYPE: Type;

    /// Writes the value.
    fn write(&self, out: &mut Writer<'_>);

    /// Reads a value.
    ///
    /// # Errors
    /// If the bytes are no such value.
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl<T: Struct> Value for T {
    const TYPE: Type = Type::Struct;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        self.encode(out);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode(input)
    }
}

impl Value for bool {
    const TYPE: Type = Type::Bool;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.bool(*self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.bool()
    }
}

impl Value for i8 {
    const TYPE: Type = Type::Byte;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.i8(*self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.i8()
    }
}

impl Value for i16 {
    const TYPE: Type = Type::I16;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.i16(*self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.i16()
    }
}

impl Value for i32 {
    const TYPE: Type = Type::I32;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.i32(*self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.i32()
    }
}

impl Value for i64 {
    const TYPE: Type = Type::I64;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.i64(*self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.i64()
    }
}

impl Value for f64 {
    const TYPE: Type = Type::Double;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.double(*self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.double()
    }
}

impl Value for String {
    const TYPE: Type = Type::String;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.string(self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.string()
    }
}

impl Value for Text {
    const TYPE: Type = Type::String;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.binary(self.as_bytes());
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.text()
    }
}

impl Value for Bytes {
    const TYPE: Type = Type::String;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.binary(self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.binary()
    }
}

impl Value for Uuid {
    const TYPE: Type = Type::Uuid;

    #[inline]
    fn write(&self, out: &mut Writer<'_>) {
        out.uuid(self);
    }

    #[inline]
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.uuid()
    }
}

impl<T: Value> Value for Vec<T> {
    const TYPE: Type = Type::List;

    fn write(&self, out: &mut Writer<'_>) {
        write_elements(out, self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_elements(input)
    }
}

/// Writes a list or set.
#[inline]
pub(super) fn write_elements<T: Value>(out: &mut Writer<'_>, elements: &[T]) {
    out.list_begin(T::TYPE, elements.len());
    for element in elements {
        element.write(out);
    }
}

/// Reads a list or set, the elements in wire order.
#[inline]
pub(super) fn read_elements<T: Value>(input: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    let count = input.list_begin(T::TYPE)?;
    let mut elements = Vec::with_capacity(first_capacity::<T>(count));
    for _ in 0..count {
        elements.push(T::read(input)?);
    }
    input.end();
    Ok(elements)
}

/// Writes a map.
#[inline]
pub(super) fn write_entries<'a, K, V>(out: &mut Writer<'_>, entries: impl ExactSizeIterator<Item = (&'a K, &'a V)>)
where
    K: Value + 'a,
    V: Value + 'a,
{
    out.map_begin(K::TYPE, V::TYPE, entries.len());
    for (key, value) in entries {
        key.write(out);
        value.write(out);
    }
}

/// Reads a map, the entries in wire order.
#[inline]
pub(super) fn read_entries<K: Value, V: Value>(input: &mut Reader<'_>) -> Result<Vec<(K, V)>, DecodeError> {
    let count = input.map_begin(K::TYPE, V::TYPE)?;
    let mut entries = Vec::with_capacity(first_capacity::<(K, V)>(count));
    for _ in 0..count {
        entries.push((K::read(input)?, V::read(input)?));
    }
    input.end();
    Ok(entries)
}

/// How many of `count` elements to reserve memory for before the first is read: elements are larger in memory than on
/// the wire, so a lying count must not decide alone.
#[inline]
fn first_capacity<T>(count: usize) -> usize {
    let most = MAX_FIRST_RESERVATION
        .checked_div(size_of::<T>())
        .unwrap_or(MAX_FIRST_RESERVATION);
    count.min(most)
}

/// Bytes that a container's count alone may reserve.
const MAX_FIRST_RESERVATION: usize = 64 * 1024;
