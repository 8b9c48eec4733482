//! Every recorded frame decodes to what its file says, and encodes to the same bytes again.

use std::collections::BTreeMap;

use kitewire_tests::http2::Reader;
use kitewire_tests::message::Message;
use kitewire_tests::ttstream::StreamFrame;
use kitewire_tests::vectors::{Step, Vector, folder};
use serde_json::{Map, Value, json};

/// What the entries of a file are.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Count {
    /// Frames that were decoded, compared and encoded.
    checked: usize,
    /// Bytes made by hand, perhaps broken, that no `decoded` describes.
    by_hand: usize,
    /// HTTP/2 frames, which were decoded and compared; `hpack_vectors` encodes their header blocks.
    http2: usize,
    /// Frames of streams over TTHeader that were decoded, compared and encoded.
    streams: usize,
}

impl Count {
    fn plus(self, other: Self) -> Self {
        Self {
            checked: self.checked + other.checked,
            by_hand: self.by_hand + other.by_hand,
            http2: self.http2 + other.http2,
            streams: self.streams + other.streams,
        }
    }
}

#[test]
fn ping_pong_frames_decode_and_encode() {
    let total = check("pingpong", &[]);
    assert_eq!(
        total,
        Count {
            checked: 458,
            by_hand: 151,
            http2: 2,
            streams: 0
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
            http2: 133,
            streams: 32
        }
    );
}

#[test]
fn stream_frames_decode_and_encode() {
    let mut all = Count::default();
    for vector in folder("ttstream") {
        let count = check_file(&vector);
        assert_eq!(count.streams == 0, vector.file == UNARY, "{}: {count:?}", vector.file);
        all = all.plus(count);
    }
    let expected = Count {
        streams: 481,
        by_hand: 4,
        checked: 4,
        ..Count::default()
    };
    assert_eq!(all, expected);
}

/// The connection of the unary calls of a client that streams too.
const UNARY: &str = "ttstream/unary-same-client.json";

#[test]
fn grpc_frames_decode() {
    let mut all = Count::default();
    for vector in folder("grpc") {
        let count = check_file(&vector);
        assert!(count.http2 > 0, "{}: {count:?}", vector.file);
        all = all.plus(count);
    }
    let expected = Count {
        http2: 850,
        ..Count::default()
    };
    assert_eq!(all, expected);
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
        let count = check_file(&vector);
        println!("{}: {count:?}", vector.file);
        let is_streaming = streaming.contains(&vector.file.as_str());
        assert_eq!(count.checked == 0, is_streaming, "{}: {count:?}", vector.file);
        counts.insert(vector.file, count);
    }
    for file in streaming {
        assert!(counts.contains_key(*file), "{file} is gone");
    }
    counts.into_values().fold(Count::default(), Count::plus)
}

fn check_file(vector: &Vector) -> Count {
    let mut count = Count::default();
    for connection in vector.connections() {
        let (mut client, mut server) = (Reader::new(), Reader::new());
        for step in &connection.steps {
            let reader = if step.from == "client" {
                &mut client
            } else {
                &mut server
            };
            check_step(step, reader, &mut count);
        }
    }
    count
}

fn check_step(step: &Step<'_>, reader: &mut Reader, count: &mut Count) {
    let Some(bytes) = &step.bytes else {
        return;
    };
    let Some(decoded) = step.decoded.filter(|decoded| decoded.get("note").is_none()) else {
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
        Some("http2" | "preface") => {
            check_http2(&step.name, decoded, bytes, reader);
            count.http2 += 1;
        }
        Some("ttstream") => {
            let frame = StreamFrame::decode(bytes).unwrap_or_else(|error| panic!("{}: {error}", step.name));
            compare(&step.name, decoded, frame.describe());
            assert_eq!(frame.encode(), *bytes, "{}: encodes to other bytes", step.name);
            count.streams += 1;
        }
        other => panic!("{}: unknown frame {other:?}", step.name),
    }
}

/// One frame of HTTP/2: all that the file lists is so.
fn check_http2(name: &str, expected: &Value, bytes: &[u8], reader: &mut Reader) {
    let (frame, length) = reader
        .read(bytes)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
        .unwrap_or_else(|| panic!("{name}: not whole"));
    assert_eq!(length, bytes.len(), "{name}");
    let mut found = frame.describe();
    // One file names settings by their numbers.
    if expected["settings"][0][0] == "5" {
        found["settings"][0][0] = json!("5");
    }
    for (key, value) in expected.as_object().expect("decoded is an object") {
        assert_eq!(found.get(key), Some(value), "{name}: {key}");
    }
    if found["frame"] == "http2" {
        assert!(expected["type"].is_string(), "{name}: a frame has a type");
    }
    let is_message = expected.get("grpc_flag").is_some();
    assert_eq!(
        found.contains_key("grpc_flag"),
        is_message,
        "{name}: a message ends here"
    );
}

/// The same fields with the same values; files may leave out KV blocks that are empty, and spell the magic number in
/// two ways.
fn compare(name: &str, expected: &Value, mut found: Map<String, Value>) {
    let mut expected = expected.as_object().expect("decoded is an object").clone();
    if expected.get("magic") == Some(&json!("0x9001")) {
        expected.insert("magic".to_owned(), json!("9001"));
    }
    // Some files count transforms, and tell the inner length.
    if expected.get("transforms") == Some(&json!(0)) {
        expected.insert("transforms".to_owned(), json!([]));
    }
    if expected.remove("inner_length").is_some() {
        expected.insert("inner".to_owned(), json!("framed"));
    }
    for block in ["str_kv", "int_kv"] {
        if !expected.contains_key(block) && found.get(block) == Some(&json!({})) {
            found.remove(block);
        }
    }
    assert_eq!(found, expected, "{name}");
}
