//! A client on a blocking socket of the standard library, with kitewire's core for everything between bytes and calls.
//!
//! ```console
//! $ cargo run --example blocking_client -- --port 8888 plain hello
//! got hello
//! $ cargo run --example blocking_client -- --port 8888 --transport grpc talk hello world
//! got hello
//! got world
//! end
//! ```
//!
//! `--transport` is `ttheader-framed` (the default), `ttheader`, `framed` or `bare` for ping-pong calls, `grpc`, or
//! `ttheader-streaming` for the methods that stream. `--timeout-ms` is the deadline of a call, `--calls` makes so many of
//! them on the one connection, one after the other.
//!
//! # The loop
//!
//! The main thread does what is due (`handle_timeout`), handles events and makes calls ([`Asking::serve`]), writes
//! (`poll_transmit`), and then waits on a condition, until there is something new or `poll_timeout` has come. A second
//! thread reads, and hands what it read to `receive`. `src/blocking.rs` has both, and says why there are two.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kitewire_loops::arguments::Arguments;
use kitewire_loops::blocking::Line as Wire;
use kitewire_loops::clock::Clock;
use kitewire_loops::streams::{
    Line, STREAMS, StreamsPlainArgs, StreamsPlainResult, StreamsUnaryArgs, StreamsUnaryResult,
};
use kitewire_proto::connection::{Connection, Event, Message, OpenError, Outcome, Pull, Request, SendError, Speaks};
use kitewire_proto::wire::Transport;
use kitewire_proto::{CallId, ClientConfig, DecodeError, Instant, Shutdown};

fn main() -> ExitCode {
    let asked = Arguments::read(&["port", "transport", "timeout-ms", "calls"], USAGE).and_then(|arguments| {
        let asking = Asking::new(&arguments)?;
        call(&arguments, asking)
    });
    match asked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Connects and drives the connection to its end.
fn call(arguments: &Arguments, mut asking: Asking) -> Result<(), String> {
    let speaks = speaks(arguments.text("transport").unwrap_or("ttheader-framed"))?;
    let address = arguments.address()?;
    let socket =
        TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(|error| format!("{address}: {error}"))?;
    let clock = Clock::start();
    let wire = Wire::new(Connection::client(speaks, clock.now()), clock);
    wire.drive(&socket, |connection, now| asking.serve(connection, now))
        .map_err(|error| error.to_string())?;
    asking.failure.map_or(Ok(()), Err)
}

fn speaks(transport: &str) -> Result<Speaks, String> {
    let transport = match transport {
        "grpc" => return Ok(Speaks::Grpc(Arc::default())),
        "ttheader-streaming" => return Ok(Speaks::TtHeaderStreams(Arc::default())),
        "bare" => Transport::Bare,
        "framed" => Transport::Framed,
        "ttheader" => Transport::TtHeader,
        "ttheader-framed" => Transport::TtHeaderFramed,
        other => return Err(format!("unknown transport {other}\nusage: {USAGE}")),
    };
    let mut config = ClientConfig::default();
    config.transport = transport;
    Ok(Speaks::PingPong(Arc::new(config)))
}

/// Calls to make, and the one that runs.
struct Asking {
    method: String,
    texts: Vec<String>,
    timeout: Duration,
    /// Calls that are still to be begun.
    left: u32,
    running: Option<Running>,
    failure: Option<String>,
}

struct Running {
    id: CallId,
    /// Messages that are still to be sent.
    unsent: VecDeque<Line>,
    /// Everything is sent, and that was said.
    complete: bool,
}

impl Asking {
    fn new(arguments: &Arguments) -> Result<Self, String> {
        let (method, texts) = arguments.words.split_first().ok_or(format!("usage: {USAGE}"))?;
        Ok(Self {
            method: method.clone(),
            texts: texts.to_vec(),
            timeout: Duration::from_millis(arguments.number("timeout-ms", 5_000)?),
            left: arguments.number("calls", 1)?,
            running: None,
            failure: None,
        })
    }

    /// Does all that can be done now: a call that runs goes on, the next one is begun, and after the last the connection
    /// ends. Returns whether anything has happened.
    fn serve(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = connection.poll_event() {
            any = true;
            match event {
                Event::Readable { id } => self.receive(connection, id),
                Event::Ended { id } => {
                    self.receive(connection, id);
                    self.end(connection, now, id);
                }
                Event::Closed { reason } if self.running.take().is_some() || self.left > 0 => {
                    self.left = 0;
                    self.failure.get_or_insert(reason.to_string());
                }
                _ => {}
            }
        }
        if self.running.is_none() && self.left > 0 {
            self.begin(connection, now);
            any = true;
        }
        self.send(connection, now);
        any
    }

    fn begin(&mut self, connection: &mut Connection, now: Instant) {
        let text = self.texts.first().cloned().unwrap_or_default();
        let mut request = Request::new(&STREAMS, &self.method);
        request.deadline = Some(now + self.timeout);
        request.timeout = Some(self.timeout);
        let line = Line { text };
        let opened = match self.method.as_str() {
            "plain" => connection.call(now, &request, &StreamsPlainArgs { line }),
            "unary" => connection.call(now, &request, &StreamsUnaryArgs { line }),
            "watch" => connection.call(now, &request, &line),
            _ => connection.open(now, &request),
        };
        match opened {
            Ok(id) => {
                let streams = matches!(self.method.as_str(), "collect" | "talk");
                let texts = self.texts.iter().filter(|_| streams).cloned();
                self.running = Some(Running {
                    id,
                    unsent: texts.map(|text| Line { text }).collect(),
                    complete: !streams,
                });
                self.left -= 1;
            }
            // An event tells when there is room.
            Err(OpenError::Busy) => {}
            Err(error) => self.give_up(connection, now, error.to_string()),
        }
    }

    /// Sends what the connection takes; an event tells when it takes more.
    fn send(&mut self, connection: &mut Connection, now: Instant) {
        let Some(running) = self.running.as_mut().filter(|running| !running.complete) else {
            return;
        };
        while let Some(line) = running.unsent.front() {
            match connection.send(now, running.id, line) {
                Ok(()) => drop(running.unsent.pop_front()),
                Err(SendError::Full) => return,
                // The call's end tells why.
                Err(SendError::Over) => running.unsent.clear(),
                Err(error) => return self.give_up(connection, now, error.to_string()),
            }
        }
        running.complete = true;
        // There is nothing to say to a call that is over.
        let _ = connection.close_send(running.id);
    }

    fn receive(&mut self, connection: &mut Connection, id: CallId) {
        while let Pull::Message(message) = connection.pull(id) {
            match text(&self.method, &message) {
                Ok(text) => println!("got {text}"),
                Err(error) => drop(self.failure.get_or_insert(error)),
            }
        }
    }

    fn end(&mut self, connection: &mut Connection, now: Instant, id: CallId) {
        match connection.outcome(id) {
            Some(Outcome::Ok) if matches!(self.method.as_str(), "watch" | "talk") => println!("end"),
            Some(Outcome::Ok) | None => {}
            Some(Outcome::Business(status)) => {
                let text = format!("business status {}: {}", status.code, status.message);
                self.failure.get_or_insert(text);
            }
            Some(Outcome::Failed(failure)) => drop(self.failure.get_or_insert(failure.to_string())),
        }
        connection.release(now, id);
        self.running = None;
        if self.left == 0 {
            connection.shutdown(now, Shutdown::Immediate);
        }
    }

    fn give_up(&mut self, connection: &mut Connection, now: Instant, error: String) {
        self.left = 0;
        self.running = None;
        self.failure.get_or_insert(error);
        connection.shutdown(now, Shutdown::Immediate);
    }
}

/// A call's result is a struct of its own; messages of a stream are bare.
fn text(method: &str, message: &Message) -> Result<String, String> {
    let decoded: Result<Option<Line>, DecodeError> = match method {
        "plain" => message.thrift::<StreamsPlainResult>().map(|result| result.success),
        "unary" => message.thrift::<StreamsUnaryResult>().map(|result| result.success),
        _ => message.thrift().map(Some),
    };
    match decoded {
        Ok(Some(line)) => Ok(line.text),
        Ok(None) => Err("an answer without a result".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

const USAGE: &str = "blocking_client --port N [--transport T] [--timeout-ms N] [--calls N] \
                     plain|unary|collect|watch|talk [TEXT…]";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
