//! A call with streams, as its halves share it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use kitewire_proto::wire::grpc::Status;
use kitewire_runtime::Address;

use super::connection::StreamKey;
use super::end::{Upstream, Verdict, handler_returned};
use super::hub::{Hub, Side};
use super::tie::Tie;
use crate::{Error, Metadata, Transport};

/// One call of a [`Hub`], shared by its halves. For a client the last one of them releases the call; a server's call is
/// released by the end of its handler.
pub(crate) struct Stream {
    hub: Arc<Hub>,
    key: StreamKey,
    /// Which call it is, for the errors of a client.
    place: Option<Place>,
    /// Where the connection has no driver.
    pump: Option<Arc<dyn Pump>>,
    /// What a client has ended it with on its own account, where the connection does not know: over gRPC. Both halves
    /// fail with it from then on.
    verdict: OnceLock<Status>,
    /// To the call being served, where there is one.
    tie: OnceLock<Arc<Tie>>,
    /// The handler of a server's call has returned. Its peer may use the id for another stream from then on, which is
    /// nothing to the halves that are left.
    returned: AtomicBool,
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
    pub(crate) fn new(hub: Arc<Hub>, key: impl Into<StreamKey>, place: Option<Place>) -> Arc<Self> {
        Self::pumped(hub, key, place, None)
    }

    /// As [`Self::new`], for a call inside this process.
    pub(crate) fn pumped(
        hub: Arc<Hub>,
        key: impl Into<StreamKey>,
        place: Option<Place>,
        pump: Option<Arc<dyn Pump>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub,
            key: key.into(),
            place,
            pump,
            verdict: OnceLock::new(),
            tie: OnceLock::new(),
            returned: AtomicBool::new(false),
            header: OnceLock::new(),
            trailer: OnceLock::new(),
        })
    }

    /// The handler of a server's call has returned.
    pub(super) fn retire(&self) {
        self.returned.store(true, Ordering::Release);
    }

    /// Whether the handler of a server's call has returned, and with what its halves fail from then on.
    #[inline]
    pub(super) fn check_returned(&self) -> Result<(), Error> {
        match self.returned.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(handler_returned()),
        }
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

    pub(crate) const fn key(&self) -> StreamKey {
        self.key
    }

    /// The peer's header, once it was read by [`Hub::poll_header`].
    pub(super) const fn header(&self) -> &OnceLock<Metadata> {
        &self.header
    }

    /// What came with the end of the call; empty before it.
    pub(super) fn trailer(&self) -> &Metadata {
        if self.trailer.get().is_none()
            && self.check_returned().is_ok()
            && let Some(trailer) = self.hub.trailer(self.key)
        {
            return self.trailer.get_or_init(|| trailer);
        }
        self.trailer.get().unwrap_or(Metadata::none())
    }

    /// Has the stream of a client end with the call being served. To be done once, when it is open.
    pub(crate) fn hang_on(self: &Arc<Self>, tie: &Arc<Tie>) {
        if self.tie.set(Arc::clone(tie)).is_ok() {
            tie.bind(self);
        }
    }

    /// Cancels the call of a client. Both halves fail with `verdict` from now on.
    pub(crate) fn end_with(&self, verdict: impl Into<Verdict>) {
        match verdict.into() {
            Verdict::Grpc(status) => {
                let _ = self.verdict.set(status);
                self.give_up();
            }
            Verdict::TtHeader(exception) => {
                self.hub.cancel(self.key, &exception);
                self.went_on();
            }
        }
    }

    /// The call is over that a client's stream hangs on.
    pub(super) fn end_by(&self, upstream: &Upstream) {
        if !self.hub.is_ended(self.key) {
            self.end_with(match self.hub.transport() {
                Transport::TtHeaderStream => Verdict::TtHeader(upstream.exception()),
                _ => Verdict::Grpc(upstream.status()),
            });
        }
    }

    /// Where a client's call goes.
    pub(crate) fn peer(&self) -> Option<&Address> {
        self.place.as_ref()?.peer.as_ref()
    }

    /// Says that a client sends no more.
    pub(crate) fn close_send(&self) {
        self.hub.close_send(self.key);
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

    /// The half is dropped that messages come out of, before its end: a client gives the call up with it.
    pub(super) fn stop_receiving(&self) {
        match self.hub.side() {
            Side::Client => self.give_up(),
            Side::Server if self.check_returned().is_ok() => self.hub.discard(self.key),
            Side::Server => {}
        }
    }

    /// A client's half is dropped that has more to say or to hear, or the client has had enough.
    pub(crate) fn give_up(&self) {
        if self.hub.side() == Side::Client {
            self.hub.give_up(self.key);
        }
        self.went_on();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.hub.side() == Side::Client {
            self.hub.release(self.key);
        }
        self.went_on();
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("key", &self.key).finish_non_exhaustive()
    }
}
