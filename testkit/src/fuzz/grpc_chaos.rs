//! A connection that carries gRPC, whose application does what it may in any order, at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::grpc::{Config, Connection, Event, OpenError, Pull, Request, SendError, StreamId};
use kitewire_proto::http::{Fields, RequestId, Response, ServerEvent};
use kitewire_proto::http2::Role;
use kitewire_proto::record::Recorder;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{Code, Outcome, Status};
use kitewire_proto::{BusinessStatus, MetaInfo, Switch};

use super::driven::{Driven, Odds, Turn};
use super::grpc_script::METHODS;
use super::grpc_server::KINDS;
use super::http2_output::StrictReader;

/// A connection and what is known about it.
#[derive(Debug)]
pub(super) struct Chaos {
    driven: Driven<Connection, StrictReader>,
    config: Arc<Config>,
    /// Calls that the application has, until it releases them.
    calls: BTreeMap<StreamId, Known>,
    /// Plain requests that wait for an answer.
    requests: Vec<RequestId>,
    closed: bool,
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// `Ended` has come.
    over: bool,
    /// `Header` has come.
    header: bool,
    /// What a pull said last, once that is the last word.
    last: Option<&'static str>,
}

impl Chaos {
    pub(super) fn new(connection: Connection, config: &Arc<Config>, seed: u64) -> Self {
        let reader = match connection.role() {
            Role::Server => StrictReader::of_server(),
            Role::Client => StrictReader::of_client(),
        };
        Self {
            driven: Driven::new(connection, reader, seed, ODDS),
            config: Arc::clone(config),
            calls: BTreeMap::new(),
            requests: Vec::new(),
            closed: false,
        }
    }

    /// The peer sends `stream`. A client has opened `calls` before that.
    pub(super) fn run(&mut self, calls: usize, stream: &[u8]) {
        (0..calls).for_each(|_| self.open());
        let mut rest = stream;
        for _ in 0..stream.len().min(2_000) + 50 {
            if self.driven.step(&mut rest) == Turn::Application {
                self.act();
            }
            self.check();
        }
        self.finish();
    }

    /// The recording of [`Self::run`].
    pub(super) fn recorded(mut self, calls: usize, stream: &[u8]) -> Vec<u8> {
        self.driven.connection.record(Recorder::new(usize::MAX));
        self.run(calls, stream);
        self.driven.connection.recorder().expect("it records").finish()
    }

    /// Something that an application does.
    fn act(&mut self) {
        self.events();
        self.answer_request();
        let at = self.driven.choices.below(self.calls.len());
        let Some(id) = self.calls.keys().nth(at).copied() else {
            return self.open();
        };
        match (self.driven.choices.below(16), self.driven.connection.role()) {
            (0..6, _) => self.pull(id),
            (6..9, _) => self.send(id),
            (9, Role::Server) => self.send_header(id),
            (10 | 11, Role::Server) => self.finish_call(id),
            (9..12, Role::Client) => self.half_close(id),
            (12, _) => self.release(id),
            (13, _) => self.open(),
            _ => self.misuse(),
        }
    }

    fn open(&mut self) {
        let at = self.driven.choices.below(KINDS.len());
        let (metadata, mut meta) = (self.metadata(), MetaInfo::new());
        meta.set_transient("KEY", "value");
        let mut request = Request::new("wire", "Wire", METHODS[at], Codec::Thrift, KINDS[at]);
        request.metadata = &metadata;
        request.meta = &meta;
        if self.driven.choices.below(3) == 0 {
            request.deadline = Some(self.driven.now + Duration::from_millis(self.driven.choices.piece(5000) as u64));
        }
        if self.driven.choices.below(3) == 0 {
            request.gzip = Switch::On;
        }
        match self.driven.connection.open(self.driven.now, &request) {
            Ok(id) => {
                assert_eq!(self.driven.connection.role(), Role::Client);
                assert!(
                    self.calls.insert(id, Known::default()).is_none(),
                    "{id} is opened twice"
                );
                self.driven.own += metadata.size() + SECTION;
            }
            Err(OpenError::NotClient) => assert_eq!(self.driven.connection.role(), Role::Server),
            Err(OpenError::Closed) => assert!(self.driven.connection.close_reason().is_some()),
            Err(_) => {}
        }
    }

    fn pull(&mut self, id: StreamId) {
        let pulled = match self.driven.connection.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                assert!(message.bytes().len() <= self.config.max_received_message as usize);
                match self.driven.choices.below(2) {
                    0 => drop(message),
                    _ => drop(message.to_bytes()),
                }
                None
            }
            Pull::Empty => None,
            Pull::End => Some("end"),
            Pull::Failed => Some("failed"),
        };
        let known = self.calls.get_mut(&id).expect("the application has it");
        // A handler that has the whole request may still lose its caller.
        let lost = (known.last, pulled, self.driven.connection.role()) == (Some("end"), Some("failed"), Role::Server);
        assert!(
            known.last.is_none() || known.last == pulled || lost,
            "{:?}, then {pulled:?}",
            known.last
        );
        known.last = pulled;
        let outcome = self.driven.connection.outcome(id);
        match (pulled, self.driven.connection.role()) {
            (Some("failed"), _) => assert_ne!(outcome.expect("it tells why").status.code, Code::OK),
            (Some("end"), Role::Client) => assert_eq!(outcome.expect("it is over").status.code, Code::OK),
            _ => {}
        }
    }

    fn send(&mut self, id: StreamId) {
        let length = match self.driven.choices.below(8) {
            0 => 0,
            1 => MESSAGE,
            _ => self.driven.choices.below(300),
        };
        let message = Bytes::from(vec![b'm'; length]);
        let mut sender = self.driven.connection.sender(id).expect("not released");
        let room = sender.capacity();
        match sender.send(&message) {
            Err(SendError::Full) => assert_eq!(room, 0, "full with room for {room}"),
            Err(SendError::TooLarge { .. }) => assert!(length > self.config.max_sent_message as usize),
            Ok(()) => {
                assert!(length <= self.config.max_sent_message as usize);
                self.driven.own += SECTION;
            }
            Err(_) => {}
        }
    }

    fn send_header(&mut self, id: StreamId) {
        let metadata = self.metadata();
        let mut sender = self.driven.connection.sender(id).expect("not released");
        if sender.send_header(&metadata).is_ok() {
            assert!(sender.send_header(&metadata).is_err(), "a header is sent once");
            self.driven.own += metadata.size() + SECTION;
        }
    }

    fn half_close(&mut self, id: StreamId) {
        let mut sender = self.driven.connection.sender(id).expect("not released");
        if sender.finish().is_ok() {
            assert!(sender.finish().is_err(), "the last word is said once");
        }
    }

    fn finish_call(&mut self, id: StreamId) {
        let outcome = match self.driven.choices.below(4) {
            0 => Outcome::from(Status::new(Code(20), "50% 你")),
            1 => Outcome::from(BusinessStatus {
                code: 404,
                message: "né".to_owned(),
                extra: vec![("k".to_owned(), "v<é>&".to_owned())],
            }),
            _ => Outcome::default(),
        };
        let trailer = self.metadata();
        self.driven.connection.finish(id, &outcome, &trailer);
        self.driven.own += trailer.size() + SECTION;
        self.calls.remove(&id);
        self.is_gone(id);
    }

    fn release(&mut self, id: StreamId) {
        self.driven.connection.release(id);
        self.calls.remove(&id);
        self.is_gone(id);
    }

    fn is_gone(&mut self, id: StreamId) {
        let connection = &mut self.driven.connection;
        assert!(connection.sender(id).is_err() && connection.receiver(id).is_err());
        assert!(connection.outcome(id).is_none() && connection.header(id).is_none() && connection.call(id).is_none());
        connection.release(id);
    }

    fn answer_request(&mut self) {
        if self.driven.choices.below(3) == 0
            && let Some(id) = self.requests.pop()
        {
            let _ = self
                .driven
                .connection
                .respond_http(self.driven.now, id, &Response::text(200, "page"));
            self.driven.own += SECTION;
        }
    }

    /// Calls that have no stream to be about.
    fn misuse(&mut self) {
        for id in [StreamId::CONNECTION, StreamId::new(2), StreamId::MAX] {
            self.is_gone(id);
            self.driven.connection.finish(id, &Outcome::default(), &Fields::new());
        }
    }

    fn metadata(&mut self) -> Fields {
        let mut metadata = Fields::new();
        match self.driven.choices.below(8) {
            0 => metadata.push("x-large", "v".repeat(SECTION)),
            1 => metadata.push("grpc-status", "7"),
            2 => metadata.push("x-bad", "a\nb"),
            3 => metadata.push("raw-bin", [0, 1, 0xfe]),
            4 => metadata.push("k-one", "v1"),
            _ => {}
        }
        metadata
    }

    fn events(&mut self) {
        while let Some(event) = self.driven.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => {
                    assert!(
                        self.calls.insert(id, Known::default()).is_none(),
                        "{id} is opened twice"
                    );
                    assert!(self.driven.connection.call(id).is_some() && self.driven.connection.header(id).is_some());
                }
                Event::Refused { id, .. } => assert!(!self.calls.contains_key(&id), "{id} has a handler"),
                Event::Header { id } => {
                    let header = self.driven.connection.header(id).is_some();
                    let known = self.known(id, &event);
                    assert!(header && !known.header, "{id} has one header");
                    known.header = true;
                }
                Event::Readable { id } | Event::Writable { id } => drop(self.known(id, &event)),
                Event::Ended { id } => {
                    self.known(id, &event).over = true;
                    assert!(self.driven.connection.outcome(id).is_some(), "{id} ended somehow");
                }
                Event::Http(ServerEvent::Request { id }) => self.requests.push(id),
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// The call of an event that only a call in use gets.
    fn known(&mut self, id: StreamId, event: &Event) -> &mut Known {
        let known = self.calls.get_mut(&id);
        let known = known.unwrap_or_else(|| panic!("{event:?} of no call"));
        assert!(!known.over, "{event:?} of {known:?}");
        known
    }

    fn check(&self) {
        self.driven.check(most(&self.config));
        assert!(self.driven.connection.open_calls() >= self.calls.len());
    }

    /// Releases everything, sends everything and lets time pass: the connection ends.
    fn finish(&mut self) {
        for turn in 0..400 {
            self.events();
            while let Some((id, _)) = self.calls.pop_first() {
                match self.driven.choices.below(2) {
                    0 => self.driven.connection.finish(id, &Outcome::default(), &Fields::new()),
                    _ => self.driven.connection.release(id),
                }
                self.driven.connection.release(id);
                self.events();
            }
            while let Some(id) = self.requests.pop() {
                let _ = self
                    .driven
                    .connection
                    .respond_http(self.driven.now, id, &Response::new(204, ""));
            }
            if !self.driven.go_on() && self.closed {
                break;
            }
            // A client has no end of its own.
            if turn == 100 {
                self.driven.stop();
            }
        }
        self.events();
        assert!(self.closed, "{:?} never ends", self.driven.connection);
        assert_eq!(self.driven.connection.open_calls(), 0);
        self.driven.check_end();
    }
}

/// More than a connection may hold, but for what its application does.
fn most(config: &Config) -> usize {
    let http2 = &config.http2;
    let limits = &http2.limits;
    let window = http2
        .connection_window
        .unwrap_or_else(|| http2.stream_window.saturating_mul(16));
    let frame = http2.max_frame_size as usize + 9;
    let bodies = window.max(65_535) as usize + frame;
    let sections = limits.max_memory / 2 + 2 * limits.max_header_list as usize + limits.max_header_block;
    let queued = limits.max_memory + MESSAGE;
    let unsent = limits.max_unsent + 64 * 1024 + frame;
    let requests = config.http.as_ref().map_or(0, |limits| limits.max_bodies + frame);
    frame + bodies + sections + queued + unsent + requests + config.max_messages + MESSAGE
}

/// A message above every buffer.
const MESSAGE: usize = 30_000;
/// A section above one frame.
const SECTION: usize = 20_000;
const ODDS: Odds = Odds {
    read_end: 10,
    stop: 100,
};
