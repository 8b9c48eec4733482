//! What a client tells beside the messages of its streams over TTHeader, and what somebody on the way tells it.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::chat::{Chat, ChatClient, ChatServer, Line, line};
use common::{Running, bounded, patient, run};
use kitewire::proto::wire::ttheader::IntKey;
use kitewire::{
    Call, Client, ClientBuilder, Error, ErrorKind, Receiver, Sender, Server, ServerStream, StreamCall, StreamPool,
    StreamTransport, Switch, TtStreamOptions,
};
use kitewire_tokio::Tokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers with what it knows about its caller.
struct Witness;

impl Chat for Witness {
    async fn unary(&self, _call: &Call, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn collect(&self, _call: &Call, _requests: Receiver<Line>) -> Result<Line, Error> {
        Ok(line(""))
    }

    async fn watch(&self, call: &Call, _ask: Line, mut out: Sender<Line>) -> Result<(), Error> {
        out.send(line(format!(
            "{} caller={} user={} token={} keys={:?}",
            call.transport(),
            call.caller_service().unwrap_or("-"),
            call.persistent("User-Id").unwrap_or("-"),
            call.transient("token").unwrap_or("-"),
            call.metadata().iter().collect::<Vec<_>>(),
        )))
        .await
    }

    async fn talk(&self, _call: &Call, _requests: Receiver<Line>, _out: Sender<Line>) -> Result<(), Error> {
        Ok(())
    }
}

fn builder(server: &Running) -> ClientBuilder {
    let builder = patient(Client::to(&server.address)).caller("me");
    builder.stream_transport(StreamTransport::TtHeader)
}

async fn witness(builder: ClientBuilder, ask: fn(StreamCall<'_, Watch>) -> StreamCall<'_, Watch>) -> String {
    let chat = ChatClient(builder.build(Tokio).unwrap());
    let mut watch = bounded(ask(chat.watch("x"))).await.unwrap();
    let told = bounded(watch.recv()).await.unwrap().unwrap();
    assert_eq!(bounded(watch.recv()).await.unwrap(), None);
    told.0.unwrap()
}

type Watch = ServerStream<Line>;

#[tokio::test]
async fn metadata_and_metainfo_go_along_as_they_are_and_a_name_where_it_is_to_be_told() {
    let server = run(Server::new(Tokio).register(ChatServer::new(Witness))).await;
    fn ask(watch: StreamCall<'_, Watch>) -> StreamCall<'_, Watch> {
        watch
            .metadata("Node-Id", "1")
            .metadata("node-id", "2")
            .metadata("Node-Id", "3")
            .metadata("raw-bin", [0, 255])
            .persistent("User-Id", "7")
            .meta("token", "t")
    }
    let all = |caller: &str| {
        let keys = r#"[("node-id", [50]), ("Node-Id", [51]), ("raw-bin", [0, 255])]"#;
        format!("TTHeaderStreaming caller={caller} user=7 token=t keys={keys}")
    };
    assert_eq!(witness(builder(&server), ask).await, all("me"));
    let untold = TtStreamOptions::default().tell_caller(Switch::Off);
    assert_eq!(witness(builder(&server).tt_streams(untold), ask).await, all("-"));
    assert_eq!(witness(builder(&server).meta(Switch::Off), ask).await, all("-"));
    let nothing = witness(builder(&server), |watch| watch).await;
    assert_eq!(nothing, "TTHeaderStreaming caller=me user=- token=- keys=[]");
}

/// `rip=10.0.0.1:8888`, `tc=c1`, `ti=i1`, for stream 1.
const FRAME: [u8; 74] = *b"\
    \0\0\0\x46\x10\0\0\x02\0\0\0\x01\0\x0f\x10\0\
    \x01\0\x03\0\x03rip\0\x0d10.0.0.1:8888\0\x02tc\0\x02c1\0\x02ti\0\x02i1\
    \x10\0\x02\0\x09\0\x04Echo\0\x1b\0\x011\0\0\0";

/// A server that has got its first bytes.
async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = bounded(listener.accept()).await.unwrap();
    assert!(bounded(socket.read(&mut [0; 1024])).await.unwrap() > 0);
    socket
}

#[tokio::test]
async fn meta_frames_are_told_to_whoever_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let options = TtStreamOptions::default().on_meta_frame({
        let told = Arc::clone(&told);
        move |frame| {
            let (key, method) = &frame.ints[0];
            assert_eq!((*key, &**method), (IntKey::TO_METHOD, &b"Echo"[..]));
            told.lock().unwrap().push(frame.strings.get(b"rip").map(<[u8]>::to_vec));
            Ok(())
        }
    });
    let builder = patient(Client::to(listener.local_addr().unwrap())).stream_transport(StreamTransport::TtHeader);
    let chat = ChatClient(builder.tt_streams(options).build(Tokio).unwrap());
    let mut talk = bounded(chat.talk()).await.unwrap();
    let mut socket = accept(&listener).await;
    for _ in 0..2 {
        socket.write_all(&FRAME).await.unwrap();
    }
    bounded(async {
        while told.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let waited = tokio::time::timeout(Duration::from_millis(50), talk.recv()).await;
    assert!(waited.is_err(), "the stream hears nothing of it");
    let address = Some(b"10.0.0.1:8888".to_vec());
    assert_eq!(*told.lock().unwrap(), [address.clone(), address]);
}

#[tokio::test]
async fn an_objection_to_a_meta_frame_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = TtStreamOptions::default()
        .pool(StreamPool::Multiplexed { connections: 1 })
        .on_meta_frame(|_| Err(Error::new("not from there")));
    let builder = patient(Client::to(listener.local_addr().unwrap())).stream_transport(StreamTransport::TtHeader);
    let chat = ChatClient(builder.tt_streams(options).build(Tokio).unwrap());
    let mut talk = bounded(chat.talk()).await.unwrap();
    let mut socket = accept(&listener).await;
    let mut other = bounded(chat.talk()).await.unwrap();
    socket.write_all(&FRAME).await.unwrap();
    for talk in [&mut talk, &mut other] {
        let failed = bounded(talk.recv()).await.unwrap_err();
        let text = "[ttstream error, code=12004] not from there";
        assert_eq!(
            (failed.to_string().as_str(), failed.kind()),
            (text, ErrorKind::Protocol)
        );
    }
    let mut rest = Vec::new();
    bounded(socket.read_to_end(&mut rest)).await.unwrap();
}
