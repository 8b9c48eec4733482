//! Clients of every kind at the same time on one port: ping-pong over each transport, pooled, multiplexed and short, Thrift and
//! Protobuf over gRPC in every mode, streams over TTHeader on connections of every kind, and plain HTTP; and the recordings
//! of all of them.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::http::{Request, Response};
use kitewire::proto::record::{Finish, replay};
use kitewire::{
    Call, Client, ClientBuilder, Error, Receiver, Recording, Sender, Server, StreamPool, StreamTransport, Transport,
    TtStreamOptions,
};
use kitewire_tests::shelf::Shelf;
use kitewire_tokio::Tokio;
use tokio::task::JoinSet;

#[allow(missing_docs, reason = "generated")]
mod promises {
    kitewire::include_idl!("promises");
}
#[allow(missing_docs, reason = "generated")]
mod parcels {
    kitewire::include_idl!("kitewire.parcels");
}

use parcels::{Parcel, Parcels, ParcelsClient, ParcelsServer};
use promises::{Ask, Promises, PromisesClient, PromisesServer, Reply};

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
        let mut last = ask(0);
        while let Some(ask) = requests.recv().await? {
            last = ask;
        }
        Promises::ping(self, call, last).await
    }

    async fn watch(&self, call: &Call, ask: Ask, mut out: Sender<Reply>) -> Result<(), Error> {
        for _ in 0..3 {
            let reply = Promises::ping(self, call, ask.clone()).await?;
            out.send(reply).await?;
        }
        Ok(())
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Ask>, mut out: Sender<Reply>) -> Result<(), Error> {
        while let Some(ask) = requests.recv().await? {
            let reply = Promises::ping(self, call, ask).await?;
            out.send(reply).await?;
        }
        Ok(())
    }
}

impl Parcels for Echo {
    async fn send(&self, _call: &Call, parcel: Parcel) -> Result<Parcel, Error> {
        Ok(parcel)
    }

    async fn collect(&self, _call: &Call, mut requests: Receiver<Parcel>) -> Result<Parcel, Error> {
        let mut last = Parcel::default();
        while let Some(parcel) = requests.recv().await? {
            last = parcel;
        }
        Ok(last)
    }

    async fn deliver(&self, _call: &Call, parcel: Parcel, mut out: Sender<Parcel>) -> Result<(), Error> {
        for _ in 0..3 {
            out.send(&parcel).await?;
        }
        Ok(())
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

/// A text that differs from call to call, and a payload of many sizes.
fn ask(turn: usize) -> Ask {
    Ask {
        text: format!("turn {turn}"),
        payload: Bytes::from(vec![7; turn * turn * 10]),
    }
}

fn parcel(turn: usize) -> Parcel {
    Parcel {
        label: format!("parcel {turn}"),
    }
}

async fn calls(builder: ClientBuilder) {
    let client = builder.build(Tokio).unwrap();
    let (thrift, protobuf) = (PromisesClient::new(client.clone()), ParcelsClient::new(client));
    for turn in 0..TURNS {
        let reply = thrift.ping(ask(turn)).await.unwrap();
        assert_eq!((reply.text, reply.payload), (ask(turn).text, ask(turn).payload));
        assert_eq!(protobuf.send(parcel(turn)).await.unwrap(), parcel(turn));
    }
}

async fn thrift_streams(builder: ClientBuilder) {
    let client = PromisesClient::new(builder.build(Tokio).unwrap());
    for turn in 0..TURNS {
        let text = ask(turn).text;
        assert_eq!(client.unary(ask(turn)).await.unwrap().text, text);
        let mut up = client.collect().await.unwrap();
        let mut down = client.watch(ask(turn)).await.unwrap();
        let mut talk = client.talk().await.unwrap();
        for _ in 0..3 {
            up.send(ask(turn)).await.unwrap();
            talk.send(ask(turn)).await.unwrap();
            assert_eq!(talk.recv().await.unwrap().unwrap().payload, ask(turn).payload);
            assert_eq!(down.recv().await.unwrap().unwrap().text, text);
        }
        assert_eq!(up.finish().await.unwrap().text, text);
        assert!(down.recv().await.unwrap().is_none());
        talk.close_send();
        assert!(talk.recv().await.unwrap().is_none());
    }
}

async fn protobuf_streams(builder: ClientBuilder) {
    let client = ParcelsClient::new(builder.build(Tokio).unwrap());
    for turn in 0..TURNS {
        let mut up = client.collect().await.unwrap();
        let mut down = client.deliver(parcel(turn)).await.unwrap();
        let mut talk = client.exchange().await.unwrap();
        for _ in 0..3 {
            up.send(parcel(turn)).await.unwrap();
            talk.send(parcel(turn)).await.unwrap();
            assert_eq!(talk.recv().await.unwrap().unwrap(), parcel(turn));
            assert_eq!(down.recv().await.unwrap().unwrap(), parcel(turn));
        }
        assert_eq!(up.finish().await.unwrap(), parcel(turn));
        assert!(down.recv().await.unwrap().is_none());
    }
}

fn pages(address: &str) {
    for _ in 0..TURNS {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = "GET /page HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("/page"),
            "{answer}"
        );
    }
}

async fn page(request: Request<Bytes>) -> Response<Bytes> {
    Response::new(Bytes::from(request.uri().path().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_all_kinds_share_one_port() {
    everybody(server()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_connection_recorded_replays_to_the_same() {
    let shelf = Shelf::default();
    let files = shelf.clone();
    everybody(server().record(move |connection| Some(Recording::new(files.file(connection.number))))).await;
    let mut seen = BTreeMap::new();
    for (number, file) in shelf.files() {
        let replayed = replay(&file).unwrap_or_else(|error| panic!("connection {number}: {error}"));
        assert_eq!(replayed.difference, None, "connection {number}");
        assert_eq!(replayed.hash, replayed.recorded_hash, "connection {number}");
        assert_eq!(replayed.finish, Finish::Whole);
        *seen.entry(replayed.subject.to_string()).or_insert(0) += replayed.events;
    }
    let subjects: Vec<_> = seen.keys().map(String::as_str).collect();
    let all = [
        "HTTP/1 server",
        "TTHeader streams, server",
        "gRPC server",
        "ping-pong server",
    ];
    assert_eq!(subjects, all);
    assert!(seen.values().all(|events| *events > 30), "{seen:?}");
}

fn server() -> Server<Tokio> {
    Server::new(Tokio)
        .register(PromisesServer::new(Echo).fallback())
        .register(ParcelsServer::new(Echo))
        .http(page)
}

async fn everybody(server: Server<Tokio>) {
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (bound.local_addr().unwrap(), bound.handle());
    let running = tokio::spawn(bound.run());
    let to = |transport| {
        Client::to(address.clone())
            .transport(transport)
            .connect_timeout(PATIENCE)
    };
    let mut clients = JoinSet::new();
    for transport in [
        Transport::Bare,
        Transport::Framed,
        Transport::TtHeader,
        Transport::TtHeaderFramed,
        Transport::Grpc,
    ] {
        clients.spawn(calls(to(transport)));
        clients.spawn(calls(to(transport).short()));
    }
    clients.spawn(calls(to(Transport::TtHeader).multiplexed(2)));
    for _ in 0..2 {
        clients.spawn(thrift_streams(to(Transport::Grpc)));
        clients.spawn(protobuf_streams(to(Transport::Grpc)));
    }
    for pool in [
        StreamPool::multiplexed(),
        StreamPool::Multiplexed { connections: 1 },
        StreamPool::exclusive(),
        StreamPool::Short,
    ] {
        let options = TtStreamOptions::default().pool(pool);
        let over_ttheader = to(Transport::TtHeader).stream_transport(StreamTransport::TtHeader);
        clients.spawn(thrift_streams(over_ttheader.tt_streams(options)));
    }
    let text = address.to_string();
    clients.spawn_blocking(move || pages(&text));
    let all = async { while clients.join_next().await.transpose().unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, all).await.expect("somebody hangs");
    handle.shutdown(PATIENCE);
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}

const TURNS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);
