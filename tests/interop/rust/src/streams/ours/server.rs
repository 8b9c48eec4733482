//! Our server of streams, and of calls over gRPC.

use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::proto::http2::{self, KeepAlive};
use kitewire::proto::wire::grpc::GRACEFUL_SHUTDOWN;
use kitewire::{Call, Error, GrpcConfig, Runtime, Server, Switch, Tokio, TtStreamConfig, UnknownHandler};

use super::script::Script;
use super::services::registration;
use crate::call::ServerConfig;
use crate::ours::{OurServer, PATIENCE, pingpong_service};
use crate::secured;

/// A server as `config` asks for.
pub(crate) async fn start(config: &ServerConfig) -> Result<OurServer, String> {
    match &config.tls {
        Some(files) => start_on(Server::new(secured::listening(files)?), config).await,
        None => start_on(Server::new(Tokio), config).await,
    }
}

async fn start_on<R: Runtime>(server: Server<R>, config: &ServerConfig) -> Result<OurServer, String> {
    let script = Script::new(config.next.clone());
    let mut grpc = GrpcConfig::default();
    grpc.send_gzip = if config.gzip { Switch::On } else { Switch::Off };
    grpc.accept_gzip = if config.no_gzip { Switch::Off } else { Switch::On };
    let mut server = server
        .refuse_without_service_name()
        .meta(if config.ttheader_meta { Switch::On } else { Switch::Off })
        .http2_config(http2(config))
        .grpc(grpc)
        .tt_streams(ttheader(config));
    for name in &config.services {
        let registered = registration(name, &script);
        server = server.register(match registered {
            Some(registered) => registered,
            None => pingpong_service(name)?,
        });
    }
    if config.unknown_handler {
        server = server.unknown_handler(Unknown);
    }
    let patience = match config.exit_wait_ms {
        0 => PATIENCE,
        millis => Duration::from_millis(millis),
    };
    OurServer::run(server, patience).await
}

fn ttheader(config: &ServerConfig) -> TtStreamConfig {
    let mut ttheader = TtStreamConfig::default();
    if config.max_streams > 0 {
        ttheader.max_streams = config.max_streams;
    }
    ttheader
}

fn http2(config: &ServerConfig) -> http2::Config {
    let mut http2 = http2::Config::default();
    http2.drain_code = GRACEFUL_SHUTDOWN;
    if config.max_streams > 0 {
        http2.max_concurrent_streams = config.max_streams;
    }
    if config.keep_alive_ms > 0 {
        http2.keep_alive = Some(KeepAlive {
            interval: Duration::from_millis(config.keep_alive_ms),
            timeout: Duration::from_secs(2),
            without_streams: Switch::On,
        });
    }
    if config.max_age_ms > 0 {
        http2.max_age = Some(Duration::from_millis(config.max_age_ms));
    }
    http2
}

/// Gives the first message back.
struct Unknown;

impl UnknownHandler for Unknown {
    async fn handle(&self, _call: &Call, body: Bytes) -> Result<Bytes, Error> {
        // Field 1 of the arguments of a unary method is a struct; field 0 of its result is, too.
        Ok(match body.strip_prefix(&[12, 0, 1]) {
            Some(rest) => [&[12, 0, 0], rest].concat().into(),
            None => body,
        })
    }
}
