//! gRPC: the recorded clients get the recorded answers from us, and our client asks as the recorded ones did.

mod handlers;
mod heard;
mod requests;

use std::time::Duration;

use kitewire::{GrpcConfig, Registration, Server, Switch};
use kitewire_proto::http2;
use kitewire_tests::http2::{Content, Reader};
use kitewire_tests::vectors::{Connection, Vector, folder};
use kitewire_tokio::Tokio;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::{self, Running};
use handlers::{Recorded, bare, no_package, wire, wire_pb};
use heard::Heard;

/// Files that are replayed although the two directions, or frames without meaning, vary (`replay` is false there).
const REPLAYED_ALL_THE_SAME: [&str; 9] = [
    "services/combine-grpc-part.json",
    "services/combine-grpc.json",
    "services/grpc-thrift-service.json",
    "services/grpc-unknown-method.json",
    "services/grpc-unknown-service-unique-method.json",
    "services/grpc-unknown-service.json",
    "services/pb-grpc-unknown-service.json",
    "services/pb-grpc.json",
    "services/unknown-handler-grpc.json",
];

/// Recorded connections where we do something else on purpose: the file, why, and what its first stream gets, as the
/// status (HTTP's, gRPC's if there is one) and the text or the last message.
const DIFFERENT: [(&str, &str, &str); 7] = [
    (
        "grpc/err-unary-without-compat.json",
        "the server needs no option for unary calls (SPEC GRQ-5)",
        "200 0",
    ),
    (
        "grpc/gogrpc-accepts-gzip-only.json",
        "who accepts gzip is answered uncompressed when it is off (SPEC GMS-5)",
        "200 0",
    ),
    (
        "grpc/gogrpc-unknown-method.json",
        "gRPC clients get gRPC's code (SPEC GRQ-6)",
        "200 12 unknown method Nope",
    ),
    (
        "grpc/gogrpc-unknown-service.json",
        "gRPC clients get gRPC's code (SPEC GRQ-6)",
        "200 12 unknown service Nope",
    ),
    (
        "grpc/raw-bad-content-type.json",
        "HTTP 415 with a readable body (SPEC GRQ-2)",
        "415",
    ),
    (
        "grpc/raw-no-message-unary.json",
        "an end on HEADERS is an end (SPEC GRQ-12); Kitex never answers",
        "200 13 EOF: the request has no message",
    ),
    (
        "services/grpc-thrift-service-nocompat.json",
        "the server needs no option for unary calls (SPEC GRQ-5)",
        "200 0",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_grpc_requests_get_the_recorded_answers() {
    let mut running = Vec::new();
    for vector in vectors() {
        let listed = REPLAYED_ALL_THE_SAME.contains(&vector.file.as_str());
        if vector.json["replay"] == Value::Bool(true) || listed {
            assert!(vector.json.get("ours").is_none(), "{}", vector.file);
            running.push(tokio::spawn(async move {
                let replayed = replay(&vector).await;
                replayed.map_err(|error| format!("{}: {error}", vector.file))
            }));
        }
    }
    let count = running.len();
    let mut failures = Vec::new();
    for replay in running {
        failures.extend(replay.await.expect("a replay ends").err());
    }
    assert!(
        failures.is_empty(),
        "{} of {count} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(count, REPLAYED, "every such file is accounted for");
}

const REPLAYED: usize = 33 + REPLAYED_ALL_THE_SAME.len();

#[tokio::test]
async fn where_we_differ_from_kitex_we_do_what_was_decided() {
    let mut explained = 0;
    for vector in vectors() {
        let ours = vector.json.get("ours").is_some();
        let Some((file, why, expected)) = DIFFERENT.iter().find(|(file, ..)| *file == vector.file) else {
            assert!(!ours, "{}: what do we do instead?", vector.file);
            continue;
        };
        explained += 1;
        let connection = &vector.connections()[0];
        let server = start(&vector).await;
        let mut peer = Peer::connect(&server.address).await;
        for bytes in client_bytes(connection) {
            peer.send(&bytes).await.expect("the server reads");
        }
        while !peer.is_answered() {
            peer.read().await.unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        assert_eq!(peer.answer(), *expected, "{file}: {why}");
        server.stop().await;
    }
    assert_eq!(explained, DIFFERENT.len(), "a file is gone");
}

/// All files with a gRPC connection.
fn vectors() -> impl Iterator<Item = Vector> {
    let is_grpc = |vector: &Vector| {
        let steps = vector.json["connection"].as_array();
        steps.is_some_and(|steps| steps.iter().any(|step| step["decoded"]["frame"] == "http2"))
    };
    let files = folder("grpc").into_iter().chain(folder("services"));
    files.filter(is_grpc)
}

fn client_bytes(connection: &Connection<'_>) -> Vec<Vec<u8>> {
    let steps = connection.steps.iter().filter(|step| step.from == "client");
    steps.filter_map(|step| step.bytes.clone()).collect()
}

/// Starts the server that was recorded.
async fn start(vector: &Vector) -> Running {
    if let Some(options) = vector.json.get("server_options") {
        return server::start(options).await;
    }
    let services: Vec<Registration> = match vector.json["idl"].as_str() {
        Some("idl/wire.proto") => vec![wire_pb::WirePbServer::new(Recorded).into()],
        Some("idl/nopackage.proto") => vec![no_package::NoPackageServer::new(Recorded).into()],
        Some("idl/NoNamespace.thrift") => vec![bare::BareServer::new(Recorded).into()],
        _ => vec![wire::WireServiceServer::new(Recorded).into()],
    };
    let mut server = Server::new(Tokio);
    for service in services {
        server = server.register(service);
    }
    if vector.file.contains("/gzip") || vector.file.contains("-gzip.") {
        let mut config = GrpcConfig::default();
        config.send_gzip = Switch::On;
        server = server.grpc(config);
    }
    server::run(server.http2_config(http2_config(&vector.file))).await
}

fn http2_config(file: &str) -> http2::Config {
    let mut config = http2::Config::default();
    match file {
        "grpc/windows-configured.json" => {
            config.stream_window = 131_072;
            config.connection_window = Some(262_144);
            config.max_concurrent_streams = 100;
            config.limits.max_header_list = 8192;
        }
        // Kitex bears three strikes, we a hundred.
        "grpc/raw-ping-abuse.json" => config.limits.max_pings = 3,
        _ => {}
    }
    config
}

/// Sends what the client sent, in lockstep, and compares what comes with what came.
async fn replay(vector: &Vector) -> Result<(), String> {
    let connection = &vector.connections()[0];
    let server = start(vector).await;
    let mut peer = Peer::connect(&server.address).await;
    let (mut expected, mut reader) = (Heard::default(), Reader::new());
    for step in &connection.steps {
        match (step.from, &step.bytes) {
            ("server", Some(bytes)) => {
                let frame = reader.read(bytes)?.ok_or("a frame that is not whole")?.0;
                expected.note(&frame);
            }
            ("client", Some(bytes)) => {
                peer.hear(&expected).await?;
                peer.send(bytes).await?;
            }
            _ => {}
        }
    }
    peer.hear(&expected).await?;
    peer.close().await?;
    peer.heard.compare(&expected)?;
    if vector.file == "grpc/windows-configured.json" {
        peer.compare_settings(connection)?;
    }
    server.stop().await;
    Ok(())
}

/// The recorded client's side of the socket.
struct Peer {
    socket: TcpStream,
    input: Vec<u8>,
    reader: Reader,
    heard: Heard,
    frames: Vec<Content>,
    ended: bool,
}

impl Peer {
    async fn connect(address: &str) -> Self {
        Self {
            socket: TcpStream::connect(address).await.expect("the server listens"),
            input: Vec::new(),
            reader: Reader::new(),
            heard: Heard::default(),
            frames: Vec::new(),
            ended: false,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = self.socket.write_all(bytes).await;
        written.map_err(|error| format!("writing: {error}"))
    }

    /// Waits until there is as much as expected.
    async fn hear(&mut self, expected: &Heard) -> Result<(), String> {
        while !self.heard.covers(expected) {
            if self.ended {
                self.heard.compare(expected)?;
            }
            if let Err(error) = self.read().await {
                let difference = self.heard.compare(expected).err().unwrap_or_default();
                return Err(error + &difference);
            }
        }
        Ok(())
    }

    /// Closes the sending direction, and reads what still comes.
    async fn close(&mut self) -> Result<(), String> {
        // A server that has given the connection up may have closed it.
        let _ = self.socket.shutdown().await;
        while !self.ended {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), String> {
        let read = timeout(PATIENCE, self.socket.read_buf(&mut self.input)).await;
        self.ended = matches!(read, Ok(Ok(0) | Err(_)));
        read.map_err(|_| "nothing came".to_owned()).map(drop)?;
        while let Some((frame, length)) = self.reader.read(&self.input)? {
            self.input.drain(..length);
            self.heard.note(&frame);
            self.frames.push(frame.content);
        }
        Ok(())
    }

    /// Whether there is a section that says how the first call ended.
    fn is_answered(&self) -> bool {
        let is_end = |content: &Content| match content {
            Content::Headers(fields) => fields.get("grpc-status").is_some(),
            Content::Data(bytes, _) => bytes.ends_with(b"\n"),
            _ => false,
        };
        self.ended || self.frames.iter().any(is_end)
    }

    /// The status of HTTP, and gRPC's status and text, behind each other.
    fn answer(&self) -> String {
        let sections = self.frames.iter().filter_map(|content| match content {
            Content::Headers(fields) => Some(fields),
            _ => None,
        });
        let names = [":status", "grpc-status", "grpc-message"];
        let values = sections.flat_map(|fields| names.map(|name| fields.get(name)));
        let texts = values
            .flatten()
            .map(String::from_utf8_lossy)
            .filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join(" ")
    }

    /// What was announced comes to the same: settings over the RFC's defaults, and the connection's window.
    fn compare_settings(&self, connection: &Connection<'_>) -> Result<(), String> {
        let mut reader = Reader::new();
        let mut recorded = Vec::new();
        for bytes in connection
            .steps
            .iter()
            .filter(|step| step.from == "server")
            .filter_map(|step| step.bytes.as_ref())
        {
            recorded.extend(reader.read(bytes)?.map(|(frame, _)| frame.content));
        }
        let [ours, theirs] = [&self.frames, &recorded].map(|frames| {
            let mut settings = vec![(1, 4096), (4, 65_535), (5, 16_384)];
            let entries = frames.iter().find_map(|content| match content {
                Content::Settings(entries) => Some(entries.clone()),
                _ => None,
            });
            for (id, value) in entries.unwrap_or_default() {
                settings.retain(|(known, _)| *known != id);
                settings.push((id, value));
            }
            settings.sort_unstable();
            let window = frames.iter().find_map(|content| match content {
                Content::WindowUpdate(increment) => Some(*increment),
                _ => None,
            });
            (settings, window)
        });
        match ours == theirs {
            true => Ok(()),
            false => Err(format!("settings {ours:?}, recorded {theirs:?}")),
        }
    }
}

/// For a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
