//! Servers and clients of both sides behind one face, started when first asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::call::{Call, Outcome, ServerConfig, Stopped};
use crate::go::{GoClient, GoServer};
use crate::lanes::Side;
use crate::ours::{self, OurClient, OurServer};

/// A running server; gone when dropped.
pub(crate) enum Server {
    Kitex(Box<GoServer>),
    Ours(OurServer),
}

impl Server {
    pub(crate) fn address(&self) -> &str {
        match self {
            Self::Kitex(server) => &server.address,
            Self::Ours(server) => &server.address,
        }
    }

    pub(crate) async fn stop(&mut self) -> Result<(), String> {
        match self {
            Self::Kitex(server) => server.stop().await,
            Self::Ours(server) => {
                server.stop();
                Ok(())
            }
        }
    }

    pub(crate) async fn stopped(&mut self) -> Result<Stopped, String> {
        match self {
            Self::Kitex(server) => server.stopped().await,
            Self::Ours(server) => server.stopped().await,
        }
    }
}

/// A client; calls run beside each other.
pub(crate) enum Client {
    Kitex(GoClient),
    Ours(OurClient),
}

impl Client {
    pub(crate) async fn call(&self, call: Call) -> Result<Outcome, String> {
        match self {
            Self::Kitex(client) => client.call(call).await,
            Self::Ours(client) => client.call(call).await,
        }
    }
}

/// Starts peers and keeps those that cases share.
pub(crate) struct Peers {
    program: PathBuf,
    servers: BTreeMap<(Side, ServerConfig), Server>,
}

impl Peers {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self {
            program,
            servers: BTreeMap::new(),
        }
    }

    /// A server of a case's own.
    pub(crate) async fn server(&self, side: Side, config: &ServerConfig) -> Result<Server, String> {
        match side {
            Side::Kitex => Ok(Server::Kitex(Box::new(GoServer::start(&self.program, config).await?))),
            Side::Ours => Ok(Server::Ours(ours::start(config).await?)),
        }
    }

    /// The address of a server that cases with the same wishes share.
    pub(crate) async fn shared(&mut self, side: Side, config: &ServerConfig) -> Result<String, String> {
        let key = (side, config.clone());
        if let Some(server) = self.servers.get(&key) {
            return Ok(server.address().to_owned());
        }
        let server = self.server(side, config).await?;
        let address = server.address().to_owned();
        self.servers.insert(key, server);
        Ok(address)
    }

    /// A client of a lane's own: one process for Kitex.
    pub(crate) fn client(&self, side: Side) -> Result<Arc<Client>, String> {
        match side {
            Side::Kitex => Ok(Arc::new(Client::Kitex(GoClient::start(&self.program, &["client"])?))),
            Side::Ours => Ok(Arc::new(Client::Ours(OurClient::default()))),
        }
    }
}
