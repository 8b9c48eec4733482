//! Fields that the IDL does not know.

use bytes::Bytes;

use super::{Field, Writer};

/// Fields that were read but are not in the IDL, kept to be written as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnknownFields {
    fields: Vec<(Field, Bytes)>,
}

impl UnknownFields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// Adds a field with its encoded value.
    pub fn push(&mut self, field: Field, value: Bytes) {
        self.fields.push((field, value));
    }

    /// Writes the fields in the order they were read.
    pub fn write(&self, out: &mut Writer<'_>) {
        for (field, value) in &self.fields {
            out.field(field.kind, field.id);
            out.raw(value);
        }
    }

    /// The fields with their encoded values, in the order they were read.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Field, &Bytes)> {
        self.fields.iter().map(|(field, value)| (*field, value))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}
