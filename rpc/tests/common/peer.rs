//! A gRPC server that does as it is told, one connection at a time.

use std::sync::Arc;
use std::time::Duration;

use kitewire::bytes::BytesMut;
use kitewire::proto::dispatch::{ServiceRole, Services};
use kitewire::proto::grpc::{Config, Connection, Event, Pull, StreamId};
use kitewire::proto::http::Fields;
use kitewire::proto::thrift::Struct;
use kitewire::proto::wire::grpc::Outcome;
use kitewire::proto::{Disconnect, Instant, Shutdown, Transmit};
use kitewire::{Address, thrift};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::chat::CHAT;
use super::{Answer, Text, bounded};

pub struct Listener(TcpListener);

impl Listener {
    pub async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn address(&self) -> Address {
        self.0.local_addr().unwrap().into()
    }

    /// The next connection, as it comes.
    pub async fn socket(&self) -> TcpStream {
        bounded(self.0.accept()).await.unwrap().0
    }

    /// The next connection, which takes at most `streams` calls at once.
    pub async fn accept(&self, streams: u32) -> Peer {
        let mut services = Services::builder();
        services.add(CHAT.clone(), ServiceRole::Ordinary);
        let mut config = Config::default();
        Arc::make_mut(&mut config.http2).max_concurrent_streams = streams;
        let services = Arc::new(services.build().unwrap());
        Peer {
            io: self.socket().await,
            connection: Connection::server(services, Arc::new(config), Instant::ZERO),
            input: BytesMut::new(),
        }
    }

    /// Whether nobody connects within a while.
    pub async fn is_left_alone(&self) -> bool {
        let waited = tokio::time::timeout(Duration::from_millis(100), self.0.accept());
        waited.await.is_err()
    }
}

/// The server's side of a connection.
pub struct Peer {
    io: TcpStream,
    pub connection: Connection,
    input: BytesMut,
}

/// No time passes here.
const NOW: Instant = Instant::ZERO;

impl Peer {
    /// Goes on until something happens.
    pub async fn event(&mut self) -> Event {
        loop {
            self.flush().await;
            if let Some(event) = self.connection.poll_event() {
                return event;
            }
            match self.io.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => self.connection.handle_disconnect(NOW, Disconnect::ReadEnd),
                Ok(_) => self.connection.receive(NOW, &mut self.input),
            }
        }
    }

    /// The next call.
    pub async fn opened(&mut self) -> StreamId {
        loop {
            if let Event::Opened { id } = bounded(self.event()).await {
                return id;
            }
        }
    }

    /// Answers a unary call with its own argument.
    pub async fn echo(&mut self, id: StreamId) {
        let text = {
            let Pull::Message(message) = self.connection.receiver(id).unwrap().pull() else {
                panic!("the request is whole");
            };
            let mut reader = thrift::Reader::new(message.bytes(), 8);
            Text::<1>::decode(&mut reader).unwrap().0
        };
        let answer: Answer = Text(text);
        self.connection.sender(id).unwrap().send(&answer).unwrap();
        self.finish(id).await;
    }

    /// Reads a call until the client has said everything.
    pub async fn drain(&mut self, id: StreamId) {
        loop {
            match self.connection.receiver(id).unwrap().pull() {
                Pull::Message(_) => continue,
                Pull::End => return,
                Pull::Empty | Pull::Failed => {}
            }
            bounded(self.event()).await;
        }
    }

    /// Ends a call well.
    pub async fn finish(&mut self, id: StreamId) {
        self.connection.finish(id, &Outcome::default(), &Fields::new());
        self.flush().await;
    }

    /// Says that the connection ends, and lets running calls go on.
    pub async fn go_away(&mut self) {
        let until = Instant::FAR_FUTURE;
        self.connection.shutdown(NOW, Shutdown::Graceful { until });
        self.flush().await;
    }

    /// Answers every unary call, until the connection ends.
    pub async fn serve(mut self) {
        loop {
            match self.event().await {
                Event::Opened { id } => self.echo(id).await,
                Event::Closed { .. } => return,
                _ => {}
            }
        }
    }

    async fn flush(&mut self) {
        let mut out = Transmit::new();
        while self.connection.poll_transmit(NOW, &mut out) {
            if self.io.write_all(&out.to_vec()).await.is_err() {
                return self.connection.handle_disconnect(NOW, Disconnect::WriteFailed);
            }
            out.advance(out.len());
        }
    }
}
