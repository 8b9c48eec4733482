//! The cases of gRPC's interop service over TLS.

use kitewire::Server;
use tokio::sync::OnceCell;

use super::client::Caller;
use super::server::TestServer;
use super::{CASES, PEER};
use crate::foreign::generated::interop::TestServiceServer;
use crate::foreign::host::{Host, Running};
use crate::foreign::process::{Program, run_to_end};
use crate::foreign::{Judged, Programs, Run, Side, Way};
use crate::secured::{Files, connecting, listening};

pub(in crate::foreign) async fn run(run: &mut Run) {
    let files = match Files::new() {
        Ok(files) => files,
        Err(error) => return run.failed.push(format!("certificates: {error}")),
    };
    let programs = run.programs.clone();
    for way in run.ways() {
        let server = OnceCell::new();
        // What is looked for on the wire cannot be read there.
        let cases = CASES
            .iter()
            .filter(|case| way.client == Side::Peer || !case.starts_with("cancel_"));
        for case in cases {
            run.cell(*way, PEER, &format!("tls {case}"), async {
                let server = server.get_or_try_init(|| start(*way, &programs, &files)).await?;
                judge(*way, case, server.address(), &programs, &files).await
            })
            .await;
        }
    }
}

async fn judge(way: Way, case: &str, address: &str, programs: &Programs, files: &Files) -> Judged {
    if way.client == Side::Ours {
        return Caller::over(connecting(&files.client())?, address)?.run(case).await;
    }
    let (host, port) = address.rsplit_once(':').ok_or("no port")?;
    let arguments = [
        format!("--server_host={host}"),
        format!("--server_port={port}"),
        format!("--test_case={case}"),
        format!("--ca_file={}", files.ca()),
        "--use_tls".to_owned(),
        "--use_test_ca".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_to_end(&programs.grpc_go.join("interop_client"), &arguments).await?;
    Ok("exit status 0".to_owned())
}

async fn start(way: Way, programs: &Programs, files: &Files) -> Result<Running, String> {
    let shown = files.server();
    Ok(match way.server {
        Side::Peer => {
            let program = programs.grpc_go.join("interop_server");
            let secured = [
                "--use_tls".to_owned(),
                format!("--tls_cert_file={}", shown.cert),
                format!("--tls_key_file={}", shown.key),
            ];
            Program::start_interop(&program, &secured).await?.into()
        }
        Side::Ours => {
            let server = Server::new(listening(&shown)?).register(TestServiceServer::new(TestServer));
            Host::start(server).await?.into()
        }
    })
}
