//! Streams over TTHeader as a server takes them, over sockets.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::chat::{ChatClient, ChatServer, line, run_chat, talker};
use common::{Running, bounded, patient, run};
use kitewire::bytes::{Bytes, BytesMut};
use kitewire::proto::ttstream::{Config, Connection, Pull, Request, StreamId};
use kitewire::proto::{Demand, Transmit};
use kitewire::{Client, Code, ErrorKind, Instant, MethodKind, Server, StreamTransport, Transport};
use kitewire_tokio::Tokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// A client that drives its connection itself.
struct Raw {
    socket: TcpStream,
    connection: Connection,
    input: BytesMut,
}

impl Raw {
    async fn new(server: &Running) -> Self {
        let address = server.address.to_string();
        Self {
            socket: bounded(TcpStream::connect(address)).await.unwrap(),
            connection: Connection::client(Arc::new(Config::default()), Instant::ZERO),
            input: BytesMut::new(),
        }
    }

    fn open(&mut self) -> StreamId {
        let request = Request::new("Chat", "talk", MethodKind::BidirectionalStreaming);
        self.connection.open(Instant::ZERO, &request).unwrap()
    }

    fn send(&mut self, id: StreamId, message: &'static [u8]) {
        let message = Bytes::from_static(message);
        self.connection.sender(id).unwrap().send(&message).unwrap();
    }

    /// What there is to send.
    fn output(&mut self) -> Vec<u8> {
        let (mut out, mut bytes) = (Transmit::new(), Vec::new());
        while self.connection.poll_transmit(Instant::ZERO, &mut out) {
            bytes.extend(out.to_vec());
            out.advance(out.len());
        }
        bytes
    }

    async fn flush(&mut self) {
        let bytes = self.output();
        bounded(self.socket.write_all(&bytes)).await.unwrap();
    }

    /// Reads until there is a message, or the stream is over.
    async fn message(&mut self, id: StreamId) -> Option<Vec<u8>> {
        loop {
            match self.connection.receiver(id).unwrap().pull() {
                Pull::Message(message) => return Some(message.bytes().to_vec()),
                Pull::Empty => {}
                Pull::End | Pull::Failed => return None,
            }
            let read = bounded(self.socket.read_buf(&mut self.input)).await.unwrap();
            assert!(read > 0, "the server has gone");
            self.connection.receive(Instant::ZERO, &mut self.input);
            assert_ne!(self.connection.read_demand(), Demand::Stop);
        }
    }

    /// Waits until the server closes the connection.
    async fn closed(&mut self) {
        while bounded(self.socket.read_buf(&mut self.input)).await.unwrap_or(0) > 0 {
            self.input.clear();
        }
    }
}

/// A struct with one string, as the service's messages are.
const HELLO: &[u8] = b"\x0b\0\x01\0\0\0\x05hello\0";

fn streaming(server: &Running, transport: StreamTransport) -> ChatClient {
    ChatClient(
        patient(Client::to(&server.address))
            .stream_transport(transport)
            .build(Tokio)
            .unwrap(),
    )
}

#[tokio::test]
async fn one_port_takes_every_kind_of_connection() {
    let (server, _controls) = run_chat().await;
    for transport in [StreamTransport::TtHeader, StreamTransport::Grpc] {
        let chat = streaming(&server, transport);
        let mut talk = bounded(chat.talk()).await.unwrap();
        bounded(talk.send(line("x"))).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("x")));
    }
    for transport in [Transport::Framed, Transport::TtHeader, Transport::Grpc] {
        let chat = ChatClient(
            patient(Client::to(&server.address))
                .transport(transport)
                .build(Tokio)
                .unwrap(),
        );
        assert_eq!(bounded(chat.unary("x")).await.unwrap(), "xx");
    }
}

#[tokio::test]
async fn first_bytes_that_come_in_pieces_are_recognised() {
    let (server, _controls) = run_chat().await;
    for piece in [1, 5, 7, 9, 40] {
        let mut raw = Raw::new(&server).await;
        raw.socket.set_nodelay(true).unwrap();
        let id = raw.open();
        raw.send(id, HELLO);
        for bytes in raw.output().chunks(piece) {
            bounded(raw.socket.write_all(bytes)).await.unwrap();
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        assert_eq!(bounded(raw.message(id)).await.as_deref(), Some(HELLO), "{piece}");
    }
}

#[tokio::test]
async fn a_frame_of_another_kind_ends_the_connection_and_its_handlers_hear_why() {
    let (server, mut controls) = run_chat().await;
    let mut raw = Raw::new(&server).await;
    let id = raw.open();
    raw.send(id, HELLO);
    raw.flush().await;
    assert_eq!(controls.seen().await, "talking");
    assert_eq!(bounded(raw.message(id)).await.as_deref(), Some(HELLO));
    // Data for the stream, without the streaming flag.
    raw.send(id, HELLO);
    let mut bytes = raw.output();
    bytes[7] = 0;
    bounded(raw.socket.write_all(&bytes)).await.unwrap();
    bounded(raw.closed()).await;
    assert_eq!(
        controls.seen().await,
        "talk: [ttstream error, code=12013] [ttstream error, code=12004] unexpected header flags: 0"
    );
}

#[tokio::test]
async fn a_stopping_server_finishes_its_streams_and_begins_none() {
    let (server, mut controls) = run_chat().await;
    let mut raw = Raw::new(&server).await;
    let id = raw.open();
    raw.send(id, HELLO);
    raw.flush().await;
    assert_eq!(controls.seen().await, "talking");
    assert_eq!(bounded(raw.message(id)).await.as_deref(), Some(HELLO));
    server.handle.shutdown(Duration::from_secs(30));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let late = raw.open();
    raw.flush().await;
    assert_eq!(bounded(raw.message(late)).await, None);
    let outcome = format!("{:?}", raw.connection.outcome(late));
    assert!(outcome.contains("the server is shutting down"), "{outcome}");
    raw.send(id, HELLO);
    raw.connection.sender(id).unwrap().finish().unwrap();
    raw.flush().await;
    assert_eq!(bounded(raw.message(id)).await.as_deref(), Some(HELLO));
    assert_eq!(bounded(raw.message(id)).await, None, "it ended well");
    bounded(raw.closed()).await;
    bounded(server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_that_runs_out_counts_what_it_cuts_off() {
    let (server, mut controls) = run_chat().await;
    let chat = streaming(&server, StreamTransport::TtHeader);
    let mut talks = Vec::new();
    for _ in 0..3 {
        talks.push(bounded(chat.talk()).await.unwrap());
        assert_eq!(controls.seen().await, "talking");
    }
    server.handle.shutdown(Duration::from_millis(50));
    for talk in &mut talks {
        let error = bounded(talk.recv()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Cancelled, Code::CANCELLED));
    }
    let unfinished = bounded(server.ended).await.unwrap().unwrap_err();
    assert_eq!(unfinished.calls, 3);
    let text = "talk: [ttstream error, code=12013] [server-side stream] canceled by connection closed";
    for _ in 0..3 {
        assert_eq!(controls.seen().await, text);
    }
}

#[tokio::test]
async fn the_servers_owner_hears_of_refusals_and_ends() {
    let (talker, _controls) = talker();
    let (notices, mut heard) = mpsc::unbounded_channel();
    let server = Server::new(Tokio)
        .register(ChatServer::new(talker))
        .observe(move |notice| drop(notices.send(format!("{notice:?}"))));
    let server = run(server).await;
    let mut raw = Raw::new(&server).await;
    let request = Request::new("Chat", "nothing", MethodKind::BidirectionalStreaming);
    let id = raw.connection.open(Instant::ZERO, &request).unwrap();
    raw.flush().await;
    assert_eq!(bounded(raw.message(id)).await, None);
    let notice = bounded(heard.recv()).await.unwrap();
    assert!(
        notice.starts_with("Refused") && notice.contains("unknown method nothing"),
        "{notice}"
    );
    drop(raw);
    let notice = bounded(heard.recv()).await.unwrap();
    assert!(
        notice.starts_with("Closed") && notice.contains("PeerClosed"),
        "{notice}"
    );
}
