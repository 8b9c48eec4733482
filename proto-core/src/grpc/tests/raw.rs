//! A server of ours against a client that writes its frames itself, legal or not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::rig::frame;
use crate::buf::Transmit;
use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use crate::grpc::{Config, Connection, Event, Pull, StreamId};
use crate::http::Fields;
use crate::pingpong::Demand;
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::grpc::Outcome;
use crate::wire::hpack::{Decoder, Encoder};
use crate::wire::http2::{self, Flags, FrameHead, FrameType, PREFACE, Payload};

static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("unary", MethodKind::Unary),
    MethodInfo::new("up", MethodKind::ClientStreaming),
    MethodInfo::new("down", MethodKind::ServerStreaming),
    MethodInfo::new("both", MethodKind::BidirectionalStreaming),
];

/// The methods and whether their handler waits for a message.
pub(super) const KINDS: [(&str, bool); 4] = [("unary", true), ("up", false), ("down", true), ("both", false)];

pub(super) struct Raw {
    pub(super) server: Connection,
    pub(super) now: Instant,
    /// What the server holds before the first call.
    idle: usize,
    encoder: Encoder,
    decoder: Decoder,
    input: BytesMut,
    output: Vec<u8>,
    /// What the server sent on each stream, as text.
    heard: BTreeMap<u32, Vec<String>>,
    bodies: BTreeMap<u32, Vec<u8>>,
    pub(super) opened: Vec<StreamId>,
    pub(super) ended: Vec<StreamId>,
    pub(super) writable: Vec<StreamId>,
    /// Calls answered without a handler.
    pub(super) refused: usize,
}

impl Raw {
    pub(super) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut services = Services::builder();
        let info = ServiceInfo::new("wire", "Wire", Codec::Thrift, &METHODS);
        services.add(info, ServiceRole::Ordinary);
        let mut config = Config::default();
        change(&mut config);
        let now = Instant::from_nanos(1);
        let mut raw = Self {
            server: Connection::server(Arc::new(services.build().unwrap()), Arc::new(config), now),
            now,
            idle: 0,
            encoder: Encoder::new(0),
            decoder: Decoder::new(4096),
            input: BytesMut::new(),
            output: Vec::new(),
            heard: BTreeMap::new(),
            bodies: BTreeMap::new(),
            opened: Vec::new(),
            ended: Vec::new(),
            writable: Vec::new(),
            refused: 0,
        };
        raw.send(PREFACE);
        raw.send(&frame(FrameType::SETTINGS, Flags::NONE, StreamId::CONNECTION, &[]));
        raw.send(&frame(FrameType::SETTINGS, Flags::ACK, StreamId::CONNECTION, &[]));
        raw.idle = raw.server.usage();
        raw
    }

    /// Gives bytes to the server, and takes in what it does about them.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while !self.input.is_empty() && self.server.read_demand() != Demand::Pause {
            let before = self.input.len();
            self.server.receive(self.now, &mut self.input);
            if self.input.len() == before {
                break;
            }
        }
        self.listen();
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        self.listen();
    }

    /// HEADERS of a call; `flags` beside END_HEADERS.
    pub(super) fn head(&mut self, id: StreamId, fields: &Fields, flags: Flags) {
        let mut block = Vec::new();
        self.encoder.encode(fields, &mut block);
        self.send(&frame(FrameType::HEADERS, flags.with(Flags::END_HEADERS), id, &block));
    }

    /// Opens a Thrift call of a method, with these fields too.
    pub(super) fn open(&mut self, id: StreamId, method: &str, more: &[(&str, &str)]) {
        self.head(id, &call(method, more), Flags::NONE);
    }

    /// DATA in frames of 16 KiB at most; `flags` on the last.
    pub(super) fn data(&mut self, id: StreamId, bytes: &[u8], flags: Flags) {
        let mut pieces = bytes.chunks(16_384).peekable();
        if pieces.peek().is_none() {
            self.send(&frame(FrameType::DATA, flags, id, &[]));
        }
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { flags } else { Flags::NONE };
            self.send(&frame(FrameType::DATA, flags, id, piece));
        }
    }

    pub(super) fn reset(&mut self, id: StreamId) {
        self.send(&frame(FrameType::RST_STREAM, Flags::NONE, id, &8_u32.to_be_bytes()));
    }

    /// A call from beginning to end that has to go well.
    pub(super) fn good_call(&mut self, id: StreamId) {
        self.open(id, "unary", &[]);
        self.data(id, b"\0\0\0\0\x05hello", Flags::END_STREAM);
        assert_eq!(self.opened.pop(), Some(id), "{:?}", self.heard);
        self.echo(id);
        assert_eq!(self.heard(id), ["200", "hello", "0 "]);
    }

    /// Answers a call with its first message.
    pub(super) fn echo(&mut self, id: StreamId) {
        let message = match self.server.receiver(id).unwrap().pull() {
            Pull::Message(message) => message.to_bytes(),
            other => panic!("{other:?}"),
        };
        self.server.sender(id).unwrap().send(&message).unwrap();
        self.finish(id);
    }

    pub(super) fn finish(&mut self, id: StreamId) {
        self.server.finish(id, &Outcome::default(), &Fields::new());
        self.listen();
    }

    /// What the server sent on a stream: heads, body, trailers, resets.
    pub(super) fn heard(&mut self, id: StreamId) -> Vec<String> {
        self.listen();
        self.heard.remove(&id.get()).unwrap_or_default()
    }

    /// Nothing is left of any call.
    #[track_caller]
    pub(super) fn is_idle(&mut self) {
        self.listen();
        assert_eq!(self.server.open_calls(), 0, "calls that are not released");
        self.server.release_memory();
        assert!(
            self.server.usage() <= self.idle,
            "{} bytes are held",
            self.server.usage()
        );
        assert_eq!(self.server.close_reason(), None);
    }

    fn listen(&mut self) {
        let mut out = Transmit::new();
        loop {
            while let Some(event) = self.server.poll_event() {
                match event {
                    Event::Opened { id } => self.opened.push(id),
                    Event::Ended { id } => self.ended.push(id),
                    Event::Writable { id } => self.writable.push(id),
                    Event::Refused { .. } => self.refused += 1,
                    _ => {}
                }
            }
            if !self.server.poll_transmit(self.now, &mut out) {
                break;
            }
            self.output.extend_from_slice(&out.to_vec());
            out.advance(out.len());
        }
        while let Some(head) = FrameHead::parse(&self.output) {
            let length = http2::HEAD_LEN + head.len as usize;
            let Some(frame) = self.output.get(http2::HEAD_LEN..length).map(<[u8]>::to_vec) else {
                break;
            };
            self.output.drain(..length);
            self.hear(head, &frame);
        }
    }

    fn hear(&mut self, head: FrameHead, payload: &[u8]) {
        let id = head.stream.get();
        let text = match http2::parse(head, payload).unwrap() {
            Payload::Data(data) => {
                self.bodies.entry(id).or_default().extend_from_slice(data.content);
                if head.flags.has(Flags::END_STREAM) {
                    self.body(id)
                } else {
                    None
                }
            }
            Payload::Headers { fragment, .. } => {
                let mut fields = Fields::new();
                self.decoder.decode(fragment.content, usize::MAX, &mut fields).unwrap();
                let body = self.body(id);
                self.heard.entry(id).or_default().extend(body);
                Some(section(&fields))
            }
            Payload::Reset(code) => Some(format!("reset {code}")),
            Payload::GoAway { code, debug, .. } => Some(format!("go away {code} {}", String::from_utf8_lossy(debug))),
            _ => None,
        };
        self.heard.entry(id).or_default().extend(text);
    }

    /// The body so far; of gRPC's messages what is behind the prefix of the first.
    fn body(&mut self, id: u32) -> Option<String> {
        let body = self.bodies.remove(&id).filter(|body| !body.is_empty())?;
        let text = body.strip_prefix(b"\0\0\0\0").map_or(&body[..], |rest| &rest[1..]);
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Status, and gRPC's status where there is one.
fn section(fields: &Fields) -> String {
    let text = |name: &str| {
        fields
            .get(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let parts = [
        ":status",
        "allow",
        "grpc-status",
        "grpc-message",
        "grpc-accept-encoding",
    ]
    .map(text);
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The head of a Thrift call.
pub(super) fn call(method: &str, more: &[(&str, &str)]) -> Fields {
    let mut head = Fields::request("POST", "http", "x", &format!("/wire.Wire/{method}"));
    head.push("content-type", "application/grpc+thrift");
    head.push("te", "trailers");
    for (name, value) in more {
        head.push(name, value);
    }
    head
}

pub(super) const fn id(number: u32) -> StreamId {
    StreamId::new(number)
}
