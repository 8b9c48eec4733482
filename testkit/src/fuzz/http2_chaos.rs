//! An HTTP/2 connection whose application does what it may in any order, at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Connection, ErrorCode, Event, Finish, OpenError, Pull, Role, SendError, StreamId};
use kitewire_proto::{Demand, Disconnect, Instant, Shutdown, Transmit};

use super::choices::Choices;
use super::http2_output::StrictReader;

/// A connection and what is known about it.
#[derive(Debug)]
pub(super) struct Chaos {
    connection: Connection,
    choices: Choices,
    now: Instant,
    input: BytesMut,
    out: Transmit,
    reader: StrictReader,
    streams: BTreeMap<StreamId, Known>,
    closed: bool,
    /// What the connection may hold beside [`Self::own`].
    most: usize,
    /// The longest piece of input so far.
    longest_piece: usize,
    /// Header sections of the application that may be unsent.
    own: usize,
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
            connection,
            choices: Choices::new(seed),
            now: Instant::ZERO,
            input: BytesMut::new(),
            out: Transmit::new(),
            reader,
            streams: BTreeMap::new(),
            closed: false,
            most: most(config),
            longest_piece: 0,
            own: 0,
        }
    }

    pub(super) fn run(&mut self, stream: &[u8]) {
        if self.connection.role() == Role::Client {
            (0..3).for_each(|_| self.open());
        }
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
                if self.choices.below(5) == 0 {
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
        let open: Vec<StreamId> = self
            .streams
            .iter()
            .filter(|(_, known)| !known.released)
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = open.get(self.choices.below(open.len())).copied() else {
            return self.open();
        };
        match self.choices.below(16) {
            0..3 => self.respond(id),
            3..6 => self.push(id),
            6 => self.end(id),
            7 => {
                let code = ErrorCode(u32::try_from(self.choices.below(15)).unwrap_or(0));
                self.connection.sender(id).expect("not released").cancel(code);
            }
            8 => self.release(id),
            9..12 => self.read(id),
            12 => self.open(),
            13 => {
                let payload = [u8::try_from(self.choices.below(3)).unwrap_or(0); 8];
                let _ = self.connection.ping(self.now, payload);
            }
            _ => self.misuse(),
        }
    }

    fn open(&mut self) {
        let head = self.head();
        let finish = self.either();
        let before = self.connection.open_streams();
        match self.connection.open(self.now, &head, finish) {
            Ok(id) => {
                assert_eq!(self.connection.role(), Role::Client);
                assert!(
                    self.streams.insert(id, Known::default()).is_none(),
                    "{id} is opened twice"
                );
                assert_eq!(self.connection.open_streams(), before + 1);
                self.own += head.size();
            }
            Err(OpenError::NotClient) => assert_eq!(self.connection.role(), Role::Server),
            Err(OpenError::Closed) => assert!(self.connection.close_reason().is_some()),
            Err(_) => assert_eq!(self.connection.open_streams(), before),
        }
    }

    fn respond(&mut self, id: StreamId) {
        let head = self.head();
        let finish = self.either();
        let mut sender = self.connection.sender(id).expect("not released");
        let sent = match head.status() {
            100..200 => sender.interim(&head),
            _ => sender.respond(&head, finish),
        };
        if sent.is_ok() {
            self.own += head.size();
        }
    }

    fn push(&mut self, id: StreamId) {
        let length = match self.choices.below(8) {
            0 => 0,
            1 => MESSAGE,
            _ => self.choices.below(300),
        };
        let data = Bytes::from(vec![b'm'; length]);
        let finish = if self.choices.below(8) == 0 {
            Finish::Now
        } else {
            Finish::Later
        };
        let shared = self.choices.below(2) == 0;
        let mut sender = self.connection.sender(id).expect("not released");
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
        let with_trailers = self.choices.below(2) == 0;
        let mut sender = self.connection.sender(id).expect("not released");
        let ended = if with_trailers {
            sender.finish_with(&trailers)
        } else {
            sender.finish()
        };
        if ended.is_ok() {
            self.own += trailers.size();
        }
    }

    fn read(&mut self, id: StreamId) {
        let length = self.choices.below(300);
        let mut receiver = self.connection.receiver(id).expect("not released");
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
        self.connection.release(id);
        if let Some(known) = self.streams.get_mut(&id) {
            known.released = true;
        }
        assert!(self.connection.head(id).is_none() && self.connection.trailers(id).is_none());
        assert!(self.connection.sender(id).is_err() && self.connection.receiver(id).is_err());
        self.connection.release(id);
    }

    /// Calls that have no stream to be about.
    fn misuse(&mut self) {
        for id in [StreamId::CONNECTION, StreamId::new(2), StreamId::MAX] {
            assert!(self.connection.sender(id).is_err() && self.connection.receiver(id).is_err());
            assert!(self.connection.head(id).is_none());
            self.connection.release(id);
        }
    }

    fn head(&mut self) -> Fields {
        let mut head = match (self.connection.role(), self.choices.below(10)) {
            (Role::Client, 0..7) => Fields::request("POST", "http", "peer", "/"),
            (Role::Client, 7) => Fields::request("GET", "http", "", ""),
            (_, 8) => Fields::new(),
            (_, 9) => Fields::response(103),
            _ => Fields::response(200),
        };
        match self.choices.below(10) {
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
        match self.choices.below(5) {
            0 => trailers.push(":status", "200"),
            1 => {}
            _ => trailers.push("x-end", "1"),
        }
        trailers
    }

    fn either(&mut self) -> Finish {
        match self.choices.below(2) {
            0 => Finish::Now,
            _ => Finish::Later,
        }
    }

    fn transmit(&mut self) {
        if !self.connection.poll_transmit(self.now, &mut self.out) {
            // Whatever is left is for a socket that has failed.
            self.out.advance(usize::MAX);
        }
        self.take(self.out.len());
        if self.out.is_empty() && !self.connection.poll_transmit(self.now, &mut self.out) {
            self.own = 0;
        }
    }

    /// The socket takes some of what there is, at most so much.
    fn take(&mut self, most: usize) {
        let taken = self.choices.below(most + 1);
        let mut bytes = self.out.to_vec();
        bytes.truncate(taken);
        self.reader.read(&bytes);
        self.out.advance(taken);
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
        match self.choices.below(80) {
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
                    assert!(
                        self.streams.insert(id, Known::default()).is_none(),
                        "{id} is opened twice"
                    );
                    assert!(self.connection.head(id).is_some());
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
                    assert!(self.connection.head(id).is_some());
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
        let usage = self.connection.usage();
        let most = self.most + self.longest_piece + self.own;
        assert!(usage <= most, "{usage} bytes held, at most {most}");
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
            while self.connection.poll_transmit(self.now, &mut self.out) {
                self.reader.read(&self.out.to_vec());
                self.out.advance(usize::MAX);
            }
            if self.connection.read_demand() == Demand::Receive {
                self.connection.receive(self.now, &mut self.input);
            } else if let Some(next) = self.connection.poll_timeout() {
                self.now = self.now.max(next.at);
                self.timeout();
            } else if self.closed {
                break;
            }
            // A client has no end of its own.
            if turn == 100 {
                let until = self.now + Duration::from_secs(3);
                self.connection.shutdown(self.now, Shutdown::Graceful { until });
            }
        }
        self.events();
        assert!(
            self.closed && self.connection.is_drained(),
            "{:?} never ends",
            self.connection
        );
        assert_eq!(self.connection.open_streams(), 0);
        assert_eq!(self.connection.read_demand(), Demand::Stop);
        assert!(
            self.connection.usage() <= self.input.len(),
            "holds what nobody will get"
        );
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
