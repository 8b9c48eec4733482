//! Writing.

use bytes::Bytes;

use super::{Struct, Type, Uuid, Value};
use crate::buf::Output;
use crate::error::EncodeError;

/// Writes values to the end of an [`Output`].
///
/// Nothing here returns an error: what has no wire form (a string above 2 GiB) is reported to the output, and the
/// message is rolled back as a whole.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Output,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    #[must_use]
    #[inline]
    pub const fn new(out: &'a mut Output) -> Self {
        Self { out }
    }

    /// Writes a whole field.
    #[inline]
    pub fn value<T: Value>(&mut self, id: i16, value: &T) {
        self.field(T::TYPE, id);
        value.write(self);
    }

    /// Writes a whole field, if there is a value.
    #[inline]
    pub fn optional<T: Value>(&mut self, id: i16, value: &Option<T>) {
        if let Some(value) = value {
            self.value(id, value);
        }
    }

    /// Starts a field; its value follows.
    #[inline]
    pub fn field(&mut self, kind: Type, id: i16) {
        let [high, low] = id.to_be_bytes();
        self.out.put(&[kind.id(), high, low]);
    }

    /// Ends a struct.
    #[inline]
    pub fn stop(&mut self) {
        self.out.put_u8(0);
    }

    /// Writes a bool.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.out.put_u8(u8::from(value));
    }

    /// Writes a byte.
    #[inline]
    pub fn i8(&mut self, value: i8) {
        self.out.put(&value.to_be_bytes());
    }

    /// Writes an i16.
    #[inline]
    pub fn i16(&mut self, value: i16) {
        self.out.put(&value.to_be_bytes());
    }

    /// Writes an i32.
    #[inline]
    pub fn i32(&mut self, value: i32) {
        self.out.put(&value.to_be_bytes());
    }

    /// Writes an i64.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        self.out.put(&value.to_be_bytes());
    }

    /// Writes a double.
    #[inline]
    pub fn double(&mut self, value: f64) {
        self.out.put(&value.to_be_bytes());
    }

    /// Writes a string.
    #[inline]
    pub fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Writes a string or binary by copying `value`.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.out.put(value);
    }

    /// Writes a string or binary; a large one is not copied but shared.
    #[inline]
    pub fn binary(&mut self, value: &Bytes) {
        self.length(value.len());
        self.out.put_shared(value);
    }

    /// Writes a UUID.
    #[inline]
    pub fn uuid(&mut self, value: &Uuid) {
        self.out.put(&value.0);
    }

    /// Writes a struct, union or exception.
    #[inline]
    pub fn structure<T: Struct>(&mut self, value: &T) {
        value.encode(self);
    }

    /// Starts a list or set of `count` elements; they follow.
    #[inline]
    pub fn list_begin(&mut self, element: Type, count: usize) {
        self.out.put_u8(element.id());
        self.length(count);
    }

    /// Starts a map of `count` entries; they follow, each key before its value.
    #[inline]
    pub fn map_begin(&mut self, key: Type, value: Type, count: usize) {
        self.out.put(&[key.id(), value.id()]);
        self.length(count);
    }

    /// Writes bytes that are encoded already.
    #[inline]
    pub fn raw(&mut self, encoded: &Bytes) {
        self.out.put_shared(encoded);
    }

    /// Reports a value that has no wire form; the whole message is rolled back. The first report stays.
    #[cold]
    pub fn fail(&mut self, error: EncodeError) {
        self.out.fail(error);
    }

    #[inline]
    fn length(&mut self, length: usize) {
        match i32::try_from(length) {
            Ok(length) => self.i32(length),
            Err(_) => self.fail(EncodeError::LengthOverflow(length)),
        }
    }
}
