//! Programs of peers: gone when their handles are dropped, and never waited for without an end.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
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

    /// Starts one that is told its port.
    pub(super) async fn start_on_port(program: &Path, option: &str) -> Result<Self, String> {
        Self::start_on_port_with(program, option, &[]).await
    }

    /// The same with other options beside it.
    pub(super) async fn start_on_port_with(program: &Path, option: &str, others: &[String]) -> Result<Self, String> {
        let address = free_address().map_err(|error| error.to_string())?;
        let (_, port) = address.rsplit_once(':').unwrap_or_default();
        let child = command(program, [format!("{option}={port}")])
            .args(others)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let answers = async {
            while TcpStream::connect(&address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let answers = tokio::time::timeout(PATIENCE, answers).await;
        answers.map_err(|_| format!("nobody listens at {address}"))?;
        Ok(Self {
            address,
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

/// An address that was free a moment ago.
fn free_address() -> std::io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

const PATIENCE: Duration = Duration::from_secs(10);
