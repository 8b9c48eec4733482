//! Small recordings of every kind of connections.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kitewire_proto::connection::{Config, Connection, Ending, Event, Pull, Request, Speaks};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, Services};
use kitewire_proto::http::{Response, ServerConnection, ServerEvent};
use kitewire_proto::record::Recorder;
use kitewire_proto::wire::Codec;
use kitewire_proto::{Instant, Transmit};

/// A call with two answers, or one, over each protocol: what it is and the recording, of both sides; and a plain request.
#[must_use]
pub fn sessions() -> Vec<(String, Vec<u8>)> {
    let mut sessions = Vec::new();
    for (name, speaks, method) in [
        ("pingpong", Speaks::PingPong(Arc::default()), "echo"),
        ("grpc", Speaks::Grpc(Arc::default()), "talk"),
        ("ttstream", Speaks::TtHeaderStreams(Arc::default()), "talk"),
    ] {
        let (client, server) = session(speaks, method);
        sessions.push((format!("{name}-client"), client));
        sessions.push((format!("{name}-server"), server));
    }
    sessions.push(("http1-server".to_owned(), page()));
    sessions
}

static METHODS: [MethodInfo; 2] = [
    MethodInfo::new("echo", MethodKind::Unary),
    MethodInfo::new("talk", MethodKind::BidirectionalStreaming),
];
static ECHO: ServiceInfo = ServiceInfo::new("demo", "Echo", Codec::Thrift, &METHODS);

fn session(speaks: Speaks, method: &'static str) -> (Vec<u8>, Vec<u8>) {
    let services = Arc::new(Services::of(&[&ECHO]).unwrap());
    let mut now = Instant::ZERO;
    let mut server = Connection::server(services, Arc::new(Config::default()), now);
    let mut client = Connection::client(speaks, now);
    server.record(Recorder::new(usize::MAX));
    client.record(Recorder::new(usize::MAX));
    let empty = Bytes::from_static(b"\0");
    let request = Request::new(&ECHO, method);
    let call = match method {
        "echo" => client.call(now, &request, &empty).unwrap(),
        _ => {
            let call = client.open(now, &request).unwrap();
            client.send(now, call, &empty).unwrap();
            client.close_send(call).unwrap();
            call
        }
    };
    let (mut out, mut there, mut back) = (Transmit::new(), BytesMut::new(), BytesMut::new());
    for _ in 0..4 {
        now += std::time::Duration::from_millis(1);
        carry(now, &mut client, &mut out, &mut there);
        server.receive(now, &mut there);
        while let Some(event) = server.poll_event() {
            if let Event::Opened { id } = event {
                while let Pull::Message(message) = server.pull(id) {
                    let answer = message.to_bytes();
                    server.send(now, id, &answer).unwrap();
                }
                server.finish(now, id, &Ending::Ok);
            }
        }
        carry(now, &mut server, &mut out, &mut back);
        client.receive(now, &mut back);
        while client.poll_event().is_some() {}
    }
    let Pull::Message(answer) = client.pull(call) else {
        panic!("the call is answered")
    };
    assert_eq!(answer.bytes(), b"\0");
    drop(answer);
    client.release(now, call);
    (client.recorder().unwrap().finish(), server.recorder().unwrap().finish())
}

fn carry(now: Instant, from: &mut Connection, out: &mut Transmit, wire: &mut BytesMut) {
    while from.poll_transmit(now, out) {
        wire.extend_from_slice(&out.to_vec());
        out.advance(out.len());
    }
}

fn page() -> Vec<u8> {
    let now = Instant::ZERO;
    let mut connection = ServerConnection::http1(Arc::default(), now);
    connection.record(Recorder::new(usize::MAX));
    let mut input = BytesMut::from("POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi");
    connection.receive(now, &mut input);
    let Some(ServerEvent::Request { id }) = connection.poll_event() else {
        panic!("the request is whole")
    };
    connection.respond(now, id, &Response::text(200, "fine\n")).unwrap();
    connection.poll_transmit(now, &mut Transmit::new());
    connection.recorder().unwrap().finish()
}
