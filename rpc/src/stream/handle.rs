//! A call with streams, as its halves share it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

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
    /// Where the connection has no driver.
    pump: Option<Arc<dyn Pump>>,
    /// What a client has ended it with on its own account. Both halves fail with it from then on.
    verdict: OnceLock<Status>,
    header: OnceLock<Metadata>,
    trailer: OnceLock<Metadata>,
}

/// What moves the bytes of a connection inside this process, which has no driver: whoever waits on it.
pub(crate) trait Pump: Send + Sync {
    /// Goes on until nothing more happens by itself.
    fn run(&self) -> Ran;

    /// Whether there may be something to do since it last ran.
    fn is_stirred(&self) -> bool;
}

/// How far a [`Pump`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Everybody waits.
    Dry,
    /// Somebody else is at it, and looks again before they go.
    Busy,
    /// There is no end to it. Others get their turn first.
    Tired,
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
        Self::pumped(hub, id, place, None)
    }

    /// As [`Self::new`], for a call inside this process.
    pub(crate) fn pumped(hub: Arc<Hub>, id: StreamId, place: Option<Place>, pump: Option<Arc<dyn Pump>>) -> Arc<Self> {
        Arc::new(Self {
            hub,
            id,
            place,
            pump,
            verdict: OnceLock::new(),
            header: OnceLock::new(),
            trailer: OnceLock::new(),
        })
    }

    /// Polls for something of the connection.
    pub(crate) fn poll<T>(&self, poll: impl Fn(&Hub) -> Poll<T>) -> Poll<T> {
        let Some(pump) = &self.pump else {
            return poll(&self.hub);
        };
        loop {
            let ran = pump.run();
            match poll(&self.hub) {
                Poll::Pending if ran == Ran::Tired => {
                    self.hub.wake_everybody();
                    return Poll::Pending;
                }
                Poll::Pending if ran == Ran::Dry && pump.is_stirred() => {}
                // What was read can lead to something to send.
                Poll::Pending if self.hub.is_called() => {}
                Poll::Pending => return Poll::Pending,
                ready => {
                    pump.run();
                    return ready;
                }
            }
        }
    }

    /// Something was done to the connection without waiting for it.
    fn went_on(&self) {
        if let Some(pump) = &self.pump {
            pump.run();
        }
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

    /// Where a client's call goes.
    pub(crate) fn peer(&self) -> Option<&Address> {
        self.place.as_ref()?.peer.as_ref()
    }

    /// Says that a client sends no more.
    pub(crate) fn close_send(&self) {
        self.hub.close_send(self.id);
        self.went_on();
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

    /// A client's half is dropped that has more to say or to hear, or the client has had enough.
    pub(crate) fn give_up(&self) {
        if self.hub.side() == Side::Client {
            self.hub.give_up(self.id);
        }
        self.went_on();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.hub.side() == Side::Client {
            self.hub.release(self.id);
        }
        self.went_on();
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}
