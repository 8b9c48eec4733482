//! The server's side, against a client that speaks HTTP/2 and nothing else.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::buf::Transmit;
use crate::config::Switch;
use crate::dispatch::{MethodInfo, MethodKind, MethodRef, ServiceInfo, ServiceRole, Services};
use crate::error::Disconnect;
use crate::grpc::{Config, Connection, Event, Pull, SendError, StreamId, UnknownNames};
use crate::http::Fields;
use crate::http2::{self, ErrorCode, Finish};
use crate::pingpong::{Shutdown, Target};
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::grpc::{Code, Outcome, Status};

static THRIFT_METHODS: [MethodInfo; 4] = [
    MethodInfo::new("unary", MethodKind::Unary),
    MethodInfo::new("up", MethodKind::ClientStreaming),
    MethodInfo::new("down", MethodKind::ServerStreaming),
    MethodInfo::new("both", MethodKind::BidirectionalStreaming),
];
static PROTOBUF_METHODS: [MethodInfo; 1] = [MethodInfo::new("Unary", MethodKind::Unary)];
const NOW: Instant = Instant::ZERO;

/// Names and values.
type Section = Vec<(String, String)>;

/// Our server and a bare client.
struct Pair {
    client: http2::Connection,
    server: Connection,
    events: Vec<Event>,
}

impl Pair {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut services = Services::builder();
        services.add(
            ServiceInfo::new("wire", "Wire", Codec::Thrift, &THRIFT_METHODS),
            ServiceRole::Ordinary,
        );
        services.add(
            ServiceInfo::new("kw.pb", "Pb", Codec::Protobuf, &PROTOBUF_METHODS),
            ServiceRole::Ordinary,
        );
        let mut config = Config::default();
        change(&mut config);
        let mut pair = Self {
            client: http2::Connection::client(Arc::new(http2::Config::default()), NOW),
            server: Connection::server(Arc::new(services.build().unwrap()), Arc::new(config), NOW),
            events: Vec::new(),
        };
        pair.carry(NOW);
        pair
    }

    fn carry(&mut self, now: Instant) {
        let (mut to, mut back) = (Transmit::new(), Transmit::new());
        loop {
            let sent = self.client.poll_transmit(now, &mut to);
            self.server.receive(now, &mut BytesMut::from(&to.to_vec()[..]));
            to.advance(to.len());
            let answered = self.server.poll_transmit(now, &mut back);
            self.client.receive(now, &mut BytesMut::from(&back.to_vec()[..]));
            back.advance(back.len());
            while let Some(event) = self.server.poll_event() {
                self.events.push(event);
            }
            while self.client.poll_event().is_some() {}
            if !sent && !answered {
                return;
            }
        }
    }

    fn open(&mut self, path: &str, fields: &[(&str, &str)]) -> StreamId {
        self.open_with("POST", path, fields)
    }

    fn open_with(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> StreamId {
        let mut head = Fields::request(method, "http", "x", path);
        for (name, value) in fields {
            head.push(name, value);
        }
        let id = self.client.open(NOW, &head, Finish::Later).unwrap();
        self.carry(NOW);
        id
    }

    fn push(&mut self, id: StreamId, bytes: &[u8], finish: Finish) {
        self.client.sender(id).unwrap().push(bytes, finish).unwrap();
        self.carry(NOW);
    }

    fn pull(&mut self, id: StreamId) -> Option<Vec<u8>> {
        match self.server.receiver(id).unwrap().pull() {
            Pull::Message(message) => Some(message.bytes().to_vec()),
            _ => None,
        }
    }

    fn finish(&mut self, id: StreamId, outcome: &Outcome) {
        self.server.finish(id, outcome, &Fields::new());
        self.carry(NOW);
    }

    /// The response so far: its head, body and trailers.
    fn answer(&mut self, id: StreamId) -> (Section, Vec<u8>, Section) {
        let head = self.client.head(id).map(pairs).unwrap_or_default();
        let trailers = self.client.trailers(id).map(pairs).unwrap_or_default();
        let mut body = Vec::new();
        while let http2::Pull::Data(piece) = self.client.receiver(id).unwrap().pull() {
            body.extend_from_slice(&piece);
        }
        (head, body, trailers)
    }

    fn status(&mut self, id: StreamId) -> (Code, String) {
        let section = self.client.trailers(id).or_else(|| self.client.head(id)).unwrap();
        let status = Outcome::read(section).unwrap().status;
        (status.code, status.message)
    }
}

fn pairs(fields: &Fields) -> Section {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields
        .iter()
        .map(|field| (text(field.name), text(field.value)))
        .collect()
}

fn listed(pairs: &[(&str, &str)]) -> Section {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

const THRIFT: (&str, &str) = ("content-type", "application/grpc+thrift");
const PROTOBUF: (&str, &str) = ("content-type", "application/grpc");
const HELLO: &[u8] = b"\0\0\0\0\x05hello";

#[test]
fn a_unary_call_is_told_when_its_message_is_whole() {
    for split in 0..=HELLO.len() {
        let mut pair = Pair::new(|_| {});
        let id = pair.open("/wire.Wire/unary", &[THRIFT]);
        pair.push(id, &HELLO[..split], Finish::Later);
        assert_eq!(pair.events.is_empty(), split < HELLO.len());
        pair.push(id, &HELLO[split..], Finish::Now);
        assert_eq!(pair.events, [Event::Opened { id }]);
        let call = pair.server.call(id).unwrap();
        let target = Target::Method(MethodRef { service: 0, method: 0 });
        assert_eq!(
            (call.target, call.kind, call.codec),
            (target, MethodKind::Unary, Codec::Thrift)
        );
        assert_eq!(
            (call.service_name(), call.method_name(), call.package()),
            ("Wire", "unary", "wire")
        );
        assert_eq!(pair.pull(id).unwrap(), b"hello");
        pair.server
            .sender(id)
            .unwrap()
            .send(&Bytes::from_static(b"hi"))
            .unwrap();
        pair.finish(id, &Outcome::default());
        let (head, body, trailers) = pair.answer(id);
        assert_eq!(
            head,
            listed(&[(":status", "200"), ("content-type", "application/grpc+thrift")])
        );
        assert_eq!(body, b"\0\0\0\0\x02hi");
        assert_eq!(trailers, listed(&[("grpc-status", "0"), ("grpc-message", "")]));
        pair.client.release(id);
        pair.carry(NOW);
        assert_eq!((pair.server.open_calls(), pair.server.usage()), (0, 0));
    }
}

#[test]
fn a_stream_is_told_at_once_and_read_message_by_message() {
    let mut pair = Pair::new(|_| {});
    let id = pair.open("/Wire/both", &[THRIFT]);
    assert_eq!(pair.events, [Event::Opened { id }]);
    assert_eq!(pair.pull(id), None);
    let two = [HELLO, b"\0\0\0\0\0\0\0\0\0\x03a"].concat();
    pair.push(id, &two, Finish::Later);
    assert_eq!(pair.pull(id).unwrap(), b"hello");
    assert_eq!(pair.pull(id).unwrap(), b"");
    assert!(matches!(pair.server.receiver(id).unwrap().pull(), Pull::Empty));
    pair.push(id, b"bc", Finish::Now);
    assert_eq!(pair.pull(id).unwrap(), b"abc");
    assert!(matches!(pair.server.receiver(id).unwrap().pull(), Pull::End));
    let mut metadata = Fields::new();
    metadata.push("k-one", "1");
    pair.server.sender(id).unwrap().send_header(&metadata).unwrap();
    assert_eq!(
        pair.server.sender(id).unwrap().send_header(&metadata),
        Err(SendError::HeaderSent)
    );
    pair.server.finish(id, &Status::new(Code(5), "gone").into(), &metadata);
    pair.carry(NOW);
    let (head, _, trailers) = pair.answer(id);
    assert_eq!(head[2..], listed(&[("k-one", "1")]));
    assert_eq!(
        trailers,
        listed(&[("grpc-status", "5"), ("grpc-message", "gone"), ("k-one", "1")])
    );
}

#[test]
fn what_opens_no_call_is_answered() {
    let kitex = ("user-agent", "kitex/v0.16.3");
    let bad_timeout = ("grpc-timeout", "5x");
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], i32, &'a str);
    let rows: [Row<'_>; 13] = [
        ("/wire.Wire/none", &[THRIFT], 1, "unknown method none"),
        ("/wire.None/unary", &[THRIFT], 20, "unknown service None"),
        ("/Pb/none", &[PROTOBUF], 12, "unknown method none"),
        ("/kw.None/Unary", &[PROTOBUF, kitex], 20, "unknown service None"),
        ("/M", &[THRIFT], 13, "malformed method name, method=\"/M\""),
        (
            "/Pb/Unary",
            &[THRIFT],
            9,
            "decode failed, codec msg type not match with thriftCodec",
        ),
        ("/Wire/unary", &[PROTOBUF], 13, "grpc invalid payload"),
        (
            "/Wire/unary",
            &[THRIFT, ("grpc-timeout", "0n")],
            4,
            "context deadline exceeded",
        ),
        ("/Wire/unary", &[THRIFT, bad_timeout], 13, "malformed grpc-timeout: "),
        (
            "/Wire/unary",
            &[THRIFT, ("grpc-trace-bin", "*")],
            13,
            "transport: malformed grpc-trace-bin: ",
        ),
        (
            "/Wire/unary",
            &[THRIFT, ("grpc-encoding", "br")],
            13,
            "no kitex compressor registered found for:br",
        ),
        (
            "/Pb/Unary",
            &[PROTOBUF, ("grpc-encoding", "br")],
            12,
            "grpc-encoding \"br\" is not supported",
        ),
        ("//", &[PROTOBUF, kitex], 20, "unknown service "),
    ];
    for (path, fields, code, text) in rows {
        let mut pair = Pair::new(|_| {});
        let id = pair.open(path, fields);
        let (found, message) = pair.status(id);
        assert_eq!(found, Code(code), "{path}: {message}");
        assert!(message.starts_with(text), "{path}: {message}");
        assert!(pair.client.trailers(id).is_none(), "trailers-only");
        assert!(matches!(pair.events[..], [Event::Refused { .. }]));
        assert_eq!(pair.server.open_calls(), 0);
    }
}

#[test]
fn a_caller_that_knows_kitex_shows_it() {
    let agent = |name| ("user-agent", name);
    let rows = [
        ("/Wire/unary", &[THRIFT, agent("grpc-go/1.76.0")][..], true),
        ("/Pb/Unary", &[PROTOBUF, agent("kitex/v0.16.3 kitewire/0.1.0")], true),
        ("/Pb/Unary", &[PROTOBUF, agent("grpc-go/1.76.0")], false),
        ("/Pb/Unary", &[PROTOBUF], false),
    ];
    for (path, fields, known) in rows {
        let mut pair = Pair::new(|_| {});
        let id = pair.open(path, fields);
        pair.push(id, HELLO, Finish::Now);
        assert_eq!(pair.server.call(id).unwrap().is_from_kitex(), known, "{fields:?}");
    }
}

#[test]
fn the_status_of_unknown_names_can_be_chosen() {
    for (names, code) in [(UnknownNames::Kitex, 20), (UnknownNames::Grpc, 12)] {
        let mut pair = Pair::new(|config| config.unknown_names = names);
        for content_type in [THRIFT, PROTOBUF] {
            let id = pair.open("/None/m", &[content_type]);
            assert_eq!(pair.status(id).0, Code(code));
        }
    }
}

#[test]
fn what_is_no_call_gets_http() {
    let mut pair = Pair::new(|config| config.http = None);
    let rows = [
        ("POST", "application/grpc-web", "415"),
        ("GET", "application/grpc", "405"),
        ("HEAD", "application/grpc", "405"),
        ("POST", "text/plain", "404"),
    ];
    for (method, content_type, status) in rows {
        let id = pair.open_with(method, "/wire.Wire/unary", &[("content-type", content_type)]);
        let (head, body, _) = pair.answer(id);
        assert_eq!(head[0].1, status);
        assert_eq!(body.is_empty(), method == "HEAD");
        assert!(body.is_empty() || body.starts_with(status.as_bytes()));
    }
    assert_eq!(pair.server.close_reason(), None);
}

#[test]
fn a_deadline_is_told_and_the_end_still_goes_out() {
    let mut pair = Pair::new(|_| {});
    let id = pair.open("/Wire/both", &[THRIFT, ("grpc-timeout", "50m")]);
    let due = NOW + Duration::from_millis(50);
    assert_eq!(pair.server.poll_timeout().unwrap().at, due);
    pair.push(id, HELLO, Finish::Later);
    pair.server.handle_timeout(due);
    assert_eq!(pair.server.poll_event(), Some(Event::Ended { id }));
    assert_eq!(pair.pull(id).unwrap(), b"hello", "what was received comes first");
    assert!(matches!(pair.server.receiver(id).unwrap().pull(), Pull::Failed));
    let status = pair.server.outcome(id).unwrap().status.clone();
    assert_eq!(status, Status::new(Code(4), "context deadline exceeded"));
    let sent = pair.server.sender(id).unwrap().send(&Bytes::new());
    assert_eq!(sent, Err(SendError::Over));
    pair.finish(id, &Status::new(Code(4), "late").into());
    assert_eq!(pair.status(id), (Code(4), "late".to_owned()));
}

#[test]
fn a_client_that_gives_up_is_told_with_its_name() {
    let mut pair = Pair::new(|_| {});
    let id = pair.open("/Wire/both", &[THRIFT, ("source-service", "a.b")]);
    pair.client.sender(id).unwrap().cancel(ErrorCode::CANCEL);
    pair.carry(NOW);
    assert_eq!(pair.events, [Event::Opened { id }, Event::Ended { id }]);
    let text = "transport: RSTStream Frame received with error code: CANCEL [triggered by a.b]";
    assert_eq!(pair.server.outcome(id).unwrap().status, Status::new(Code(1), text));
    pair.finish(id, &Outcome::default());
    assert_eq!((pair.server.open_calls(), pair.server.usage()), (0, 0));
}

#[test]
fn a_graceful_stop_waits_and_then_resets_with_kitex_s_code() {
    let mut pair = Pair::new(|_| {});
    let id = pair.open("/Wire/both", &[THRIFT]);
    let until = NOW + Duration::from_secs(1);
    pair.server.shutdown(NOW, Shutdown::Graceful { until });
    pair.carry(NOW);
    assert_eq!(pair.events, [Event::Opened { id }]);
    pair.server.handle_timeout(until);
    assert_eq!(pair.server.poll_event(), Some(Event::Ended { id }));
    assert!(matches!(pair.server.poll_event(), Some(Event::Closed { .. })));
    let status = &pair.server.outcome(id).unwrap().status;
    assert_eq!(*status, Status::new(Code(14), "graceful shutdown"));
}

#[test]
#[cfg_attr(not(feature = "gzip"), ignore = "gzip is not built in")]
fn answers_are_compressed_for_who_accepts_it_if_that_is_switched_on() {
    for (accepts, switch, compressed) in [
        ("gzip", Switch::On, true),
        ("identity, gzip;", Switch::On, true),
        ("gzip", Switch::Off, false),
        ("deflate", Switch::On, false),
    ] {
        let mut pair = Pair::new(|config| config.send_gzip = switch);
        let id = pair.open("/Wire/unary", &[THRIFT, ("grpc-accept-encoding", accepts)]);
        pair.push(id, HELLO, Finish::Now);
        pair.server
            .sender(id)
            .unwrap()
            .send(&Bytes::from(vec![7; 1000]))
            .unwrap();
        pair.finish(id, &Outcome::default());
        let (head, body, _) = pair.answer(id);
        assert_eq!(
            head.contains(&("grpc-encoding".into(), "gzip".into())),
            compressed,
            "{accepts}"
        );
        assert_eq!(body[0] == 1, compressed);
        assert_eq!(body.len() < 200, compressed);
    }
}

#[test]
fn a_message_larger_than_the_window_is_put_together() {
    let mut pair = Pair::new(|config| config.max_received_message = 2_000_000);
    let id = pair.open("/Wire/unary", &[THRIFT]);
    let message: Vec<u8> = (0..1_500_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut wire = vec![0];
    wire.extend_from_slice(&1_500_000_u32.to_be_bytes());
    wire.extend_from_slice(&message);
    pair.push(id, &wire, Finish::Now);
    assert_eq!(pair.events, [Event::Opened { id }]);
    assert_eq!(pair.pull(id).unwrap(), message);
    pair.finish(id, &Outcome::default());
    assert_eq!(pair.server.usage(), 0);
    let id = pair.open("/Wire/unary", &[THRIFT]);
    pair.push(id, &2_000_001_u64.to_be_bytes()[3..], Finish::Later);
    assert_eq!(
        pair.status(id),
        (
            Code(8),
            "received message larger than max (2000001 vs. 2000000)".to_owned()
        )
    );
}

#[test]
fn a_request_that_cannot_be_read_leaves_the_caller_waiting() {
    let mut pair = Pair::new(|config| config.max_received_message = 100);
    let id = pair.open("/Wire/both", &[THRIFT]);
    pair.push(id, b"\0\0\0\x01\0", Finish::Later);
    assert!(matches!(pair.server.receiver(id).unwrap().pull(), Pull::Failed));
    assert_eq!(pair.server.outcome(id).unwrap().status.code, Code(8));
    assert!(!pair.server.is_over(id));
    assert_eq!(pair.server.sender(id).unwrap().finish(), Err(SendError::Finished));
    pair.server.sender(id).unwrap().send(&Bytes::new()).unwrap();
    pair.finish(id, &Status::new(Code(3), "no").into());
    assert_eq!(pair.status(id), (Code(3), "no".to_owned()));
}

#[test]
fn the_end_of_a_connection_is_told_in_kitex_s_words() {
    let age = "transport: closing server transport due to maximum connection age [triggered by remote service]";
    let idle = "transport: closing server transport due to idleness [triggered by remote service]";
    let gone = "transport: connection EOF [triggered by remote service]";
    let second = Duration::from_secs(1);
    type Change = fn(&mut http2::Config);
    let rows: [(Change, &str); 3] = [
        (|http2| http2.max_age = Some(Duration::from_secs(1)), age),
        (
            |http2| {
                http2.keep_alive = Some(http2::KeepAlive {
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(1),
                    without_streams: Switch::Off,
                });
            },
            idle,
        ),
        (|_| {}, gone),
    ];
    for (change, text) in rows {
        let mut pair = Pair::new(|config| {
            let mut http2 = (*config.http2).clone();
            change(&mut http2);
            http2.max_age_grace = Duration::from_secs(1);
            config.http2 = Arc::new(http2);
        });
        let id = pair.open("/Wire/both", &[THRIFT]);
        for turn in 1..4 {
            pair.server.handle_timeout(NOW + second * turn);
        }
        if text == gone {
            pair.server.handle_disconnect(NOW + second, Disconnect::ReadEnd);
        }
        assert_eq!(pair.server.outcome(id).unwrap().status, Status::new(Code(1), text));
    }
}
