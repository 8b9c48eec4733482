//! A call, as its handler sees it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use kitewire_proto::wire::{Codec, SequenceId, Transport};
use kitewire_proto::{CallHeader, CallId, CancelReason, Incoming, Instant, MetaInfo, Target};
use kitewire_runtime::Address;

use crate::Error;
use crate::server::Link;
use crate::service::Finished;

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
    id: CallId,
    target: Target,
    transport: Transport,
    codec: Codec,
    sequence: SequenceId,
    deadline: Option<Instant>,
    header: CallHeader,
    meta: OnceLock<Box<MetaInfo>>,
    /// Names on the wire, for calls that no service was found for.
    wire_names: Option<Box<(String, String)>>,
    backward: Mutex<Vec<(String, String)>>,
}

impl Call {
    pub(crate) fn new(link: &Arc<Link>, id: CallId, incoming: &Incoming<'_>) -> Self {
        let wire_names = match incoming.target {
            Target::Method(_) => None,
            Target::Unknown => Some(Box::new((
                incoming.service_name().to_owned(),
                incoming.method_name().to_owned(),
            ))),
        };
        Self {
            link: Arc::clone(link),
            id,
            target: incoming.target,
            transport: incoming.transport(),
            codec: incoming.codec(),
            sequence: incoming.sequence(),
            deadline: incoming.deadline,
            header: incoming.call_header(),
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

    /// The caller's real address, where a proxy reported one.
    #[must_use]
    pub fn remote_address(&self) -> Option<&str> {
        self.header.view().remote_address()
    }

    /// The caller's service name, where it told one.
    #[must_use]
    pub fn caller_service(&self) -> Option<&str> {
        self.header.view().caller_service()
    }

    /// The method that the caller itself was handling, where it told one.
    #[must_use]
    pub fn caller_method(&self) -> Option<&str> {
        self.header.view().caller_method()
    }

    /// How the request was framed; the reply goes the same way.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// How arguments and result are encoded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The request's sequence id, to find it in a capture.
    #[must_use]
    pub const fn sequence(&self) -> SequenceId {
        self.sequence
    }

    /// The timeout that the caller works with, where it told one. It is the caller's whole time, not what is left.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.header.view().timeout()
    }

    /// How long the caller will still wait. `None` when there is no deadline: the caller told no timeout, or the server
    /// was not asked to [take deadlines from the header](crate::Server::deadline_from_header).
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_since(self.link.now()))
    }

    /// The metainfo that came with the call, after the hop rule: transient values can be read here, and go no further.
    #[must_use]
    pub fn meta(&self) -> &MetaInfo {
        self.meta.get_or_init(|| {
            let mut meta = self.header.view().meta_info();
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

    /// Sends a value back with the answer, whatever that will be. Transports without a header lose it.
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
        Cancelled { call: self }
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.link.cancel_reason(self.id).is_some()
    }

    /// Service and method on the wire, where no service was found.
    pub(crate) fn wire_names(&self) -> Option<Box<(String, String)>> {
        self.wire_names.clone()
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
            .field("transport", &self.transport)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// The future of [`Call::cancelled`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled<'a> {
    call: &'a Call,
}

impl Future for Cancelled<'_> {
    type Output = CancelReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CancelReason> {
        self.call.link.poll_cancelled(self.call.id, cx)
    }
}
