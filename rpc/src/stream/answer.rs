//! What a server's side of a hub does to answer a call.

use std::task::{Context, Poll};

use kitewire_proto::EncodeBody;
use kitewire_proto::grpc::SendError;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::grpc::Outcome;

use super::hub::{Hub, State, wake_all};
use super::watch::{AnswerFields, wait};
use crate::{Error, Metadata, error};

/// A section of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Header,
    Trailer,
}

impl Hub {
    /// Changes the metadata that the answer to a call begins or ends with.
    pub(crate) fn edit<T>(
        &self,
        id: StreamId,
        section: Section,
        edit: impl FnOnce(&mut Metadata) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        let watch = state.watches.of(id);
        if section == Section::Header && watch.header_sent {
            return Err(error::header_is_fixed());
        }
        let fields = watch.answer.get_or_insert_default();
        edit(match section {
            Section::Header => &mut fields.header,
            Section::Trailer => &mut fields.trailer,
        })
    }

    /// Sends the header of an answer now.
    pub(crate) fn send_header(&self, id: StreamId) -> Result<(), Error> {
        let mut state = self.lock();
        if state.watches.of(id).header_sent {
            return Err(error::header_is_sent());
        }
        self.begin_answer(&mut state, id)?;
        if state.watches.of(id).header_sent {
            self.tell(&mut state);
        }
        Ok(())
    }

    /// Sends the header of an answer if it has not been sent.
    pub(super) fn begin_answer(&self, state: &mut State, id: StreamId) -> Result<(), Error> {
        let State {
            connection, watches, ..
        } = state;
        let Ok(mut sender) = connection.sender(id) else {
            return Err(self.failure(state, id));
        };
        let watch = watches.of(id);
        if watch.header_sent {
            return Ok(());
        }
        let none = Fields::new();
        let header = watch.answer.as_ref().map_or(&none, |fields| fields.header.fields());
        match sender.send_header(header) {
            Ok(()) | Err(SendError::HeaderSent) => {
                watch.header_sent = true;
                Ok(())
            }
            Err(error) => Err(self.send_failure(state, id, error)),
        }
    }

    /// Ends a call: with its one answer, if it has one, and `outcome`. Pending while there is no room for the answer.
    pub(crate) fn poll_finish(
        &self,
        id: StreamId,
        cx: &Context<'_>,
        message: Option<&dyn EncodeBody>,
        outcome: &Outcome,
    ) -> Poll<()> {
        let _stale;
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut failed = None;
        if state.has_header(id) {
            failed = self.begin_answer(state, id).err();
        }
        if failed.is_none()
            && let Some(message) = message
            && let Ok(mut sender) = state.connection.sender(id)
        {
            match sender.send(message) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    _stale = wait(&mut state.watches.of(id).sending, cx);
                    return Poll::Pending;
                }
                Err(error) => failed = Some(self.send_failure(state, id, error)),
            }
        }
        let mut wake = Vec::new();
        let watch = state.watches.remove(id);
        let trailer = watch.and_then(|mut watch| {
            watch.take_wakers(&mut wake);
            watch.answer.map(|fields| fields.trailer)
        });
        let none = Fields::new();
        let trailer = trailer.as_ref().map_or(&none, Metadata::fields);
        match failed {
            None => state.connection.finish(id, outcome, trailer),
            Some(error) => state.connection.finish(id, &error.raw_outcome(), trailer),
        }
        self.tell(state);
        drop(guard);
        wake_all(wake);
        Poll::Ready(())
    }
}

impl State {
    fn has_header(&mut self, id: StreamId) -> bool {
        let watch = self.watches.get_mut(id);
        watch.is_some_and(|watch| {
            let fields: Option<&AnswerFields> = watch.answer.as_deref();
            !watch.header_sent && fields.is_some_and(|fields| !fields.header.is_empty())
        })
    }
}
