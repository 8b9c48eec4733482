//! gRPC calls between both ends, with everything in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::grpc::{Config, Connection, Event, Pull, Request, SendError, StreamId};
use kitewire_proto::http::Fields;
use kitewire_proto::wire::Codec;
use kitewire_proto::wire::grpc::{Code, Outcome, Status};
use kitewire_proto::{Demand, Disconnect, Instant, Shutdown, Switch};

use super::choices::Choices;
use super::grpc_script::METHODS;
use super::grpc_server::{KINDS, services};
use super::http_exchanges::Wire;

/// gRPC calls between a client and a server: the first byte chooses the limits, each further pair what one of the sides
/// does next.
///
/// Properties: no panic; each side gets the other's messages whole and in order, then the end that the other gave; what
/// can be sent is sent, and waits only where there is no room; metadata comes through; a call that is given up ends on
/// both sides; nothing is left in the end.
pub fn grpc_exchanges(data: &[u8]) {
    let Some((limits, script)) = data.split_first() else {
        return;
    };
    let mut world = World::new(*limits);
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
    /// Calls that the client has not released.
    calls: BTreeMap<StreamId, Exchange>,
    closed: bool,
}

/// A call, as both sides know it.
#[derive(Debug)]
struct Exchange {
    kind: MethodKind,
    up: Half,
    down: Half,
    /// The client has said everything.
    finished: bool,
    /// The server's application has it.
    served: bool,
    /// What the server has ended it with.
    status: Option<Status>,
    /// The client was told its end.
    ended: bool,
}

/// The messages of one direction.
#[derive(Debug, Default)]
struct Half {
    sent: Vec<Vec<u8>>,
    received: usize,
}

impl World {
    fn new(bits: u8) -> Self {
        let now = Instant::ZERO;
        let [mut client, mut server] = [Config::default(), Config::default()];
        for (config, bits) in [(&mut client, bits), (&mut server, bits >> 3)] {
            let mut http2 = (*config.http2).clone();
            // More than there will be: which of too many is refused depends on who is faster.
            http2.max_concurrent_streams = 1000;
            http2.initial_max_streams = 1000;
            if bits & 1 != 0 {
                http2.stream_window = 300;
                http2.connection_window = Some(65_535);
            }
            if bits & 2 != 0 {
                http2.send_buffer = 200;
            }
            config.http2 = Arc::new(http2);
            if bits & 4 != 0 {
                config.send_gzip = Switch::On;
            }
        }
        Self {
            now,
            client: Connection::client(Arc::new(client), now),
            server: Connection::server(Arc::new(services()), Arc::new(server), now),
            to_client: Wire::default(),
            to_server: Wire::default(),
            choices: Choices::new(bits.into()),
            calls: BTreeMap::new(),
            closed: false,
        }
    }

    fn act(&mut self, what: u8, number: u8) {
        match what % 16 {
            0 | 1 => self.open(number),
            2..5 => self.send_up(number),
            5 => self.half_close(),
            6 if number < 60 => self.cancel(),
            7 | 8 => self.read_up(),
            9 | 10 => self.send_down(number),
            11 if number < 128 => self.end(number),
            12 => self.read_down(),
            13 => self.carry(usize::from(number) * 10),
            15 if number < 30 => self.pass_time(number),
            _ => self.carry(usize::MAX),
        }
        self.events();
    }

    fn open(&mut self, number: u8) {
        let at = usize::from(number) % METHODS.len();
        let mut metadata = Fields::new();
        metadata.push("k-bin", [number, 0, 0xff]);
        let mut request = Request::new("wire", "Wire", METHODS[at], Codec::Thrift, KINDS[at]);
        request.metadata = &metadata;
        if number & 16 != 0 {
            request.gzip = Switch::On;
        }
        if let Ok(id) = self.client.open(self.now, &request) {
            let exchange = Exchange {
                kind: KINDS[at],
                up: Half::default(),
                down: Half::default(),
                finished: false,
                served: false,
                status: None,
                ended: false,
            };
            self.calls.insert(id, exchange);
        }
    }

    fn any_call(&mut self) -> Option<StreamId> {
        let at = self.choices.below(self.calls.len());
        self.calls.keys().nth(at).copied()
    }

    fn send_up(&mut self, number: u8) {
        let Some(id) = self.any_call() else {
            return;
        };
        let call = self.calls.get_mut(&id).expect("it is known");
        if call.finished || call.has_single_request() && !call.up.sent.is_empty() {
            return;
        }
        let message = message(id, call.up.sent.len(), number);
        let mut sender = self.client.sender(id).expect("not released");
        let room = sender.capacity();
        match sender.send(&Bytes::from(message.clone())) {
            Ok(()) => call.up.sent.push(message),
            Err(SendError::Full) => assert_eq!(room, 0, "full with room for {room}"),
            Err(error) => assert!(self.client.outcome(id).is_some(), "{error} of a call that runs"),
        }
    }

    fn half_close(&mut self) {
        if let Some(id) = self.any_call() {
            self.half_close_call(id);
        }
    }

    fn half_close_call(&mut self, id: StreamId) {
        let call = self.calls.get_mut(&id).expect("it is known");
        if call.finished || call.has_single_request() && call.up.sent.is_empty() {
            return;
        }
        match self.client.sender(id).expect("not released").finish() {
            Ok(()) => call.finished = true,
            Err(error) => assert!(self.client.outcome(id).is_some(), "{error} of a call that runs"),
        }
    }

    /// The client gives a call up.
    fn cancel(&mut self) {
        if let Some(id) = self.any_call() {
            self.client.release(id);
            let call = self.calls.remove(&id).expect("it is known");
            if call.served && call.status.is_none() {
                // The handler ends it some time; here at once.
                self.server.finish(id, &Outcome::default(), &Fields::new());
            }
        }
    }

    /// A call that the server's application has.
    fn any_served(&mut self) -> Option<StreamId> {
        let served: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, call)| call.served && call.status.is_none())
            .map(|(id, _)| *id)
            .collect();
        served.get(self.choices.below(served.len())).copied()
    }

    fn read_up(&mut self) {
        if let Some(id) = self.any_served() {
            self.read_up_call(id);
        }
    }

    /// The server takes the next message. Returns whether there was one.
    fn read_up_call(&mut self, id: StreamId) -> bool {
        let call = self.calls.get_mut(&id).expect("it is known");
        match self.server.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                let expected = call.up.sent.get(call.up.received);
                assert_eq!(
                    Some(message.bytes()),
                    expected.map(Vec::as_slice),
                    "another message than the client's"
                );
                call.up.received += 1;
                return true;
            }
            Pull::End => assert!(
                call.finished && call.up.received == call.up.sent.len(),
                "{call:?} ends early"
            ),
            Pull::Empty => {}
            Pull::Failed => panic!("{call:?} was not given up"),
        }
        false
    }

    fn send_down(&mut self, number: u8) {
        if let Some(id) = self.any_served() {
            self.send_down_call(id, number);
        }
    }

    fn send_down_call(&mut self, id: StreamId, number: u8) {
        let call = self.calls.get_mut(&id).expect("it is known");
        if call.has_single_answer() && !call.down.sent.is_empty() {
            return;
        }
        let message = message(id, call.down.sent.len(), number);
        let mut sender = self.server.sender(id).expect("not released");
        let room = sender.capacity();
        match sender.send(&Bytes::from(message.clone())) {
            Ok(()) => call.down.sent.push(message),
            Err(SendError::Full) => assert_eq!(room, 0, "full with room for {room}"),
            Err(error) => assert!(self.server.outcome(id).is_some(), "{error} of a call that runs"),
        }
    }

    fn end(&mut self, number: u8) {
        if let Some(id) = self.any_served() {
            self.end_call(id, number);
        }
    }

    /// The handler returns; a single answer has to be there for it to be well.
    fn end_call(&mut self, id: StreamId, number: u8) {
        let call = self.calls.get_mut(&id).expect("it is known");
        let is_well = number & 1 == 0 && (!call.has_single_answer() || call.down.sent.len() == 1);
        let status = match is_well {
            true => Status::default(),
            false => Status::new(Code(i32::from(number) + 1), "50% 你"),
        };
        let mut trailer = Fields::new();
        trailer.push("t", [b'a' + number % 26]);
        self.server.finish(id, &status.clone().into(), &trailer);
        call.status = Some(status);
    }

    fn read_down(&mut self) {
        if let Some(id) = self.any_call() {
            self.read_down_call(id);
        }
    }

    /// The client takes the next message. Returns whether there was one.
    fn read_down_call(&mut self, id: StreamId) -> bool {
        let call = self.calls.get_mut(&id).expect("it is known");
        let pulled = match self.client.receiver(id).expect("not released").pull() {
            Pull::Message(message) => {
                let expected = call.down.sent.get(call.down.received).map(Vec::as_slice);
                assert_eq!(Some(message.bytes()), expected, "another message than the server's");
                call.down.received += 1;
                return true;
            }
            Pull::Empty => None,
            Pull::End => Some(true),
            Pull::Failed => Some(false),
        };
        let status = self.client.outcome(id).map(|outcome| &outcome.status);
        match pulled {
            None => assert!(!call.ended, "{call:?} has ended"),
            Some(is_well) => {
                assert_eq!(status, call.status.as_ref(), "ends by itself");
                assert_eq!(status.is_some_and(|status| status.code == Code::OK), is_well);
                assert!(!is_well || call.down.received == call.down.sent.len(), "ends early");
            }
        }
        false
    }

    fn pass_time(&mut self, number: u8) {
        // Too little for a timeout of the connection, whatever else happens.
        self.now = (self.now + Duration::from_millis(20 * u64::from(number))).min(Instant::ZERO + MOST_TIME);
        for connection in [&mut self.client, &mut self.server] {
            connection.handle_timeout(self.now);
            if let Some(next) = connection.poll_timeout() {
                assert!(next.at > self.now, "{next:?} is still due");
            }
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
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => self.serve(id),
                Event::Ended { id } => assert!(
                    !self.calls.contains_key(&id),
                    "{id} was not given up: {:?}",
                    self.server.outcome(id)
                ),
                Event::Closed { .. } => self.closed = true,
                Event::Refused { .. } | Event::Http(_) => panic!("{event:?} of good calls"),
                _ => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            if let Event::Ended { id } = event {
                let call = self.calls.get_mut(&id).expect("it ends once, before its release");
                assert!(!call.ended && call.status.is_some(), "{id} ends by itself");
                call.ended = true;
            }
        }
    }

    fn serve(&mut self, id: StreamId) {
        let call = self.server.call(id).expect("it is open");
        assert!(call.header().get("k-bin").is_some(), "metadata is lost");
        match self.calls.get_mut(&id) {
            Some(exchange) => {
                assert_eq!((exchange.kind, exchange.served), (call.kind, false));
                exchange.served = true;
            }
            // The client has given it up meanwhile.
            None => self.server.finish(id, &Outcome::default(), &Fields::new()),
        }
    }

    /// Ends everything in good order: nothing is left.
    fn finish(&mut self) {
        for turn in 0..3000 {
            let ids: Vec<_> = self.calls.keys().copied().collect();
            for id in ids {
                self.hurry(id);
            }
            self.carry(usize::MAX);
            self.events();
            if self.calls.is_empty() && turn > 10 {
                break;
            }
        }
        assert!(self.calls.is_empty(), "{:?} never end", self.calls);
        (0..10).for_each(|_| self.carry(usize::MAX));
        for connection in [&mut self.client, &mut self.server] {
            connection.release_memory();
            assert_eq!((connection.usage(), connection.open_calls()), (0, 0), "{connection:?}");
        }
        let until = self.now + Duration::from_secs(1);
        self.server.shutdown(self.now, Shutdown::Graceful { until });
        for _ in 0..10 {
            self.carry(usize::MAX);
            self.events();
        }
        assert!(self.closed, "{:?} never ends", self.server);
    }

    /// Does what a call still needs on either side.
    fn hurry(&mut self, id: StreamId) {
        let call = &self.calls[&id];
        if call.up.sent.is_empty() && !call.finished {
            self.calls
                .get_mut(&id)
                .expect("it is known")
                .up
                .sent
                .push(message(id, 0, 1));
            let sent = self
                .client
                .sender(id)
                .expect("not released")
                .send(&Bytes::from(message(id, 0, 1)));
            assert!(sent.is_ok() || self.client.outcome(id).is_some(), "{sent:?}");
        }
        self.half_close_call(id);
        if self.calls[&id].served && self.calls[&id].status.is_none() {
            while self.read_up_call(id) {}
            self.send_down_call(id, 1);
            self.end_call(id, 0);
        }
        while self.read_down_call(id) {}
        let call = &self.calls[&id];
        if call.ended {
            let status = call.status.as_ref().expect("it has ended");
            let outcome = self.client.outcome(id).expect("it has ended");
            let status = status.clone();
            assert_eq!(outcome.status, status, "another end than the handler's");
            assert!(
                self.client
                    .trailer(id)
                    .is_some_and(|trailer| trailer.get("t").is_some()),
                "metadata is lost"
            );
            let call = self.calls.remove(&id).expect("it is known");
            // A single answer in front of a failure is not handed out.
            let is_lost = call.has_single_answer() && status.code != Code::OK;
            assert!(
                is_lost || call.down.received == call.down.sent.len(),
                "messages are lost"
            );
            self.client.release(id);
        }
    }
}

impl Exchange {
    fn has_single_request(&self) -> bool {
        matches!(self.kind, MethodKind::Unary | MethodKind::ServerStreaming)
    }

    fn has_single_answer(&self) -> bool {
        matches!(self.kind, MethodKind::Unary | MethodKind::ClientStreaming)
    }
}

/// A message that no other is equal to, of many sizes.
fn message(id: StreamId, index: usize, number: u8) -> Vec<u8> {
    let size = match number % 8 {
        0 => 0,
        1..5 => usize::from(number),
        _ => usize::from(number) * 30,
    };
    let mut message = format!("{id} {index} ").into_bytes();
    if size > 0 {
        message.resize(message.len() + size, number);
    }
    message
}

/// Below every timeout of a connection.
const MOST_TIME: Duration = Duration::from_secs(4);
