//! The engines through their public verbs.

mod client;
mod hostile;
mod pair;
mod server;
mod shutdown;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use crate::wire::Codec;
use crate::{
    ApplicationException, CallId, ClientConfig, ClientConnection, ClientEvent, ExceptionType, Instant, Reply,
    ReplyOutcome, Request, RequestKind, ServerConfig, ServerConnection, ServerEvent, Switch, Transmit,
};

static METHODS: [MethodInfo; 3] = [
    MethodInfo::new("echo", MethodKind::Unary),
    MethodInfo::new("push", MethodKind::Oneway),
    MethodInfo::new("watch", MethodKind::ServerStreaming),
];
static OTHER: [MethodInfo; 1] = [MethodInfo::new("other", MethodKind::Unary)];
static PROTO: [MethodInfo; 1] = [MethodInfo::new("Ask", MethodKind::Unary)];

fn services() -> Arc<Services> {
    let mut table = Services::builder();
    table
        .add(
            ServiceInfo::new("", "Main", Codec::Thrift, &METHODS),
            ServiceRole::Ordinary,
        )
        .add(
            ServiceInfo::new("", "Other", Codec::Thrift, &OTHER),
            ServiceRole::Ordinary,
        )
        .add(
            ServiceInfo::new("pkg", "Proto", Codec::Protobuf, &PROTO),
            ServiceRole::Ordinary,
        );
    Arc::new(table.build().unwrap())
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A server connection with the buffers that its driver would have.
struct Server {
    connection: ServerConnection,
    input: BytesMut,
    out: Transmit,
}

impl Server {
    fn new() -> Self {
        Self::with(ServerConfig::default())
    }

    fn with(config: ServerConfig) -> Self {
        let connection = ServerConnection::new(services(), Arc::new(config), Instant::ZERO);
        Self {
            connection,
            input: BytesMut::new(),
            out: Transmit::new(),
        }
    }

    fn feed(&mut self, millis: u64, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(at(millis), &mut self.input);
    }

    fn events(&mut self) -> Vec<ServerEvent> {
        std::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Ids of the calls that have opened since the last look; other events are not expected.
    fn opened(&mut self) -> Vec<CallId> {
        self.events()
            .into_iter()
            .map(|event| match event {
                ServerEvent::Opened { id } => id,
                other => panic!("unexpected {other:?}"),
            })
            .collect()
    }

    /// Answers `id` with its own arguments.
    fn echo(&mut self, millis: u64, id: CallId) {
        let request = self.connection.request(id).expect("open");
        let body = Bytes::copy_from_slice(request.body());
        self.connection
            .respond(at(millis), id, &Reply::new(ReplyOutcome::Result(&body)))
            .unwrap();
        self.connection.receive(at(millis), &mut self.input);
    }

    fn fail(&mut self, millis: u64, id: CallId, text: &'static str) {
        let exception = ApplicationException::new(ExceptionType::INTERNAL_ERROR, text);
        self.connection
            .respond(at(millis), id, &Reply::new(ReplyOutcome::Exception(&exception)))
            .unwrap();
    }

    /// Everything that the socket would have got by now.
    fn sent(&mut self, millis: u64) -> Vec<u8> {
        let mut sent = Vec::new();
        while self.connection.poll_transmit(at(millis), &mut self.out) {
            sent.extend(self.out.to_vec());
            self.out.advance(usize::MAX);
        }
        sent
    }

    fn timeout(&mut self, millis: u64) {
        self.connection.handle_timeout(at(millis), &mut self.input);
    }
}

/// A client connection with the buffers that its driver would have.
struct Client {
    connection: ClientConnection,
    input: BytesMut,
    out: Transmit,
}

impl Client {
    fn with(config: ClientConfig) -> Self {
        let connection = ClientConnection::new(Arc::new(config), Instant::ZERO);
        Self {
            connection,
            input: BytesMut::new(),
            out: Transmit::new(),
        }
    }

    fn feed(&mut self, millis: u64, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(at(millis), &mut self.input);
    }

    fn call(&mut self, body: &'static [u8]) -> CallId {
        self.open("echo", body, RequestKind::Call, None)
    }

    fn open(&mut self, method: &str, body: &'static [u8], kind: RequestKind, deadline: Option<Instant>) -> CallId {
        let body = Bytes::from_static(body);
        let meta = crate::MetaInfo::default();
        let request = Request {
            service: "Main",
            method,
            codec: Codec::Thrift,
            kind,
            body: &body,
            deadline,
            timeout: None,
            connect_timeout: None,
            caller_method: "",
            meta: &meta,
        };
        self.connection.open(&request).expect("opens")
    }

    fn sent(&mut self, millis: u64) -> Vec<u8> {
        let mut sent = Vec::new();
        while self.connection.poll_transmit(at(millis), &mut self.out) {
            sent.extend(self.out.to_vec());
            self.out.advance(usize::MAX);
        }
        sent
    }

    fn events(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.connection.poll_event()).collect()
    }
}

fn multiplexed() -> ClientConfig {
    ClientConfig {
        multiplex: Switch::On,
        ..ClientConfig::default()
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A framed Thrift message of `kind`, with an empty struct as body.
fn framed(kind: u8, method: &str, seq: u8) -> Vec<u8> {
    let mut message = vec![0x80, 1, 0, kind, 0, 0, 0, u8::try_from(method.len()).unwrap()];
    message.extend(method.as_bytes());
    message.extend([0, 0, 0, seq, 0]);
    let mut frame = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(message);
    frame
}

/// A TTHeader Thrift message with the given flags and string entries, sequence ids apart.
fn ttheader(flags: u16, header_seq: i32, entries: &[(&str, &str)], message: &[u8]) -> Vec<u8> {
    let mut out = crate::Output::new();
    let mut writer = crate::wire::ttheader::HeaderWriter::begin(
        &mut out,
        crate::wire::ttheader::Flags(flags),
        crate::wire::SequenceId(header_seq),
    );
    for (key, value) in entries {
        writer.string(key, value);
    }
    let frame = writer.end();
    out.put(message);
    frame.finish(&mut out, u32::MAX);
    out.to_vec()
}
