//! Calls of every kind between both ends, over everything that carries them, with everything in any order.

mod exchange;
mod finish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kitewire_proto::connection::{Config, Connection, Event, OpenError, Pull, Request, SendError, Speaks};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, Services};
use kitewire_proto::wire::{Codec, Transport};
use kitewire_proto::{CallId, ClientConfig, Demand, Disconnect, Instant, Switch};

use exchange::{Close, Exchange, message, token};

use super::choices::Choices;
use super::http_exchanges::Wire;

/// Calls between a client and a server: the first byte chooses what they speak, each further pair what one of the sides
/// does next.
///
/// Properties: no panic; each side gets the other's messages whole and in order, then the end that the other gave, once;
/// a call that is given up ends on both sides and harms no other; memory is bounded; time always gets ahead; nothing is
/// left in the end.
pub fn connection_pair(data: &[u8]) {
    let Some((bits, script)) = data.split_first() else {
        return;
    };
    let mut world = World::new(*bits);
    for pair in script.chunks_exact(2).take(400) {
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
    carries: Carries,
    /// Calls that the client has not released.
    calls: BTreeMap<CallId, Exchange>,
    /// Calls that the server has not finished, and what they are to the client.
    served: BTreeMap<CallId, Option<CallId>>,
    /// Calls that the client has given up before it could know of a handler.
    given_up: BTreeSet<CallId>,
    opened: u32,
    client_closed: bool,
    server_closed: bool,
}

/// What the connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carries {
    calls: bool,
    streams: bool,
    /// Business statuses are told from results.
    statuses: bool,
}

impl World {
    fn new(bits: u8) -> Self {
        let now = Instant::ZERO;
        let pingpong = |transport, multiplex| {
            let mut config = ClientConfig::default();
            config.transport = transport;
            config.multiplex = multiplex;
            Speaks::PingPong(Arc::new(config))
        };
        let (speaks, carries) = match bits % 7 {
            0 => (pingpong(Transport::Bare, Switch::Off), [true, false, false]),
            1 => (pingpong(Transport::Framed, Switch::Off), [true, false, false]),
            2 => (pingpong(Transport::TtHeaderFramed, Switch::Off), [true, false, true]),
            3 => (pingpong(Transport::TtHeader, Switch::On), [true, false, true]),
            4 | 5 => (Speaks::Grpc(Arc::default()), [true, true, true]),
            _ => (Speaks::TtHeaderStreams(Arc::default()), [false, true, true]),
        };
        let [calls, streams, statuses] = carries;
        let services = Services::of(&[&SERVICE]).expect("one service is fine");
        Self {
            now,
            client: Connection::client(speaks, now),
            server: Connection::server(Arc::new(services), Arc::new(Config::default()), now),
            to_client: Wire::default(),
            to_server: Wire::default(),
            choices: Choices::new(bits.into()),
            carries: Carries {
                calls,
                streams,
                statuses,
            },
            calls: BTreeMap::new(),
            served: BTreeMap::new(),
            given_up: BTreeSet::new(),
            opened: 0,
            client_closed: false,
            server_closed: false,
        }
    }

    fn act(&mut self, what: u8, number: u8) {
        match what % 16 {
            0 | 1 => self.open(number),
            2 | 3 => self.any_call().into_iter().for_each(|id| {
                self.send_up(id, number);
            }),
            4 => self.any_call().into_iter().for_each(|id| self.close_up(id)),
            5 if number < 40 => self.any_call().into_iter().for_each(|id| self.give_up(id)),
            6 | 7 => self.any_served().into_iter().for_each(|id| {
                self.read_up(id);
            }),
            8 | 9 => self.any_served().into_iter().for_each(|id| {
                self.send_down(id, number);
            }),
            10 if number < 128 => self.any_served().into_iter().for_each(|id| self.end(id, number)),
            11 => self.any_call().into_iter().for_each(|id| {
                self.read_down(id);
            }),
            12 => self.carry_up(usize::from(number) * 10),
            13 => self.carry_down(usize::from(number) * 10),
            14 if number < 30 => self.pass_time(number),
            _ => self.carry(),
        }
        self.events();
        self.check();
    }

    fn open(&mut self, number: u8) {
        let kinds: Vec<_> = METHODS.iter().filter(|info| self.carries.kind(info.kind)).collect();
        let info = kinds[usize::from(number) % kinds.len()];
        let request = Request::new(&SERVICE, &info.name);
        let mut exchange = Exchange::new(info.kind);
        let opened = if info.kind.has_single_request() {
            let text = message(self.opened, 0, number);
            exchange.up.sent.push(text.clone());
            exchange.closed = true;
            self.client.call(self.now, &request, &Bytes::from(text))
        } else {
            self.client.open(self.now, &request)
        };
        match opened {
            Ok(id) => {
                exchange.token = self.opened;
                self.opened += 1;
                assert!(self.calls.insert(id, exchange).is_none(), "{id:?} is given twice");
            }
            Err(OpenError::Busy | OpenError::NotUsable) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn any_call(&mut self) -> Option<CallId> {
        let at = self.choices.below(self.calls.len());
        self.calls.keys().nth(at).copied()
    }

    /// One that a handler has.
    fn any_served(&mut self) -> Option<CallId> {
        let at = self.choices.below(self.served.len());
        self.served.keys().nth(at).copied()
    }

    /// The client sends a message. Returns whether it was taken.
    fn send_up(&mut self, id: CallId, number: u8) -> bool {
        let Some(call) = self.calls.get_mut(&id).filter(|call| !call.kind.has_single_request()) else {
            return false;
        };
        let text = message(call.token, call.up.sent.len(), number);
        match self.client.send(self.now, id, &Bytes::from(text.clone())) {
            Ok(()) => {
                assert!(!call.closed, "sent behind the last one");
                call.up.sent.push(text);
                return true;
            }
            Err(SendError::Finished) => {
                let is_over = call.closed || self.client.outcome(id).is_some();
                assert!(is_over, "nothing was said about the end");
            }
            Err(SendError::Full) => {}
            Err(error) => assert!(self.client.outcome(id).is_some(), "{error} of a call that runs"),
        }
        false
    }

    fn close_up(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| !call.kind.has_single_request()) else {
            return;
        };
        let closed = self.client.close_send(id);
        let allowed = closed.is_ok() || call.closed || self.client.outcome(id).is_some();
        assert!(allowed, "{closed:?}");
        call.closed = true;
    }

    /// The client gives a call up, or releases one that is over.
    fn give_up(&mut self, id: CallId) {
        let call = self.calls.remove(&id).expect("it is known");
        self.client.release(self.now, id);
        if !call.ended {
            self.given_up.insert(id);
        }
        for client in self.served.values_mut().filter(|client| **client == Some(id)) {
            *client = None;
        }
    }

    /// The server takes the next message. Returns whether there was one.
    fn read_up(&mut self, id: CallId) -> bool {
        let client = self.served[&id];
        let call = client.and_then(|client| self.calls.get_mut(&client));
        match (self.server.pull(id), call) {
            (Pull::Message(message), Some(call)) => {
                let expected = call.up.sent.get(call.up.received).map(Vec::as_slice);
                assert_eq!(Some(message.bytes()), expected, "another message than the client's");
                call.up.received += 1;
                true
            }
            (Pull::Message(_), None) => true,
            (Pull::End, Some(call)) => {
                let whole = call.closed && call.up.received == call.up.sent.len();
                assert!(whole, "{call:?} ends early");
                false
            }
            // Its only answer ends a ping-pong call.
            (Pull::Failed, Some(call)) => {
                let is_over = !self.carries.streams && !call.down.sent.is_empty();
                assert!(is_over, "{call:?} was not given up");
                false
            }
            (Pull::Empty | Pull::End | Pull::Failed, _) => false,
        }
    }

    /// The server sends a message. Returns whether it was taken.
    fn send_down(&mut self, id: CallId, number: u8) -> bool {
        let client = self.served[&id];
        let Some(call) = client.and_then(|client| self.calls.get_mut(&client)) else {
            // Harmless, whatever has become of it.
            let _ = self.server.send(self.now, id, &Bytes::from_static(&[0]));
            return false;
        };
        if call.kind == MethodKind::Oneway {
            return false;
        }
        let text = message(call.token, call.down.sent.len(), number);
        let has_all = call.kind.has_single_answer() && !call.down.sent.is_empty();
        match self.server.send(self.now, id, &Bytes::from(text.clone())) {
            Ok(()) => {
                assert!(!has_all, "one answer is due");
                call.down.sent.push(text);
                if !self.carries.streams {
                    call.handler_returned(Close::WELL);
                }
                true
            }
            Err(SendError::Full) => false,
            Err(SendError::Finished | SendError::Over) if has_all => false,
            Err(error) => panic!("{error} of a call that runs: {call:?}"),
        }
    }

    /// The handler returns.
    fn end(&mut self, id: CallId, number: u8) {
        let client = self.served.remove(&id).expect("it is known");
        let close = Close::new(number);
        match close.ending() {
            None => self.server.release(self.now, id),
            Some(ending) => self.server.finish(self.now, id, &ending.as_ending()),
        }
        if let Some(call) = client.and_then(|client| self.calls.get_mut(&client)) {
            call.handler_returned(close);
        }
    }

    /// The client takes the next message. Returns whether there was one.
    fn read_down(&mut self, id: CallId) -> bool {
        let call = self.calls.get_mut(&id).expect("it is known");
        let has_failed = match self.client.pull(id) {
            Pull::Message(message) => {
                call.take_answer(message.bytes());
                return true;
            }
            Pull::Empty => {
                assert!(!call.ended, "{call:?} has ended");
                false
            }
            Pull::End => {
                assert!(call.is_answered() && call.ended, "{call:?} ends early");
                false
            }
            Pull::Failed => true,
        };
        if has_failed {
            let outcome = self.client.outcome(id).expect("it has ended");
            call.check_outcome(&outcome, self.carries.statuses);
        }
        false
    }

    fn pass_time(&mut self, number: u8) {
        // Too little for a timeout of the connection, whatever else happens.
        self.now = (self.now + Duration::from_millis(20 * u64::from(number))).min(Instant::ZERO + MOST_TIME);
        self.time_out();
    }

    fn time_out(&mut self) {
        for (connection, wire) in [
            (&mut self.client, &mut self.to_client),
            (&mut self.server, &mut self.to_server),
        ] {
            connection.handle_timeout(self.now, &mut wire.input);
            if let Some(next) = connection.poll_timeout() {
                assert!(next.at > self.now, "{next:?} is still due");
            }
        }
    }

    fn carry(&mut self) {
        self.carry_up(usize::MAX);
        self.carry_down(usize::MAX);
    }

    /// From the client to the server.
    fn carry_up(&mut self, len: usize) {
        self.client.poll_transmit(self.now, &mut self.to_server.out);
        self.to_server.arrive(len);
        if !self.to_server.input.is_empty() && self.server.read_demand() != Demand::Pause {
            self.server.receive(self.now, &mut self.to_server.input);
        }
        if self.client.is_drained() && self.to_server.input.is_empty() {
            self.server.handle_disconnect(self.now, Disconnect::ReadEnd);
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
        if self.server.is_drained() && self.to_client.input.is_empty() {
            self.client.handle_disconnect(self.now, Disconnect::ReadEnd);
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            assert!(!self.server_closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => self.serve(id),
                Event::Ended { id } => {
                    let client = self.served.get(&id).copied().flatten();
                    let call = client.and_then(|client| self.calls.get(&client));
                    // A oneway call's client does not stay for it.
                    assert!(call.is_none_or(|call| call.ended), "{call:?} was not given up");
                }
                Event::Closed { .. } => self.server_closed = true,
                Event::Refused(refusal) => panic!("{refusal:?} of a good call"),
                _ => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            assert!(!self.client_closed, "{event:?} after the close");
            match event {
                Event::Ended { id } => {
                    let call = self.calls.get_mut(&id).expect("it ends once, before its release");
                    assert!(!std::mem::replace(&mut call.ended, true), "{id:?} ends twice");
                    let outcome = self.client.outcome(id).expect("it has ended");
                    call.check_outcome(&outcome, self.carries.statuses);
                }
                Event::Closed { .. } => self.client_closed = true,
                _ => {}
            }
        }
    }

    /// A handler gets a call: over ping-pong only its message tells which.
    fn serve(&mut self, id: CallId) {
        let kind = self.server.incoming(id).expect("it has just come").kind();
        let client = match self.carries.streams {
            true => Some(id),
            false => {
                let Pull::Message(message) = self.server.pull(id) else {
                    panic!("a ping-pong call comes with its message")
                };
                let token = token(message.bytes());
                let call = self.calls.iter_mut().find(|(_, call)| call.token == token);
                call.map(|(id, call)| {
                    assert_eq!(message.bytes(), call.up.sent[0]);
                    call.up.received = 1;
                    *id
                })
            }
        };
        let client = client.filter(|id| self.calls.contains_key(id));
        if let Some(call) = client.and_then(|client| self.calls.get_mut(&client)) {
            let same = call.kind == kind || !self.carries.streams;
            assert!(
                same && !std::mem::replace(&mut call.served, true),
                "{call:?} is {kind:?}"
            );
        }
        assert!(self.served.insert(id, client).is_none(), "{id:?} is told twice");
    }

    /// What either side holds for the other is bounded.
    fn check(&self) {
        for (connection, wire) in [(&self.client, &self.to_client), (&self.server, &self.to_server)] {
            let usage = connection.usage();
            assert!(usage <= wire.input.len() + MOST_MEMORY, "{usage} bytes held");
        }
    }
}

impl Carries {
    fn kind(self, kind: MethodKind) -> bool {
        match kind.is_streaming() {
            true => self.streams,
            false => self.calls,
        }
    }
}

static METHODS: [MethodInfo; 5] = [
    MethodInfo::new("echo", MethodKind::Unary),
    MethodInfo::new("tell", MethodKind::Oneway),
    MethodInfo::new("collect", MethodKind::ClientStreaming),
    MethodInfo::new("watch", MethodKind::ServerStreaming),
    MethodInfo::new("talk", MethodKind::BidirectionalStreaming),
];
static SERVICE: ServiceInfo = ServiceInfo::new("", "Service", Codec::Thrift, &METHODS);

/// Below every timeout of a connection.
const MOST_TIME: Duration = Duration::from_secs(4);
/// The windows of both transports are larger than everything that is said here.
const MOST_MEMORY: usize = 4 * 1024 * 1024;
