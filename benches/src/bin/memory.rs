//! `memory`: heap of a server per idle connection, after one call on each.
//!
//! The server runs in this process, on a counting allocator; `memory client PROTOCOL ADDRESS COUNT STREAMS` is the other
//! process.

use std::alloc::System;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kitewire::prost::Message;
use kitewire::{Address, Code, Codec, MethodKind, Server, Tokio};
use kitewire_benches::Failure;
use kitewire_benches::aims::{Bound, IDLE_CONNECTION, IDLE_GRPC_CONNECTION, IDLE_TT_STREAM_CONNECTION};
use kitewire_benches::chat::{ChatServer, Chatting, Line};
use kitewire_benches::echo::{EchoServer, Echoing};
use kitewire_benches::engine::{self, Head};
use kitewire_benches::lines::{self, LinesServer, Talking};
use kitewire_benches::process::Running;
use kitewire_benches::summary::Thousands;
use kitewire_proto::thrift::Text;
use kitewire_proto::{Instant, ServerConnection, Transmit, grpc, ttstream};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Failure> {
    if let ["client", protocol, address, count, streams] = words {
        let protocol = Protocol::from_name(protocol)?;
        return hold(protocol, address.parse()?, count.parse()?, streams.parse()?);
    }
    let (mut connections, mut protocols) = (CONNECTIONS, Protocol::ALL.to_vec());
    for option in words.chunks(2) {
        match option {
            ["--connections", count] => connections = count.parse()?,
            ["--protocol", name] => protocols = vec![Protocol::from_name(name)?],
            _ => return Err("memory [--connections N] [--protocol ttheader|grpc|ttstream]".into()),
        }
    }
    report(connections, &protocols)
}

fn report(wanted: u64, protocols: &[Protocol]) -> Result<(), Failure> {
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
    println!("{:<56} {:>9} {:>12}", "", "bytes", "allocations");
    let line = |what: &str, share: Share| println!("{what:<56} {:>9.0} {:>12.2}", share.bytes, share.blocks);
    for &protocol in protocols {
        let shares = runtime.block_on(async { measure(connections, our_server().await?, protocol, 0).await })?;
        line(&format!("{}, right after the call", protocol.title()), shares.fresh);
        line(&format!("{}, idle", protocol.title()), shares.idle);
        let aim = protocol.aim();
        println!("    aim: {aim} bytes: {}", aim.verdict(shares.idle.bytes));
        let core = format!("of it the core's `{}` by itself", protocol.connection());
        println!("{core:<56} {:>9}", protocol.connection_size());
        if protocol == Protocol::TtStream {
            let few = connections / STREAMS;
            let with = runtime.block_on(async { measure(few, our_server().await?, protocol, STREAMS).await })?;
            let stream = |with: f64, without: f64| (with - without) / STREAMS as f64;
            let share = Share {
                bytes: stream(with.idle.bytes, shares.idle.bytes),
                blocks: stream(with.idle.blocks, shares.idle.blocks),
            };
            line("a stream with its handler, idle, 100 on a connection", share);
        }
    }
    let floor = runtime.block_on(async { measure(connections, bare_server().await?, Protocol::TtHeader, 0).await })?;
    line("tokio's part: a task that only holds its socket", floor.idle);
    Ok(())
}

/// What a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    TtHeader,
    Grpc,
    TtStream,
}

impl Protocol {
    const ALL: [Self; 3] = [Self::TtHeader, Self::Grpc, Self::TtStream];

    fn from_name(name: &str) -> Result<Self, Failure> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| format!("no protocol {name}").into())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::TtHeader => "ttheader",
            Self::Grpc => "grpc",
            Self::TtStream => "ttstream",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::TtHeader => "TTHeader",
            Self::Grpc => "gRPC",
            Self::TtStream => "streams over TTHeader",
        }
    }

    const fn aim(self) -> Bound {
        match self {
            Self::TtHeader => IDLE_CONNECTION,
            Self::Grpc => IDLE_GRPC_CONNECTION,
            Self::TtStream => IDLE_TT_STREAM_CONNECTION,
        }
    }

    const fn connection(self) -> &'static str {
        match self {
            Self::TtHeader => "ServerConnection",
            Self::Grpc => "grpc::Connection",
            Self::TtStream => "ttstream::Connection",
        }
    }

    const fn connection_size(self) -> usize {
        match self {
            Self::TtHeader => size_of::<ServerConnection>(),
            Self::Grpc => size_of::<grpc::Connection>(),
            Self::TtStream => size_of::<ttstream::Connection>(),
        }
    }
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

/// Opens connections from another process, with one call on each, or streams that stay open, and looks at the heap before
/// and after.
async fn measure(connections: u64, address: SocketAddr, protocol: Protocol, streams: u64) -> Result<Shares, Failure> {
    // What the first connections bring into being is there once, whatever their number.
    let first = client(address, WARM_UP, protocol, 0).await?;
    drop(first);
    tokio::time::sleep(IDLE).await;
    let before = heap();
    let client = client(address, connections, protocol, streams).await?;
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
async fn client(address: SocketAddr, connections: u64, protocol: Protocol, streams: u64) -> Result<Running, Failure> {
    tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([
            "client",
            protocol.name(),
            &address.to_string(),
            &connections.to_string(),
            &streams.to_string(),
        ]);
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
        .register(ChatServer::new(Chatting))
        .register(LinesServer::new(Talking))
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

/// The other process: connections with one call on each, or open streams, held until this is killed.
fn hold(protocol: Protocol, address: SocketAddr, count: u64, streams: u64) -> Result<(), Failure> {
    let call = |stream: &mut TcpStream| match protocol {
        Protocol::TtHeader => call_over_ttheader(stream),
        Protocol::Grpc => call_over_grpc(stream),
        Protocol::TtStream => stream_over_ttheader(stream, streams),
    };
    rlimit::increase_nofile_limit(count + FILES)?;
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address)?;
        call(&mut stream)?;
        held.push(stream);
    }
    println!("ready");
    loop {
        std::thread::park();
    }
}

fn call_over_ttheader(stream: &mut TcpStream) -> Result<(), Failure> {
    stream.write_all(&engine::request_of(Head::Named, Text::from("x".repeat(PAYLOAD)))?)?;
    read(stream, &mut BytesMut::new())
}

/// Drives the client's side of our core until its call has ended.
fn call_over_grpc(stream: &mut TcpStream) -> Result<(), Failure> {
    let now = Instant::ZERO;
    let mut connection = grpc::Connection::client(Arc::default(), now);
    let request = grpc::Request::new("chat", "Chat", "Say", Codec::Protobuf, MethodKind::Unary);
    let call = connection.open(now, &request)?;
    let line = Line {
        text: "x".repeat(PAYLOAD),
    };
    let mut sender = connection.sender(call)?;
    sender.send(&Bytes::from(line.encode_to_vec()))?;
    sender.finish()?;
    let (mut input, mut out) = (BytesMut::new(), Transmit::new());
    let mut is_over = false;
    loop {
        while let Some(event) = connection.poll_event() {
            is_over |= matches!(event, grpc::Event::Ended { .. } | grpc::Event::Closed { .. });
        }
        while connection.poll_transmit(now, &mut out) {
            stream.write_all(&out.to_vec())?;
            out.advance(out.len());
        }
        if is_over {
            break;
        }
        read(stream, &mut input)?;
        connection.receive(now, &mut input);
    }
    match connection.outcome(call) {
        Some(outcome) if outcome.status.code == Code::OK => Ok(()),
        outcome => Err(format!("the call ended with {outcome:?}").into()),
    }
}

/// Opens streams and waits for the echo of a message on each; without any, does so on one that is then ended.
fn stream_over_ttheader(stream: &mut TcpStream, streams: u64) -> Result<(), Failure> {
    let now = Instant::ZERO;
    let mut connection = ttstream::Connection::client(Arc::default(), now);
    let request = ttstream::Request::new("Lines", "talk", MethodKind::BidirectionalStreaming);
    let line = lines::Line {
        text: Text::from("x".repeat(PAYLOAD)),
    };
    let mut open = Vec::new();
    for _ in 0..streams.max(1) {
        let id = connection.open(now, &request).map_err(|error| format!("{error:?}"))?;
        let mut sender = connection.sender(id)?;
        sender.send(&line).map_err(|error| format!("{error:?}"))?;
        if streams == 0 {
            sender.finish().map_err(|error| format!("{error:?}"))?;
        }
        open.push(id);
    }
    let (mut input, mut out) = (BytesMut::new(), Transmit::new());
    loop {
        open.retain(|&id| {
            loop {
                match connection.receiver(id).map(ttstream::Receiver::pull) {
                    Ok(ttstream::Pull::Message(_)) if streams == 0 => {}
                    Ok(ttstream::Pull::Empty) => return true,
                    _ => return false,
                }
            }
        });
        while connection.poll_event().is_some() {}
        while connection.poll_transmit(now, &mut out) {
            stream.write_all(&out.to_vec())?;
            out.advance(out.len());
        }
        if open.is_empty() {
            break;
        }
        read(stream, &mut input)?;
        connection.receive(now, &mut input);
    }
    match connection.close_reason() {
        None => Ok(()),
        Some(reason) => Err(format!("the connection ended with {reason:?}").into()),
    }
}

fn read(stream: &mut TcpStream, input: &mut BytesMut) -> Result<(), Failure> {
    let mut bytes = [0; 4096];
    match stream.read(&mut bytes)? {
        0 => Err("the server closed a connection".into()),
        len => {
            input.extend_from_slice(&bytes[..len]);
            Ok(())
        }
    }
}

const CONNECTIONS: u64 = 10_000;
/// Bytes of the one call.
const PAYLOAD: usize = 256;
/// Connections before counting.
const WARM_UP: u64 = 200;
/// Streams on each connection that has some.
const STREAMS: u64 = 100;
/// Open files besides the connections.
const FILES: u64 = 64;
/// Until a connection counts as idle: longer than the server waits before it gives memory back.
const IDLE: Duration = Duration::from_secs(8);
