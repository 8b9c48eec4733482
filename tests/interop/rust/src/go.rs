//! The Go program as a server and as a client: a child process each, spoken to in JSON lines, gone when its handle is dropped.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};

use crate::LOG;
use crate::call::{Call, Outcome, ServerConfig, Stopped};

/// A Kitex server in a process of its own.
pub(crate) struct GoServer {
    pub(crate) address: String,
    // Kept for its kill on drop.
    _child: Child,
    input: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
}

impl GoServer {
    pub(crate) async fn start(peer: &Path, config: &ServerConfig) -> Result<Self, String> {
        let config = serde_json::to_string(config).map_err(|error| error.to_string())?;
        let (child, input, events) = spawn(peer, &["server", "-config", &config])?;
        let mut server = Self {
            address: String::new(),
            _child: child,
            input,
            events,
        };
        server.address = server.event("listening").await?.address;
        Ok(server)
    }

    /// Begins the graceful stop.
    pub(crate) async fn stop(&mut self) -> Result<(), String> {
        self.input
            .write_all(b"stop\n")
            .await
            .map_err(|error| format!("stop: {error}"))?;
        self.event("stopping").await.map(drop)
    }

    /// Waits for the end of the graceful stop.
    pub(crate) async fn stopped(&mut self) -> Result<Stopped, String> {
        let event = self.event("stopped").await?;
        Ok(Stopped {
            elapsed_ms: event.elapsed_ms,
            error: event.error,
        })
    }

    async fn event(&mut self, wanted: &str) -> Result<Event, String> {
        let line = tokio::time::timeout(PATIENCE, self.events.next_line()).await;
        let line = line.map_err(|_| format!("Kitex server: no {wanted} in {PATIENCE:?}"))?;
        let line = line
            .ok()
            .flatten()
            .ok_or_else(|| format!("Kitex server ended before {wanted}"))?;
        let event: Event = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        if event.event == wanted {
            Ok(event)
        } else {
            Err(format!("Kitex server: {line} instead of {wanted}"))
        }
    }
}

/// A Kitex client in a process of its own.
pub(crate) struct GoClient {
    // Kept for its kill on drop.
    _child: Child,
    calls: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Waiting,
    next: AtomicU64,
}

impl GoClient {
    pub(crate) fn start(peer: &Path) -> Result<Self, String> {
        let (child, mut input, mut results) = spawn(peer, &["client"])?;
        let (calls, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(line) = queue.recv().await {
                if input.write_all(&line).await.is_err() {
                    return;
                }
            }
        });
        let waiting = Waiting::default();
        let answers = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Ok(Some(line)) = results.next_line().await {
                let Ok(outcome) = serde_json::from_str::<Outcome>(&line) else {
                    break;
                };
                let sender = answers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&outcome.id);
                if let Some(sender) = sender {
                    // The caller may have given up.
                    let _ = sender.send(outcome);
                }
            }
            answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        Ok(Self {
            _child: child,
            calls,
            waiting,
            next: AtomicU64::new(1),
        })
    }

    pub(crate) async fn call(&self, mut call: Call) -> Result<Outcome, String> {
        call.id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(call.id, sender);
        let mut line = serde_json::to_vec(&call).map_err(|error| error.to_string())?;
        line.push(b'\n');
        self.calls
            .send(line)
            .map_err(|_| "the Kitex client is gone".to_owned())?;
        receiver
            .await
            .map_err(|_| "the Kitex client ended before its answer".to_owned())
    }
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Outcome>>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    event: String,
    address: String,
    elapsed_ms: u64,
    error: String,
}

type Process = (Child, ChildStdin, Lines<BufReader<ChildStdout>>);

fn spawn(peer: &Path, arguments: &[&str]) -> Result<Process, String> {
    let log = if std::env::var_os(LOG).is_some() {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    let mut child = Command::new(peer)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}", peer.display()))?;
    let input = child.stdin.take().ok_or("no standard input")?;
    let output = child.stdout.take().ok_or("no standard output")?;
    Ok((child, input, BufReader::new(output).lines()))
}

const PATIENCE: Duration = Duration::from_secs(15);
