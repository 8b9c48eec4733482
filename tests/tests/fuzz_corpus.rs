//! The seeds of the fuzz targets, as ordinary tests.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use kitewire_proto::wire::http2::PREFACE;
use kitewire_testkit::fuzz;
use kitewire_tests::recorded::sessions;
use kitewire_tests::vectors::{Step, folder, unhex};
use serde_json::Value;

type Target = (&'static str, fn(&[u8]));

/// Targets whose seeds are frames.
const CODECS: [Target; 4] = [
    ("detection", fuzz::detection),
    ("ttheader", fuzz::ttheader),
    ("thrift_reader", fuzz::thrift_reader),
    ("kitex_protobuf", fuzz::kitex_protobuf),
];

/// Targets whose seeds are five bytes of choices and what one side of a connection sends.
const CONNECTIONS: [Target; 2] = [
    ("server_connection", fuzz::server_connection),
    ("client_connection", fuzz::client_connection),
];

/// Targets whose seeds are five bytes of choices and what a client sends, in words of our own.
const TEXTS: [Target; 1] = [("http1", fuzz::http1)];

/// Targets whose seeds are header blocks, each behind its length.
const BLOCKS: [Target; 1] = [("hpack", fuzz::hpack)];

/// Targets whose seeds are frames of HTTP/2, the connections' behind five bytes of choices.
const HTTP2: [Target; 3] = [
    ("http2_frames", fuzz::http2_frames),
    ("http2_server", fuzz::http2_server),
    ("http2_client", fuzz::http2_client),
];

/// Targets whose seeds are messages and header fields, and frames behind five bytes of choices.
const GRPC: [Target; 3] = [
    ("grpc_codecs", fuzz::grpc_codecs),
    ("grpc_server", fuzz::grpc_server),
    ("grpc_client", fuzz::grpc_client),
];

/// Targets whose seeds are frames of streams over TTHeader, the connections' behind five bytes of choices, or what two
/// connections do.
const TTSTREAM: [Target; 4] = [
    ("ttstream_frames", fuzz::ttstream_frames),
    ("ttstream_server", fuzz::ttstream_server),
    ("ttstream_client", fuzz::ttstream_client),
    ("ttstream_pair", fuzz::ttstream_pair),
];

/// Targets of connections that find out what is spoken: seeds as those of the engines' targets, whole, and what two
/// connections do.
const PORT: [Target; 2] = [
    ("connection_server", fuzz::connection_server),
    ("connection_pair", fuzz::connection_pair),
];

/// Targets whose seeds are scripts of HTTP/2: one for each difference, with its name, and some without any.
const SCRIPTS: [Target; 1] = [("http2_differential", fuzz::http2_differential)];

/// Targets whose seeds are recordings, and what is recorded: one of each for every kind of connections.
const RECORDINGS: [Target; 1] = [("recording", fuzz::recording)];

/// Targets whose seeds are IDL.
const IDL: [Target; 1] = [("idl_parser", fuzz::idl_parser)];

#[test]
fn every_seed_passes() {
    let mut failed = Vec::new();
    for (name, target) in CODECS
        .into_iter()
        .chain(CONNECTIONS)
        .chain(TEXTS)
        .chain(BLOCKS)
        .chain(HTTP2)
        .chain(GRPC)
        .chain(TTSTREAM)
        .chain(PORT)
        .chain(SCRIPTS)
        .chain(RECORDINGS)
        .chain(IDL)
    {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let bytes = fs::read(&seed).expect("the seed can be read");
            if panic::catch_unwind(|| target(&bytes)).is_err() {
                failed.push(seed);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The list of differences from the `h2` crate has none that is not there.
#[test]
fn every_difference_of_http2_has_its_seed() {
    let mut shown = BTreeSet::new();
    for seed in seeds("http2_differential") {
        let bytes = fs::read(&seed).expect("the seed can be read");
        let differences = fuzz::http2_differences_of(&bytes);
        let names: Vec<String> = differences.iter().map(|name| file_name(name)).collect();
        let file = seed.file_stem().and_then(OsStr::to_str).expect("a name");
        assert!(names.is_empty() || names == [file], "{file} shows {differences:?}");
        shown.extend(differences);
    }
    let known: BTreeSet<_> = fuzz::http2_differences().map(|(name, _)| name).collect();
    assert_eq!(shown, known);
}

#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    for file in SEEDS {
        let vector = folder("pingpong")
            .into_iter()
            .find(|vector| vector.file == format!("pingpong/{file}.json"))
            .expect("the vector is there");
        for connection in vector.connections() {
            for (index, step) in connection.steps.iter().enumerate().take(2) {
                write_frame(file, index, step);
            }
            write_streams(file, &connection.steps);
        }
    }
    HPACK_SEEDS.into_iter().for_each(write_blocks);
    HTTP2_SEEDS.into_iter().for_each(write_http2);
    GRPC_SEEDS.into_iter().for_each(write_grpc);
    TTSTREAM_SEEDS.into_iter().for_each(write_ttstream);
    for (name, script) in PAIR_SEEDS {
        write("ttstream_pair", name, script);
    }
    for seed in seeds("http2_differential") {
        write_script(&seed);
    }
    for (name, file) in sessions() {
        write("recording", &name, &file);
    }
    for (kind, peer) in (0u8..).zip(RECORDED) {
        write(
            "recording",
            &format!("script-{kind}"),
            &[&[kind, 0, 0, 0, 0, 3], peer].concat(),
        );
    }
    for (spoken, name) in (0..).zip([
        "bare",
        "framed",
        "ttheader",
        "multiplexed",
        "grpc",
        "grpc-again",
        "ttstream",
    ]) {
        write("connection_pair", name, &[&[spoken], &CALLS[..]].concat());
    }
    for (name, text) in HTTP1_SEEDS {
        write("http1", name, &[&[0, 1, 2, 3, 4], text.as_bytes()].concat());
    }
    write_port("pingpong", SEEDS[0]);
    write_port("grpc", GRPC_SEEDS[0]);
    write_port("ttstream", TTSTREAM_SEEDS[0]);
    let request = HTTP1_SEEDS[0].1.as_bytes();
    write("connection_server", "http1-get", &[&[0, 1, 2, 3, 4], request].concat());
}

/// One file of `tests/vectors/pingpong` for every kind of message.
const SEEDS: [&str; 12] = [
    "all-types-bare",
    "biz-ttheader-meta",
    "crc-framed",
    "echo-bare",
    "echo-default",
    "echo-ttheader",
    "error-handler-framed",
    "kitexpb-meta-biz",
    "meta-hop-ab",
    "mux",
    "mux-shutdown",
    "oneway-ttheader-meta",
];

/// Files of `tests/vectors/grpc` with many kinds of header fields.
const HPACK_SEEDS: [&str; 6] = [
    "err-status-details",
    "gzip-unary",
    "max-streams",
    "metadata-unary",
    "raw-upper-case-header",
    "thrift-unary",
];

/// Files of `tests/vectors/grpc` with many kinds of frames.
const HTTP2_SEEDS: [&str; 6] = [
    "cancel-mid-stream",
    "conn-idle",
    "max-streams",
    "metadata-unary",
    "pb-bidi",
    "raw-ping-abuse",
];

/// Files of `tests/vectors/grpc` with calls of every kind.
const GRPC_SEEDS: [&str; 6] = [
    "early-return",
    "err-biz-extra",
    "err-status-details",
    "gzip-unary",
    "metadata-unary",
    "pb-bidi",
];

/// Files of `tests/vectors/ttstream` with many kinds of frames.
const TTSTREAM_SEEDS: [&str; 8] = [
    "acl-token",
    "biz-error",
    "cancel-bidi",
    "error",
    "fake-meta-and-keys",
    "mux-two-streams",
    "normal-server-streaming",
    "raw-ignored",
];

/// Who obeys flow control and the limits, and pairs of what is done (`ttstream_pair.rs` says what) and how.
const PAIR_SEEDS: [(&str, &[u8]); 4] = [
    ("echo", &[0, 0, 2, 2, 3, 6, 255, 7, 0, 9, 3, 6, 255, 12, 0, 5, 0, 11, 2]),
    (
        "small-windows",
        &[
            4, 0, 2, 2, 7, 2, 15, 2, 23, 2, 31, 6, 255, 7, 0, 6, 255, 9, 7, 9, 15, 6, 255, 12, 0,
        ],
    ),
    (
        "stock-client",
        &[1, 0, 2, 2, 7, 13, 40, 6, 255, 0, 1, 2, 3, 5, 0, 6, 255, 6, 2, 6, 255],
    ),
    (
        "memory-runs-out",
        &[
            13, 0, 2, 2, 255, 2, 247, 6, 255, 2, 255, 6, 255, 0, 0, 2, 255, 6, 255, 15, 29,
        ],
    ),
];

/// What is spoken, and pairs of what is done (`connection_pair/mod.rs` says what) and how: a few calls, answers and ends.
const CALLS: [u8; 24] = [
    0, 0, 15, 0, 6, 0, 8, 5, 10, 5, 15, 0, 11, 0, 0, 1, 2, 3, 15, 0, 8, 9, 10, 8,
];

/// What the peer of a recorded connection says; one for each kind, as `recording.rs` counts them.
const RECORDED: [&[u8]; 8] = [
    b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0",
    b"\0\0\0\x11\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x01\0",
    &[1, 0, 9, 2, 40, 7, 3, 5, 1, 6, 2, 2],
    &[1, 0, 9, 2, 40, 7, 3, 5, 1, 6, 2, 2],
    &[1, 0, 9, 2, 40, 7, 3, 5, 1, 6, 2, 2],
    &[1, 0, 9, 2, 40, 7, 3, 5, 1, 6, 2, 2],
    &[0, 5, 3, 9, 5, 2, 13, 0, 7, 3, 13, 0, 10, 9],
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
];

/// Requests of every kind.
const HTTP1_SEEDS: [(&str, &str); 7] = [
    ("get", "GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n\r\n"),
    ("head-close", "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    (
        "pipelined",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n\
         GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
    ),
    (
        "length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
    ),
    (
        "expect",
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    ),
    (
        "chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n\
         0\r\nX-Sum: 1\r\n\r\n",
    ),
    (
        "both-lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
];

fn write_frame(file: &str, index: usize, step: &Step<'_>) {
    let Some(bytes) = &step.bytes else {
        return;
    };
    for (name, _) in CODECS {
        // Those two start at the envelope.
        let from = match name {
            "thrift_reader" => find(bytes, &[0x80, 0x01, 0x00]),
            "kitex_protobuf" => find(bytes, &[0x90, 0x01, 0x00]),
            _ => Some(0),
        };
        if let Some(from) = from {
            write(name, &format!("{file}-{index}"), &bytes[from..]);
        }
    }
}

fn write_streams(file: &str, steps: &[Step<'_>]) {
    // Meta on; for multiplexed peers, a multiplexing client.
    let client = if file.starts_with("mux") { 12 } else { 8 };
    for (name, from, config) in [
        ("server_connection", "client", 1),
        ("client_connection", "server", client),
    ] {
        let mut bytes = vec![config, 1, 2, 3, 4];
        for step in steps.iter().filter(|step| step.from == from) {
            bytes.extend(step.bytes.iter().flatten());
        }
        bytes.truncate(2048);
        write(name, file, &bytes);
    }
}

/// What the client of a recording sends, to a port that has to find out what it is.
fn write_port(kind: &str, file: &str) {
    let vectors = folder(kind);
    let vector = vectors
        .iter()
        .find(|vector| vector.file == format!("{kind}/{file}.json"))
        .expect("the vector is there");
    for connection in vector.connections().into_iter().take(1) {
        let steps = connection.steps.iter().filter(|step| step.from == "client");
        let mut bytes: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
        bytes.truncate(2048);
        write(
            "connection_server",
            &format!("{kind}-{file}"),
            &[&[0, 1, 2, 3, 4], &bytes[..]].concat(),
        );
    }
}

fn write_blocks(file: &str) {
    let vectors = folder("grpc");
    let vector = vectors
        .iter()
        .find(|vector| vector.file == format!("grpc/{file}.json"))
        .expect("the vector is there");
    for connection in vector.connections() {
        for from in ["client", "server"] {
            let mut seed = Vec::new();
            for step in connection.steps.iter().filter(|step| step.from == from) {
                let is_head = step.decoded.is_some_and(|decoded| decoded["type"] == "HEADERS");
                if let Some([_, _, _, _, _, _, _, _, _, block @ ..]) = step.bytes.as_deref().filter(|_| is_head) {
                    seed.push(u8::try_from(block.len()).expect("the block is short"));
                    seed.extend_from_slice(block);
                }
            }
            // What it goes on with when the peer makes the table small.
            seed.extend([u8::MAX, 0x01, 0x90, 4, 0x3f, 0x45, 0x82, 0x84]);
            write("hpack", &format!("{file}-{from}"), &seed);
        }
    }
}

fn write_http2(file: &str) {
    let vectors = folder("grpc");
    let vector = vectors
        .iter()
        .find(|vector| vector.file == format!("grpc/{file}.json"))
        .expect("the vector is there");
    for connection in vector.connections() {
        for (from, target) in [("client", "http2_server"), ("server", "http2_client")] {
            let steps = connection.steps.iter().filter(|step| step.from == from);
            let bytes: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
            // The target sends the preface itself.
            let frames = bytes.strip_prefix(PREFACE).unwrap_or(&bytes);
            let frames = &frames[..frames.len().min(1024)];
            write("http2_frames", &format!("{file}-{from}"), frames);
            write(target, file, &[&[0x80, 1, 2, 3, 4], frames].concat());
        }
    }
}

fn write_grpc(file: &str) {
    let vectors = folder("grpc");
    let vector = vectors
        .iter()
        .find(|vector| vector.file == format!("grpc/{file}.json"))
        .expect("the vector is there");
    for connection in vector.connections() {
        for (from, target) in [("client", "grpc_server"), ("server", "grpc_client")] {
            let (mut frames, mut parts) = (Vec::new(), Vec::new());
            for step in connection.steps.iter().filter(|step| step.from == from) {
                frames.extend(step.bytes.iter().flatten());
                parts.extend(step.decoded.and_then(message_or_fields));
            }
            let frames = frames.strip_prefix(PREFACE).unwrap_or(&frames);
            write(target, file, &[&[0x80, 1, 2, 3, 4], frames].concat());
            for (index, part) in parts.into_iter().enumerate() {
                write("grpc_codecs", &format!("{file}-{from}-{index}"), &part);
            }
        }
    }
}

fn write_ttstream(file: &str) {
    let vectors = folder("ttstream");
    let vector = vectors
        .iter()
        .find(|vector| vector.file == format!("ttstream/{file}.json"))
        .expect("the vector is there");
    for connection in vector.connections() {
        for (from, target) in [("client", "ttstream_server"), ("server", "ttstream_client")] {
            let steps = connection.steps.iter().filter(|step| step.from == from);
            let frames: Vec<u8> = steps.flat_map(|step| step.bytes.iter().flatten()).copied().collect();
            write("ttstream_frames", &format!("{file}-{from}"), &frames);
            write(target, file, &[&[0x80, 1, 2, 3, 4], &frames[..]].concat());
        }
    }
}

/// Body bytes, or lines of `name:value`.
fn message_or_fields(decoded: &Value) -> Option<Vec<u8>> {
    if let Some(data) = decoded["data_hex"].as_str() {
        return Some(unhex(data)).filter(|data| !data.is_empty());
    }
    let headers = decoded["headers"].as_array()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = headers
        .iter()
        .map(|pair| format!("{}:{}", text(&pair[0]), text(&pair[1])));
    Some(lines.collect::<Vec<_>>().join("\n").into_bytes())
}

/// The same script for the connection alone.
fn write_script(seed: &Path) {
    let bytes = fs::read(seed).expect("the seed can be read");
    let (side, script) = bytes.split_first().expect("a side");
    let target = if side & 1 == 0 { "http2_server" } else { "http2_client" };
    let name = seed.file_stem().and_then(OsStr::to_str).expect("a name");
    write(target, name, &[&[0, 1, 2, 3, 4], script].concat());
}

/// The name of a difference as that of its file.
fn file_name(difference: &str) -> String {
    let lower = difference.to_lowercase();
    lower
        .chars()
        .map(|character| if character.is_alphanumeric() { character } else { '-' })
        .collect()
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let path = corpus(target).join(format!("{name}.seed"));
    fs::write(path, bytes).expect("the seed can be written");
}

fn seeds(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus(target)).expect("the corpus exists");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seed"))
        .collect();
    paths.sort();
    paths
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target)
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
