//! Streams: calls over gRPC, with the plain requests that come over the same connections, and streams over TTHeader.

mod serving;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use serving::StreamServing;

use kitewire_proto::ttstream;

use crate::server::Server;

impl<R> Server<R> {
    /// How streams over TTHeader are spoken. They always are: services need nothing for it.
    ///
    /// ```no_run
    /// # use kitewire::{Registration, Runtime, Server, TtStreamConfig};
    /// # async fn run<R: Runtime>(runtime: R, chat: Registration) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = TtStreamConfig::default();
    /// config.max_streams = 100;
    /// let bound = Server::new(runtime).register(chat).tt_streams(config).bind("0.0.0.0:8888").await?;
    /// # bound.run().await?; Ok(()) }
    /// ```
    pub fn tt_streams(mut self, config: ttstream::Config) -> Self {
        self.tt_streams = config;
        self
    }
}
