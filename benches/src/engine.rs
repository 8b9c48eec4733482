//! One call after the other through the core alone: no socket, no clock, no runtime.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use kitewire_proto::dispatch::{MethodInfo, MethodKind, ServiceInfo, ServiceRole, Services};
use kitewire_proto::thrift::{self, Reader, Struct, Type, Value, Writer};
use kitewire_proto::wire::Codec;
use kitewire_proto::{
    ClientConfig, ClientConnection, DecodeError, Instant, MetaInfo, Reply, ReplyOutcome, Request, RequestKind,
    ServerConfig, ServerConnection, ServerEvent, Switch, Transmit,
};

use crate::Failure;

/// How a request's header looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// As our client sends it: with the service's name.
    Named,
    /// Without any entry, as a Kitex client sends it by default.
    Bare,
    /// As our multiplexed client sends it.
    Multiplexed,
}

/// A server's connection and the one request that it gets over and over.
#[derive(Debug)]
pub struct Engine {
    connection: ServerConnection,
    frame: Vec<u8>,
    input: BytesMut,
    out: Transmit,
}

impl Engine {
    /// An engine that gets `message`, as TTHeader and framed Thrift.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn new<M: Value>(head: Head, message: M) -> Result<Self, Failure> {
        let mut table = Services::builder();
        table.add(
            ServiceInfo::new("", "Echo", Codec::Thrift, &METHODS),
            ServiceRole::Ordinary,
        );
        let services = Arc::new(table.build()?);
        Ok(Self {
            connection: ServerConnection::new(services, Arc::new(ServerConfig::default()), Instant::ZERO),
            frame: request_of(head, message)?,
            input: BytesMut::with_capacity(BUFFER),
            out: Transmit::new(),
        })
    }

    /// The request's length on the wire.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.frame.len()
    }

    /// Puts the request where a socket would: not part of what is measured, so that [`Self::feed_only`] is taken off.
    fn feed(&mut self) {
        self.input.reserve(self.frame.len());
        self.input.extend_from_slice(&self.frame);
    }

    /// Feeds a request and throws it away.
    pub fn feed_only(&mut self) {
        self.feed();
        black_box(&mut self.input).clear();
    }

    /// One whole call: receive, decode, dispatch, decode the arguments, encode the answer, take it out.
    ///
    /// # Errors
    /// When the call is not answered.
    pub fn call<M: Value>(&mut self) -> Result<(), Failure> {
        self.feed();
        self.connection.receive(NOW, &mut self.input);
        let mut answered = false;
        while let Some(event) = self.connection.poll_event() {
            let ServerEvent::Opened { id } = event else {
                return Err(format!("not an opened call: {event:?}").into());
            };
            let incoming = self.connection.request(id).ok_or("the call is gone")?;
            let args: EchoArgs<M> = thrift::decode(&incoming.shared_body(), MAX_DEPTH)?;
            self.connection.release_request(id);
            let result = EchoResult {
                success: Some(args.message),
            };
            self.connection
                .respond(NOW, id, &Reply::new(ReplyOutcome::Result(&result)))?;
            answered = true;
        }
        while self.connection.poll_transmit(NOW, &mut self.out) {
            let len = black_box(&mut self.out).len();
            self.out.advance(len);
        }
        if answered {
            Ok(())
        } else {
            Err("the call was not answered".into())
        }
    }
}

/// A request with `message`, as our client puts it on the wire.
///
/// # Errors
/// When it cannot be made.
pub fn request_of<M: Value>(head: Head, message: M) -> Result<Vec<u8>, Failure> {
    request(head, &EchoArgs { message })
}

fn request<M: Value>(head: Head, args: &EchoArgs<M>) -> Result<Vec<u8>, Failure> {
    let mut config = ClientConfig::default();
    config.meta = if head == Head::Bare { Switch::Off } else { Switch::On };
    config.multiplex = if head == Head::Multiplexed {
        Switch::On
    } else {
        Switch::Off
    };
    let mut client = ClientConnection::new(Arc::new(config), NOW);
    let request = Request {
        service: "Echo",
        method: "echo",
        codec: Codec::Thrift,
        kind: RequestKind::Call,
        body: args,
        deadline: None,
        timeout: None,
        connect_timeout: None,
        caller_method: "",
        meta: &MetaInfo::new(),
    };
    client.open(&request)?;
    let mut out = Transmit::new();
    client.poll_transmit(NOW, &mut out);
    Ok(out.to_vec())
}

struct EchoArgs<M> {
    message: M,
}

struct EchoResult<M> {
    success: Option<M>,
}

impl<M: Value> Struct for EchoArgs<M> {
    const NAME: &'static str = "EchoArgs";

    fn encode(&self, out: &mut Writer<'_>) {
        out.value(1, &self.message);
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut message = None;
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            match (field.id, field.kind) {
                (1, Type::String) => message = Some(input.value(&("EchoArgs", "message"))?),
                _ => input.skip(field.kind)?,
            }
        }
        Ok(Self {
            message: input.required(message, &("EchoArgs", "message"))?,
        })
    }
}

impl<M: Value> Struct for EchoResult<M> {
    const NAME: &'static str = "EchoResult";

    fn encode(&self, out: &mut Writer<'_>) {
        if let Some(success) = &self.success {
            out.value(0, success);
        }
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut success = None;
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            match (field.id, field.kind) {
                (0, Type::String) => success = Some(input.value(&("EchoResult", "success"))?),
                _ => input.skip(field.kind)?,
            }
        }
        Ok(Self { success })
    }
}

static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];

const NOW: Instant = Instant::ZERO;
const MAX_DEPTH: u16 = 64;
/// What a driver would read into.
const BUFFER: usize = 16 * 1024;
