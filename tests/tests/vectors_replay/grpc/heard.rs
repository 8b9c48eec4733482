//! What one side of an HTTP/2 connection said, as far as two implementations have to agree on it.

use std::collections::BTreeMap;

use kitewire_proto::http::Fields;
use kitewire_proto::wire::grpc::message::Compression;
use kitewire_proto::wire::http2::ErrorCode;
use kitewire_tests::http2::{Content, Frame, Message};
use kitewire_tests::vectors::hex;
use serde_json::{Value, json};

/// All streams and the connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// By stream.
    streams: BTreeMap<u32, Vec<Value>>,
    /// Codes of GOAWAY frames.
    goodbyes: Vec<u32>,
}

impl Heard {
    pub(crate) fn note(&mut self, frame: &Frame) {
        let stream = frame.head.stream.get();
        let mut items = Vec::new();
        match &frame.content {
            Content::Headers(fields) => items.push(section(fields)),
            Content::Data(_, messages) => items.extend(messages.iter().map(message)),
            Content::Reset(code) if *code != ErrorCode::NO_ERROR => items.push(json!({"reset": code.0})),
            Content::GoAway(_, code, _) => self.goodbyes.push(code.0),
            _ => {}
        }
        if frame.ends_stream() {
            items.push(json!("end"));
        }
        if !items.is_empty() {
            self.streams.entry(stream).or_default().extend(items);
        }
    }

    /// Whether there is as much as in `other`.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let so_many =
            |(stream, items): (&u32, &Vec<Value>)| self.streams.get(stream).is_some_and(|own| own.len() >= items.len());
        other.streams.iter().all(so_many) && self.goodbyes.len() >= other.goodbyes.len()
    }

    /// # Errors
    /// What differs from `expected`.
    pub(crate) fn compare(&self, expected: &Self) -> Result<(), String> {
        if self == expected {
            return Ok(());
        }
        Err(format!("\n  expected {}\n  got      {}", expected.show(), self.show()))
    }

    fn show(&self) -> String {
        let streams = self
            .streams
            .iter()
            .map(|(stream, items)| format!("{stream}: {}", json!(items)));
        format!("{} {:?}", streams.collect::<Vec<_>>().join(", "), self.goodbyes)
    }
}

/// The protocol's fields in their order, then metadata by name: its order is nobody's promise.
pub(crate) fn section(fields: &Fields) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs: Vec<_> = fields
        .iter()
        .map(|field| (text(field.name), text(field.value)))
        .collect();
    let (own, mut metadata): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| OWN.contains(&name.as_str()));
    metadata.sort_by(|(left, _), (right, _)| left.cmp(right));
    json!({"own": own, "metadata": metadata})
}

/// Thrift messages by their fields in the order of ids, Protobuf by its bytes; both without compression.
fn message(message: &Message) -> Value {
    let mut content = message.describe().unwrap_or_else(|| json!(hex(&message.bytes)));
    sort_fields(&mut content);
    json!({"compressed": message.compression == Compression::Compressed, "content": content})
}

fn sort_fields(value: &mut Value) {
    if let Value::Array(fields) = value {
        for field in fields.iter_mut() {
            sort_fields(&mut field["value"]);
        }
        fields.sort_by_key(|field| field["id"].as_i64());
    }
}

/// Fields of the protocol.
const OWN: [&str; 17] = [
    ":method",
    ":scheme",
    ":path",
    ":authority",
    ":status",
    "content-type",
    "user-agent",
    "te",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "grpc-status",
    "grpc-message",
    "biz-status",
    "biz-extra",
    "grpc-status-details-bin",
    "allow",
];
