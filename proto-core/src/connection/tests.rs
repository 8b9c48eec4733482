//! The same calls over everything that is spoken.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::*;
use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use crate::exception::{ApplicationException, ExceptionType};
use crate::http::{Fields, Response};
use crate::pingpong::{CallId, Refusal};
use crate::status::BusinessStatus;
use crate::wire::{Codec, Transport};
use crate::{DecodeError, DecodeErrorKind, Switch, TimerKind};

static METHODS: [MethodInfo; 5] = [
    MethodInfo::new("echo", MethodKind::Unary),
    MethodInfo::new("tell", MethodKind::Oneway),
    MethodInfo::new("collect", MethodKind::ClientStreaming),
    MethodInfo::new("watch", MethodKind::ServerStreaming),
    MethodInfo::new("talk", MethodKind::BidirectionalStreaming),
];
static SERVICE: ServiceInfo = ServiceInfo::new("", "Echo", Codec::Thrift, &METHODS);
static STRANGER: ServiceInfo = ServiceInfo::new("", "Other", Codec::Thrift, &METHODS);

/// A server and a client with a wire between them that carries so many bytes at once.
struct Pair {
    client: Connection,
    server: Connection,
    now: Instant,
    to_server: BytesMut,
    to_client: BytesMut,
    step: usize,
}

impl Pair {
    fn new(speaks: Speaks) -> Self {
        let now = Instant::from_nanos(1);
        let services = Arc::new(Services::of(&[&SERVICE]).unwrap());
        Self {
            client: Connection::client(speaks, now),
            server: Connection::server(services, Arc::new(Config::default()), now),
            now,
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            step: usize::MAX,
        }
    }

    fn carry(&mut self) {
        loop {
            let there = move_bytes(
                self.now,
                self.step,
                &mut self.client,
                &mut self.server,
                &mut self.to_server,
            );
            let back = move_bytes(
                self.now,
                self.step,
                &mut self.server,
                &mut self.client,
                &mut self.to_client,
            );
            if !there && !back {
                return;
            }
        }
    }

    fn events(&mut self) -> (Vec<Event>, Vec<Event>) {
        self.carry();
        let server = std::iter::from_fn(|| self.server.poll_event()).collect();
        (std::iter::from_fn(|| self.client.poll_event()).collect(), server)
    }

    /// Makes a call that the server has opened then: its ids on both sides.
    fn call(&mut self, method: &str, message: &'static [u8]) -> (CallId, CallId) {
        let request = Request::new(&SERVICE, method);
        let id = self
            .client
            .call(self.now, &request, &Bytes::from_static(message))
            .unwrap();
        (id, self.opened())
    }

    fn opened(&mut self) -> CallId {
        let (_, server) = self.events();
        let opened = server.iter().find_map(|event| match event {
            Event::Opened { id } => Some(*id),
            _ => None,
        });
        opened.expect("the call is there")
    }

    /// What the client has at the end of a call.
    fn end(&mut self, id: CallId) -> (Vec<Bytes>, Outcome) {
        let (client, _) = self.events();
        let ends = client.iter().filter(|event| **event == Event::Ended { id }).count();
        assert_eq!(ends, 1, "{client:?}");
        let got = messages(&mut self.client, id);
        let outcome = self.client.outcome(id).expect("it is over");
        self.client.release(self.now, id);
        assert_eq!(self.client.outcome(id), None);
        assert_eq!((self.client.open_calls(), self.server.open_calls()), (0, 0));
        (got, outcome)
    }
}

fn move_bytes(now: Instant, step: usize, from: &mut Connection, to: &mut Connection, wire: &mut BytesMut) -> bool {
    let mut out = Transmit::new();
    let mut any = false;
    while from.poll_transmit(now, &mut out) {
        for piece in out.to_vec().chunks(step) {
            wire.extend_from_slice(piece);
            to.receive(now, wire);
            while to.read_demand() == Demand::Receive {
                to.receive(now, wire);
            }
        }
        out.advance(out.len());
        any = true;
    }
    any
}

fn messages(connection: &mut Connection, id: CallId) -> Vec<Bytes> {
    std::iter::from_fn(|| match connection.pull(id) {
        Pull::Message(message) => Some(message.to_bytes()),
        Pull::Empty | Pull::End | Pull::Failed => None,
    })
    .collect()
}

fn pingpong(transport: Transport, multiplex: Switch) -> Speaks {
    let config = ClientConfig {
        transport,
        multiplex,
        ..ClientConfig::default()
    };
    Speaks::PingPong(Arc::new(config))
}

fn has_header(speaks: &Speaks) -> bool {
    !matches!(speaks, Speaks::PingPong(config) if !config.transport.has_header())
}

/// What carries calls with one message each way.
fn calls() -> Vec<Speaks> {
    vec![
        pingpong(Transport::Bare, Switch::Off),
        pingpong(Transport::Framed, Switch::Off),
        pingpong(Transport::TtHeader, Switch::Off),
        pingpong(Transport::TtHeader, Switch::On),
        Speaks::Grpc(Arc::default()),
    ]
}

/// What carries streams.
fn streams() -> Vec<Speaks> {
    vec![Speaks::Grpc(Arc::default()), Speaks::TtHeaderStreams(Arc::default())]
}

#[test]
fn a_call_is_the_same_over_everything_that_carries_it() {
    for speaks in calls() {
        for step in [1, 7, usize::MAX] {
            let mut pair = Pair::new(speaks.clone());
            pair.step = step;
            for _ in 0..3 {
                let (id, served) = pair.call("echo", b"\x0b\0\x01\0\0\0\x02hi\0");
                let incoming = pair.server.incoming(served).unwrap();
                assert_eq!((incoming.method_name(), incoming.codec()), ("echo", Codec::Thrift));
                assert_eq!(incoming.kind(), MethodKind::Unary);
                let got = messages(&mut pair.server, served);
                assert_eq!(got.len(), 1);
                assert!(matches!(pair.server.pull(served), Pull::End), "{speaks:?}");
                pair.server.send(pair.now, served, &got[0]).unwrap();
                let second = pair.server.send(pair.now, served, &got[0]);
                assert!(
                    matches!(second, Err(SendError::Finished | SendError::Over)),
                    "{second:?}"
                );
                pair.server.finish(pair.now, served, &Ending::Ok);
                assert_eq!(pair.end(id), (got, Outcome::Ok), "{speaks:?}");
            }
        }
    }
}

#[test]
fn an_empty_answer_needs_no_message() {
    for speaks in calls() {
        let mut pair = Pair::new(speaks);
        let (id, served) = pair.call("echo", b"\0");
        pair.server.finish(pair.now, served, &Ending::Ok);
        assert_eq!(pair.end(id), (vec![Bytes::from_static(b"\0")], Outcome::Ok));
    }
}

#[test]
fn every_ending_reaches_the_client() {
    let status = BusinessStatus {
        code: 404,
        message: "no such thing".into(),
        extra: Vec::new(),
    };
    let exception = ApplicationException::new(ExceptionType(1234), "of my own");
    let undecodable = DecodeError::new(DecodeErrorKind::UnexpectedEnd, 3);
    for speaks in calls() {
        let end = |ending: &Ending<'_>| {
            let mut pair = Pair::new(speaks.clone());
            let (id, served) = pair.call("echo", b"\0");
            pair.server.finish(pair.now, served, ending);
            pair.end(id)
        };
        let business = match has_header(&speaks) {
            true => (vec![], Outcome::Business(status.clone())),
            // Nothing tells it from an empty result.
            false => (vec![Bytes::from_static(b"\0")], Outcome::Ok),
        };
        assert_eq!(end(&Ending::Business(&status)), business, "{speaks:?}");
        for (ending, number, text) in [
            (Ending::Failed("broken"), 6, "broken"),
            (Ending::Exception(&exception), 1234, "of my own"),
            (Ending::Undecodable(&undecodable), 7, "offset 3"),
        ] {
            let (got, Outcome::Failed(failure)) = end(&ending) else {
                panic!("{ending:?} is no failure")
            };
            assert!(got.is_empty() && failure.to_string().contains(text), "{failure}");
            match failure {
                Failure::Exception(exception) => assert_eq!(exception.kind, ExceptionType(number)),
                Failure::Status(status) => assert!([13, number].contains(&status.code.0), "{status}"),
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_server_that_lets_go_of_a_call_ends_it() {
    for speaks in calls().into_iter().chain([Speaks::TtHeaderStreams(Arc::default())]) {
        let method = match speaks {
            Speaks::TtHeaderStreams(_) => "watch",
            _ => "echo",
        };
        let mut pair = Pair::new(speaks);
        let (id, served) = pair.call(method, b"\0");
        pair.server.release(pair.now, served);
        let (got, outcome) = pair.end(id);
        assert!(got.is_empty() && matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
}

#[test]
fn streams_are_the_same_over_both_transports() {
    for speaks in streams() {
        let mut pair = Pair::new(speaks);
        let id = pair.client.open(pair.now, &Request::new(&SERVICE, "talk")).unwrap();
        let served = pair.opened();
        assert_eq!(
            pair.server.incoming(served).unwrap().kind(),
            MethodKind::BidirectionalStreaming
        );
        for text in ["a", "b", "c"] {
            pair.client.send(pair.now, id, &Bytes::from(text)).unwrap();
            pair.carry();
            let got = messages(&mut pair.server, served);
            assert_eq!(got, [text]);
            pair.server.send(pair.now, served, &got[0]).unwrap();
            pair.carry();
            assert_eq!(messages(&mut pair.client, id), [text]);
        }
        pair.client.close_send(id).unwrap();
        assert_eq!(
            pair.client.send(pair.now, id, &Bytes::from("late")),
            Err(SendError::Finished)
        );
        pair.carry();
        assert!(matches!(pair.server.pull(served), Pull::End));
        pair.server.finish(pair.now, served, &Ending::Ok);
        assert_eq!(pair.end(id), (vec![], Outcome::Ok));
        let (id, served) = pair.call("watch", b"ask");
        assert_eq!(messages(&mut pair.server, served), ["ask"]);
        for text in ["x", "y"] {
            pair.server.send(pair.now, served, &Bytes::from(text)).unwrap();
        }
        pair.server.finish(pair.now, served, &Ending::Failed("enough"));
        let (got, outcome) = pair.end(id);
        assert_eq!(got, ["x", "y"]);
        assert!(
            matches!(&outcome, Outcome::Failed(failure) if failure.to_string().contains("enough")),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_client_that_lets_go_of_a_call_is_told_to_the_server() {
    for speaks in streams() {
        let mut pair = Pair::new(speaks);
        let (id, served) = pair.call("watch", b"ask");
        pair.client.release(pair.now, id);
        let (_, server) = pair.events();
        assert!(server.contains(&Event::Ended { id: served }), "{server:?}");
        assert_eq!(
            pair.server.send(pair.now, served, &Bytes::from("late")),
            Err(SendError::Over)
        );
        pair.server.finish(pair.now, served, &Ending::Ok);
        assert_eq!(pair.server.open_calls(), 0);
        assert!(matches!(pair.server.pull(served), Pull::Failed));
    }
}

#[test]
fn oneway_calls_are_over_at_once() {
    for speaks in calls() {
        let is_grpc = matches!(speaks, Speaks::Grpc(_));
        let mut pair = Pair::new(speaks);
        let (id, served) = pair.call("tell", b"\0");
        assert_eq!(messages(&mut pair.server, served).len(), 1);
        pair.server.finish(pair.now, served, &Ending::Ok);
        pair.carry();
        let outcome = pair.client.outcome(id);
        assert_eq!(outcome, Some(Outcome::Ok), "gRPC: {is_grpc}");
    }
}

/// The peer answers a oneway call too if it does not know the method; that is nobody's answer.
#[test]
fn an_answer_to_a_oneway_call_goes_to_no_other() {
    static TELL: [MethodInfo; 1] = [MethodInfo::new("tell", MethodKind::Oneway)];
    static OTHER: ServiceInfo = ServiceInfo::new("", "Other", Codec::Thrift, &TELL);
    let mut pair = Pair::new(pingpong(Transport::TtHeader, Switch::On));
    let none = Bytes::from_static(b"\0");
    let tell = Request::new(&OTHER, "tell");
    let told = pair.client.call(pair.now, &tell, &none).unwrap();
    let echo = Request::new(&SERVICE, "echo");
    let asked = pair.client.call(pair.now, &echo, &none).unwrap();
    assert_ne!(told, asked);
    static ECHO: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];
    static SERVED: ServiceInfo = ServiceInfo::new("", "Echo", Codec::Thrift, &ECHO);
    pair.server = Connection::server(
        Arc::new(Services::of(&[&SERVED]).unwrap()),
        Arc::new(Config::default()),
        pair.now,
    );
    let served = pair.opened();
    pair.server.finish(pair.now, served, &Ending::Ok);
    pair.carry();
    while pair.client.poll_event().is_some() {}
    assert_eq!(pair.client.outcome(asked), Some(Outcome::Ok));
}

#[test]
fn what_a_protocol_does_not_carry_is_refused() {
    let now = Instant::from_nanos(1);
    let mut client = Connection::client(pingpong(Transport::TtHeader, Switch::Off), now);
    let none = Bytes::new();
    let open = |client: &mut Connection, method| client.open(now, &Request::new(&SERVICE, method));
    let call = |client: &mut Connection, method| client.call(now, &Request::new(&SERVICE, method), &none);
    let bidirectional = MethodKind::BidirectionalStreaming;
    assert_eq!(open(&mut client, "talk"), Err(OpenError::NotCarried(bidirectional)));
    assert_eq!(open(&mut client, "echo"), Err(OpenError::WrongKind(MethodKind::Unary)));
    assert_eq!(call(&mut client, "talk"), Err(OpenError::WrongKind(bidirectional)));
    assert_eq!(call(&mut client, "gone"), Err(OpenError::UnknownMethod));
    assert_eq!(
        call(&mut client, "watch"),
        Err(OpenError::NotCarried(MethodKind::ServerStreaming))
    );
    let mut streams = Connection::client(Speaks::TtHeaderStreams(Arc::default()), now);
    assert_eq!(
        call(&mut streams, "echo"),
        Err(OpenError::NotCarried(MethodKind::Unary))
    );
}

#[test]
fn a_server_opens_no_calls_whatever_it_speaks() {
    for speaks in calls().into_iter().chain(streams()) {
        let mut pair = Pair::new(speaks);
        let (now, none) = (pair.now, Bytes::new());
        for round in 0..2 {
            let echo = pair.server.call(now, &Request::new(&SERVICE, "echo"), &none);
            let talk = pair.server.open(now, &Request::new(&SERVICE, "talk"));
            let spoken = pair.server.protocol();
            assert_eq!(
                (echo, talk),
                (Err(OpenError::NotClient), Err(OpenError::NotClient)),
                "{spoken:?}"
            );
            assert_eq!(spoken.is_some(), round > 0);
            // The peer's first bytes tell what is spoken.
            let _ = pair.client.call(now, &Request::new(&SERVICE, "echo"), &none);
            let _ = pair.client.open(now, &Request::new(&SERVICE, "talk"));
            pair.carry();
        }
    }
}

#[test]
fn unknown_services_are_refused_and_told() {
    for speaks in calls().into_iter().chain(streams()) {
        let method = match speaks {
            Speaks::TtHeaderStreams(_) => "watch",
            _ => "echo",
        };
        if !has_header(&speaks) {
            // Without a service name the method is found.
            continue;
        }
        let config = Arc::new(Config::default());
        let mut pair = Pair::new(speaks);
        static OTHER: [MethodInfo; 1] = [MethodInfo::new("other", MethodKind::Unary)];
        static SERVED: ServiceInfo = ServiceInfo::new("", "Echo", Codec::Thrift, &OTHER);
        pair.server = Connection::server(Arc::new(Services::of(&[&SERVED]).unwrap()), config, pair.now);
        let request = Request::new(&STRANGER, method);
        let id = pair
            .client
            .call(pair.now, &request, &Bytes::from_static(b"\0"))
            .unwrap();
        let (_, server) = pair.events();
        let refused =
            |event: &&Event| matches!(event, Event::Refused(refusal) if !matches!(**refusal, Refusal::Unreadable(_)));
        assert_eq!(server.iter().filter(refused).count(), 1, "{server:?}");
        let Some(Outcome::Failed(failure)) = pair.client.outcome(id).or_else(|| {
            while pair.client.poll_event().is_some() {}
            pair.client.outcome(id)
        }) else {
            panic!("it was refused")
        };
        assert!(failure.to_string().contains("unknown service Other"), "{failure}");
    }
}

#[test]
fn a_port_answers_browsers_too() {
    let mut pair = Pair::new(Speaks::Grpc(Arc::default()));
    assert_eq!(pair.server.protocol(), None);
    let mut input = BytesMut::from("GET /health HTTP/1.1\r\nHost: here\r\n\r\n");
    pair.server.receive(pair.now, &mut input);
    let Some(Event::HttpRequest { id }) = pair.server.poll_event() else {
        panic!("a request is there")
    };
    assert_eq!(pair.server.http_request(id).unwrap().path(), b"/health");
    let fine = Response::text(200, "fine\n");
    pair.server.respond_http(pair.now, id, &fine).unwrap();
    let mut out = Transmit::new();
    assert!(pair.server.poll_transmit(pair.now, &mut out));
    assert!(out.to_vec().starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert_eq!(pair.server.protocol(), Some(Protocol::Http1));
}

#[test]
fn a_recorded_connection_is_replayed() {
    for speaks in calls().into_iter().chain(streams()) {
        let method = match speaks {
            Speaks::TtHeaderStreams(_) => "watch",
            _ => "echo",
        };
        let mut pair = Pair::new(speaks.clone());
        pair.server.record(Recorder::new(1 << 20));
        assert!(pair.server.recorder().is_none(), "nobody knows what it is");
        let (id, served) = pair.call(method, b"\x0b\0\x01\0\0\0\x02hi\0");
        let got = messages(&mut pair.server, served);
        pair.server.send(pair.now, served, &got[0]).unwrap();
        pair.server.finish(pair.now, served, &Ending::Ok);
        pair.end(id);
        let recording = pair.server.recorder().unwrap().finish();
        let replayed = crate::record::replay(&recording).unwrap();
        assert!(replayed.difference.is_none(), "{speaks:?}: {replayed:?}");
    }
}

#[test]
fn a_silent_peer_is_not_waited_for() {
    let mut pair = Pair::new(Speaks::Grpc(Arc::default()));
    let mut input = BytesMut::from("P");
    pair.server.receive(pair.now, &mut input);
    let due = pair.server.poll_timeout().expect("it has to say more");
    assert_eq!(due.timer, TimerKind::Detection);
    pair.server.handle_timeout(due.at, &mut input);
    let closed = pair.server.poll_event();
    assert!(matches!(closed, Some(Event::Closed { .. })), "{closed:?}");
    assert!(pair.server.is_drained());
    let mut late = BytesMut::from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    pair.server.receive(due.at, &mut late);
    assert_eq!(pair.server.poll_event(), None, "it is over");
    assert!(pair.server.is_drained());
}

#[test]
fn a_call_that_was_let_go_of_is_heard_of_no_more() {
    for speaks in calls() {
        if matches!(speaks, Speaks::Grpc(_)) {
            continue;
        }
        let mut pair = Pair::new(speaks);
        let due = pair.now + Duration::from_secs(1);
        let mut request = Request::new(&SERVICE, "echo");
        request.deadline = Some(due);
        let message = Bytes::from_static(b"\0");
        let id = pair.client.call(pair.now, &request, &message).unwrap();
        pair.client.handle_timeout(due, &mut BytesMut::new());
        pair.client.release(due, id);
        let told: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
        assert!(!told.contains(&Event::Ended { id }), "{told:?}");
        assert_eq!((pair.client.outcome(id), pair.client.open_calls()), (None, 0));
    }
}

#[test]
fn a_header_alone_is_no_answer() {
    let mut pair = Pair::new(Speaks::Grpc(Arc::default()));
    let (id, served) = pair.call("echo", b"\0");
    let Engine::Grpc(engine) = pair.server.engine() else {
        panic!("that is what it speaks");
    };
    let sent = engine.sender(served.grpc()).unwrap().send_header(&Fields::new());
    assert_eq!(sent, Ok(()));
    let answer = Bytes::from_static(b"\0");
    assert_eq!(pair.server.send(pair.now, served, &answer), Ok(()));
    assert_eq!(pair.server.send(pair.now, served, &answer), Err(SendError::Finished));
    pair.server.finish(pair.now, served, &Ending::Ok);
    assert_eq!(pair.end(id), (vec![answer], Outcome::Ok));
}

#[test]
fn a_stop_before_the_first_byte_holds_for_what_comes() {
    for speaks in calls().into_iter().chain(streams()) {
        let mut pair = Pair::new(speaks);
        let until = pair.now + Duration::from_secs(5);
        pair.server.shutdown(pair.now, Shutdown::Graceful { until });
        for _ in 0..100 {
            pair.events();
            let (Some(due), false) = (pair.server.poll_timeout(), pair.server.is_drained()) else {
                break;
            };
            pair.now = due.at.max(pair.now);
            pair.server.handle_timeout(pair.now, &mut pair.to_server);
        }
        pair.carry();
        assert!(pair.server.is_drained() && pair.now <= until + Duration::from_secs(1));
    }
}

#[test]
fn a_second_stop_puts_off_nothing() {
    for speaks in calls().into_iter().chain(streams()) {
        let is_stream = matches!(speaks, Speaks::TtHeaderStreams(_));
        let mut pair = Pair::new(speaks);
        let id = match is_stream {
            true => {
                let id = pair.client.open(pair.now, &Request::new(&SERVICE, "talk")).unwrap();
                pair.opened();
                id
            }
            false => pair.call("echo", b"\0").0,
        };
        let until = pair.now + Duration::from_secs(5);
        for until in [until, until + Duration::from_secs(55)] {
            pair.client.shutdown(pair.now, Shutdown::Graceful { until });
            pair.server.shutdown(pair.now, Shutdown::Graceful { until });
        }
        pair.events();
        assert_eq!(pair.client.outcome(id), None, "it may run on");
        pair.now = until;
        pair.client.handle_timeout(until, &mut pair.to_client);
        pair.server.handle_timeout(until, &mut pair.to_server);
        pair.events();
        assert!(pair.client.outcome(id).is_some(), "its time is up");
    }
}
