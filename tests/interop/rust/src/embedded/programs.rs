//! The examples as processes: gone when their handles are dropped, and never waited for without an end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// A server.
pub(super) struct Example {
    pub(super) address: String,
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Example {
    pub(super) async fn start(program: &Path) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", program.display());
        let mut child = Command::new(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take().ok_or("no standard output")?;
        let mut output = BufReader::new(output).lines();
        let line = tokio::time::timeout(PATIENCE, output.next_line()).await;
        let line = line.map_err(|_| "it does not tell its address")?.map_err(failed)?;
        let address = line
            .as_deref()
            .and_then(|line| line.strip_prefix("listening on "))
            .and_then(|rest| rest.split(' ').next())
            .ok_or(format!("{line:?} in place of its address"))?;
        Ok(Self {
            address: address.to_owned(),
            child,
            output,
        })
    }

    /// Tells it to stop, and waits for its end.
    pub(super) async fn stop(mut self) -> Result<String, String> {
        let asked = Instant::now();
        let id = self.child.id().ok_or("it has ended already")?;
        let told = Command::new("kill").arg(id.to_string()).status().await;
        told.map_err(|error| format!("kill {id}: {error}"))?;
        let mut last = String::new();
        while let Ok(Some(line)) = self.output.next_line().await {
            last = line;
        }
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        if !status.success() || last != "stopped" {
            return Err(format!("{status}, {last:?}"));
        }
        Ok(format!("stopped in {} ms", asked.elapsed().as_millis()))
    }
}

/// Runs a program to its end: the lines that it printed.
pub(super) async fn lines(program: &Path, arguments: &[String]) -> Result<Vec<String>, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.map_err(|_| format!("it does not end within {PATIENCE:?}"))?;
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// Asks for a page.
pub(super) async fn page(address: &str) -> Result<String, String> {
    let text = async {
        let mut socket = TcpStream::connect(address).await?;
        socket
            .write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
            .await?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = text.await.map_err(|error| error.to_string())?;
    let first = text.lines().next().unwrap_or_default();
    if first == "HTTP/1.1 200 OK" {
        Ok(format!("{first}, {} bytes", text.len()))
    } else {
        Err(text)
    }
}

pub(super) fn path(folder: &Path, example: &str) -> PathBuf {
    folder.join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

const PATIENCE: Duration = Duration::from_secs(60);
