//! One run: a fresh server, a fresh client, one window.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::options::Window;
use crate::Failure;
use crate::cases::Case;
use crate::peers::{Peer, Program};
use crate::process::{Core, Running, cpu_time, cpu_time_in_ticks, pinned};

/// What a run showed.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Calls per second.
    pub qps: f64,
    /// Processor time of the server for one call, in microseconds.
    pub server_us: f64,
    /// Processor time of the client for one call, in microseconds.
    pub client_us: f64,
    /// Half of the calls took no longer.
    pub p50_us: f64,
    /// 99 of 100 calls took no longer.
    pub p99_us: f64,
}

/// Measures for a time.
///
/// # Errors
/// When a process fails or hangs.
pub fn measure(program: &Program, case: Case, window: Window) -> Result<Sample, Failure> {
    let server = start_server(pinned(&program.path, Core::Server), program.peer.mode(case))?;
    let address = server.address(START)?;
    let mut client = pinned(program.client(), Core::Client);
    add_load(&mut client, address, program.peer, case)
        .args(["--warmup-ms", &window.warmup.as_millis().to_string()])
        .args(["--duration-ms", &window.duration.as_millis().to_string()]);
    let client = Running::start(client)?;
    client.line(window.warmup + START)?;
    let before = (cpu_time(server.id())?, cpu_time_in_ticks(client.id())?);
    let result = client.line(window.duration + START)?;
    let server_time = cpu_time(server.id())? - before.0;
    // The client may be ending already, which the finer figures do not survive.
    let client_time = cpu_time_in_ticks(client.id())? - before.1;
    let result: Value = serde_json::from_str(&result)?;
    let figure = |name: &str| result[name].as_f64().ok_or_else(|| format!("no {name} in {result}"));
    let calls = figure("calls")?;
    if calls == 0.0 {
        return Err("no call was answered".into());
    }
    Ok(Sample {
        qps: figure("qps")?,
        server_us: server_time.as_secs_f64() * 1e6 / calls,
        client_us: client_time.as_secs_f64() * 1e6 / calls,
        p50_us: figure("p50_us")?,
        p99_us: figure("p99_us")?,
    })
}

/// The process of a pair that a tool looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who answers.
    Server,
    /// Who calls.
    Client,
}

impl Side {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Makes an exact number of calls while one side runs under a tool: `tool` makes its command from the core it is for.
/// That side is ended so that the tool writes down what it saw.
///
/// # Errors
/// When a process fails or hangs.
pub fn observe(
    program: &Program,
    side: Side,
    tool: impl Fn(Core) -> Command,
    case: Case,
    calls: u64,
) -> Result<(), Failure> {
    let command = |of: Side, core| match of {
        _ if of == side => tool(core),
        Side::Server => pinned(&program.path, core),
        Side::Client => pinned(program.client(), core),
    };
    let server = start_server(command(Side::Server, Core::Server), program.peer.mode(case))?;
    let address = server.address(SLOW)?;
    let mut client = command(Side::Client, Core::Client);
    add_load(&mut client, address, program.peer, case).args(["--calls", &calls.to_string()]);
    let client = Running::start(client)?;
    client.line(SLOW)?;
    client.line(SLOW)?;
    match side {
        Side::Server => server.end(START),
        Side::Client => client.wait(SLOW),
    }
}

fn start_server(mut command: Command, mode: &str) -> Result<Running, Failure> {
    command
        .args(["server", "--addr", "127.0.0.1:0", "--mode", mode])
        .env("GOMAXPROCS", "1")
        .env("ASYNC_STD_THREAD_COUNT", "1");
    Running::start(command)
}

/// Adds what a client has to know of a case.
fn add_load(client: &mut Command, address: SocketAddr, peer: Peer, case: Case) -> &mut Command {
    client
        .args(["client", "--addr", &address.to_string(), "--mode", peer.mode(case)])
        .args(["--concurrency", &case.concurrency.to_string()])
        .args(["--depth", &case.depth.to_string()])
        .args(["--payload", &case.payload.to_string()])
}

/// Until a process has started, beyond what it was asked to take.
const START: Duration = Duration::from_secs(10);
/// For anything under a tool that slows a process down.
const SLOW: Duration = Duration::from_secs(300);
