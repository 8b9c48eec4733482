//! Streams over TTHeader between both ends, with everything in any order.

mod exchange;
mod finish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::ttstream::{
    Config, Connection, Ending, Event, Exception, Outcome, Pull, Request, SendError, StreamId, Strings,
};
use kitewire_proto::{ApplicationException, BusinessStatus, Demand, Disconnect, ExceptionType, Instant, Switch};

use exchange::{Exchange, is_equal, is_overflow, message};

use super::choices::Choices;
use super::http_exchanges::Wire;
use super::ttstream_script::METHODS;
use super::ttstream_server::{KINDS, services};

/// Streams between a client and a server: the first byte chooses who obeys flow control and the limits, each further
/// pair what one of the sides does next.
///
/// Properties: no panic; each side gets the other's messages whole and in order, then the end that the other gave, once;
/// what can be sent is sent, and waits only where there is no room; entries come through; a stream that is given up ends
/// on both sides; memory within the windows where both obey them; no credit is lost; nothing is left in the end.
pub fn ttstream_pair(data: &[u8]) {
    let Some((bits, script)) = data.split_first() else {
        return;
    };
    let mut world = World::new(*bits);
    for pair in script.chunks_exact(2).take(500) {
        world.act(pair[0], pair[1]);
    }
    world.finish();
}

#[derive(Debug)]
struct World {
    now: Instant,
    client: Connection,
    server: Connection,
    to_client: Wire,
    to_server: Wire,
    choices: Choices,
    /// Streams that the client has not released.
    streams: BTreeMap<StreamId, Exchange>,
    /// Streams that the client has given up, and a handler has still.
    orphans: BTreeSet<StreamId>,
    /// The connection's window on either side, if both obey it.
    window: Option<u64>,
    /// Without flow control memory may run out.
    is_tight: bool,
    closed: bool,
}

impl World {
    fn new(bits: u8) -> Self {
        let now = Instant::ZERO;
        let obey = bits & 3 == 0;
        let is_small = bits & 4 != 0;
        let is_tight = bits & 8 != 0 && !obey;
        let [client, server] = [1, 2].map(|off| {
            let mut config = Config::default();
            if bits & off != 0 {
                config.flow_control = Switch::Off;
            }
            if is_small {
                config.stream_window = 700;
                config.connection_window = WINDOW;
                config.send_buffer = 1000;
            }
            if is_tight {
                config.connection_memory = 4000;
            }
            if bits & 16 != 0 {
                config.answer_wait = Duration::from_millis(1);
            }
            Arc::new(config)
        });
        Self {
            now,
            client: Connection::client(client, now),
            server: Connection::server(Arc::new(services()), server, now),
            to_client: Wire::default(),
            to_server: Wire::default(),
            choices: Choices::new(bits.into()),
            streams: BTreeMap::new(),
            orphans: BTreeSet::new(),
            window: (obey && is_small).then_some(WINDOW),
            is_tight,
            closed: false,
        }
    }

    fn act(&mut self, what: u8, number: u8) {
        match what % 16 {
            0 | 1 => drop(self.open(number)),
            2..5 => self.send_up(number),
            5 => self.half_close(),
            6 if number < 60 => self.cancel(number),
            7 | 8 => self.read_up(),
            9 | 10 => self.send_down(number),
            11 if number < 128 => self.end(number),
            12 => self.read_down(),
            13 if number & 1 == 0 => self.carry_up(usize::from(number) * 10),
            13 => self.carry_down(usize::from(number) * 10),
            14 if number < 80 => self.send_header(),
            15 if number < 30 => self.pass_time(number),
            _ => self.carry(usize::MAX),
        }
        self.events();
        self.check();
    }

    fn open(&mut self, number: u8) -> Option<StreamId> {
        let at = usize::from(number) % KINDS.len();
        let mut strings = Strings::new();
        strings.push("K", [number, 0, 0xff]);
        let mut request = Request::new("Service", METHODS[at], KINDS[at]);
        request.strings = &strings;
        request.caller = Some("caller");
        let id = self.client.open(self.now, &request).ok()?;
        let exchange = Exchange::new(KINDS[at]);
        assert!(self.streams.insert(id, exchange).is_none(), "{id} is opened twice");
        Some(id)
    }

    fn any_stream(&mut self) -> Option<StreamId> {
        let at = self.choices.below(self.streams.len());
        self.streams.keys().nth(at).copied()
    }

    /// One that a handler has.
    fn any_served(&mut self) -> Option<StreamId> {
        let is_served = |(id, stream): (&StreamId, &Exchange)| {
            let is_served = stream.served && stream.ending.is_none();
            is_served.then_some(*id)
        };
        let served: Vec<_> = self.streams.iter().filter_map(is_served).collect();
        served.get(self.choices.below(served.len())).copied()
    }

    fn send_up(&mut self, number: u8) {
        if let Some(id) = self.any_stream() {
            self.send_up_stream(id, number);
        }
    }

    /// The client sends a message. Returns whether it was taken.
    fn send_up_stream(&mut self, id: StreamId, number: u8) -> bool {
        let stream = self.streams.get_mut(&id).expect("it is known");
        if stream.finished || stream.has_single_request() && !stream.up.sent.is_empty() {
            return false;
        }
        let message = message(id, stream.up.sent.len(), number);
        let mut sender = self.client.sender(id).expect("not released");
        let has_room = sender.has_room();
        match sender.send(&Bytes::from(message.clone())) {
            Ok(()) => {
                stream.up.sent.push(message);
                return true;
            }
            Err(SendError::Full) => assert!(!has_room, "full with room"),
            Err(error) => assert!(self.client.outcome(id).is_some(), "{error} of a stream that runs"),
        }
        false
    }

    fn half_close(&mut self) {
        if let Some(id) = self.any_stream() {
            self.half_close_stream(id);
        }
    }

    fn half_close_stream(&mut self, id: StreamId) {
        let stream = self.streams.get_mut(&id).expect("it is known");
        if stream.finished || stream.has_single_request() && stream.up.sent.is_empty() {
            return;
        }
        let done = self.client.sender(id).expect("not released").finish();
        assert!(done.is_ok() || self.client.outcome(id).is_some(), "{done:?}");
        stream.finished = true;
    }

    /// The client gives a stream up, with or without a reason of its own.
    fn cancel(&mut self, number: u8) {
        let Some(id) = self.any_stream() else {
            return;
        };
        if number & 1 == 0 {
            let why = Exception::foreign("why");
            self.client.cancel(id, &why);
            let outcome = self.client.outcome(id);
            let is_canceled = matches!(outcome, Some(Outcome::Exception(ours)) if (ours.code, &ours.message) == (why.code, &why.message));
            assert!(is_canceled || self.streams[&id].ending.is_some() || self.is_tight);
            self.streams.get_mut(&id).expect("it is known").given_up = true;
            self.events();
        }
        let stream = self.streams.remove(&id).expect("it is known");
        self.client.release(id);
        // Who has the one answer and has said everything leaves without a word.
        let has_answer = stream.kind == MethodKind::ClientStreaming && stream.finished && stream.down.received > 0;
        if has_answer && !stream.given_up && stream.ending.is_none() {
            self.server.finish(id, &Ending::Ok, &Strings::new());
        } else if stream.served && stream.ending.is_none() {
            self.orphans.insert(id);
        }
    }

    fn read_up(&mut self) {
        if let Some(id) = self.any_served() {
            self.read_up_stream(id);
        }
    }

    /// The server takes the next message. Returns whether there was one.
    fn read_up_stream(&mut self, id: StreamId) -> bool {
        let stream = self.streams.get_mut(&id).expect("it is known");
        match self.server.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                let expected = stream.up.sent.get(stream.up.received).map(Vec::as_slice);
                assert_eq!(Some(message.bytes()), expected, "another message than the client's");
                stream.up.received += 1;
                return true;
            }
            Pull::End => assert!(
                stream.finished && stream.up.received == stream.up.sent.len(),
                "{stream:?} ends early"
            ),
            Pull::Empty => {}
            Pull::Failed => assert!(self.is_tight, "{stream:?} was not given up"),
        }
        false
    }

    fn send_header(&mut self) {
        if let Some(id) = self.any_served() {
            let mut strings = Strings::new();
            strings.push("H", "early");
            let _ = self.server.sender(id).expect("not released").send_header(&strings);
        }
    }

    fn send_down(&mut self, number: u8) {
        if let Some(id) = self.any_served() {
            self.send_down_stream(id, number);
        }
    }

    /// The server sends a message. Returns whether it was taken.
    fn send_down_stream(&mut self, id: StreamId, number: u8) -> bool {
        let stream = self.streams.get_mut(&id).expect("it is known");
        let message = message(id, stream.down.sent.len(), number);
        let mut sender = self.server.sender(id).expect("not released");
        let has_room = sender.has_room();
        match sender.send(&Bytes::from(message.clone())) {
            Ok(()) => {
                stream.down.sent.push(message);
                return true;
            }
            Err(SendError::Full) => assert!(!has_room, "full with room"),
            Err(error) => assert!(self.server.outcome(id).is_some(), "{error} of a stream that runs"),
        }
        false
    }

    fn end(&mut self, number: u8) {
        if let Some(id) = self.any_served() {
            self.end_stream(id, number);
        }
    }

    /// The handler returns.
    fn end_stream(&mut self, id: StreamId, number: u8) {
        let stream = self.streams.get_mut(&id).expect("it is known");
        let ending = match number % 4 {
            0 => Ending::Exception(ApplicationException::new(ExceptionType(number.into()), "50% 你")),
            1 => Ending::Business(BusinessStatus {
                code: i32::from(number),
                message: "né".to_owned(),
                extra: vec![("k".to_owned(), "v<é>&".to_owned())],
            }),
            _ => Ending::Ok,
        };
        let mut trailer = Strings::new();
        trailer.push("t", [b'a' + number % 26]);
        self.server.finish(id, &ending, &trailer);
        stream.ending = Some(ending);
    }

    fn read_down(&mut self) {
        if let Some(id) = self.any_stream() {
            self.read_down_stream(id);
        }
    }

    /// The client takes the next message. Returns whether there was one.
    fn read_down_stream(&mut self, id: StreamId) -> bool {
        let stream = self.streams.get_mut(&id).expect("it is known");
        let pulled = match self.client.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                let expected = stream.down.sent.get(stream.down.received).map(Vec::as_slice);
                assert_eq!(Some(message.bytes()), expected, "another message than the server's");
                stream.down.received += 1;
                return true;
            }
            Pull::Empty => None,
            Pull::End => Some(true),
            Pull::Failed => Some(false),
        };
        let outcome = self.client.outcome(id);
        match pulled {
            None => assert!(!stream.ended, "{stream:?} has ended"),
            Some(is_well) => {
                let outcome = outcome.expect("it has ended");
                assert!(
                    is_overflow(outcome, self.is_tight) || is_equal(outcome, stream.ending.as_ref()),
                    "{outcome:?}"
                );
                assert_eq!(*outcome == Outcome::Ok, is_well);
                assert!(!is_well || stream.down.received == stream.down.sent.len(), "ends early");
            }
        }
        false
    }

    fn pass_time(&mut self, number: u8) {
        // Too little for a timeout of the connection, whatever else happens.
        self.now = (self.now + Duration::from_millis(20 * u64::from(number))).min(Instant::ZERO + MOST_TIME);
        self.time_out();
    }

    fn time_out(&mut self) {
        for connection in [&mut self.client, &mut self.server] {
            connection.handle_timeout(self.now);
            if let Some(next) = connection.poll_timeout() {
                assert!(next.at > self.now, "{next:?} is still due");
            }
        }
    }

    /// Carries up to `len` bytes each way.
    fn carry(&mut self, len: usize) {
        self.carry_up(len);
        self.carry_down(len);
    }

    /// From the client to the server.
    fn carry_up(&mut self, len: usize) {
        self.client.poll_transmit(self.now, &mut self.to_server.out);
        self.to_server.arrive(len);
        if !self.to_server.input.is_empty() && self.server.read_demand() != Demand::Pause {
            self.server.receive(self.now, &mut self.to_server.input);
        }
    }

    /// From the server to the client.
    fn carry_down(&mut self, len: usize) {
        self.server.poll_transmit(self.now, &mut self.to_client.out);
        self.to_client.arrive(len);
        if !self.to_client.input.is_empty() && self.client.read_demand() != Demand::Pause {
            self.client.receive(self.now, &mut self.to_client.input);
        }
        // A side that has nothing more to say closes its socket.
        if self.server.is_drained() {
            self.client.handle_disconnect(self.now, Disconnect::ReadEnd);
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => self.serve(id),
                Event::Ended { id } => self.lose(id),
                Event::Closed { .. } => self.closed = true,
                Event::Refused { id, exception } => {
                    assert!(self.is_tight, "{exception:?} of a good stream");
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.ending = Some(Ending::Exception(*exception));
                    }
                }
                _ => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Header { id } => {
                    let stream = self.streams.get_mut(&id).expect("before its release");
                    assert!(!std::mem::replace(&mut stream.header, true), "{id} has one header");
                }
                Event::Ended { id } => {
                    let stream = self.streams.get_mut(&id).expect("it ends once, before its release");
                    assert!(!stream.ended, "{id} ends twice");
                    let outcome = self.client.outcome(id).expect("it has ended");
                    let is_known = is_equal(outcome, stream.ending.as_ref()) || is_overflow(outcome, self.is_tight);
                    assert!(is_known || stream.given_up, "{id} ends by itself: {outcome:?}");
                    stream.ended = true;
                }
                _ => {}
            }
        }
    }

    fn serve(&mut self, id: StreamId) {
        let incoming = self.server.stream(id).expect("it is open");
        assert!(incoming.strings().get("K").is_some(), "entries are lost");
        assert_eq!(incoming.caller_service(), Some("caller"));
        match self.streams.get_mut(&id) {
            Some(stream) => {
                assert_eq!((stream.kind, stream.served), (incoming.kind, false));
                stream.served = true;
            }
            // The client has given it up meanwhile.
            None => self.server.finish(id, &Ending::Ok, &Strings::new()),
        }
    }

    /// Nobody waits for a handler's answer any more.
    fn lose(&mut self, id: StreamId) {
        let why = match self.server.outcome(id) {
            Some(Outcome::Exception(why)) => why,
            // It was finished before the event was looked at.
            None => return assert!(!self.streams.contains_key(&id) && !self.orphans.contains(&id), "{id}"),
            other => panic!("{id} ends by itself: {other:?}"),
        };
        let is_lost = self.orphans.remove(&id);
        assert!(is_lost || self.is_tight, "{id} was not given up: {why}");
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.ending = Some(Ending::Ok);
        }
        self.server.finish(id, &Ending::Ok, &Strings::new());
    }

    /// What either side holds for the other is bounded.
    fn check(&self) {
        for (connection, wire) in [(&self.client, &self.to_client), (&self.server, &self.to_server)] {
            let usage = connection.usage() as u64;
            // What it has not sent is bounded by its buffer, and what it holds by what it has announced, and a message each.
            let own = 1000 + BIGGEST + 64 * 1024 + 64 * self.streams.len() as u64 * 40;
            let most = wire.input.len() as u64 + own + BIGGEST;
            match self.window {
                Some(window) => assert!(
                    usage <= most + window,
                    "{usage} bytes held, at most {most} and {window}"
                ),
                None => assert!(usage <= most + 33 * 1024 * 1024),
            }
        }
    }

    fn turn(&mut self) {
        self.carry(usize::MAX);
        self.events();
        self.check();
    }
}

/// A connection's window, where windows are small.
const WINDOW: u64 = 4000;
/// More than the largest message and its frame.
const BIGGEST: u64 = 8000;
/// Below every timeout of a connection.
const MOST_TIME: Duration = Duration::from_secs(4);
