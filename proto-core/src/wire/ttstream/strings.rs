//! String entries of a header.

use std::fmt;

/// String keys and values, in order. Keys have case; of a key that repeats, the last value counts.
///
/// ```
/// use kitewire_proto::ttstream::Strings;
///
/// let mut strings = Strings::new();
/// strings.push("Node", "a");
/// strings.push("Node", "b");
/// assert_eq!(strings.get("Node"), Some(&b"b"[..]));
/// assert_eq!(strings.get("node"), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Strings {
    text: Vec<u8>,
    /// Where keys and values end.
    ends: Vec<(u32, u32)>,
}

impl Strings {
    /// No entries, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Appends an entry. One that does not fit in 4 GiB with the others is left out.
    pub fn push(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (key, value) = (key.as_ref(), value.as_ref());
        let key_end = self.text.len().saturating_add(key.len());
        let ends = (
            u32::try_from(key_end),
            u32::try_from(key_end.saturating_add(value.len())),
        );
        if let (Ok(key_end), Ok(end)) = ends {
            self.text.extend_from_slice(key);
            self.text.extend_from_slice(value);
            self.ends.push((key_end, end));
        }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&[u8]> {
        let key = key.as_ref();
        self.iter()
            .filter(|(found, _)| *found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// Keys and values in order.
    #[must_use]
    pub fn iter(&self) -> StringsIter<'_> {
        StringsIter {
            text: &self.text,
            ends: self.ends.iter(),
            at: 0,
        }
    }

    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes that it holds.
    #[must_use]
    pub const fn size(&self) -> usize {
        let ends = self.ends.len().saturating_mul(size_of::<(u32, u32)>());
        self.text.len().saturating_add(ends)
    }
}

impl<'a> IntoIterator for &'a Strings {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = StringsIter<'a>;

    fn into_iter(self) -> StringsIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.iter();
        f.debug_map()
            .entries(entries.map(|(key, value)| (key.escape_ascii().to_string(), value.escape_ascii().to_string())))
            .finish()
    }
}

/// Iterator over [`Strings`].
#[derive(Clone, Debug)]
pub struct StringsIter<'a> {
    text: &'a [u8],
    ends: std::slice::Iter<'a, (u32, u32)>,
    at: usize,
}

impl<'a> Iterator for StringsIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key_end, end) = *self.ends.next()?;
        let (key_end, end) = (key_end as usize, end as usize);
        let entry = (self.text.get(self.at..key_end)?, self.text.get(key_end..end)?);
        self.at = end;
        Some(entry)
    }
}
