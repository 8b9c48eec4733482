//! A connection of streams over TTHeader, whose application does what it may in any order, at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::http2::Role;
use kitewire_proto::record::Recorder;
use kitewire_proto::ttstream::{
    Config, Connection, Ending, Event, Exception, OpenError, Outcome, Pull, Request, SendError, StreamId, Strings,
};
use kitewire_proto::{ApplicationException, BusinessStatus, ExceptionType, MetaInfo};

use super::driven::{Driven, Odds, Turn};
use super::ttstream_output::StrictReader;
use super::ttstream_script::METHODS;
use super::ttstream_server::KINDS;

/// A connection and what is known about it.
#[derive(Debug)]
pub(super) struct Chaos {
    driven: Driven<Connection, StrictReader>,
    config: Arc<Config>,
    /// Streams that the application has, until it releases them.
    streams: BTreeMap<StreamId, Known>,
    closed: bool,
}

/// What is known of a stream.
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
        let reader = StrictReader::new(connection.role());
        Self {
            driven: Driven::new(connection, reader, seed, ODDS),
            config: Arc::clone(config),
            streams: BTreeMap::new(),
            closed: false,
        }
    }

    /// The peer sends `stream`. A client has opened `streams` before that.
    pub(super) fn run(&mut self, streams: usize, stream: &[u8]) {
        (0..streams).for_each(|_| self.open());
        self.driven.reader.note_input(stream);
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
    pub(super) fn recorded(mut self, streams: usize, stream: &[u8]) -> Vec<u8> {
        self.driven.connection.record(Recorder::new(usize::MAX));
        self.run(streams, stream);
        self.driven.connection.recorder().expect("it records").finish()
    }

    /// Something that an application does.
    fn act(&mut self) {
        self.events();
        let at = self.driven.choices.below(self.streams.len());
        let Some(id) = self.streams.keys().nth(at).copied() else {
            return self.open();
        };
        match (self.driven.choices.below(16), self.driven.connection.role()) {
            (0..6, _) => self.pull(id),
            (6..9, _) => self.send(id),
            (9, Role::Server) => self.send_header(id),
            (10 | 11, Role::Server) => self.finish_stream(id),
            (9..12, Role::Client) => self.half_close(id),
            (12, _) => self.release(id),
            (13, _) => self.open(),
            (14, _) => self.cancel(id),
            _ => self.misuse(),
        }
    }

    fn open(&mut self) {
        let at = self.driven.choices.below(KINDS.len());
        let (strings, mut meta) = (self.strings(), MetaInfo::new());
        meta.set_transient("KEY", "value");
        let mut request = Request::new("Service", METHODS[at], KINDS[at]);
        request.strings = &strings;
        request.meta = &meta;
        request.caller = (self.driven.choices.below(2) == 0).then_some("caller");
        if self.driven.choices.below(3) == 0 {
            request.deadline = Some(self.driven.now + Duration::from_millis(self.driven.choices.piece(5000) as u64));
        }
        match self.driven.connection.open(self.driven.now, &request) {
            Ok(id) => {
                assert_eq!(self.driven.connection.role(), Role::Client);
                let known = self.streams.insert(id, Known::default());
                assert!(known.is_none() && id != StreamId::CONNECTION, "{id} is opened twice");
                self.driven.own += strings.size() + FRAME;
            }
            Err(OpenError::Closed) => {
                assert!(
                    self.driven.connection.close_reason().is_some() || self.driven.connection.role() == Role::Server
                );
            }
            Err(OpenError::TooManyStreams) => assert!(self.streams.len() >= self.config.max_streams as usize),
            Err(_) => {}
        }
    }

    fn pull(&mut self, id: StreamId) {
        let pulled = match self.driven.connection.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                assert!(message.bytes().len() <= self.config.max_message as usize);
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
        let known = self.streams.get_mut(&id).expect("the application has it");
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
            (Some("failed"), _) => assert_ne!(outcome.expect("it tells why"), &Outcome::Ok),
            (Some("end"), Role::Client) => assert_eq!(outcome, Some(&Outcome::Ok)),
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
        let has_room = sender.has_room();
        match sender.send(&message) {
            Err(SendError::Full) => assert!(!has_room, "full with room"),
            Err(SendError::TooLarge { .. }) => assert!(length > self.config.max_message as usize),
            Ok(()) => {
                assert!(has_room && length <= self.config.max_message as usize);
                self.driven.own += FRAME;
            }
            Err(_) => {}
        }
    }

    fn send_header(&mut self, id: StreamId) {
        let strings = self.strings();
        let mut sender = self.driven.connection.sender(id).expect("not released");
        if sender.send_header(&strings).is_ok() {
            assert!(sender.send_header(&strings).is_err(), "a header is sent once");
            self.driven.own += strings.size() + FRAME;
        }
    }

    fn half_close(&mut self, id: StreamId) {
        let mut sender = self.driven.connection.sender(id).expect("not released");
        if sender.finish().is_ok() {
            assert!(sender.finish().is_err(), "the last word is said once");
        }
    }

    fn finish_stream(&mut self, id: StreamId) {
        let ending = match self.driven.choices.below(4) {
            0 => Ending::Exception(ApplicationException::new(ExceptionType(6), "biz error: 50% 你")),
            1 => Ending::Business(BusinessStatus {
                code: 404,
                message: "né".to_owned(),
                extra: vec![("k".to_owned(), "v<é>&".to_owned())],
            }),
            _ => Ending::Ok,
        };
        let trailer = self.strings();
        self.driven.connection.finish(id, &ending, &trailer);
        self.driven.own += trailer.size() + FRAME;
        self.streams.remove(&id);
        self.is_gone(id);
    }

    fn release(&mut self, id: StreamId) {
        self.driven.connection.release(id);
        self.driven.own += FRAME;
        self.streams.remove(&id);
        self.is_gone(id);
    }

    /// A cancelled stream ends here with what it is cancelled with, unless it has ended before.
    fn cancel(&mut self, id: StreamId) {
        let was_over = self.driven.connection.outcome(id).cloned();
        let why = Exception::foreign("why");
        self.driven.connection.cancel(id, &why);
        self.driven.own += FRAME;
        if was_over.is_none() {
            assert!(self.driven.connection.outcome(id).is_some(), "{id} is cancelled");
        }
    }

    fn is_gone(&mut self, id: StreamId) {
        let connection = &mut self.driven.connection;
        assert!(connection.sender(id).is_err() && connection.receiver(id).is_err());
        assert!(connection.outcome(id).is_none() && connection.header(id).is_none() && connection.stream(id).is_none());
        connection.release(id);
    }

    /// Calls that have no stream to be about.
    fn misuse(&mut self) {
        for id in [StreamId::new(77), StreamId::new(i32::MIN)] {
            if self.driven.connection.stream(id).is_some() {
                continue;
            }
            self.is_gone(id);
            self.driven.connection.finish(id, &Ending::Ok, &Strings::new());
            self.driven.connection.cancel(id, &Exception::canceled_by_user());
        }
    }

    fn strings(&mut self) -> Strings {
        let mut strings = Strings::new();
        match self.driven.choices.below(8) {
            0 => strings.push("large", "v".repeat(FRAME)),
            1 => strings.push("too-large", "v".repeat(70_000)),
            2 => {
                strings.push("Twice", "1");
                strings.push("Twice", "2");
            }
            3 => strings.push("raw", [0, 1, 0xfe]),
            _ => {}
        }
        strings
    }

    fn events(&mut self) {
        while let Some(event) = self.driven.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => {
                    let known = self.streams.insert(id, Known::default());
                    assert!(known.is_none(), "{id} is opened twice");
                    assert!(self.driven.connection.stream(id).is_some());
                }
                Event::Refused { id, .. } => {
                    let runs = self.streams.get(&id).is_some_and(|known| !known.over);
                    assert!(!runs, "{id} has a handler");
                }
                Event::Header { id } => {
                    // Entries that were too much are gone, and the stream with them.
                    let header = self.driven.connection.header(id).is_some() || self.driven.connection.is_over(id);
                    let known = self.known(id, &event);
                    assert!(header && !known.header, "{id} has one header");
                    known.header = true;
                }
                Event::Readable { id } | Event::Writable { id } | Event::Meta { id, .. } => {
                    let _ = self.known(id, &event);
                }
                Event::Ended { id } => {
                    self.known(id, &event).over = true;
                    assert!(
                        self.driven.connection.outcome(id).is_some() && self.driven.connection.is_over(id),
                        "{id} ended"
                    );
                }
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// The stream of an event that only a stream in use gets.
    fn known(&mut self, id: StreamId, event: &Event) -> &mut Known {
        let known = self.streams.get_mut(&id);
        let known = known.unwrap_or_else(|| panic!("{event:?} of no stream"));
        assert!(!known.over, "{event:?} of {known:?}");
        known
    }

    fn check(&self) {
        self.driven.check(most(&self.config));
        assert!(self.driven.connection.open_streams() >= self.streams.len());
    }

    /// Releases everything, sends everything and lets time pass: the connection ends.
    fn finish(&mut self) {
        for turn in 0..400 {
            self.events();
            while let Some((id, _)) = self.streams.pop_first() {
                match (self.driven.choices.below(2), self.driven.connection.role()) {
                    (0, Role::Server) => self.driven.connection.finish(id, &Ending::Ok, &Strings::new()),
                    _ => self.driven.connection.release(id),
                }
                self.driven.connection.release(id);
                self.events();
            }
            let goes_on = self.driven.go_on();
            let connection = &self.driven.connection;
            if !goes_on && connection.is_drained() && connection.open_streams() == 0 {
                break;
            }
            // A connection that is idle for ever has to be told.
            if turn == 100 {
                self.driven.stop();
            }
        }
        self.events();
        assert!(self.closed, "{:?} never ends", self.driven.connection);
        assert_eq!(self.driven.connection.open_streams(), 0);
        self.driven.check_end();
    }
}

/// More than a connection may hold, but for what its application does.
fn most(config: &Config) -> usize {
    let frame = config.max_message as usize + FRAME;
    let queued = config.connection_memory.max(config.connection_window);
    let queued = usize::try_from(queued).expect("small");
    let strings = usize::try_from(config.connection_memory).expect("small");
    // One message may go beyond each of them.
    let unsent = config.send_buffer + MESSAGE + 64 * 1024 + CONTROL;
    frame + (queued + frame) + (strings + 2 * 262_144) + unsent
}

/// What answers may hold before nothing is read.
const CONTROL: usize = 256 * 1024 + FRAME;
/// A message above every buffer.
const MESSAGE: usize = 30_000;
/// More than a frame without a large payload.
const FRAME: usize = 20_000;
const ODDS: Odds = Odds {
    read_end: 10,
    stop: 100,
};
