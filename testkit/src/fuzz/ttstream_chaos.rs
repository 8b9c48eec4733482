//! A connection of streams over TTHeader, whose application does what it may in any order, at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::http2::Role;
use kitewire_proto::ttstream::{
    Config, Connection, Ending, Event, Exception, OpenError, Outcome, Pull, Request, SendError, StreamId, Strings,
};
use kitewire_proto::{
    ApplicationException, BusinessStatus, Demand, Disconnect, ExceptionType, Instant, MetaInfo, Shutdown, Transmit,
};

use super::choices::Choices;
use super::ttstream_output::StrictReader;
use super::ttstream_script::METHODS;
use super::ttstream_server::KINDS;

/// A connection and what is known about it.
#[derive(Debug)]
pub(super) struct Chaos {
    connection: Connection,
    config: Arc<Config>,
    choices: Choices,
    now: Instant,
    input: BytesMut,
    out: Transmit,
    reader: StrictReader,
    /// Streams that the application has, until it releases them.
    streams: BTreeMap<StreamId, Known>,
    closed: bool,
    longest_piece: usize,
    /// What the application said that may be unsent.
    own: usize,
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
        Self {
            reader: StrictReader::new(connection.role()),
            connection,
            config: Arc::clone(config),
            choices: Choices::new(seed),
            now: Instant::ZERO,
            input: BytesMut::new(),
            out: Transmit::new(),
            streams: BTreeMap::new(),
            closed: false,
            longest_piece: 0,
            own: 0,
        }
    }

    /// The peer sends `stream`. A client has opened `streams` before that.
    pub(super) fn run(&mut self, streams: usize, stream: &[u8]) {
        (0..streams).for_each(|_| self.open());
        self.reader.note_input(stream);
        let mut rest = stream;
        for _ in 0..stream.len().min(2_000) + 50 {
            match self.choices.below(12) {
                0..4 => rest = self.feed(rest),
                4..8 => self.act(),
                8..10 => self.transmit(),
                10 => self.pass_time(),
                _ => self.stop_sometimes(),
            }
            self.check();
        }
        self.finish();
    }

    fn feed<'a>(&mut self, stream: &'a [u8]) -> &'a [u8] {
        let mut rest = stream;
        match self.connection.read_demand() {
            Demand::Read if rest.is_empty() => {
                if self.choices.below(10) == 0 {
                    self.connection.handle_disconnect(self.now, Disconnect::ReadEnd);
                }
            }
            Demand::Read => {
                let (piece, later) = rest.split_at(self.choices.piece(rest.len()));
                rest = later;
                self.longest_piece = self.longest_piece.max(piece.len());
                self.input.extend_from_slice(piece);
                self.connection.receive(self.now, &mut self.input);
            }
            Demand::Receive => self.connection.receive(self.now, &mut self.input),
            Demand::Pause | Demand::Stop => {}
        }
        rest
    }

    /// Something that an application does.
    fn act(&mut self) {
        self.events();
        let at = self.choices.below(self.streams.len());
        let Some(id) = self.streams.keys().nth(at).copied() else {
            return self.open();
        };
        match (self.choices.below(16), self.connection.role()) {
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
        let at = self.choices.below(KINDS.len());
        let (strings, mut meta) = (self.strings(), MetaInfo::new());
        meta.set_transient("KEY", "value");
        let mut request = Request::new("Service", METHODS[at], KINDS[at]);
        request.strings = &strings;
        request.meta = &meta;
        request.caller = (self.choices.below(2) == 0).then_some("caller");
        if self.choices.below(3) == 0 {
            request.deadline = Some(self.now + Duration::from_millis(self.choices.piece(5000) as u64));
        }
        match self.connection.open(self.now, &request) {
            Ok(id) => {
                assert_eq!(self.connection.role(), Role::Client);
                let known = self.streams.insert(id, Known::default());
                assert!(known.is_none() && id != StreamId::CONNECTION, "{id} is opened twice");
                self.own += strings.size() + FRAME;
            }
            Err(OpenError::Closed) => {
                assert!(self.connection.close_reason().is_some() || self.connection.role() == Role::Server);
            }
            Err(OpenError::TooManyStreams) => assert!(self.streams.len() >= self.config.max_streams as usize),
            Err(_) => {}
        }
    }

    fn pull(&mut self, id: StreamId) {
        let pulled = match self.connection.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                assert!(message.bytes().len() <= self.config.max_message as usize);
                match self.choices.below(2) {
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
        let lost = (known.last, pulled, self.connection.role()) == (Some("end"), Some("failed"), Role::Server);
        assert!(
            known.last.is_none() || known.last == pulled || lost,
            "{:?}, then {pulled:?}",
            known.last
        );
        known.last = pulled;
        let outcome = self.connection.outcome(id);
        match (pulled, self.connection.role()) {
            (Some("failed"), _) => assert_ne!(outcome.expect("it tells why"), &Outcome::Ok),
            (Some("end"), Role::Client) => assert_eq!(outcome, Some(&Outcome::Ok)),
            _ => {}
        }
    }

    fn send(&mut self, id: StreamId) {
        let length = match self.choices.below(8) {
            0 => 0,
            1 => MESSAGE,
            _ => self.choices.below(300),
        };
        let message = Bytes::from(vec![b'm'; length]);
        let mut sender = self.connection.sender(id).expect("not released");
        let has_room = sender.has_room();
        match sender.send(&message) {
            Err(SendError::Full) => assert!(!has_room, "full with room"),
            Err(SendError::TooLarge { .. }) => assert!(length > self.config.max_message as usize),
            Ok(()) => {
                assert!(has_room && length <= self.config.max_message as usize);
                self.own += FRAME;
            }
            Err(_) => {}
        }
    }

    fn send_header(&mut self, id: StreamId) {
        let strings = self.strings();
        let mut sender = self.connection.sender(id).expect("not released");
        if sender.send_header(&strings).is_ok() {
            assert!(sender.send_header(&strings).is_err(), "a header is sent once");
            self.own += strings.size() + FRAME;
        }
    }

    fn half_close(&mut self, id: StreamId) {
        let mut sender = self.connection.sender(id).expect("not released");
        if sender.finish().is_ok() {
            assert!(sender.finish().is_err(), "the last word is said once");
        }
    }

    fn finish_stream(&mut self, id: StreamId) {
        let ending = match self.choices.below(4) {
            0 => Ending::Exception(ApplicationException::new(ExceptionType(6), "biz error: 50% 你")),
            1 => Ending::Business(BusinessStatus {
                code: 404,
                message: "né".to_owned(),
                extra: vec![("k".to_owned(), "v<é>&".to_owned())],
            }),
            _ => Ending::Ok,
        };
        let trailer = self.strings();
        self.connection.finish(id, &ending, &trailer);
        self.own += trailer.size() + FRAME;
        self.streams.remove(&id);
        self.is_gone(id);
    }

    fn release(&mut self, id: StreamId) {
        self.connection.release(id);
        self.own += FRAME;
        self.streams.remove(&id);
        self.is_gone(id);
    }

    /// A cancelled stream ends here with what it is cancelled with, unless it has ended before.
    fn cancel(&mut self, id: StreamId) {
        let was_over = self.connection.outcome(id).cloned();
        let why = Exception::foreign("why");
        self.connection.cancel(id, &why);
        self.own += FRAME;
        if was_over.is_none() {
            assert!(self.connection.outcome(id).is_some(), "{id} is cancelled");
        }
    }

    fn is_gone(&mut self, id: StreamId) {
        let connection = &mut self.connection;
        assert!(connection.sender(id).is_err() && connection.receiver(id).is_err());
        assert!(connection.outcome(id).is_none() && connection.header(id).is_none() && connection.stream(id).is_none());
        connection.release(id);
    }

    /// Calls that have no stream to be about.
    fn misuse(&mut self) {
        for id in [StreamId::new(77), StreamId::new(i32::MIN)] {
            if self.connection.stream(id).is_some() {
                continue;
            }
            self.is_gone(id);
            self.connection.finish(id, &Ending::Ok, &Strings::new());
            self.connection.cancel(id, &Exception::canceled_by_user());
        }
    }

    fn strings(&mut self) -> Strings {
        let mut strings = Strings::new();
        match self.choices.below(8) {
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

    fn transmit(&mut self) {
        if !self.connection.poll_transmit(self.now, &mut self.out) {
            // Whatever is left is for a socket that has failed.
            self.out.advance(usize::MAX);
        }
        let taken = self.choices.below(self.out.len() + 1);
        let mut bytes = self.out.to_vec();
        bytes.truncate(taken);
        self.reader.read(&bytes);
        self.out.advance(taken);
        if self.out.is_empty() && !self.connection.poll_transmit(self.now, &mut self.out) {
            self.own = 0;
        }
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.choices.piece(4000) as u64);
        self.timeout();
    }

    fn timeout(&mut self) {
        self.connection.handle_timeout(self.now);
        if let Some(next) = self.connection.poll_timeout() {
            assert!(next.at > self.now, "{next:?} is still due");
        }
    }

    fn stop_sometimes(&mut self) {
        let until = self.now + Duration::from_secs(3);
        match self.choices.below(100) {
            0 => self.connection.shutdown(self.now, Shutdown::Graceful { until }),
            1 => self.connection.shutdown(self.now, Shutdown::Immediate),
            2 => self.connection.handle_disconnect(self.now, Disconnect::WriteFailed),
            3 => self.connection.handle_disconnect(self.now, Disconnect::ReadEnd),
            4 => self.connection.release_memory(),
            _ => {}
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => {
                    let known = self.streams.insert(id, Known::default());
                    assert!(known.is_none(), "{id} is opened twice");
                    assert!(self.connection.stream(id).is_some());
                }
                Event::Refused { id, .. } => {
                    let runs = self.streams.get(&id).is_some_and(|known| !known.over);
                    assert!(!runs, "{id} has a handler");
                }
                Event::Header { id } => {
                    // Entries that were too much are gone, and the stream with them.
                    let header = self.connection.header(id).is_some() || self.connection.is_over(id);
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
                        self.connection.outcome(id).is_some() && self.connection.is_over(id),
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
        let usage = self.connection.usage();
        let most = most(&self.config) + self.longest_piece + self.own;
        assert!(usage <= most, "{usage} bytes held, at most {most}");
        assert!(self.connection.open_streams() >= self.streams.len());
    }

    /// Releases everything, sends everything and lets time pass: the connection ends.
    fn finish(&mut self) {
        for turn in 0..400 {
            self.events();
            while let Some((id, _)) = self.streams.pop_first() {
                match (self.choices.below(2), self.connection.role()) {
                    (0, Role::Server) => self.connection.finish(id, &Ending::Ok, &Strings::new()),
                    _ => self.connection.release(id),
                }
                self.connection.release(id);
                self.events();
            }
            while self.connection.poll_transmit(self.now, &mut self.out) {
                self.reader.read(&self.out.to_vec());
                self.out.advance(usize::MAX);
            }
            if self.connection.read_demand() == Demand::Receive {
                self.connection.receive(self.now, &mut self.input);
            } else if let Some(next) = self.connection.poll_timeout() {
                self.now = self.now.max(next.at);
                self.timeout();
            } else if self.connection.is_drained() && self.connection.open_streams() == 0 {
                break;
            }
            // A connection that is idle for ever has to be told.
            if turn == 100 {
                let until = self.now + Duration::from_secs(3);
                self.connection.shutdown(self.now, Shutdown::Graceful { until });
            }
        }
        self.events();
        let connection = &self.connection;
        assert!(self.closed && connection.is_drained(), "{connection:?} never ends");
        assert_eq!(connection.open_streams(), 0);
        assert_eq!(connection.read_demand(), Demand::Stop);
        let usage = connection.usage();
        assert!(usage <= self.input.len(), "{usage} bytes that nobody will get");
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
