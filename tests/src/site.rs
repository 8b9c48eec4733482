//! A server whose handlers each test gives, and clients for it.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use kitewire::bytes::Bytes;
use kitewire::{Address, Call, Client, ClientBuilder, Error, Receiver, Sender, Server, ServerHandle, Transport};
use kitewire_tokio::Tokio;

/// Generated from `idl/promises.thrift`.
#[allow(missing_docs, reason = "generated")]
pub mod promises {
    kitewire::include_idl!("promises");
}
pub use promises::{Ask, Heir, HeirClient, HeirServer, Promises, PromisesClient, PromisesServer, Reply};

/// What a handler returns.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;
type Ping = dyn for<'a> Fn(&'a Call, Ask) -> Work<'a, Reply> + Send + Sync;
type Collect = dyn for<'a> Fn(&'a Call, Receiver<Ask>) -> Work<'a, Reply> + Send + Sync;
type Watch = dyn for<'a> Fn(&'a Call, Ask, Sender<Reply>) -> Work<'a, ()> + Send + Sync;
type Talk = dyn for<'a> Fn(&'a Call, Receiver<Ask>, Sender<Reply>) -> Work<'a, ()> + Send + Sync;

/// The handlers of a test. Those that it does not give echo.
#[allow(missing_debug_implementations, reason = "nothing but closures")]
pub struct Scene {
    ping: Box<Ping>,
    collect: Box<Collect>,
    watch: Box<Watch>,
    talk: Box<Talk>,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// Every handler echoes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ping: Box::new(|_, ask| Box::pin(async move { Ok(reply(&ask.text)) })),
            collect: Box::new(|_, mut asks| {
                Box::pin(async move {
                    let mut texts = Vec::new();
                    while let Some(ask) = asks.recv().await? {
                        texts.push(ask.text);
                    }
                    Ok(reply(&texts.join(" ")))
                })
            }),
            watch: Box::new(|_, ask, mut out| {
                Box::pin(async move {
                    for word in ask.text.split(' ') {
                        out.send(reply(word)).await?;
                    }
                    Ok(())
                })
            }),
            talk: Box::new(|_, mut asks, mut out| {
                Box::pin(async move {
                    while let Some(ask) = asks.recv().await? {
                        out.send(reply(&ask.text)).await?;
                    }
                    Ok(())
                })
            }),
        }
    }

    /// Handles `ping` and `unary`.
    #[must_use]
    pub fn ping(mut self, handler: impl for<'a> Fn(&'a Call, Ask) -> Work<'a, Reply> + Send + Sync + 'static) -> Self {
        self.ping = Box::new(handler);
        self
    }

    /// Handles `collect`.
    #[must_use]
    pub fn collect(
        mut self,
        handler: impl for<'a> Fn(&'a Call, Receiver<Ask>) -> Work<'a, Reply> + Send + Sync + 'static,
    ) -> Self {
        self.collect = Box::new(handler);
        self
    }

    /// Handles `watch`.
    #[must_use]
    pub fn watch(
        mut self,
        handler: impl for<'a> Fn(&'a Call, Ask, Sender<Reply>) -> Work<'a, ()> + Send + Sync + 'static,
    ) -> Self {
        self.watch = Box::new(handler);
        self
    }

    /// Handles `talk`.
    #[must_use]
    pub fn talk(
        mut self,
        handler: impl for<'a> Fn(&'a Call, Receiver<Ask>, Sender<Reply>) -> Work<'a, ()> + Send + Sync + 'static,
    ) -> Self {
        self.talk = Box::new(handler);
        self
    }

    /// Serves it.
    pub async fn serve(self) -> Site {
        Site::of(Server::new(Tokio).register(PromisesServer::new(self))).await
    }
}

impl Promises for Scene {
    async fn ping(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        (self.ping)(call, ask).await
    }

    async fn unary(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        (self.ping)(call, ask).await
    }

    async fn collect(&self, call: &Call, requests: Receiver<Ask>) -> Result<Reply, Error> {
        (self.collect)(call, requests).await
    }

    async fn watch(&self, call: &Call, ask: Ask, out: Sender<Reply>) -> Result<(), Error> {
        (self.watch)(call, ask, out).await
    }

    async fn talk(&self, call: &Call, requests: Receiver<Ask>, out: Sender<Reply>) -> Result<(), Error> {
        (self.talk)(call, requests, out).await
    }
}

/// A server that runs.
#[allow(missing_debug_implementations, reason = "nobody prints it")]
pub struct Site {
    /// Where it listens.
    pub address: Address,
    /// To look at it and to stop it.
    pub handle: ServerHandle,
}

impl Site {
    /// Runs `server` on a free port.
    ///
    /// # Panics
    /// If it cannot be bound.
    pub async fn of(server: Server<Tokio>) -> Self {
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        let address = bound.local_addr().unwrap();
        let handle = bound.handle();
        tokio::spawn(bound.run());
        Self { address, handle }
    }

    /// A description of a client whose calls and streams go over gRPC.
    pub fn builder(&self) -> ClientBuilder {
        Client::to(self.address.clone())
            .transport(Transport::Grpc)
            .connect_timeout(PATIENCE)
    }

    /// A client of such a description.
    ///
    /// # Panics
    /// If it cannot be built.
    #[must_use]
    pub fn client(&self) -> PromisesClient {
        PromisesClient::new(self.builder().build(Tokio).unwrap())
    }

    /// Waits until no call is open.
    pub async fn quiet(&self) {
        within(async {
            while self.handle.stats().calls > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// A request with a text and no payload.
#[must_use]
pub fn ask(text: &str) -> Ask {
    Ask {
        text: text.into(),
        payload: Bytes::new(),
    }
}

/// An answer with a text and no payload.
#[must_use]
pub fn reply(text: &str) -> Reply {
    Reply {
        text: text.into(),
        payload: Bytes::new(),
    }
}

/// What nothing here takes.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for `work`, but not for ever.
///
/// # Panics
/// If it takes longer than [`PATIENCE`].
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("it should have ended")
}

/// An [`Ask`] as it is on the wire.
#[must_use]
pub fn ask_bytes(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [
        &[0x0b, 0, 1],
        &length[..],
        text.as_bytes(),
        &[0x0b, 0, 2, 0, 0, 0, 0, 0],
    ]
    .concat()
}
