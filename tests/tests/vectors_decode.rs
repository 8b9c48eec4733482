//! Every recorded frame decodes to what its file says, and encodes to the same bytes again.

use std::collections::BTreeMap;

use kitewire_tests::message::Message;
use kitewire_tests::vectors::{Step, folder};
use serde_json::{Map, Value, json};

/// What the entries of a file are.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Count {
    /// Frames that were decoded, compared and encoded.
    checked: usize,
    /// Bytes made by hand, perhaps broken, that no `decoded` describes.
    by_hand: usize,
    /// Frames of protocols that are not ping-pong.
    other_protocol: usize,
}

#[test]
fn ping_pong_frames_decode_and_encode() {
    let total = check("pingpong", &[]);
    assert_eq!(
        total,
        Count {
            checked: 458,
            by_hand: 151,
            other_protocol: 2
        }
    );
}

#[test]
fn service_frames_decode_and_encode() {
    let total = check("services", STREAMING);
    assert_eq!(
        total,
        Count {
            checked: 60,
            by_hand: 0,
            other_protocol: 165
        }
    );
}

/// Files that hold no ping-pong frame at all.
const STREAMING: &[&str] = &[
    "services/combine-grpc-part.json",
    "services/combine-grpc.json",
    "services/grpc-thrift-service-nocompat.json",
    "services/grpc-thrift-service.json",
    "services/grpc-unknown-method.json",
    "services/grpc-unknown-service-unique-method.json",
    "services/grpc-unknown-service.json",
    "services/pb-grpc-unknown-service.json",
    "services/pb-grpc.json",
    "services/refuse-ttstream-isn.json",
    "services/ttstream-service.json",
    "services/ttstream-unknown-method.json",
    "services/ttstream-unknown-service.json",
    "services/ttstream-unknown-unique.json",
    "services/unknown-handler-grpc.json",
    "services/unknown-handler-ttstream.json",
];

/// Checks all files of a folder. `streaming` are those without a ping-pong frame; every other one must have some.
fn check(name: &str, streaming: &[&str]) -> Count {
    let mut counts = BTreeMap::new();
    for vector in folder(name) {
        let mut count = Count::default();
        for connection in vector.connections() {
            for step in &connection.steps {
                check_step(step, &mut count);
            }
        }
        println!("{}: {count:?}", vector.file);
        let is_streaming = streaming.contains(&vector.file.as_str());
        assert_eq!(count.checked == 0, is_streaming, "{}: {count:?}", vector.file);
        counts.insert(vector.file, count);
    }
    for file in streaming {
        assert!(counts.contains_key(*file), "{file} is gone");
    }
    counts.values().fold(Count::default(), |sum, count| Count {
        checked: sum.checked + count.checked,
        by_hand: sum.by_hand + count.by_hand,
        other_protocol: sum.other_protocol + count.other_protocol,
    })
}

fn check_step(step: &Step<'_>, count: &mut Count) {
    let Some(bytes) = &step.bytes else {
        return;
    };
    let Some(decoded) = step.decoded else {
        count.by_hand += 1;
        return;
    };
    match decoded["frame"].as_str() {
        Some("ttheader" | "framed" | "bare" | "kitexpb") => {
            let message = Message::decode(bytes).unwrap_or_else(|error| panic!("{}: {error}", step.name));
            compare(&step.name, decoded, message.describe());
            assert_eq!(message.encode(), *bytes, "{}: encodes to other bytes", step.name);
            count.checked += 1;
        }
        Some("ttstream" | "http2" | "preface") => count.other_protocol += 1,
        other => panic!("{}: unknown frame {other:?}", step.name),
    }
}

/// The same fields with the same values; files may leave out KV blocks that are empty, and spell the magic number in
/// two ways.
fn compare(name: &str, expected: &Value, mut found: Map<String, Value>) {
    let mut expected = expected.as_object().expect("decoded is an object").clone();
    if expected.get("magic") == Some(&json!("0x9001")) {
        expected.insert("magic".to_owned(), json!("9001"));
    }
    for block in ["str_kv", "int_kv"] {
        if !expected.contains_key(block) && found.get(block) == Some(&json!({})) {
            found.remove(block);
        }
    }
    assert_eq!(found, expected, "{name}");
}
