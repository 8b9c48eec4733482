//! Ours, driven as an adapter drives it: bytes in, events, bytes out, the next deadline.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::{Config, Connection, Event, Finish, Outcome, StreamId};
use kitewire_proto::{Instant, Transmit};

use crate::Failure;
use crate::pair::{
    CONNECTION_WINDOW, Ledger, MAX_STREAMS, MESSAGE, Pair, REQUEST, RESPONSE, STREAM_WINDOW, Side, TRAILERS,
};
use crate::pipe::Pipe;

/// Client and server of ours.
#[derive(Debug)]
pub struct OurPair {
    client: Client,
    server: Server,
    there: Pipe,
    back: Pipe,
    now: Instant,
}

#[derive(Debug)]
struct Client {
    end: End,
    head: Fields,
    streams: Vec<StreamId>,
    answered: usize,
    messages: usize,
    finished: usize,
}

#[derive(Debug)]
struct Server {
    end: End,
    head: Fields,
    trailers: Fields,
    streams: Vec<StreamId>,
}

/// What an adapter holds for a connection.
#[derive(Debug)]
struct End {
    connection: Box<Connection>,
    input: BytesMut,
    out: Transmit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unary,
    /// The messages that the server sends back have the bytes of those that it reads.
    Echo(&'static [u8]),
}

impl Pair for OurPair {
    type Fields = Fields;

    fn connect<L: Ledger>(ledger: &mut L) -> Result<Self, Failure> {
        let (there, back, now) = (Pipe::new(), Pipe::new(), Instant::ZERO);
        let mut config = Config::default();
        config.stream_window = STREAM_WINDOW;
        config.connection_window = Some(CONNECTION_WINDOW);
        config.max_concurrent_streams = MAX_STREAMS;
        let config = Arc::new(config);
        let (request, response, trailers) = (fields(&REQUEST), fields(&RESPONSE), fields(&TRAILERS));
        let width = MAX_STREAMS as usize;
        let streams = (Vec::with_capacity(width), Vec::with_capacity(width));
        ledger.ignore();

        let client = Client {
            end: End::new(Connection::client(Arc::clone(&config), now)),
            head: request,
            streams: streams.0,
            answered: 0,
            messages: 0,
            finished: 0,
        };
        ledger.charge(Side::Client);
        let server = Server {
            end: End::new(Connection::server(config, now)),
            head: response,
            trailers,
            streams: streams.1,
        };
        ledger.charge(Side::Server);
        let mut pair = Self {
            client,
            server,
            there,
            back,
            now,
        };
        for _ in 0..2 {
            pair.client.turn(now, &mut pair.back, &mut pair.there)?;
            ledger.charge(Side::Client);
            pair.server
                .turn(now, Kind::Echo(&[]), &mut pair.there, &mut pair.back)?;
            ledger.charge(Side::Server);
        }
        Ok(pair)
    }

    fn exchange<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure> {
        self.now += TURN;
        for _ in 0..count {
            let connection = &mut self.client.end.connection;
            let id = connection.open(self.now, &self.client.head, Finish::Later)?;
            connection.sender(id)?.push(MESSAGE, Finish::Now)?;
        }
        self.client.end.write(self.now, &mut self.there);
        ledger.charge(Side::Client);
        self.server
            .turn(self.now, Kind::Unary, &mut self.there, &mut self.back)?;
        ledger.charge(Side::Server);
        self.client.finished = 0;
        self.client.turn(self.now, &mut self.back, &mut self.there)?;
        ledger.charge(Side::Client);
        expect(self.client.finished, count)
    }

    fn open<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure> {
        self.now += TURN;
        for _ in 0..count {
            let id = self
                .client
                .end
                .connection
                .open(self.now, &self.client.head, Finish::Later)?;
            self.client.streams.push(id);
        }
        self.client.end.write(self.now, &mut self.there);
        ledger.charge(Side::Client);
        self.server
            .turn(self.now, Kind::Echo(&[]), &mut self.there, &mut self.back)?;
        ledger.charge(Side::Server);
        self.client.answered = 0;
        self.client.turn(self.now, &mut self.back, &mut self.there)?;
        ledger.charge(Side::Client);
        expect(self.client.answered, count)
    }

    fn echo(&mut self, message: &'static [u8]) -> Result<(), Failure> {
        self.now += TURN;
        for &id in &self.client.streams {
            self.client.end.connection.sender(id)?.push(message, Finish::Later)?;
        }
        self.client.end.write(self.now, &mut self.there);
        self.server
            .turn(self.now, Kind::Echo(message), &mut self.there, &mut self.back)?;
        self.client.messages = 0;
        self.client.turn(self.now, &mut self.back, &mut self.there)?;
        expect(self.client.messages, self.client.streams.len() * message.len())
    }

    fn rest<L: Ledger>(&mut self, ledger: &mut L) {
        self.server.end.rest();
        ledger.charge(Side::Server);
        self.client.end.rest();
        ledger.charge(Side::Client);
    }

    fn held_fields(&self, side: Side) -> Result<Fields, Failure> {
        let (end, id) = match side {
            Side::Server => (&self.server.end, self.server.streams.first()),
            Side::Client => (&self.client.end, self.client.streams.first()),
        };
        let head = end.connection.head(*id.ok_or("no stream")?);
        Ok(head.ok_or("no head")?.clone())
    }
}

impl Server {
    /// Reads what there is, and answers.
    fn turn(&mut self, now: Instant, kind: Kind, from: &mut Pipe, to: &mut Pipe) -> Result<(), Failure> {
        self.end.read(now, from);
        self.handle_events(kind)?;
        self.end.write(now, to);
        // What was sent may have been the last of a stream.
        while self.handle_events(kind)? {
            self.end.write(now, to);
        }
        self.end.sleep();
        Ok(())
    }

    /// Whether there were any.
    fn handle_events(&mut self, kind: Kind) -> Result<bool, Failure> {
        let mut any = false;
        while let Some(event) = self.end.connection.poll_event() {
            any = true;
            match event {
                Event::Opened { id } => self.accept(id, kind)?,
                Event::Readable { id } => self.answer(id, kind)?,
                Event::Ended { id, outcome } => {
                    completed(&outcome)?;
                    self.end.connection.release(id);
                }
                _ => return Err(format!("{event:?}").into()),
            }
        }
        Ok(any)
    }

    fn accept(&mut self, id: StreamId, kind: Kind) -> Result<(), Failure> {
        let connection = &mut self.end.connection;
        let head = connection.head(id).ok_or("no request")?;
        if head.path().len() < 2 || head.get("content-type").is_none() {
            return Err(format!("not the request: {head:?}").into());
        }
        if let Kind::Echo(_) = kind {
            connection.sender(id)?.respond(&self.head, Finish::Later)?;
            self.streams.push(id);
        }
        Ok(())
    }

    fn answer(&mut self, id: StreamId, kind: Kind) -> Result<(), Failure> {
        let connection = &mut self.end.connection;
        let ended = read(connection, id, |piece| {
            black_box(piece);
        })?;
        let mut sender = connection.sender(id)?;
        match kind {
            Kind::Echo(message) => sender.push(message, Finish::Later)?,
            Kind::Unary if ended => {
                sender.respond(&self.head, Finish::Later)?;
                sender.push(MESSAGE, Finish::Later)?;
                sender.finish_with(&self.trailers)?;
            }
            Kind::Unary => return Err("the request goes on".into()),
        }
        Ok(())
    }
}

impl Client {
    /// Reads what there is, and what that calls for goes out.
    fn turn(&mut self, now: Instant, from: &mut Pipe, to: &mut Pipe) -> Result<(), Failure> {
        self.end.read(now, from);
        while let Some(event) = self.end.connection.poll_event() {
            self.handle(event)?;
        }
        self.end.write(now, to);
        self.end.sleep();
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        let connection = &mut self.end.connection;
        match event {
            Event::Answered { id } => {
                let head = connection.head(id).ok_or("no response")?;
                if head.status() != 200 || head.get("content-type").is_none() {
                    return Err(format!("not the answer: {head:?}").into());
                }
                self.answered += 1;
            }
            Event::Readable { id } => {
                let mut len = 0;
                read(connection, id, |piece| len += black_box(piece).len())?;
                self.messages += len;
            }
            Event::Ended { id, outcome } => {
                completed(&outcome)?;
                let trailers = connection.trailers(id).ok_or("no trailers")?;
                if trailers.get("grpc-status") == Some(b"0") {
                    self.finished += 1;
                }
                connection.release(id);
            }
            _ => return Err(format!("{event:?}").into()),
        }
        Ok(())
    }
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection: Box::new(connection),
            input: BytesMut::new(),
            out: Transmit::new(),
        }
    }

    fn read(&mut self, now: Instant, from: &mut Pipe) {
        let unread = from.unread();
        if unread == 0 {
            return;
        }
        black_box(self.connection.read_demand());
        self.input.reserve(unread);
        let input = &mut self.input;
        from.read(|waiting| {
            input.extend_from_slice(waiting);
            (waiting.len(), ())
        });
        self.connection.receive(now, &mut self.input);
    }

    fn write(&mut self, now: Instant, to: &mut Pipe) {
        while self.connection.poll_transmit(now, &mut self.out) {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = self.out.slices(&mut slices);
            let written = to.write(&slices[..used]);
            self.out.advance(written);
        }
    }

    /// What an adapter does before it waits.
    fn sleep(&self) {
        black_box(self.connection.poll_timeout());
    }

    fn rest(&mut self) {
        self.connection.release_memory();
        self.out.release();
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }
}

/// Hands out what has come of a body; whether that was the rest of it.
fn read(connection: &mut Connection, id: StreamId, mut take: impl FnMut(&[u8])) -> Result<bool, Failure> {
    let mut receiver = connection.receiver(id)?;
    let mut left = receiver.unread();
    while left > 0 {
        let piece = receiver.chunk();
        let len = piece.len();
        take(piece);
        receiver.consume(len);
        left -= len;
    }
    Ok(receiver.is_ended())
}

fn completed(outcome: &Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Complete => Ok(()),
        _ => Err(format!("a stream ended with {outcome:?}").into()),
    }
}

fn expect(have: usize, want: usize) -> Result<(), Failure> {
    if have == want {
        Ok(())
    } else {
        Err(format!("{have} of {want} came back").into())
    }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in list {
        fields.push(name, value);
    }
    fields
}

/// What a turn takes in life, roughly.
const TURN: Duration = Duration::from_micros(20);
/// Of one write.
const SLICES: usize = 16;
