//! A frame of a stream over TTHeader taken apart into the fields that the vectors list, and put together again.

use bytes::Bytes;
use kitewire_proto::thrift;
use kitewire_proto::wire::ttheader::IntKey;
use kitewire_proto::wire::ttstream::{Frame, FrameType};
use kitewire_proto::wire::{MessageType, SequenceId, thrift_message};
use kitewire_proto::{DecodeError, EncodeBody, Limits, Output};
use kitewire_testkit::fuzz::Fields;
use serde_json::{Map, Value, json};

use crate::message::{HeaderValues, describe_fields, type_name};
use crate::vectors::hex;

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFrame {
    header: HeaderValues,
    kind: FrameType,
    payload: Payload,
    payload_len: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Payload {
    Nothing,
    /// A data frame's.
    Message(Fields),
    /// A trailer's or rst's.
    Exception {
        message_type: MessageType,
        method: Vec<u8>,
        sequence: SequenceId,
        body: Fields,
    },
    /// One without a meaning.
    Opaque(Vec<u8>),
}

impl StreamFrame {
    /// Takes the frame apart that is all of `bytes`.
    ///
    /// # Errors
    /// If it is none.
    ///
    /// # Panics
    /// If bytes are missing or left over, or what the frame says of itself is not what stands in its header.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let limits = Limits::default();
        let frame = Frame::read(bytes, limits.max_frame, limits.max_header_entries)?.expect("the frame is whole");
        assert_eq!(frame.header.frame_len(), bytes.len(), "LENGTH is the frame's");
        let header = HeaderValues::new(bytes, frame.header);
        let method = header.int(IntKey::TO_METHOD);
        assert_eq!(frame.method.map(|span| span.of(bytes)), method, "int key 9");
        assert_eq!(frame.service.map(|span| span.of(bytes)), header.string("isn"), "isn");
        assert_eq!(header.int(IntKey::FRAME_TYPE), Some(&[frame.kind.digit()][..]));
        let payload = frame.payload(bytes);
        Ok(Self {
            header,
            kind: frame.kind,
            payload: Payload::decode(frame.kind, payload, &limits)?,
            payload_len: payload.len(),
        })
    }

    /// The bytes of the frame.
    ///
    /// # Panics
    /// If it has no encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Output::new();
        let frame = self.header.write(&mut out);
        match &self.payload {
            Payload::Nothing => {}
            Payload::Message(fields) => fields.encode_body(&mut out),
            Payload::Exception {
                message_type,
                method,
                sequence,
                body,
            } => {
                thrift_message::write_envelope(&mut out, *message_type, method, *sequence);
                body.encode_body(&mut out);
            }
            Payload::Opaque(bytes) => out.put(bytes),
        }
        frame.finish(&mut out, u32::MAX);
        assert_eq!(out.take_error(), None);
        out.to_vec()
    }

    /// The frame as the vectors describe it. Empty KV blocks are listed.
    #[must_use]
    pub fn describe(&self) -> Map<String, Value> {
        let mut fields = self.header.describe();
        fields.insert("frame".to_owned(), json!("ttstream"));
        fields.insert("frame_type".to_owned(), json!(self.kind.to_string()));
        fields.insert("payload_len".to_owned(), json!(self.payload_len));
        match &self.payload {
            Payload::Nothing => {}
            Payload::Message(body) => drop(fields.insert("body".to_owned(), describe_fields(body))),
            Payload::Exception {
                message_type,
                method,
                sequence,
                body,
            } => {
                fields.insert("message".to_owned(), json!(type_name(*message_type)));
                fields.insert("method".to_owned(), json!(String::from_utf8_lossy(method)));
                fields.insert("seq_id".to_owned(), json!(sequence.0));
                fields.insert("body".to_owned(), describe_fields(body));
            }
            Payload::Opaque(bytes) => drop(fields.insert("payload_hex".to_owned(), json!(hex(bytes)))),
        }
        fields
    }
}

impl Payload {
    fn decode(kind: FrameType, payload: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let body = |bytes: &[u8]| thrift::decode(&Bytes::copy_from_slice(bytes), limits.max_depth);
        match kind {
            _ if payload.is_empty() => Ok(Self::Nothing),
            FrameType::Data => body(payload).map(Self::Message),
            FrameType::Trailer | FrameType::Rst => {
                let envelope = thrift_message::parse(payload, limits)?.expect("the envelope is there");
                Ok(Self::Exception {
                    message_type: envelope.message_type,
                    method: envelope.name(payload).to_vec(),
                    sequence: envelope.sequence,
                    body: body(&payload[envelope.body_start()..])?,
                })
            }
            FrameType::Meta | FrameType::Header => Ok(Self::Opaque(payload.to_vec())),
        }
    }
}
