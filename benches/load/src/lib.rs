//! What every Rust side of the measurement has in common: the command line, the runtime, the loop that makes calls, and
//! the report. A peer adds how to serve and how to make one call.

mod args;
mod histogram;
mod report;

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
    let recorder = Arc::new(Recorder::new(args));
    let mut tasks = Vec::with_capacity(callers.len());
    for mut caller in callers {
        let recorder = Arc::clone(&recorder);
        tasks.push(tokio::spawn(async move {
            while recorder.admit() {
                let start = Instant::now();
                if let Err(failure) = caller.call().await {
                    recorder.fail(failure);
                    return;
                }
                recorder.record(start);
            }
        }));
    }
    recorder.finish().await
}
