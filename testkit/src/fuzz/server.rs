//! A whole server connection against a peer that sends whatever it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::record::Recorder;
use kitewire_proto::thrift;
use kitewire_proto::wire::{Codec, detect, framed, thrift_message, ttheader};
use kitewire_proto::{
    ApplicationException, BusinessStatus, CallId, CloseReason, Demand, Disconnect, ExceptionType, Instant, Limits,
    Multiplex, Reply, ReplyOutcome, ServerConfig, ServerConnection, ServerEvent, Shutdown, Switch, Transmit,
};

use super::Fields;
use super::choices::Choices;

/// A server connection: the first byte chooses the configuration, the next four how the rest is cut and what happens
/// beside it; the rest is what the peer sends.
///
/// Properties: no panic; the same bytes in other pieces get the same answers; each call opens and is answered once; one close, as the last event; memory within its budget; time always gets ahead.
pub fn server_connection(data: &[u8]) {
    let (head, stream) = data.split_at(data.len().min(5));
    let [config, seed @ ..] = head else {
        return;
    };
    let seed = seed.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let config = Arc::new(configuration(*config));
    let bytewise = Orderly::run(&config, stream, &mut Choices::new(0), |_, _| 1);
    let pieces = Orderly::run(&config, stream, &mut Choices::new(seed), Choices::piece);
    compare(&bytewise, &pieces);
    Chaos::new(&config, seed).run(stream);
}

/// The recording of a connection to which everything happens in any order.
pub(super) fn recorded_chaos(bits: u8, seed: u64, stream: &[u8]) -> Vec<u8> {
    let mut chaos = Chaos::new(&Arc::new(configuration(bits)), seed);
    chaos.connection.record(Recorder::new(usize::MAX));
    chaos.run(stream);
    chaos.connection.recorder().expect("it records").finish()
}

/// The small limits make every bound reachable within a few hundred bytes.
fn configuration(bits: u8) -> ServerConfig {
    let switch = |bit: u8| if bits & bit == 0 { Switch::Off } else { Switch::On };
    let mut config = ServerConfig::default();
    config.meta = switch(1);
    config.crc32c = switch(2);
    config.deadline_from_header = switch(4);
    if bits & 8 != 0 {
        config.multiplex = Multiplex::Only;
    }
    if bits & 16 != 0 {
        config.limits = small_limits();
    }
    config
}

pub(super) fn small_limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_frame = 300;
    limits.max_header_entries = 6;
    limits.max_method_name = 8;
    limits.max_depth = 4;
    limits.max_calls = 3;
    limits.max_memory = 500;
    limits.max_unsent = 200;
    limits
}

static SERVICES: LazyLock<Arc<Services>> = LazyLock::new(|| {
    static MAIN: [MethodInfo; 6] = [
        MethodInfo::new("echo", MethodKind::Unary),
        MethodInfo::new("sum", MethodKind::Unary),
        MethodInfo::new("ping", MethodKind::Unary),
        MethodInfo::new("Echo1", MethodKind::Unary),
        MethodInfo::new("push", MethodKind::Oneway),
        MethodInfo::new("watch", MethodKind::ServerStreaming),
    ];
    static PROTOBUF: [MethodInfo; 1] = [MethodInfo::new("Echo", MethodKind::Unary)];
    let mut table = Services::builder();
    let main = ServiceInfo::new("", "PingPong", Codec::Thrift, &MAIN);
    let protobuf = ServiceInfo::new("", "PingPongPb", Codec::Protobuf, &PROTOBUF);
    table
        .add(main, ServiceRole::Fallback)
        .add(protobuf, ServiceRole::Ordinary);
    Arc::new(table.build().expect("these services go together"))
});

/// A peer that gets every answer before it sends the next piece.
#[derive(Debug)]
struct Orderly {
    connection: ServerConnection,
    input: BytesMut,
    sent: Vec<u8>,
    /// Some call could run beside others, so answers may come in any order.
    concurrent: bool,
    closed: Option<CloseReason>,
}

impl Orderly {
    fn run(
        config: &Arc<ServerConfig>,
        stream: &[u8],
        choices: &mut Choices,
        piece: impl Fn(&mut Choices, usize) -> usize,
    ) -> Self {
        let mut run = Self {
            connection: ServerConnection::new(SERVICES.clone(), config.clone(), Instant::ZERO),
            input: BytesMut::new(),
            sent: Vec::new(),
            concurrent: false,
            closed: None,
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
                assert_eq!(self.closed, None, "{event:?} after the close");
                match event {
                    ServerEvent::Opened { id } => self.answer(id),
                    ServerEvent::Closed { reason } => self.closed = Some(reason),
                    _ => {}
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
    }

    fn answer(&mut self, id: CallId) {
        if let Some(concurrent) = answer(&mut self.connection, Instant::ZERO, id) {
            self.concurrent |= concurrent;
        }
    }
}

/// Without concurrent calls the bytes are the same; with them, the answers, in some order. An error that fails the
/// connection takes calls with it that came in together with it.
fn compare(bytewise: &Orderly, pieces: &Orderly) {
    if !bytewise.concurrent {
        assert_eq!(pieces.sent, bytewise.sent, "other answers for another split");
        assert_eq!(pieces.closed, bytewise.closed);
        return;
    }
    let mut left = frames(&bytewise.sent);
    for (frame, count) in frames(&pieces.sent) {
        let of_bytewise = left.entry(frame).or_default();
        assert!(*of_bytewise >= count, "an answer that the other split does not get");
        *of_bytewise -= count;
    }
    let complete = left.values().all(|count| *count == 0);
    assert!(complete || matches!(pieces.closed, Some(CloseReason::Malformed(_))));
}

/// The frames of well-formed output, with how often each occurs.
fn frames(mut sent: &[u8]) -> BTreeMap<Vec<u8>, usize> {
    let limits = Limits::default();
    let mut frames = BTreeMap::new();
    while !sent.is_empty() {
        let length = match detect::sniff(sent) {
            detect::Sniffed::TtHeader => {
                let header = ttheader::Header::parse(sent, &limits).expect("our header is good");
                header.expect("and whole").frame_len()
            }
            detect::Sniffed::FramedThrift => framed_len(sent, Codec::Thrift),
            detect::Sniffed::FramedProtobuf => framed_len(sent, Codec::Protobuf),
            _ => bare_len(sent),
        };
        let (frame, rest) = sent.split_at(length);
        *frames.entry(frame.to_vec()).or_default() += 1;
        sent = rest;
    }
    frames
}

fn bare_len(sent: &[u8]) -> usize {
    let limits = Limits::default();
    let envelope = thrift_message::parse(sent, &limits).expect("our envelope is good");
    let (head, body) = sent.split_at(envelope.expect("and whole").body_start());
    let body = thrift::Skipper::new(limits.max_depth).advance(body);
    head.len() + body.expect("our body is good").expect("and whole")
}

fn framed_len(sent: &[u8], codec: Codec) -> usize {
    let length = framed::parse(sent, codec, &Limits::default()).expect("our length is good");
    length.expect("and whole") as usize + framed::LENGTH_SIZE
}

/// Answers a call as its sequence id says. Returns whether it could run beside others; `None` if it is over already.
fn answer(connection: &mut ServerConnection, now: Instant, id: CallId) -> Option<bool> {
    let request = connection.request(id)?;
    let concurrent = request.concurrent;
    let meta = request.header().meta_info();
    let choice = request.sequence().0.rem_euclid(6);
    let body = match request.codec() {
        Codec::Protobuf => Ok(request.shared_body()),
        Codec::Thrift => thrift::decode::<Fields>(&request.shared_body(), 4).map(|_| Bytes::from_static(&[0])),
    };
    let status = BusinessStatus {
        code: choice,
        message: request.method_name().to_owned(),
        extra: vec![("<k>".to_owned(), request.service_name().to_owned())],
    };
    let exception = ApplicationException::new(ExceptionType(choice), request.method_name().to_owned());
    let backward: Vec<(String, String)> = meta
        .persistents()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if choice > 3 {
        connection.release_request(id);
    }
    let outcome = match (&body, choice) {
        (Err(error), _) => {
            connection.reject(now, id, error);
            return Some(concurrent);
        }
        (Ok(_), 0) => ReplyOutcome::Exception(&exception),
        (Ok(_), 1) => ReplyOutcome::Empty,
        (Ok(_), 2) => ReplyOutcome::Business {
            status: &status,
            result: None,
        },
        (Ok(body), _) => ReplyOutcome::Result(body),
    };
    let reply = Reply {
        outcome,
        backward: &backward,
    };
    // The answer may be above a small frame limit.
    let _ = connection.respond(now, id, &reply);
    assert!(connection.respond(now, id, &reply).is_err(), "answered twice");
    Some(concurrent)
}

/// A driver that does what it may in any order, at any time.
#[derive(Debug)]
struct Chaos {
    connection: ServerConnection,
    choices: Choices,
    now: Instant,
    limits: Limits,
    input: BytesMut,
    out: Transmit,
    open: Vec<CallId>,
    closed: bool,
    /// The longest piece of input so far.
    longest_piece: usize,
    /// More than any one answer is long.
    answer: usize,
}

impl Chaos {
    fn new(config: &Arc<ServerConfig>, seed: u64) -> Self {
        let limits = config.limits.clone();
        Self {
            connection: ServerConnection::new(SERVICES.clone(), config.clone(), Instant::ZERO),
            choices: Choices::new(seed),
            now: Instant::ZERO,
            input: BytesMut::new(),
            out: Transmit::new(),
            open: Vec::new(),
            closed: false,
            longest_piece: 0,
            answer: 0,
            limits,
        }
    }

    fn run(&mut self, stream: &[u8]) {
        // Names come back in texts, with replacement characters of three bytes.
        self.answer = 600 + 3 * stream.len().min(self.limits.max_frame as usize);
        let mut rest = stream;
        for _ in 0..stream.len() + 50 {
            match self.choices.below(12) {
                0..5 => rest = self.feed(rest),
                5..8 => self.answer_some(),
                8..10 => self.transmit(),
                10 => self.pass_time(),
                _ => self.stop_sometimes(),
            }
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

    fn answer_some(&mut self) {
        self.events();
        if !self.open.is_empty() {
            let id = self.open.swap_remove(self.choices.below(self.open.len()));
            answer(&mut self.connection, self.now, id);
        }
    }

    fn transmit(&mut self) {
        if self.connection.poll_transmit(self.now, &mut self.out) {
            let taken = self.choices.below(self.out.len() + 1);
            self.out.advance(taken);
        }
        self.connection.poll_transmit(self.now, &mut self.out);
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.choices.piece(4000) as u64);
        self.timeout();
    }

    fn timeout(&mut self) {
        self.connection.handle_timeout(self.now, &mut self.input);
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
            4 => self.connection.release_memory(),
            _ => {}
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                ServerEvent::Opened { id } => {
                    assert!(!self.open.contains(&id), "an id stands for two calls");
                    self.open.push(id);
                }
                ServerEvent::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// The limits stop requests, not answers: one request more may be whole, and every open call may get an answer.
    fn check(&mut self) {
        let frame = self.limits.max_frame as usize + 4;
        let answers = (self.connection.open_calls() + 2) * self.answer;
        let most = self.limits.max_memory + self.limits.max_unsent + frame + self.longest_piece + answers;
        let usage = self.connection.usage();
        assert!(usage <= most, "{usage} bytes held, at most {most}");
        assert!(self.connection.open_calls() <= self.limits.max_calls as usize);
    }

    /// Answers everything, sends everything and lets time pass: the connection ends.
    fn finish(&mut self) {
        for _ in 0..100 {
            self.events();
            while let Some(id) = self.open.pop() {
                answer(&mut self.connection, self.now, id);
            }
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
        assert_eq!(self.connection.open_calls(), 0);
        assert!(
            self.connection.usage() <= self.input.len(),
            "holds what nobody will get"
        );
    }
}
