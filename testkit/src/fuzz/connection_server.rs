//! A whole server connection, whatever its peer speaks, whose application does what it may in any order.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use kitewire_proto::connection::{Config, Connection, Ending, Event, Pull};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::http::{RequestId, Response};
use kitewire_proto::wire::Codec;
use kitewire_proto::{
    ApplicationException, BusinessStatus, CallId, DecodeError, DecodeErrorKind, ExceptionType, Instant, ServerConfig,
    http1,
};

use super::driven::{Driven, Odds, Turn};
use super::server::small_limits;
use super::{grpc_server, http2_server, ttstream_server};

/// A server connection: the first byte chooses the configuration, the next four how the rest is cut and what happens
/// beside it; the rest is what the peer sends.
///
/// Properties: no panic; what it speaks is told once; each call opens once, and ends once at most; a call is its owner's
/// until it lets go of it; one close, as the last event; memory within its bounds; time always gets ahead; nothing is
/// held in the end.
pub fn connection_server(data: &[u8]) {
    let Some((bits, seed, stream)) = http2_server::split(data) else {
        return;
    };
    let config = Arc::new(configuration(bits));
    let connection = Connection::server(Arc::clone(&SERVICES), config, Instant::ZERO);
    let mut chaos = Chaos {
        driven: Driven::new(connection, (), seed, ODDS),
        calls: BTreeMap::new(),
        requests: Vec::new(),
        closed: false,
    };
    chaos.run(stream);
}

/// Each engine with the small limits that its own target has.
fn configuration(bits: u8) -> Config {
    let mut pingpong = ServerConfig::default();
    let mut http1 = http1::Config::default();
    if bits & 16 != 0 {
        pingpong.limits = small_limits();
        http1.limits.max_head = 500;
    }
    Config {
        pingpong: Arc::new(pingpong),
        grpc: Arc::new(grpc_server::configuration(bits)),
        tt_header_streams: Arc::new(ttstream_server::configuration(bits & 0x4f)),
        http1: Arc::new(http1),
    }
}

static SERVICES: LazyLock<Arc<Services>> = LazyLock::new(|| {
    static THRIFT: [MethodInfo; 7] = [
        MethodInfo::new("echo", MethodKind::Unary),
        MethodInfo::new("Echo", MethodKind::Unary),
        MethodInfo::new("push", MethodKind::Oneway),
        MethodInfo::new("collect", MethodKind::ClientStreaming),
        MethodInfo::new("watch", MethodKind::ServerStreaming),
        MethodInfo::new("chat", MethodKind::BidirectionalStreaming),
        MethodInfo::new("Talk", MethodKind::BidirectionalStreaming),
    ];
    static PROTOBUF: [MethodInfo; 1] = [MethodInfo::new("Echo", MethodKind::Unary)];
    let mut table = Services::builder();
    table
        .add(
            ServiceInfo::new("", "Service", Codec::Thrift, &THRIFT),
            ServiceRole::Fallback,
        )
        .add(
            ServiceInfo::new("", "Protobuf", Codec::Protobuf, &PROTOBUF),
            ServiceRole::Ordinary,
        );
    Arc::new(table.build().expect("these services go together"))
});

/// A connection and what is known about it.
#[derive(Debug)]
struct Chaos {
    driven: Driven<Connection, ()>,
    /// Calls that the application has, and whether nobody waits for their answers any more.
    calls: BTreeMap<CallId, bool>,
    requests: Vec<RequestId>,
    closed: bool,
}

impl Chaos {
    fn run(&mut self, stream: &[u8]) {
        let most = HEADS + 2 * stream.len();
        let mut rest = stream;
        for _ in 0..stream.len().min(2_000) + 50 {
            if self.driven.step(&mut rest) == Turn::Application {
                self.act();
            }
            self.driven.check(most);
        }
        self.finish();
    }

    /// Something that an application does.
    fn act(&mut self) {
        self.events();
        if let Some(id) = self.requests.pop() {
            let answer = Response::text(200, "fine\n");
            let now = self.driven.now;
            // One that was given up has no answer.
            let _ = self.driven.connection.respond_http(now, id, &answer);
            self.driven.own += MESSAGE;
        }
        let at = self.driven.choices.below(self.calls.len());
        let Some(id) = self.calls.keys().nth(at).copied() else {
            return;
        };
        match self.driven.choices.below(8) {
            0..4 => {
                // A view of the header is there or not, and never wrong.
                let _ = self.driven.connection.incoming(id).map(|call| call.meta_info());
                let _ = self.driven.connection.pull(id);
            }
            4 | 5 => {
                let message = Bytes::from_static(&[11, 0, 1, 0, 0, 0, 2, b'h', b'i', 0]);
                if self.driven.connection.send(self.driven.now, id, &message).is_ok() {
                    self.driven.own += MESSAGE;
                }
            }
            _ => self.end(id),
        }
    }

    /// The application lets go of a call.
    fn end(&mut self, id: CallId) {
        let now = self.driven.now;
        let connection = &mut self.driven.connection;
        let status = BusinessStatus {
            code: 7,
            message: "no".to_owned(),
            extra: Vec::new(),
        };
        let exception = ApplicationException::new(ExceptionType(1234), "of its own");
        let undecodable = DecodeError::new(DecodeErrorKind::UnexpectedEnd, 3);
        match self.driven.choices.below(8) {
            0 => connection.release(now, id),
            1 => connection.finish(now, id, &Ending::Business(&status)),
            2 => connection.finish(now, id, &Ending::Exception(&exception)),
            3 => connection.finish(now, id, &Ending::Undecodable(&undecodable)),
            4 => connection.finish(now, id, &Ending::Failed("broken")),
            _ => connection.finish(now, id, &Ending::Ok),
        }
        self.driven.own += MESSAGE;
        self.calls.remove(&id);
        assert!(matches!(self.driven.connection.pull(id), Pull::Failed));
        assert!(self.driven.connection.incoming(id).is_none());
    }

    fn events(&mut self) {
        while let Some(event) = self.driven.connection.poll_event() {
            assert!(!self.closed, "{event:?} after the close");
            match event {
                Event::Opened { id } => {
                    assert!(self.calls.insert(id, false).is_none(), "{id:?} is told twice");
                }
                Event::Ended { id } => {
                    // It may have been let go of before this was told.
                    if let Some(over) = self.calls.get_mut(&id) {
                        assert!(!std::mem::replace(over, true), "{id:?} ends twice");
                    }
                }
                Event::HttpRequest { id } => self.requests.push(id),
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// The peer goes, and everything ends.
    fn finish(&mut self) {
        self.driven.stop();
        for _ in 0..1000 {
            self.events();
            let calls: Vec<_> = self.calls.keys().copied().collect();
            calls.into_iter().for_each(|id| self.end(id));
            while let Some(id) = self.requests.pop() {
                let answer = Response::text(503, "going\n");
                let now = self.driven.now;
                let _ = self.driven.connection.respond_http(now, id, &answer);
            }
            if !self.driven.go_on() && self.closed {
                break;
            }
        }
        self.events();
        assert!(self.closed, "{:?} never closes", self.driven.connection);
        assert!(self.driven.connection.close_reason().is_some());
        self.driven.connection.release_memory();
        self.driven.check_end();
    }
}

const ODDS: Odds = Odds { read_end: 8, stop: 40 };
/// More than an answer with its head.
const MESSAGE: usize = 400;
/// What heads may grow to that were sent compressed.
const HEADS: usize = 128 * 1024;
