//! Metadata: header and trailer fields that are the application's.

use std::fmt;

use kitewire_proto::http::{Field, Fields};
use kitewire_proto::wire::grpc::metadata::{self, MetadataError};

use crate::Error;

/// Metadata of a call over gRPC: what a caller sends in front of its request, and what a server sends in front of its
/// answer (the header) and behind it (the trailer). An ordered list of keys and values in which keys may repeat.
///
/// Keys are read in any case and kept in lower case. Values are text, without control characters; the value of a key
/// that ends in `-bin` is any bytes, and travels as base64.
///
/// ```
/// use kitewire::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.append("Route", "a")?;
/// metadata.append("route", "b")?;
/// metadata.insert("trace-bin", [0, 255])?;
/// assert_eq!(metadata.get("ROUTE"), Some("a"));
/// assert_eq!(metadata.get_all("route").collect::<Vec<_>>(), ["a", "b"]);
/// assert_eq!(metadata.get_binary("trace-bin"), Some(&[0, 255][..]));
/// assert!(metadata.insert("grpc-status", "0").is_err());
/// # Ok::<(), kitewire::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Metadata(Fields);

impl Metadata {
    /// No metadata, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self(Fields::new())
    }

    /// The first value of `key`, if it is text. Binary values are [elsewhere](Self::get_binary).
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).next()
    }

    /// All values of `key` that are text, in order.
    pub fn get_all<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        self.values(key)
            .filter(|_| !is_binary(key))
            .filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The bytes of the first value of `key`, whatever they are.
    #[must_use]
    pub fn get_binary(&self, key: &str) -> Option<&[u8]> {
        self.values(key).next()
    }

    /// Sets `key` to one value, in place of all it had.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest): the key is not one or is gRPC's own, or a text
    /// has control characters. Nothing was changed.
    pub fn insert(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        check(key, value.as_ref())?;
        self.remove(key);
        self.0.push(key, value);
        Ok(())
    }

    /// Adds a value to those of `key`.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn append(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        check(key, value.as_ref())?;
        self.0.push(key, value);
        Ok(())
    }

    /// Removes all values of `key`.
    pub fn remove(&mut self, key: &str) {
        if self.values(key).next().is_none() {
            return;
        }
        let all = std::mem::take(&mut self.0);
        for field in all.iter().filter(|field| !is_key(field, key)) {
            self.0.push(field.name, field.value);
        }
    }

    /// Keys and values in order; binary values as they are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|field| (std::str::from_utf8(field.name).unwrap_or(""), field.value))
    }

    /// Number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Metadata that nobody has set.
    pub(crate) const fn none() -> &'static Self {
        static NONE: Metadata = Metadata::new();
        &NONE
    }

    /// What the application sees of a section that was received.
    pub(crate) fn received(section: &Fields) -> Self {
        let mut visible = Fields::new();
        for field in section {
            // A section with a binary field of gRPC's own that is broken was refused by the connection.
            if let Ok(Some(value)) = metadata::read(field) {
                visible.push(field.name, value);
            }
        }
        Self(visible)
    }

    /// The fields as the core takes them: names in lower case, binary values as they are.
    pub(crate) const fn fields(&self) -> &Fields {
        &self.0
    }

    fn values<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'k> {
        self.0
            .iter()
            .filter(move |field| is_key(field, key))
            .map(|field| field.value)
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(key, value)| format!("{key}: {}", value.escape_ascii())))
            .finish()
    }
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Self::metadata(error)
    }
}

fn is_key(field: &Field<'_>, key: &str) -> bool {
    field.name.eq_ignore_ascii_case(key.as_bytes())
}

fn is_binary(key: &str) -> bool {
    let end = key.len().saturating_sub(4);
    key.as_bytes()[end..].eq_ignore_ascii_case(b"-bin")
}

fn check(key: &str, value: &[u8]) -> Result<(), Error> {
    metadata::check(key.as_bytes(), value).map_err(Error::metadata)
}
