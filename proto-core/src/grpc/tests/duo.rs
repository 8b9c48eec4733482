//! A client and a server of ours, with applications on both sides, one clock, and a link that cuts bytes anywhere.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::rig::{pull_all, tell};
use crate::Transmit;
use crate::config::Switch;
use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use crate::grpc::*;
use crate::pingpong::Demand;
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::grpc::{Code, Outcome, Status};

static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("unary", MethodKind::Unary),
    MethodInfo::new("up", MethodKind::ClientStreaming),
    MethodInfo::new("down", MethodKind::ServerStreaming),
    MethodInfo::new("both", MethodKind::BidirectionalStreaming),
];

pub(super) const KINDS: [MethodKind; 4] = [
    MethodKind::Unary,
    MethodKind::ClientStreaming,
    MethodKind::ServerStreaming,
    MethodKind::BidirectionalStreaming,
];

pub(super) struct Duo {
    pub(super) client: Connection,
    pub(super) server: Connection,
    pub(super) now: Instant,
    /// Most bytes that arrive at once.
    pub(super) piece: usize,
    /// What the client was told of each call.
    pub(super) stories: BTreeMap<StreamId, Vec<String>>,
    /// What the server was told besides calls and messages.
    pub(super) server_story: Vec<String>,
    /// Whether the server's application takes messages.
    pub(super) server_reads: Switch,
    /// The call whose messages it does not take.
    pub(super) unread: Option<StreamId>,
    to_send: BTreeMap<StreamId, VecDeque<Bytes>>,
    handlers: BTreeMap<StreamId, Handler>,
    to_client: Wire,
    to_server: Wire,
}

/// A call that the server's application works on.
struct Handler {
    kind: MethodKind,
    joined: Vec<u8>,
    answers: VecDeque<Bytes>,
    /// Every request is there.
    fed: bool,
}

impl Handler {
    fn feed(&mut self, message: Bytes) {
        match self.kind {
            MethodKind::ServerStreaming => self.answers.extend([(); 3].map(|()| message.clone())),
            MethodKind::ClientStreaming => self.joined.extend_from_slice(&message),
            _ => self.answers.push_back(message),
        }
        self.fed = matches!(self.kind, MethodKind::Unary | MethodKind::ServerStreaming);
    }
}

/// What a handler pulled.
enum Taken {
    Message(Bytes),
    Nothing,
    End,
    Failure(Outcome),
}

fn take(connection: &mut Connection, id: StreamId) -> Taken {
    match connection.receiver(id).unwrap().pull() {
        Pull::Message(message) => return Taken::Message(message.to_bytes()),
        Pull::Empty => return Taken::Nothing,
        Pull::End => return Taken::End,
        Pull::Failed => {}
    }
    Taken::Failure(connection.outcome(id).unwrap().clone())
}

impl Duo {
    pub(super) fn new() -> Self {
        Self::with(Config::default(), Config::default())
    }

    pub(super) fn with(client: Config, server: Config) -> Self {
        let mut services = Services::builder();
        // Two services with the same method names need one that is meant where none is named.
        let thrift = ServiceInfo::new("duo", "Thrifty", Codec::Thrift, &METHODS);
        services.add(thrift, ServiceRole::Fallback);
        let protobuf = ServiceInfo::new("duo", "Proto", Codec::Protobuf, &METHODS);
        services.add(protobuf, ServiceRole::Ordinary);
        let services = Arc::new(services.build().unwrap());
        let now = Instant::from_nanos(1);
        let mut duo = Self {
            client: Connection::client(Arc::new(client), now),
            server: Connection::server(services, Arc::new(server), now),
            now,
            piece: usize::MAX,
            stories: BTreeMap::new(),
            server_story: Vec::new(),
            server_reads: Switch::On,
            unread: None,
            to_send: BTreeMap::new(),
            handlers: BTreeMap::new(),
            to_client: Wire::default(),
            to_server: Wire::default(),
        };
        duo.run();
        duo
    }

    pub(super) fn request(kind: MethodKind, codec: Codec) -> Request<'static> {
        let method = METHODS.iter().find(|method| method.kind == kind).unwrap();
        let service = match codec {
            Codec::Thrift => "Thrifty",
            Codec::Protobuf => "Proto",
        };
        Request::new("duo", service, &method.name, codec, kind)
    }

    /// Opens a call that will send these messages and then half-close.
    pub(super) fn call(&mut self, request: &Request<'_>, messages: &[Bytes]) -> StreamId {
        let id = self.client.open(self.now, request).unwrap();
        self.to_send.insert(id, messages.iter().cloned().collect());
        self.stories.insert(id, Vec::new());
        id
    }

    /// Lets everything happen that can.
    pub(super) fn run(&mut self) {
        for _ in 0..1_000_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    /// One piece each way.
    pub(super) fn step(&mut self) -> bool {
        self.client_sends();
        let mut moved = pump(
            self.now,
            &mut self.client,
            &mut self.server,
            &mut self.to_server,
            self.piece,
        );
        self.serve();
        moved |= pump(
            self.now,
            &mut self.server,
            &mut self.client,
            &mut self.to_client,
            self.piece,
        );
        moved | self.client_listens()
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        self.client.handle_timeout(self.now);
        self.run();
    }

    /// The story of a call, whose end is not waited for.
    pub(super) fn story(&self, id: StreamId) -> Vec<&str> {
        self.stories[&id].iter().map(String::as_str).collect()
    }

    pub(super) fn release(&mut self, id: StreamId) {
        self.to_send.remove(&id);
        self.client.release(id);
    }

    /// Nothing is held on either side.
    pub(super) fn assert_empty(&mut self) {
        self.run();
        for (side, connection) in [("client", &self.client), ("server", &self.server)] {
            assert_eq!((connection.open_calls(), connection.usage()), (0, 0), "{side}");
        }
        assert!(self.handlers.is_empty());
    }

    fn client_sends(&mut self) {
        let client = &mut self.client;
        self.to_send.retain(|id, messages| {
            let Ok(mut sender) = client.sender(*id) else {
                return false;
            };
            while let Some(message) = messages.front() {
                match sender.send(message) {
                    Ok(()) => messages.pop_front(),
                    Err(SendError::Full) => return true,
                    Err(_) => return false,
                };
            }
            let _ = sender.finish();
            false
        });
    }

    fn client_listens(&mut self) -> bool {
        let mut heard = false;
        while let Some(event) = self.client.poll_event() {
            heard = true;
            if let Event::Header { id } | Event::Readable { id } | Event::Ended { id } = event
                && let Some(story) = self.stories.get_mut(&id)
            {
                tell(&mut self.client, &event, story);
            }
        }
        heard
    }

    fn serve(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Opened { id } => self.begin(id),
                Event::Ended { id } => {
                    let outcome = self.server.outcome(id).unwrap();
                    self.server_story.push(outcome.status.to_string());
                    self.handlers.remove(&id);
                    self.server.release(id);
                }
                Event::Readable { .. } | Event::Writable { .. } => {}
                other => self.server_story.push(format!("{other:?}")),
            }
        }
        let ids: Vec<_> = self.handlers.keys().copied().collect();
        for id in ids {
            self.handle(id);
        }
    }

    fn begin(&mut self, id: StreamId) {
        let handler = Handler {
            kind: self.server.call(id).unwrap().kind,
            joined: Vec::new(),
            answers: VecDeque::new(),
            fed: false,
        };
        self.handlers.insert(id, handler);
    }

    /// Answers each request with itself, or all of them with one answer, or one with three.
    fn handle(&mut self, id: StreamId) {
        let handler = self.handlers.get_mut(&id).unwrap();
        while self.server_reads.is_on() && self.unread != Some(id) && !handler.fed {
            match take(&mut self.server, id) {
                Taken::Message(message) => handler.feed(message),
                Taken::Nothing => break,
                Taken::End => {
                    handler.fed = true;
                    if handler.kind == MethodKind::ClientStreaming {
                        handler.answers.push_back(std::mem::take(&mut handler.joined).into());
                    }
                }
                Taken::Failure(outcome) => return self.finish(id, &outcome, &Fields::new()),
            }
        }
        while let Some(answer) = handler.answers.front() {
            match self.server.sender(id).unwrap().send(answer) {
                Ok(()) => handler.answers.pop_front(),
                Err(_) => return,
            };
        }
        if handler.fed {
            self.finish(id, &Outcome::default(), &Fields::new());
        }
    }

    /// The handler of a call returns.
    pub(super) fn finish(&mut self, id: StreamId, outcome: &Outcome, trailer: &Fields) {
        self.handlers.remove(&id);
        self.server.finish(id, outcome, trailer);
    }

    /// Pulls what there is of a call.
    pub(super) fn pull(&mut self, id: StreamId) -> Vec<String> {
        let mut story = Vec::new();
        pull_all(&mut self.client, id, &mut story);
        story
    }
}

pub(super) fn failure(code: i32, message: &str) -> Outcome {
    Status::new(Code(code), message).into()
}

/// One direction of the link.
#[derive(Default)]
struct Wire {
    under_way: BytesMut,
    /// What the reader has not taken.
    arrived: BytesMut,
}

/// Carries at most `piece` bytes. Returns whether there was anything.
fn pump(now: Instant, from: &mut Connection, to: &mut Connection, wire: &mut Wire, piece: usize) -> bool {
    let mut out = Transmit::new();
    let mut moved = false;
    while from.poll_transmit(now, &mut out) {
        wire.under_way.extend_from_slice(&out.to_vec());
        out.advance(out.len());
        moved = true;
    }
    moved |= !wire.under_way.is_empty();
    let arriving = wire.under_way.split_to(piece.min(wire.under_way.len()));
    wire.arrived.extend_from_slice(&arriving);
    if !arriving.is_empty() || to.read_demand() == Demand::Receive {
        to.receive(now, &mut wire.arrived);
    }
    moved
}
