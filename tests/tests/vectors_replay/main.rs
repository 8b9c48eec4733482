//! A real server of ours, built with the recorded server's options, gives the recorded answers.

mod compare;
mod grpc;
mod handlers;
mod ours;
mod server;
mod ttstream;

use std::time::{Duration, Instant};

use kitewire_tests::vectors::{Connection, Step, folder, hex};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Recorded connections that we answer otherwise on purpose, beyond those whose file says so (`ours`).
const DIFFERENT: &[(&str, &str)] = &[(
    "pingpong/edge-ttheader.json tth-timeout-neg",
    "a negative timeout reads as none; the recorded handler prints Kitex's -5ms",
)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_requests_get_the_recorded_answers() {
    let mut running = Vec::new();
    let mut left_out = 0;
    for vector in folder("pingpong").into_iter().chain(folder("services")) {
        let whole: Value = vector.json.clone();
        for connection in vector.connections() {
            if !is_replayed(&whole, &connection) {
                left_out += 1;
                continue;
            }
            let options = connection
                .json
                .get("server_options")
                .or_else(|| whole.get("server_options"));
            let options = options
                .unwrap_or_else(|| panic!("{}: no server options", connection.name))
                .clone();
            let script = Script::of(&connection);
            running.push(tokio::spawn(async move { script.run(&options).await }));
        }
    }
    let count = running.len();
    let mut failures = Vec::new();
    for replay in running {
        failures.extend(replay.await.expect("a replay ends").err());
    }
    assert!(
        failures.is_empty(),
        "{} of {count} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(
        (count, left_out),
        (REPLAYED, LEFT_OUT),
        "every recorded connection is accounted for"
    );
}

#[tokio::test]
async fn where_we_differ_from_kitex_we_do_what_the_file_says() {
    let (mut checked, mut failures) = (0, Vec::new());
    for vector in folder("pingpong").into_iter().chain(folder("services")) {
        let whole = vector.json.clone();
        for connection in vector.connections() {
            if connection.json.get("ours").is_none() {
                continue;
            }
            let name = &connection.name;
            let ours = ours::expectation(name).unwrap_or_else(|| panic!("{name}: what do we do instead?"));
            if matches!(ours, ours::Ours::Elsewhere) {
                continue;
            }
            let options = connection
                .json
                .get("server_options")
                .or_else(|| whole.get("server_options"));
            let server = server::start(options.expect("server options")).await;
            let peer = Peer::connect(&server.address).await.expect("connects");
            failures.extend(
                ours::check(ours, &connection, peer)
                    .await
                    .err()
                    .map(|error| format!("{name}: {error}")),
            );
            server.stop().await;
            checked += 1;
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {checked} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(checked, OURS, "every such file is accounted for");
}

const OURS: usize = 18;
const REPLAYED: usize = 183;
const LEFT_OUT: usize = 91;

fn is_replayed(whole: &Value, connection: &Connection<'_>) -> bool {
    let replay = connection.json.get("replay").unwrap_or(&whole["replay"]);
    let different = DIFFERENT.iter().any(|(name, _)| *name == connection.name);
    replay == &Value::Bool(true) && connection.json.get("ours").is_none() && !different
}

/// A recorded connection, owned.
struct Script {
    name: String,
    steps: Vec<Move>,
    /// Requests run beside each other.
    multiplexed: bool,
}

enum Move {
    Send(Vec<u8>),
    /// The client closes.
    Close,
    Expect(Vec<u8>),
    /// The server closes.
    ExpectClose,
}

impl Script {
    fn of(connection: &Connection<'_>) -> Self {
        let steps = connection.steps.iter().map(Move::of).collect();
        let multiplexed = connection
            .steps
            .iter()
            .filter_map(|step| step.bytes.as_deref())
            .any(is_flagged);
        Self {
            name: connection.name.clone(),
            steps,
            multiplexed,
        }
    }

    async fn run(self, options: &Value) -> Result<(), String> {
        let server = server::start(options).await;
        let outcome = self.replay(&server.address).await;
        server.stop().await;
        outcome.map_err(|error| format!("{}: {error}", self.name))
    }

    async fn replay(&self, address: &str) -> Result<(), String> {
        let mut peer = Peer::connect(address).await?;
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Move::Send(bytes) => peer.send(bytes).await?,
                Move::Close => peer.writer = None,
                Move::ExpectClose => peer.closed().await?,
                Move::Expect(expected) => {
                    let mut answers = vec![expected];
                    // How long a handler takes, and so which of two answers comes first, is nobody's promise.
                    while self.multiplexed
                        && let Some(Move::Expect(next)) = steps.next_if(|step| matches!(step, Move::Expect(_)))
                    {
                        answers.push(next);
                    }
                    peer.answers(answers).await?;
                }
            }
        }
        Ok(())
    }
}

impl Move {
    fn of(step: &Step<'_>) -> Self {
        match (step.from, &step.bytes) {
            ("client", Some(bytes)) => Self::Send(bytes.clone()),
            ("client", None) => Self::Close,
            (_, Some(bytes)) => Self::Expect(bytes.clone()),
            (_, None) => Self::ExpectClose,
        }
    }
}

/// Whether a frame has the TTHeader flag of a request that may run beside others.
fn is_flagged(frame: &[u8]) -> bool {
    matches!(frame, [_, _, _, _, 0x10, 0, _, flags, ..] if flags & 1 != 0)
}

/// The recorded client's side of the socket.
struct Peer {
    reader: OwnedReadHalf,
    writer: Option<OwnedWriteHalf>,
    input: Vec<u8>,
}

impl Peer {
    async fn connect(address: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let (reader, writer) = socket.into_split();
        Ok(Self {
            reader,
            writer: Some(writer),
            input: Vec::new(),
        })
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let writer = self.writer.as_mut().ok_or("the client has closed before")?;
        writer
            .write_all(bytes)
            .await
            .map_err(|error| format!("writing: {error}"))
    }

    /// As many frames as there are answers, each of them one, in any order.
    async fn answers(&mut self, mut expected: Vec<&Vec<u8>>) -> Result<(), String> {
        while let Some(first) = expected.first() {
            let frame = self.frame().await?;
            let matching = expected
                .iter()
                .position(|answer| compare::frames(answer, &frame).is_ok());
            let Some(place) = matching else {
                let difference = compare::frames(first, &frame).expect_err("none matches");
                return Err(format!(
                    "{difference}\n  expected {}\n  got      {}",
                    hex(first),
                    hex(&frame)
                ));
            };
            expected.remove(place);
        }
        Ok(())
    }

    /// The next whole frame.
    async fn frame(&mut self) -> Result<Vec<u8>, String> {
        loop {
            if let Some(length) = compare::frame_length(&self.input) {
                return Ok(self.input.drain(..length).collect());
            }
            if !self.read().await? {
                return Err(format!("closed instead of an answer, after {}", hex(&self.input)));
            }
        }
    }

    /// Bytes that begin with `begins` and have `holds` in them.
    async fn hears(&mut self, begins: &[u8], holds: &[u8]) -> Result<(), String> {
        while !self.input.windows(holds.len()).any(|window| window == holds) {
            if !self.read().await? {
                return Err(format!("closed after {}", hex(&self.input)));
            }
        }
        match self.input.starts_with(begins) {
            true => Ok(()),
            false => Err(format!("another answer: {}", hex(&self.input))),
        }
    }

    /// Says that the client has nothing more to say.
    async fn close(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            // A server that has given the connection up may have closed it.
            let _ = writer.shutdown().await;
        }
    }

    async fn closed(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while self.read().await? {}
        if !self.input.is_empty() {
            return Err(format!("an answer instead of a close: {}", hex(&self.input)));
        }
        if started.elapsed() > PATIENCE {
            return Err("closed too late".to_owned());
        }
        Ok(())
    }

    /// Reads some. `false` at the end; a reset counts as one.
    async fn read(&mut self) -> Result<bool, String> {
        let read = timeout(PATIENCE, self.reader.read_buf(&mut self.input)).await;
        match read {
            Ok(Ok(read)) => Ok(read > 0),
            Ok(Err(_)) => Ok(false),
            Err(_) => Err(format!("nothing came, after {}", hex(&self.input))),
        }
    }
}

/// More than a server may take, 15 s for first bytes that tell nothing, and a busy machine beside.
const PATIENCE: Duration = Duration::from_secs(30);
