//! A server that runs, clients for it, and what comes out of their streams.

use std::sync::Arc;
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{
    Address, BidiStream, Client, ClientBuilder, Error, GrpcOptions, ServerHandle, ServerStream, StreamPool,
    StreamTransport, Transport, TtStreamOptions,
};
use tokio::sync::{Semaphore, mpsc};

use crate::any::Any;
use crate::desk::Ask;
use crate::shown::Shown;
use crate::site::Site;

/// A server that runs.
pub(crate) struct Place {
    pub(crate) address: Address,
    pub(crate) handle: ServerHandle,
    /// Lets handlers on that wait.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) told: mpsc::UnboundedReceiver<String>,
    pub(crate) home: Any,
    /// Where it is among the servers of the site.
    pub(crate) index: usize,
}

impl Place {
    /// A client whose calls go over `transport`.
    pub(crate) fn over(&self, transport: Transport) -> ClientBuilder {
        to(&self.address, transport)
    }

    /// A client whose calls and streams go over gRPC, over one connection.
    pub(crate) fn grpc(&self) -> ClientBuilder {
        self.over(Transport::Grpc)
    }

    /// A client whose streams go over TTHeader, all over one connection.
    pub(crate) fn tt_streams(&self) -> ClientBuilder {
        tt_streams(&self.address)
    }

    /// What a handler has told.
    pub(crate) async fn heard(&mut self) -> String {
        self.told.recv().await.unwrap()
    }

    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.home.accepted()
    }

    /// Waits until no call is open.
    pub(crate) async fn quiet(&self, site: &Site) {
        site.until("no call is open", || self.handle.stats().calls == 0).await;
    }
}

/// A stream whose messages are written down.
pub(crate) trait Source {
    /// The next message, and whether it was the last.
    async fn next(&mut self) -> (String, bool);
}

impl<T: Shown> Source for ServerStream<T> {
    async fn next(&mut self) -> (String, bool) {
        shown(self.recv().await)
    }
}

impl<A, T: Shown> Source for BidiStream<A, T> {
    async fn next(&mut self) -> (String, bool) {
        shown(self.recv().await)
    }
}

impl<T: Shown> Source for kitewire::Receiver<T> {
    async fn next(&mut self) -> (String, bool) {
        shown(self.recv().await)
    }
}

fn shown<T: Shown>(received: Result<Option<T>, Error>) -> (String, bool) {
    match received {
        Ok(Some(message)) => (message.shown(), false),
        Ok(None) => ("end".to_owned(), true),
        Err(error) => (error.shown(), true),
    }
}

/// A client of the server at `address`.
pub(crate) fn to(address: &Address, transport: Transport) -> ClientBuilder {
    Client::to(address.clone())
        .transport(transport)
        .grpc(GrpcOptions::default().connections(1))
        .connect_timeout(PATIENCE)
}

/// A client whose streams go over TTHeader, all over one connection.
pub(crate) fn tt_streams(address: &Address) -> ClientBuilder {
    let pool = StreamPool::Multiplexed { connections: 1 };
    to(address, Transport::TtHeader)
        .stream_transport(StreamTransport::TtHeader)
        .tt_streams(TtStreamOptions::default().pool(pool))
}

/// A request with a text alone.
pub(crate) fn ask(text: &str) -> Ask {
    Ask {
        text: text.into(),
        payload: Bytes::new(),
    }
}

/// What nothing here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
