//! The mesh header (`0xFFAF`), which proxies put in front of bare and framed messages. It is read, never written:
//! a request with one is answered without.
//!
//! Two bytes magic, u16 `H` (bytes that follow it), u16 count, then u16 length + key and u16 length + value each; the
//! payload starts at 4 + `H`.

use super::Span;
use super::cursor::Cursor;
use super::ttheader::string_key;
use crate::config::Limits;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::metainfo::{MetaInfo, is_metainfo_key};

/// The magic number in the first two bytes.
pub const MAGIC: u16 = 0xffaf;

/// Offset of the first entry.
const ENTRIES: usize = 6;

/// A mesh header: where its payload starts and where the values of interest lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeshHeader {
    /// Offset of the payload.
    pub payload_start: u32,
    /// String `isn`: the service called.
    pub service_name: Option<Span>,
    /// String `rip`: the real remote address.
    pub remote_address: Option<Span>,
    /// There are metainfo values; without, [`Self::metainfo`] is empty.
    pub has_metainfo: bool,
    count: u16,
}

impl MeshHeader {
    /// Reads the header at the start of `frame`. `None`: it is not whole yet.
    ///
    /// # Errors
    /// Another magic number; `H` too small for the count; more entries than [`Limits::max_header_entries`]; entries
    /// that reach beyond `H`. All but the last are told as soon as their bytes are there. Bytes between the last
    /// entry and the payload are ignored.
    pub fn parse(frame: &[u8], limits: &Limits) -> Result<Option<Self>, DecodeError> {
        let Some((magic, rest)) = frame.split_first_chunk() else {
            return Ok(None);
        };
        let magic = u16::from_be_bytes(*magic);
        if magic != MAGIC {
            return Err(DecodeError::new(DecodeErrorKind::BadMagic(magic.into()), 0));
        }
        let Some((length, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let length = u16::from_be_bytes(*length);
        if length < 2 {
            return Err(DecodeError::new(DecodeErrorKind::LengthTooSmall(length.into()), 2));
        }
        let Some(count) = rest.first_chunk() else {
            return Ok(None);
        };
        let count = u16::from_be_bytes(*count);
        if u32::from(count) > limits.max_header_entries {
            let kind = DecodeErrorKind::TooManyEntries(limits.max_header_entries);
            return Err(DecodeError::new(kind, 4));
        }
        let mut header = Self {
            payload_start: u32::from(length).wrapping_add(4),
            service_name: None,
            remote_address: None,
            has_metainfo: false,
            count,
        };
        match Cursor::new(frame, ENTRIES, header.payload_start()) {
            Some(cursor) => header.scan(cursor).map(|()| Some(header)),
            None => Ok(None),
        }
    }

    /// Offset of the payload.
    #[must_use]
    pub const fn payload_start(self) -> usize {
        self.payload_start as usize
    }

    /// Keys and values in wire order, from the `frame` that was parsed. A key that repeats counts with its last value.
    #[must_use]
    pub fn strings(self, frame: &[u8]) -> MeshEntries<'_> {
        MeshEntries {
            cursor: Cursor::new(frame, ENTRIES, self.payload_start()),
            left: self.count,
        }
    }

    /// The metainfo that the header in `frame` carries, as it is on the wire. A server calls [`MetaInfo::forward`] on it.
    #[must_use]
    pub fn metainfo(self, frame: &[u8]) -> MetaInfo {
        MetaInfo::from_strings(self.strings(frame))
    }

    fn scan(&mut self, mut cursor: Cursor<'_>) -> Result<(), DecodeError> {
        for _ in 0..self.count {
            let Some((key, value)) = entry(&mut cursor) else {
                return Err(cursor.cut());
            };
            if key == string_key::SERVICE_NAME.as_bytes() {
                self.service_name = cursor.span_behind(value.len());
            } else if key == string_key::REMOTE_ADDRESS.as_bytes() {
                self.remote_address = cursor.span_behind(value.len());
            } else {
                self.has_metainfo |= is_metainfo_key(key);
            }
        }
        Ok(())
    }
}

/// Iterator over the values of a mesh header.
#[derive(Clone, Debug)]
pub struct MeshEntries<'a> {
    cursor: Option<Cursor<'a>>,
    left: u16,
}

impl<'a> Iterator for MeshEntries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        entry(self.cursor.as_mut()?)
    }
}

/// A failed read leaves the cursor where the length stands that does not fit.
fn entry<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let key = cursor.counted()?;
    Some((key, cursor.counted()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{every_split, hex};

    const EXAMPLE: &str = "ff af 00 14 00 01 00 03 72 69 70 00 0b 31 30 2e 30 2e 30 2e 31 3a 38 30 80 01 00 01";

    fn parse_all(frame: &[u8]) -> Result<Option<MeshHeader>, DecodeError> {
        let limits = Limits::default();
        every_split(frame, |prefix| MeshHeader::parse(prefix, &limits))
    }

    #[test]
    fn the_worked_example_reads() {
        let frame = hex(EXAMPLE);
        let header = parse_all(&frame).unwrap().unwrap();
        assert_eq!(header.payload_start(), 24);
        assert_eq!(header.remote_address.unwrap().of(&frame), b"10.0.0.1:80");
        assert_eq!((header.service_name, header.has_metainfo), (None, false));
        let entries: Vec<_> = header.strings(&frame).collect();
        assert_eq!(entries, [(&b"rip"[..], &b"10.0.0.1:80"[..])]);
    }

    #[test]
    fn values_of_interest_are_noted_and_later_ones_win() {
        let frame = hex("ff af 00 2e 00 04  00 03 69 73 6e 00 01 41  00 03 69 73 6e 00 01 42
             00 0e 52 50 43 5f 50 45 52 53 49 53 54 5f 61 62 00 01 76  00 00 00 00  00 00 00 00 00");
        let header = parse_all(&frame).unwrap().unwrap();
        assert_eq!(header.service_name.unwrap().of(&frame), b"B");
        assert!(header.has_metainfo);
        assert_eq!(header.strings(&frame).count(), 4);
    }

    #[test]
    fn broken_headers_are_refused() {
        let rows = [
            ("ff ae", DecodeErrorKind::BadMagic(0xffae), 0),
            ("ff af 00 01", DecodeErrorKind::LengthTooSmall(1), 2),
            ("ff af 00 06 04 01", DecodeErrorKind::TooManyEntries(1024), 4),
            ("ff af 00 02 00 01", DecodeErrorKind::UnexpectedEnd, 6),
            ("ff af 00 06 00 01 00 03 61 62", DecodeErrorKind::LengthTooLarge(3), 6),
            ("ff af 00 06 00 01 00 01 61 00", DecodeErrorKind::UnexpectedEnd, 10),
        ];
        for (bytes, kind, offset) in rows {
            assert_eq!(parse_all(&hex(bytes)), Err(DecodeError::new(kind, offset)), "{bytes}");
        }
    }
}
