//! From the events of an HTTP/1 connection to handlers and back, without a socket.

use std::ops::DerefMut;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use http::Version;
use kitewire_proto::http::{RequestId, RespondError, Response, ServerConnection, ServerEvent};
use kitewire_proto::record::Recorder;
use kitewire_proto::{CloseReason, Instant, Shutdown};

use super::convert;
use super::requests::{Requests, Source, lingers};
use super::task::Background;
use crate::server::engine::{Budget, Engine, Load, Spawn};
use crate::server::link::Link;
use crate::server::shared::{Notice, Stop};

/// An HTTP/1 connection and the handlers of its requests.
pub(crate) struct HttpServing {
    connection: ServerConnection,
    link: Arc<Link>,
    requests: Requests,
    /// Why the connection is over.
    closed: Option<CloseReason>,
}

impl HttpServing {
    /// `None` if the server answers no plain requests.
    pub(crate) fn new(link: &Arc<Link>, now: Instant) -> Option<Self> {
        let plain = link.server().plain.as_ref()?;
        let config = match link.peer_identity() {
            Some(_) => &plain.secured_http1,
            None => &plain.http1,
        };
        Some(Self {
            connection: ServerConnection::http1(Arc::clone(config), now),
            link: Arc::clone(link),
            requests: Requests::new(Version::HTTP_11, link),
            closed: None,
        })
    }
}

impl Source for ServerConnection {
    fn request(&self, id: RequestId, version: Version) -> Option<Result<http::Request<Bytes>, &'static str>> {
        Some(convert::request(&self.request(id)?, version))
    }

    fn respond(&mut self, now: Instant, id: RequestId, response: &Response) -> Result<(), RespondError> {
        self.respond(now, id, response)
    }

    fn shut_down(&mut self, now: Instant) {
        self.shutdown(now, Shutdown::Immediate);
    }
}

impl Engine for HttpServing {
    type Background = Background;
    type Machine = ServerConnection;

    #[inline]
    fn machine(&mut self) -> impl DerefMut<Target = ServerConnection> {
        &mut self.connection
    }

    fn record(&mut self, recorder: Recorder) {
        self.connection.record(recorder);
    }

    fn recorded(&mut self, take: fn(&mut Recorder) -> Vec<u8>) -> Vec<u8> {
        self.connection.recorder().map(take).unwrap_or_default()
    }

    fn collect(&mut self, now: Instant) {
        self.requests.collect(&mut self.connection, now);
    }

    fn resume(&mut self, _now: Instant, _cx: &mut Context<'_>) {}

    fn handle_events(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        budget: &mut Budget,
        spawn: Option<Spawn<'_, Background>>,
    ) {
        while !budget.is_spent() {
            let Some(event) = self.connection.poll_event() else {
                return self.requests.settle_events();
            };
            let ServerEvent::Closed { reason } = event else {
                self.requests
                    .handle(&mut self.connection, now, cx, budget, &event, spawn);
                continue;
            };
            let (server, peer) = (self.link.server(), self.link.peer());
            server.notice(&Notice::Closed { peer, reason: &reason });
            if reason == CloseReason::Shutdown && server.stop_state() != Stop::Serving {
                server.count_cut_off(self.requests.cancelled());
            }
            self.closed = Some(reason);
        }
    }

    fn load(&self) -> Load {
        Load {
            calls: self.connection.open_requests(),
            memory: self.connection.usage(),
            withheld: 0,
        }
    }

    fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    fn lingers(&self) -> bool {
        lingers(self.closed.as_ref(), &self.link)
    }

    fn rest(&mut self) {}

    fn release_memory(&mut self) {
        self.requests.release_memory();
        self.connection.release_memory();
    }

    /// Handlers are dropped, by their own tasks.
    fn abandon(&mut self, _spawn: Option<Spawn<'_, Background>>) {
        self.link.close();
        self.requests.abandon();
    }
}
