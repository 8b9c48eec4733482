//! Plain requests over HTTP/2 between both ends, with everything in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kitewire_proto::http::{Fields, RequestId, RequestLimits, Response, ServerConnection, ServerEvent};
use kitewire_proto::http2::{Config, Connection, ErrorCode, Event, Finish, Outcome, Pull, StreamId};
use kitewire_proto::record::Recorder;
use kitewire_proto::{Demand, Disconnect, Instant, Shutdown, Transmit};

use super::choices::Choices;

/// Plain requests over HTTP/2: the first byte chooses the limits, each further pair what one of the sides does next.
///
/// Properties: no panic; every request is what its client sent, and every answer what its handler gave; each request is
/// told once and can be answered once; memory within its budget; nothing is left in the end.
pub fn http_exchanges(data: &[u8]) {
    let Some((limits, script)) = data.split_first() else {
        return;
    };
    World::new(*limits).run(script);
}

/// The recording of the server's side.
pub(super) fn recorded_exchanges(limits: u8, script: &[u8]) -> Vec<u8> {
    let mut world = World::new(limits);
    world.server.record(Recorder::new(usize::MAX));
    world.run(script);
    world.server.recorder().expect("it records").finish()
}

#[derive(Debug)]
struct World {
    now: Instant,
    requests: RequestLimits,
    client: Connection,
    server: ServerConnection,
    to_client: Wire,
    to_server: Wire,
    choices: Choices,
    /// Streams that the client has not released.
    streams: BTreeMap<StreamId, Exchange>,
    /// Requests that wait for an answer.
    open: Vec<RequestId>,
    opened: usize,
    told: usize,
    closed: bool,
}

/// One direction of the connection.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) out: Transmit,
    /// What has arrived and is not taken in.
    pub(super) input: BytesMut,
}

#[derive(Debug, Default)]
struct Exchange {
    sent: Vec<u8>,
    answered: Vec<u8>,
    received: Vec<u8>,
    cancelled: bool,
}

impl World {
    fn new(bits: u8) -> Self {
        let mut config = Config::default();
        let mut requests = RequestLimits::default();
        requests.max_body = if bits & 1 == 0 { 3000 } else { 100_000 };
        requests.max_bodies = if bits & 2 == 0 { 8000 } else { 1_000_000 };
        config.stream_window = if bits & 4 == 0 { 1000 } else { 200_000 };
        config.send_buffer = if bits & 8 == 0 { 500 } else { 64 * 1024 };
        config.limits.max_memory = if bits & 16 == 0 { 20_000 } else { 32 * 1024 * 1024 };
        config.max_concurrent_streams = if bits & 32 == 0 { 4 } else { 100 };
        let now = Instant::ZERO;
        Self {
            now,
            client: Connection::client(Arc::new(Config::default()), now),
            server: ServerConnection::http2(Arc::new(config), requests.clone(), now),
            requests,
            to_client: Wire::default(),
            to_server: Wire::default(),
            choices: Choices::new(bits.into()),
            streams: BTreeMap::new(),
            open: Vec::new(),
            opened: 0,
            told: 0,
            closed: false,
        }
    }

    fn run(&mut self, script: &[u8]) {
        for pair in script.chunks_exact(2).take(500) {
            self.act(pair[0], usize::from(pair[1]));
            self.check();
        }
        self.finish();
    }

    fn act(&mut self, what: u8, number: usize) {
        match what % 16 {
            0..3 => self.begin(number),
            3..5 => self.push(number * 20, Finish::Later),
            5 => self.push(number, Finish::Now),
            6 => self.cancel(),
            7..10 => self.answer(number * 100),
            10 => self.read(number * 50),
            11..13 => self.carry(number * 100),
            13..15 => self.carry(usize::MAX),
            _ => self.pass_time(number),
        }
        self.events();
    }

    fn begin(&mut self, number: usize) {
        let method = ["GET", "POST", "HEAD"][number % 3];
        let mut head = Fields::request(method, "http", "a", &format!("/{}", self.opened));
        if number & 4 != 0 {
            head.push("expect", if number & 8 == 0 { "100-continue" } else { "tea" });
        }
        let finish = if number & 16 == 0 { Finish::Now } else { Finish::Later };
        if let Ok(id) = self.client.open(self.now, &head, finish) {
            self.opened += 1;
            self.streams.insert(id, Exchange::default());
        }
    }

    fn any_stream(&mut self) -> Option<StreamId> {
        let at = self.choices.below(self.streams.len());
        self.streams.keys().nth(at).copied()
    }

    fn push(&mut self, len: usize, finish: Finish) {
        let Some(id) = self.any_stream() else {
            return;
        };
        let data = vec![id.get().to_be_bytes()[3]; len];
        if let Ok(mut sender) = self.client.sender(id)
            && sender.push(&data, finish).is_ok()
            && let Some(exchange) = self.streams.get_mut(&id)
        {
            exchange.sent.extend(data);
        }
    }

    fn cancel(&mut self) {
        if let Some(id) = self.any_stream()
            && let Ok(mut sender) = self.client.sender(id)
        {
            sender.cancel(ErrorCode::CANCEL);
            self.streams.entry(id).or_default().cancelled = true;
        }
    }

    /// Answers one of the open requests.
    fn answer(&mut self, len: usize) {
        let at = self.choices.below(self.open.len());
        if at >= self.open.len() {
            return;
        }
        let id = self.open.swap_remove(at);
        let Some(request) = self.server.request(id) else {
            assert!(self.closed, "only the end takes an open request away");
            return;
        };
        let body = vec![u8::try_from(len % 251).unwrap_or(0); len];
        let stream = request.fields().get("x-stream").map(<[u8]>::to_vec);
        assert_eq!(stream, None, "nobody sent it");
        let is_head = request.method() == b"HEAD";
        // The path tells which stream it was: the client numbers them.
        let number: u32 = std::str::from_utf8(&request.path()[1..])
            .ok()
            .and_then(|text| text.parse().ok())
            .expect("the path is a number");
        let stream = StreamId::new(number * 2 + 1);
        if let Some(exchange) = self.streams.get_mut(&stream) {
            if !exchange.cancelled {
                assert!(request.body() == &exchange.sent[..], "another body than the client's");
            }
            if !is_head {
                exchange.answered.clone_from(&body);
            }
        }
        self.server
            .respond(self.now, id, &Response::new(200, body))
            .expect("a good response");
        assert!(self.server.respond(self.now, id, &Response::new(200, "")).is_err());
        assert!(self.server.request(id).is_none());
    }

    /// The client takes up to `len` bytes of an answer.
    fn read(&mut self, len: usize) {
        let Some(id) = self.any_stream() else {
            return;
        };
        if let (Ok(mut receiver), Some(exchange)) = (self.client.receiver(id), self.streams.get_mut(&id)) {
            let chunk = receiver.chunk();
            let taken = chunk.len().min(len);
            exchange.received.extend_from_slice(&chunk[..taken]);
            receiver.consume(taken);
        }
    }

    /// Carries up to `len` bytes each way.
    fn carry(&mut self, len: usize) {
        self.client.poll_transmit(self.now, &mut self.to_server.out);
        self.to_server.arrive(len);
        if !self.to_server.input.is_empty() && self.server.read_demand() != Demand::Pause {
            self.server.receive(self.now, &mut self.to_server.input);
        }
        self.server.poll_transmit(self.now, &mut self.to_client.out);
        self.to_client.arrive(len);
        self.client.receive(self.now, &mut self.to_client.input);
        // A side that has nothing more to say closes its socket.
        if self.server.is_drained() {
            self.client.handle_disconnect(self.now, Disconnect::ReadEnd);
        } else if self.client.is_drained() {
            self.server.handle_disconnect(self.now, Disconnect::ReadEnd);
        }
    }

    fn pass_time(&mut self, number: usize) {
        self.now += Duration::from_millis(20 * number as u64);
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        if let Some(next) = self.server.poll_timeout() {
            assert!(next.at > self.now, "{next:?} is still due");
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                ServerEvent::Request { id } => {
                    assert!(!self.open.contains(&id), "an id stands for two requests");
                    self.told += 1;
                    self.open.push(id);
                }
                ServerEvent::Cancelled { id } => assert!(self.open.contains(&id)),
                ServerEvent::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            if let Event::Ended { id, outcome } = event {
                self.end(id, &outcome);
            }
        }
        assert!(self.told <= self.opened);
    }

    /// The client reads what is left of an answer, and compares.
    fn end(&mut self, id: StreamId, outcome: &Outcome) {
        let mut exchange = self.streams.remove(&id).expect("it ends once");
        let status = self.client.head(id).map_or(0, Fields::status);
        if let Ok(mut receiver) = self.client.receiver(id) {
            while let Pull::Data(bytes) = receiver.pull() {
                exchange.received.extend_from_slice(&bytes);
            }
        }
        self.client.release(id);
        if status == 200 {
            let (answered, received) = (&exchange.answered, &exchange.received);
            match outcome {
                Outcome::Complete => assert!(received == answered, "another body than the handler's"),
                _ => assert!(answered.starts_with(received)),
            }
        }
    }

    /// Bodies, and what the engine may hold: unread windows, heads, one answer above its limits.
    fn check(&self) {
        let most = self.requests.max_bodies + 32 * 1024 * 1024;
        assert!(self.server.usage() <= most);
        assert!(self.server.open_requests() >= self.open.len() || self.closed);
    }

    /// Ends everything in good order: nothing is left.
    fn finish(&mut self) {
        let ids: Vec<_> = self.streams.keys().copied().collect();
        for id in ids {
            if let Ok(mut sender) = self.client.sender(id) {
                let _ = sender.finish();
            }
        }
        for _ in 0..5000 {
            self.carry(usize::MAX);
            self.events();
            self.answer(1);
            let ids: Vec<_> = self.streams.keys().copied().collect();
            for id in ids {
                while let Ok(mut receiver) = self.client.receiver(id)
                    && let Pull::Data(bytes) = receiver.pull()
                {
                    self.streams.entry(id).or_default().received.extend_from_slice(&bytes);
                }
            }
            if self.streams.is_empty() && self.open.is_empty() {
                break;
            }
        }
        assert!(
            self.streams.is_empty(),
            "{:?} never end, {:?}",
            self.streams.keys(),
            self.server
        );
        for _ in 0..10 {
            self.carry(usize::MAX);
        }
        self.server.release_memory();
        assert_eq!(
            (self.server.usage(), self.server.open_requests()),
            (0, 0),
            "{:?}",
            self.server
        );
        let until = self.now + Duration::from_secs(1);
        self.server.shutdown(self.now, Shutdown::Graceful { until });
        for _ in 0..10 {
            self.carry(usize::MAX);
            self.events();
        }
        assert!(self.closed, "{:?} never ends", self.server);
    }
}

impl Wire {
    /// Up to `len` bytes of what was sent arrive.
    pub(super) fn arrive(&mut self, len: usize) {
        let bytes = self.out.to_vec();
        let len = bytes.len().min(len);
        self.input.extend_from_slice(&bytes[..len]);
        self.out.advance(len);
    }
}
