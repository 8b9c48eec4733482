//! The plain cases of gRPC's interop service.

mod client;
mod secured;
mod server;

use kitewire::{Server, Tokio};
use tokio::sync::OnceCell;

use self::client::Caller;
pub(super) use self::server::{TestServer, check_payload, payload};
use super::generated::interop::TestServiceServer;
use super::host::{Host, Running};
use super::process::{Program, run_to_end};
use super::{Judged, Programs, Run, Side, Way};

pub(super) async fn run(run: &mut Run) {
    let programs = run.programs.clone();
    for way in run.ways() {
        let server = OnceCell::new();
        let soaks = SOAKS.iter().filter(|_| way.client == Side::Peer);
        for case in CASES.iter().chain(soaks) {
            run.cell(*way, PEER, case, async {
                let server = server.get_or_try_init(|| start(*way, &programs)).await?;
                judge(*way, case, server.address(), &programs).await
            })
            .await;
        }
    }
}

async fn judge(way: Way, case: &str, address: &str, programs: &Programs) -> Judged {
    if way.client == Side::Ours {
        return Caller::to(address)?.run(case).await;
    }
    let (_, port) = address.rsplit_once(':').ok_or("no port")?;
    let port = format!("--server_port={port}");
    let case = format!("--test_case={case}");
    let client = programs.grpc_go.join("interop_client");
    let server = ["--server_host=127.0.0.1", &port];
    run_to_end(&client, &[&server[..], &[&case], &SOAK_OPTIONS].concat()).await?;
    Ok("exit status 0".to_owned())
}

async fn start(way: Way, programs: &Programs) -> Result<Running, String> {
    Ok(match way.server {
        Side::Peer => {
            let program = programs.grpc_go.join("interop_server");
            Program::start_interop(&program, &[]).await?.into()
        }
        Side::Ours => {
            let server = Server::new(Tokio).register(TestServiceServer::new(TestServer));
            Host::start(server).await?.into()
        }
    })
}

pub(super) use self::secured::run as run_secured;

const PEER: &str = "grpc-go";

/// Many large unary calls beside each other, over one connection and over one for each.
const SOAKS: [&str; 2] = ["rpc_soak", "channel_soak"];
const SOAK_OPTIONS: [&str; 4] = [
    "--soak_iterations=100",
    "--soak_num_threads=4",
    "--soak_per_iteration_max_acceptable_latency_ms=30000",
    "--soak_overall_timeout_seconds=60",
];

/// As grpc-go's client names them.
const CASES: [&str; 14] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
];
