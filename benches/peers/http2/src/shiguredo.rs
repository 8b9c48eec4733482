//! The shiguredo_http2 crate, which leaves the windows to the application: they are filled up when half of one is used.

use std::hint::black_box;
use std::io::IoSlice;

use shiguredo_http2::{Connection, Event, HeaderField, Limits, StreamId, WindowSize};

use crate::Failure;
use crate::pair::{
    CONNECTION_WINDOW, Ledger, MAX_STREAMS, MESSAGE, Pair, REQUEST, RESPONSE, STREAM_WINDOW, Side, TRAILERS,
};
use crate::pipe::Pipe;

/// Client and server of the shiguredo_http2 crate.
#[derive(Debug)]
pub struct ShiguredoPair {
    client: Client,
    server: Server,
    there: Pipe,
    back: Pipe,
}

#[derive(Debug)]
struct Client {
    connection: Box<Connection>,
    windows: Windows,
    head: Vec<HeaderField>,
    streams: Vec<StreamId>,
    answered: usize,
    messages: usize,
    finished: usize,
}

#[derive(Debug)]
struct Server {
    connection: Box<Connection>,
    windows: Windows,
    head: Vec<HeaderField>,
    trailers: Vec<HeaderField>,
}

impl Pair for ShiguredoPair {
    type Fields = Vec<HeaderField>;

    fn connect<L: Ledger>(ledger: &mut L) -> Result<Self, Failure> {
        let (there, back) = (Pipe::new(), Pipe::new());
        let limits = Limits::builder()
            .initial_window_size(WindowSize::new(STREAM_WINDOW).map_err(text)?)
            .connection_window_size(WindowSize::new(CONNECTION_WINDOW).map_err(text)?)
            .max_concurrent_streams(Some(MAX_STREAMS))
            .build()
            .map_err(text)?;
        let (request, response, trailers) = (fields(&REQUEST), fields(&RESPONSE), fields(&TRAILERS));
        let (near, far) = (Windows::new(), Windows::new());
        let streams = Vec::with_capacity(MAX_STREAMS as usize);
        ledger.ignore();

        let client = Client {
            connection: Box::new(Connection::client(limits.clone())),
            windows: near,
            head: request,
            streams,
            answered: 0,
            messages: 0,
            finished: 0,
        };
        ledger.charge(Side::Client);
        let server = Server {
            connection: Box::new(Connection::server(limits)),
            windows: far,
            head: response,
            trailers,
        };
        ledger.charge(Side::Server);
        let mut pair = Self {
            client,
            server,
            there,
            back,
        };
        pair.client.connection.initiate().map_err(text)?;
        pair.client.write(&mut pair.there);
        ledger.charge(Side::Client);
        pair.server.connection.initiate().map_err(text)?;
        for _ in 0..2 {
            pair.serve(Kind::Echo)?;
            ledger.charge(Side::Server);
            pair.client.read(&mut pair.back)?;
            pair.client.write(&mut pair.there);
            ledger.charge(Side::Client);
        }
        Ok(pair)
    }

    fn exchange<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure> {
        for _ in 0..count {
            let id = self.client.start()?;
            let sent = self.client.connection.send_data(id, MESSAGE.to_vec(), true);
            sent.map_err(text)?;
        }
        self.client.write(&mut self.there);
        ledger.charge(Side::Client);
        self.serve(Kind::Unary)?;
        ledger.charge(Side::Server);
        self.client.finished = 0;
        self.client.read(&mut self.back)?;
        ledger.charge(Side::Client);
        expect(self.client.finished, count)
    }

    fn open<L: Ledger>(&mut self, count: usize, ledger: &mut L) -> Result<(), Failure> {
        for _ in 0..count {
            let id = self.client.start()?;
            self.client.streams.push(id);
        }
        self.client.write(&mut self.there);
        ledger.charge(Side::Client);
        self.serve(Kind::Echo)?;
        ledger.charge(Side::Server);
        self.client.answered = 0;
        self.client.read(&mut self.back)?;
        ledger.charge(Side::Client);
        expect(self.client.answered, count)
    }

    fn echo(&mut self, message: &'static [u8]) -> Result<(), Failure> {
        for &id in &self.client.streams {
            let sent = self.client.connection.send_data(id, message.to_vec(), false);
            sent.map_err(text)?;
        }
        self.client.write(&mut self.there);
        self.serve(Kind::Echo)?;
        self.client.messages = 0;
        self.client.read(&mut self.back)?;
        expect(self.client.messages, self.client.streams.len())
    }

    fn rest<L: Ledger>(&mut self, _: &mut L) {
        // It has nothing of the kind.
    }

    fn held_fields(&self, side: Side) -> Result<Vec<HeaderField>, Failure> {
        let fields = match side {
            Side::Server => &self.client.head,
            Side::Client => &self.server.head,
        };
        let owned = fields.iter().map(|field| HeaderField::new(field.name(), field.value()));
        owned.collect::<Result<_, _>>().map_err(text)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unary,
    Echo,
}

impl ShiguredoPair {
    /// The server reads what there is, and answers.
    fn serve(&mut self, kind: Kind) -> Result<(), Failure> {
        let server = &mut self.server;
        feed(&mut server.connection, &mut self.there)?;
        while let Some(event) = server.connection.poll_event() {
            match event {
                Event::HeadersReceived { stream_id, headers, .. } => {
                    if value(&headers, b":path").is_none() || value(&headers, b"content-type").is_none() {
                        return Err(format!("not the request: {headers:?}").into());
                    }
                    if kind == Kind::Echo {
                        server.respond(stream_id)?;
                    }
                }
                Event::DataReceived {
                    stream_id,
                    data,
                    end_stream,
                } => {
                    let data = black_box(data);
                    server
                        .windows
                        .take(&mut server.connection, stream_id, data.len(), end_stream)?;
                    if kind == Kind::Unary {
                        server.respond(stream_id)?;
                    }
                    server.connection.send_data(stream_id, data, false).map_err(text)?;
                    if kind == Kind::Unary {
                        let trailers = server.trailers.clone();
                        server.connection.send_trailers(stream_id, trailers).map_err(text)?;
                    }
                }
                Event::StreamReset { .. } | Event::ConnectionError { .. } | Event::GoawayReceived { .. } => {
                    return Err(format!("{event:?}").into());
                }
                _ => {}
            }
        }
        write(&mut server.connection, &mut self.back);
        Ok(())
    }
}

impl Server {
    fn respond(&mut self, id: StreamId) -> Result<(), Failure> {
        let head = self.head.clone();
        self.connection.send_response(id, head, false).map_err(text)
    }
}

impl Client {
    fn start(&mut self) -> Result<StreamId, Failure> {
        self.connection.start_stream(self.head.clone(), false).map_err(text)
    }

    fn write(&mut self, there: &mut Pipe) {
        write(&mut self.connection, there);
    }

    fn read(&mut self, back: &mut Pipe) -> Result<(), Failure> {
        feed(&mut self.connection, back)?;
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::HeadersReceived { headers, .. } if is_answer(&headers) => self.answered += 1,
                Event::DataReceived {
                    stream_id,
                    data,
                    end_stream,
                } => {
                    let data = black_box(data);
                    self.windows
                        .take(&mut self.connection, stream_id, data.len(), end_stream)?;
                    self.messages += 1;
                }
                Event::TrailersReceived { trailers, .. } if value(&trailers, b"grpc-status") == Some(b"0") => {
                    self.finished += 1;
                }
                Event::StreamReset { .. } | Event::ConnectionError { .. } | Event::GoawayReceived { .. } => {
                    return Err(format!("{event:?}").into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What was read and not given back yet.
#[derive(Debug)]
struct Windows {
    connection: u32,
    /// By place of the stream.
    streams: Vec<u32>,
}

impl Windows {
    fn new() -> Self {
        Self {
            connection: 0,
            streams: vec![0; MAX_STREAMS as usize],
        }
    }

    fn take(&mut self, connection: &mut Connection, id: StreamId, len: usize, end_stream: bool) -> Result<(), Failure> {
        let len = u32::try_from(len)?;
        self.connection += len;
        if self.connection > CONNECTION_WINDOW / 2 {
            let update = connection.send_window_update(StreamId::Connection, self.connection);
            update.map_err(text)?;
            self.connection = 0;
        }
        if end_stream {
            return Ok(());
        }
        let place = id.as_u32() as usize / 2 % self.streams.len();
        let stream = &mut self.streams[place];
        *stream += len;
        if *stream > STREAM_WINDOW / 2 {
            connection.send_window_update(id, *stream).map_err(text)?;
            *stream = 0;
        }
        Ok(())
    }
}

fn feed(connection: &mut Connection, from: &mut Pipe) -> Result<(), Failure> {
    if from.unread() == 0 {
        return Ok(());
    }
    // It copies what it is fed, as reading into its buffer would.
    let fed = from.read(|waiting| (waiting.len(), connection.feed(waiting)));
    fed.map_err(text)?;
    connection.process().map_err(text)
}

fn write(connection: &mut Connection, to: &mut Pipe) {
    while let Some(piece) = connection.poll_output() {
        to.write(&[IoSlice::new(&piece)]);
    }
}

/// Looks at the response as a client has to.
fn is_answer(head: &[HeaderField]) -> bool {
    value(head, b":status") == Some(b"200") && value(head, b"content-type").is_some()
}

fn value<'a>(fields: &'a [HeaderField], name: &[u8]) -> Option<&'a [u8]> {
    let field = fields.iter().find(|field| field.name() == name)?;
    Some(field.value())
}

/// Fields that are cheap to clone, since they borrow.
fn fields(fields: &[(&'static str, &'static str)]) -> Vec<HeaderField> {
    let field = |&(name, value): &(&'static str, &'static str)| -> HeaderField {
        HeaderField::from_static(name.as_bytes(), value.as_bytes())
    };
    fields.iter().map(field).collect()
}

fn expect(have: usize, want: usize) -> Result<(), Failure> {
    if have == want {
        Ok(())
    } else {
        Err(format!("{have} of {want} came back").into())
    }
}

fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string().into()
}
