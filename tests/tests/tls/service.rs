//! A service that says whom it sees, a server with it, and who trusts whom.

use std::sync::{Arc, Mutex};

use kitewire::bytes::Bytes;
use kitewire::http::{Request, Response};
use kitewire::{Address, Call, Error, Notice, PeerIdentity, Receiver, Runtime, Sender, Server, ServerHandle};
use kitewire_testkit::certificates::{Authority, Issued};
use kitewire_tls::{Identity, Roots, TlsClient, TlsClientBuilder, TlsServer, TlsServerBuilder};

use crate::promises::{Ask, Promises, PromisesServer, Reply};

/// Who trusts whom.
pub(crate) struct Trust {
    pub(crate) authority: Authority,
    pub(crate) server: Issued,
}

impl Trust {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("authority");
        // The last one is the first host of a simulated world.
        let server = authority.issue(&["shop.test", "127.0.0.1", "10.0.0.1"]);
        Self { authority, server }
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::pem(self.authority.certificate())
    }

    pub(crate) fn server(&self) -> TlsServerBuilder {
        TlsServer::builder(identity(&self.server))
    }

    pub(crate) fn client(&self) -> TlsClientBuilder {
        TlsClient::builder(self.roots())
    }
}

pub(crate) fn identity(issued: &Issued) -> Identity {
    Identity::pem(issued.chain.clone(), issued.key.clone())
}

/// Answers with what it got, and with whom it sees where the text is `who`.
struct Echo;

impl Promises for Echo {
    async fn ping(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        let Ask { text, payload } = ask;
        let text = match &*text {
            "who" => describe(call.peer_identity()),
            _ => text,
        };
        Ok(Reply { text, payload })
    }

    async fn unary(&self, call: &Call, ask: Ask) -> Result<Reply, Error> {
        Promises::ping(self, call, ask).await
    }

    async fn collect(&self, call: &Call, mut requests: Receiver<Ask>) -> Result<Reply, Error> {
        let mut last = Ask::default();
        while let Some(ask) = requests.recv().await? {
            last = ask;
        }
        Promises::ping(self, call, last).await
    }

    async fn watch(&self, call: &Call, ask: Ask, mut out: Sender<Reply>) -> Result<(), Error> {
        for _ in 0..3 {
            let reply = Promises::ping(self, call, ask.clone()).await?;
            out.send(reply).await?;
        }
        Ok(())
    }

    async fn talk(&self, call: &Call, mut requests: Receiver<Ask>, mut out: Sender<Reply>) -> Result<(), Error> {
        while let Some(ask) = requests.recv().await? {
            let reply = Promises::ping(self, call, ask).await?;
            out.send(reply).await?;
        }
        Ok(())
    }
}

async fn page(request: Request<Bytes>) -> Response<Bytes> {
    let identity = request.extensions().get::<Arc<PeerIdentity>>();
    let seen = describe(identity.map(|identity| &**identity));
    Response::new(format!("{} {seen}", request.uri()).into())
}

/// How many certificates, the application protocol, the name asked for.
fn describe(identity: Option<&PeerIdentity>) -> String {
    let Some(identity) = identity else {
        return "nobody".to_owned();
    };
    let protocol = identity.application_protocol.as_deref().unwrap_or(b"none");
    let name = identity.server_name.as_deref().unwrap_or("unnamed");
    format!("{} {} {name}", identity.certificates.len(), protocol.escape_ascii())
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: Address,
    pub(crate) handle: ServerHandle,
    /// What it says about sockets that failed.
    pub(crate) failures: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn serve<R: Runtime>(runtime: &R, listen: &Address) -> Running {
    let failures = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&failures);
    let server = Server::new(runtime.clone())
        .register(PromisesServer::new(Echo))
        .http(page)
        .observe(move |notice| {
            if let Notice::SocketFailed { error, .. } = notice {
                heard.lock().unwrap().push(error.to_string());
            }
        });
    let bound = server.bind(listen.clone()).await.unwrap();
    let (address, handle) = (bound.local_addr().unwrap(), bound.handle());
    runtime.spawn(async move {
        let _ = bound.run().await;
    });
    Running {
        address,
        handle,
        failures,
    }
}

impl Running {
    /// Ends it, so that it has heard of everything, and gives what it says about sockets that failed.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.handle.shutdown(std::time::Duration::from_secs(5));
        self.handle.wait().await;
        let failures = self.failures.lock().unwrap();
        failures.clone()
    }
}

pub(crate) fn ask(text: &str, size: usize) -> Ask {
    Ask {
        text: text.to_owned(),
        payload: vec![7; size].into(),
    }
}
