//! The verbs of a stream as futures, and settings that fit together.

use std::future::poll_fn;
use std::io;

use kitewire_runtime::{Address, BytesMut, Io, IoSlice, Listener, Runtime};
use kitewire_testkit::certificates::{Authority, Issued};
use kitewire_tls::{Identity, Roots, Tls, TlsClient, TlsError, TlsErrorKind, TlsServer, TlsServerBuilder};

use crate::wire::{Wire, both};

pub type Secured = <Tls<Wire> as Runtime>::Io;

/// Who trusts whom.
pub struct World {
    pub authority: Authority,
    pub stranger: Authority,
    pub server: Issued,
}

impl World {
    pub fn new() -> Self {
        let authority = Authority::new("authority");
        Self {
            server: authority.issue(&["server.test", "127.0.0.1"]),
            stranger: Authority::new("stranger"),
            authority,
        }
    }

    pub fn server(&self) -> TlsServerBuilder {
        TlsServer::builder(identity(&self.server))
    }

    pub fn roots(&self) -> Roots {
        Roots::pem(self.authority.certificate())
    }

    pub fn client(&self) -> TlsClient {
        TlsClient::builder(self.roots()).build().unwrap()
    }
}

pub fn identity(issued: &Issued) -> Identity {
    Identity::pem(issued.chain.clone(), issued.key.clone())
}

/// What both sides come to.
pub struct Met {
    /// The client, once it has an answer, or why it has none.
    pub client: io::Result<Secured>,
    pub server: Secured,
    /// What the server has read first, or why there is nothing.
    pub first: io::Result<usize>,
}

/// Connects; the client sends one byte, and the server sends one back.
pub async fn meet(wire: &Wire, server: TlsServer, client: TlsClient) -> Met {
    meet_at(wire, server, client, "server.test:1").await
}

pub async fn meet_at(wire: &Wire, server: TlsServer, client: TlsClient, address: &str) -> Met {
    let runtime = Tls::new(wire.clone()).server(server).client(client);
    let address = Address::from(address);
    let mut listener = runtime.listen(&address).await.unwrap();
    let client = async {
        let mut io = runtime.connect(&address).await?;
        send(&mut io, b"?").await?;
        receive(&mut io).await?;
        Ok(io)
    };
    let server = async {
        let mut io = accept(&mut listener).await;
        let first = receive(&mut io).await.map(|bytes| bytes.len());
        if first.is_ok() {
            send(&mut io, b"!").await.unwrap();
        }
        (io, first)
    };
    let (client, (server, first)) = both(client, server).await;
    Met { client, server, first }
}

pub async fn accept<L: Listener>(listener: &mut L) -> L::Io {
    poll_fn(|cx| listener.poll_accept(cx)).await.unwrap()
}

/// Reads once; nothing at the end.
pub async fn receive(io: &mut impl Io) -> io::Result<BytesMut> {
    let mut bytes = BytesMut::with_capacity(20_000);
    poll_fn(|cx| io.poll_read(cx, &mut bytes)).await?;
    Ok(bytes)
}

pub async fn send(io: &mut impl Io, bytes: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        let slices = [IoSlice::new(&bytes[sent..])];
        sent += poll_fn(|cx| io.poll_write(cx, &slices)).await?;
    }
    Ok(())
}

pub async fn close(io: &mut impl Io) -> io::Result<()> {
    poll_fn(|cx| io.poll_close(cx)).await
}

/// What `result` failed with.
#[track_caller]
pub fn kind<T>(result: io::Result<T>) -> TlsErrorKind {
    tls_error(result).kind().clone()
}

#[track_caller]
pub fn tls_error<T>(result: io::Result<T>) -> TlsError {
    match result {
        Ok(_) => panic!("that went well"),
        Err(error) => TlsError::of(&error).unwrap_or_else(|| panic!("{error:?}")).clone(),
    }
}
