//! What a client does with calls.

use super::{Connection, Inner, OpenError, Outcome, Request, SendError};
use crate::dispatch::MethodKind;
use crate::http2::Role;
use crate::pingpong::{CallId, EncodeBody};
use crate::time::Instant;

impl Connection {
    /// Client: opens a call of a method that takes a single request, and sends that.
    ///
    /// A oneway call is over at once: [`Event::Ended`](super::Event::Ended) comes when its bytes are on their way.
    ///
    /// # Errors
    /// Why no call was opened. Of a message that cannot be sent over a stream the peer may see a call that is taken back
    /// at once; nothing else was sent.
    pub fn call(&mut self, now: Instant, request: &Request<'_>, message: &dyn EncodeBody) -> Result<CallId, OpenError> {
        let kind = request.info()?.kind;
        if !kind.has_single_request() {
            return Err(OpenError::WrongKind(kind));
        }
        if let Inner::PingPongClient(client) = &mut self.inner {
            return match kind.is_streaming() {
                true => Err(OpenError::NotCarried(kind)),
                false => client.call(request, kind, message, &mut self.events),
            };
        }
        let id = self.open_stream(now, request, kind)?;
        if let Err(error) = self.send(now, id, message) {
            self.release(now, id);
            return Err(OpenError::Message(error));
        }
        // It has just been opened, and nothing was said but this.
        let _ = self.close_send(id);
        Ok(id)
    }

    /// Client: opens a call of a method that takes a stream of requests. They go with [`Self::send`], and
    /// [`Self::close_send`] says that there are no more.
    ///
    /// # Errors
    /// Why no call was opened. Nothing of it was sent.
    pub fn open(&mut self, now: Instant, request: &Request<'_>) -> Result<CallId, OpenError> {
        let kind = request.info()?.kind;
        if kind.has_single_request() {
            return Err(OpenError::WrongKind(kind));
        }
        self.open_stream(now, request, kind)
    }

    /// Client: says that no more will be sent.
    ///
    /// # Errors
    /// That was said before, or the call is over.
    pub fn close_send(&mut self, id: CallId) -> Result<(), SendError> {
        match &mut self.inner {
            Inner::Grpc(connection) => {
                let mut sender = connection.sender(id.grpc()).map_err(|_| SendError::Over)?;
                sender.finish().map_err(SendError::of_grpc)
            }
            Inner::TtHeader(connection) => {
                let mut sender = connection.sender(id.tt_header()).map_err(|_| SendError::Over)?;
                sender.finish().map_err(SendError::of_tt_header)
            }
            Inner::PingPong(_) | Inner::PingPongClient(_) | Inner::Http1(_) => Err(SendError::Finished),
        }
    }

    /// Client: how a call ended, once [`Event::Ended`](super::Event::Ended) was told, until it is released.
    #[must_use]
    pub fn outcome(&self, id: CallId) -> Option<Outcome> {
        match &self.inner {
            Inner::PingPongClient(client) => client.outcome(id),
            Inner::Grpc(connection) => connection.outcome(id.grpc()).map(Outcome::of_grpc),
            Inner::TtHeader(connection) => connection.outcome(id.tt_header()).map(Outcome::of_tt_header),
            Inner::PingPong(_) | Inner::Http1(_) => None,
        }
    }

    fn open_stream(&mut self, now: Instant, request: &Request<'_>, kind: MethodKind) -> Result<CallId, OpenError> {
        match &mut self.inner {
            Inner::Grpc(connection) => match connection.open(now, &request.grpc(kind)) {
                Ok(id) => Ok(id.into()),
                Err(error) => Err(OpenError::of_grpc(&error)),
            },
            Inner::TtHeader(connection) if connection.role() == Role::Server => Err(OpenError::NotClient),
            Inner::TtHeader(_) if !kind.is_streaming() => Err(OpenError::NotCarried(kind)),
            Inner::TtHeader(connection) => match connection.open(now, &request.tt_header(kind)) {
                Ok(id) => Ok(id.into()),
                Err(error) => Err(OpenError::of_tt_header(&error)),
            },
            Inner::PingPongClient(_) => Err(OpenError::NotCarried(kind)),
            Inner::PingPong(_) | Inner::Http1(_) => Err(OpenError::NotClient),
        }
    }
}
