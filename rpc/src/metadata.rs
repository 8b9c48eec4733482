//! Metadata: header and trailer fields that are the application's.

use std::fmt;

use kitewire_proto::http::{Field, Fields};
use kitewire_proto::ttstream::Strings;
use kitewire_proto::wire::grpc::metadata::{self, MetadataError};

use crate::Error;

/// Metadata of a stream, and of a call over gRPC: what a caller sends in front of its request, and what a server sends in
/// front of its answer (the header) and behind it (the trailer). An ordered list of keys and values in which keys may
/// repeat.
///
/// Keys are looked up in any case and kept as they were given. Values are text, without control characters; the value of
/// a key that ends in `-bin` is any bytes.
///
/// | | over gRPC | streams over TTHeader |
/// |---|---|---|
/// | keys | travel in lower case | travel as they are |
/// | a key that repeats | keeps all its values | travels with the last one |
/// | binary values | travel as base64 | travel as they are |
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
pub struct Metadata {
    /// Names in lower case, binary values as they are.
    fields: Fields,
    /// The names among them that are otherwise in fact, by their places.
    spelled: Vec<(usize, Box<str>)>,
}

impl Metadata {
    /// No metadata, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            fields: Fields::new(),
            spelled: Vec::new(),
        }
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
        self.push(key.as_bytes(), value.as_ref());
        Ok(())
    }

    /// Adds a value to those of `key`.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn append(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        check(key, value.as_ref())?;
        self.push(key.as_bytes(), value.as_ref());
        Ok(())
    }

    /// Removes all values of `key`.
    pub fn remove(&mut self, key: &str) {
        if self.values(key).next().is_none() {
            return;
        }
        let all = std::mem::take(self);
        for (name, field) in all.named().filter(|(_, field)| !is_key(field, key)) {
            self.push(name, field.value);
        }
    }

    /// Keys and values in order; binary values as they are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.named()
            .map(|(name, field)| (std::str::from_utf8(name).unwrap_or(""), field.value))
    }

    /// Number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
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
        Self {
            fields: visible,
            spelled: Vec::new(),
        }
    }

    /// What the application sees of the entries of a TTHeader.
    pub(crate) fn from_strings(strings: &Strings) -> Self {
        let mut metadata = Self::new();
        for (key, value) in strings {
            metadata.push(key, value);
        }
        metadata
    }

    /// The fields as gRPC takes them: names in lower case, binary values as they are.
    pub(crate) const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The entries as streams over TTHeader take them: with their names as they were given. Of those that repeat, the last
    /// one is sent.
    pub(crate) fn strings(&self) -> Strings {
        let mut strings = Strings::new();
        for (name, field) in self.named() {
            strings.push(name, field.value);
        }
        strings
    }

    /// The fields with their names as they were given.
    fn named(&self) -> impl Iterator<Item = (&[u8], Field<'_>)> {
        let mut spelled = self.spelled.iter().peekable();
        self.fields.iter().enumerate().map(move |(at, field)| {
            let name = spelled.next_if(|(place, _)| *place == at);
            (name.map_or(field.name, |(_, name)| name.as_bytes()), field)
        })
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        if name.iter().any(u8::is_ascii_uppercase)
            && let Ok(name) = std::str::from_utf8(name)
        {
            self.spelled.push((self.fields.len(), name.into()));
        }
        self.fields.push(name, value);
    }

    fn values<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'k> {
        self.fields
            .iter()
            .filter(move |field| is_key(field, key))
            .map(|field| field.value)
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(
                self.iter()
                    .map(|(key, value)| format!("{key}: {}", value.escape_ascii())),
            )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn keys_have_no_case_and_values_an_order() {
        let mut metadata = Metadata::new();
        for (key, value) in [("A", "1"), ("b", "2"), ("a", "3"), ("C-bin", "4")] {
            metadata.append(key, value).unwrap();
        }
        assert_eq!(metadata.get_all("A").collect::<Vec<_>>(), ["1", "3"]);
        metadata.insert("B", "5").unwrap();
        let all: Vec<_> = metadata.iter().collect();
        assert_eq!(all, [("A", &b"1"[..]), ("a", b"3"), ("C-bin", b"4"), ("B", b"5")]);
        metadata.remove("a");
        metadata.remove("nothing");
        assert_eq!((metadata.len(), metadata.get("a")), (2, None));
        assert_eq!(
            (metadata.get("c-bin"), metadata.get_binary("c-BIN")),
            (None, Some(&b"4"[..]))
        );
        assert_eq!(format!("{metadata:?}"), r#"["C-bin: 4", "B: 5"]"#);
    }

    #[test]
    fn names_travel_in_lower_case_over_grpc_and_as_they_are_over_ttheader() {
        let mut metadata = Metadata::new();
        for (key, value) in [
            ("a", "1"),
            ("Node-Id", "2"),
            ("A", "3"),
            ("node-id", "4"),
            ("Node-Id", "5"),
        ] {
            metadata.append(key, value).unwrap();
        }
        let fields: Vec<_> = metadata
            .fields()
            .iter()
            .map(|field| (field.name, field.value))
            .collect();
        assert_eq!(fields[1..3], [(&b"node-id"[..], &b"2"[..]), (b"a", b"3")]);
        assert_eq!(fields.len(), 5);
        let strings = metadata.strings();
        let names: Vec<_> = strings.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [&b"a"[..], b"Node-Id", b"A", b"node-id", b"Node-Id"]);
        let back = Metadata::from_strings(&strings);
        assert_eq!(back, metadata);
        assert_eq!(back.get_all("NODE-ID").collect::<Vec<_>>(), ["2", "4", "5"]);
        metadata.remove("a");
        let left: Vec<_> = metadata.iter().map(|(key, _)| key).collect();
        assert_eq!(left, ["Node-Id", "node-id", "Node-Id"]);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_when_it_is_set() {
        let mut metadata = Metadata::new();
        let rows: [(&str, &[u8]); 6] = [
            ("", b"1"),
            ("a b", b"1"),
            (":path", b"/"),
            ("Content-Type", b"text/plain"),
            ("a", b"line\nbreak"),
            ("a", b"\0"),
        ];
        for (key, value) in rows {
            let refused = metadata.append(key, value).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidRequest, "{key}");
            assert!(metadata.insert(key, value).is_err());
        }
        metadata.append("a-bin", b"line\nbreak\0").unwrap();
        assert_eq!(metadata.len(), 1);
    }

    #[test]
    fn of_what_was_received_only_the_applications_is_seen() {
        let mut section = Fields::request("POST", "http", "shop", "/a.B/c");
        for (name, value) in [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", "1S"),
            ("raw-bin", "AP8"),
            ("broken-bin", "?"),
            ("k", "v"),
        ] {
            section.push(name, value);
        }
        let metadata = Metadata::received(&section);
        let seen: Vec<_> = metadata.iter().map(|(key, _)| key).collect();
        assert_eq!(seen, [":authority", "content-type", "raw-bin", "k"]);
        assert_eq!(metadata.get_binary("raw-bin"), Some(&[0, 255][..]));
    }
}
