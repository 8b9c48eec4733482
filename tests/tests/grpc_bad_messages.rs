//! What calls get whose messages do not decode (SPEC GBD): the right status, from a connection that goes on.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use kitewire::bytes::{Bytes, BytesMut};
use kitewire::proto::dispatch::MethodKind;
use kitewire::proto::grpc::{Config, Connection, Event, Request};
use kitewire::proto::wire::Codec;
use kitewire::proto::{Instant, Transmit};
use kitewire::{Call, Error, Receiver, Sender, Server, Status};
use kitewire_tokio::Tokio;

#[allow(missing_docs, reason = "generated")]
mod promises {
    kitewire::include_idl!("promises");
}
#[allow(missing_docs, unreachable_pub, reason = "generated")]
mod parcels {
    kitewire::include_idl!("kitewire.parcels");
}

use parcels::{Parcel, Parcels, ParcelsServer};
use promises::{Ask, Promises, PromisesServer, Reply};

/// The arguments {1: {1: "hi", 2: ""}} of a call, and the bare struct of a stream.
const ARGUMENTS: &[u8] = b"\x0c\0\x01\x0b\0\x01\0\0\0\x02hi\x0b\0\x02\0\0\0\0\0\0";
const BARE: &[u8] = b"\x0b\0\x01\0\0\0\x02hi\x0b\0\x02\0\0\0\0\0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_do_not_decode_are_named() {
    let server = Server::new(Tokio)
        .register(PromisesServer::new(Echo))
        .register(ParcelsServer::new(Echo));
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let address = bound.local_addr().unwrap().to_string();
    let handle = bound.handle();
    let task = tokio::spawn(bound.run());
    tokio::task::spawn_blocking(move || ask_everything(&address))
        .await
        .unwrap();
    handle.shutdown(Duration::ZERO);
    task.await.unwrap().unwrap();
}

fn ask_everything(address: &str) {
    use MethodKind::{BidirectionalStreaming, ClientStreaming, ServerStreaming, Unary};
    let mut peer = Peer::connect(address);
    let cut = &ARGUMENTS[..9];
    let mut text = ARGUMENTS.to_vec();
    text[10] = 0xff;
    for (method, kind, message, code, what) in [
        ("unary", Unary, &b""[..], 7, "unexpected end of input"),
        ("unary", Unary, &b"\0"[..], 7, "required field is not set"),
        ("unary", Unary, cut, 7, "Ask.text: unexpected end of input"),
        ("unary", Unary, &text, 7, "Ask.text: string is not UTF-8"),
        ("unary", Unary, BARE, 7, "required field is not set"),
        ("ping", Unary, &b"\x99"[..], 7, "unknown type id 0x99"),
        (
            "watch",
            ServerStreaming,
            &b"\0"[..],
            7,
            "Ask.text: required field is not set",
        ),
        (
            "collect",
            ClientStreaming,
            &b"\0"[..],
            7,
            "Ask.text: required field is not set",
        ),
        ("talk", BidirectionalStreaming, &BARE[..4], 7, "unexpected end of input"),
    ] {
        let status = peer.call("Promises", method, Codec::Thrift, kind, message);
        assert_eq!(status.code.0, code, "{method} {message:?}: {status}");
        assert!(status.message.contains(what), "{method} {message:?}: {status}");
        // What a handler forwards is said by the handler.
        let is_forwarded = matches!(kind, ClientStreaming | BidirectionalStreaming);
        assert_eq!(
            status.message.ends_with(" [biz error]"),
            is_forwarded,
            "{method}: {status}"
        );
    }
    for (method, kind) in [
        ("Send", Unary),
        ("Deliver", ServerStreaming),
        ("Exchange", BidirectionalStreaming),
    ] {
        let status = peer.call("Parcels", method, Codec::Protobuf, kind, b"\x0a\x05hi");
        assert_eq!(status.code.0, 13, "{method}: {status}");
        assert!(
            status.message.contains("message cannot be decoded"),
            "{method}: {status}"
        );
    }
    let status = peer.call("Parcels", "Send", Codec::Thrift, Unary, ARGUMENTS);
    let text = "rpc error: code = 9 desc = decode failed, codec msg type not match with thriftCodec";
    assert_eq!(status.to_string(), text);
    let status = peer.call("Promises", "unary", Codec::Protobuf, Unary, b"\x0a\x02hi");
    assert_eq!(status.to_string(), "rpc error: code = 13 desc = grpc invalid payload");
    // All that on one connection, which still answers.
    let status = peer.call("Promises", "unary", Codec::Thrift, Unary, ARGUMENTS);
    assert_eq!(status.code.0, 0, "{status}");
    let status = peer.call("Promises", "talk", Codec::Thrift, BidirectionalStreaming, BARE);
    assert_eq!(status.code.0, 0, "{status}");
}

/// A client of the core, on a blocking socket.
struct Peer {
    socket: TcpStream,
    connection: Connection,
    input: BytesMut,
    out: Transmit,
}

impl Peer {
    fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self {
            socket,
            connection: Connection::client(Arc::new(Config::default()), Instant::ZERO),
            input: BytesMut::new(),
            out: Transmit::new(),
        }
    }

    /// Sends one message, and tells how the call ended.
    fn call(&mut self, service: &str, method: &str, codec: Codec, kind: MethodKind, message: &[u8]) -> Status {
        let request = Request::new("any", service, method, codec, kind);
        let id = self.connection.open(Instant::ZERO, &request).unwrap();
        let mut sender = self.connection.sender(id).unwrap();
        sender.send(&Bytes::copy_from_slice(message)).unwrap();
        sender.finish().unwrap();
        while !self.has_ended() {
            let mut block = [0; 4096];
            let length = self.socket.read(&mut block).unwrap();
            assert!(length > 0, "{:?}", self.connection.close_reason());
            self.input.extend_from_slice(&block[..length]);
            self.connection.receive(Instant::ZERO, &mut self.input);
        }
        let status = self.connection.outcome(id).unwrap().status.clone();
        self.connection.release(id);
        status
    }

    /// Sends what there is to send; whether the call is over.
    fn has_ended(&mut self) -> bool {
        while self.connection.poll_transmit(Instant::ZERO, &mut self.out) {
            self.socket.write_all(&self.out.to_vec()).unwrap();
            self.out.advance(self.out.len());
        }
        let mut events = std::iter::from_fn(|| self.connection.poll_event());
        events.any(|event| matches!(event, Event::Ended { .. }))
    }
}

/// Answers everything with what it got.
struct Echo;

impl Promises for Echo {
    async fn ping(&self, _call: &Call, ask: Ask) -> Result<Reply, Error> {
        let Ask { text, payload } = ask;
        Ok(Reply { text, payload })
    }

    async fn unary(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        Promises::ping(self, call, ask).await
    }

    async fn collect(&self, call: &Call, mut requests: Receiver<Ask>) -> Result<Reply, Error> {
        let first = requests.recv().await?.ok_or_else(|| Error::new("nothing"))?;
        Promises::ping(self, call, first).await
    }

    async fn watch(&self, call: &Call, ask: Ask, mut out: Sender<Reply>) -> Result<(), Error> {
        let reply = Promises::ping(self, call, ask).await?;
        out.send(reply).await
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Ask>, mut out: Sender<Reply>) -> Result<(), Error> {
        while let Some(ask) = requests.recv().await? {
            out.send(Promises::ping(self, call, ask).await?).await?;
        }
        Ok(())
    }
}

impl Parcels for Echo {
    async fn send(&self, _call: &Call, parcel: Parcel) -> Result<Parcel, Error> {
        Ok(parcel)
    }

    async fn collect(&self, _call: &Call, mut requests: Receiver<Parcel>) -> Result<Parcel, Error> {
        requests.recv().await?.ok_or_else(|| Error::new("nothing"))
    }

    async fn deliver(&self, _call: &Call, parcel: Parcel, mut out: Sender<Parcel>) -> Result<(), Error> {
        out.send(parcel).await
    }

    async fn exchange(
        &self,
        _call: &Call,
        mut requests: Receiver<Parcel>,
        mut out: Sender<Parcel>,
    ) -> Result<(), Error> {
        while let Some(parcel) = requests.recv().await? {
            out.send(parcel).await?;
        }
        Ok(())
    }
}
