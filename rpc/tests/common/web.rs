//! HTTP clients by hand: bytes over a socket, and the core's HTTP/2 connection around one.

use std::collections::BTreeMap;
use std::sync::Arc;

use kitewire::bytes::BytesMut;
use kitewire::proto::http::Fields;
use kitewire::proto::http2::{Config, Connection, Event, Finish, Outcome, Pull, StreamId};
use kitewire::proto::{Disconnect, Transmit};
use kitewire::runtime::IoSlice;
use kitewire::{Address, Runtime};
use kitewire_tokio::Tokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bounded;

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Page {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(found, _)| found == name)?;
        Some(&found.1)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A client that sends what it is told.
pub struct Http1 {
    pub socket: TcpStream,
    read: Vec<u8>,
}

impl Http1 {
    pub async fn connect(address: &Address) -> Self {
        Self {
            socket: TcpStream::connect(address.to_string()).await.unwrap(),
            read: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")).await;
        self.answer().await
    }

    /// The next response, which has a length.
    pub async fn answer(&mut self) -> Page {
        let mut page = self.head().await;
        let length = page.field("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            self.read_more().await;
        }
        page.body = self.read.drain(..length).collect();
        page
    }

    /// The head of the next response.
    pub async fn head(&mut self) -> Page {
        let end = loop {
            let end = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            match end {
                Some(end) => break end,
                None => self.read_more().await,
            }
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Page {
            status,
            fields,
            body: Vec::new(),
        }
    }

    /// Waits for the end of the connection; whatever came before it.
    pub async fn end(mut self) -> Vec<u8> {
        bounded(self.socket.read_to_end(&mut self.read)).await.unwrap();
        self.read
    }

    async fn read_more(&mut self) {
        let read = bounded(self.socket.read_buf(&mut self.read)).await.unwrap();
        assert!(read > 0, "closed; read so far: {}", self.read.escape_ascii());
    }
}

/// An HTTP/2 client.
pub struct Http2 {
    socket: TcpStream,
    connection: Connection,
    input: BytesMut,
    bodies: BTreeMap<StreamId, Vec<u8>>,
    ended: BTreeMap<StreamId, Outcome>,
    pub draining: bool,
    pub closed: bool,
}

impl Http2 {
    pub async fn connect(address: &Address) -> Self {
        Self::connect_with(address, Config::default()).await
    }

    pub async fn connect_with(address: &Address, mut config: Config) -> Self {
        // More than the bodies of the tests, so that nothing waits for a window.
        config.stream_window = 4 * 1024 * 1024;
        Self {
            socket: TcpStream::connect(address.to_string()).await.unwrap(),
            connection: Connection::client(Arc::new(config), Tokio.now()),
            input: BytesMut::new(),
            bodies: BTreeMap::new(),
            ended: BTreeMap::new(),
            draining: false,
            closed: false,
        }
    }

    /// Sends a request.
    pub async fn open(&mut self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> StreamId {
        let mut head = Fields::request(method, "http", "shop", path);
        for (name, value) in fields {
            head.push(name, value);
        }
        let finish = if body.is_empty() { Finish::Now } else { Finish::Later };
        let id = self.connection.open(Tokio.now(), &head, finish).unwrap();
        if !body.is_empty() {
            self.connection.sender(id).unwrap().push(body, Finish::Now).unwrap();
        }
        self.flush().await;
        id
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let id = self.open("GET", path, &[], b"").await;
        self.answer(id).await.unwrap()
    }

    /// The whole response to a request, or how it ended without one.
    pub async fn answer(&mut self, id: StreamId) -> Result<Page, Outcome> {
        while !self.ended.contains_key(&id) {
            self.turn().await;
        }
        let head = self.connection.head(id).map(|head| Page {
            status: head.status(),
            fields: head
                .iter()
                .skip(1)
                .map(|field| {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    (text(field.name), text(field.value))
                })
                .collect(),
            body: self.bodies.remove(&id).unwrap_or_default(),
        });
        let outcome = self.ended.remove(&id).unwrap();
        self.connection.release(id);
        match (head, outcome) {
            (Some(page), Outcome::Complete) => Ok(page),
            (_, outcome) => Err(outcome),
        }
    }

    /// Gives up a request.
    pub async fn release(&mut self, id: StreamId) {
        self.connection.release(id);
        self.flush().await;
    }

    /// Waits until the server has closed the connection.
    pub async fn end(&mut self) {
        while !self.closed {
            self.turn().await;
        }
    }

    /// Waits for the next thing that the server says.
    pub async fn turn(&mut self) {
        assert!(!self.closed, "the connection is over");
        self.flush().await;
        let read = bounded(self.socket.read_buf(&mut self.input)).await.unwrap_or(0);
        if read == 0 {
            self.connection.handle_disconnect(Tokio.now(), Disconnect::ReadEnd);
        } else {
            self.connection.receive(Tokio.now(), &mut self.input);
        }
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Readable { id } => {
                    let body = self.bodies.entry(id).or_default();
                    while let Ok(Pull::Data(data)) = self.connection.receiver(id).map(|mut half| half.pull()) {
                        body.extend_from_slice(&data);
                    }
                }
                Event::Ended { id, outcome } => {
                    self.ended.insert(id, outcome);
                }
                Event::Draining { .. } => self.draining = true,
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
        self.flush().await;
    }

    async fn flush(&mut self) {
        let mut out = Transmit::new();
        while self.connection.poll_transmit(Tokio.now(), &mut out) {
            let mut slices = [IoSlice::new(&[]); 16];
            let used = out.slices(&mut slices);
            // A server that has closed is noticed when reading.
            let written = bounded(self.socket.write_vectored(&slices[..used])).await;
            let Ok(written) = written else { return };
            out.advance(written);
        }
    }
}
