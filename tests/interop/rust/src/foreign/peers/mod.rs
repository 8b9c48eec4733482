//! tonic, with a service of our own (`idl/peers.proto`): four modes, each with everything that can happen to a call.

mod cases;
mod client;
mod expect;
mod server;
mod words;

use kitewire::{Server, Tokio};
use tokio::sync::OnceCell;

use self::cases::{Case, cases};
use self::client::OurClient;
use self::server::Handlers;
use self::words::{Outcome, Script, Wish, Words};
use super::generated::peers::PeersServer;
use super::host::{Host, Running, compressing};
use super::process::Program;
use super::{Judged, Programs, Run, Side, Way};
use crate::go::GoWorker;
use crate::proxy::Proxy;

pub(super) async fn run(run: &mut Run) {
    let programs = run.programs.clone();
    for way in run.ways() {
        let place = OnceCell::new();
        for case in cases().iter().filter(|case| !case.missing(*way)) {
            run.cell(*way, PEER, &case.name(), async {
                let place: &Place = place.get_or_try_init(|| Place::start(*way, &programs)).await?;
                place.judge(*way, case).await
            })
            .await;
        }
    }
}

/// A server and a client of it.
struct Place {
    server: Running,
    client: Client,
}

enum Client {
    Tonic(GoWorker<Wish, Outcome>),
    Ours(OurClient),
}

impl Place {
    async fn start(way: Way, programs: &Programs) -> Result<Self, String> {
        let server = match way.server {
            Side::Peer => Program::start(&programs.tonic, "server").await?.into(),
            Side::Ours => {
                let server = Server::new(Tokio).register(PeersServer::new(Handlers::default()));
                Host::start(compressing(server)).await?.into()
            }
        };
        let client = match way.client {
            Side::Peer => Client::Tonic(GoWorker::start(&programs.tonic, &["client"])?),
            Side::Ours => Client::Ours(OurClient::default()),
        };
        Ok(Self { server, client })
    }

    async fn judge(&self, way: Way, case: &Case) -> Judged {
        let mut wish = case.wish.clone();
        wish.address = self.server.address().to_owned();
        if case.count > 1 {
            return self.at_once(way, case, wish).await;
        }
        if case.expect.wire.is_none() {
            let outcome = self.call(wish).await?;
            let detail = case.expect.check(way, case.method, &outcome)?;
            return Ok(detail + &self.ending(case).await?);
        }
        let wire = Proxy::start(self.server.address(), None).await?;
        wish.address.clone_from(&wire.address);
        let outcome = self.call(wish).await?;
        let detail = case.expect.check(way, case.method, &outcome)?;
        Ok(format!("{detail}, {}", case.expect.check_wire(&wire.carried())?))
    }

    /// The same call many times beside each other.
    async fn at_once(&self, way: Way, case: &Case, wish: Wish) -> Judged {
        let calls = (0..case.count).map(|_| self.call(wish.clone()));
        for outcome in crate::plain::join(calls.collect()).await {
            case.expect.check(way, case.method, &outcome?)?;
        }
        Ok(format!("{} calls", case.count))
    }

    /// What the handler of the case's call came to know, asked over the same connection.
    async fn ending(&self, case: &Case) -> Result<String, String> {
        let Some(wanted) = case.ending else {
            return Ok(String::new());
        };
        let script = Script {
            call: case.call(),
            ..Script::default()
        };
        let asked = Wish {
            address: self.server.address().to_owned(),
            method: "ended",
            says: vec![Words {
                script: Some(script),
                ..Words::default()
            }],
            ..Wish::default()
        };
        let outcome = self.call(asked).await?;
        if outcome.text != wanted {
            return Err(format!(
                "the handler saw {:?}, not {wanted:?}: {outcome:?}",
                outcome.text
            ));
        }
        Ok(format!(", handler: {wanted}"))
    }

    async fn call(&self, wish: Wish) -> Result<Outcome, String> {
        match &self.client {
            Client::Tonic(client) => client.call(wish).await,
            Client::Ours(client) => client.call(wish).await,
        }
    }
}

/// Byte `i` is `i` modulo 251.
fn payload(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

const PEER: &str = "tonic";
