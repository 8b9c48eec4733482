//! Our server, in this process.

use std::time::{Duration, Instant};

use kitewire::bytes::Bytes;
use kitewire::proto::http2::{self, KeepAlive};
use kitewire::proto::wire::grpc::GRACEFUL_SHUTDOWN;
use kitewire::{Call, Error, GrpcConfig, Server, ServerHandle, Switch, Tokio, UnknownHandler};

use super::script::Script;
use super::services::registration;
use crate::call::{ServerConfig, Stopped};
use crate::ours::pingpong_service;

/// A running server; ends at once when dropped.
pub(crate) struct OurServer {
    pub(crate) address: String,
    handle: ServerHandle,
    patience: Duration,
    running: tokio::task::JoinHandle<Result<(), kitewire::Unfinished>>,
    stop_began: Instant,
}

impl OurServer {
    pub(crate) async fn start(config: &ServerConfig) -> Result<Self, String> {
        let script = Script::new(config.next.clone());
        let mut grpc = GrpcConfig::default();
        grpc.send_gzip = if config.gzip { Switch::On } else { Switch::Off };
        grpc.accept_gzip = if config.no_gzip { Switch::Off } else { Switch::On };
        let mut server = Server::new(Tokio)
            .refuse_without_service_name()
            .meta(if config.ttheader_meta { Switch::On } else { Switch::Off })
            .http2_config(http2(config))
            .grpc(grpc);
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
        let bound = server.bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = bound.local_addr().map_err(|error| error.to_string())?.to_string();
        let handle = bound.handle();
        let patience = match config.exit_wait_ms {
            0 => PATIENCE,
            millis => Duration::from_millis(millis),
        };
        Ok(Self {
            address,
            handle,
            patience,
            running: tokio::spawn(bound.run()),
            stop_began: Instant::now(),
        })
    }

    /// Begins the graceful stop.
    pub(crate) fn stop(&mut self) {
        self.stop_began = Instant::now();
        self.handle.shutdown(self.patience);
    }

    /// Waits for its end.
    pub(crate) async fn stopped(&mut self) -> Result<Stopped, String> {
        let ended = (&mut self.running).await.map_err(|error| error.to_string())?;
        let elapsed_ms = u64::try_from(self.stop_began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Stopped {
            elapsed_ms,
            error: ended.err().map(|error| error.to_string()).unwrap_or_default(),
        })
    }
}

impl Drop for OurServer {
    fn drop(&mut self) {
        self.running.abort();
    }
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
            timeout: Duration::from_millis(500),
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

/// As Kitex's default.
const PATIENCE: Duration = Duration::from_secs(5);
