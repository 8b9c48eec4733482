//! Programs of peers: gone when their handles are dropped, and never waited for without an end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::LOG;

/// A server in a process of its own.
pub(super) struct Program {
    pub(super) address: String,
    // Kept for its kill on drop.
    _child: Child,
    // Some end when this does.
    _input: Option<ChildStdin>,
}

impl Program {
    /// Starts one that prints its address.
    pub(super) async fn start(program: &Path, argument: &str) -> Result<Self, String> {
        let mut child = command(program, [argument])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.map_err(|_| "the server does not tell its address")?;
        let line = line.ok().flatten().ok_or("the server ended at once")?;
        let event: Listening = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        Ok(Self {
            address: event.address,
            _child: child,
            _input: input,
        })
    }

    /// Starts grpc-go's interop server, which tells its port in its log alone.
    pub(super) async fn start_interop(program: &Path, options: &[String]) -> Result<Self, String> {
        let mut child = command(program, ["--port=0"])
            .args(options)
            .env("GRPC_GO_LOG_SEVERITY_LEVEL", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let log = child.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(log).lines();
        let port = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, address)) = line.split_once("server listening on ") {
                    return address.rsplit_once(':').map(|(_, port)| port.to_owned());
                }
            }
            None
        };
        let port = tokio::time::timeout(PATIENCE, port).await;
        let port = port.map_err(|_| "the server does not tell its port")?;
        let port = port.ok_or("the server ended at once")?;
        // Somebody has to read on.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if std::env::var_os(LOG).is_some() {
                    eprintln!("{line}");
                }
            }
        });
        Ok(Self {
            address: format!("127.0.0.1:{port}"),
            _child: child,
            _input: None,
        })
    }
}

/// Runs a program to its end: what it printed, or what it complained about.
pub(super) async fn run_to_end(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = command(program, arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.map_err(|_| format!("it does not end within {PATIENCE:?}"))?;
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{}: {}", output.status, text(&output.stderr)))
    }
}

#[derive(Debug, Deserialize)]
struct Listening {
    address: String,
}

fn command(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command
}

fn log() -> Stdio {
    if std::env::var_os(LOG).is_some() {
        Stdio::inherit()
    } else {
        Stdio::null()
    }
}

const PATIENCE: Duration = Duration::from_secs(90);
