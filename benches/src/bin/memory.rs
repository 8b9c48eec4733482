//! `memory`: heap of a server per idle connection, after one call on each.
//!
//! The server runs in this process, on a counting allocator; `memory client ADDRESS COUNT` is the other process.

use std::alloc::System;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, ExitCode};
use std::time::Duration;

use kitewire::{Address, Server, Tokio};
use kitewire_benches::Failure;
use kitewire_benches::aims::IDLE_CONNECTION;
use kitewire_benches::echo::{EchoServer, Echoing};
use kitewire_benches::engine::{self, Head};
use kitewire_benches::process::Running;
use kitewire_benches::summary::Thousands;
use kitewire_proto::ServerConnection;
use kitewire_proto::thrift::Text;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => report(CONNECTIONS),
        ["--connections", count] => count.parse().map_err(Failure::from).and_then(report),
        ["client", address, count] => hold(address, count),
        _ => Err("memory [--connections N]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn report(wanted: u64) -> Result<(), Failure> {
    let files = rlimit::increase_nofile_limit(wanted + FILES)?;
    let connections = wanted.min(files.saturating_sub(FILES));
    if connections < wanted {
        println!("Only {connections} connections: this system allows {files} open files (see `ulimit -Hn`).");
    }
    println!(
        "Heap of the server for each of {} idle connections\n",
        Thousands(connections as f64)
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let (floor, ours) = runtime.block_on(async {
        let floor = measure(connections, bare_server().await?).await?;
        let ours = measure(connections, our_server().await?).await?;
        Ok::<_, Failure>((floor, ours))
    })?;
    println!("{:<56} {:>9} {:>12}", "", "bytes", "allocations");
    let line = |what: &str, share: Share| println!("{what:<56} {:>9.0} {:>12.2}", share.bytes, share.blocks);
    line("right after the call", ours.fresh);
    line("idle", ours.idle);
    println!(
        "    aim: {IDLE_CONNECTION} bytes: {}",
        IDLE_CONNECTION.verdict(ours.idle.bytes)
    );
    line("of it tokio's: a task that only holds its socket", floor.idle);
    println!(
        "{:<56} {:>9}",
        "of it the core's `ServerConnection` by itself",
        size_of::<ServerConnection>()
    );
    Ok(())
}

/// What the heap held, per connection.
#[derive(Clone, Copy)]
struct Share {
    bytes: f64,
    blocks: f64,
}

struct Shares {
    fresh: Share,
    idle: Share,
}

/// Opens connections from another process, with one call on each, and looks at the heap before and after.
async fn measure(connections: u64, address: SocketAddr) -> Result<Shares, Failure> {
    // What the first connections bring into being is there once, whatever their number.
    let first = client(address, WARM_UP).await?;
    drop(first);
    tokio::time::sleep(IDLE).await;
    let before = heap();
    let client = client(address, connections).await?;
    let share = |now: Heap| Share {
        bytes: (now.bytes - before.bytes) / connections as f64,
        blocks: (now.blocks - before.blocks) / connections as f64,
    };
    let fresh = share(heap());
    tokio::time::sleep(IDLE).await;
    let idle = share(heap());
    drop(client);
    Ok(Shares { fresh, idle })
}

/// A process that holds so many connections; they have all made their call.
async fn client(address: SocketAddr, connections: u64) -> Result<Running, Failure> {
    tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["client", &address.to_string(), &connections.to_string()]);
        let client = Running::start(command)?;
        client.line(Duration::from_secs(120))?;
        Ok(client)
    })
    .await?
}

#[derive(Clone, Copy)]
struct Heap {
    bytes: f64,
    blocks: f64,
}

fn heap() -> Heap {
    let stats = ALLOCATOR.stats();
    Heap {
        bytes: stats.bytes_allocated as f64 - stats.bytes_deallocated as f64,
        blocks: stats.allocations as f64 - stats.deallocations as f64,
    }
}

async fn our_server() -> Result<SocketAddr, Failure> {
    let bound = Server::new(Tokio)
        .register(EchoServer::new(Echoing))
        .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await?;
    let Address::Tcp(address) = bound.local_addr()? else {
        return Err("the server does not listen on TCP".into());
    };
    tokio::spawn(bound.run());
    Ok(address)
}

/// The least that a server on tokio can hold: a task per connection, and in it the socket.
async fn bare_server() -> Result<SocketAddr, Failure> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.readable().await.is_ok() && echo(&stream).is_ok() {} });
        }
    });
    Ok(address)
}

/// Sends back what is there to read.
fn echo(stream: &tokio::net::TcpStream) -> io::Result<()> {
    let mut buffer = [0; 512];
    match stream.try_read(&mut buffer) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(len) => stream.try_write(&buffer[..len]).map(drop),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// The other process: connections with one call on each, held until this is killed.
fn hold(address: &str, count: &str) -> Result<(), Failure> {
    let (address, count): (SocketAddr, u64) = (address.parse()?, count.parse()?);
    rlimit::increase_nofile_limit(count + FILES)?;
    let request = engine::request_of(Head::Named, Text::from("x".repeat(PAYLOAD)))?;
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&request)?;
        let mut answer = [0; 4096];
        if stream.read(&mut answer)? == 0 {
            return Err("the server closed a connection".into());
        }
        held.push(stream);
    }
    println!("ready");
    loop {
        std::thread::park();
    }
}

const CONNECTIONS: u64 = 10_000;
/// Bytes of the one call.
const PAYLOAD: usize = 256;
/// Connections before counting.
const WARM_UP: u64 = 200;
/// Open files besides the connections.
const FILES: u64 = 64;
/// Until a connection counts as idle: longer than the server waits before it gives memory back.
const IDLE: Duration = Duration::from_secs(8);
