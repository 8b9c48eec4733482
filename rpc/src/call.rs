//! A call, as its handler sees it.

mod metadata;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire_proto::wire::{Codec, SequenceId};
use kitewire_proto::{CallHeader, CallId, CancelReason, Instant, MetaInfo, Target, wire};
use kitewire_runtime::{Address, PeerIdentity};

use crate::server::Link;
use crate::service::Finished;
use crate::stream::{Hub, Incoming, Stream, StreamKey, Tie};
use crate::waiting::Place;
use crate::{Error, Metadata, Transport};

/// The call that a handler runs for: who calls, what, how, and until when.
///
/// Handlers get it by reference. Making one costs no allocation; the header is read when it is asked for.
///
/// ```
/// # use kitewire::{Call, Error};
/// async fn greet(call: &Call) -> Result<String, Error> {
///     call.set_backward("served-by", "node-3");
///     let user = call.persistent("user").unwrap_or("somebody");
///     Ok(format!("{user} called {}.{} from {}", call.service(), call.method(), call.caller_service().unwrap_or("?")))
/// }
/// ```
pub struct Call {
    link: Arc<Link>,
    carrier: Carrier,
    target: Target,
    codec: Codec,
    deadline: Option<Instant>,
    meta: OnceLock<Box<MetaInfo>>,
    /// Names on the wire, for calls that no service was found for.
    wire_names: Option<Box<(String, String)>>,
    backward: Mutex<Vec<(String, String)>>,
}

/// What brought the call.
enum Carrier {
    /// A single message.
    Message {
        id: CallId,
        transport: wire::Transport,
        sequence: SequenceId,
        header: CallHeader,
    },
    /// A stream, whose connection keeps the request header until the call is answered.
    Stream {
        hub: Arc<Hub>,
        key: StreamKey,
        told: OnceLock<Box<Told>>,
    },
}

/// What the header of a stream tells, once somebody has asked.
#[derive(Default)]
struct Told {
    metadata: Metadata,
    caller_service: Option<String>,
    caller_method: Option<String>,
}

impl Call {
    pub(crate) fn new(link: &Arc<Link>, id: CallId, incoming: &kitewire_proto::Incoming<'_>) -> Self {
        let carrier = Carrier::Message {
            id,
            transport: incoming.transport(),
            sequence: incoming.sequence(),
            header: incoming.call_header(),
        };
        let names = || (incoming.service_name(), incoming.method_name());
        let codec = incoming.codec();
        Self::carried(link, carrier, incoming.target, names, codec, incoming.deadline)
    }

    /// The call that a stream is.
    pub(crate) fn of_stream(link: &Arc<Link>, hub: &Arc<Hub>, key: StreamKey, incoming: &Incoming<'_>) -> Self {
        let carrier = Carrier::Stream {
            hub: Arc::clone(hub),
            key,
            told: OnceLock::new(),
        };
        let (target, codec) = (incoming.target(), incoming.codec());
        Self::carried(link, carrier, target, || incoming.names(), codec, incoming.deadline())
    }

    fn carried<'a>(
        link: &Arc<Link>,
        carrier: Carrier,
        target: Target,
        names: impl FnOnce() -> (&'a str, &'a str),
        codec: Codec,
        deadline: Option<Instant>,
    ) -> Self {
        let wire_names = match target {
            Target::Method(_) => None,
            Target::Unknown => {
                let (service, method) = names();
                Some(Box::new((service.to_owned(), method.to_owned())))
            }
        };
        Self {
            link: Arc::clone(link),
            carrier,
            target,
            codec,
            deadline,
            meta: OnceLock::new(),
            wire_names,
            backward: Mutex::new(Vec::new()),
        }
    }

    /// Ends the call's handler: what generated code returns to the slot it runs in.
    pub fn finish<R>(self, outcome: Result<R, Error>) -> Finished<R> {
        let backward = self.backward.into_inner().unwrap_or_else(PoisonError::into_inner);
        Finished { outcome, backward }
    }

    /// The IDL name of the service that was found; in an unknown-service handler, the name on the wire.
    #[must_use]
    pub fn service(&self) -> &str {
        self.names().0
    }

    /// The IDL name of the method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.names().1
    }

    /// The other end of the connection. `None` for a client on a Unix socket, and in process.
    #[must_use]
    pub fn peer(&self) -> Option<&Address> {
        self.link.peer()
    }

    /// Whom the other end of the connection has proved to be: over TLS, its certificates and what was agreed on. `None`
    /// over plain sockets, and in process.
    #[must_use]
    pub fn peer_identity(&self) -> Option<&PeerIdentity> {
        self.link.peer_identity().map(|identity| &**identity)
    }

    /// The caller's real address, where a proxy reported one. Over gRPC nobody does.
    #[must_use]
    pub fn remote_address(&self) -> Option<&str> {
        self.header()?.view().remote_address()
    }

    /// The caller's service name, where it told one.
    #[must_use]
    pub fn caller_service(&self) -> Option<&str> {
        match self.header() {
            Some(header) => header.view().caller_service(),
            None => self.told()?.caller_service.as_deref(),
        }
    }

    /// The method that the caller itself was handling, where it told one.
    #[must_use]
    pub fn caller_method(&self) -> Option<&str> {
        match self.header() {
            Some(header) => header.view().caller_method(),
            None => self.told()?.caller_method.as_deref(),
        }
    }

    /// How the request travelled; the reply goes the same way.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match &self.carrier {
            Carrier::Message { transport, .. } => (*transport).into(),
            Carrier::Stream { hub, .. } => hub.transport(),
        }
    }

    /// How arguments and result are encoded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The request's sequence id, to find it in a capture. A stream's is its id.
    #[must_use]
    pub fn sequence(&self) -> SequenceId {
        match &self.carrier {
            Carrier::Message { sequence, .. } => *sequence,
            Carrier::Stream { key, .. } => SequenceId(key.get()),
        }
    }

    /// The timeout that the caller works with, where it told one. It is the caller's whole time, not what is left. Streams
    /// over TTHeader never tell.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        match &self.carrier {
            Carrier::Message { header, .. } => header.view().timeout(),
            Carrier::Stream { hub, key, .. } => hub.lock().connection.incoming(*key)?.timeout(),
        }
    }

    /// How long the caller will still wait. `None` when there is no deadline: the caller told no timeout, or the server
    /// was not asked to [take deadlines from the header](crate::Server::deadline_from_header). Over gRPC the caller's
    /// timeout always counts.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_since(self.link.now()))
    }

    /// The metainfo that came with the call, after the hop rule: transient values can be read here, and go no further.
    /// Over gRPC keys come in upper case and with underscores, as `HELLO_WORLD`, however the caller wrote them.
    #[must_use]
    pub fn meta(&self) -> &MetaInfo {
        self.meta.get_or_init(|| {
            let mut meta = match &self.carrier {
                Carrier::Message { header, .. } => header.view().meta_info(),
                Carrier::Stream { hub, key, .. } => {
                    let state = hub.lock();
                    let incoming = state.connection.incoming(*key);
                    incoming.map(|call| call.meta_info()).unwrap_or_default()
                }
            };
            meta.forward();
            Box::new(meta)
        })
    }

    /// A metainfo value that travels along the whole chain of calls.
    #[must_use]
    pub fn persistent(&self, key: &str) -> Option<&str> {
        self.meta().persistent(key)
    }

    /// A metainfo value that our direct caller set for this call.
    #[must_use]
    pub fn transient(&self, key: &str) -> Option<&str> {
        self.meta().transient(key)
    }

    /// Sends a value back with the answer, whatever that will be. Transports without a TTHeader lose it; streams, and
    /// calls over gRPC, have [`Self::set_header`].
    pub fn set_backward(&self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        let mut backward = self.backward.lock().unwrap_or_else(PoisonError::into_inner);
        match backward.iter_mut().find(|(present, _)| *present == key) {
            Some((_, present)) => *present = value,
            None => backward.push((key, value)),
        }
    }

    /// Resolves when nobody waits for the answer any more: the caller is gone, or the deadline has passed. Stays pending
    /// otherwise.
    ///
    /// The handler is never stopped from outside; one that is expensive waits for this beside its work.
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled {
            call: self,
            place: Place::default(),
        }
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match &self.carrier {
            Carrier::Message { id, .. } => self.link.cancel_reason(*id).is_some(),
            Carrier::Stream { hub, key, .. } => hub.cancel_reason(*key).is_some(),
        }
    }

    /// Service and method on the wire, where no service was found.
    pub(crate) fn wire_names(&self) -> Option<Box<(String, String)>> {
        self.wire_names.clone()
    }

    /// What the halves of its streams share. `None` if the call came as a single message.
    pub(crate) fn stream(&self) -> Option<Arc<Stream>> {
        match &self.carrier {
            Carrier::Message { .. } => None,
            Carrier::Stream { hub, key, .. } => Some(hub.serve(*key)),
        }
    }

    /// What a stream to another server has to hang on to end with this call. `None` if the call came as a single message.
    pub(crate) fn tie(&self) -> Option<Arc<Tie>> {
        match &self.carrier {
            Carrier::Message { .. } => None,
            Carrier::Stream { hub, key, .. } => Some(hub.tie(*key)),
        }
    }

    /// The TTHeader or what stands for it, where the call came as a single message.
    const fn header(&self) -> Option<&CallHeader> {
        match &self.carrier {
            Carrier::Message { header, .. } => Some(header),
            Carrier::Stream { .. } => None,
        }
    }

    /// What the header of a stream tells.
    fn told(&self) -> Option<&Told> {
        let Carrier::Stream { hub, key, told } = &self.carrier else {
            return None;
        };
        Some(told.get_or_init(|| {
            let state = hub.lock();
            let incoming = state.connection.incoming(*key);
            Box::new(incoming.map_or_else(Told::default, |incoming| {
                let (service, method) = incoming.caller();
                Told {
                    metadata: incoming.metadata(),
                    caller_service: service.map(str::to_owned),
                    caller_method: method.map(str::to_owned),
                }
            }))
        }))
    }

    fn names(&self) -> (&str, &str) {
        match (&self.wire_names, self.target) {
            (Some(names), _) => (&names.0, &names.1),
            (None, target) => self.link.names(target),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("service", &self.service())
            .field("method", &self.method())
            .field("peer", &self.peer())
            .field("transport", &self.transport())
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

/// The future of [`Call::cancelled`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled<'a> {
    call: &'a Call,
    place: Place,
}

impl Future for Cancelled<'_> {
    type Output = CancelReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CancelReason> {
        let Self { call, place } = &mut *self;
        match &call.carrier {
            Carrier::Message { id, .. } => call.link.poll_cancelled(*id, place, cx),
            Carrier::Stream { hub, key, .. } => hub.poll_ended(*key, place, cx),
        }
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        if !self.place.is_taken() {
            return;
        }
        match &self.call.carrier {
            Carrier::Message { id, .. } => self.call.link.leave(*id, &self.place),
            Carrier::Stream { hub, key, .. } => hub.leave(*key, &self.place),
        }
    }
}
