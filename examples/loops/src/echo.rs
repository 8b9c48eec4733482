//! The service of the servers here: the part of a program on the core that is about calls, not about sockets.
//!
//! It never waits. Whatever happens to a call, `Exchange::advance` does all that can be done now, and leaves the rest
//! for the next event: what was received is pulled only when everything said so far is on its way, so a call holds one
//! message in each direction, whatever its peer does.

use std::collections::{BTreeMap, VecDeque};

use kitewire_proto::connection::{Connection, Ending, Event, Message, Pull, SendError};
use kitewire_proto::http::Response;
use kitewire_proto::{CallId, DecodeError, EncodeBody, Instant};

use crate::streams::{Line, StreamsPlainArgs, StreamsPlainResult, StreamsUnaryArgs, StreamsUnaryResult};

/// The calls of one connection that run.
#[derive(Debug, Default)]
pub struct Calls(BTreeMap<CallId, Exchange>);

impl Calls {
    /// Handles all events that there are, whatever the connection speaks. Returns whether there were any.
    pub fn serve(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = connection.poll_event() {
            any = true;
            match event {
                Event::Opened { id } => {
                    let method = connection.incoming(id).map_or("", |call| call.method_name());
                    self.0.insert(id, Exchange::new(method));
                    self.advance(connection, now, id);
                }
                Event::Readable { id } | Event::Writable { id } => self.advance(connection, now, id),
                // Nobody waits for the answer any more.
                Event::Ended { id } => {
                    self.0.remove(&id);
                    connection.release(now, id);
                }
                Event::HttpRequest { id } => {
                    // It fails only for a request that is gone.
                    let _ = connection.respond_http(now, id, &Response::text(200, "kitewire's core, and a loop\n"));
                }
                Event::Closed { .. } => self.0.clear(),
                _ => {}
            }
        }
        any
    }

    fn advance(&mut self, connection: &mut Connection, now: Instant, id: CallId) {
        if let Some(exchange) = self.0.get_mut(&id)
            && exchange.advance(connection, now, id) == Progress::Over
        {
            self.0.remove(&id);
        }
    }
}

/// A call that runs.
struct Exchange {
    method: Method,
    /// Texts of a method with a single answer, until the last has come.
    texts: String,
    /// What is to be sent, in order.
    answers: VecDeque<Box<dyn EncodeBody + Send>>,
    /// Nothing follows `answers`.
    complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Plain,
    Unary,
    Collect,
    Watch,
    Talk,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Until the next event of the call.
    Waits,
    Over,
}

impl Exchange {
    fn new(method: &str) -> Self {
        Self {
            method: match method {
                "plain" => Method::Plain,
                "unary" => Method::Unary,
                "collect" => Method::Collect,
                "watch" => Method::Watch,
                _ => Method::Talk,
            },
            texts: String::new(),
            answers: VecDeque::new(),
            complete: false,
        }
    }

    fn advance(&mut self, connection: &mut Connection, now: Instant, id: CallId) -> Progress {
        loop {
            while let Some(answer) = self.answers.front() {
                match connection.send(now, id, &**answer) {
                    Ok(()) => drop(self.answers.pop_front()),
                    Err(SendError::Full) => return Progress::Waits,
                    Err(error) => return end(connection, now, id, &Ending::Failed(&error.to_string())),
                }
            }
            if self.complete {
                return end(connection, now, id, &Ending::Ok);
            }
            let text = match connection.pull(id) {
                Pull::Message(message) => self.method.text(&message),
                Pull::Empty => return Progress::Waits,
                Pull::End => {
                    self.complete();
                    continue;
                }
                Pull::Failed => {
                    connection.release(now, id);
                    return Progress::Over;
                }
            };
            let taken = match text {
                Ok(text) => self.take(&text),
                Err(error) => return end(connection, now, id, &Ending::Undecodable(&error)),
            };
            if let Err(text) = taken {
                return end(connection, now, id, &Ending::Failed(text));
            }
        }
    }

    /// Takes a text in, or fails with one.
    fn take(&mut self, text: &str) -> Result<(), &'static str> {
        match self.method {
            _ if text == "boom" => return Err("boom"),
            Method::Talk => self.answers.push_back(self.method.answer(text)),
            Method::Watch => self
                .answers
                .extend(text.split("; ").map(|piece| self.method.answer(piece))),
            Method::Plain | Method::Unary | Method::Collect => {
                if self.texts.len() + text.len() > MAX_TEXTS {
                    return Err("that is more than a server keeps");
                }
                if !self.texts.is_empty() {
                    self.texts.push(',');
                }
                self.texts.push_str(text);
            }
        }
        Ok(())
    }

    /// The caller has said everything.
    fn complete(&mut self) {
        self.complete = true;
        if matches!(self.method, Method::Plain | Method::Unary | Method::Collect) {
            self.answers.push_back(self.method.answer(&self.texts));
        }
    }
}

impl Method {
    /// A call's arguments are a struct of their own; messages of a stream are bare.
    fn text(self, message: &Message) -> Result<String, DecodeError> {
        let line = match self {
            Self::Plain => message.thrift::<StreamsPlainArgs>()?.line,
            Self::Unary => message.thrift::<StreamsUnaryArgs>()?.line,
            Self::Collect | Self::Watch | Self::Talk => message.thrift()?,
        };
        Ok(line.text)
    }

    fn answer(self, text: &str) -> Box<dyn EncodeBody + Send> {
        let line = Line { text: text.to_owned() };
        match self {
            Self::Plain => Box::new(StreamsPlainResult { success: Some(line) }),
            Self::Unary => Box::new(StreamsUnaryResult { success: Some(line) }),
            Self::Collect | Self::Watch | Self::Talk => Box::new(line),
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.method)
    }
}

fn end(connection: &mut Connection, now: Instant, id: CallId, ending: &Ending<'_>) -> Progress {
    connection.finish(now, id, ending);
    Progress::Over
}

/// Most bytes that a call with many requests and one answer makes the server keep.
const MAX_TEXTS: usize = 16 * 1024 * 1024;
