//! When two frames count as equal.

use kitewire_proto::thrift::Skipper;
use kitewire_proto::wire::detect::{Detection, detect};
use kitewire_proto::wire::{Protocol, thrift_message};
use kitewire_proto::{ExceptionType, Limits};
use kitewire_tests::message::Message;
use kitewire_tests::ttstream::StreamFrame;
use serde_json::{Map, Value};

/// Compares frames as the README of the vectors says: header entries and struct fields in any order, texts of decode
/// failures and panics by their kind.
pub(crate) fn frames(expected: &[u8], got: &[u8]) -> Result<(), String> {
    let (expected, got) = (describe(expected)?, describe(got)?);
    for (key, value) in &expected {
        let ours = got.get(key).unwrap_or(&Value::Null);
        if ours != value {
            return Err(format!("{key}: expected {value}, got {ours}"));
        }
    }
    match got.keys().find(|key| !expected.contains_key(*key)) {
        Some(key) => Err(format!("{key} is not expected")),
        None => Ok(()),
    }
}

/// Length of the first frame, once it is whole.
pub(crate) fn frame_length(input: &[u8]) -> Option<usize> {
    let head: &[u8; 8] = input.first_chunk()?;
    let length = match head {
        [0x80, 0x01, ..] => {
            let envelope = thrift_message::parse(input, &Limits::default()).expect("a good envelope")?;
            let body = input.get(envelope.body_start()..)?;
            envelope.body_start() + Skipper::new(64).advance(body).expect("a good body")?
        }
        [a, b, c, d, ..] => 4 + u32::from_be_bytes([*a, *b, *c, *d]) as usize,
    };
    (input.len() >= length).then_some(length)
}

fn describe(frame: &[u8]) -> Result<Map<String, Value>, String> {
    let mut description = match detect(frame) {
        Detection::Protocol(Protocol::TtHeaderStreaming) => StreamFrame::decode(frame).map(|frame| frame.describe()),
        _ => Message::decode(frame).map(|message| message.describe()),
    }
    .map_err(|error| format!("not a frame: {error}"))?;
    for key in ["header_size", "payload_len"] {
        description.remove(key);
    }
    if let Some(body) = description.get_mut("body") {
        sort_fields(body);
    }
    if description.get("message") == Some(&Value::from("exception")) {
        blur(&mut description);
    }
    Ok(description)
}

/// Structs with their fields by id; every list of objects with an `id` is one.
fn sort_fields(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(sort_fields);
            if items.iter().all(|item| item.get("id").is_some()) {
                items.sort_by_key(|item| item["id"].as_i64());
            }
        }
        Value::Object(entries) => entries.values_mut().for_each(sort_fields),
        _ => {}
    }
}

/// Texts that hold another implementation's words.
fn blur(description: &mut Map<String, Value>) {
    let protocol_error = Value::from(ExceptionType::PROTOCOL_ERROR.0);
    if let Some(Value::Array(fields)) = description.get_mut("body") {
        let decode_failure = fields
            .iter()
            .any(|field| field["id"] == 2 && field["value"] == protocol_error);
        for field in fields.iter_mut().filter(|field| field["id"] == 1) {
            let text = field["value"].as_str().unwrap_or("").to_owned();
            if decode_failure {
                field["value"] = Value::from("…");
            } else if let Some((head, _)) = text.split_once(" [recovered]") {
                field["value"] = Value::from(head);
            }
        }
    }
    let protobuf = description.get("body_hex").and_then(Value::as_str).map(str::to_owned);
    if protobuf.is_some_and(|body| body.starts_with("0807")) {
        description.insert("body_hex".to_owned(), Value::from("…"));
    }
}

#[test]
fn entries_in_any_order_are_equal_and_other_words_are_not() {
    let frame = |entries: &[(&str, &str)], text: &[u8]| {
        let mut out = kitewire_proto::Output::new();
        let flags = kitewire_proto::wire::ttheader::Flags::NONE;
        let sequence = kitewire_proto::wire::SequenceId(1);
        let mut writer = kitewire_proto::wire::ttheader::HeaderWriter::begin(&mut out, flags, sequence);
        entries.iter().for_each(|(key, value)| writer.string(key, value));
        let frame = writer.end();
        out.put(b"\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x01\x0b\0\0\0\0\0\x01");
        out.put(text);
        out.put(b"\0");
        frame.finish(&mut out, u32::MAX);
        out.to_vec()
    };
    let recorded = frame(&[("a", "1"), ("b", "2")], b"x");
    assert_eq!(frames(&recorded, &frame(&[("b", "2"), ("a", "1")], b"x")), Ok(()));
    assert!(frames(&recorded, &frame(&[("b", "2")], b"x")).is_err());
    assert!(frames(&recorded, &frame(&[("a", "1"), ("b", "2"), ("c", "3")], b"x")).is_err());
    assert!(frames(&recorded, &frame(&[("a", "1"), ("b", "2")], b"y")).is_err());
}
