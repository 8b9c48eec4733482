//! Calls and streams through the server's engine, without a socket or a runtime.

mod bench;
mod calls;
mod ends;
mod streams;

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::grpc::CallerNames;
use kitewire_proto::http::Fields;
use kitewire_proto::wire::Codec;
use kitewire_proto::{CloseReason, DecodeError, Disconnect, MetaInfo, Shutdown, Transmit, ttstream};

use crate::server::{Budget, Engine, GrpcConfig};
use crate::service::{Method, RawBody, Service, bidirectional, client_streaming, method, server_streaming};
use crate::stream::StreamKey;
use crate::thrift::{Reader, Struct, Writer};
use crate::{
    Call, Dispatch, Error, ExceptionType, Registration, Server, StreamException, Transport, TtStreamConfig,
    UnknownHandler, UnknownNames,
};
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
static STRICT_WATCH_METHODS: [MethodInfo; 1] = [MethodInfo::new("strict", MethodKind::ServerStreaming)];
static STRICT_WATCH: ServiceInfo = ServiceInfo::new("demo", "Strict", Codec::Thrift, &STRICT_WATCH_METHODS);

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
        b"describe" => describe(call),
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

/// What a handler knows of its call. Sets header and trailer.
fn describe(call: &Call) -> Result<Bytes, Error> {
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
            b"plain" => return Err(Error::new("mock error")),
            b"business" => return Err(Error::business(7, "no").with_extra("k", "v")),
            b"exception" => return Err(Error::application(ExceptionType(1204), "special")),
            b"late" => return Err(Error::deadline_exceeded()),
            b"downstream" => return Err(StreamException::canceled_by_user().into()),
            b"empty" => return Err(Error::reply_empty()),
            b"panic" => panic!("in a stream"),
            b"header" => call.send_header()?,
            b"describe" => out.send(describe(call)?).await?,
            b"wait" => {
                let reason = call.cancelled().await;
                say(said, format!("cancelled {reason:?} {}", call.is_cancelled()));
                return Ok(());
            }
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
    bench_over(Transport::Grpc)
}

fn bench_over(transport: Transport) -> Bench {
    let said = Said::default();
    Bench::over(transport, Server::detached().register(scripted(&said)), said)
}

const BOTH: [Transport; 2] = [Transport::Grpc, Transport::TtHeaderStream];
