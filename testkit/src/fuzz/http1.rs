//! A whole HTTP/1.1 server connection against a peer that sends whatever it likes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::http::{Request, RequestId, RespondError, Response, ServerEvent};
use kitewire_proto::http1::{Config, Connection};
use kitewire_proto::{CloseReason, Demand, Disconnect, Instant, Shutdown, Transmit};

use super::choices::Choices;

/// An HTTP/1.1 server connection: the first byte chooses the limits, the next four how the rest is cut and what happens
/// beside it; the rest is what the peer sends.
///
/// Properties: no panic; the same bytes in other pieces are the same requests and get the same answers; requests are
/// what handlers may rely on; answers are well-formed; each request is answered once; one close, as the last event;
/// memory within its budget; time always gets ahead.
pub fn http1(data: &[u8]) {
    let (head, stream) = data.split_at(data.len().min(5));
    let [limits, seed @ ..] = head else {
        return;
    };
    let seed = seed.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let config = Arc::new(configuration(*limits));
    let bytewise = Orderly::run(&config, stream, &mut Choices::new(0), |_, _| 1);
    let pieces = Orderly::run(&config, stream, &mut Choices::new(seed), Choices::piece);
    assert_eq!(pieces.seen, bytewise.seen, "other requests for another split");
    assert_eq!(pieces.sent, bytewise.sent, "other answers for another split");
    bytewise.check_answers();
    Chaos::new(&config, seed).run(stream);
}

/// The small limits make every bound reachable within a few hundred bytes.
fn configuration(bits: u8) -> Config {
    let mut config = Config::default();
    let pick = |bit: u8, limit: &mut usize, small: usize| {
        if bits & bit != 0 {
            *limit = small;
        }
    };
    pick(1, &mut config.limits.max_request_line, 40);
    pick(2, &mut config.limits.max_head, 120);
    pick(4, &mut config.limits.max_fields, 3);
    pick(8, &mut config.limits.max_chunk_extensions, 10);
    pick(16, &mut config.limits.max_trailers, 30);
    pick(32, &mut config.limits.max_pipelined, 50);
    pick(64, &mut config.limits.max_unsent, 200);
    pick(128, &mut config.requests.max_body, 20);
    config
}

/// What a request is answered with: it depends on nothing but the request.
fn answer_to(request: &Request<'_>) -> Response {
    const STATUS: [u16; 5] = [200, 204, 304, 404, 500];
    let status = STATUS[request.body().len() % STATUS.len()];
    let mut response = Response::new(status, request.body().clone());
    if let Some(value) = request.fields().get("x") {
        response.fields.push("x", value);
    }
    response
}

/// What every request promises to its handler.
fn check_request(request: &Request<'_>, config: &Config) {
    let head = request.fields();
    let names: Vec<_> = head.iter().map(|field| field.name).collect();
    assert_eq!(names[..4], [&b":method"[..], b":scheme", b":authority", b":path"]);
    assert!(!request.method().is_empty() && request.method() != b"CONNECT");
    assert!(request.path().starts_with(b"/") || request.path() == b"*");
    assert!(request.body().len() <= config.requests.max_body);
    for name in &names[4..] {
        assert!(!name.is_empty() && !name.starts_with(b":") && !name.iter().any(u8::is_ascii_uppercase));
    }
    for name in ["host", "connection", "transfer-encoding", "keep-alive", "upgrade"] {
        assert_eq!(head.get(name), None);
    }
    for field in head {
        let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        assert!(field.value.iter().all(visible), "{field:?}");
    }
    if let Some(length) = head.get("content-length") {
        let length: Option<usize> = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
        assert_eq!(length, Some(request.body().len()));
    }
    assert!(names.len() <= config.limits.max_fields + 4);
}

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Request { fields: String, body: Bytes },
    Refused(u16),
    Closed(CloseReason),
}

/// An answer that has to be among the bytes sent.
#[derive(Debug)]
struct Expected {
    status: u16,
    /// `None` if the answer has a body of its own making.
    content: Option<Bytes>,
}

/// A peer that gets every answer before it sends the next piece.
#[derive(Debug)]
struct Orderly {
    config: Arc<Config>,
    connection: Connection,
    input: BytesMut,
    sent: Vec<u8>,
    seen: Vec<Seen>,
    expected: Vec<Expected>,
}

impl Orderly {
    fn run(
        config: &Arc<Config>,
        stream: &[u8],
        choices: &mut Choices,
        piece: impl Fn(&mut Choices, usize) -> usize,
    ) -> Self {
        let mut run = Self {
            config: config.clone(),
            connection: Connection::server(config.clone(), Instant::ZERO),
            input: BytesMut::new(),
            sent: Vec::new(),
            seen: Vec::new(),
            expected: Vec::new(),
        };
        let mut rest = stream;
        while !rest.is_empty() && run.connection.read_demand() == Demand::Read {
            let (piece, later) = rest.split_at(piece(choices, rest.len()).min(rest.len()));
            rest = later;
            run.input.extend_from_slice(piece);
            run.connection.receive(Instant::ZERO, &mut run.input);
            run.serve();
        }
        run
    }

    /// Answers everything that has come in whole.
    fn serve(&mut self) {
        let mut out = Transmit::new();
        loop {
            while let Some(event) = self.connection.poll_event() {
                match event {
                    ServerEvent::Request { id } => self.answer(id),
                    ServerEvent::Refused { status, .. } => {
                        self.seen.push(Seen::Refused(status));
                        self.expected.push(Expected { status, content: None });
                    }
                    ServerEvent::Closed { reason } => self.seen.push(Seen::Closed(reason)),
                    other => panic!("{other:?} without a cause"),
                }
            }
            while self.connection.poll_transmit(Instant::ZERO, &mut out) {
                self.sent.extend(out.to_vec());
                out.advance(out.len());
            }
            match self.connection.read_demand() {
                Demand::Receive => self.connection.receive(Instant::ZERO, &mut self.input),
                Demand::Stop => break assert!(self.connection.is_drained()),
                Demand::Read | Demand::Pause => break,
            }
        }
        let closes = self.seen.iter().filter(|seen| matches!(seen, Seen::Closed(_))).count();
        assert!(closes == 0 || closes == 1 && matches!(self.seen.last(), Some(Seen::Closed(_))));
    }

    fn answer(&mut self, id: RequestId) {
        let request = self.connection.request(id).expect("it is open");
        check_request(&request, &self.config);
        let response = answer_to(&request);
        let bodiless = request.method() == b"HEAD" || matches!(response.status, 204 | 304);
        self.seen.push(Seen::Request {
            fields: format!("{:?}", request.fields()),
            body: request.body().clone(),
        });
        self.expected.push(Expected {
            status: response.status,
            content: Some(if bodiless { Bytes::new() } else { response.body.clone() }),
        });
        self.connection
            .respond(Instant::ZERO, id, &response)
            .expect("a good response");
        let again = self.connection.respond(Instant::ZERO, id, &response);
        assert_eq!(again, Err(RespondError::UnknownRequest), "answered twice");
    }

    /// The bytes sent are these answers and nothing else, as a client reads them.
    fn check_answers(&self) {
        let mut rest = &self.sent[..];
        for (at, expected) in self.expected.iter().enumerate() {
            while let Some(behind) = rest.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n") {
                rest = behind;
            }
            let start = format!("HTTP/1.1 {} ", expected.status);
            assert!(rest.starts_with(start.as_bytes()), "{}", rest.escape_ascii());
            let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
            let (head, behind) = rest.split_at(end.expect("an answer has an end") + 4);
            let closes = head.windows(19).any(|window| window == b"connection: close\r\n");
            let last = at + 1 == self.expected.len() && matches!(self.seen.last(), Some(Seen::Closed(_)));
            assert_eq!(closes, last, "{}", head.escape_ascii());
            rest = match &expected.content {
                Some(content) => behind.strip_prefix(&content[..]).expect("the body is whole"),
                // A refusal is the last answer.
                None => &[],
            };
        }
        assert!(rest.is_empty() || rest == b"HTTP/1.1 100 Continue\r\n\r\n");
    }
}

/// A driver that does what it may in any order, at any time.
#[derive(Debug)]
struct Chaos {
    connection: Connection,
    config: Arc<Config>,
    choices: Choices,
    now: Instant,
    input: BytesMut,
    out: Transmit,
    open: Option<RequestId>,
    closed: bool,
    /// The longest piece of input so far.
    longest_piece: usize,
}

impl Chaos {
    fn new(config: &Arc<Config>, seed: u64) -> Self {
        Self {
            connection: Connection::server(config.clone(), Instant::ZERO),
            config: config.clone(),
            choices: Choices::new(seed),
            now: Instant::ZERO,
            input: BytesMut::new(),
            out: Transmit::new(),
            open: None,
            closed: false,
            longest_piece: 0,
        }
    }

    fn run(&mut self, stream: &[u8]) {
        let mut rest = stream;
        for _ in 0..stream.len() + 50 {
            match self.choices.below(12) {
                0..5 => rest = self.feed(rest),
                5..8 => self.answer(),
                8..10 => self.transmit(),
                10 => self.pass_time(),
                _ => self.stop_sometimes(),
            }
            self.events();
            self.check();
        }
        self.finish();
    }

    fn feed<'a>(&mut self, stream: &'a [u8]) -> &'a [u8] {
        let mut rest = stream;
        match self.connection.read_demand() {
            Demand::Read if rest.is_empty() => {
                if self.choices.below(3) == 0 {
                    self.connection.handle_disconnect(self.now, Disconnect::ReadEnd);
                }
            }
            Demand::Read => {
                let (piece, later) = rest.split_at(self.choices.piece(rest.len()));
                rest = later;
                self.longest_piece = self.longest_piece.max(piece.len());
                self.input.extend_from_slice(piece);
                self.connection.receive(self.now, &mut self.input);
            }
            Demand::Receive => self.connection.receive(self.now, &mut self.input),
            Demand::Pause | Demand::Stop => {}
        }
        rest
    }

    fn answer(&mut self) {
        let Some(id) = self.open else {
            return;
        };
        let Some(request) = self.connection.request(id) else {
            assert!(self.closed, "only the end takes an open request away");
            self.open = None;
            return;
        };
        check_request(&request, &self.config);
        let response = answer_to(&request);
        self.connection
            .respond(self.now, id, &response)
            .expect("a good response");
        self.open = None;
    }

    fn transmit(&mut self) {
        if self.choices.below(3) > 0 {
            let taken = self.choices.below(self.out.len() + 1);
            self.out.advance(taken);
        }
        self.connection.poll_transmit(self.now, &mut self.out);
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.choices.piece(20_000) as u64);
        self.timeout();
    }

    fn timeout(&mut self) {
        self.connection.handle_timeout(self.now);
        if let Some(next) = self.connection.poll_timeout() {
            assert!(next.at > self.now, "{next:?} is still due");
        }
    }

    fn stop_sometimes(&mut self) {
        let until = self.now + Duration::from_secs(3);
        match self.choices.below(60) {
            0 => self.connection.shutdown(self.now, Shutdown::Graceful { until }),
            1 => self.connection.shutdown(self.now, Shutdown::Immediate),
            2 => self.connection.handle_disconnect(self.now, Disconnect::WriteFailed),
            3 => self.connection.handle_disconnect(self.now, Disconnect::ReadEnd),
            4..8 => self.connection.release_memory(),
            _ => {}
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                ServerEvent::Request { id } => {
                    assert_eq!(self.open.replace(id), None, "one request at a time");
                }
                ServerEvent::Cancelled { id } => assert_eq!(self.open, Some(id)),
                ServerEvent::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// A head in the input and as fields, a body, what is sent ahead, what is not sent and one answer more.
    fn check(&self) {
        let limits = &self.config.limits;
        let body = self.config.requests.max_body;
        let head = 4 * limits.max_head + 64 * (limits.max_fields + 4);
        let trailers = limits.max_trailers.max(limits.max_pipelined) + self.longest_piece;
        let most = head + 2 * body + trailers + limits.max_unsent + limits.max_head + 500;
        let usage = self.connection.usage();
        assert!(usage <= most, "{usage} bytes held, at most {most}");
    }

    /// Answers everything, sends everything and lets time pass: the connection ends.
    fn finish(&mut self) {
        for _ in 0..100 {
            self.events();
            self.answer();
            while self.connection.poll_transmit(self.now, &mut self.out) {
                self.out.advance(usize::MAX);
            }
            if self.connection.read_demand() == Demand::Receive {
                self.connection.receive(self.now, &mut self.input);
            } else if let Some(next) = self.connection.poll_timeout() {
                self.now = self.now.max(next.at);
                self.timeout();
            } else {
                break;
            }
        }
        self.events();
        assert!(
            self.closed && self.connection.is_drained(),
            "{:?} never ends",
            self.connection
        );
        assert_eq!(self.connection.open_requests(), 0);
        self.connection.release_memory();
        assert_eq!(self.connection.usage(), 0, "holds what nobody will get");
    }
}
