//! Metadata of a call, as its handler reads and sets it.

use super::{Call, Carrier};
use crate::stream::Section;
use crate::{Error, Metadata, Transport};

/// How metadata is set.
#[derive(Clone, Copy)]
enum Edit {
    Insert,
    Append,
}

impl Call {
    /// The metadata that came with a stream, or with a call over gRPC: what the caller set, and of gRPC's own fields
    /// `content-type`, `:authority` and `user-agent`. Empty where the call was a single message.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.told().map_or(Metadata::none(), |told| &told.metadata)
    }

    /// Sets a key of the metadata that the answer of a stream, or of a call over gRPC, begins with. It goes out with the
    /// first message, or with the end, or by [`Self::send_header`]. Single messages lose it.
    ///
    /// # Errors
    /// As [`Metadata::insert`]. The header has been sent already: code 13.
    pub fn set_header(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.edit(Section::Header, key, value.as_ref(), Edit::Insert)
    }

    /// As [`Self::set_header`], but keeps the values that the key has. Streams over TTHeader send the last one.
    ///
    /// # Errors
    /// As [`Self::set_header`].
    pub fn append_header(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.edit(Section::Header, key, value.as_ref(), Edit::Append)
    }

    /// Sends the answer's metadata now, in front of any message. Does nothing where the call was a single message.
    ///
    /// # Errors
    /// It has been sent already, or the caller takes no header of this size: code 13. Nobody waits for an answer any
    /// more.
    pub fn send_header(&self) -> Result<(), Error> {
        match &self.carrier {
            Carrier::Message { .. } => Ok(()),
            Carrier::Stream { hub, key, .. } => hub.send_header(*key),
        }
    }

    /// Sets a key of the metadata that the answer of a stream, or of a call over gRPC, ends with, whatever the end will
    /// be. Single messages lose it.
    ///
    /// # Errors
    /// As [`Metadata::insert`]. Over TTHeader the keys of a business status are none for applications:
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest).
    pub fn set_trailer(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.edit(Section::Trailer, key, value.as_ref(), Edit::Insert)
    }

    /// As [`Self::set_trailer`], but keeps the values that the key has. Streams over TTHeader send the last one.
    ///
    /// # Errors
    /// As [`Self::set_trailer`].
    pub fn append_trailer(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.edit(Section::Trailer, key, value.as_ref(), Edit::Append)
    }

    fn edit(&self, section: Section, key: &str, value: &[u8], edit: Edit) -> Result<(), Error> {
        let edit = |metadata: &mut Metadata| match edit {
            Edit::Insert => metadata.insert(key, value),
            Edit::Append => metadata.append(key, value),
        };
        match &self.carrier {
            Carrier::Message { .. } => edit(&mut Metadata::new()),
            Carrier::Stream { hub, key: call, .. } => {
                if hub.transport() == Transport::TtHeaderStream {
                    section.check_entry(key, value)?;
                }
                hub.edit(*call, section, edit)
            }
        }
    }
}
