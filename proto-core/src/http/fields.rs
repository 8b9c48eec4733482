//! Header and trailer sections: names and values in the order of the wire, in one block of memory.

use std::fmt;

/// A header or trailer section, pseudo-header fields (RFC 9113 §8.3) first.
///
/// Names are lower case. All text lies in one block, so that a list that is [cleared](Self::clear) and filled again
/// allocates nothing. Names may repeat.
///
/// ```
/// use kitewire_proto::http::Fields;
///
/// let mut request = Fields::request("POST", "http", "stock.svc", "/shop.Stock/take");
/// request.push("Content-Type", "application/grpc");
/// request.push_sensitive("authorization", "Bearer 7");
/// assert_eq!(request.path(), b"/shop.Stock/take");
/// assert_eq!(request.get("content-type"), Some(&b"application/grpc"[..]));
/// assert_eq!(request.len(), 6);
/// ```
#[derive(Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where a field ends in the text of its list; it begins where the one before it ends.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name_end: u32,
    pub(crate) value_end: u32,
    pub(crate) kind: FieldKind,
    pub(crate) sensitivity: Sensitivity,
}

/// One name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, lower case; pseudo-header fields begin with a colon.
    pub name: &'a [u8],
    /// The value, as it stands on the wire.
    pub value: &'a [u8],
    /// Whether intermediaries may keep it in a compression table.
    pub sensitivity: Sensitivity,
    pub(crate) kind: FieldKind,
}

/// Whether a field may enter a compression table (RFC 7541 §7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sensitivity {
    /// It may.
    #[default]
    Ordinary,
    /// Never, here and on every later hop: sent as a never-indexed literal.
    Sensitive,
}

/// What a field is to the protocol. Told once, when the field is read or set, and kept beside it; compression tables
/// keep it too, so that repeated fields are not looked at again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum FieldKind {
    Method,
    Scheme,
    Authority,
    Path,
    Status,
    /// `:protocol` of an extended CONNECT (RFC 8441).
    Protocol,
    /// Any other name that begins with a colon.
    UnknownPseudo,
    ContentLength,
    ContentType,
    Host,
    /// `te: trailers`.
    TeTrailers,
    /// A field about one connection only (RFC 9113 §8.2.2); other values of `te` are among them.
    ConnectionSpecific,
    Regular,
    /// A name with a character that names must not have (RFC 9113 §8.2.1).
    InvalidName,
    /// A value with a character that values must not have.
    InvalidValue,
}

impl Fields {
    /// An empty section that holds no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            text: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// The pseudo-header fields of a request.
    #[must_use]
    pub fn request(method: &str, scheme: &str, authority: &str, path: &str) -> Self {
        let mut fields = Self::new();
        fields.set_request(method, scheme, authority, path);
        fields
    }

    /// The pseudo-header field of a response.
    #[must_use]
    pub fn response(status: u16) -> Self {
        let mut fields = Self::new();
        fields.set_response(status);
        fields
    }

    /// Begins a request in the memory of `self`.
    pub fn set_request(&mut self, method: &str, scheme: &str, authority: &str, path: &str) {
        self.clear();
        self.push(":method", method);
        self.push(":scheme", scheme);
        self.push(":authority", authority);
        self.push(":path", path);
    }

    /// Begins a response in the memory of `self`.
    pub fn set_response(&mut self, status: u16) {
        self.clear();
        let digit = |value: u16| b'0' | u8::try_from(value % 10).unwrap_or(0);
        self.push(":status", [digit(status / 100), digit(status / 10), digit(status)]);
    }

    /// Adds a field; the name is put into lower case.
    ///
    /// Names and values with characters that HTTP does not allow are kept as they are and refused when the section is
    /// sent.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.push_field(name.as_ref(), value.as_ref(), Sensitivity::Ordinary);
    }

    /// Adds a field that must not enter a compression table, here or further on.
    pub fn push_sensitive(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.push_field(name.as_ref(), value.as_ref(), Sensitivity::Sensitive);
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
    }

    /// Forgets all fields but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        let end = self.entries.last().map_or(0, |entry| entry.value_end as usize);
        self.text.truncate(end);
    }

    /// The first value of `name`, which is in lower case.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find(|field| field.name == name).map(|field| field.value)
    }

    /// All values of `name`, which is in lower case, in order.
    pub fn get_all<'a>(&'a self, name: &'a (impl AsRef<[u8]> + ?Sized)) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_ref();
        self.iter()
            .filter(move |field| field.name == name)
            .map(|field| field.value)
    }

    /// The fields in order.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            text: &self.text,
            at: 0,
            entries: self.entries.iter(),
        }
    }

    /// `:method`, empty where there is none.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.pseudo(FieldKind::Method)
    }

    /// `:scheme`, empty where there is none.
    #[must_use]
    pub fn scheme(&self) -> &[u8] {
        self.pseudo(FieldKind::Scheme)
    }

    /// `:authority`, empty where there is none.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        self.pseudo(FieldKind::Authority)
    }

    /// `:path`, empty where there is none.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.pseudo(FieldKind::Path)
    }

    /// `:status` as a number, zero where there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.pseudo(FieldKind::Status) {
            digits @ [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => digits.iter().fold(0, |status: u16, digit| {
                status.wrapping_mul(10).wrapping_add(u16::from(digit & 0x0f))
            }),
            _ => 0,
        }
    }

    /// Number of fields, pseudo-header fields included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The size that header limits are about: names and values and 32 bytes for each field (RFC 9113 §6.5.2).
    #[must_use]
    pub const fn size(&self) -> usize {
        self.text
            .len()
            .saturating_add(self.entries.len().saturating_mul(FIELD_OVERHEAD))
    }

    /// Bytes of memory held.
    pub(crate) const fn capacity(&self) -> usize {
        self.text
            .capacity()
            .saturating_add(self.entries.capacity().saturating_mul(size_of::<Entry>()))
    }

    /// Adds a field whose kind is known and whose name is in lower case.
    #[inline]
    pub(crate) fn push_known(&mut self, name: &[u8], value: &[u8], kind: FieldKind, sensitivity: Sensitivity) {
        self.text.extend_from_slice(name);
        let name_end = self.text.len();
        self.text.extend_from_slice(value);
        // A section is bounded far below 4 GiB by the limits of its reader; what an application builds beyond that
        // is refused when it is sent.
        self.entries.push(Entry {
            name_end: u32::try_from(name_end).unwrap_or(u32::MAX),
            value_end: u32::try_from(self.text.len()).unwrap_or(u32::MAX),
            kind,
            sensitivity,
        });
    }

    /// Adds ordinary fields whose names and values lie end to end in `text`; each item says where a name and its value
    /// end there.
    #[inline]
    pub(crate) fn push_run(&mut self, text: &[u8], ends: impl Iterator<Item = (u32, u32, FieldKind)>) {
        let base = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(text);
        self.entries.extend(ends.map(|(name_end, value_end, kind)| Entry {
            name_end: base.wrapping_add(name_end),
            value_end: base.wrapping_add(value_end),
            kind,
            sensitivity: Sensitivity::Ordinary,
        }));
    }

    /// The text of all fields, name and value after name and value, and where each ends in it.
    #[inline]
    pub(crate) fn parts(&self) -> (&[u8], &[Entry]) {
        (&self.text, &self.entries)
    }

    fn push_field(&mut self, name: &[u8], value: &[u8], sensitivity: Sensitivity) {
        let kind = FieldKind::of(name, value);
        let start = self.text.len();
        self.push_known(name, value, kind, sensitivity);
        // A name with capitals is among those.
        if kind == FieldKind::InvalidName
            && let Some(name) = self.text.get_mut(start..start.saturating_add(name.len()))
        {
            name.make_ascii_lowercase();
            let kind = FieldKind::of(name, value);
            if let Some(entry) = self.entries.last_mut() {
                entry.kind = kind;
            }
        }
    }

    fn pseudo(&self, kind: FieldKind) -> &[u8] {
        self.iter()
            .find(|field| field.kind == kind)
            .map_or(&[], |field| field.value)
    }
}

impl FieldKind {
    /// Looks at a name in lower case and its value.
    pub(crate) fn of(name: &[u8], value: &[u8]) -> Self {
        match Self::of_name(name) {
            Self::InvalidName => Self::InvalidName,
            _ if !is_value(value) => Self::InvalidValue,
            Self::ConnectionSpecific if name == b"te" && value.eq_ignore_ascii_case(b"trailers") => Self::TeTrailers,
            kind => kind,
        }
    }

    /// The kind of a field with this name and a harmless value.
    fn of_name(name: &[u8]) -> Self {
        match name {
            b":method" => Self::Method,
            b":scheme" => Self::Scheme,
            b":authority" => Self::Authority,
            b":path" => Self::Path,
            b":status" => Self::Status,
            b":protocol" => Self::Protocol,
            b"content-length" => Self::ContentLength,
            b"content-type" => Self::ContentType,
            b"host" => Self::Host,
            b"te" | b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => {
                Self::ConnectionSpecific
            }
            [b':', name @ ..] if is_name(name) => Self::UnknownPseudo,
            name if is_name(name) => Self::Regular,
            _ => Self::InvalidName,
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| NAME_BYTES.get(usize::from(*byte)).copied().unwrap_or(false))
}

/// Whether a value has none of the octets that RFC 9113 §8.2.1 forbids: NUL, CR, LF.
fn is_value(value: &[u8]) -> bool {
    const FOURTEENS: u64 = u64::from_ne_bytes([14; 8]);
    const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    // Whether one of eight bytes is below 14, which are few: the three are looked for only then.
    let low = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word.wrapping_sub(FOURTEENS) & !word & HIGH_BITS != 0
    };
    let (words, rest) = value.as_chunks::<8>();
    let is_plain = match value.last_chunk::<8>() {
        Some(last) => !words.iter().chain([last]).any(low),
        None => rest.iter().all(|byte| *byte > 13),
    };
    is_plain || !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

static NAME_BYTES: [bool; 256] = name_bytes();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "the compiler runs it, and reports what is out of bounds"
)]
const fn name_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_name_byte(byte as u8);
        byte += 1;
    }
    table
}

/// The lower-case half of a token (RFC 9110 §5.6.2).
const fn is_name_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'^'
            | b'`' | b'|' | b'~'
    )
}

/// The fields of a section, in order.
#[derive(Clone)]
pub struct Iter<'a> {
    text: &'a [u8],
    /// Where the next field begins.
    at: usize,
    entries: std::slice::Iter<'a, Entry>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let entry = self.entries.next()?;
        let (name_end, value_end) = (entry.name_end as usize, entry.value_end as usize);
        let field = Field {
            name: self.text.get(self.at..name_end)?,
            value: self.text.get(name_end..value_end)?,
            sensitivity: entry.sensitivity,
            kind: entry.kind,
        };
        self.at = value_end;
        Some(field)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = Field<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self.sensitivity {
            Sensitivity::Ordinary => self.value,
            Sensitivity::Sensitive => b"(sensitive)",
        };
        write!(f, "{}: {}", self.name.escape_ascii(), value.escape_ascii())
    }
}

/// What a field costs beyond its text, by the rule of header limits.
const FIELD_OVERHEAD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_repeat() {
        let mut fields = Fields::response(404);
        fields.push("Set-Cookie", "a");
        fields.push("x", "");
        fields.push("set-cookie", "b");
        assert_eq!(fields.status(), 404);
        assert_eq!(fields.get_all("set-cookie").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(fields.get("x"), Some(&b""[..]));
        assert_eq!(fields.get("y"), None);
        assert_eq!(fields.size(), 4 * 32 + 10 + 11 + 1 + 11);
        let names: Vec<_> = fields.iter().map(|field| field.name.to_vec()).collect();
        assert_eq!(names, [&b":status"[..], b"set-cookie", b"x", b"set-cookie"]);
        fields.clear();
        assert!(fields.is_empty());
    }

    #[test]
    fn sensitive_values_are_not_printed() {
        let mut fields = Fields::new();
        fields.push_sensitive("authorization", "secret");
        assert!(!format!("{fields:?}").contains("secret"));
    }

    #[test]
    fn kinds_are_told_from_name_and_value() {
        let rows: [(&[u8], &[u8], FieldKind); 16] = [
            (b":method", b"GET", FieldKind::Method),
            (b":status", b"200", FieldKind::Status),
            (b":protocol", b"websocket", FieldKind::Protocol),
            (b":nonsense", b"", FieldKind::UnknownPseudo),
            (b":", b"", FieldKind::InvalidName),
            (b"", b"", FieldKind::InvalidName),
            (b"a b", b"", FieldKind::InvalidName),
            (b"Upper", b"", FieldKind::InvalidName),
            (b"a:b", b"", FieldKind::InvalidName),
            (b"n\xc3\xa9", b"", FieldKind::InvalidName),
            (b"x", b"a\nb", FieldKind::InvalidValue),
            (b"x", "n\u{e9}".as_bytes(), FieldKind::Regular),
            (b"te", b"trailers", FieldKind::TeTrailers),
            (b"te", b"gzip", FieldKind::ConnectionSpecific),
            (b"keep-alive", b"", FieldKind::ConnectionSpecific),
            (b"content-length", b"1", FieldKind::ContentLength),
        ];
        for (name, value, kind) in rows {
            assert_eq!(FieldKind::of(name, value), kind, "{}", name.escape_ascii());
        }
    }
}
