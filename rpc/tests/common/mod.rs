//! A service written by hand, as the generator would write it, and servers to run it in.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod chat;
pub mod peer;
pub mod site;
pub mod web;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kitewire::proto::DecodeError;
use kitewire::service::{Method, Service, method};
use kitewire::thrift::{Reader, Struct, Type, Writer};
use kitewire::{
    Address, Bound, BusinessStatus, Call, CallResult, Client, ClientCall, Codec, Dispatch, Error, ExceptionType,
    MethodInfo, MethodKind, Oneway, Registration, Server, ServerHandle, ServiceInfo, Unfinished,
};
use kitewire_tokio::Tokio;
use tokio::net::TcpSocket;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

pub static ECHO: ServiceInfo = ServiceInfo::new("test", "Echo", Codec::Thrift, &METHODS);
pub static METHODS: [MethodInfo; 4] = [
    MethodInfo::new("echo", MethodKind::Unary),
    MethodInfo::new("act", MethodKind::Unary),
    MethodInfo::new("wait", MethodKind::Unary),
    MethodInfo::new("push", MethodKind::Oneway),
];

/// One text, as argument list (field 1) or as result (field 0).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<const ID: i16>(pub Option<String>);

pub type Args = Text<1>;
pub type Answer = Text<0>;

impl<const ID: i16> Struct for Text<ID> {
    const NAME: &'static str = "Text";

    fn encode(&self, out: &mut Writer<'_>) {
        out.optional(ID, &self.0);
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut text = None;
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            match (field.id, field.kind) {
                (id, Type::String) if id == ID => text = Some(input.string()?),
                _ => input.skip(field.kind)?,
            }
        }
        Ok(Self(text))
    }
}

impl CallResult for Answer {
    type Value = String;
    type Error = Error;

    fn into_value(self) -> Result<String, Error> {
        self.0.ok_or_else(Error::missing_result)
    }
}

pub trait Echo: Send + Sync + 'static {
    fn echo(&self, call: &Call, text: String) -> impl Future<Output = Result<String, Error>> + Send;
    fn act(&self, call: &Call, text: String) -> impl Future<Output = Result<String, Error>> + Send;
    fn wait(&self, call: &Call, text: String) -> impl Future<Output = Result<String, Error>> + Send;
    fn push(&self, call: &Call, text: String) -> impl Future<Output = Result<(), Error>> + Send;
}

pub struct EchoServer {
    methods: Vec<Box<dyn Method>>,
    info: ServiceInfo,
}

impl EchoServer {
    pub fn new(service: impl Echo) -> Self {
        let service = Arc::new(service);
        Self {
            info: ECHO.clone(),
            methods: vec![
                method(&service, |service, call, args: Args| async move {
                    let outcome = service.echo(&call, args.0.unwrap_or_default()).await;
                    call.finish(outcome.map(|text| Text::<0>(Some(text))))
                }),
                method(&service, |service, call, args: Args| async move {
                    let outcome = service.act(&call, args.0.unwrap_or_default()).await;
                    call.finish(outcome.map(|text| Text::<0>(Some(text))))
                }),
                method(&service, |service, call, args: Args| async move {
                    let outcome = service.wait(&call, args.0.unwrap_or_default()).await;
                    call.finish(outcome.map(|text| Text::<0>(Some(text))))
                }),
                method(&service, |service, call, args: Args| async move {
                    let outcome = service.push(&call, args.0.unwrap_or_default()).await;
                    call.finish(outcome.map(|()| Text::<0>(None)))
                }),
            ],
        }
    }

    /// The same methods under another service name.
    pub fn named(mut self, name: &'static str) -> Self {
        self.info.name = name.into();
        self
    }

    pub fn fallback(self) -> Registration {
        Registration::new(self).fallback()
    }

    pub fn dispatch(self, how: Dispatch) -> Registration {
        Registration::new(self).dispatch(how)
    }
}

impl Service for EchoServer {
    fn info(&self) -> &ServiceInfo {
        &self.info
    }

    fn methods(&self) -> &[Box<dyn Method>] {
        &self.methods
    }
}

#[derive(Clone)]
pub struct EchoClient(pub Client);

impl EchoClient {
    pub fn echo(&self, text: impl Into<String>) -> ClientCall<'_, Args, Answer> {
        self.0.call(&ECHO, 0, Text(Some(text.into())))
    }

    pub fn act(&self, text: impl Into<String>) -> ClientCall<'_, Args, Answer> {
        self.0.call(&ECHO, 1, Text(Some(text.into())))
    }

    pub fn wait(&self, text: impl Into<String>) -> ClientCall<'_, Args, Answer> {
        self.0.call(&ECHO, 2, Text(Some(text.into())))
    }

    pub fn push(&self, text: impl Into<String>) -> ClientCall<'_, Args, Oneway> {
        self.0.call(&ECHO, 3, Text(Some(text.into())))
    }
}

/// What the tests' handlers do.
pub struct Handler {
    /// `wait` takes a permit before it answers.
    pub gate: Arc<Semaphore>,
    /// Everything noteworthy.
    pub seen: mpsc::UnboundedSender<String>,
    pub name: &'static str,
}

pub struct Controls {
    pub gate: Arc<Semaphore>,
    pub seen: mpsc::UnboundedReceiver<String>,
}

pub fn handler() -> (Handler, Controls) {
    let (sender, seen) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    (
        Handler {
            gate: Arc::clone(&gate),
            seen: sender,
            name: "first",
        },
        Controls { gate, seen },
    )
}

impl Echo for Handler {
    async fn echo(&self, _call: &Call, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn act(&self, call: &Call, text: String) -> Result<String, Error> {
        match text.as_str() {
            "plain" => Err(Error::new("boom")),
            "typed" => Err(Error::application(ExceptionType(77), "odd")),
            "business" => Err(Error::business(404, "not found").with_extra("k", "<v>")),
            "status" => Err(BusinessStatus {
                code: 7,
                message: String::new(),
                extra: Vec::new(),
            }
            .into()),
            "wrapped" => Err(Error::new(std::io::Error::other(Error::business(8, "deep inside")))),
            "empty" => Err(Error::reply_empty()),
            "deadline" => Err(Error::deadline_exceeded()),
            "panic" => panic!("at the disco"),
            "yield" => {
                tokio::task::yield_now().await;
                Ok("yielded".to_owned())
            }
            "who" => Ok(format!("{} {}.{}", self.name, call.service(), call.method())),
            "call" => {
                call.set_backward("served-by", self.name);
                Ok(format!(
                    "{} {} {} {} {:?} {:?} {:?}",
                    call.transport(),
                    call.caller_service().unwrap_or("-"),
                    call.persistent("user").unwrap_or("-"),
                    call.transient("token").unwrap_or("-"),
                    call.timeout(),
                    call.peer().is_some(),
                    call.time_left().map(|left| left > Duration::ZERO),
                ))
            }
            other => Ok(other.repeat(2)),
        }
    }

    async fn wait(&self, call: &Call, text: String) -> Result<String, Error> {
        let _ = self.seen.send(format!("waiting {text}"));
        tokio::select! {
            permit = self.gate.acquire() => permit.map_err(Error::new)?.forget(),
            reason = call.cancelled(), if text.starts_with("cancel") => {
                let _ = self.seen.send(format!("{reason:?} {text}"));
                return Err(Error::deadline_exceeded());
            }
        }
        Ok(text)
    }

    async fn push(&self, _call: &Call, text: String) -> Result<(), Error> {
        let _ = self.seen.send(text);
        Ok(())
    }
}

/// A server on a port of its own.
pub struct Running {
    pub address: Address,
    pub handle: ServerHandle,
    pub ended: JoinHandle<Result<(), Unfinished>>,
}

pub async fn run(server: Server<Tokio>) -> Running {
    run_at(server, "127.0.0.1:0").await
}

pub async fn run_at(server: Server<Tokio>, address: impl Into<Address>) -> Running {
    start(server.bind(address).await.unwrap())
}

pub fn start(bound: Bound<Tokio>) -> Running {
    let address = bound.local_addr().unwrap();
    let handle = bound.handle();
    Running {
        address,
        handle,
        ended: tokio::spawn(bound.run()),
    }
}

/// An address where nobody listens, nor anybody else will while the socket is there.
pub fn kept_address() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// No test may hang: twenty seconds are for ever here.
pub async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("the test hangs")
}

pub fn patient(builder: kitewire::ClientBuilder) -> kitewire::ClientBuilder {
    builder.connect_timeout(Duration::from_secs(10))
}
