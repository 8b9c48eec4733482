//! Frames as bytes, written and read without the code under test.

use std::fmt;

use kitewire_proto::http::Fields;
use kitewire_proto::wire::hpack::{Decoded, Decoder};
use kitewire_proto::wire::http2::ErrorCode;

/// The client's first bytes (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 §6).
pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PUSH_PROMISE: u8 = 0x5;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;
/// A type that no RFC defines.
pub(crate) const UNKNOWN: u8 = 0x16;

/// Flags. `END` is END_STREAM, or ACK where the frame belongs to the connection.
pub(crate) const NONE: u8 = 0x0;
pub(crate) const END: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

/// Settings (RFC 9113 §6.5.2).
pub(crate) const HEADER_TABLE_SIZE: u16 = 0x1;
pub(crate) const ENABLE_PUSH: u16 = 0x2;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 0x4;
pub(crate) const MAX_FRAME_SIZE: u16 = 0x5;
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 0x6;

/// The most that a flow-control window can hold (RFC 9113 §6.9.1).
pub(crate) const MAX_WINDOW: u32 = 0x7fff_ffff;

/// The request of most cases.
pub(crate) const GET: [(&str, &str); 4] = request("GET");

/// A request that has a body.
pub(crate) const POST: [(&str, &str); 4] = request("POST");

const fn request(method: &str) -> [(&str, &str); 4] {
    [
        (":method", method),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "127.0.0.1"),
    ]
}

/// One frame; the stream id goes out with its reserved bit as given.
pub(crate) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a payload of a test is small");
    let mut bytes = len.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The payload of SETTINGS.
pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, value) in values {
        bytes.extend(id.to_be_bytes());
        bytes.extend(value.to_be_bytes());
    }
    bytes
}

/// The payload of PRIORITY, and what HEADERS carries with that flag.
pub(crate) fn priority(parent: u32, weight: u8) -> Vec<u8> {
    let mut bytes = parent.to_be_bytes().to_vec();
    bytes.push(weight);
    bytes
}

/// The payload of GOAWAY.
pub(crate) fn goaway(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    [&last.to_be_bytes(), &code.to_be_bytes(), debug].concat()
}

/// The payload of a padded frame.
pub(crate) fn padded(content: &[u8], padding: u8) -> Vec<u8> {
    [&[padding], content, &vec![0; usize::from(padding)]].concat()
}

/// A field block that leaves the dynamic table alone: literals without indexing, new names (RFC 7541 §6.2.2).
pub(crate) fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0x00);
        put_string(name.as_ref(), &mut bytes);
        put_string(value.as_ref(), &mut bytes);
    }
    bytes
}

/// The block of `fields` with one more behind them.
pub(crate) fn block_with(fields: &[(&str, &str)], name: &str, value: &str) -> Vec<u8> {
    [block(fields), block(&[(name, value)])].concat()
}

/// Fields that alone fill a frame of the usual size, and more.
pub(crate) fn large_fields() -> Vec<u8> {
    let value = "x".repeat(4000);
    let names: Vec<String> = (0..5).map(|n| format!("x-dummy{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    block(&fields)
}

/// One field that is not small.
pub(crate) fn dummy_field() -> Vec<u8> {
    block(&[("x-dummy0", "x".repeat(4000))])
}

/// A string without Huffman coding (RFC 7541 §5.2).
fn put_string(text: &[u8], bytes: &mut Vec<u8>) {
    put_integer(text.len(), 7, 0, bytes);
    bytes.extend(text);
}

/// An integer behind the `pattern` of its first byte (RFC 7541 §5.1).
pub(crate) fn put_integer(value: usize, prefix_bits: u32, pattern: u8, bytes: &mut Vec<u8>) {
    let most = (1_usize << prefix_bits) - 1;
    let byte = |value: usize| u8::try_from(value).expect("below 256");
    if value < most {
        return bytes.push(pattern | byte(value));
    }
    bytes.push(pattern | byte(most));
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push(byte(rest % 128) | 0x80);
        rest /= 128;
    }
    bytes.push(byte(rest));
}

/// A frame that came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) id: u32,
    pub(crate) payload: Vec<u8>,
    /// What the field block says, where one ends in this frame.
    pub(crate) fields: Option<Fields>,
}

impl Frame {
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub(crate) fn code(&self) -> ErrorCode {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        ErrorCode(self.word(at))
    }

    /// The big-endian word at `at`; zero behind the end.
    pub(crate) fn word(&self, at: usize) -> u32 {
        let bytes = self.payload.get(at..at + 4).unwrap_or(&[0; 4]);
        u32::from_be_bytes(bytes.try_into().expect("four bytes"))
    }

    /// The last value of a setting in SETTINGS.
    pub(crate) fn setting(&self, id: u16) -> Option<u32> {
        let mut entries = self.payload.chunks_exact(6);
        let found = entries.rfind(|entry| entry[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(found[2..].try_into().expect("four bytes")))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            "DATA",
            "HEADERS",
            "PRIORITY",
            "RST_STREAM",
            "SETTINGS",
            "PUSH_PROMISE",
            "PING",
            "GOAWAY",
            "WINDOW_UPDATE",
            "CONTINUATION",
        ];
        let name = names.get(usize::from(self.kind)).unwrap_or(&"frame of unknown type");
        write!(
            f,
            "{name}(stream {}, flags {:#x}, {} bytes",
            self.id,
            self.flags,
            self.payload.len()
        )?;
        match self.kind {
            RST_STREAM => write!(f, ", {}", self.code())?,
            GOAWAY => {
                let text = self.payload.get(8..).unwrap_or(&[]).escape_ascii();
                write!(f, ", last {}, {}, \"{text}\"", self.word(0), self.code())?;
            }
            WINDOW_UPDATE => write!(f, ", +{}", self.word(0))?,
            _ => {}
        }
        if let Some(fields) = &self.fields {
            write!(f, ", {fields:?}")?;
        }
        f.write_str(")")
    }
}

/// Takes frames out of what a connection sends.
pub(crate) struct Reader {
    bytes: Vec<u8>,
    decoder: Decoder,
    block: Vec<u8>,
    preface: bool,
}

impl Reader {
    /// Of a server, whose first bytes are a frame.
    pub(crate) fn of_server() -> Self {
        Self {
            bytes: Vec::new(),
            decoder: Decoder::new(4096),
            block: Vec::new(),
            preface: false,
        }
    }

    /// Of a client, whose first bytes are the preface.
    pub(crate) fn of_client() -> Self {
        Self {
            preface: true,
            ..Self::of_server()
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        if self.preface && self.bytes.len() >= PREFACE.len() {
            let first: Vec<u8> = self.bytes.drain(..PREFACE.len()).collect();
            assert_eq!(first, PREFACE, "the client's preface");
            self.preface = false;
        }
    }

    /// The next whole frame.
    pub(crate) fn pull(&mut self) -> Option<Frame> {
        let head = self.bytes.get(..9)?;
        let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes(head[5..].try_into().expect("four bytes"));
        let payload = self.bytes.get(9..9 + len)?.to_vec();
        self.bytes.drain(..9 + len);
        let fields = self.fields(kind, flags, &payload);
        Some(Frame {
            kind,
            flags,
            id,
            payload,
            fields,
        })
    }

    /// Whether everything that came was whole frames.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn fields(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Option<Fields> {
        if !matches!(kind, HEADERS | CONTINUATION) {
            return None;
        }
        self.block.extend(payload);
        if flags & END_HEADERS == 0 {
            return None;
        }
        let mut fields = Fields::new();
        let decoded = self.decoder.decode(&self.block, 1 << 20, &mut fields);
        assert!(
            matches!(decoded, Ok(Decoded::Complete)),
            "a field block that we can read"
        );
        self.block.clear();
        Some(fields)
    }
}
