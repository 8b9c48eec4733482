//! Clients and servers by hand: bytes over a connection of any runtime, and the core's HTTP/2 client over one.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;

use kitewire::bytes::BytesMut;
use kitewire::proto::http::Fields;
use kitewire::proto::http2::{Config, Connection, Event, Finish, Outcome, Pull, StreamId};
use kitewire::proto::{Disconnect, Transmit};
use kitewire::runtime::{Io, IoSlice};
use kitewire::{Address, Runtime};

use crate::any::Any;
use crate::shown::Shown;

/// A connection.
pub(crate) struct Wire {
    io: Box<dyn Io>,
    pub(crate) read: BytesMut,
}

impl Wire {
    pub(crate) fn new(io: Box<dyn Io>) -> Self {
        Self {
            io,
            read: BytesMut::new(),
        }
    }

    pub(crate) async fn connect(runtime: &Any, address: &Address) -> Self {
        Self::new(runtime.connect(address).await.unwrap())
    }

    /// Writes all of `bytes`, unless the other side has gone.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut left = bytes.as_ref();
        while !left.is_empty() {
            let slices = [IoSlice::new(left)];
            match poll_fn(|cx| self.io.poll_write(cx, &slices)).await {
                Ok(written) => left = &left[written..],
                Err(_) => return,
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn close(&mut self) {
        let _ = poll_fn(|cx| self.io.poll_close(cx)).await;
    }

    /// Reads some more. `false` at the end, however it comes.
    pub(crate) async fn read_more(&mut self) -> bool {
        self.read.reserve(16 * 1024);
        poll_fn(|cx| self.io.poll_read(cx, &mut self.read))
            .await
            .is_ok_and(|read| read > 0)
    }

    /// Everything until the other side closes.
    pub(crate) async fn read_to_end(&mut self) -> BytesMut {
        while self.read_more().await {}
        self.read.split()
    }

    /// The next `length` bytes, or fewer at the end.
    pub(crate) async fn take(&mut self, length: usize) -> BytesMut {
        while self.read.len() < length && self.read_more().await {}
        let length = length.min(self.read.len());
        self.read.split_to(length)
    }

    /// The head of the next HTTP/1 response.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = self.read.split_to(end + 4);
                return String::from_utf8_lossy(&head).trim_end().replace("\r\n", " | ");
            }
            if !self.read_more().await {
                return format!("closed behind {}", self.read.escape_ascii());
            }
        }
    }

    /// The next HTTP/1 response, which has a length.
    pub(crate) async fn page(&mut self) -> String {
        let head = self.head().await;
        let length = head.split(" | ").find_map(|line| line.strip_prefix("content-length: "));
        let body = self.take(length.map_or(0, |length| length.parse().unwrap())).await;
        format!("{head} || {}", String::from_utf8_lossy(&body).as_ref().shown())
    }

    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")).await;
        self.page().await
    }
}

/// A client that speaks HTTP/2 and nothing above it.
pub(crate) struct Http2 {
    wire: Wire,
    runtime: Any,
    connection: Connection,
    bodies: BTreeMap<StreamId, Vec<u8>>,
    ended: BTreeMap<StreamId, Outcome>,
    closed: bool,
}

impl Http2 {
    pub(crate) async fn connect(runtime: &Any, address: &Address) -> Self {
        let mut config = Config::default();
        // More than the bodies of the scenarios, so that nothing waits for a window.
        config.stream_window = 4 * 1024 * 1024;
        Self {
            wire: Wire::connect(runtime, address).await,
            runtime: runtime.clone(),
            connection: Connection::client(Arc::new(config), runtime.now()),
            bodies: BTreeMap::new(),
            ended: BTreeMap::new(),
            closed: false,
        }
    }

    /// Sends a request.
    pub(crate) async fn open(&mut self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> StreamId {
        let mut head = Fields::request(method, "http", "shop", path);
        for (name, value) in fields {
            head.push(name, value);
        }
        let finish = if body.is_empty() { Finish::Now } else { Finish::Later };
        let id = self.connection.open(self.runtime.now(), &head, finish).unwrap();
        if !body.is_empty() {
            self.connection.sender(id).unwrap().push(body, Finish::Now).unwrap();
        }
        self.flush().await;
        id
    }

    pub(crate) async fn get(&mut self, path: &str) -> String {
        let id = self.open("GET", path, &[], b"").await;
        self.page(id).await
    }

    /// The whole response, or how the stream ended without one.
    pub(crate) async fn page(&mut self, id: StreamId) -> String {
        while !self.ended.contains_key(&id) && !self.closed {
            self.turn().await;
        }
        let mut text = match self.ended.remove(&id) {
            Some(Outcome::Complete) => String::new(),
            other => format!("{other:?} "),
        };
        for section in [self.connection.head(id), self.connection.trailers(id)]
            .into_iter()
            .flatten()
        {
            for field in section.iter() {
                let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                text += &format!("{}={} | ", part(field.name), part(field.value));
            }
        }
        let body = self.bodies.remove(&id).unwrap_or_default();
        self.connection.release(id);
        format!("{text}| {}", String::from_utf8_lossy(&body).as_ref().shown())
    }

    /// Waits for the next thing that the server says.
    async fn turn(&mut self) {
        self.flush().await;
        let now = self.runtime.now();
        if self.wire.read_more().await {
            self.connection.receive(now, &mut self.wire.read);
        } else {
            self.connection.handle_disconnect(now, Disconnect::ReadEnd);
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
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
        self.flush().await;
    }

    async fn flush(&mut self) {
        let mut out = Transmit::new();
        while self.connection.poll_transmit(self.runtime.now(), &mut out) {
            let bytes = out.to_vec();
            self.wire.send(&bytes).await;
            out.advance(bytes.len());
        }
    }
}
