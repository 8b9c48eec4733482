//! A client that speaks HTTP/2 and nothing above it, over a blocking socket: to see what is on the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use kitewire::Address;
use kitewire::bytes::BytesMut;
use kitewire::proto::http::Fields;
use kitewire::proto::http2::{Config, Connection, Event, Finish, Pull, StreamId};
use kitewire::proto::wire::grpc::{Outcome, Status};
use kitewire::proto::{Instant, Transmit};
use kitewire_tests::site::ask_bytes;

pub(crate) struct Raw {
    socket: TcpStream,
    connection: Connection,
    input: BytesMut,
}

/// A response, once it is whole.
pub(crate) struct Answer {
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Empty if the head was all there was.
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) status: Status,
}

impl Raw {
    pub(crate) fn connect(address: &Address) -> Self {
        let socket = TcpStream::connect(address.to_string()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self {
            socket,
            connection: Connection::client(Arc::new(Config::default()), Instant::ZERO),
            input: BytesMut::new(),
        }
    }

    /// Sends a whole request with one message, and waits for the answer.
    pub(crate) fn call(&mut self, path: &str, fields: &[(&str, &str)], message: &[u8]) -> Answer {
        let id = self.open(path, fields);
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[0], &length[..], message].concat();
        self.connection.sender(id).unwrap().push(&body, Finish::Now).unwrap();
        self.answer(id)
    }

    pub(crate) fn open(&mut self, path: &str, fields: &[(&str, &str)]) -> StreamId {
        let mut head = Fields::request("POST", "http", "promises", path);
        if !fields.iter().any(|(name, _)| *name == "content-type") {
            head.push("content-type", "application/grpc+thrift");
        }
        head.push("te", "trailers");
        for (name, value) in fields {
            head.push(name, value);
        }
        self.connection.open(Instant::ZERO, &head, Finish::Later).unwrap()
    }

    /// Waits for the end of a response.
    pub(crate) fn answer(&mut self, id: StreamId) -> Answer {
        let begun = Clock::now();
        let mut body = Vec::new();
        loop {
            self.turn();
            let ended = loop {
                match self.connection.receiver(id).unwrap().pull() {
                    Pull::Data(piece) => body.extend_from_slice(&piece),
                    Pull::Empty => break false,
                    Pull::End | Pull::Reset => break true,
                }
            };
            if ended {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no end of the response");
        }
        let section = self
            .connection
            .trailers(id)
            .or_else(|| self.connection.head(id))
            .unwrap();
        let status = Outcome::read(section).unwrap_or_default().status;
        let answer = Answer {
            head: self.connection.head(id).map(pairs).unwrap_or_default(),
            body,
            trailers: self.connection.trailers(id).map(pairs).unwrap_or_default(),
            status,
        };
        self.connection.release(id);
        self.turn();
        answer
    }

    /// Writes what there is, and reads what comes at once.
    fn turn(&mut self) {
        let mut out = Transmit::new();
        while self.connection.poll_transmit(Instant::ZERO, &mut out) {
            self.socket.write_all(&out.to_vec()).unwrap();
            out.advance(out.len());
        }
        let mut block = [0; 16 * 1024];
        if let Ok(read) = self.socket.read(&mut block) {
            self.input.extend_from_slice(&block[..read]);
            self.connection.receive(Instant::ZERO, &mut self.input);
        }
        while let Some(event) = self.connection.poll_event() {
            assert!(!matches!(event, Event::Closed { .. }), "{event:?}");
        }
    }
}

fn pairs(fields: &Fields) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields
        .iter()
        .map(|field| (text(field.name), text(field.value)))
        .collect()
}

/// The arguments of a unary call with one.
pub(crate) fn arguments(text: &str) -> Vec<u8> {
    [&[0x0c, 0, 1], &ask_bytes(text)[..], &[0]].concat()
}
