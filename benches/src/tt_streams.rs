//! Both ends of a connection with streams over TTHeader, in memory: each gives back every message that it gets, so that
//! messages go to and fro for ever. No socket, no clock, no runtime.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::thrift::{Reader, Struct, Text};
use kitewire_proto::ttstream::{Config, Connection, Event, Pull, Request, StreamId, Strings};
use kitewire_proto::wire::Codec;
use kitewire_proto::{EncodeBody, Instant, Output, Switch, Transmit};

use crate::Failure;
use crate::lines::Line;

/// What goes to and fro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Open streams.
    pub streams: usize,
    /// Messages on each.
    pub depth: usize,
    /// Bytes of text in each message.
    pub payload: usize,
    /// What is done with a message.
    pub handling: Handling,
    /// Whether credit is negotiated.
    pub flow_control: Switch,
}

/// What an end does with a message before it goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// It is decoded, and encoded again.
    Thrift,
    /// Its bytes are copied out and in.
    Opaque,
}

/// Both ends.
#[derive(Debug)]
pub struct Pair {
    server: End,
    client: End,
    traffic: Traffic,
}

/// What is done at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Take in what came, and give back each message.
    Handle,
    /// Ask for what there is to send.
    Transmit,
    /// Say that it was sent.
    Sent,
}

/// Does a step at an end. Whoever measures an end wraps [`End::step`] into a function that can be told apart.
pub type Walk = fn(&mut End, Step) -> bool;

impl Pair {
    /// A connection whose streams are open and have messages on their way.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn new(traffic: Traffic) -> Result<Self, Failure> {
        let config = || {
            let mut config = Config::default();
            config.flow_control = traffic.flow_control;
            Arc::new(config)
        };
        let mut table = Services::builder();
        table.add(
            ServiceInfo::new("", "Lines", Codec::Thrift, &METHODS),
            ServiceRole::Ordinary,
        );
        let services = Arc::new(table.build()?);
        let mut pair = Self {
            server: End::new(Connection::server(services, config(), NOW), traffic.handling),
            client: End::new(Connection::client(config(), NOW), traffic.handling),
            traffic,
        };
        let line = Line {
            text: Text::from("x".repeat(traffic.payload)),
        };
        for _ in 0..traffic.streams {
            let id = pair.client.open()?;
            for _ in 0..traffic.depth {
                pair.client
                    .connection
                    .sender(id)?
                    .send(&line)
                    .map_err(|error| format!("{error:?}"))?;
            }
            // Who has found nothing is told when there is something.
            pair.client.give_back(id);
        }
        carry(&mut pair.client, &mut pair.server, End::step);
        // Buffers grow to what they stay, and limits have been raised more than once.
        pair.rounds(WARM_UP, End::step, End::step)?;
        Ok(pair)
    }

    /// Lets all messages go to the server's end and come back so many times.
    ///
    /// # Errors
    /// When one is lost.
    pub fn rounds(&mut self, rounds: u64, server: Walk, client: Walk) -> Result<(), Failure> {
        let messages = rounds * (self.traffic.streams * self.traffic.depth) as u64;
        let before = (self.server.handled, self.client.handled);
        for _ in 0..rounds {
            server(&mut self.server, Step::Handle);
            carry(&mut self.server, &mut self.client, server);
            client(&mut self.client, Step::Handle);
            carry(&mut self.client, &mut self.server, client);
        }
        let handled = (self.server.handled - before.0, self.client.handled - before.1);
        if handled == (messages, messages) {
            Ok(())
        } else {
            Err(format!("{handled:?} of {messages} messages were given back").into())
        }
    }
}

/// One end.
#[derive(Debug)]
pub struct End {
    connection: Connection,
    input: BytesMut,
    out: Transmit,
    handling: Handling,
    /// An opaque message on its way from receiver to sender.
    message: Vec<u8>,
    handled: u64,
}

impl End {
    fn new(connection: Connection, handling: Handling) -> Self {
        Self {
            connection,
            input: BytesMut::with_capacity(BUFFER),
            out: Transmit::new(),
            handling,
            message: Vec::new(),
            handled: 0,
        }
    }

    /// Does a step; false when there is nothing to send.
    pub fn step(&mut self, step: Step) -> bool {
        match step {
            Step::Handle => {
                self.connection.receive(NOW, &mut self.input);
                while let Some(event) = self.connection.poll_event() {
                    match event {
                        Event::Opened { id } => self.answer(id),
                        Event::Readable { id } => self.give_back(id),
                        _ => {}
                    }
                }
                true
            }
            Step::Transmit => {
                let is_any = self.connection.poll_transmit(NOW, &mut self.out);
                if !is_any {
                    black_box(self.connection.poll_timeout());
                }
                is_any
            }
            Step::Sent => {
                self.out.advance(self.out.len());
                true
            }
        }
    }

    fn open(&mut self) -> Result<StreamId, Failure> {
        let request = Request::new("Lines", "talk", MethodKind::BidirectionalStreaming);
        self.connection
            .open(NOW, &request)
            .map_err(|error| format!("{error:?}").into())
    }

    fn answer(&mut self, id: StreamId) {
        if let Ok(mut sender) = self.connection.sender(id) {
            let _ = sender.send_header(&Strings::new());
        }
        self.give_back(id);
    }

    /// As a task does it: takes one message after the other, and sends each before it takes the next.
    fn give_back(&mut self, id: StreamId) {
        while self.pass_on(id).is_some() {
            self.handled += 1;
        }
    }

    fn pass_on(&mut self, id: StreamId) -> Option<()> {
        match self.handling {
            Handling::Thrift => {
                let Pull::Message(message) = self.connection.receiver(id).ok()?.pull() else {
                    return None;
                };
                let line = Line::decode(&mut Reader::new(message.bytes(), MAX_DEPTH)).ok()?;
                drop(message);
                self.connection.sender(id).ok()?.send(&line).ok()
            }
            Handling::Opaque => {
                let Pull::Message(message) = self.connection.receiver(id).ok()?.pull() else {
                    return None;
                };
                self.message.clear();
                self.message.extend_from_slice(message.bytes());
                drop(message);
                self.connection.sender(id).ok()?.send(&Opaque(&self.message)).ok()
            }
        }
    }
}

/// Moves what an end has to send to the other: the socket, so that neither is asked to pay for it.
fn carry(from: &mut End, to: &mut End, walk: Walk) {
    while walk(from, Step::Transmit) {
        let mut slices = [std::io::IoSlice::new(&[]); SLICES];
        let used = from.out.slices(&mut slices);
        let len: usize = slices[..used].iter().map(|slice| slice.len()).sum();
        to.input.reserve(len);
        for slice in &slices[..used] {
            to.input.extend_from_slice(slice);
        }
        walk(from, Step::Sent);
    }
}

/// A message that nobody looks into.
struct Opaque<'a>(&'a [u8]);

impl EncodeBody for Opaque<'_> {
    fn encode_body(&self, out: &mut Output) {
        out.put(self.0);
    }
}

static METHODS: [MethodInfo; 1] = [MethodInfo::new("talk", MethodKind::BidirectionalStreaming)];

const NOW: Instant = Instant::ZERO;
const MAX_DEPTH: u16 = 64;
/// What a driver would read into.
const BUFFER: usize = 16 * 1024;
const SLICES: usize = 64;
const WARM_UP: u64 = 2000;
