//! The servers and the client as the programs that they are.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use kitewire_loops::streams::{Line, STREAMS, StreamsPlainArgs};
use kitewire_proto::connection::{Connection, Request, Speaks};
use kitewire_proto::wire::Transport;
use kitewire_proto::{ClientConfig, Instant, Transmit};

#[test]
fn every_server_serves_the_client_over_every_transport() {
    for name in SERVERS {
        let server = Server::start(name);
        for transport in ["bare", "framed", "ttheader", "ttheader-framed"] {
            server.calls(transport, &["plain", "hello"], "got hello\n");
            server.calls(transport, &["plain", "boom"], "error: biz error: boom\n");
        }
        server.calls("grpc", &["unary", "hello"], "got hello\n");
        for transport in ["grpc", "ttheader-streaming"] {
            server.calls(transport, &["collect", "a", "b", "c"], "got a,b,c\n");
            server.calls(transport, &["watch", "a; b"], "got a\ngot b\nend\n");
            server.calls(transport, &["talk", "a", "b"], "got a\ngot b\nend\n");
        }
        server.calls(
            "ttheader",
            &["--calls", "100", "plain", "hello"],
            &"got hello\n".repeat(100),
        );
        server.stop();
    }
}

/// Calls are read no further than their answers are taken: a caller that does not read is made to wait, and gets every
/// answer once it reads.
#[test]
fn a_caller_that_does_not_read_is_made_to_wait() {
    for name in SERVERS {
        let server = Server::start(name);
        let call = call_of(&"y".repeat(50_000));
        let mut socket = TcpStream::connect(&server.address).expect("it listens");
        // One call in peace, for the length of its answer.
        socket.write_all(&call).expect("the server reads");
        let answer = answer_from(&mut socket);
        let (whole, rest) = pour(&mut socket, &call);
        assert!(whole < 2_000, "{name} takes calls without end: {whole}");
        let mut answers = vec![0; answer * (whole + usize::from(!rest.is_empty()))];
        let mut reading = socket.try_clone().expect("a second handle");
        reading
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("not zero");
        let reader = std::thread::spawn(move || reading.read_exact(&mut answers));
        socket.write_all(&rest).expect("the server reads on");
        let read = reader.join().expect("it only reads");
        read.unwrap_or_else(|error| panic!("{name}: {error}"));
        server.stop();
    }
}

/// Writes call after call until the socket takes no more for a while. Returns how many went out whole, and the rest of
/// the one that did not.
fn pour(socket: &mut TcpStream, call: &[u8]) -> (usize, Vec<u8>) {
    socket
        .set_write_timeout(Some(Duration::from_millis(500)))
        .expect("not zero");
    let mut left = call;
    let mut whole = 0;
    while whole < 2_000 {
        match socket.write(left) {
            Ok(written) if written == left.len() => {
                whole += 1;
                left = call;
            }
            Ok(written) => left = &left[written..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("the server is gone: {error}"),
        }
    }
    socket.set_write_timeout(None).expect("none is allowed");
    let rest = if left.len() == call.len() { &[][..] } else { left };
    (whole, rest.to_vec())
}

/// The bytes of a framed call.
fn call_of(text: &str) -> Vec<u8> {
    let mut config = ClientConfig::default();
    config.transport = Transport::Framed;
    let mut client = Connection::client(Speaks::PingPong(Arc::new(config)), Instant::ZERO);
    let line = Line { text: text.to_owned() };
    let request = Request::new(&STREAMS, "plain");
    let opened = client.call(Instant::ZERO, &request, &StreamsPlainArgs { line });
    opened.expect("a new connection has room");
    let mut out = Transmit::new();
    client.poll_transmit(Instant::ZERO, &mut out);
    out.to_vec()
}

/// Reads a framed answer; its length with the frame's.
fn answer_from(socket: &mut TcpStream) -> usize {
    let mut length = [0; 4];
    socket.read_exact(&mut length).expect("an answer");
    let length = usize::try_from(u32::from_be_bytes(length)).expect("32 bits fit");
    let mut answer = vec![0; length];
    socket.read_exact(&mut answer).expect("the rest of it");
    length + 4
}

/// A server, killed if a test leaves it behind.
struct Server {
    name: &'static str,
    address: String,
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start(name: &'static str) -> Self {
        let mut child = Command::new(example(name))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line of text");
        let address = line.strip_prefix("listening on ").expect("its address");
        let address = address.split_whitespace().next().expect("its address").to_owned();
        Self {
            name,
            address,
            child,
            output,
        }
    }

    /// Runs the client, which prints this.
    fn calls(&self, transport: &str, words: &[&str], wanted: &str) {
        let (_, port) = self.address.rsplit_once(':').expect("it has a port");
        let output = Command::new(example("blocking_client"))
            .args(["--port", port, "--transport", transport])
            .args(words)
            .stdin(Stdio::null())
            .output();
        let output = output.expect("the client runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let end = |text: &str| text.lines().last().unwrap_or_default().to_owned();
        let alike = printed == wanted || wanted.contains("boom") && end(&printed).contains("boom");
        assert!(alike, "{} over {transport} {words:?}: {printed}", self.name);
    }

    /// Every call is over, so it stops at once.
    fn stop(mut self) {
        let asked = StdInstant::now();
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.expect("there is a kill").success());
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).expect("text");
        let status = self.child.wait().expect("it has ended");
        assert!(
            status.success() && printed.ends_with("stopped\n"),
            "{}: {printed}",
            self.name
        );
        assert!(asked.elapsed() < Duration::from_secs(4), "{} took its time", self.name);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Examples are built with the tests, beside them.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let folder = this
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target/PROFILE/deps");
    folder
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

const SERVERS: [&str; 3] = ["mio_server", "blocking_server", "thread_per_core"];
