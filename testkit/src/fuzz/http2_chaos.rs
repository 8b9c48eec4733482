//! An HTTP/2 connection whose application does what it may in any order, at any time.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kitewire_proto::Instant;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Connection, ErrorCode, Event, Finish, OpenError, Pull, Role, SendError, StreamId};

use super::driven::{Driven, Odds, Turn};
use super::http2_output::StrictReader;

/// A connection and what is known about it.
#[derive(Debug)]
pub(super) struct Chaos {
    driven: Driven<Connection, StrictReader>,
    streams: BTreeMap<StreamId, Known>,
    closed: bool,
    /// What the connection may hold beside what the application says.
    most: usize,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// `Ended` has come.
    over: bool,
    released: bool,
}

impl Chaos {
    pub(super) fn new(role: Role, config: &Arc<Config>, seed: u64) -> Self {
        let (connection, reader) = match role {
            Role::Server => (
                Connection::server(config.clone(), Instant::ZERO),
                StrictReader::of_server(),
            ),
            Role::Client => (
                Connection::client(config.clone(), Instant::ZERO),
                StrictReader::of_client(),
            ),
        };
        Self {
            driven: Driven::new(connection, reader, seed, ODDS),
            streams: BTreeMap::new(),
            closed: false,
            most: most(config),
        }
    }

    pub(super) fn run(&mut self, stream: &[u8]) {
        if self.driven.connection.role() == Role::Client {
            (0..3).for_each(|_| self.open());
        }
        let mut rest = stream;
        for _ in 0..stream.len().min(2_000) + 50 {
            if self.driven.step(&mut rest) == Turn::Application {
                self.act();
            }
            self.check();
        }
        self.finish();
    }

    /// Something that an application does.
    fn act(&mut self) {
        self.events();
        let open: Vec<StreamId> = self
            .streams
            .iter()
            .filter(|(_, known)| !known.released)
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = open.get(self.driven.choices.below(open.len())).copied() else {
            return self.open();
        };
        match self.driven.choices.below(16) {
            0..3 => self.respond(id),
            3..6 => self.push(id),
            6 => self.end(id),
            7 => {
                let code = ErrorCode(u32::try_from(self.driven.choices.below(15)).unwrap_or(0));
                self.driven.connection.sender(id).expect("not released").cancel(code);
            }
            8 => self.release(id),
            9..12 => self.read(id),
            12 => self.open(),
            13 => {
                let payload = [u8::try_from(self.driven.choices.below(3)).unwrap_or(0); 8];
                let _ = self.driven.connection.ping(self.driven.now, payload);
            }
            _ => self.misuse(),
        }
    }

    fn open(&mut self) {
        let head = self.head();
        let finish = self.either();
        let before = self.driven.connection.open_streams();
        match self.driven.connection.open(self.driven.now, &head, finish) {
            Ok(id) => {
                assert_eq!(self.driven.connection.role(), Role::Client);
                assert!(
                    self.streams.insert(id, Known::default()).is_none(),
                    "{id} is opened twice"
                );
                assert_eq!(self.driven.connection.open_streams(), before + 1);
                self.driven.own += head.size();
            }
            Err(OpenError::NotClient) => assert_eq!(self.driven.connection.role(), Role::Server),
            Err(OpenError::Closed) => assert!(self.driven.connection.close_reason().is_some()),
            Err(_) => assert_eq!(self.driven.connection.open_streams(), before),
        }
    }

    fn respond(&mut self, id: StreamId) {
        let head = self.head();
        let finish = self.either();
        let mut sender = self.driven.connection.sender(id).expect("not released");
        let sent = match head.status() {
            100..200 => sender.interim(&head),
            _ => sender.respond(&head, finish),
        };
        if sent.is_ok() {
            self.driven.own += head.size();
        }
    }

    fn push(&mut self, id: StreamId) {
        let length = match self.driven.choices.below(8) {
            0 => 0,
            1 => MESSAGE,
            _ => self.driven.choices.below(300),
        };
        let data = Bytes::from(vec![b'm'; length]);
        let finish = if self.driven.choices.below(8) == 0 {
            Finish::Now
        } else {
            Finish::Later
        };
        let shared = self.driven.choices.below(2) == 0;
        let mut sender = self.driven.connection.sender(id).expect("not released");
        let room = sender.capacity();
        let pushed = if shared {
            sender.push_bytes(&data, finish)
        } else {
            sender.push(&data, finish)
        };
        match pushed {
            Err(SendError::Full) => assert_eq!(room, 0, "full with room for {room}"),
            Ok(()) if finish == Finish::Now => assert_eq!(sender.finish(), Err(SendError::Finished)),
            _ => {}
        }
    }

    fn end(&mut self, id: StreamId) {
        let trailers = self.trailers();
        let with_trailers = self.driven.choices.below(2) == 0;
        let mut sender = self.driven.connection.sender(id).expect("not released");
        let ended = if with_trailers {
            sender.finish_with(&trailers)
        } else {
            sender.finish()
        };
        if ended.is_ok() {
            self.driven.own += trailers.size();
        }
    }

    fn read(&mut self, id: StreamId) {
        let length = self.driven.choices.below(300);
        let mut receiver = self.driven.connection.receiver(id).expect("not released");
        let unread = receiver.unread();
        assert_eq!(receiver.chunk().is_empty(), unread == 0);
        receiver.consume(length);
        let left = unread.saturating_sub(length);
        assert_eq!(receiver.unread(), left);
        match receiver.pull() {
            Pull::Data(data) => assert!(!data.is_empty() && data.len() <= left),
            Pull::End => assert!(left == 0 && receiver.is_ended()),
            Pull::Empty | Pull::Reset => assert_eq!(left, 0),
        }
    }

    fn release(&mut self, id: StreamId) {
        self.driven.connection.release(id);
        if let Some(known) = self.streams.get_mut(&id) {
            known.released = true;
        }
        assert!(self.driven.connection.head(id).is_none() && self.driven.connection.trailers(id).is_none());
        assert!(self.driven.connection.sender(id).is_err() && self.driven.connection.receiver(id).is_err());
        self.driven.connection.release(id);
    }

    /// Calls that have no stream to be about.
    fn misuse(&mut self) {
        for id in [StreamId::CONNECTION, StreamId::new(2), StreamId::MAX] {
            assert!(self.driven.connection.sender(id).is_err() && self.driven.connection.receiver(id).is_err());
            assert!(self.driven.connection.head(id).is_none());
            self.driven.connection.release(id);
        }
    }

    fn head(&mut self) -> Fields {
        let mut head = match (self.driven.connection.role(), self.driven.choices.below(10)) {
            (Role::Client, 0..7) => Fields::request("POST", "http", "peer", "/"),
            (Role::Client, 7) => Fields::request("GET", "http", "", ""),
            (_, 8) => Fields::new(),
            (_, 9) => Fields::response(103),
            _ => Fields::response(200),
        };
        match self.driven.choices.below(10) {
            0 => head.push("x-large", "v".repeat(SECTION)),
            1 => head.push("connection", "close"),
            2 => head.push_sensitive("x-secret", "s"),
            3 => head.push("x-value", "a\nb"),
            _ => head.push("x-value", "ab"),
        }
        head
    }

    fn trailers(&mut self) -> Fields {
        let mut trailers = Fields::new();
        match self.driven.choices.below(5) {
            0 => trailers.push(":status", "200"),
            1 => {}
            _ => trailers.push("x-end", "1"),
        }
        trailers
    }

    fn either(&mut self) -> Finish {
        match self.driven.choices.below(2) {
            0 => Finish::Now,
            _ => Finish::Later,
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.driven.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => {
                    assert!(
                        self.streams.insert(id, Known::default()).is_none(),
                        "{id} is opened twice"
                    );
                    assert!(self.driven.connection.head(id).is_some());
                }
                Event::Rejected { id, .. } => {
                    let known = Known {
                        over: true,
                        released: true,
                    };
                    assert!(self.streams.insert(id, known).is_none(), "{id} is known");
                }
                Event::Answered { id } => {
                    self.open_stream(id, &event);
                    assert!(self.driven.connection.head(id).is_some());
                }
                Event::Interim { id, .. } | Event::Readable { id } | Event::Writable { id } => {
                    self.open_stream(id, &event);
                }
                Event::Ended { id, .. } => {
                    let known = self.streams.get_mut(&id).expect("a stream that was opened");
                    assert!(!known.over, "{id} ends twice");
                    known.over = true;
                }
                Event::Closed { .. } => {
                    assert!(
                        self.streams.values().all(|known| known.over),
                        "closed before its streams"
                    );
                    self.closed = true;
                }
                _ => {}
            }
        }
    }

    /// The stream of an event that only a stream in use gets.
    fn open_stream(&self, id: StreamId, event: &Event) {
        let known = self.streams.get(&id).expect("a stream that was opened");
        assert!(!known.over && !known.released, "{event:?} of {known:?}");
    }

    fn check(&self) {
        self.driven.check(self.most);
    }

    /// Releases everything, sends everything and lets time pass: the connection ends.
    fn finish(&mut self) {
        for turn in 0..300 {
            self.events();
            let left: Vec<StreamId> = self
                .streams
                .iter()
                .filter(|(_, known)| !known.released)
                .map(|(id, _)| *id)
                .collect();
            for id in left {
                self.release(id);
                // Memory that one stream gives back makes others writable.
                self.events();
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
        assert_eq!(self.driven.connection.open_streams(), 0);
        self.driven.check_end();
    }
}

/// More than a connection may hold, but for what its application does.
fn most(config: &Config) -> usize {
    let limits = &config.limits;
    let window = config
        .connection_window
        .unwrap_or_else(|| config.stream_window.saturating_mul(16));
    let frame = config.max_frame_size as usize + 9;
    let bodies = window.max(65_535) as usize + frame;
    let sections = limits.max_memory / 2 + 2 * limits.max_header_list as usize + limits.max_header_block;
    let queued = limits.max_memory + MESSAGE;
    // DATA goes out ahead up to 64 KiB; beside it stand answers to what was received.
    let unsent = limits.max_unsent + 64 * 1024 + frame;
    frame + bodies + sections + queued + unsent
}

/// A message above every buffer.
const MESSAGE: usize = 30_000;
/// A section above one frame.
const SECTION: usize = 20_000;
const ODDS: Odds = Odds { read_end: 5, stop: 80 };
