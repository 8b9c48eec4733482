//! A ping-pong message taken apart into the fields that the vectors list, and put together again.

use bytes::Bytes;
use kitewire_proto::thrift;
use kitewire_proto::wire::detect::{Sniffed, sniff, sniff_payload};
use kitewire_proto::wire::ttheader::{Flags, Header, HeaderView, HeaderWriter, Info, IntKey, OpenFrame};
use kitewire_proto::wire::{Codec, Envelope, MessageType, SequenceId, framed, kitex_protobuf, thrift_message};
use kitewire_proto::{DecodeError, EncodeBody, Limits, Output};
use kitewire_testkit::fuzz::{Dynamic, Fields};
use serde_json::{Map, Value, json};

use crate::vectors::hex;

/// One message with all that stands around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    header: Option<HeaderValues>,
    codec: Codec,
    is_framed: bool,
    message_type: MessageType,
    method: Vec<u8>,
    sequence: SequenceId,
    body: Body,
    payload_len: usize,
}

/// All that a TTHeader says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeaderValues {
    flags: Flags,
    sequence: SequenceId,
    protocol_id: u8,
    transforms: Vec<u8>,
    size: usize,
    strings: Vec<(Vec<u8>, Vec<u8>)>,
    ints: Vec<(IntKey, Vec<u8>)>,
    acl_token: Option<Vec<u8>>,
    /// The ints stand in front of the strings, as no peer but a hand-written one writes them.
    ints_first: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Thrift(Fields),
    Protobuf(Vec<u8>),
}

impl Message {
    /// Takes the message apart that is all of `bytes`.
    ///
    /// # Errors
    /// If it is none.
    ///
    /// # Panics
    /// If bytes are missing or left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let limits = Limits::default();
        let (header, payload) = match sniff(bytes) {
            Sniffed::TtHeader => {
                let header = Header::parse(bytes, &limits)?.expect("the head is there");
                assert_eq!(header.frame_len(), bytes.len(), "LENGTH is the frame's");
                Info::scan(bytes, &header, limits.max_header_entries)?;
                let payload = bytes.get(header.payload_start()..);
                (
                    Some(HeaderValues::new(bytes, header)),
                    payload.expect("the payload is there"),
                )
            }
            _ => (None, bytes),
        };
        let (codec, is_framed) = match sniff_payload(payload) {
            Sniffed::BareThrift => (Codec::Thrift, false),
            Sniffed::FramedThrift => (Codec::Thrift, true),
            Sniffed::FramedProtobuf => (Codec::Protobuf, true),
            other => return Err(other.error().expect("headers do not nest")),
        };
        let message = if is_framed {
            let length = framed::parse(payload, codec, &limits)?.expect("the length is there");
            let (_, message) = payload.split_at(framed::LENGTH_SIZE);
            assert_eq!(length as usize, message.len(), "the inner length is the message's");
            message
        } else {
            payload
        };
        let envelope = parse_envelope(codec, message, &limits)?.expect("the envelope is there");
        let (_, body) = message.split_at(envelope.body_start());
        Ok(Self {
            header,
            codec,
            is_framed,
            message_type: envelope.message_type,
            method: envelope.name(message).to_vec(),
            sequence: envelope.sequence,
            body: Body::decode(codec, body, &limits)?,
            payload_len: payload.len(),
        })
    }

    /// The bytes of the message.
    ///
    /// # Panics
    /// If it has no encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Output::new();
        match &self.header {
            None => self.encode_payload(&mut out),
            Some(header) => {
                let frame = header.write(&mut out);
                self.encode_payload(&mut out);
                frame.finish(&mut out, u32::MAX);
            }
        }
        assert_eq!(out.take_error(), None);
        out.to_vec()
    }

    fn encode_payload(&self, out: &mut Output) {
        let frame = self.is_framed.then(|| framed::begin(out));
        let write = match self.codec {
            Codec::Thrift => thrift_message::write_envelope,
            Codec::Protobuf => kitex_protobuf::write_envelope,
        };
        write(out, self.message_type, &self.method, self.sequence);
        match &self.body {
            Body::Thrift(fields) => fields.encode_body(out),
            Body::Protobuf(bytes) => out.put(bytes),
        }
        if let Some(frame) = frame {
            framed::finish(out, frame, u32::MAX);
        }
    }

    /// The message as the vectors describe it. Empty KV blocks are listed.
    #[must_use]
    pub fn describe(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let own = match (self.codec, self.is_framed) {
            (Codec::Thrift, false) => "bare",
            (Codec::Thrift, true) => "framed",
            (Codec::Protobuf, _) => "kitexpb",
        };
        if let Some(header) = &self.header {
            fields.extend(header.describe());
            fields.insert("payload_len".to_owned(), json!(self.payload_len));
            if self.is_framed {
                fields.insert("inner".to_owned(), json!(own));
            }
        } else {
            fields.insert("frame".to_owned(), json!(own));
        }
        fields.insert("message".to_owned(), json!(type_name(self.message_type)));
        fields.insert("method".to_owned(), text(&self.method));
        fields.insert("seq_id".to_owned(), json!(self.sequence.0));
        match &self.body {
            Body::Thrift(body) => {
                fields.insert("body".to_owned(), describe_fields(body));
            }
            Body::Protobuf(body) => {
                fields.insert("magic".to_owned(), json!("9001"));
                fields.insert("body_hex".to_owned(), json!(hex(body)));
            }
        }
        fields
    }
}

impl HeaderValues {
    pub(crate) fn new(frame: &[u8], header: Header) -> Self {
        let view = HeaderView::new(frame, header);
        Self {
            flags: header.flags,
            sequence: header.sequence,
            protocol_id: header.protocol_id,
            transforms: header.transforms(frame).to_vec(),
            size: header.header_size(),
            strings: view
                .strings()
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect(),
            ints: view.ints().map(|(key, value)| (key, value.to_vec())).collect(),
            acl_token: view.acl_token().map(<[u8]>::to_vec),
            ints_first: frame.get(header.info_start as usize) == Some(&INTS),
        }
    }

    /// Writes the header; the payload comes next.
    pub(crate) fn write(&self, out: &mut Output) -> OpenFrame {
        let mut writer = HeaderWriter::begin(out, self.flags, self.sequence);
        writer.protocol_id(self.protocol_id);
        if let Some(token) = &self.acl_token {
            writer.acl_token(token);
        }
        let strings =
            |writer: &mut HeaderWriter<'_>| self.strings.iter().for_each(|(key, value)| writer.string(key, value));
        if !self.ints_first {
            strings(&mut writer);
        }
        for (key, value) in &self.ints {
            writer.int(*key, value);
        }
        if self.ints_first {
            strings(&mut writer);
        }
        writer.end()
    }

    /// The last value of an int key.
    pub(crate) fn int(&self, key: IntKey) -> Option<&[u8]> {
        let mut found = self.ints.iter().rev().filter(|(found, _)| *found == key);
        found.next().map(|(_, value)| value.as_slice())
    }

    /// The last value of a string key.
    pub(crate) fn string(&self, key: &str) -> Option<&[u8]> {
        let mut found = self.strings.iter().rev().filter(|(found, _)| found == key.as_bytes());
        found.next().map(|(_, value)| value.as_slice())
    }

    pub(crate) fn describe(&self) -> Map<String, Value> {
        let strings: Map<_, _> = self
            .strings
            .iter()
            .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), text(value)))
            .collect();
        let ints: Map<_, _> = self
            .ints
            .iter()
            .map(|(key, value)| (key.0.to_string(), text(value)))
            .collect();
        let mut fields = Map::from_iter([
            ("frame".to_owned(), json!("ttheader")),
            ("flags".to_owned(), json!(self.flags.0)),
            ("seq".to_owned(), json!(self.sequence.0)),
            ("protocol_id".to_owned(), json!(self.protocol_id)),
            ("transforms".to_owned(), json!(self.transforms)),
            ("header_size".to_owned(), json!(self.size * 4)),
            ("str_kv".to_owned(), Value::Object(strings)),
            ("int_kv".to_owned(), Value::Object(ints)),
        ]);
        if let Some(token) = &self.acl_token {
            fields.insert("acl_token".to_owned(), text(token));
        }
        fields
    }
}

impl Body {
    fn decode(codec: Codec, body: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        match codec {
            Codec::Protobuf => Ok(Self::Protobuf(body.to_vec())),
            Codec::Thrift => thrift::decode(&Bytes::copy_from_slice(body), limits.max_depth).map(Self::Thrift),
        }
    }
}

fn parse_envelope(codec: Codec, message: &[u8], limits: &Limits) -> Result<Option<Envelope>, DecodeError> {
    match codec {
        Codec::Thrift => thrift_message::parse(message, limits),
        Codec::Protobuf => kitex_protobuf::parse(message, limits),
    }
}

/// The block id of ints.
const INTS: u8 = 0x10;

pub(crate) const fn type_name(message_type: MessageType) -> &'static str {
    match message_type {
        MessageType::Call => "call",
        MessageType::Reply => "reply",
        MessageType::Exception => "exception",
        MessageType::Oneway => "oneway",
        MessageType::Stream => "stream",
    }
}

fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"hex": hex(bytes)}),
    }
}

pub(crate) fn describe_fields(fields: &Fields) -> Value {
    fields
        .0
        .iter()
        .map(|(id, value)| json!({"id": id, "type": kind_name(value.kind().id()), "value": describe_value(value)}))
        .collect()
}

fn describe_value(value: &Dynamic) -> Value {
    match value {
        Dynamic::Bool(value) => json!(value),
        Dynamic::Byte(value) => json!(value),
        Dynamic::Double(bits) => json!(f64::from_bits(*bits)),
        Dynamic::I16(value) => json!(value),
        Dynamic::I32(value) => json!(value),
        Dynamic::I64(value) => json!(value),
        Dynamic::String(bytes) => text(bytes),
        Dynamic::Struct(fields) => describe_fields(fields),
        Dynamic::Uuid(value) => json!(value.to_string()),
        Dynamic::Set(kind, elements) | Dynamic::List(kind, elements) => {
            let items: Value = elements.iter().map(describe_value).collect();
            json!({"elem": kind_name(*kind), "items": items})
        }
        Dynamic::Map(key, value, entries) => {
            let entries: Value = entries
                .iter()
                .map(|(key, value)| json!([describe_value(key), describe_value(value)]))
                .collect();
            json!({"key": kind_name(*key), "val": kind_name(*value), "entries": entries})
        }
    }
}

fn kind_name(id: u8) -> Value {
    let name = match thrift::Type::from_id(id) {
        Some(thrift::Type::Bool) => "bool",
        Some(thrift::Type::Byte) => "byte",
        Some(thrift::Type::Double) => "double",
        Some(thrift::Type::I16) => "i16",
        Some(thrift::Type::I32) => "i32",
        Some(thrift::Type::I64) => "i64",
        Some(thrift::Type::String) => "string",
        Some(thrift::Type::Struct) => "struct",
        Some(thrift::Type::Map) => "map",
        Some(thrift::Type::Set) => "set",
        Some(thrift::Type::List) => "list",
        Some(thrift::Type::Uuid) => "uuid",
        None => return json!(id),
    };
    json!(name)
}
