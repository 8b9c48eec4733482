//! Our server of ping-pong calls.

use kitewire::bytes::{BufMut, Bytes, BytesMut};
use kitewire::{Call, Codec, Error, Multiplex, Runtime, Server, Switch, Tokio, UnknownHandler};

use super::client::build;
use super::running::{OurServer, PATIENCE};
use super::script::Script;
use super::services::registration;
use super::site::site;
use crate::call::ServerConfig;
use crate::secured;

/// A server as `config` asks for.
pub(crate) async fn start(config: &ServerConfig) -> Result<OurServer, String> {
    match &config.tls {
        Some(files) => start_on(Server::new(secured::listening(files)?), config).await,
        None => start_on(Server::new(Tokio), config).await,
    }
}

async fn start_on<R: Runtime>(server: Server<R>, config: &ServerConfig) -> Result<OurServer, String> {
    let next = config.next.as_ref().map(|dial| build(dial, SERVER_NAME)).transpose()?;
    let script = Script::new(next);
    let switch = |on| if on { Switch::On } else { Switch::Off };
    let mut server = server
        .http(site)
        .meta(switch(config.ttheader_meta))
        .crc32c(switch(config.crc32c))
        .deadline_from_header(switch(config.deadline_from_header))
        .multiplex(if config.multiplex_only {
            Multiplex::Only
        } else {
            Multiplex::Auto
        });
    for name in &config.services {
        server = server.register(registration(name, &script, *name == config.fallback)?);
    }
    if config.refuse_traffic_without_service_name {
        server = server.refuse_without_service_name();
    }
    if config.unknown_handler {
        server = server.unknown_handler(Unknown);
    }
    OurServer::run(server, PATIENCE).await
}

/// Answers with the names and size that it saw.
struct Unknown;

impl UnknownHandler for Unknown {
    async fn handle(&self, call: &Call, body: Bytes) -> Result<Bytes, Error> {
        let service = if call.service().is_empty() { "-" } else { call.service() };
        let codec = if call.codec() == Codec::Protobuf {
            "protobuf"
        } else {
            "thrift"
        };
        let text = format!("unknown {service} {} {codec} {}", call.method(), body.len());
        let mut answer = BytesMut::new();
        if call.codec() == Codec::Protobuf {
            // Field 1, a string; shorter than 128 bytes.
            answer.put_u8(0x0a);
            answer.put_u8(u8::try_from(text.len()).map_err(Error::new)?);
            answer.put_slice(text.as_bytes());
        } else {
            // The result struct: field 0 is a struct whose field 1 is the text.
            answer.put_slice(&[12, 0, 0, 11, 0, 1]);
            answer.put_u32(u32::try_from(text.len()).map_err(Error::new)?);
            answer.put_slice(text.as_bytes());
            answer.put_slice(&[0, 0]);
        }
        Ok(answer.freeze())
    }
}

/// As the Go server calls itself.
const SERVER_NAME: &str = "interop.server";
