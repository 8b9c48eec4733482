//! The echo service of `idl/echo.thrift`, with strings that share the memory they were read from.

use std::sync::Arc;

use kitewire::service::{Method, Service};
use kitewire::thrift::{Reader, Struct, Text, Type, Writer};
use kitewire::{Call, CallResult, Client, ClientCall, Codec, Error, MethodInfo, MethodKind, ServiceInfo};
use kitewire_proto::DecodeError;

/// Arguments of `echo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EchoArgs {
    /// What to send back.
    pub message: Text,
}

/// Result of `echo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EchoResult {
    /// What was sent.
    pub success: Option<Text>,
}

/// The service's side of `Echo`.
pub struct EchoServer {
    methods: Vec<Box<dyn Method>>,
}

/// A client of `Echo`.
#[derive(Debug, Clone)]
pub struct EchoClient {
    client: Client,
}

impl EchoServer {
    /// A server that sends back what it gets.
    #[must_use]
    pub fn new() -> Self {
        let echo = kitewire::service::method(&Arc::new(()), |_, call: Call, args: EchoArgs| async move {
            call.finish(Ok(EchoResult {
                success: Some(args.message),
            }))
        });
        Self { methods: vec![echo] }
    }
}

impl Default for EchoServer {
    fn default() -> Self {
        Self::new()
    }
}

impl EchoClient {
    /// A client of the service behind `client`.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Calls `echo`.
    pub fn echo(&self, message: Text) -> ClientCall<'_, EchoArgs, EchoResult> {
        self.client.call(&ECHO, 0, EchoArgs { message })
    }
}

impl Service for EchoServer {
    fn info(&self) -> &ServiceInfo {
        &ECHO
    }

    fn methods(&self) -> &[Box<dyn Method>] {
        &self.methods
    }
}

impl std::fmt::Debug for EchoServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EchoServer(..)")
    }
}

impl CallResult for EchoResult {
    type Value = Text;
    type Error = Error;

    fn into_value(self) -> Result<Text, Error> {
        self.success.ok_or_else(Error::missing_result)
    }
}

impl Struct for EchoArgs {
    const NAME: &'static str = "Echo.echo arguments";

    fn encode(&self, out: &mut Writer<'_>) {
        out.value(1, &self.message);
        out.stop();
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut message = Text::new();
        input.struct_begin()?;
        while let Some(field) = input.field()? {
            match (field.id, field.kind) {
                (1, Type::String) => message = input.value(&("echo", "message"))?,
                _ => input.skip(field.kind)?,
            }
        }
        Ok(Self { message })
    }
}

impl Struct for EchoResult {
    const NAME: &'static str = "Echo.echo result";

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
                (0, Type::String) => success = Some(input.value(&("echo", "success"))?),
                _ => input.skip(field.kind)?,
            }
        }
        Ok(Self { success })
    }
}

static METHODS: [MethodInfo; 1] = [MethodInfo::new("echo", MethodKind::Unary)];

/// The service's names.
pub static ECHO: ServiceInfo = ServiceInfo::new("echo", "Echo", Codec::Thrift, &METHODS);
