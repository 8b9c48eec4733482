//! Reading.

use bytes::Bytes;

use super::{Skipper, Struct, Text, Type, UnknownFields, Uuid, Value};
use crate::buf::SHARE_FROM;
use crate::error::{DecodeError, DecodeErrorKind};

/// A struct's name and one of its fields, for error texts.
pub type FieldName = &'static (&'static str, &'static str);

/// The start of a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// The id of the IDL.
    pub id: i16,
    /// What follows.
    pub kind: Type,
}

/// Reads values from the front of a body.
///
/// A method that fails leaves the reader where it is of no further use: give up the whole body.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest`.
    end: usize,
    /// Where `rest` lies in, so that large values need no copy. Its length is `end`.
    backing: Option<&'a Bytes>,
    /// Structs and containers that are open.
    depth: u16,
    max_depth: u16,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; at most `max_depth` structs and containers may lie inside one another.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8], max_depth: u16) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
            backing: None,
            depth: 0,
            max_depth,
        }
    }

    /// As [`Self::new`], and large values share the memory of `bytes`.
    #[must_use]
    #[inline]
    pub fn shared(bytes: &'a Bytes, max_depth: u16) -> Self {
        Self {
            backing: Some(bytes),
            ..Self::new(bytes, max_depth)
        }
    }

    /// Offset of the next byte.
    #[must_use]
    #[inline]
    pub const fn position(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// Bytes that are left.
    #[must_use]
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Reads the value of a field whose start has been read; an error names the field.
    ///
    /// # Errors
    /// If the bytes are no such value.
    #[inline]
    pub fn value<T: Value>(&mut self, name: FieldName) -> Result<T, DecodeError> {
        T::read(self).map_err(|error| error.in_field(name))
    }

    /// Unwraps a required field after the struct has been read.
    ///
    /// # Errors
    /// [`DecodeErrorKind::MissingField`] if it is absent.
    #[inline]
    pub fn required<T>(&self, value: Option<T>, name: FieldName) -> Result<T, DecodeError> {
        value.ok_or_else(|| self.error(DecodeErrorKind::MissingField).in_field(name))
    }

    /// Checks after a struct has been read that all required fields were there: `seen` and `names` go together.
    ///
    /// # Errors
    /// [`DecodeErrorKind::MissingField`] for the first one that is absent.
    #[inline]
    pub fn require<const N: usize>(&self, seen: [bool; N], names: [FieldName; N]) -> Result<(), DecodeError> {
        if seen == [true; N] {
            return Ok(());
        }
        let missing = seen.iter().zip(names).find(|(seen, _)| !**seen);
        missing.map_or(Ok(()), |(_, name)| self.required(None, name))
    }

    /// Reads a union: `variant` reads the value of its field.
    ///
    /// # Errors
    /// What `variant` reports, and [`DecodeErrorKind::InvalidUnion`] if more than one field is set. None gives the
    /// default.
    #[inline]
    pub fn union<T: Default>(
        &mut self,
        mut variant: impl FnMut(&mut Self, Field) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut value = None;
        let mut fields = 0_u16;
        self.struct_begin()?;
        while let Some(field) = self.field()? {
            value = Some(variant(self, field)?);
            fields = fields.saturating_add(1);
        }
        if fields > 1 {
            return Err(self.error(DecodeErrorKind::InvalidUnion(fields)));
        }
        Ok(value.unwrap_or_default())
    }

    /// Starts a struct; fields follow until [`Self::field`] gives `None`.
    ///
    /// # Errors
    /// If structs are nested too deep.
    #[inline]
    pub fn struct_begin(&mut self) -> Result<(), DecodeError> {
        self.enter()
    }

    /// Reads the start of the next field, or the end of the struct.
    ///
    /// # Errors
    /// If the type id is unknown or the bytes end.
    #[inline]
    pub fn field(&mut self) -> Result<Option<Field>, DecodeError> {
        let Some((&kind, rest)) = self.rest.split_first() else {
            return Err(self.cut());
        };
        if kind == 0 {
            self.rest = rest;
            self.end();
            return Ok(None);
        }
        let Some(kind) = Type::from_id(kind) else {
            return Err(self.error(DecodeErrorKind::UnknownType(kind)));
        };
        let Some((id, rest)) = rest.split_first_chunk() else {
            return Err(self.cut());
        };
        self.rest = rest;
        Ok(Some(Field {
            id: i16::from_be_bytes(*id),
            kind,
        }))
    }

    /// Reads a bool.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.take::<1>()? == [1])
    }

    /// Reads a byte.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.take()?))
    }

    /// Reads an i16.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    /// Reads an i32.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    /// Reads an i64.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    /// Reads a double.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn double(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.take()?))
    }

    /// Reads a UUID.
    ///
    /// # Errors
    /// If the bytes end.
    #[inline]
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid(self.take()?))
    }

    /// Reads a string or binary in place.
    ///
    /// # Errors
    /// If its length is negative or more than what is left.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.i32()?;
        let parts = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        match parts {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(value)
            }
            None => Err(self.bad_length(length)),
        }
    }

    /// Reads a string in place.
    ///
    /// # Errors
    /// If its length does not fit or it is not UTF-8.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        simdutf8::basic::from_utf8(bytes).map_err(|_| self.bad_text(bytes.len()))
    }

    /// Reads a string.
    ///
    /// # Errors
    /// If its length does not fit or it is not UTF-8.
    #[inline]
    pub fn string(&mut self) -> Result<String, DecodeError> {
        self.str().map(str::to_owned)
    }

    /// Reads a string that shares the memory of the body.
    ///
    /// # Errors
    /// If its length does not fit or it is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<Text, DecodeError> {
        let text = self.str()?;
        Ok(match self.backing {
            Some(_) => Text::from_checked(self.share(text.as_bytes())),
            None => Text::from(text),
        })
    }

    /// Reads binary: small ones are copied, so that they do not keep the whole body in memory, large ones shared.
    ///
    /// # Errors
    /// If its length does not fit.
    #[inline]
    pub fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let value = self.bytes()?;
        Ok(self.keep(value))
    }

    /// Reads a struct, union or exception.
    ///
    /// # Errors
    /// As [`Struct::decode`].
    #[inline]
    pub fn structure<T: Struct>(&mut self) -> Result<T, DecodeError> {
        T::decode(self)
    }

    /// Starts a list or set and gives the number of its elements; after them comes [`Self::end`].
    ///
    /// # Errors
    /// If the count is negative or more than what is left can hold, or the elements are of another type.
    #[inline]
    pub fn list_begin(&mut self, element: Type) -> Result<usize, DecodeError> {
        self.enter()?;
        let [kind] = self.take()?;
        let count = self.count(element.min_size())?;
        if kind != element.id() && count > 0 {
            return Err(self.mismatch(element, kind, 5));
        }
        Ok(count)
    }

    /// Starts a map and gives the number of its entries; after them comes [`Self::end`].
    ///
    /// # Errors
    /// If the count is negative or more than what is left can hold, or keys or values are of another type.
    #[inline]
    pub fn map_begin(&mut self, key: Type, value: Type) -> Result<usize, DecodeError> {
        self.enter()?;
        let [key_kind, value_kind] = self.take()?;
        let count = self.count(key.min_size().saturating_add(value.min_size()))?;
        if (key_kind != key.id() || value_kind != value.id()) && count > 0 {
            return Err(if key_kind == key.id() {
                self.mismatch(value, value_kind, 5)
            } else {
                self.mismatch(key, key_kind, 6)
            });
        }
        Ok(count)
    }

    /// Ends a list, set or map.
    #[inline]
    pub const fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Passes over a value.
    ///
    /// # Errors
    /// If the bytes are no such value.
    #[inline]
    pub fn skip(&mut self, kind: Type) -> Result<(), DecodeError> {
        let size = match kind.fixed_size() {
            Some(size) => size,
            None => Skipper::value(kind, self.max_depth, self.depth, self.rest)
                .map_err(|error| error.shifted(self.position()))?,
        };
        self.rest = self.rest.get(size..).ok_or_else(|| self.cut())?;
        Ok(())
    }

    /// Passes over the value of `field` and keeps its bytes in `unknown`.
    ///
    /// # Errors
    /// If the bytes are no such value.
    pub fn skip_into(&mut self, field: Field, unknown: &mut UnknownFields) -> Result<(), DecodeError> {
        let before = self.rest;
        self.skip(field.kind)?;
        let size = before.len().saturating_sub(self.rest.len());
        unknown.push(field, self.keep(before.get(..size).unwrap_or(&[])));
        Ok(())
    }

    /// Passes over the value of `field` and gives its bytes.
    ///
    /// # Errors
    /// If the bytes are no such value.
    pub fn unknown(&mut self, field: Field) -> Result<UnknownFields, DecodeError> {
        let mut unknown = UnknownFields::new();
        self.skip_into(field, &mut unknown)?;
        Ok(unknown)
    }

    /// An error of `kind` at the present position.
    #[must_use]
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.position())
    }

    #[inline]
    fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth >= self.max_depth {
            return Err(self.error(DecodeErrorKind::DepthExceeded(self.max_depth)));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(*value)
            }
            None => Err(self.cut()),
        }
    }

    /// Reads a count of elements that take at least `size` bytes each.
    #[inline]
    fn count(&mut self, size: usize) -> Result<usize, DecodeError> {
        let count = self.i32()?;
        match usize::try_from(count) {
            Ok(elements) if elements.saturating_mul(size) <= self.rest.len() => Ok(elements),
            _ => Err(self.bad_length(count)),
        }
    }

    /// `value`, which lies in what has been read, as bytes of its own or shared ones.
    fn keep(&self, value: &'a [u8]) -> Bytes {
        if value.len() < SHARE_FROM {
            Bytes::copy_from_slice(value)
        } else {
            self.share(value)
        }
    }

    fn share(&self, value: &'a [u8]) -> Bytes {
        match self.backing {
            Some(backing) => backing.slice_ref(value),
            None => Bytes::copy_from_slice(value),
        }
    }

    #[cold]
    fn cut(&self) -> DecodeError {
        DecodeError::new(DecodeErrorKind::UnexpectedEnd, self.end)
    }

    /// The error of a length that has just been read.
    #[cold]
    fn bad_length(&self, length: i32) -> DecodeError {
        let kind = match u32::try_from(length) {
            Ok(length) => DecodeErrorKind::LengthTooLarge(length),
            Err(_) => DecodeErrorKind::NegativeLength(length),
        };
        DecodeError::new(kind, self.position().saturating_sub(4))
    }

    /// The error of an element type that stands `back` bytes before the present position.
    #[cold]
    fn mismatch(&self, expected: Type, found: u8, back: usize) -> DecodeError {
        let kind = match Type::from_id(found) {
            Some(_) => DecodeErrorKind::TypeMismatch {
                expected: expected.id(),
                found,
            },
            None => DecodeErrorKind::UnknownType(found),
        };
        DecodeError::new(kind, self.position().saturating_sub(back))
    }

    /// The error of a string of `length` bytes that has just been read.
    #[cold]
    fn bad_text(&self, length: usize) -> DecodeError {
        DecodeError::new(DecodeErrorKind::InvalidUtf8, self.position().saturating_sub(length))
    }
}
