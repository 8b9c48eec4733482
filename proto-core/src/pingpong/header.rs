//! The header of a message, whichever kind it has.

use std::time::Duration;

use bytes::Bytes;

use super::frame::{Frame, Prefix};
use crate::error::DecodeError;
use crate::metainfo::MetaInfo;
use crate::wire::checksum;
use crate::wire::mesh::MeshEntries;
use crate::wire::ttheader::{HeaderView, IntKey, StringEntries, string_key};

/// A view of the header of a message: of its TTHeader, its mesh header, or of none.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    frame: &'a [u8],
    prefix: &'a Prefix,
}

impl<'a> Header<'a> {
    pub(super) const fn new(frame: &'a [u8], prefix: &'a Prefix) -> Self {
        Self { frame, prefix }
    }

    /// The IDL service name (`isn`), empty when there is none.
    #[must_use]
    pub fn service_name(self) -> &'a str {
        std::str::from_utf8(self.service_name_bytes()).unwrap_or("")
    }

    #[inline]
    pub(super) fn service_name_bytes(self) -> &'a [u8] {
        let name = match self.prefix {
            Prefix::None => None,
            Prefix::TtHeader(_, info) => info.service_name,
            Prefix::Mesh(mesh) => mesh.service_name,
        };
        name.map_or(&[], |name| name.of(self.frame))
    }

    /// The real remote address that a proxy reported (`rip`).
    #[must_use]
    pub fn remote_address(self) -> Option<&'a str> {
        let address = match self.prefix {
            Prefix::None => None,
            Prefix::TtHeader(header, _) => HeaderView::new(self.frame, *header).string(string_key::REMOTE_ADDRESS),
            Prefix::Mesh(mesh) => mesh.remote_address.map(|place| place.of(self.frame)),
        };
        text(address)
    }

    /// The caller's service name (int key 3).
    #[must_use]
    pub fn caller_service(self) -> Option<&'a str> {
        text(self.int(IntKey::FROM_SERVICE))
    }

    /// The method that the caller itself was handling (int key 20), empty outside a handler.
    #[must_use]
    pub fn caller_method(self) -> Option<&'a str> {
        text(self.int(IntKey::FROM_METHOD))
    }

    /// The RPC timeout that the caller works with (int key 12). Zero, negative and unreadable values read as none.
    #[must_use]
    pub fn timeout(self) -> Option<Duration> {
        match self.prefix {
            Prefix::TtHeader(_, info) => info.timeout(self.frame),
            Prefix::Mesh(_) | Prefix::None => None,
        }
    }

    /// The string entries, in wire order; a key that repeats counts with its last value.
    #[must_use]
    pub fn strings(self) -> HeaderStrings<'a> {
        HeaderStrings(match self.prefix {
            Prefix::None => Strings::None,
            Prefix::TtHeader(header, _) => Strings::TtHeader(HeaderView::new(self.frame, *header).strings()),
            Prefix::Mesh(mesh) => Strings::Mesh(mesh.strings(self.frame)),
        })
    }

    /// The value of an int key.
    #[must_use]
    pub fn int(self, key: IntKey) -> Option<&'a [u8]> {
        match self.prefix {
            Prefix::TtHeader(header, _) => HeaderView::new(self.frame, *header).int(key),
            Prefix::Mesh(_) | Prefix::None => None,
        }
    }

    /// The metainfo that travels in the header.
    #[must_use]
    pub fn meta_info(self) -> MetaInfo {
        match self.prefix {
            Prefix::TtHeader(header, info) if info.has_metainfo => {
                MetaInfo::from_header(&HeaderView::new(self.frame, *header))
            }
            Prefix::Mesh(mesh) if mesh.has_metainfo => mesh.metainfo(self.frame),
            _ => MetaInfo::default(),
        }
    }
}

fn text(value: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(value?).ok()
}

/// The string entries of a header: `(key, value)`.
#[derive(Clone, Debug)]
pub struct HeaderStrings<'a>(Strings<'a>);

#[derive(Clone, Debug)]
enum Strings<'a> {
    None,
    TtHeader(StringEntries<'a>),
    Mesh(MeshEntries<'a>),
}

impl<'a> Iterator for HeaderStrings<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Strings::None => None,
            Strings::TtHeader(entries) => entries.next(),
            Strings::Mesh(entries) => entries.next(),
        }
    }
}

/// The header of a request, kept beyond its frame. It shares the received block, and holds nothing where there is no
/// header.
#[derive(Clone, Debug)]
pub struct CallHeader {
    bytes: Bytes,
    prefix: Prefix,
}

impl CallHeader {
    /// No header at all.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            bytes: Bytes::new(),
            prefix: Prefix::None,
        }
    }

    /// What is in it.
    #[must_use]
    pub fn view(&self) -> Header<'_> {
        Header {
            frame: &self.bytes,
            prefix: &self.prefix,
        }
    }
}

impl Frame {
    pub(super) fn header(&self) -> Header<'_> {
        Header {
            frame: &self.bytes,
            prefix: &self.layout.prefix,
        }
    }

    pub(super) fn call_header(&self) -> CallHeader {
        let end = match self.layout.prefix {
            Prefix::None => return CallHeader::none(),
            Prefix::TtHeader(header, _) => header.payload_start(),
            Prefix::Mesh(mesh) => mesh.payload_start(),
        };
        CallHeader {
            bytes: self.bytes.slice(..end.min(self.bytes.len())),
            prefix: self.layout.prefix,
        }
    }

    /// Whether the sender says that it is about to close (`crrst`, whatever its value).
    pub(super) const fn announces_close(&self) -> bool {
        match self.layout.prefix {
            Prefix::TtHeader(_, info) => info.connection_reset,
            Prefix::Mesh(_) | Prefix::None => false,
        }
    }

    /// Compares the payload with the checksum that its header announces; a missing one passes.
    pub(super) fn check_checksum(&self) -> Result<(), DecodeError> {
        match self.layout.prefix {
            Prefix::TtHeader(_, info) => checksum::check(&self.bytes, info.checksum, self.payload()),
            Prefix::Mesh(_) | Prefix::None => Ok(()),
        }
    }
}
