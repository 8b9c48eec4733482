//! Servers of both sides behind one face.

use kitewire::{GrpcConfig, Runtime, Server, Switch, Tokio};

use super::process::Program;

/// A running server; ends at once when dropped.
pub(super) enum Running {
    Peer(Box<Program>),
    Ours(Host),
}

impl Running {
    pub(super) fn address(&self) -> &str {
        match self {
            Self::Peer(program) => &program.address,
            Self::Ours(host) => &host.address,
        }
    }
}

impl From<Program> for Running {
    fn from(program: Program) -> Self {
        Self::Peer(Box::new(program))
    }
}

impl From<Host> for Running {
    fn from(host: Host) -> Self {
        Self::Ours(host)
    }
}

/// Our server, in this process.
pub(super) struct Host {
    address: String,
    running: tokio::task::JoinHandle<()>,
}

impl Host {
    pub(super) async fn start<R: Runtime>(server: Server<R>) -> Result<Self, String> {
        let bound = server.bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = bound.local_addr().map_err(|error| error.to_string())?.to_string();
        let running = tokio::spawn(async move {
            if let Err(error) = bound.run().await {
                eprintln!("our server: {error}");
            }
        });
        Ok(Self { address, running })
    }
}

/// The server answers compressed to who accepts it.
pub(super) fn compressing(server: Server<Tokio>) -> Server<Tokio> {
    let mut config = GrpcConfig::default();
    config.send_gzip = Switch::On;
    server.grpc(config)
}

impl Drop for Host {
    fn drop(&mut self) {
        self.running.abort();
    }
}
