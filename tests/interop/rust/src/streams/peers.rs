//! The peers of one lane: servers that its cases share, and its client.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ours::{self, OurCaller};
use super::wish::{Told, Wish};
use crate::call::ServerConfig;
use crate::go::{GoServer, GoWorker};
use crate::lanes::Side;
use crate::peers::{self, Server};

/// A client; calls run beside each other.
pub(crate) enum Caller {
    Kitex(GoWorker<Wish, Told>),
    Ours(OurCaller),
}

impl Caller {
    pub(crate) async fn call(&self, wish: Wish) -> Result<Told, String> {
        match self {
            Self::Kitex(client) => client.call(wish).await,
            Self::Ours(client) => Ok(client.call(wish).await),
        }
    }
}

/// Starts peers and keeps those that cases share.
pub(crate) struct Peers {
    program: PathBuf,
    servers: BTreeMap<(Side, ServerConfig), Server>,
    callers: BTreeMap<(Side, Gzip), Arc<Caller>>,
}

/// Whether a Kitex program was linked with its gzip package, which it then uses for every caller that knows gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gzip {
    Linked,
    Absent,
}

impl Peers {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self {
            program,
            servers: BTreeMap::new(),
            callers: BTreeMap::new(),
        }
    }

    /// A server of a case's own.
    pub(crate) async fn server(&self, side: Side, config: &ServerConfig) -> Result<Server, String> {
        let gzip = if config.gzip { Gzip::Linked } else { Gzip::Absent };
        match side {
            Side::Kitex => {
                let server = GoServer::start(&program(&self.program, gzip), config).await?;
                Ok(Server::Kitex(Box::new(server)))
            }
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

    /// The lane's client: one process for Kitex.
    pub(crate) fn caller(&mut self, side: Side, gzip: Gzip) -> Result<Arc<Caller>, String> {
        let key = (side, if side == Side::Ours { Gzip::Absent } else { gzip });
        if let Some(caller) = self.callers.get(&key) {
            return Ok(Arc::clone(caller));
        }
        let caller = Arc::new(match side {
            Side::Kitex => Caller::Kitex(GoWorker::start(&program(&self.program, gzip), &["streams"])?),
            Side::Ours => Caller::Ours(OurCaller::default()),
        });
        self.callers.insert(key, Arc::clone(&caller));
        Ok(caller)
    }

    /// A client of calls over other transports.
    pub(crate) fn pingpong(&self, side: Side) -> Result<Arc<peers::Client>, String> {
        peers::Peers::new(self.program.clone()).client(side)
    }

    /// After a cell that failed nobody knows what state its peers are in.
    pub(crate) fn forget(&mut self) {
        self.servers.clear();
        self.callers.clear();
    }
}

/// The program with gzip stands beside the one without.
fn program(without: &Path, gzip: Gzip) -> PathBuf {
    match gzip {
        Gzip::Absent => without.to_path_buf(),
        Gzip::Linked => without.with_file_name("peer-gzip"),
    }
}
