//! Our connection with an application that reads, answers and notes what happens.

use std::collections::BTreeMap;
use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Connection, ErrorCode, Event, Finish, Outcome, Pull, SendError, StreamId};
use kitewire_proto::{CloseReason, Demand, Disconnect, Instant, Transmit};

/// Our side of a connection.
#[derive(Debug)]
pub struct Endpoint {
    /// The connection itself.
    pub connection: Connection,
    /// Its clock.
    pub now: Instant,
    /// What happened so far.
    pub log: Log,
    /// Whether bodies are read as they come.
    pub reading: Reading,
    /// What requests are answered with; without it they wait for the script.
    pub service: Option<Service>,
    outgoing: BTreeMap<StreamId, Outgoing>,
    input: BytesMut,
    out: Transmit,
    read_ended: bool,
}

/// What happened on a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Every stream there was.
    pub streams: BTreeMap<StreamId, Exchange>,
    /// Requests that were refused before they became streams, and why.
    pub rejected: BTreeMap<StreamId, (ErrorCode, &'static str)>,
    /// The last stream id of each GOAWAY that came.
    pub draining: Vec<StreamId>,
    /// Answers to our pings.
    pub pongs: Vec<[u8; 8]>,
    /// How often streams became available again.
    pub available: usize,
    /// How the connection ended.
    pub closed: Option<CloseReason>,
}

/// What happened on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Responses with a status of 1xx.
    pub interim: Vec<Fields>,
    /// The request on a server, the final response on a client.
    pub head: Option<Fields>,
    /// The body as far as it was read.
    pub body: Vec<u8>,
    /// What came after the body.
    pub trailers: Option<Fields>,
    /// The body was read to its end.
    pub whole: bool,
    /// How the stream ended.
    pub outcome: Option<Outcome>,
}

/// When bodies are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As they come; streams are released when they are over.
    Eager,
    /// When the script says so.
    ByHand,
}

/// Answers a whole request.
pub type Service = fn(&Exchange) -> Reply;

/// A message to send.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The head; a message that has its head already has none.
    pub head: Fields,
    /// The body.
    pub body: Bytes,
    /// What is sent after it.
    pub trailers: Option<Fields>,
}

/// What is still to be sent on a stream.
#[derive(Debug)]
struct Outgoing {
    rest: Bytes,
    trailers: Option<Fields>,
}

impl Endpoint {
    /// A connection at the beginning of time.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            now: Instant::ZERO,
            log: Log::default(),
            reading: Reading::Eager,
            service: None,
            outgoing: BTreeMap::new(),
            input: BytesMut::new(),
            out: Transmit::new(),
            read_ended: false,
        }
    }

    /// Opens a stream and sends a message on it.
    ///
    /// # Panics
    /// If no stream can be opened.
    #[track_caller]
    pub fn request(&mut self, message: Reply) -> StreamId {
        let opened = if message.is_bare() {
            self.connection.open(self.now, &message.head, Finish::Now)
        } else {
            self.connection.open(self.now, &message.head, Finish::Later)
        };
        let id = opened.expect("a stream can be opened");
        self.log.streams.insert(id, Exchange::default());
        if !message.is_bare() {
            self.send(id, message.body, message.trailers);
        }
        id
    }

    /// Answers a request.
    ///
    /// # Panics
    /// If the connection refuses the answer.
    #[track_caller]
    pub fn respond(&mut self, id: StreamId, reply: Reply) {
        let finish = if reply.is_bare() { Finish::Now } else { Finish::Later };
        let mut sender = self.connection.sender(id).expect("the stream is open");
        sender.respond(&reply.head, finish).expect("the answer goes out");
        if finish == Finish::Later {
            self.send(id, reply.body, reply.trailers);
        }
    }

    /// Sends a body as far as it goes, and the rest as there is room.
    pub fn send(&mut self, id: StreamId, rest: Bytes, trailers: Option<Fields>) {
        self.outgoing.insert(id, Outgoing { rest, trailers });
        self.pump(id);
    }

    /// Hands bytes to the connection.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(self.now, &mut self.input);
        self.work();
    }

    /// Whether the connection wants to read.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(self.connection.read_demand(), Demand::Read)
    }

    /// Tells the connection, once, that the other side has ended.
    pub fn read_end(&mut self) -> bool {
        if self.read_ended {
            return false;
        }
        self.read_ended = true;
        self.connection.handle_disconnect(self.now, Disconnect::ReadEnd);
        self.work();
        true
    }

    /// Bytes that wait for the other side.
    #[must_use]
    pub fn unsent(&mut self) -> usize {
        self.connection.poll_transmit(self.now, &mut self.out);
        self.out.len()
    }

    /// Takes the next bytes for the other side.
    #[must_use]
    pub fn transmit(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length && !self.out.is_empty() {
            let mut slices = [IoSlice::new(&[]); 4];
            let used = self.out.slices(&mut slices);
            let before = bytes.len();
            for slice in slices.iter().take(used) {
                let rest = length - bytes.len();
                bytes.extend_from_slice(slice.get(..rest).unwrap_or(slice));
            }
            self.out.advance(bytes.len() - before);
        }
        bytes
    }

    /// Sees to everything that has happened.
    ///
    /// # Panics
    /// If the events are not what the connection promises.
    pub fn work(&mut self) {
        loop {
            while let Some(event) = self.connection.poll_event() {
                assert_eq!(self.log.closed, None, "{event:?} after the end");
                self.handle(event);
            }
            if self.connection.read_demand() != Demand::Receive {
                break;
            }
            self.connection.receive(self.now, &mut self.input);
        }
    }

    /// Reads what is there of a body.
    ///
    /// # Panics
    /// If the stream is unknown.
    pub fn read(&mut self, id: StreamId) {
        let slices = id.get() % 4 == 1;
        let Ok(mut receiver) = self.connection.receiver(id) else {
            return;
        };
        let exchange = self.log.streams.get_mut(&id).expect("a stream that was opened");
        while slices && !receiver.chunk().is_empty() {
            let length = receiver.chunk().len().min(SLICE);
            exchange.body.extend_from_slice(&receiver.chunk()[..length]);
            receiver.consume(length);
        }
        let over = loop {
            match receiver.pull() {
                Pull::Data(data) => exchange.body.extend_from_slice(&data),
                Pull::End => break true,
                _ => break false,
            }
        };
        if over && !exchange.whole {
            exchange.whole = true;
            exchange.trailers = self.connection.trailers(id).cloned();
            if let Some(service) = self.service {
                let reply = service(exchange);
                self.respond(id, reply);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Opened { id } => {
                let known = self.log.streams.insert(id, Exchange::default());
                assert_eq!(known, None, "stream {id} opens twice");
                self.note_head(id);
            }
            Event::Rejected { id, code, text } => {
                let known = self.log.rejected.insert(id, (code, text));
                assert!(
                    known.is_none() && !self.log.streams.contains_key(&id),
                    "stream {id} is known"
                );
            }
            Event::Answered { id } => self.note_head(id),
            Event::Interim { id, head } => self.exchange(id).interim.push(*head),
            Event::Readable { id } if self.reading == Reading::Eager => self.read(id),
            Event::Writable { id } => self.pump(id),
            Event::Ended { id, outcome } => {
                self.exchange(id).outcome = Some(outcome);
                self.outgoing.remove(&id);
                if self.reading == Reading::Eager {
                    self.read(id);
                    self.connection.release(id);
                }
            }
            Event::Available => self.log.available += 1,
            Event::Pong { payload } => self.log.pongs.push(payload),
            Event::Draining { last } => self.log.draining.push(last),
            Event::Closed { reason } => {
                let open = self.log.streams.values().filter(|exchange| exchange.outcome.is_none());
                assert_eq!(open.count(), 0, "closed with open streams");
                self.log.closed = Some(reason);
            }
            _ => {}
        }
    }

    fn note_head(&mut self, id: StreamId) {
        let head = self.connection.head(id).cloned();
        let exchange = self.exchange(id);
        assert!(exchange.head.is_none(), "stream {id} has two heads");
        assert!(head.is_some(), "stream {id} has no head");
        exchange.head = head;
    }

    /// The stream of an event, which must not be over.
    fn exchange(&mut self, id: StreamId) -> &mut Exchange {
        let exchange = self
            .log
            .streams
            .get_mut(&id)
            .expect("an event of a stream that was opened");
        assert_eq!(exchange.outcome, None, "stream {id} is over");
        exchange
    }

    fn pump(&mut self, id: StreamId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        let Ok(mut sender) = self.connection.sender(id) else {
            return;
        };
        while !outgoing.rest.is_empty() {
            let piece = outgoing.rest.slice(..outgoing.rest.len().min(PIECE));
            let pushed = if id.get() % 4 == 1 {
                sender.push_bytes(&piece, Finish::Later)
            } else {
                sender.push(&piece, Finish::Later)
            };
            match pushed {
                Ok(()) => drop(outgoing.rest.split_to(piece.len())),
                Err(SendError::Full) => return,
                Err(_) => break,
            }
        }
        // A stream that was reset takes nothing more.
        let _ = match &outgoing.trailers {
            Some(trailers) => sender.finish_with(trailers),
            None => sender.finish(),
        };
        self.outgoing.remove(&id);
    }
}

impl Reply {
    /// A message of a head and a body.
    #[must_use]
    pub fn new(head: Fields, body: impl Into<Bytes>) -> Self {
        Self {
            head,
            body: body.into(),
            trailers: None,
        }
    }

    /// The same message with trailers.
    #[must_use]
    pub fn with_trailers(mut self, trailers: Fields) -> Self {
        self.trailers = Some(trailers);
        self
    }

    fn is_bare(&self) -> bool {
        self.body.is_empty() && self.trailers.is_none()
    }
}

/// Bytes of a body that go into one message.
const PIECE: usize = 10_000;
/// Bytes of a chunk that are consumed at once.
const SLICE: usize = 700;
