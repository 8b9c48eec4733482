//! The Go programs as servers and as clients: a child process each, spoken to in JSON lines, gone when its handle is dropped.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
pub(crate) type GoClient = GoWorker<Call, Outcome>;

/// A program that answers each JSON line with one, in any order, in a process of its own.
pub(crate) struct GoWorker<Q, A> {
    // Kept for its kill on drop.
    _child: Child,
    lines: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Waiting<A>,
    next: AtomicU64,
    questions: PhantomData<fn(Q)>,
}

/// A line with a number that its answer has, too.
pub(crate) trait Numbered {
    fn id(&mut self) -> &mut u64;
}

impl<Q, A> GoWorker<Q, A>
where
    Q: Numbered + Serialize,
    A: Numbered + DeserializeOwned + Send + 'static,
{
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self, String> {
        let (child, mut input, mut results) = spawn(program, arguments)?;
        let (lines, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
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
                let Ok(mut answer) = serde_json::from_str::<A>(&line) else {
                    break;
                };
                let sender = answers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(answer.id());
                if let Some(sender) = sender {
                    // The caller may have given up.
                    let _ = sender.send(answer);
                }
            }
            answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        Ok(Self {
            _child: child,
            lines,
            waiting,
            next: AtomicU64::new(1),
            questions: PhantomData,
        })
    }

    pub(crate) async fn call(&self, mut question: Q) -> Result<A, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        *question.id() = id;
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, sender);
        let mut line = serde_json::to_vec(&question).map_err(|error| error.to_string())?;
        line.push(b'\n');
        self.lines.send(line).map_err(|_| "the Go client is gone".to_owned())?;
        receiver
            .await
            .map_err(|_| "the Go client ended before its answer".to_owned())
    }
}

impl Numbered for Call {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}

impl Numbered for Outcome {
    fn id(&mut self) -> &mut u64 {
        &mut self.id
    }
}

type Waiting<A> = Arc<Mutex<HashMap<u64, oneshot::Sender<A>>>>;

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

const PATIENCE: Duration = Duration::from_secs(30);
