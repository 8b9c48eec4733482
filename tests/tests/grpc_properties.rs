//! gRPC's codecs on arbitrary values and bytes, and on the recorded calls.

use std::collections::BTreeMap;
use std::time::Duration;

use kitewire_proto::http::{Field, Fields};
use kitewire_proto::wire::grpc::{
    Code, ContentType, Details, MalformedDetails, Outcome, Path, Status, base64, message, metadata, percent, timeout,
};
use kitewire_proto::wire::{Codec, http2};
use kitewire_proto::{BusinessStatus, MetaInfo, Output};
use kitewire_testkit::fuzz;
use kitewire_tests::vectors::{Connection, Step, folder, hex};
use message::Compression;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => vec(any::<u8>(), 0..80),
        1 => "[%0-9a-fA-F=+/ -]{0,40}".prop_map(String::into_bytes),
        1 => ".{0,20}".prop_map(String::into_bytes),
    ]
}

fn code() -> impl Strategy<Value = Code> {
    prop_oneof![0..=20_i32, any::<i32>()].prop_map(Code)
}

fn status() -> impl Strategy<Value = Status> {
    (code(), ".{0,30}", vec(vec(any::<u8>(), 0..40), 0..4)).prop_map(|(code, message, anys)| {
        let mut status = Status::new(code, message);
        for any in anys {
            status.details.push(&any);
        }
        status
    })
}

/// Names that the codecs know, names that they do not, and any other bytes.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(&NAMES[..]).prop_map(|name| name.as_bytes().to_vec()),
        1 => "[a-zA-Z_-]{1,12}(-bin)?".prop_map(String::into_bytes),
        1 => "rpc-(transit|persist)-[a-z_-]{0,3}(-bin)?".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..10),
    ]
}

const NAMES: [&str; 14] = [
    ":status",
    ":path",
    "content-type",
    "te",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-timeout",
    "grpc-tags-bin",
    "biz-status",
    "biz-extra",
    "authorization",
    "k-one",
    "raw-bin",
];

fn fields() -> impl Strategy<Value = Fields> {
    let value = prop_oneof![
        bytes(),
        select(&["0", "13", "-1", "{}", "{\"k\":\"v\"}", "CAUSAW0"][..]).prop_map(|value| value.as_bytes().to_vec()),
    ];
    vec((name(), value), 0..12).prop_map(|pairs| {
        let mut fields = Fields::new();
        for (name, value) in pairs {
            fields.push(name, value);
        }
        fields
    })
}

fn metainfo() -> impl Strategy<Value = MetaInfo> {
    let pair = || vec(("[A-Za-z_-]{0,4}|.{0,4}", "[ -~]{0,6}|.{0,4}"), 0..6);
    (pair(), pair()).prop_map(|(transient, persistent)| {
        let mut meta = MetaInfo::new();
        for (key, value) in transient {
            meta.set_transient(key, value);
        }
        for (key, value) in persistent {
            meta.set_persistent(key, value);
        }
        meta
    })
}

/// Header fields as lines of text.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    fields().prop_map(|fields| {
        let line = |field: Field<'_>| [field.name, b":", field.value].concat();
        fields.iter().map(line).collect::<Vec<_>>().join(&b'\n')
    })
}

/// What a header may hold as it is.
fn is_value(text: &[u8]) -> bool {
    !text.iter().any(|byte| byte.is_ascii_control())
}

proptest! {
    #[test]
    fn messages_come_through(bodies in vec(bytes(), 0..6), compressed in any::<bool>()) {
        let compression = if compressed { Compression::Compressed } else { Compression::Identity };
        let mut out = Output::new();
        for body in &bodies {
            let mark = message::begin(&mut out, compression);
            out.put(body);
            message::finish(&mut out, mark, u32::MAX);
        }
        prop_assert_eq!(out.take_error(), None);
        let wire = out.to_vec();
        let mut rest = wire.as_slice();
        for body in &bodies {
            let prefix = message::parse(rest, u32::MAX).unwrap().unwrap();
            prop_assert_eq!(prefix.compression, compression);
            let (message, behind) = rest[message::PREFIX_SIZE..].split_at(prefix.length as usize);
            prop_assert_eq!(message, body.as_slice());
            rest = behind;
        }
        prop_assert_eq!(message::parse(rest, 0), Ok(None));
    }

    #[test]
    fn lengths_above_the_limit_are_refused(prefix in any::<[u8; 5]>(), limit in any::<u32>()) {
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        prop_assert_eq!(message::parse(&prefix, limit).is_ok(), length <= limit);
    }

    #[test]
    fn timeouts_are_never_early_and_hardly_late(
        seconds in 0..1_u64 << 33,
        shift in 0..34_u32,
        nanoseconds in 0..1_000_000_000_u32,
    ) {
        let remaining = Duration::new(seconds >> shift, nanoseconds);
        let text = timeout::encode(remaining);
        prop_assert!(text.as_bytes().len() <= 9);
        let read = timeout::decode(text.as_bytes()).unwrap();
        prop_assert!(read >= remaining);
        // A unit is at most a thousand times the finer one, in which there were nine digits.
        prop_assert!(read - remaining <= remaining / 100_000, "{remaining:?} as {text}");
    }

    #[test]
    fn any_timeout_is_read_or_refused(value in bytes()) {
        if let Ok(read) = timeout::decode(&value) {
            prop_assert!(matches!(value.len(), 2..=9));
            prop_assert!(timeout::decode(timeout::encode(read).as_bytes()).unwrap() >= read);
        }
    }

    #[test]
    fn percent_encoding_keeps_text(text in ".{0,60}") {
        let encoded = percent::encode(text.as_bytes());
        prop_assert!(encoded.iter().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(percent::decode(&encoded), text.as_bytes());
    }

    #[test]
    fn any_bytes_are_percent_encoded_and_decoded(text in bytes()) {
        let encoded = percent::encode(&text);
        prop_assert!(encoded.iter().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert!(std::str::from_utf8(&percent::decode(&encoded)).is_ok());
        prop_assert!(percent::decode(&text).len() <= text.len());
    }

    #[test]
    fn base64_keeps_bytes(bytes in vec(any::<u8>(), 0..100)) {
        let (mut text, mut back) = (Vec::new(), Vec::new());
        base64::encode(&bytes, &mut text);
        prop_assert_eq!(base64::decode(&text, &mut back), Ok(()));
        prop_assert_eq!(&back, &bytes);
        text.resize(text.len().next_multiple_of(4), b'=');
        back.clear();
        prop_assert_eq!(base64::decode(&text, &mut back), Ok(()));
        prop_assert_eq!(&back, &bytes);
    }

    #[test]
    fn any_base64_is_read_or_refused(text in bytes()) {
        let mut out = Vec::new();
        match base64::decode(&text, &mut out) {
            Ok(()) => prop_assert!(out.len() <= text.len() / 4 * 3 + 2),
            Err(_) => prop_assert!(out.is_empty()),
        }
    }

    #[test]
    fn statuses_come_through(status in status()) {
        let mut proto = Vec::new();
        status.encode(&mut proto);
        prop_assert_eq!(Status::decode(&proto), Ok(status));
    }

    #[test]
    fn any_status_is_read_or_refused(proto in bytes()) {
        let read: Result<Status, MalformedDetails> = Status::decode(&proto);
        if let Ok(status) = read {
            let details: &Details = &status.details;
            prop_assert!(details.iter().map(<[u8]>::len).sum::<usize>() <= proto.len());
            let mut again = Vec::new();
            status.encode(&mut again);
            prop_assert_eq!(Status::decode(&again), Ok(status));
        }
    }

    #[test]
    fn outcomes_come_through(
        status in status(),
        business in proptest::option::of((any::<i32>(), proptest::collection::btree_map(".{0,8}", ".{0,8}", 0..4))),
    ) {
        let business = business.map(|(code, extra)| BusinessStatus {
            code,
            message: status.message.clone(),
            extra: extra.into_iter().collect(),
        });
        let mut outcome = Outcome { status, business };
        let mut trailers = Fields::new();
        outcome.write(&mut trailers);
        prop_assert!(trailers.iter().all(|field| !field.value.iter().any(|byte| *byte < b' ')));
        if outcome.status.code == Code::OK {
            outcome.business = None;
        }
        prop_assert_eq!(Outcome::read(&trailers), Ok(outcome));
    }

    #[test]
    fn any_fields_hold(fields in fields(), value in bytes()) {
        if let Err(error) = Outcome::read(&fields) {
            prop_assert!(Status::from(error).message.starts_with("transport: malformed "));
        }
        for field in &fields {
            if let Ok(Some(_)) = metadata::read(field) {
                prop_assert!(metadata::is_visible(field.name));
            }
        }
        prop_assert!(metadata::read_metainfo(&fields).transients().all(|(key, _)| !key.is_empty()));
        prop_assert!(!Status::from_http(&fields).message.is_empty());
        if let Some(content_type) = ContentType::parse(&value) {
            prop_assert!(ContentType::parse(&content_type.of_response()).is_some());
        }
        if let Err(error) = Path::parse(&value) {
            prop_assert!(error.to_string().starts_with("malformed method name, method=\""));
        }
    }

    #[test]
    fn paths_come_through(
        package in "([a-z]{1,3}(\\.[a-z]{1,3}){0,2})?",
        service in "[A-Za-z]{1,8}",
        method in "[A-Za-z.]{1,8}",
    ) {
        let text = Path::build(&package, &service, &method);
        let path = Path::parse(text.as_bytes()).unwrap();
        let parts = (package.as_bytes(), service.as_bytes(), method.as_bytes());
        prop_assert_eq!((path.package, path.service, path.method), parts);
    }

    #[test]
    fn codecs_take_anything(data in prop_oneof![bytes(), lines()]) {
        fuzz::grpc_codecs(&data);
    }

    #[test]
    fn metadata_comes_through(user in fields(), meta in metainfo()) {
        let mut head = Fields::new();
        metadata::write(&mut head, &user, &meta);
        for field in &head {
            prop_assert!(!metadata::is_reserved(field.name));
            prop_assert!(field.value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t'));
        }
        for field in user.iter().filter(|field| metadata::check(field.name, field.value).is_ok()) {
            if metadata::is_visible(field.name) && !field.name.starts_with(b"rpc-") {
                let is_it = |sent: Field<'_>| {
                    sent.name == field.name && metadata::read(sent).unwrap().as_deref() == Some(field.value)
                };
                prop_assert!(head.iter().any(is_it), "{:?}", field);
            }
        }
        let arrived = metadata::read_metainfo(&head);
        for (key, value) in meta.transients() {
            let is_plain = key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            if is_plain && is_value(value.as_bytes()) && !key.ends_with("_BIN") {
                prop_assert!(arrived.transient(key).is_some(), "{key}");
            }
        }
        let mut all = arrived.transients().chain(arrived.persistents());
        prop_assert!(all.all(|(key, value)| !key.is_empty() && !value.is_empty()));
    }
}

/// What was checked in the recorded calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    requests: usize,
    timeouts: usize,
    trailers: usize,
    messages: usize,
}

#[test]
fn recorded_calls_are_read_and_written() {
    let mut count = Count::default();
    for vector in folder("grpc") {
        for connection in vector.connections() {
            check(&connection, &mut count);
        }
    }
    assert_eq!(
        count,
        Count {
            requests: 59,
            timeouts: 13,
            trailers: 45,
            messages: 106
        }
    );
}

#[test]
fn recorded_errors_have_their_texts() {
    let rows = [
        ("err-plain", "rpc error: code = 13 desc = 50% 你 [biz error]", None),
        ("err-status", "rpc error: code = 5 desc = gone [biz error]", None),
        (
            "err-status-details",
            "rpc error: code = 5 desc = gone [biz error]",
            None,
        ),
        ("err-biz", "rpc error: code = 13 desc = not found", Some((404, &[][..]))),
        (
            "err-biz-extra",
            "rpc error: code = 13 desc = né",
            Some((404, &[("k", "v<é>&")][..])),
        ),
        (
            "raw-unknown-method",
            "rpc error: code = 1 desc = unknown method nope",
            None,
        ),
        (
            "gogrpc-unknown-service",
            "rpc error: code = 20 desc = unknown service Nope",
            None,
        ),
    ];
    let vectors: BTreeMap<_, _> = folder("grpc")
        .into_iter()
        .map(|vector| (vector.file.clone(), vector))
        .collect();
    for (file, text, business) in rows {
        let vector = &vectors[&format!("grpc/{file}.json")];
        let connection = &vector.connections()[0];
        let trailers = connection
            .steps
            .iter()
            .filter_map(headers)
            .find(|fields| fields.get("grpc-status").is_some());
        let outcome = Outcome::read(&trailers.unwrap()).unwrap();
        assert_eq!(outcome.status.to_string(), text, "{file}");
        let read = outcome.business.map(|business| (business.code, business.extra));
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        assert_eq!(
            read,
            business.map(|(code, extra)| (code, extra.iter().map(owned).collect())),
            "{file}"
        );
        let details: Vec<_> = outcome.status.details.iter().collect();
        assert_eq!(details.len(), usize::from(file == "err-status-details"));
        assert!(details.iter().all(|any| any.ends_with(b"\x0a\x03why")));
    }
}

#[test]
fn recorded_metainfo_is_read() {
    let vectors = folder("grpc");
    let chain = vectors
        .iter()
        .find(|vector| vector.file.ends_with("/chain-a-to-b.json"))
        .unwrap();
    let connection = &chain.connections()[0];
    let head = connection.steps.iter().find_map(headers).unwrap();
    let meta = metadata::read_metainfo(&head);
    let keys = |pairs: Vec<(&str, &str)>| pairs.iter().map(|(key, _)| (*key).to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(meta.transients().collect()), ["LOWER_CASE", "TRANS_ONE"]);
    assert_eq!(keys(meta.persistents().collect()), ["PERS_ONE"]);
}

fn check(connection: &Connection<'_>, count: &mut Count) {
    for step in &connection.steps {
        if let Some(fields) = headers(step) {
            if !fields.path().is_empty() {
                request(&fields, &step.name, count);
            }
            if fields.get("grpc-status").is_some() {
                trailers(&fields, &step.name);
                count.trailers += 1;
            }
        }
        count.messages += usize::from(message_of(step));
    }
}

fn request(fields: &Fields, name: &str, count: &mut Count) {
    count.requests += 1;
    let path = Path::parse(fields.path()).expect("a good path");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("paths are text");
    let built = Path::build(&text(path.package), &text(path.service), &text(path.method));
    assert_eq!(built.as_bytes(), fields.path(), "{name}");
    let codec = ContentType::parse(fields.get("content-type").expect("a content type"))
        .map(|content_type| content_type.codec());
    let is_thrift = fields.path().starts_with(b"/wire.") || fields.path().starts_with(b"/nonamespace.");
    match codec {
        Some(codec) => assert_eq!(codec == Codec::Thrift, is_thrift, "{name}"),
        None => assert!(name.starts_with("grpc/raw-bad-content-type"), "{name}"),
    }
    if let Some(value) = fields.get("grpc-timeout") {
        count.timeouts += 1;
        let remaining = timeout::decode(value).expect("a good timeout");
        assert_eq!(timeout::encode(remaining).as_bytes(), value, "{name}");
    }
}

/// The protocol's part of the trailers comes out of our writer again.
fn trailers(fields: &Fields, name: &str) {
    let outcome = Outcome::read(fields).expect("good trailers");
    let mut written = Fields::new();
    outcome.write(&mut written);
    for field in &written {
        assert_eq!(fields.get(field.name), Some(field.value), "{name}");
    }
    let is_own = |field: &Field<'_>| {
        [&b"grpc-status"[..], b"grpc-message", b"grpc-status-details-bin"].contains(&field.name)
            || field.name.starts_with(b"biz-")
    };
    assert_eq!(fields.iter().filter(is_own).count(), written.len(), "{name}");
}

/// Checks the message that a DATA frame is, if its file says that it is one.
fn message_of(step: &Step<'_>) -> bool {
    let (Some(decoded), Some(bytes)) = (step.decoded, step.bytes.as_deref()) else {
        return false;
    };
    let Some(body) = decoded["message_hex"].as_str() else {
        return false;
    };
    let data = &bytes[http2::HEAD_LEN..];
    let prefix = message::parse(data, u32::MAX)
        .expect("no limit")
        .expect("a whole prefix");
    let flag = match prefix.compression {
        Compression::Identity => 0,
        Compression::Compressed => 1,
    };
    assert_eq!(decoded["grpc_flag"].as_u64(), Some(flag), "{}", step.name);
    let message = &data[message::PREFIX_SIZE..][..prefix.length as usize];
    assert_eq!(hex(message), body, "{}", step.name);
    true
}

/// The fields of a HEADERS frame, as its file lists them.
fn headers(step: &Step<'_>) -> Option<Fields> {
    let listed = step.decoded?["headers"].as_array()?;
    let mut fields = Fields::new();
    for pair in listed {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        fields.push(text(&pair[0]), text(&pair[1]));
    }
    Some(fields)
}
