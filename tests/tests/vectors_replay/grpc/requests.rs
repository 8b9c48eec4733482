//! Our client's request header is Kitex's, but for the `user-agent`.

use std::sync::Arc;

use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::grpc::{Config, Connection, Request};
use kitewire_proto::http::Fields;
use kitewire_proto::wire::grpc::{ContentType, Path, metadata, timeout};
use kitewire_proto::{Instant, MetaInfo, Switch, Transmit};
use kitewire_tests::http2::{Content, Reader};
use serde_json::Value;

use super::heard::section;

#[test]
fn our_requests_are_those_of_kitex() {
    let mut compared = 0;
    for vector in super::vectors() {
        if !vector.json["client"]
            .as_str()
            .is_some_and(|client| client.starts_with("kitex"))
        {
            continue;
        }
        let mut reader = Reader::new();
        for bytes in super::client_bytes(&vector.connections()[0]) {
            let (frame, _) = reader.read(&bytes).expect("good frames").expect("whole frames");
            if let Content::Headers(recorded) = frame.content {
                assert_eq!(
                    without_agent(&ours(&recorded)),
                    without_agent(&recorded),
                    "{}",
                    vector.file
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, COMPARED);
}

const COMPARED: usize = 57;

/// What we send when asked for the same.
fn ours(recorded: &Fields) -> Fields {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let path = Path::parse(recorded.path()).expect("a good path");
    let [package, service, method] = [path.package, path.service, path.method].map(text);
    let authority = text(recorded.authority());
    let content_type = recorded.get("content-type").and_then(ContentType::parse).expect("gRPC");
    let meta = metadata::read_metainfo(recorded);
    let user = user_metadata(recorded, &meta);
    let now = Instant::ZERO;
    let kind = MethodKind::BidirectionalStreaming;
    let mut request = Request::new(&package, &service, &method, content_type.codec(), kind);
    request.authority = &authority;
    request.metadata = &user;
    request.meta = &meta;
    request.deadline = recorded
        .get(timeout::NAME)
        .map(|value| now + timeout::decode(value).expect("a good timeout"));
    if recorded.get("grpc-encoding").is_some() {
        request.gzip = Switch::On;
    }
    let mut client = Connection::client(Arc::new(Config::default()), now);
    client.open(now, &request).expect("it can be opened");
    sent(&mut client, now)
}

/// What is left when the protocol's fields and metainfo are taken away; binary values as bytes.
fn user_metadata(recorded: &Fields, meta: &MetaInfo) -> Fields {
    let (mut of_meta, mut user) = (Fields::new(), Fields::new());
    metadata::write(&mut of_meta, &Fields::new(), meta);
    for field in recorded {
        let is_protocols = metadata::is_reserved(field.name) || field.name == b"grpc-accept-encoding";
        if !is_protocols && of_meta.get(field.name).is_none() {
            let value = metadata::read(field).expect("good base64").expect("visible");
            user.push(field.name, value);
        }
    }
    user
}

/// The header section on the wire.
fn sent(client: &mut Connection, now: Instant) -> Fields {
    let (mut out, mut reader) = (Transmit::new(), Reader::new());
    client.poll_transmit(now, &mut out);
    let mut bytes = out.to_vec();
    while let Some((frame, length)) = reader.read(&bytes).expect("good frames") {
        bytes.drain(..length);
        if let Content::Headers(fields) = frame.content {
            return fields;
        }
    }
    panic!("no HEADERS")
}

fn without_agent(fields: &Fields) -> Value {
    let mut rest = Fields::new();
    for field in fields {
        if field.name == b"user-agent" {
            assert!(field.value.starts_with(b"kitex/v0.16.3"));
            rest.push(field.name, "kitex");
        } else {
            rest.push(field.name, field.value);
        }
    }
    section(&rest)
}
