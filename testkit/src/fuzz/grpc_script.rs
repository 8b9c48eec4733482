//! Frames of a gRPC peer made of a fuzzer's bytes: mostly good calls, with every lie within a byte's reach.

use kitewire_proto::http::Fields;
use kitewire_proto::wire::hpack::Encoder;

use super::http2_script::{Side, frame};

/// Methods that the server under test has, and paths that lead nowhere.
pub(super) const METHODS: [&str; 4] = ["unary", "up", "down", "both"];
const PATHS: [&str; 8] = [
    "/wire.Wire/unary",
    "/wire.Wire/up",
    "/wire.Wire/down",
    "/Wire/both",
    "/a.b.Wire/unary",
    "/wire.Wire/nope",
    "/Nope/unary",
    "/M",
];
const CONTENT_TYPES: [&str; 8] = [
    "application/grpc+thrift",
    "application/grpc+thrift",
    "application/grpc+thrift",
    "application/grpc",
    "application/grpc;x",
    "application/grpcx",
    "text/html",
    "",
];
const TIMEOUTS: [&str; 8] = ["", "", "", "", "1S", "20m", "0n", "1x"];
const ENCODINGS: [&str; 4] = ["", "gzip", "identity", "br"];
const STATUSES: [&str; 8] = ["0", "0", "0", "13", "1", "20", "-1", "x"];
/// "hello" in gzip.
const PACKED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";

/// Reads frames off a fuzzer's bytes until they are used up.
#[derive(Debug)]
pub(super) struct Script<'a> {
    bytes: &'a [u8],
    side: Side,
    next: u32,
    streams: Vec<u32>,
    encoder: Encoder,
    /// What is done to the next frame's bytes.
    flip: Option<(u8, u8)>,
}

impl<'a> Script<'a> {
    /// A script for `side`, when the client has opened so many streams already.
    pub(super) fn new(side: Side, opened: u32, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            side,
            next: 2 * opened + 1,
            streams: (0..opened).map(|index| 2 * index + 1).collect(),
            encoder: Encoder::new(0),
            flip: None,
        }
    }

    /// All frames, one after the other.
    pub(super) fn frames(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while !self.bytes.is_empty() {
            let mut bytes = self.step();
            if let Some((place, value)) = self.flip.take_if(|_| !bytes.is_empty()) {
                let at = usize::from(place) % bytes.len();
                bytes[at] ^= value;
            }
            all.extend(bytes);
        }
        all
    }

    fn step(&mut self) -> Vec<u8> {
        match self.byte() & 0xf {
            0..=3 => self.head(),
            4..=8 => self.data(),
            9 | 10 => self.trailers(),
            11 => {
                let stream = self.stream();
                frame(0x3, 0, stream, &u32::from(self.byte() & 0xf).to_be_bytes())
            }
            12 => {
                let stream = self.stream();
                frame(0x0, END_STREAM, stream, &[])
            }
            13 => {
                let increment = u32::from(self.byte()) << 4;
                let stream = if increment & 16 == 0 { 0 } else { self.stream() };
                frame(0x8, 0, stream, &increment.to_be_bytes())
            }
            14 => {
                let flip = (self.byte(), self.byte());
                self.flip = Some(flip);
                Vec::new()
            }
            _ => {
                let (kind, length) = (self.byte(), self.byte());
                let stream = if kind & 0x10 == 0 { 0 } else { self.stream() };
                frame(kind & 0xf, kind >> 5, stream, self.take(usize::from(length & 0x1f)))
            }
        }
    }

    /// A client opens a call with it, a server answers one.
    fn head(&mut self) -> Vec<u8> {
        let (what, how, more) = (self.byte(), self.byte(), self.byte());
        let stream = match self.side {
            Side::Server => self.stream(),
            Side::Client => {
                let id = self.next;
                self.next += 2;
                self.streams.push(id);
                id
            }
        };
        let mut fields = match self.side {
            Side::Client => {
                let method = if what >= 0xf0 { "GET" } else { "POST" };
                Fields::request(method, "http", "a", pick(&PATHS, what))
            }
            Side::Server => Fields::response([200, 200, 200, 200, 404, 103, 503, 0][usize::from(what & 7)]),
        };
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.push(name, value);
            }
        };
        put("content-type", pick(&CONTENT_TYPES, how));
        put("grpc-encoding", pick(&ENCODINGS, how >> 6));
        match self.side {
            Side::Client => put("grpc-timeout", pick(&TIMEOUTS, how >> 3)),
            Side::Server if more & 1 != 0 => {
                put("grpc-status", pick(&STATUSES, how >> 3));
                put("grpc-message", "a%20b");
            }
            Side::Server => {}
        }
        if more & 2 != 0 {
            put("grpc-accept-encoding", "identity, gzip");
            put("raw-bin", "AAH+");
        }
        if more & 4 != 0 {
            put("grpc-trace-bin", "!");
        }
        if more & 8 != 0 {
            put("source-service", "fuzzer");
            put("rpc-transit-a-b", "1");
        }
        self.section(stream, &fields, more & 1)
    }

    fn trailers(&mut self) -> Vec<u8> {
        let stream = self.stream();
        let what = self.byte();
        let mut fields = Fields::new();
        fields.push("grpc-status", pick(&STATUSES, what));
        if what & 0x20 != 0 {
            fields.push("grpc-message", "%E4%BD%A0%");
        }
        if what & 0x40 != 0 {
            fields.push("biz-status", pick(&STATUSES, what >> 3));
            fields.push("biz-extra", r#"{"k":"v"}"#);
        }
        if what & 0x80 != 0 {
            fields.push("grpc-status-details-bin", "CAUSBGdvbmU");
        }
        self.section(stream, &fields, u8::from(what & 0x18 != 0x18))
    }

    fn section(&mut self, stream: u32, fields: &Fields, end_stream: u8) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder.encode(fields, &mut block);
        frame(0x1, END_HEADERS | end_stream, stream, &block)
    }

    /// Messages, whole or not.
    fn data(&mut self) -> Vec<u8> {
        let stream = self.stream();
        let (what, size) = (self.byte(), self.byte());
        let length = usize::from(size);
        let payload = match what & 0xf {
            0..=4 => message(0, &vec![size; length & 0x3f]),
            5 => [message(0, b"one"), message(2, b"two")].concat(),
            6 => message(0, b"cut")[..length % 8].to_vec(),
            7 => self.take(length).to_vec(),
            8 => message(1, PACKED),
            9 => message(1, &PACKED[..length % PACKED.len()]),
            10 => message(1, self.take(length & 0x1f)),
            11 => [0, 1, 0, 0, size].to_vec(),
            12 => [0, 0xff, 0xff, 0xff, size].to_vec(),
            13 => message(0, &vec![size; 60 * length]),
            14 => [0, 0, 0x10, 0, 0]
                .into_iter()
                .chain(std::iter::repeat_n(size, 60 * length))
                .collect(),
            _ => vec![size; length],
        };
        frame(0x0, u8::from(what & 0xc0 == 0xc0), stream, &payload)
    }

    /// A stream that was opened; sometimes one that was not.
    fn stream(&mut self) -> u32 {
        match self.byte() {
            0xff => self.next,
            0xfe => self.next + 8,
            choice => {
                let opened = usize::from(choice).checked_rem(self.streams.len());
                opened.and_then(|index| self.streams.get(index)).copied().unwrap_or(1)
            }
        }
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}

fn message(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a short message").to_be_bytes();
    [&[flag][..], &length, bytes].concat()
}

fn pick<'a>(list: &[&'a str], choice: u8) -> &'a str {
    list.get(usize::from(choice) % list.len()).copied().unwrap_or("")
}

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
