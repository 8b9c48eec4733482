//! Streams that are a part of the call being served: they end with it, over either transport and from one to the other.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::chat::{Chat, ChatClient, ChatServer, Controls, Line, line, run_chat};
use common::{Running, bounded, patient, run};
use kitewire::proto::dispatch::MethodKind;
use kitewire::proto::ttstream::{Config, Connection, Request};
use kitewire::proto::{Instant, Transmit};
use kitewire::{
    BidiStream, Call, Client, Error, ErrorKind, Receiver, Sender, Server, StreamPool, StreamTransport, TtStreamOptions,
};
use kitewire_tokio::Tokio;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const TRANSPORTS: [StreamTransport; 2] = [StreamTransport::Grpc, StreamTransport::TtHeader];

fn client(server: &Running, name: &str, transport: StreamTransport) -> ChatClient {
    let builder = patient(Client::to(&server.address)).caller(name);
    ChatClient(builder.stream_transport(transport).build(Tokio).unwrap())
}

/// A server in the middle: opens a stream to the next one for each that it serves, and lets it lie.
struct Relay {
    next: ChatClient,
    kept: Arc<Mutex<Vec<BidiStream<Line, Line>>>>,
    seen: mpsc::UnboundedSender<String>,
}

impl Chat for Relay {
    async fn unary(&self, _call: &Call, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn collect(&self, _call: &Call, _requests: Receiver<Line>) -> Result<Line, Error> {
        Ok(line(""))
    }

    /// Opens its stream when nobody waits any more.
    async fn watch(&self, call: &Call, _ask: Line, _out: Sender<Line>) -> Result<(), Error> {
        call.send_header()?;
        call.cancelled().await;
        let late = self.next.talk().forward(call).await.unwrap_err();
        let _ = self.seen.send(format!("{:?} {late}", late.kind()));
        Err(late)
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Line>, mut out: Sender<Line>) -> Result<(), Error> {
        let mut next = match self.next.talk().forward(call).await {
            Ok(next) => next,
            Err(error) => {
                let _ = self.seen.send(format!("{:?} {error}", error.kind()));
                return Err(error);
            }
        };
        next.send(line("x")).await?;
        assert_eq!(next.recv().await?, Some(line("x")));
        out.send(line("there")).await?;
        self.kept.lock().unwrap().push(next);
        match requests.recv().await? {
            Some(leave) if leave == line("leave") => Ok(()),
            // Does not look at its own stream any more.
            _ => std::future::pending().await,
        }
    }
}

/// A relay in front of a server, and what both have seen.
struct Chain {
    relay: Running,
    kept: Arc<Mutex<Vec<BidiStream<Line, Line>>>>,
    seen: mpsc::UnboundedReceiver<String>,
    end: Controls,
    _last: Running,
}

async fn chain(to_last: StreamTransport) -> Chain {
    let (last, end) = run_chat().await;
    let next = client(&last, "B", to_last);
    chain_of(last, end, next).await
}

async fn chain_of(last: Running, end: Controls, next: ChatClient) -> Chain {
    let (sender, seen) = mpsc::unbounded_channel();
    let kept = Arc::default();
    let relay = Relay {
        next,
        kept: Arc::clone(&kept),
        seen: sender,
    };
    Chain {
        relay: run(Server::new(Tokio).register(ChatServer::new(relay))).await,
        kept,
        seen,
        end,
        _last: last,
    }
}

impl Chain {
    /// A stream that has come through to the last server.
    async fn open(&mut self, transport: StreamTransport, timeout: Duration) -> BidiStream<Line, Line> {
        let chat = client(&self.relay, "A", transport);
        let mut talk = bounded(chat.talk().timeout(timeout)).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), Some(line("there")));
        assert_eq!(self.end.seen().await, "talking");
        talk
    }

    /// What the last server's handler fails with, and the stream to it.
    async fn ends(&mut self) -> (String, String) {
        let there = self.end.seen().await;
        let mut kept = self.kept.lock().unwrap().pop().unwrap();
        let here = bounded(kept.recv()).await.unwrap_err();
        (there, here.to_string())
    }
}

const FOREVER: Duration = Duration::ZERO;
const CANCELED: &str = "user code invoking stream RPC with context processed by context.WithCancel or \
                        context.WithTimeout, then invoking cancel() actively";

fn reset_by(caller: &str) -> String {
    format!(
        "rpc error: code = 1 desc = transport: RSTStream Frame received with error code: CANCEL [triggered by {caller}]"
    )
}

#[tokio::test]
async fn a_cancel_goes_through_to_the_last_server() {
    for from in TRANSPORTS {
        for to in TRANSPORTS {
            let mut chain = chain(to).await;
            drop(chain.open(from, FOREVER).await);
            let (there, here) = chain.ends().await;
            let server_side = "talk: [ttstream error, code=12007] [server-side stream]";
            let reset = reset_by("A");
            let foreign = "talk: [ttstream error, code=12011] [server-side stream]";
            let expected = match (from, to) {
                (StreamTransport::TtHeader, StreamTransport::TtHeader) => [
                    format!("{server_side} [canceled path: A -> B] {CANCELED}"),
                    format!("[ttstream error, code=12007] [client-side stream] [canceled path: A] {CANCELED}"),
                ],
                (StreamTransport::Grpc, StreamTransport::TtHeader) => [
                    format!("{foreign} [canceled path: non-ttstream path -> B] {reset}"),
                    format!("[ttstream error, code=12011] [client-side stream] {reset}"),
                ],
                (StreamTransport::Grpc, _) => [format!("talk: {}", reset_by("B")), reset],
                (_, _) => [
                    format!("talk: {}", reset_by("B")),
                    format!(
                        "rpc error: code = 1 desc = [ttstream error, code=12007] [client-side stream] [canceled path: \
                         A] {CANCELED}"
                    ),
                ],
            };
            assert_eq!([there, here], expected, "{from} to {to}");
        }
    }
}

#[tokio::test]
async fn a_timeout_goes_through_as_what_it_was() {
    let mut chain = chain(StreamTransport::TtHeader).await;
    let mut talk = chain.open(StreamTransport::TtHeader, Duration::from_millis(900)).await;
    let (there, here) = chain.ends().await;
    let text = "stream timeout, timeout in ctx: 900ms";
    assert_eq!(
        there,
        format!("talk: [ttstream error, code=12015] [server-side stream] [canceled path: A -> B] {text}")
    );
    assert_eq!(
        here,
        format!("[ttstream error, code=12015] [client-side stream] [canceled path: A] {text}")
    );
    // It timed out for whoever asked for that; for the others it was cancelled.
    assert_eq!(bounded(talk.recv()).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_handler_that_returns_takes_its_streams_along() {
    for to in TRANSPORTS {
        let mut chain = chain(to).await;
        let mut talk = chain.open(StreamTransport::TtHeader, FOREVER).await;
        bounded(talk.send(line("leave"))).await.unwrap();
        assert_eq!(bounded(talk.recv()).await.unwrap(), None);
        let (there, here) = chain.ends().await;
        let text = "canceled by business handler returning";
        match to {
            StreamTransport::TtHeader => {
                let path = "[canceled path: B]";
                assert_eq!(
                    there,
                    format!("talk: [ttstream error, code=12012] [server-side stream] {path} {text}")
                );
                assert_eq!(
                    here,
                    format!("[ttstream error, code=12012] [client-side stream] {text}")
                );
            }
            _ => {
                assert_eq!(there, format!("talk: {}", reset_by("B")));
                assert!(
                    here.starts_with("rpc error: code = 1 desc = ") && here.ends_with(text),
                    "{here}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_lost_connection_takes_its_streams_along() {
    let mut chain = chain(StreamTransport::TtHeader).await;
    let mut socket = TcpStream::connect(chain.relay.address.to_string()).await.unwrap();
    let mut raw = Connection::client(Arc::new(Config::default()), Instant::ZERO);
    let request = Request::new("Chat", "talk", MethodKind::BidirectionalStreaming);
    raw.open(Instant::ZERO, &request).unwrap();
    let mut out = Transmit::new();
    while raw.poll_transmit(Instant::ZERO, &mut out) {
        socket.write_all(&out.to_vec()).await.unwrap();
        out.advance(out.len());
    }
    assert_eq!(chain.end.seen().await, "talking");
    while chain.kept.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(socket);
    let (there, here) = chain.ends().await;
    let text = "canceled by connection closed";
    assert_eq!(
        there,
        format!("talk: [ttstream error, code=12013] [server-side stream] [canceled path: B] {text}")
    );
    assert_eq!(
        here,
        format!("[ttstream error, code=12013] [client-side stream] {text}")
    );
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_opens_no_stream() {
    for from in TRANSPORTS {
        for to in TRANSPORTS {
            let mut chain = chain(to).await;
            let chat = client(&chain.relay, "A", from);
            let mut watch = bounded(chat.watch("x")).await.unwrap();
            bounded(watch.header()).await.unwrap();
            drop(watch);
            let late = bounded(chain.seen.recv()).await.unwrap();
            assert!(late.starts_with("Timeout rpc timeout: "), "{from} to {to}: {late}");
        }
    }
}

#[tokio::test]
async fn who_waits_to_open_a_stream_gives_up_with_its_call() {
    let mut config = Config::default();
    config.max_streams = 1;
    let options = TtStreamOptions::default()
        .pool(StreamPool::Multiplexed { connections: 1 })
        .connection(config);
    for from in TRANSPORTS {
        let (last, end) = run_chat().await;
        let builder = patient(Client::to(&last.address)).stream_transport(StreamTransport::TtHeader);
        let next = ChatClient(builder.tt_streams(options.clone()).build(Tokio).unwrap());
        let mut chain = chain_of(last, end, next).await;
        let _first = chain.open(from, FOREVER).await;
        let second = bounded(client(&chain.relay, "A", from).talk()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(second);
        let late = bounded(chain.seen.recv()).await.unwrap();
        assert!(late.starts_with("Timeout rpc timeout: "), "{late}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_its_call_has_ended_well() {
    let mut chain = chain(StreamTransport::TtHeader).await;
    let mut talk = chain.open(StreamTransport::TtHeader, FOREVER).await;
    let mut next = chain.kept.lock().unwrap().pop().unwrap();
    next.close_send();
    assert_eq!(bounded(next.recv()).await.unwrap(), None);
    bounded(talk.send(line("leave"))).await.unwrap();
    assert_eq!(bounded(talk.recv()).await.unwrap(), None);
    assert_eq!(bounded(next.recv()).await.unwrap(), None, "it had ended before");
}
