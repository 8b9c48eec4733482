//! What every Rust side of the measurement has in common: the command line, the runtime, the loop that makes calls, and
//! the report. A peer adds how to serve and how to make one call.

mod args;
mod histogram;
mod report;

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

pub use args::{ClientArgs, Command, Mode, ServerArgs};
pub use report::Recorder;

/// Anything that can stop a peer.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One caller: a connection of its own, or a handle on the connection that all of them share.
pub trait Caller: Send + 'static {
    /// Makes one call and checks its answer.
    fn call(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// One stream in both directions.
pub trait Exchange: Send + 'static {
    /// Sends one message.
    fn send(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Waits for the next answer and checks it.
    fn receive(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs a peer: reads the command line, then serves or loads.
///
/// Both sides run on tokio's multi-thread scheduler with one worker, which is what `#[tokio::main]` gives a process that
/// is pinned to one core.
pub fn run<S, L>(serve: impl FnOnce(ServerArgs) -> S, load: impl FnOnce(ClientArgs) -> L) -> ExitCode
where
    S: Future<Output = Result<(), Failure>>,
    L: Future<Output = Result<(), Failure>>,
{
    let done = Command::from_env().and_then(|command| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        match command {
            Command::Server(args) => runtime.block_on(serve(args)),
            Command::Client(args) => runtime.block_on(load(args)),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whoever started this server where it listens.
///
/// # Errors
/// When nobody reads the standard output.
pub fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening {address}")?;
    stdout.flush()
}

/// Lets each caller make one call after the other, and reports.
///
/// # Errors
/// The first call that fails ends everything.
pub async fn drive<C: Caller>(args: &ClientArgs, callers: Vec<C>) -> Result<(), Failure> {
    let call_all = |mut caller: C, recorder: Arc<Recorder>| async move {
        while recorder.admit() {
            let start = Instant::now();
            caller.call().await?;
            recorder.record(start);
        }
        Ok(())
    };
    share(args, callers, call_all).await
}

/// Keeps `depth` messages in flight on each stream, and reports. A message and its echo count as one call.
///
/// # Errors
/// The first stream that fails ends everything.
pub async fn drive_streams<E: Exchange>(args: &ClientArgs, streams: Vec<E>) -> Result<(), Failure> {
    let depth = args.depth;
    let exchange_all = move |mut stream: E, recorder: Arc<Recorder>| async move {
        let mut started = VecDeque::with_capacity(depth);
        loop {
            while started.len() < depth && recorder.admit() {
                started.push_back(Instant::now());
                stream.send().await?;
            }
            let Some(start) = started.pop_front() else {
                return Ok(());
            };
            stream.receive().await?;
            recorder.record(start);
        }
    };
    share(args, streams, exchange_all).await
}

/// Gives each part of the load a task.
async fn share<T, W>(args: &ClientArgs, parts: Vec<T>, work: impl Fn(T, Arc<Recorder>) -> W) -> Result<(), Failure>
where
    W: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let recorder = Arc::new(Recorder::new(args));
    for part in parts {
        let work = work(part, Arc::clone(&recorder));
        let recorder = Arc::clone(&recorder);
        tokio::spawn(async move {
            if let Err(failure) = work.await {
                recorder.fail(failure);
            }
        });
    }
    recorder.finish().await
}
