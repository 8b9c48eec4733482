//! The command line: `server --addr A [--mode M]` and `client --addr A --mode M --concurrency N ...`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Failure;

/// What a peer is asked to be.
#[derive(Debug, Clone)]
pub enum Command {
    /// Serve until killed.
    Server(ServerArgs),
    /// Make calls, report, end.
    Client(ClientArgs),
}

/// How calls share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One call at a time on a connection; as many connections as callers.
    PingPong,
    /// All callers share one connection.
    Mux,
    /// gRPC on one connection: calls with one message each way.
    Unary,
    /// gRPC on one connection: streams that stay open, in both directions.
    Bidi,
    /// The same with Thrift messages over TTHeader.
    TtStream,
    /// The same with Thrift messages over gRPC.
    ThriftBidi,
}

/// A server's part of the command line.
#[derive(Debug, Clone)]
pub struct ServerArgs {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// What will be asked of it; only peers whose server must know look at it.
    pub mode: Mode,
}

/// A client's part of the command line.
#[derive(Debug, Clone)]
pub struct ClientArgs {
    /// Where the server listens.
    pub addr: SocketAddr,
    /// How calls share connections.
    pub mode: Mode,
    /// Calls in flight, or open streams.
    pub concurrency: usize,
    /// Messages in flight on each stream.
    pub depth: usize,
    /// Bytes in each direction.
    pub payload: usize,
    /// How long to call before counting.
    pub warmup: Duration,
    /// How long to count.
    pub duration: Duration,
    /// Make exactly so many calls, instead of warming up and counting for a time.
    pub calls: Option<u64>,
}

impl Command {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// Says which argument is missing, unknown or no value of its kind.
    pub fn from_env() -> Result<Self, Failure> {
        let mut words = std::env::args().skip(1);
        let role = words.next().ok_or("first argument: server or client")?;
        let mut addr = None;
        let mut client = ClientArgs {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            mode: Mode::PingPong,
            concurrency: 1,
            depth: 1,
            payload: 1024,
            warmup: Duration::from_millis(300),
            duration: Duration::from_millis(2000),
            calls: None,
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--addr" => addr = Some(value.parse()?),
                "--mode" => client.mode = Mode::from_name(&value)?,
                "--concurrency" => client.concurrency = value.parse()?,
                "--depth" => client.depth = value.parse()?,
                "--payload" => client.payload = value.parse()?,
                "--warmup-ms" => client.warmup = Duration::from_millis(value.parse()?),
                "--duration-ms" => client.duration = Duration::from_millis(value.parse()?),
                "--calls" => client.calls = Some(value.parse()?),
                _ => return Err(format!("unknown argument {name}").into()),
            }
        }
        client.addr = addr.ok_or("--addr is missing")?;
        match role.as_str() {
            "server" => Ok(Self::Server(ServerArgs {
                addr: client.addr,
                mode: client.mode,
            })),
            "client" => Ok(Self::Client(client)),
            _ => Err(format!("first argument: server or client, not {role}").into()),
        }
    }
}

impl Mode {
    fn from_name(name: &str) -> Result<Self, Failure> {
        match name {
            "pingpong" => Ok(Self::PingPong),
            "mux" => Ok(Self::Mux),
            "unary" => Ok(Self::Unary),
            "bidi" => Ok(Self::Bidi),
            "ttstream" => Ok(Self::TtStream),
            "thrift-bidi" => Ok(Self::ThriftBidi),
            _ => Err(format!("--mode: pingpong, mux, unary, bidi, ttstream or thrift-bidi, not {name}").into()),
        }
    }
}
