//! What a server is told about a service.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use kitewire_proto::dispatch::ServiceRole;

use super::{Method, RawBody, Service, bidirectional, method};
use crate::{Call, Code, Error, Receiver, Sender};

/// Where a service's handlers run first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dispatch {
    /// In the task of their connection. A handler that has to wait moves to a task of its own when others of the
    /// connection may run beside it. So one that does not wait costs no task, no queue and no allocation.
    #[default]
    InPlace,
    /// In a task of their own from the start: for handlers that compute long before they first wait, and would hold up
    /// their connection.
    Spawn,
}

/// A service on its way into a server: with its role, and how its handlers run.
///
/// Anything that is a [`Service`] turns into one, so most code never names this type.
pub struct Registration {
    pub(crate) service: Box<dyn Service>,
    pub(crate) role: ServiceRole,
    pub(crate) dispatch: Dispatch,
}

impl Registration {
    /// An ordinary registration of `service`.
    pub fn new(service: impl Service) -> Self {
        Self {
            service: Box::new(service),
            role: ServiceRole::Ordinary,
            dispatch: Dispatch::InPlace,
        }
    }

    /// Makes it the service that is preferred for requests without a service name. A server has at most one.
    #[must_use]
    pub const fn fallback(mut self) -> Self {
        self.role = ServiceRole::Fallback;
        self
    }

    /// Makes it a service that is found by its own name alone, never by the name of a method: for services that stand
    /// beside others, whose methods may have the same names, such as health checks. Calls of transports that name no
    /// service do not reach it.
    #[must_use]
    pub const fn named(mut self) -> Self {
        self.role = ServiceRole::Named;
        self
    }

    /// Sets where its handlers run first.
    #[must_use]
    pub const fn dispatch(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = dispatch;
        self
    }
}

impl<S: Service> From<S> for Registration {
    fn from(service: S) -> Self {
        Self::new(service)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("service", &self.service.info().name)
            .field("role", &self.role)
            .field("dispatch", &self.dispatch)
            .finish()
    }
}

/// Answers requests whose service or method nobody registered.
///
/// [`Call::service`] and [`Call::method`] are the names on the wire; `body` is what [`RawBody`] describes, in the codec
/// that [`Call::codec`] tells.
///
/// ```
/// use kitewire::bytes::Bytes;
/// use kitewire::{Call, Error, UnknownHandler};
///
/// struct Forward;
///
/// impl UnknownHandler for Forward {
///     async fn handle(&self, call: &Call, body: Bytes) -> Result<Bytes, Error> {
///         Err(Error::new(format!("no {} here, and {} bytes for it", call.method(), body.len())))
///     }
/// }
/// ```
pub trait UnknownHandler: Send + Sync + 'static {
    /// Handles one request.
    fn handle(&self, call: &Call, body: Bytes) -> impl Future<Output = Result<Bytes, Error>> + Send;

    /// Handles one call over gRPC, or one stream over TTHeader, of which nobody knows how many messages flow either way. As
    /// given, it takes one message, hands it to [`Self::handle`], and sends the answer: right for unary methods over gRPC.
    fn handle_stream(
        &self,
        call: &Call,
        mut messages: Receiver<Bytes>,
        mut out: Sender<Bytes>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            let Some(body) = messages.recv().await? else {
                return Err(Error::status(Code::INTERNAL, "a request without a message"));
            };
            let answer = self.handle(call, body).await?;
            out.send(answer).await
        }
    }
}

/// The methods that an [`UnknownHandler`] makes.
pub(crate) struct Unknown {
    pub(crate) single: Box<dyn Method>,
    pub(crate) stream: Box<dyn Method>,
}

impl Unknown {
    pub(crate) fn new<H: UnknownHandler>(handler: H) -> Self {
        let handler = Arc::new(handler);
        let single = method(&handler, |handler, call, body: RawBody| async move {
            let outcome = handler.handle(&call, body.0).await;
            call.finish(outcome.map(RawBody))
        });
        let stream = bidirectional::<_, RawBody, RawBody, _, _>(&handler, |handler, call, messages, out| async move {
            let outcome = handler.handle_stream(&call, messages, out).await;
            call.finish(outcome)
        });
        Self { single, stream }
    }
}
