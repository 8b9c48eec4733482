//! One connection under test, its application, and the peer that sends raw frames to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Connection, ErrorCode, Event, Finish, OpenError, Outcome, SendError, StreamId};
use kitewire_proto::{Demand, Instant, Transmit};

use crate::wire::{self, Frame, Reader};

/// What every request is answered with.
pub(crate) const BODY: &[u8] = b"kitewire";

/// How the peer's bytes reach the connection. The RFC's rules do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All that is sent up to the next [`Script::settle`] in one piece.
    AtOnce,
    /// Frame by frame, with a turn of the application behind each.
    ByFrame,
    /// Byte by byte, likewise.
    ByByte,
}

/// Which side is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// What the application does with its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    /// It reads all, and a server answers what has ended.
    Works,
    /// It reads all and answers nothing.
    Waits,
    /// It does not even read.
    Sleeps,
}

pub(crate) struct Script {
    pub(crate) role: Role,
    pub(crate) connection: Connection,
    /// What the connection has sent.
    pub(crate) frames: Vec<Frame>,
    /// What it has told its application.
    pub(crate) events: Vec<Event>,
    /// What the application has seen of each stream.
    pub(crate) streams: BTreeMap<u32, Seen>,
    /// Payload bytes of DATA sent to it, by stream.
    pub(crate) data_sent: BTreeMap<u32, usize>,
    /// What went wrong on the way.
    pub(crate) trouble: Vec<String>,
    delivery: Delivery,
    application: Application,
    pending: Vec<u8>,
    input: BytesMut,
    pub(crate) reader: Reader,
}

/// A stream, as its application sees it.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    id: Option<StreamId>,
    pub(crate) head: Option<Fields>,
    pub(crate) interims: Vec<u16>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<Fields>,
    /// The peer's direction is over.
    pub(crate) ended: bool,
    pub(crate) outcome: Option<Outcome>,
    answered: bool,
}

impl Script {
    pub(crate) fn new(role: Role, delivery: Delivery) -> Self {
        let config = Arc::new(Config::default());
        let (connection, reader) = match role {
            Role::Server => (Connection::server(config, NOW), Reader::of_server()),
            Role::Client => (Connection::client(config, NOW), Reader::of_client()),
        };
        Self {
            role,
            connection,
            frames: Vec::new(),
            events: Vec::new(),
            streams: BTreeMap::new(),
            data_sent: BTreeMap::new(),
            trouble: Vec::new(),
            delivery,
            application: Application::Works,
            pending: Vec::new(),
            input: BytesMut::new(),
            reader,
        }
    }

    /// Both sides' prefaces, each acknowledged (RFC 9113 §3.4).
    pub(crate) fn handshake(&mut self) {
        if self.role == Role::Server {
            self.raw(wire::PREFACE);
        }
        self.settings(&[(wire::INITIAL_WINDOW_SIZE, 65_535)]);
        self.settle();
        let first = self.frames.first();
        let announced = first.is_some_and(|frame| frame.kind == wire::SETTINGS && !frame.has(wire::ACK));
        self.check(announced, "SETTINGS come first");
        self.check(self.settings_acks() == 1, "the first SETTINGS are acknowledged");
        self.frame(wire::SETTINGS, wire::ACK, 0, &[]);
    }

    /// The application answers nothing until the case has been judged.
    pub(crate) fn hold_answers(&mut self) {
        self.application = Application::Waits;
    }

    /// The application reads nothing until the case has been judged.
    pub(crate) fn hold_reading(&mut self) {
        self.application = Application::Sleeps;
    }

    /// Ends [`Self::hold_answers`] and [`Self::hold_reading`].
    pub(crate) fn wake(&mut self) {
        self.application = Application::Works;
        let ids: Vec<u32> = self.streams.keys().copied().collect();
        for id in ids {
            self.serve(id);
        }
        self.drive();
    }

    /// Opens a request on a client under test.
    pub(crate) fn open(&mut self, method: &str, finish: Finish) -> u32 {
        let id = self.try_open(method, finish).expect("a stream is free");
        self.seen(id);
        self.drive();
        id.get()
    }

    pub(crate) fn try_open(&mut self, method: &str, finish: Finish) -> Result<StreamId, OpenError> {
        let head = Fields::request(method, "http", "127.0.0.1", "/");
        self.connection.open(NOW, &head, finish)
    }

    /// A connection with one request on it, of a client under test.
    pub(crate) fn ask(&mut self, method: &str, finish: Finish) -> u32 {
        self.handshake();
        self.settle();
        self.open(method, finish)
    }

    /// The same, with the head of its answer.
    pub(crate) fn ask_and_begin(&mut self, method: &str, finish: Finish) -> u32 {
        let id = self.ask(method, finish);
        self.headers(id, wire::NONE, &wire::block(&[(":status", "200")]));
        id
    }

    /// The application of a client sends a piece of its request.
    pub(crate) fn push(&mut self, id: u32, data: &[u8]) {
        let stream = self.streams.get(&id).and_then(|seen| seen.id);
        let sender = stream.and_then(|stream| self.connection.sender(stream).ok());
        let sent = sender.is_some_and(|mut sender| sender.push(data, Finish::Later).is_ok());
        self.check(sent, "the application can send");
        self.drive();
    }

    /// The application of a client gives a request up.
    pub(crate) fn cancel(&mut self, id: u32) {
        self.settle();
        let stream = self.streams.get(&id).and_then(|seen| seen.id);
        if let Some(Ok(mut sender)) = stream.map(|stream| self.connection.sender(stream)) {
            sender.cancel(ErrorCode::CANCEL);
        }
        self.drive();
    }

    pub(crate) fn settings(&mut self, values: &[(u16, u32)]) {
        self.frame(wire::SETTINGS, wire::NONE, 0, &wire::settings(values));
    }

    /// A whole field section in one frame.
    pub(crate) fn headers(&mut self, id: u32, flags: u8, block: &[u8]) {
        self.frame(wire::HEADERS, flags | wire::END_HEADERS, id, block);
    }

    /// A request without a body.
    pub(crate) fn get(&mut self, id: u32) {
        self.headers(id, wire::END, &wire::block(&wire::GET));
    }

    /// A request whose body is to follow.
    pub(crate) fn post(&mut self, id: u32) {
        self.headers(id, wire::NONE, &wire::block(&wire::POST));
    }

    /// The answer to a request of a client under test.
    pub(crate) fn respond(&mut self, id: u32) {
        self.headers(id, wire::NONE, &wire::block(&[(":status", "200")]));
        self.data(id, wire::END, BODY);
    }

    pub(crate) fn data(&mut self, id: u32, flags: u8, bytes: &[u8]) {
        self.frame(wire::DATA, flags, id, bytes);
    }

    pub(crate) fn priority(&mut self, id: u32, parent: u32, weight: u8) {
        self.frame(wire::PRIORITY, wire::NONE, id, &wire::priority(parent, weight));
    }

    pub(crate) fn rst_stream(&mut self, id: u32, code: u32) {
        self.frame(wire::RST_STREAM, wire::NONE, id, &code.to_be_bytes());
    }

    pub(crate) fn ping(&mut self, payload: &[u8; 8]) {
        self.frame(wire::PING, wire::NONE, 0, payload);
    }

    pub(crate) fn goaway(&mut self, last: u32, code: u32, debug: &[u8]) {
        self.frame(wire::GOAWAY, wire::NONE, 0, &wire::goaway(last, code, debug));
    }

    pub(crate) fn window_update(&mut self, id: u32, increment: u32) {
        self.frame(wire::WINDOW_UPDATE, wire::NONE, id, &increment.to_be_bytes());
    }

    pub(crate) fn continuation(&mut self, id: u32, flags: u8, fragment: &[u8]) {
        self.frame(wire::CONTINUATION, flags, id, fragment);
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        if kind == wire::DATA {
            *self.data_sent.entry(id).or_default() += payload.len();
        }
        self.raw(&wire::frame(kind, flags, id, payload));
    }

    /// Any bytes, delivered as one frame is.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        match self.delivery {
            Delivery::AtOnce => self.pending.extend(bytes),
            Delivery::ByFrame => self.deliver(bytes),
            Delivery::ByByte => {
                // Large payloads in larger pieces, for the sake of time.
                let size = if bytes.len() > 2048 { 257 } else { 1 };
                bytes.chunks(size).for_each(|piece| self.deliver(piece));
            }
        }
    }

    /// What was sent so far arrives, and the application has its turn.
    pub(crate) fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.deliver(&pending);
    }

    fn deliver(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(NOW, &mut self.input);
        self.drive();
    }

    /// Events, output and left-over input, until there is nothing more to do.
    fn drive(&mut self) {
        let mut out = Transmit::new();
        let mut moved = true;
        while moved {
            moved = false;
            while let Some(event) = self.connection.poll_event() {
                self.hear(&event);
                self.events.push(event);
                moved = true;
            }
            while self.connection.poll_transmit(NOW, &mut out) {
                self.reader.push(&out.to_vec());
                out.advance(out.len());
                moved = true;
            }
            self.frames.extend(std::iter::from_fn(|| self.reader.pull()));
            if self.connection.read_demand() == Demand::Receive {
                self.connection.receive(NOW, &mut self.input);
                moved = true;
            }
        }
    }

    /// The application.
    fn hear(&mut self, event: &Event) {
        match event {
            Event::Opened { id } | Event::Answered { id } => {
                let head = self.connection.head(*id).cloned();
                self.seen(*id).head = head;
                self.serve(id.get());
            }
            Event::Interim { id, head } => {
                let status = head.status();
                self.seen(*id).interims.push(status);
            }
            Event::Readable { id } => self.serve(id.get()),
            Event::Ended { id, outcome } => {
                self.read(*id);
                self.seen(*id).outcome = Some(outcome.clone());
                self.connection.release(*id);
            }
            _ => {}
        }
    }

    fn seen(&mut self, id: StreamId) -> &mut Seen {
        let seen = self.streams.entry(id.get()).or_default();
        seen.id = Some(id);
        seen
    }

    /// Reads what there is of a stream and, on a server, answers what has ended.
    fn serve(&mut self, id: u32) {
        let Some(stream) = self.streams.get(&id).and_then(|seen| seen.id) else {
            return;
        };
        self.read(stream);
        let Some(seen) = self.streams.get_mut(&id) else { return };
        if self.role == Role::Client || self.application != Application::Works || !seen.ended || seen.answered {
            return;
        }
        let Ok(mut sender) = self.connection.sender(stream) else {
            return;
        };
        seen.answered = true;
        let mut head = Fields::response(200);
        head.push("content-type", "text/plain");
        let is_head = seen.head.as_ref().is_some_and(|head| head.method() == b"HEAD");
        let sent = match is_head {
            true => sender.respond(&head, Finish::Now),
            false => sender
                .respond(&head, Finish::Later)
                .and_then(|()| sender.push(BODY, Finish::Now)),
        };
        // The peer may have broken the connection before this answer.
        if let Err(error) = sent
            && error != SendError::Closed
        {
            self.trouble.push(format!("stream {id} cannot be answered: {error}"));
        }
    }

    fn read(&mut self, id: StreamId) {
        if self.application == Application::Sleeps {
            return;
        }
        let seen = self.streams.entry(id.get()).or_default();
        let Ok(mut receiver) = self.connection.receiver(id) else {
            return;
        };
        while !receiver.chunk().is_empty() {
            seen.body.extend(receiver.chunk());
            let len = receiver.chunk().len();
            receiver.consume(len);
        }
        seen.ended = receiver.is_ended();
        seen.trailers = self.connection.trailers(id).cloned();
    }
}

/// Time stands still.
const NOW: Instant = Instant::ZERO;
