//! The static table (RFC 7541 appendix A).

use super::Ends;
use crate::http::FieldKind;

/// Number of entries; indexes above it belong to the dynamic table.
pub(super) const LEN: u32 = 61;

/// What the static table has of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Match {
    /// Name and value.
    Field(u8),
    /// The name.
    Name(u8),
    Nothing,
}

pub(super) struct StaticEntry {
    /// Name and value.
    pub(super) text: &'static [u8],
    pub(super) ends: Ends,
}

/// The entry at `index`, which counts from one.
#[inline]
pub(super) fn entry(index: u32) -> Option<&'static StaticEntry> {
    ENTRIES.get((index as usize).wrapping_sub(1))
}

impl StaticEntry {
    pub(super) fn name(&self) -> &'static [u8] {
        self.text.get(..self.ends.name as usize).unwrap_or(&[])
    }
}

/// The entry that is the whole field, told from the kind: pseudo-header fields have them.
#[inline]
pub(super) fn pseudo(kind: FieldKind, value: &[u8]) -> Option<u8> {
    match kind {
        FieldKind::Method if value == b"POST" => Some(3),
        FieldKind::Method if value == b"GET" => Some(2),
        FieldKind::Scheme if value == b"http" => Some(6),
        FieldKind::Scheme if value == b"https" => Some(7),
        FieldKind::Path if value == b"/" => Some(4),
        FieldKind::Path if value == b"/index.html" => Some(5),
        FieldKind::Status if value == b"200" => Some(8),
        FieldKind::Status => match value {
            b"204" => Some(9),
            b"206" => Some(10),
            b"304" => Some(11),
            b"400" => Some(12),
            b"404" => Some(13),
            b"500" => Some(14),
            _ => None,
        },
        _ => None,
    }
}

/// The best entry for a field; where several have the name, the first.
pub(super) fn find(name: &[u8], value: &[u8]) -> Match {
    let index = match name {
        b":authority" => 1,
        b":method" => 2,
        b":path" => 4,
        b":scheme" => 6,
        b":status" => 8,
        b"accept-charset" => 15,
        b"accept-encoding" => 16,
        b"accept-language" => 17,
        b"accept-ranges" => 18,
        b"accept" => 19,
        b"access-control-allow-origin" => 20,
        b"age" => 21,
        b"allow" => 22,
        b"authorization" => 23,
        b"cache-control" => 24,
        b"content-disposition" => 25,
        b"content-encoding" => 26,
        b"content-language" => 27,
        b"content-length" => 28,
        b"content-location" => 29,
        b"content-range" => 30,
        b"content-type" => 31,
        b"cookie" => 32,
        b"date" => 33,
        b"etag" => 34,
        b"expect" => 35,
        b"expires" => 36,
        b"from" => 37,
        b"host" => 38,
        b"if-match" => 39,
        b"if-modified-since" => 40,
        b"if-none-match" => 41,
        b"if-range" => 42,
        b"if-unmodified-since" => 43,
        b"last-modified" => 44,
        b"link" => 45,
        b"location" => 46,
        b"max-forwards" => 47,
        b"proxy-authenticate" => 48,
        b"proxy-authorization" => 49,
        b"range" => 50,
        b"referer" => 51,
        b"refresh" => 52,
        b"retry-after" => 53,
        b"server" => 54,
        b"set-cookie" => 55,
        b"strict-transport-security" => 56,
        b"transfer-encoding" => 57,
        b"user-agent" => 58,
        b"vary" => 59,
        b"via" => 60,
        b"www-authenticate" => 61,
        _ => return Match::Nothing,
    };
    match (index, value) {
        (16, b"gzip, deflate") => Match::Field(16),
        _ => Match::Name(index),
    }
}

macro_rules! entries {
    ($(($name:literal, $value:literal, $kind:ident),)*) => {
        [$(StaticEntry {
            text: concat!($name, $value).as_bytes(),
            ends: Ends {
                name: $name.len() as u32,
                value: concat!($name, $value).len() as u32,
                kind: FieldKind::$kind,
            },
        },)*]
    };
}

#[expect(clippy::cast_possible_truncation, reason = "names are short")]
static ENTRIES: [StaticEntry; LEN as usize] = entries![
    (":authority", "", Authority),
    (":method", "GET", Method),
    (":method", "POST", Method),
    (":path", "/", Path),
    (":path", "/index.html", Path),
    (":scheme", "http", Scheme),
    (":scheme", "https", Scheme),
    (":status", "200", Status),
    (":status", "204", Status),
    (":status", "206", Status),
    (":status", "304", Status),
    (":status", "400", Status),
    (":status", "404", Status),
    (":status", "500", Status),
    ("accept-charset", "", Regular),
    ("accept-encoding", "gzip, deflate", Regular),
    ("accept-language", "", Regular),
    ("accept-ranges", "", Regular),
    ("accept", "", Regular),
    ("access-control-allow-origin", "", Regular),
    ("age", "", Regular),
    ("allow", "", Regular),
    ("authorization", "", Regular),
    ("cache-control", "", Regular),
    ("content-disposition", "", Regular),
    ("content-encoding", "", Regular),
    ("content-language", "", Regular),
    ("content-length", "", ContentLength),
    ("content-location", "", Regular),
    ("content-range", "", Regular),
    ("content-type", "", ContentType),
    ("cookie", "", Regular),
    ("date", "", Regular),
    ("etag", "", Regular),
    ("expect", "", Regular),
    ("expires", "", Regular),
    ("from", "", Regular),
    ("host", "", Host),
    ("if-match", "", Regular),
    ("if-modified-since", "", Regular),
    ("if-none-match", "", Regular),
    ("if-range", "", Regular),
    ("if-unmodified-since", "", Regular),
    ("last-modified", "", Regular),
    ("link", "", Regular),
    ("location", "", Regular),
    ("max-forwards", "", Regular),
    ("proxy-authenticate", "", Regular),
    ("proxy-authorization", "", Regular),
    ("range", "", Regular),
    ("referer", "", Regular),
    ("refresh", "", Regular),
    ("retry-after", "", Regular),
    ("server", "", Regular),
    ("set-cookie", "", Regular),
    ("strict-transport-security", "", Regular),
    ("transfer-encoding", "", ConnectionSpecific),
    ("user-agent", "", Regular),
    ("vary", "", Regular),
    ("via", "", Regular),
    ("www-authenticate", "", Regular),
];
