//! Calls over gRPC through the server's engine, without a socket or a runtime.

mod bench;
mod ends;

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::grpc::CallerNames;
use kitewire_proto::http::Fields;
use kitewire_proto::http2::StreamId;
use kitewire_proto::wire::Codec;
use kitewire_proto::{CloseReason, DecodeError, Disconnect, Shutdown, Transmit};

use crate::server::{Budget, Engine, GrpcConfig};
use crate::service::{Method, RawBody, Service, bidirectional, client_streaming, method, server_streaming};
use crate::thrift::{Reader, Struct, Writer};
use crate::{Call, Dispatch, Error, ExceptionType, Registration, Server, UnknownHandler, UnknownNames};
use bench::{Bench, Said, Words, meta};

static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("unary", MethodKind::Unary),
    MethodInfo::new("collect", MethodKind::ClientStreaming),
    MethodInfo::new("watch", MethodKind::ServerStreaming),
    MethodInfo::new("talk", MethodKind::BidirectionalStreaming),
];
static SVC: ServiceInfo = ServiceInfo::new("demo", "Svc", Codec::Thrift, &METHODS);
static STRICT_METHODS: [MethodInfo; 1] = [MethodInfo::new("strict", MethodKind::Unary)];
static STRICT: ServiceInfo = ServiceInfo::new("demo", "Strict", Codec::Thrift, &STRICT_METHODS);

/// Services whose handlers do what their requests say.
struct Scripted {
    info: &'static ServiceInfo,
    methods: Vec<Box<dyn Method>>,
}

impl Service for Scripted {
    fn info(&self) -> &ServiceInfo {
        self.info
    }

    fn methods(&self) -> &[Box<dyn Method>] {
        &self.methods
    }
}

/// A struct that nothing is.
struct Nothing;

impl Struct for Nothing {
    const NAME: &'static str = "Nothing";

    fn encode(&self, out: &mut Writer<'_>) {
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.struct_begin()?;
        input.string().map(|_: String| Self)
    }
}

fn say(said: &Words, word: impl Into<String>) {
    said.lock().unwrap().push(word.into());
}

/// What a unary handler does when it gets `request`.
async fn unary(said: &Words, call: &Call, request: &Bytes) -> Result<Bytes, Error> {
    match &request[..] {
        b"fail" => Err(Error::new("mock error")),
        b"business" => Err(Error::business(7, "no").with_extra("k", "v")),
        b"exception" => Err(Error::application(ExceptionType(1204), "special")),
        b"empty" => Err(Error::reply_empty()),
        b"panic" => panic!("oh {}", "no"),
        b"describe" => {
            assert!(call.peer().is_none() && call.remote_address().is_none());
            let described = format!(
                "{:?} {}.{} {:?} {:?} {:?}/{:?} {:?} {:?} {:?} {:?}",
                call.transport(),
                call.service(),
                call.method(),
                call.codec(),
                call.sequence(),
                call.timeout(),
                call.time_left(),
                call.transient("HELLO_WORLD"),
                call.caller_service(),
                call.caller_method(),
                call.metadata().get_all("K").collect::<Vec<_>>(),
            );
            call.set_backward("lost", "1");
            call.set_header("h", "1")?;
            call.append_header("h", "2")?;
            call.set_trailer("t", "1")?;
            call.set_trailer("t", "2")?;
            Ok(described.into())
        }
        b"wait" => {
            let reason = call.cancelled().await;
            say(said, format!("cancelled {reason:?} {}", call.is_cancelled()));
            Ok(Bytes::from_static(b"for nobody"))
        }
        b"yield" => {
            let mut waited = false;
            poll_fn(|_| match std::mem::replace(&mut waited, true) {
                false => Poll::Pending,
                true => Poll::Ready(()),
            })
            .await;
            Ok(Bytes::from_static(b"later"))
        }
        b"never" => pending().await,
        _ => Ok(request.clone()),
    }
}

async fn talk(
    said: &Words,
    call: &Call,
    mut requests: crate::Receiver<Bytes>,
    mut out: crate::Sender<Bytes>,
) -> Result<(), Error> {
    loop {
        let request = match requests.recv().await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) => {
                say(said, format!("recv {error}"));
                let sent = out.send(Bytes::new()).await;
                say(said, format!("send {}", sent.unwrap_err()));
                return Err(error);
            }
        };
        match &request[..] {
            b"leave" => return Ok(()),
            b"fail" => return Err(Error::status(crate::Code::NOT_FOUND, "gone")),
            b"panic" => panic!("in a stream"),
            b"header" => call.send_header()?,
            b"keep" => say(
                said,
                format!("{:?}", requests.header().await?.get("user-agent").is_some()),
            ),
            _ => out.send(request).await?,
        }
    }
}

fn scripted(said: &Said) -> Scripted {
    let methods = vec![
        method(said, |said, call, request: RawBody| async move {
            let outcome = unary(&said, &call, &request.0).await;
            call.finish(outcome.map(RawBody))
        }),
        client_streaming::<_, RawBody, RawBody, _, _>(said, |_, call, mut requests| async move {
            let mut all = Vec::new();
            let outcome = loop {
                match requests.recv().await {
                    Ok(Some(request)) => all.extend_from_slice(&request),
                    Ok(None) => break Ok(RawBody(all.into())),
                    Err(error) => break Err(error),
                }
            };
            call.finish(outcome)
        }),
        server_streaming::<_, RawBody, RawBody, _, _>(said, |_, call, request: RawBody, mut out| async move {
            let mut outcome = Ok(());
            for byte in request.0 {
                outcome = outcome.and(out.send(Bytes::from(vec![byte])).await);
            }
            call.finish(outcome)
        }),
        bidirectional::<_, RawBody, RawBody, _, _>(said, |said, call, requests, out| async move {
            let outcome = talk(&said, &call, requests, out).await;
            call.finish(outcome)
        }),
    ];
    Scripted { info: &SVC, methods }
}

/// Hands on what nobody knows, and handles streams by itself if told to.
struct Anything;

impl UnknownHandler for Anything {
    async fn handle(&self, call: &Call, body: Bytes) -> Result<Bytes, Error> {
        let text = format!("{}.{} {:?} {}", call.service(), call.method(), call.codec(), body.len());
        Ok(text.into())
    }
}

fn bench() -> Bench {
    let said = Said::default();
    Bench::new(Server::detached().register(scripted(&said)), said)
}

#[test]
fn a_unary_call_that_does_not_wait_is_answered_on_the_spot() {
    let mut bench = bench();
    let id = bench.ask("unary", MethodKind::Unary, b"hello");
    bench.driver.take();
    assert_eq!(bench.turn(), 0);
    assert_eq!(bench.driver.take(), 0, "the driver is awake and needs no call");
    assert_eq!(bench.end(id), "hello, end");
    assert_eq!(bench.serving.open_calls(), 0);
    let large: &'static [u8] = vec![b'z'; 100_000].leak();
    assert_eq!(bench.call("unary", large).len(), 100_005);
}

#[test]
fn a_unary_call_that_waits_is_answered_by_its_task() {
    let mut bench = bench();
    let ids = [(); 3].map(|()| bench.ask("unary", MethodKind::Unary, b"yield"));
    assert_eq!(bench.turn(), 3);
    assert_eq!(bench.serving.open_calls(), 3);
    bench.driver.take();
    assert_eq!(bench.work(), 0);
    assert_eq!(bench.driver.take(), 1, "once for all of them");
    bench.turn();
    for id in ids {
        assert_eq!(bench.end(id), "later, end");
    }
    assert_eq!(bench.serving.open_calls(), 0);
}

#[test]
fn services_can_have_their_handlers_in_tasks_from_the_start() {
    let said = Said::default();
    let service = Registration::new(scripted(&said)).dispatch(Dispatch::Spawn);
    let mut bench = Bench::new(Server::detached().register(service), said);
    let id = bench.ask("unary", MethodKind::Unary, b"hello");
    assert_eq!(bench.turn(), 1);
    assert_eq!(bench.read(id), [""; 0]);
    bench.work();
    bench.turn();
    assert_eq!(bench.end(id), "hello, end");
}

#[test]
fn ends_of_a_handler_reach_the_caller() {
    let mut bench = bench();
    let rows: [(&'static [u8], &str); 5] = [
        (b"fail", "13: mock error [biz error]"),
        (b"business", "13: no, business 7 [(\"k\", \"v\")]"),
        (b"exception", "1204: special [biz error]"),
        (b"empty", "\0, end"),
        (
            b"panic",
            "13: panic: [happened in biz handler, method=Svc.unary, please check the panic at the server side] oh no",
        ),
    ];
    for (request, end) in rows {
        assert_eq!(bench.call("unary", request), end);
    }
    let id = bench.ask("talk", MethodKind::BidirectionalStreaming, b"fail");
    bench.turn();
    assert_eq!(bench.end(id), "5: gone [biz error]");
    let id = bench.open("talk", MethodKind::BidirectionalStreaming);
    assert_eq!(bench.turn(), 1);
    bench.send(id, b"panic");
    bench.turn();
    assert_eq!(bench.work(), 0);
    bench.turn();
    let text = "13: panic: [happened in biz handler, method=Svc.talk, please check the panic at the server side] in a \
                stream";
    assert_eq!(bench.end(id), text);
    assert_eq!(bench.serving.open_calls(), 0);
    assert_eq!(bench.take_said(), [""; 0], "none of it is news to the server's owner");
}

#[test]
fn streams_flow_in_all_directions() {
    let mut bench = bench();
    let id = bench.ask("watch", MethodKind::ServerStreaming, b"abc");
    assert_eq!(bench.turn(), 0, "it never waits");
    assert_eq!(bench.end(id), "a, b, c, end");

    let id = bench.open("collect", MethodKind::ClientStreaming);
    assert_eq!(bench.turn(), 1);
    for part in [&b"on"[..], b"e ", b"two"] {
        bench.send(id, part);
        bench.turn();
        assert_eq!(bench.work(), 1);
    }
    bench.close(id);
    bench.turn();
    assert_eq!(bench.work(), 0);
    bench.turn();
    assert_eq!(bench.end(id), "one two, end");

    let id = bench.open("talk", MethodKind::BidirectionalStreaming);
    bench.send(id, b"1");
    assert_eq!(bench.turn(), 1);
    assert_eq!(bench.read(id), ["1"], "sent by the first poll, in place");
    bench.send(id, b"2");
    bench.turn();
    bench.work();
    bench.send(id, b"leave");
    bench.turn();
    assert_eq!(
        bench.work(),
        0,
        "a handler may leave before the caller has said everything"
    );
    bench.turn();
    assert_eq!(bench.end(id), "2, end");
    assert_eq!(bench.serving.open_calls(), 0);
}

#[test]
fn a_handler_knows_its_call() {
    let mut bench = bench();
    let (meta, mut metadata) = (meta("hello_world", "1"), Fields::new());
    metadata.push("k", "a");
    metadata.push("k", "b");
    let deadline = bench.now() + Duration::from_secs(3);
    let id = bench.open_with("unary", MethodKind::Unary, |request| {
        request.deadline = Some(deadline);
        request.names = Some(CallerNames {
            destination_service: "d",
            destination_method: "dm",
            source_service: "s",
            source_method: "sm",
        });
        (request.meta, request.metadata) = (leak(meta), leak(metadata));
    });
    bench.send(id, b"describe");
    bench.close(id);
    bench.pass(Duration::from_secs(1));
    bench.turn();
    assert_eq!(
        bench.read(id),
        [
            "Grpc Svc.unary Thrift SequenceId(1) Some(3s)/Some(3s) Some(\"1\") Some(\"s\") Some(\"sm\") [\"a\", \"b\"]",
            "end"
        ],
        "the timeout counts from when the server gets it"
    );
    let header: Vec<_> = bench.client.header(id).unwrap().get_all("h").collect();
    assert_eq!(header, [b"1", b"2"]);
    assert_eq!(bench.trailer(id).get("t"), Some(&b"2"[..]));
    let id = bench.open("talk", MethodKind::BidirectionalStreaming);
    bench.send(id, b"keep");
    bench.send(id, b"header");
    bench.turn();
    assert_eq!(bench.take_said(), ["true"]);
    assert!(bench.client.header(id).is_some(), "a header goes alone if asked");
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

#[test]
fn requests_that_do_not_decode_are_refused() {
    let said = Said::default();
    let service = Arc::new(());
    let strict = Scripted {
        info: &STRICT,
        methods: vec![method(&service, |_, call, Nothing| {
            std::future::ready(call.finish(Ok(Nothing)))
        })],
    };
    let server = Server::detached().register(scripted(&said)).register(strict);
    let mut bench = Bench::new(server, said);
    let end = bench.call("Strict.strict", b"\0");
    assert_eq!(end, "7: unexpected end of input at offset 1");
    let said = bench.take_said();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("Refused"), "{said:?}");
    assert_eq!(bench.call("unary", b"fine"), "fine, end", "the connection goes on");
}

#[test]
fn what_nobody_knows_goes_to_its_handler() {
    let said = Said::default();
    let server = Server::detached().register(scripted(&said)).unknown_handler(Anything);
    let mut bench = Bench::new(server, said);
    assert_eq!(bench.call("Other.thing", b"12345"), "Other.thing Thrift 5, end");
    assert_eq!(bench.call("Svc.thing", b""), "Svc.thing Thrift 0, end");
    let id = bench.open("Other.thing", MethodKind::ClientStreaming);
    bench.close(id);
    bench.turn();
    bench.work();
    bench.turn();
    assert_eq!(bench.end(id), "13: a request without a message [biz error]");
}

#[test]
fn settings_reach_the_connection() {
    let config = GrpcConfig {
        max_received_message: 10,
        max_sent_message: 20,
        unknown_names: UnknownNames::Grpc,
        ..GrpcConfig::default()
    };
    let said = Said::default();
    let mut bench = Bench::new(Server::detached().register(scripted(&said)).grpc(config), said);
    let end = bench.call("unary", b"eleven bytes");
    assert_eq!(end, "8: received message larger than max (12 vs. 10)");
    assert_eq!(
        bench.call("unary", b"describe"),
        "8: trying to send message larger than max (63 vs. 20)"
    );
    assert_eq!(bench.call("Svc.other", b""), "12: unknown method other");
    assert_eq!(bench.take_said().len(), 2, "what is refused is noticed");
}
