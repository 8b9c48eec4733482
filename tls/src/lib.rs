//! TLS for kitewire, under any of its runtimes: [rustls] as a layer of bytes.
//!
//! [`Tls`] makes a runtime of another one. Servers and clients take it in its place, and everything else in a program
//! stays as it is: every protocol of the port, streams, pools.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kitewire_tls::{Identity, Roots, Tls, TlsClient, TlsServer};
//! use kitewire_tokio::Tokio;
//!
//! let tls = TlsServer::builder(Identity::files("server.pem", "server.key"))
//!     .require_client_certificates(Roots::file("clients-ca.pem"))
//!     .build()?;
//! let runtime = Tls::new(Tokio).server(tls.clone());
//! // Server::new(runtime).register(…).bind("0.0.0.0:8888")
//!
//! let client = TlsClient::builder(Roots::file("ca.pem"))
//!     .identity(Identity::files("client.pem", "client.key"))
//!     .build()?;
//! let runtime = Tls::new(Tokio).client(client);
//! // Client::to("shop.example:8888").build(runtime)
//!
//! tls.reload()?; // Reads the files again, for the connections to come.
//! # Ok(())
//! # }
//! ```
//!
//! # How it behaves
//!
//! - **Accepting** never waits for a handshake: that is done by the first reads of the connection's own task, and has to
//!   end within [`TlsServerBuilder::handshake_timeout`]. A client that is refused is told why, and gets time to read it.
//! - **Connecting** is over when the handshake is, so a bad certificate is an error of the connection, which says whose
//!   it is and what is wrong with it: [`TlsError`]. Over TLS 1.3 a server's opinion of the client's certificate comes
//!   later, with the first read, or with the write that fails for it.
//! - **Ends** are told apart: a peer that says that it is done ends the stream, one that just goes away fails it
//!   ([`TlsErrorKind::Truncated`]).
//! - **Memory**: at most 64 KiB are encrypted ahead of the socket, and one record is decrypted ahead of the reader.
//! - **Versions** are TLS 1.3 and 1.2, with the cryptography of the ring crate. For anything else give your own
//!   configuration of rustls to [`TlsServer::from_config`] or [`TlsClient::from_config`].
//! - **Time and chance**: certificates are checked against the system's clock, and keys are random, also in a simulated
//!   world. Bytes on the wire differ from run to run there; what arrives does not.

mod block;
mod client;
mod error;
mod io;
mod pem;
mod server;
mod session;
mod settings;
mod strangers;

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll, ready};

use kitewire_runtime::{Address, Instant, Listener, Runtime, Timer};
use rustls::{ClientConnection, Connection, ServerConnection};

pub use client::{TlsClient, TlsClientBuilder};
pub use error::{ConfigError, ConfigErrorKind, TlsError, TlsErrorKind};
pub use io::TlsIo;
pub use pem::{Identity, Roots};
pub use rustls;
pub use server::{TlsServer, TlsServerBuilder};

use error::Stage;

/// The runtime `R` with TLS on its connections.
///
/// It listens with what [`Self::server`] was given and connects with what [`Self::client`] was. Without them it refuses:
/// nothing is ever sent in the clear.
#[derive(Clone, Debug)]
pub struct Tls<R> {
    runtime: R,
    server: Option<TlsServer>,
    client: Option<TlsClient>,
}

impl<R: Runtime> Tls<R> {
    /// TLS over the connections of `runtime`.
    pub const fn new(runtime: R) -> Self {
        Self {
            runtime,
            server: None,
            client: None,
        }
    }

    /// What to listen with.
    #[must_use]
    pub fn server(mut self, server: TlsServer) -> Self {
        self.server = Some(server);
        self
    }

    /// What to connect with.
    #[must_use]
    pub fn client(mut self, client: TlsClient) -> Self {
        self.client = Some(client);
        self
    }
}

impl<R: Runtime> Runtime for Tls<R> {
    type Io = TlsIo<R::Io, R::Timer>;
    type Listener = TlsListener<R>;
    type Timer = R::Timer;

    async fn listen(&self, address: &Address) -> std::io::Result<TlsListener<R>> {
        let Some(server) = self.server.clone() else {
            return Err(TlsError::new(TlsErrorKind::NotConfigured, Stage::Handshake, None, None).into());
        };
        Ok(TlsListener {
            listener: self.runtime.listen(address).await?,
            runtime: self.runtime.clone(),
            server,
        })
    }

    async fn connect(&self, address: &Address) -> std::io::Result<Self::Io> {
        let failed = |kind, name| TlsError::new(kind, Stage::Handshake, Some(address.clone()), name);
        let Some(client) = &self.client else {
            return Err(failed(TlsErrorKind::NotConfigured, None).into());
        };
        let Some(name) = client.name_of(address) else {
            return Err(failed(TlsErrorKind::NoServerName, None).into());
        };
        let text = name.to_str().into_owned();
        let connection = ClientConnection::new(client.config(), name)
            .map_err(|error| failed(TlsErrorKind::of(error), Some(text.clone())))?;
        let io = self.runtime.connect(address).await?;
        TlsIo::connect(io, Connection::Client(connection), text).await
    }

    fn timer(&self) -> R::Timer {
        self.runtime.timer()
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

/// A listening socket whose connections are secured.
pub struct TlsListener<R: Runtime> {
    listener: R::Listener,
    runtime: R,
    server: TlsServer,
}

impl<R: Runtime> Listener for TlsListener<R> {
    type Io = TlsIo<R::Io, R::Timer>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<Self::Io>> {
        let io = ready!(self.listener.poll_accept(cx))?;
        let connection = ServerConnection::new(self.server.config())
            .map_err(|error| TlsError::new(TlsErrorKind::of(error), Stage::Handshake, None, None))?;
        let mut deadline = self.runtime.timer();
        deadline.arm(self.runtime.now() + self.server.handshake_timeout());
        Poll::Ready(Ok(TlsIo::server(io, Connection::Server(connection), deadline)))
    }

    fn local_address(&self) -> std::io::Result<Address> {
        self.listener.local_address()
    }
}

/// Nothing in it is pinned.
impl<R: Runtime> Unpin for TlsListener<R> {}

impl<R: Runtime> fmt::Debug for TlsListener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("address", &self.local_address())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
