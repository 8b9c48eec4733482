//! What a server's side of a hub does to answer a call.

use std::task::{Context, Poll};

use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::metadata::MetadataError;
use kitewire_proto::{EncodeBody, EncodeError};

use super::connection::StreamKey;
use super::end::{Conclusion, SendError};
use super::hub::{Hub, State, wake_all};
use super::watch::{AnswerFields, wait};
use crate::{Error, Metadata};

/// A section of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Header,
    Trailer,
}

impl Section {
    /// Whether an entry can stand there over TTHeader.
    ///
    /// # Errors
    /// It is too long, or would read as part of a business status.
    pub(crate) fn check_entry(self, key: &str, value: &[u8]) -> Result<(), Error> {
        let longest = key.len().max(value.len());
        if longest > usize::from(u16::MAX) {
            return Err(Error::encode(EncodeError::HeaderStringTooLong(longest)));
        }
        match (self, key) {
            (Self::Trailer, "biz-status" | "biz-message" | "biz-extra") => Err(MetadataError::Reserved.into()),
            _ => Ok(()),
        }
    }
}

impl Hub {
    /// Changes the metadata that the answer to a call begins or ends with.
    pub(crate) fn edit<T>(
        &self,
        key: StreamKey,
        section: Section,
        edit: impl FnOnce(&mut Metadata) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        let watch = state.watches.of(key);
        if section == Section::Header && watch.header_sent {
            return Err(state.connection.header_is_fixed());
        }
        let fields = watch.answer.get_or_insert_default();
        edit(match section {
            Section::Header => &mut fields.header,
            Section::Trailer => &mut fields.trailer,
        })
    }

    /// Sends the header of an answer now.
    pub(crate) fn send_header(&self, key: StreamKey) -> Result<(), Error> {
        let mut state = self.lock();
        if state.watches.of(key).header_sent {
            return Err(state.connection.header_is_sent());
        }
        self.begin_answer(&mut state, key)?;
        if state.watches.of(key).header_sent {
            self.tell(&mut state);
        }
        Ok(())
    }

    /// Sends the header of an answer if it has not been sent.
    pub(super) fn begin_answer(&self, state: &mut State, key: StreamKey) -> Result<(), Error> {
        let State {
            connection, watches, ..
        } = state;
        if !connection.is_open(key) {
            return Err(connection.failure(key));
        }
        let watch = watches.of(key);
        if watch.header_sent {
            return Ok(());
        }
        let header = watch.answer.as_ref().map_or(Metadata::none(), |fields| &fields.header);
        match connection.send_header(key, header) {
            Ok(()) | Err(SendError::HeaderSent) => {
                watch.header_sent = true;
                Ok(())
            }
            Err(error) => Err(state.send_failure(key, error)),
        }
    }

    /// Ends a call: with its one answer, if it has one, and as its handler wants it. Pending while there is no room for
    /// the answer.
    pub(crate) fn poll_finish(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        message: Option<&dyn EncodeBody>,
        conclusion: &Conclusion<'_>,
    ) -> Poll<()> {
        let _stale;
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut failed = None;
        if state.has_header(key) {
            failed = self.begin_answer(state, key).err();
        }
        if failed.is_none()
            && let Some(message) = message
        {
            match state.connection.send(key, message) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    _stale = wait(&mut state.watches.of(key).sending, cx);
                    self.tell_of_header(state);
                    return Poll::Pending;
                }
                Err(error) => failed = Some(state.send_failure(key, error)),
            }
        }
        let mut wake = Vec::new();
        let watch = state.watches.remove(key);
        let trailer = watch.and_then(|mut watch| {
            watch.ties.cut(|| state.connection.upstream(key), &mut wake);
            watch.take_wakers(&mut wake);
            watch.answer.map(|fields| fields.trailer)
        });
        let trailer = trailer.as_ref().unwrap_or(Metadata::none());
        let broken = failed.as_ref().map(Conclusion::Broken);
        state
            .connection
            .finish(key, broken.as_ref().unwrap_or(conclusion), trailer);
        self.tell(state);
        drop(guard);
        wake_all(wake);
        Poll::Ready(())
    }

    /// How the messages of a call flow, and how they are encoded, as long as it is not over.
    pub(crate) fn shape(&self, key: StreamKey) -> Option<(MethodKind, Codec)> {
        let state = self.lock();
        let incoming = state.connection.incoming(key)?;
        Some((incoming.kind(), incoming.codec()))
    }
}

impl State {
    fn has_header(&mut self, key: StreamKey) -> bool {
        let watch = self.watches.get_mut(key);
        watch.is_some_and(|watch| {
            let fields: Option<&AnswerFields> = watch.answer.as_deref();
            !watch.header_sent && fields.is_some_and(|fields| !fields.header.is_empty())
        })
    }
}
