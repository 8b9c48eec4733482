//! Settings of a server for gRPC.

use std::sync::Arc;
use std::time::Duration;

use kitewire_proto::Switch;
use kitewire_proto::grpc::{self, UnknownNames};

use super::plain::Http2;
use crate::server::Server;

/// How a server speaks gRPC, HTTP/2 apart. See [`Server::grpc`](crate::Server::grpc).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcConfig {
    /// Whether callers that accept gzip are answered with it. Default off.
    pub send_gzip: Switch,
    /// Whether compressed requests are taken. Default on.
    pub accept_gzip: Switch,
    /// Which status a call to an unknown service or method ends with. Default [`UnknownNames::Auto`].
    pub unknown_names: UnknownNames,
    /// Largest message that is taken, after decompression. Default 16 MiB (Kitex: no limit).
    pub max_received_message: u32,
    /// Largest message that is sent, before compression. Default 16 MiB (Kitex: no limit).
    pub max_sent_message: u32,
    /// Most bytes of messages that one connection puts together or has decompressed. Default 32 MiB.
    pub max_messages: usize,
    /// How long the message of a call with a single request may not get on. Default 30 s.
    pub message_timeout: Duration,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        let config = grpc::Config::default();
        Self {
            send_gzip: config.send_gzip,
            accept_gzip: config.accept_gzip,
            unknown_names: config.unknown_names,
            max_received_message: config.max_received_message,
            max_sent_message: config.max_sent_message,
            max_messages: config.max_messages,
            message_timeout: config.message_timeout,
        }
    }
}

impl GrpcConfig {
    /// What connections are made with.
    pub(crate) fn fix(self, http2: Http2) -> grpc::Config {
        let mut config = grpc::Config::default();
        config.http2 = Arc::new(http2.config);
        config.http = http2.requests;
        config.send_gzip = self.send_gzip;
        config.accept_gzip = self.accept_gzip;
        config.unknown_names = self.unknown_names;
        config.max_received_message = self.max_received_message;
        config.max_sent_message = self.max_sent_message;
        config.max_messages = self.max_messages;
        config.message_timeout = self.message_timeout;
        config
    }
}

impl<R> Server<R> {
    /// How gRPC is spoken. It always is: services need nothing for it, and HTTP/2 has its settings in
    /// [`Self::http2_config`].
    ///
    /// ```no_run
    /// # use kitewire::{GrpcConfig, Registration, Runtime, Server, Switch};
    /// # async fn run<R: Runtime>(runtime: R, cart: Registration) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = GrpcConfig::default();
    /// config.send_gzip = Switch::On;
    /// let bound = Server::new(runtime).register(cart).grpc(config).bind("0.0.0.0:8888").await?;
    /// # bound.run().await?; Ok(()) }
    /// ```
    pub fn grpc(mut self, config: GrpcConfig) -> Self {
        self.grpc = config;
        self
    }
}
