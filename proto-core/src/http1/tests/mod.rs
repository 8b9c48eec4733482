//! The engine through its public verbs.

mod bodies;
mod heads;
mod life;
mod responses;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::{Config, Connection};
use crate::http::{RequestId, RespondError, Response, ServerEvent};
use crate::{CloseReason, Demand, Instant, Switch, Transmit};

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A server connection with the buffers that its driver would have.
struct Server {
    connection: Connection,
    input: BytesMut,
    out: Transmit,
}

/// What a request looked like to its handler.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Request { fields: String, body: Vec<u8> },
    Refused(u16),
    Closed(CloseReason),
}

impl Server {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self {
            connection: Connection::server(Arc::new(config), Instant::ZERO),
            input: BytesMut::new(),
            out: Transmit::new(),
        }
    }

    fn feed(&mut self, millis: u64, bytes: impl AsRef<[u8]>) {
        self.input.extend_from_slice(bytes.as_ref());
        self.connection.receive(at(millis), &mut self.input);
    }

    fn events(&mut self) -> Vec<ServerEvent> {
        std::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// The request that has just become whole; other events are not expected.
    fn opened(&mut self) -> RequestId {
        match self.events()[..] {
            [ServerEvent::Request { id }] => id,
            ref other => panic!("unexpected {other:?}"),
        }
    }

    fn respond(&mut self, millis: u64, id: RequestId, response: &Response) -> Result<(), RespondError> {
        self.connection.respond(at(millis), id, response)
    }

    /// Everything that the socket would have got by now.
    fn sent(&mut self, millis: u64) -> String {
        let mut sent = Vec::new();
        while self.connection.poll_transmit(at(millis), &mut self.out) {
            sent.extend(self.out.to_vec());
            self.out.advance(usize::MAX);
        }
        String::from_utf8(sent).unwrap()
    }

    /// Feeds `pieces`, answers each request with an empty 200, and tells what came of it.
    fn converse<'a>(config: &Config, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, String) {
        let mut server = Self::with(config.clone());
        let mut seen = Vec::new();
        let mut sent = String::new();
        for piece in pieces {
            if server.connection.read_demand() != Demand::Read {
                break;
            }
            server.feed(0, piece);
            loop {
                for event in server.events() {
                    match event {
                        ServerEvent::Request { id } => {
                            let request = server.connection.request(id).unwrap();
                            let fields = format!("{:?}", request.fields());
                            let body = request.body().to_vec();
                            seen.push(Seen::Request { fields, body });
                            server.respond(0, id, &Response::new(200, "")).unwrap();
                        }
                        ServerEvent::Refused { status, .. } => seen.push(Seen::Refused(status)),
                        ServerEvent::Closed { reason } => seen.push(Seen::Closed(reason)),
                        other => panic!("unexpected {other:?}"),
                    }
                }
                sent += &server.sent(0);
                match server.connection.read_demand() {
                    Demand::Receive => server.connection.receive(at(0), &mut server.input),
                    Demand::Stop if seen.iter().any(|seen| matches!(seen, Seen::Closed(_))) => {
                        break assert!(server.connection.is_drained());
                    }
                    Demand::Stop => {}
                    Demand::Read => break,
                    Demand::Pause => panic!("nothing to wait for"),
                }
            }
        }
        (seen, sent)
    }

    /// As [`Self::converse`], for `stream` whole, byte by byte and cut in two at every place.
    fn every_split(config: &Config, stream: &[u8]) -> (Vec<Seen>, String) {
        let whole = Self::converse(config, [stream]);
        assert_eq!(
            Self::converse(config, stream.chunks(1)),
            whole,
            "{}",
            stream.escape_ascii()
        );
        for cut in 1..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(
                Self::converse(config, [first, second]),
                whole,
                "{} at {cut}",
                stream.escape_ascii()
            );
        }
        whole
    }
}

/// The status that `stream` is refused with, whatever it is cut into; checks that the connection ends with it.
fn refused(config: &Config, stream: impl AsRef<[u8]>) -> u16 {
    let stream = stream.as_ref();
    let (seen, sent) = Server::every_split(config, stream);
    let [Seen::Refused(status), Seen::Closed(CloseReason::Refused)] = seen[..] else {
        panic!("{}: {seen:?}", stream.escape_ascii())
    };
    let answer = sent.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&sent);
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(
        answer.contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"),
        "{answer}"
    );
    status
}

/// The requests that `stream` holds, as `(fields, body)`, whatever it is cut into.
fn accepted(config: &Config, stream: impl AsRef<[u8]>) -> Vec<(String, Vec<u8>)> {
    let stream = stream.as_ref();
    let (seen, _) = Server::every_split(config, stream);
    seen.into_iter()
        .filter(|seen| *seen != Seen::Closed(CloseReason::PeerDrained))
        .map(|seen| match seen {
            Seen::Request { fields, body } => (fields, body),
            other => panic!("{}: {other:?}", stream.escape_ascii()),
        })
        .collect()
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}
