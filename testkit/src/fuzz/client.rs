//! A whole client connection against a peer that answers whatever it likes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::record::Recorder;
use kitewire_proto::thrift;
use kitewire_proto::wire::{Codec, MessageType, Transport};
use kitewire_proto::{
    CallError, CallId, ClientConfig, ClientConnection, ClientEvent, Demand, Disconnect, Instant, Limits, MetaInfo,
    OpenError, Request, RequestKind, Shutdown, Switch, Transmit,
};

use super::Fields;
use super::choices::Choices;
use super::server::small_limits;

/// A client connection: the first byte chooses the configuration, the next four how the rest is cut and what happens
/// beside it; the rest is what the peer sends.
///
/// Properties: no panic; the same bytes in other pieces end every call in the same way; each call ends once; one close,
/// as the last event; memory within its budget; time always gets ahead.
pub fn client_connection(data: &[u8]) {
    let (head, stream) = data.split_at(data.len().min(5));
    let [config, seed @ ..] = head else {
        return;
    };
    let seed = seed.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let config = Arc::new(configuration(*config));
    let bytewise = outcomes(&config, stream, &mut Choices::new(0), |_, _| 1);
    let pieces = outcomes(&config, stream, &mut Choices::new(seed), Choices::piece);
    assert_eq!(bytewise, pieces, "another split ends the calls in another way");
    Chaos::new(&config, seed).run(stream);
}

/// The recording of a connection to which everything happens in any order.
pub(super) fn recorded_chaos(bits: u8, seed: u64, stream: &[u8]) -> Vec<u8> {
    let mut chaos = Chaos::new(&Arc::new(configuration(bits)), seed);
    chaos.connection.record(Recorder::new(usize::MAX));
    chaos.run(stream);
    chaos.connection.recorder().expect("it records").finish()
}

fn configuration(bits: u8) -> ClientConfig {
    let switch = |bit: u8| if bits & bit == 0 { Switch::Off } else { Switch::On };
    let mut config = ClientConfig::default();
    config.transport = match bits & 3 {
        0 => Transport::TtHeaderFramed,
        1 => Transport::TtHeader,
        2 => Transport::Framed,
        _ => Transport::Bare,
    };
    config.multiplex = switch(4);
    config.meta = switch(8);
    config.crc32c = switch(16);
    if bits & 32 != 0 {
        config.limits = small_limits();
    }
    config.caller = "fuzz".to_owned();
    config
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Answered(MessageType, Codec, Vec<u8>),
    Failed(CallError),
    /// Nothing more came.
    Open,
}

/// Opens as many calls as there is room for, up to four, feeds the stream, and tells how each call ended.
fn outcomes(
    config: &Arc<ClientConfig>,
    stream: &[u8],
    choices: &mut Choices,
    piece: impl Fn(&mut Choices, usize) -> usize,
) -> BTreeMap<usize, End> {
    let now = Instant::ZERO;
    let mut connection = ClientConnection::new(config.clone(), now);
    let ids: Vec<CallId> = (0..4)
        .map_while(|number| open(&mut connection, number, None).ok())
        .collect();
    let mut ends: BTreeMap<usize, End> = (0..ids.len()).map(|number| (number, End::Open)).collect();
    let mut input = BytesMut::new();
    let mut rest = stream;
    let mut drain = |connection: &mut ClientConnection, input: &mut BytesMut| {
        while let Some(event) = connection.poll_event() {
            let (id, end) = match event {
                ClientEvent::Answered { id } => (id, take(connection, id)),
                ClientEvent::Failed { id, error } => (id, End::Failed(error)),
                _ => continue,
            };
            let number = ids
                .iter()
                .position(|known| *known == id)
                .expect("an id that was given out");
            assert_eq!(ends.insert(number, end), Some(End::Open), "a call ends twice");
            if connection.read_demand() == Demand::Receive {
                connection.receive(now, input);
            }
        }
    };
    while !rest.is_empty() && connection.read_demand() != Demand::Stop {
        let (piece, later) = rest.split_at(piece(choices, rest.len()).min(rest.len()));
        rest = later;
        input.extend_from_slice(piece);
        connection.receive(now, &mut input);
        drain(&mut connection, &mut input);
    }
    ends
}

fn take(connection: &mut ClientConnection, id: CallId) -> End {
    let answer = connection.take_answer(id).expect("an answer is there");
    assert!(connection.take_answer(id).is_none(), "an answer is there once");
    let _ = (answer.exception(), answer.business_status(), answer.backward().count());
    let _ = (answer.header().meta_info(), answer.header().timeout());
    if answer.codec() == Codec::Thrift {
        let _ = thrift::decode::<Fields>(&answer.shared_body(), 4);
    }
    assert_eq!(answer.body(), answer.shared_body());
    End::Answered(answer.message_type(), answer.codec(), answer.body().to_vec())
}

/// Opens a call; numbers choose the kind.
fn open(connection: &mut ClientConnection, number: usize, deadline: Option<Instant>) -> Result<CallId, OpenError> {
    let mut meta = MetaInfo::new();
    meta.set_persistent("k", "v");
    let (codec, method, body) = match number % 5 {
        3 => (Codec::Protobuf, "Echo", Bytes::from_static(b"\x0a\x02hi")),
        _ => (Codec::Thrift, "echo", Bytes::from_static(b"\0")),
    };
    connection.open(&Request {
        service: "PingPong",
        method,
        codec,
        kind: if number % 5 == 4 {
            RequestKind::Oneway
        } else {
            RequestKind::Call
        },
        body: &body,
        deadline,
        timeout: Some(Duration::from_millis(1500)),
        connect_timeout: None,
        caller_method: "",
        meta: &meta,
    })
}

/// A driver that does what it may in any order, at any time.
#[derive(Debug)]
struct Chaos {
    connection: ClientConnection,
    choices: Choices,
    now: Instant,
    limits: Limits,
    input: BytesMut,
    out: Transmit,
    /// Calls without an answer, and answers that were not taken yet.
    open: Vec<CallId>,
    answered: Vec<CallId>,
    opened: usize,
    closed: bool,
}

impl Chaos {
    fn new(config: &Arc<ClientConfig>, seed: u64) -> Self {
        Self {
            connection: ClientConnection::new(config.clone(), Instant::ZERO),
            choices: Choices::new(seed),
            now: Instant::ZERO,
            limits: config.limits.clone(),
            input: BytesMut::new(),
            out: Transmit::new(),
            open: Vec::new(),
            answered: Vec::new(),
            opened: 0,
            closed: false,
        }
    }

    fn run(&mut self, stream: &[u8]) {
        let mut rest = stream;
        for _ in 0..stream.len() + 50 {
            match self.choices.below(14) {
                0..5 => rest = self.feed(rest),
                5..8 => self.open_one(),
                8..10 => self.transmit(),
                10 => self.take_one(),
                11 => self.cancel_one(),
                12 => self.pass_time(),
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
                self.input.extend_from_slice(piece);
                self.connection.receive(self.now, &mut self.input);
            }
            Demand::Receive => self.connection.receive(self.now, &mut self.input),
            Demand::Pause | Demand::Stop => {}
        }
        rest
    }

    fn open_one(&mut self) {
        self.events();
        let deadline = match self.choices.below(3) {
            0 => None,
            _ => Some(self.now + Duration::from_millis(self.choices.below(3000) as u64)),
        };
        let number = self.choices.below(5);
        match open(&mut self.connection, number, deadline) {
            Ok(id) if number != 4 => {
                assert!(
                    !self.open.contains(&id) && !self.answered.contains(&id),
                    "an id stands for two calls"
                );
                self.open.push(id);
                self.opened += 1;
            }
            Ok(_) => self.opened += 1,
            Err(error) => assert!(!self.closed || error == OpenError::NotUsable),
        }
    }

    fn transmit(&mut self) {
        if self.connection.poll_transmit(self.now, &mut self.out) {
            let taken = self.choices.below(self.out.len() + 1);
            self.out.advance(taken);
        }
        self.connection.poll_transmit(self.now, &mut self.out);
    }

    fn take_one(&mut self) {
        self.events();
        if let Some(id) = self.answered.pop() {
            take(&mut self.connection, id);
        }
    }

    fn cancel_one(&mut self) {
        self.events();
        let list = if self.choices.below(2) == 0 {
            &mut self.open
        } else {
            &mut self.answered
        };
        if !list.is_empty() {
            let id = list.swap_remove(self.choices.below(list.len()));
            self.connection.cancel(id);
            self.connection.cancel(id);
        }
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.choices.piece(4000) as u64);
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
            4 => self.connection.release_memory(),
            _ => {}
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                ClientEvent::Answered { id } => {
                    self.end(id);
                    self.answered.push(id);
                }
                ClientEvent::Failed { id, .. } => self.end(id),
                ClientEvent::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    fn end(&mut self, id: CallId) {
        let place = self.open.iter().position(|open| *open == id);
        self.open
            .swap_remove(place.expect("only open calls end, and only once"));
    }

    fn check(&mut self) {
        self.events();
        assert_eq!(self.connection.open_calls(), self.open.len() + self.answered.len());
        let piece = self.input.len();
        let most = self.limits.max_memory + self.limits.max_frame as usize + 4 + piece + self.opened * REQUEST;
        assert!(
            self.connection.usage() <= most,
            "{} bytes held, at most {most}",
            self.connection.usage()
        );
    }

    /// Ends the connection: nothing is left.
    fn finish(&mut self) {
        self.connection.shutdown(
            self.now,
            Shutdown::Graceful {
                until: self.now + Duration::from_secs(1),
            },
        );
        for _ in 0..100 {
            self.check();
            while let Some(id) = self.answered.pop() {
                take(&mut self.connection, id);
            }
            while self.connection.poll_transmit(self.now, &mut self.out) {
                self.out.advance(usize::MAX);
            }
            match self.connection.poll_timeout() {
                Some(next) => {
                    self.now = self.now.max(next.at);
                    self.timeout();
                }
                None => break,
            }
        }
        self.events();
        assert!(self.open.is_empty(), "calls that never end: {:?}", self.open);
        assert!(
            self.closed && self.connection.is_drained(),
            "{:?} never ends",
            self.connection
        );
        assert!(
            self.connection.usage() <= self.input.len(),
            "holds what nobody will get"
        );
    }
}

/// More than any request of [`open`] is long.
const REQUEST: usize = 300;
