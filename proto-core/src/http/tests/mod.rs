//! Plain requests over both versions, through the public verbs.

mod both;
mod http2;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{Fields, RequestId, RequestLimits, RespondError, Response, ServerConnection, ServerEvent};
use crate::http2::{Config, Connection, Event, Finish, Outcome, Pull, StreamId};
use crate::{CloseReason, Demand, Instant, Transmit, http1};

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A client of the HTTP/2 engine and a server that it talks to, in memory.
struct Pair {
    now: Instant,
    client: Connection,
    server: ServerConnection,
    to_client: BytesMut,
    to_server: BytesMut,
    seen: Vec<Event>,
}

impl Pair {
    fn new() -> Self {
        Self::with(Config::default(), RequestLimits::default())
    }

    fn with(config: Config, requests: RequestLimits) -> Self {
        let mut pair = Self {
            now: Instant::ZERO,
            client: Connection::client(Arc::new(Config::default()), Instant::ZERO),
            server: ServerConnection::http2(Arc::new(config), requests, Instant::ZERO),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            seen: Vec::new(),
        };
        pair.carry();
        pair
    }

    /// Carries bytes in both directions until both sides have nothing more to say.
    fn carry(&mut self) {
        let mut out = Transmit::new();
        loop {
            let mut moved = false;
            while self.client.poll_transmit(self.now, &mut out) {
                self.to_server.extend_from_slice(&out.to_vec());
                out.advance(usize::MAX);
                moved = true;
            }
            if !self.to_server.is_empty() && self.server.read_demand() != Demand::Pause {
                self.server.receive(self.now, &mut self.to_server);
            }
            while self.server.poll_transmit(self.now, &mut out) {
                self.to_client.extend_from_slice(&out.to_vec());
                out.advance(usize::MAX);
                moved = true;
            }
            self.client.receive(self.now, &mut self.to_client);
            while let Some(event) = self.client.poll_event() {
                self.seen.push(event);
            }
            if !moved {
                return;
            }
        }
    }

    fn open(&mut self, head: &Fields, finish: Finish) -> StreamId {
        self.client.open(self.now, head, finish).unwrap()
    }

    /// Sends a whole request.
    fn send(&mut self, head: &Fields, body: &[u8]) -> StreamId {
        let id = self.open(head, Finish::Later);
        self.client.sender(id).unwrap().push(body, Finish::Now).unwrap();
        self.carry();
        id
    }

    fn events(&mut self) -> Vec<ServerEvent> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// The requests that have just become whole; other events are not expected.
    fn all_opened(&mut self) -> Vec<RequestId> {
        self.events()
            .into_iter()
            .map(|event| match event {
                ServerEvent::Request { id } => id,
                other => panic!("unexpected {other:?}"),
            })
            .collect()
    }

    /// The only one.
    fn opened(&mut self) -> RequestId {
        let ids = self.all_opened();
        assert_eq!(ids.len(), 1);
        ids[0]
    }

    fn respond(&mut self, id: RequestId, response: &Response) {
        self.server.respond(self.now, id, response).unwrap();
        self.carry();
    }

    /// The head and the body so far of an answer, read as it comes.
    fn answer(&mut self, id: StreamId) -> (Fields, Vec<u8>) {
        let mut body = Vec::new();
        loop {
            match self.client.receiver(id).unwrap().pull() {
                Pull::Data(bytes) => body.extend_from_slice(&bytes),
                Pull::Empty | Pull::Reset | Pull::End => {
                    let before = body.len();
                    self.carry();
                    if self.client.receiver(id).unwrap().unread() == 0 && before == body.len() {
                        return (self.client.head(id).cloned().unwrap_or_default(), body);
                    }
                }
            }
        }
    }

    fn outcome(&self, stream: StreamId) -> Option<Outcome> {
        self.seen.iter().find_map(|event| match event {
            Event::Ended { id, outcome } if *id == stream => Some(outcome.clone()),
            _ => None,
        })
    }
}

fn get(path: &str) -> Fields {
    Fields::request("GET", "http", "a", path)
}

fn post() -> Fields {
    Fields::request("POST", "http", "a", "/")
}
