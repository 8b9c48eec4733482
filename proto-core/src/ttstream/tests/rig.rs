//! One side of ours against a peer that is played by hand, frame by frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::frames::Frame;
use crate::Transmit;
use crate::config::Switch;
use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services, UnknownHandler};
use crate::pingpong::Demand;
use crate::time::Instant;
use crate::ttstream::*;
use crate::wire::Codec;

static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("unary", MethodKind::Unary),
    MethodInfo::new("up", MethodKind::ClientStreaming),
    MethodInfo::new("down", MethodKind::ServerStreaming),
    MethodInfo::new("bidi", MethodKind::BidirectionalStreaming),
];

static PROTOBUF_METHODS: [MethodInfo; 1] = [MethodInfo::new("pb", MethodKind::BidirectionalStreaming)];

pub(super) struct Side {
    pub(super) connection: Connection,
    pub(super) now: Instant,
    input: BytesMut,
    output: Vec<u8>,
    unsent: Transmit,
}

impl Side {
    /// A client, with flow control on.
    pub(super) fn client(change: impl FnOnce(&mut Config)) -> Self {
        let now = Instant::from_nanos(1);
        Self::of(Connection::client(config(change), now), now)
    }

    /// A client that does what Kitex's does.
    pub(super) fn stock_client(change: impl FnOnce(&mut Config)) -> Self {
        Self::client(|config| {
            config.flow_control = Switch::Off;
            config.service_name = "A".to_owned();
            change(config);
        })
    }

    pub(super) fn server(change: impl FnOnce(&mut Config)) -> Self {
        Self::serving(services(UnknownHandler::Absent), change)
    }

    pub(super) fn serving(services: Arc<Services>, change: impl FnOnce(&mut Config)) -> Self {
        let now = Instant::from_nanos(1);
        Self::of(Connection::server(services, config(change), now), now)
    }

    /// A server with whose client flow control is agreed on. Both announce the same windows.
    pub(super) fn fc_server(connection: u64, stream: u64, change: impl FnOnce(&mut Config)) -> Self {
        let mut side = Self::server(|config| {
            windows(config, connection, stream);
            change(config);
        });
        let settings = format!("1,{connection},{stream}");
        side.feed(&[Frame::settings(&settings), Frame::ack()]);
        assert_eq!(side.sent(), [format!("0 meta fc01={settings}")]);
        side
    }

    /// A client with whose server flow control is agreed on. Both announce the same windows.
    pub(super) fn fc_client(connection: u64, stream: u64, change: impl FnOnce(&mut Config)) -> Self {
        let mut side = Self::client(|config| {
            windows(config, connection, stream);
            change(config);
        });
        let settings = format!("1,{connection},{stream}");
        assert_eq!(side.sent(), [format!("0 meta fc01={settings}")]);
        side.feed(&[Frame::settings(&settings)]);
        assert_eq!(side.sent(), ["0 meta fc03=1"]);
        side
    }

    fn of(connection: Connection, now: Instant) -> Self {
        Self {
            connection,
            now,
            input: BytesMut::new(),
            output: Vec::new(),
            unsent: Transmit::new(),
        }
    }

    pub(super) fn feed(&mut self, frames: &[Frame]) {
        for frame in frames {
            self.input.extend_from_slice(&frame.bytes());
        }
        self.go_on();
    }

    pub(super) fn feed_bytes(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.go_on();
    }

    /// Takes in what was fed, as far as the connection wants to read.
    pub(super) fn go_on(&mut self) {
        while !matches!(self.connection.read_demand(), Demand::Pause | Demand::Stop) {
            let before = self.input.len();
            self.connection.receive(self.now, &mut self.input);
            if self.input.len() == before {
                return;
            }
        }
    }

    /// Bytes that were fed and not taken in.
    pub(super) fn left(&self) -> usize {
        self.input.len()
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle_timeout(self.now);
        self.go_on();
    }

    /// The frames sent since it was asked last.
    pub(super) fn frames(&mut self) -> Vec<Frame> {
        let mut out = Transmit::new();
        while self.connection.poll_transmit(self.now, &mut out) {
            self.output.extend_from_slice(&out.to_vec());
            out.advance(out.len());
        }
        let mut frames = Vec::new();
        let mut rest = &self.output[..];
        while let Some((frame, length)) = Frame::parse(rest) {
            frames.push(frame);
            rest = &rest[length..];
        }
        assert!(rest.is_empty(), "part of a frame");
        self.output.clear();
        frames
    }

    pub(super) fn sent(&mut self) -> Vec<String> {
        self.frames().iter().map(Frame::to_string).collect()
    }

    /// The events since it was asked last.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.connection.poll_event()).map(tell).collect()
    }

    /// Messages of a stream that have come, and what is behind them.
    pub(super) fn pulled(&mut self, id: StreamId) -> Vec<String> {
        let mut pulled = Vec::new();
        loop {
            match self.connection.receiver(id).unwrap().pull() {
                Pull::Message(message) if message.bytes().len() > 40 => {
                    pulled.push(format!("{} bytes", message.bytes().len()));
                }
                Pull::Message(message) => pulled.push(String::from_utf8_lossy(message.bytes()).into_owned()),
                Pull::Empty => return pulled,
                Pull::End => {
                    pulled.push("end".to_owned());
                    return pulled;
                }
                Pull::Failed => {
                    pulled.push("failed".to_owned());
                    return pulled;
                }
            }
        }
    }

    /// Takes one message of a stream, and tells its length.
    pub(super) fn pull_one(&mut self, id: StreamId) -> Option<usize> {
        match self.connection.receiver(id).unwrap().pull() {
            Pull::Message(message) => Some(message.bytes().len()),
            Pull::Empty | Pull::End | Pull::Failed => None,
        }
    }

    /// How a stream ended.
    pub(super) fn ending(&self, id: StreamId) -> String {
        match self.connection.outcome(id) {
            None => "none".to_owned(),
            Some(Outcome::Ok) => "ok".to_owned(),
            Some(Outcome::Business(status)) => format!("{status} {:?}", status.extra),
            Some(Outcome::Exception(exception)) => format!("{:?} {exception}", exception.class),
        }
    }

    pub(super) fn send(&mut self, id: StreamId, message: &str) -> Result<(), SendError> {
        let message = Bytes::copy_from_slice(message.as_bytes());
        self.connection.sender(id).unwrap().send(&message)
    }

    /// Sends a message of so many bytes.
    pub(super) fn send_long(&mut self, id: StreamId, length: usize) -> Result<(), SendError> {
        self.connection
            .sender(id)
            .unwrap()
            .send(&Bytes::from(vec![b'x'; length]))
    }

    /// Sends messages of a length until there is no more credit. Returns how many.
    pub(super) fn send_all(&mut self, id: StreamId, length: usize) -> u64 {
        let mut sent = 0;
        loop {
            match self.send_long(id, length) {
                Ok(()) => sent += 1,
                Err(SendError::Full) => {
                    // What is full may be the buffer.
                    if self.frames().is_empty() {
                        return sent;
                    }
                }
                Err(error) => panic!("{error}"),
            }
            assert!(sent < 100_000, "no end of credit");
        }
    }

    /// Client: says that no more will be sent.
    pub(super) fn half_close(&mut self, id: StreamId) {
        self.connection.sender(id).unwrap().finish().unwrap();
    }

    /// Client: opens a stream of a method.
    pub(super) fn open(&mut self, method: &'static str) -> StreamId {
        self.connection.open(self.now, &request(method)).unwrap()
    }

    /// Server: what a stream of a method is once its header has come. Its events are taken out.
    pub(super) fn opened(&mut self, id: i32, method: &str) -> StreamId {
        self.feed(&[Frame::open(id, method)]);
        assert_eq!(self.told(), [format!("opened {id}")]);
        stream(id)
    }

    /// A pull that finds nothing, which makes the next message worth an event.
    pub(super) fn listen(&mut self, id: StreamId) {
        assert_eq!(self.pulled(id), [""; 0]);
    }

    /// A socket that takes nothing: what there is to send stays with the caller.
    pub(super) fn stuck(&mut self) {
        self.connection.poll_transmit(self.now, &mut self.unsent);
    }

    /// Server: the handler of a stream returns.
    pub(super) fn finish(&mut self, id: StreamId, ending: &Ending) {
        self.connection.finish(id, ending, &Strings::new());
    }

    /// Nothing is left of any stream.
    #[track_caller]
    pub(super) fn assert_empty(&mut self) {
        self.sent();
        let open = self.connection.open_streams();
        assert_eq!((open, self.connection.usage()), (0, 0), "streams and bytes left");
        assert_eq!(self.connection.close_reason(), None);
    }

    /// Server: a stream that has to go well.
    #[track_caller]
    pub(super) fn serves_well(&mut self, id: i32) {
        self.told();
        self.sent();
        let stream = self.opened(id, "bidi");
        self.feed(&[Frame::data(id, "hello"), Frame::trailer(id)]);
        assert_eq!(self.pulled(stream), ["hello", "end"]);
        self.send(stream, "hi").unwrap();
        self.finish(stream, &Ending::Ok);
        let said: Vec<_> = self
            .sent()
            .into_iter()
            .filter(|frame| !frame.contains("meta fc"))
            .collect();
        assert_eq!(
            said,
            [format!("{id} header"), format!("{id} data hi"), format!("{id} trailer")]
        );
        self.told();
    }

    /// Client: a stream that has to go well.
    #[track_caller]
    pub(super) fn calls_well(&mut self) {
        self.told();
        self.sent();
        let id = self.open("bidi");
        let n = id.get();
        self.send(id, "hello").unwrap();
        self.half_close(id);
        assert_eq!(
            self.sent(),
            [
                format!("{n} header isn=Stream"),
                format!("{n} data hello"),
                format!("{n} trailer")
            ]
        );
        self.feed(&[Frame::header(n), Frame::data(n, "hi"), Frame::trailer(n)]);
        assert_eq!(self.pulled(id), ["hi", "end"]);
        assert_eq!(self.ending(id), "ok");
        self.connection.release(id);
        self.told();
        self.sent();
    }
}

/// A client with one open stream, whose opening was sent.
pub(super) fn active() -> (Side, StreamId) {
    let mut side = Side::stock_client(|_| {});
    let id = side.open(BOTH);
    assert_eq!(side.sent(), ["1 header isn=Stream"]);
    (side, id)
}

/// The same, half-closed.
pub(super) fn half_closed() -> (Side, StreamId) {
    let (mut side, id) = active();
    side.half_close(id);
    assert_eq!(side.sent(), ["1 trailer"]);
    (side, id)
}

/// An active and a half-closed client, and what each writes where a trailer is due.
pub(super) fn both() -> [(Side, StreamId, &'static [&'static str]); 2] {
    let ((a, a_id), (h, h_id)) = (active(), half_closed());
    [(a, a_id, &["1 trailer"]), (h, h_id, &[])]
}

fn tell(event: Event) -> String {
    match event {
        Event::Opened { id } => format!("opened {}", id.get()),
        Event::Header { id } => format!("header {}", id.get()),
        Event::Readable { id } => format!("readable {}", id.get()),
        Event::Writable { id } => format!("writable {}", id.get()),
        Event::Ended { id } => format!("ended {}", id.get()),
        Event::Meta { id, .. } => format!("meta {}", id.get()),
        Event::Available => "available".to_owned(),
        Event::Draining => "draining".to_owned(),
        Event::Refused { id, exception } => format!("refused {} {} {exception}", id.get(), exception.kind.0),
        Event::Closed { reason } => format!("closed: {reason}"),
    }
}

fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config::default();
    change(&mut config);
    Arc::new(config)
}

pub(super) fn windows(config: &mut Config, connection: u64, stream: u64) {
    config.connection_window = connection;
    config.stream_window = stream;
}

pub(super) fn services(unknown: UnknownHandler) -> Arc<Services> {
    let mut services = Services::builder();
    let thrift = ServiceInfo::new("wire", "Stream", Codec::Thrift, &METHODS);
    services.add(thrift, ServiceRole::Ordinary);
    let protobuf = ServiceInfo::new("wire", "Pb", Codec::Protobuf, &PROTOBUF_METHODS);
    services.add(protobuf, ServiceRole::Ordinary);
    if unknown == UnknownHandler::Present {
        services.unknown_handler();
    }
    Arc::new(services.build().unwrap())
}

pub(super) fn request(method: &'static str) -> Request<'static> {
    let info = METHODS.iter().find(|info| info.name == method).unwrap();
    Request::new("Stream", method, info.kind)
}

pub(super) fn strings(list: &[(&str, &str)]) -> Strings {
    let mut strings = Strings::new();
    for (key, value) in list {
        strings.push(key, value);
    }
    strings
}

/// The entries in order.
pub(super) fn listed(strings: Option<&Strings>) -> Option<Vec<(String, String)>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    strings.map(|strings| strings.iter().map(|(key, value)| (text(key), text(value))).collect())
}

pub(super) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(super) const fn stream(number: i32) -> StreamId {
    StreamId::new(number)
}

/// What a message of so many bytes is charged.
pub(super) fn charge(length: usize) -> u64 {
    Frame::data(1, vec![0; length]).charge()
}

/// The method of most tests.
pub(super) const BOTH: &str = "bidi";
pub(super) const MIB: u64 = 1 << 20;
pub(super) const CANCELED: &str = "user code invoking stream RPC with context processed by context.WithCancel or \
                                   context.WithTimeout, then invoking cancel() actively";
