//! HTTP/2 frames and the gRPC messages in them, taken apart into the fields that the vectors list.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use kitewire_proto::http::Fields;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::message::{self, Compression};
use kitewire_proto::wire::grpc::{ContentType, GRACEFUL_SHUTDOWN};
use kitewire_proto::wire::hpack::{Decoded, Decoder};
use kitewire_proto::wire::http2::{self, ErrorCode, Flags, FrameHead, FrameType, PREFACE, Padded, Payload, Setting};
use kitewire_proto::{Limits, thrift};
use serde_json::{Map, Value, json};

use crate::message::describe_fields;
use crate::vectors::hex;

/// One direction of a connection, frame by frame.
#[derive(Debug)]
pub struct Reader {
    hpack: Decoder,
    /// A header block that goes on in CONTINUATION frames.
    block: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
}

/// What is known of a stream in one direction.
#[derive(Debug, Default)]
struct Stream {
    codec: Option<Codec>,
    /// What may become a message.
    pending: Vec<u8>,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its first nine bytes; all zero for the preface.
    pub head: FrameHead,
    /// What is in it.
    pub content: Content,
}

/// What is in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The first bytes of a client.
    Preface,
    /// Body bytes, and the messages that end in them.
    Data(Vec<u8>, Vec<Message>),
    /// A whole header section; empty if it goes on in the next frame.
    Headers(Fields),
    /// The end of a stream.
    Reset(ErrorCode),
    /// Settings by number.
    Settings(Vec<(u16, u32)>),
    /// A PING or its answer.
    Ping([u8; 8]),
    /// The end of the connection: last stream, code, text.
    GoAway(u32, ErrorCode, String),
    /// More room.
    WindowUpdate(u32),
    /// Anything else.
    Other,
}

/// A gRPC message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the flag says.
    pub compression: Compression,
    /// The bytes behind the prefix.
    pub wire: Vec<u8>,
    /// The same without compression.
    pub bytes: Vec<u8>,
    /// How they are encoded, as the stream's content type says.
    pub codec: Option<Codec>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hpack: Decoder::new(http2::DEFAULT_HEADER_TABLE_SIZE),
            block: Vec::new(),
            streams: BTreeMap::new(),
        }
    }

    /// The first frame of `input` and its length. `None`: it is not whole.
    ///
    /// # Errors
    /// It breaks a rule of its type, or its header block cannot be decoded.
    pub fn read(&mut self, input: &[u8]) -> Result<Option<(Frame, usize)>, String> {
        if input.starts_with(PREFACE) {
            let head = FrameHead::parse(&[0; http2::HEAD_LEN]).ok_or("nine bytes are a head")?;
            let content = Content::Preface;
            return Ok(Some((Frame { head, content }, PREFACE.len())));
        }
        let Some(head) = FrameHead::parse(input) else {
            return Ok(None);
        };
        let length = http2::HEAD_LEN + head.len as usize;
        let Some(payload) = input.get(http2::HEAD_LEN..length) else {
            return Ok(None);
        };
        let content = self.content(head, payload)?;
        Ok(Some((Frame { head, content }, length)))
    }

    fn content(&mut self, head: FrameHead, payload: &[u8]) -> Result<Content, String> {
        let payload = http2::parse(head, payload).map_err(|error| error.text.to_owned())?;
        Ok(match payload {
            Payload::Data(Padded { content, .. }) => {
                let stream = self.streams.entry(head.stream.get()).or_default();
                Content::Data(content.to_vec(), stream.messages(content)?)
            }
            Payload::Headers { fragment, .. } => self.section(head, fragment.content)?,
            Payload::Continuation(fragment) => self.section(head, fragment)?,
            Payload::Reset(code) => Content::Reset(code),
            Payload::Settings(settings) => {
                let entries = settings.map(|setting| setting.map(Setting::entry));
                Content::Settings(
                    entries
                        .collect::<Result<_, _>>()
                        .map_err(|error| error.text().to_owned())?,
                )
            }
            Payload::SettingsAck => Content::Settings(Vec::new()),
            Payload::Ping(bytes) | Payload::PingAck(bytes) => Content::Ping(bytes),
            Payload::GoAway { last, code, debug } => {
                Content::GoAway(last.get(), code, String::from_utf8_lossy(debug).into_owned())
            }
            Payload::WindowUpdate(increment) => Content::WindowUpdate(increment),
            _ => Content::Other,
        })
    }

    fn section(&mut self, head: FrameHead, fragment: &[u8]) -> Result<Content, String> {
        self.block.extend_from_slice(fragment);
        let mut fields = Fields::new();
        if head.flags.has(Flags::END_HEADERS) {
            let decoded = self.hpack.decode(&self.block, usize::MAX, &mut fields);
            if decoded != Ok(Decoded::Complete) {
                return Err(format!("header block: {decoded:?}"));
            }
            self.block.clear();
            if let Some(value) = fields.get(ContentType::NAME) {
                let stream = self.streams.entry(head.stream.get()).or_default();
                stream.codec = ContentType::parse(value).map(|content_type| content_type.codec());
            }
        }
        Ok(Content::Headers(fields))
    }
}

impl Stream {
    /// Appends body bytes, and takes the messages out that are whole then.
    fn messages(&mut self, content: &[u8]) -> Result<Vec<Message>, String> {
        self.pending.extend_from_slice(content);
        let mut messages = Vec::new();
        loop {
            let prefix = message::parse(&self.pending, u32::MAX).map_err(|error| error.to_string())?;
            let Some(prefix) = prefix else {
                return Ok(messages);
            };
            let end = message::PREFIX_SIZE + prefix.length as usize;
            let Some(wire) = self.pending.get(message::PREFIX_SIZE..end) else {
                return Ok(messages);
            };
            messages.push(Message::new(prefix.compression, wire, self.codec)?);
            self.pending.drain(..end);
        }
    }
}

impl Message {
    fn new(compression: Compression, wire: &[u8], codec: Option<Codec>) -> Result<Self, String> {
        let bytes = match compression {
            Compression::Identity => wire.to_vec(),
            Compression::Compressed => {
                let mut bytes = Vec::new();
                let read = GzDecoder::new(wire).read_to_end(&mut bytes);
                read.map_err(|error| format!("gzip: {error}"))?;
                bytes
            }
        };
        Ok(Self {
            compression,
            wire: wire.to_vec(),
            bytes,
            codec,
        })
    }

    /// The fields of a Thrift message as the vectors list them; long strings by their beginning and their length.
    /// `None`: it is Protobuf, or not a struct.
    #[must_use]
    pub fn describe(&self) -> Option<Value> {
        if self.codec != Some(Codec::Thrift) {
            return None;
        }
        let bytes = Bytes::copy_from_slice(&self.bytes);
        let fields = thrift::decode(&bytes, Limits::default().max_depth).ok()?;
        let mut described = describe_fields(&fields);
        shorten(&mut described);
        Some(described)
    }
}

impl Frame {
    /// Whether the sender ends the stream with this frame.
    #[must_use]
    pub fn ends_stream(&self) -> bool {
        let can_end = matches!(self.content, Content::Data(..) | Content::Headers(_));
        can_end && self.head.flags.has(Flags::END_STREAM)
    }

    /// The frame as the vectors describe it, with all that they may list.
    #[must_use]
    pub fn describe(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        if self.content == Content::Preface {
            put("frame", json!("preface"));
            return fields;
        }
        put("frame", json!("http2"));
        put("type", json!(type_name(self.head.frame_type)));
        put("stream", json!(self.head.stream.get()));
        put("frame_flags", flags(self.head));
        match &self.content {
            Content::Preface | Content::Other => {}
            Content::Data(bytes, messages) => {
                put("data_hex", json!(hex(bytes)));
                put("data_len", json!(bytes.len()));
                if let Some(message) = messages.first() {
                    put(
                        "grpc_flag",
                        json!(u8::from(message.compression == Compression::Compressed)),
                    );
                    put("message_hex", json!(hex(&message.wire)));
                    put("message_len", json!(message.wire.len()));
                    put("uncompressed_hex", json!(hex(&message.bytes)));
                    put("body", message.describe().unwrap_or_default());
                }
            }
            Content::Headers(section) => put("headers", describe_section(section)),
            Content::Reset(code) => {
                put("error_code", json!(code.0));
                put("error_name", json!(error_name(*code)));
            }
            Content::Settings(entries) => {
                let entries = entries.iter().map(|(id, value)| json!([setting_name(*id), value]));
                put("settings", entries.collect());
            }
            Content::Ping(bytes) => put("ping_hex", json!(hex(bytes))),
            Content::GoAway(last, code, debug) => {
                put("last_stream", json!(last));
                put("error_code", json!(code.0));
                put("error_name", json!(error_name(*code)));
                put("debug", json!(debug));
            }
            Content::WindowUpdate(increment) => put("increment", json!(increment)),
        }
        fields
    }
}

fn describe_section(section: &Fields) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = section.iter().map(|field| json!([text(field.name), text(field.value)]));
    pairs.collect()
}

fn type_name(frame_type: FrameType) -> &'static str {
    match frame_type {
        FrameType::DATA => "DATA",
        FrameType::HEADERS => "HEADERS",
        FrameType::PRIORITY => "PRIORITY",
        FrameType::RST_STREAM => "RST_STREAM",
        FrameType::SETTINGS => "SETTINGS",
        FrameType::PUSH_PROMISE => "PUSH_PROMISE",
        FrameType::PING => "PING",
        FrameType::GOAWAY => "GOAWAY",
        FrameType::WINDOW_UPDATE => "WINDOW_UPDATE",
        FrameType::CONTINUATION => "CONTINUATION",
        _ => "unknown",
    }
}

fn flags(head: FrameHead) -> Value {
    let named: &[(Flags, &str)] = match head.frame_type {
        FrameType::SETTINGS | FrameType::PING => &[(Flags::ACK, "ACK")],
        FrameType::DATA => &[(Flags::END_STREAM, "END_STREAM"), (Flags::PADDED, "PADDED")],
        FrameType::HEADERS | FrameType::CONTINUATION => &[
            (Flags::END_STREAM, "END_STREAM"),
            (Flags::END_HEADERS, "END_HEADERS"),
            (Flags::PADDED, "PADDED"),
            (Flags::PRIORITY, "PRIORITY"),
        ],
        _ => &[],
    };
    named
        .iter()
        .filter(|(flag, _)| head.flags.has(*flag))
        .map(|(_, name)| *name)
        .collect()
}

fn error_name(code: ErrorCode) -> String {
    match code {
        GRACEFUL_SHUTDOWN => "1000 (Kitex graceful shutdown)".to_owned(),
        _ => code.to_string(),
    }
}

fn setting_name(id: u16) -> String {
    match id {
        1 => "HEADER_TABLE_SIZE",
        2 => "ENABLE_PUSH",
        3 => "MAX_CONCURRENT_STREAMS",
        4 => "INITIAL_WINDOW_SIZE",
        5 => "MAX_FRAME_SIZE",
        6 => "MAX_HEADER_LIST_SIZE",
        other => return other.to_string(),
    }
    .to_owned()
}

/// Long strings as the vectors have them: `xxxxxxxx…(40000)`.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONG => {
            let start: String = text.chars().take(8).collect();
            *text = format!("{start}…({})", text.len());
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(entries) => entries.values_mut().for_each(shorten),
        _ => {}
    }
}

const LONG: usize = 1000;
