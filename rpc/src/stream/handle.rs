//! A call with streams, as its halves share it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::grpc::Status;
use kitewire_runtime::Address;

use super::hub::{Hub, Side};
use crate::{Error, Metadata};

/// One call of a [`Hub`], shared by its halves. For a client the last one of them releases the call; a server's call is
/// released by the end of its handler.
pub(crate) struct Stream {
    hub: Arc<Hub>,
    id: StreamId,
    /// Which call it is, for the errors of a client.
    place: Option<Place>,
    /// What a client has ended it with on its own account. Both halves fail with it from then on.
    verdict: OnceLock<Status>,
    header: OnceLock<Metadata>,
    trailer: OnceLock<Metadata>,
}

/// Which call it is, as errors name it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) service: Cow<'static, str>,
    pub(crate) method: Cow<'static, str>,
    pub(crate) peer: Option<Address>,
}

impl Stream {
    pub(crate) fn new(hub: Arc<Hub>, id: StreamId, place: Option<Place>) -> Arc<Self> {
        Arc::new(Self {
            hub,
            id,
            place,
            verdict: OnceLock::new(),
            header: OnceLock::new(),
            trailer: OnceLock::new(),
        })
    }

    pub(crate) const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) const fn id(&self) -> StreamId {
        self.id
    }

    /// The peer's header, once it was read by [`Hub::poll_header`].
    pub(super) const fn header(&self) -> &OnceLock<Metadata> {
        &self.header
    }

    /// What came with the end of the call; empty before it.
    pub(super) fn trailer(&self) -> &Metadata {
        if self.trailer.get().is_none()
            && let Some(trailer) = self.hub.trailer(self.id)
        {
            return self.trailer.get_or_init(|| trailer);
        }
        self.trailer.get().unwrap_or(Metadata::none())
    }

    /// Cancels the call of a client. Both halves fail with `verdict` from now on.
    pub(crate) fn end_with(&self, verdict: Status) {
        let _ = self.verdict.set(verdict);
        self.give_up();
    }

    /// Names the call in an error.
    pub(crate) fn placed(&self, error: Error) -> Error {
        let error = match self.verdict.get() {
            Some(verdict) => verdict.clone().into(),
            None => error,
        };
        match &self.place {
            Some(place) => error.at(&place.service, &place.method, place.peer.as_ref()),
            None => error,
        }
    }

    /// A client's half is dropped that has more to say or to hear.
    pub(super) fn give_up(&self) {
        if self.hub.side() == Side::Client {
            self.hub.give_up(self.id);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.hub.side() == Side::Client {
            self.hub.release(self.id);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}
