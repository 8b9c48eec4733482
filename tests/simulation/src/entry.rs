//! One call, as it is remembered, and whether it ended as it may.

use std::time::Duration;

use kitewire::runtime::Instant;
use kitewire::{Error, ErrorKind, StreamTransport, Transport};
use kitewire_simulator::Simulated;

use crate::messages::Act;
use crate::messages::work::WorkAskError;
use crate::property::Property;
use crate::task::{Kind, Line, RecvLimit, Task};

/// What is remembered of a call.
pub(crate) struct Entry {
    pub(crate) task: Task,
    pub(crate) line: Line,
    /// Where the caller is.
    pub(crate) host: Simulated,
    pub(crate) opened: Instant,
    pub(crate) visited: Option<Instant>,
    pub(crate) visits: u32,
    /// When the caller had its end.
    pub(crate) ended: Option<Instant>,
    pub(crate) dropped: bool,
    pub(crate) running: bool,
    /// When its handler has ended.
    pub(crate) left: Option<Instant>,
    /// What connecting and the network may take.
    pub(crate) slack: Duration,
    /// It ends with another call.
    pub(crate) relayed: bool,
}

/// What may explain how a call ended.
pub(crate) struct Circumstances {
    /// A server that stopped lets it fail.
    pub(crate) stopped: bool,
    /// The network lets it fail.
    pub(crate) hindered: bool,
    /// Its server may have said that it leaves, now or so long ago as the network keeps it.
    pub(crate) left: bool,
    /// It is a part of another one, which nobody waits for any more.
    pub(crate) orphaned: bool,
    /// Its connection may have had as many streams as it takes.
    pub(crate) full: bool,
}

/// How a call ended for its caller.
#[derive(Debug)]
pub(crate) enum End {
    Good,
    Failed(Failure),
    /// The caller has dropped it.
    Dropped,
}

/// An error, as far as it is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) text: String,
    pub(crate) business: Option<i32>,
    /// The call that a declared exception names.
    pub(crate) declined: Option<i64>,
}

impl Entry {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let at = |instant: Option<Instant>| match instant {
            Some(instant) => format!("{:?}", instant.saturating_since(self.opened)),
            None => "never".to_owned(),
        };
        format!(
            "opened {:?}, handler after {} ({} times), ended after {}, {:?} over {:?}",
            self.opened.saturating_since(Instant::ZERO),
            at(self.visited),
            self.visits,
            at(self.ended),
            self.task,
            self.line
        )
    }

    /// Whether it may have ended like this.
    pub(crate) fn judge(
        &self,
        call: i64,
        now: Instant,
        end: &End,
        why: &Circumstances,
    ) -> Result<(), (Property, String)> {
        let (task, took) = (&self.task, now.saturating_since(self.opened));
        let excused = why.stopped || why.hindered;
        if let Some(timeout) = task.timeout
            && task.kind != Kind::Tell
            && took > timeout + task.last_rests() + LATENESS
        {
            return Err((Property::Deadline, format!("ended {took:?} after its beginning")));
        }
        if !excused && took > task.most() + self.slack {
            return Err((
                Property::Prompt,
                format!("took {took:?} where {:?} are enough", task.most()),
            ));
        }
        match end {
            End::Dropped => Ok(()),
            End::Good => self.judge_good(took),
            End::Failed(failure) if failure.fits(task.act, call) => Ok(()),
            End::Failed(_) if why.orphaned => Ok(()),
            End::Failed(failure) if failure.kind == ErrorKind::Timeout => self.judge_timeout(took, excused),
            End::Failed(failure) if excused && failure.is_of_the_network() => Ok(()),
            // What a relay failed with is told in its handler's words.
            End::Failed(failure) if excused && task.hops > 0 && failure.is_remote() => Ok(()),
            End::Failed(failure) if why.left && failure.says(&FAREWELLS) => Ok(()),
            End::Failed(failure) if why.hindered && failure.says(&LATE) => Ok(()),
            End::Failed(failure) if why.full && failure.is_refused_stream() => Ok(()),
            End::Failed(failure) => Err((Property::Honest, format!("failed with {failure:?}"))),
        }
    }

    /// Whether it is a stream of HTTP/2.
    fn is_http2_stream(&self) -> bool {
        match self.task.kind {
            Kind::Ask | Kind::Tell | Kind::Echo | Kind::Reserve => self.line.calls == Transport::Grpc,
            _ => self.line.streams == StreamTransport::Grpc,
        }
    }

    /// Whether it was a stream of the same client as `other`, and its server may have counted it while that was open.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        let same = || (self.line.server, self.host.name()) == (other.line.server, other.host.name());
        let over = match self.visits {
            // Its beginning and its end may have come at once, with those of others behind them.
            0 => self.ended.map(|ended| ended + NOTICE),
            _ => self
                .ended
                .max(self.left)
                .filter(|_| !self.running && self.ended.is_some()),
        };
        self.is_http2_stream() && over.is_none_or(|over| over >= other.opened) && same()
    }

    /// Whether its caller has gone before its handler.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.ended
            .is_some_and(|ended| self.left.is_none_or(|left| left > ended))
    }

    fn judge_good(&self, took: Duration) -> Result<(), (Property, String)> {
        let task = &self.task;
        if !matches!(task.act, Act::Answer) && task.kind != Kind::Tell {
            return Err((Property::Bytes, "ended well".to_owned()));
        }
        if task.kind != Kind::Tell && self.visits == 0 {
            return Err((Property::Bytes, "was answered without its handler".to_owned()));
        }
        if task.timeout.is_some_and(|timeout| task.least() > timeout) {
            return Err((Property::Deadline, format!("was answered after {took:?}")));
        }
        Ok(())
    }

    fn judge_timeout(&self, took: Duration, excused: bool) -> Result<(), (Property, String)> {
        let task = &self.task;
        if let RecvLimit::Cancels(limit) | RecvLimit::Keeps(limit) = task.recv {
            let least = task.timeout.map_or(limit, |timeout| timeout.min(limit));
            return match excused || took >= least {
                true => Ok(()),
                false => Err((Property::Deadline, format!("timed out after {took:?} already"))),
            };
        }
        match task.timeout {
            None if excused => Ok(()),
            None => Err((
                Property::Deadline,
                format!("timed out after {took:?}, and has no deadline"),
            )),
            Some(timeout) if took < timeout => Err((Property::Deadline, format!("timed out after {took:?} already"))),
            Some(timeout) if !excused && task.act != Act::Linger && task.most() + self.slack < timeout => {
                Err((Property::Prompt, "ran out of time".to_owned()))
            }
            Some(_) => Ok(()),
        }
    }
}

impl End {
    /// Whether a server has as many streams as it takes.
    pub(crate) fn is_refused_stream(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_refused_stream())
    }

    /// For the trace.
    pub(crate) fn text(&self, call: i64) -> String {
        match self {
            Self::Good => format!("call {call} ends well"),
            Self::Dropped => format!("call {call} is dropped"),
            Self::Failed(failure) => format!("call {call} fails: {:?} {}", failure.kind, failure.text),
        }
    }
}

impl Failure {
    /// Whether a handler that ends with `act` fails its call like this.
    fn fits(&self, act: Act, call: i64) -> bool {
        let remote = self.is_remote();
        match act {
            Act::Answer => false,
            Act::Business => self.kind == ErrorKind::Business && self.business == Some(business_code(call)),
            Act::Declined => self.declined == Some(call),
            Act::Fail => remote && self.text.contains(&broken(call)),
            Act::Typed => remote && self.text.contains(&typed(call)),
            Act::Panic => remote && self.text.contains("panic"),
            Act::Linger => remote && self.text.contains(NOBODY_WAITS),
        }
    }

    /// Whether the handler of `task` has ended so, and nothing else can have.
    pub(crate) fn is_of_handler(&self, task: &Task, call: i64) -> bool {
        !matches!(task.act, Act::Panic | Act::Linger) && self.fits(task.act, call)
    }

    /// Whether a lost connection explains it.
    const fn is_of_the_network(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Connect | ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Cancelled
        )
    }

    /// Whether a server has said it.
    const fn is_remote(&self) -> bool {
        matches!(self.kind, ErrorKind::Remote | ErrorKind::Status)
    }

    fn is_refused_stream(&self) -> bool {
        self.text.contains("REFUSED_STREAM")
    }

    /// Whether a server has said some of these words.
    fn says(&self, words: &[&str]) -> bool {
        self.is_remote() && words.iter().any(|words| self.text.contains(words))
    }
}

pub(crate) fn business_code(call: i64) -> i32 {
    i32::try_from(call % 1000).unwrap_or_default() + 1
}

pub(crate) fn broken(call: i64) -> String {
    format!("broken {call}.")
}

pub(crate) fn typed(call: i64) -> String {
    format!("typed {call}.")
}

impl From<Result<(), Failure>> for End {
    fn from(outcome: Result<(), Failure>) -> Self {
        outcome.map_or_else(Self::Failed, |()| Self::Good)
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            text: error.to_string(),
            business: error.business_status().map(|status| status.code),
            declined: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<WorkAskError> for Failure {
    fn from(error: WorkAskError) -> Self {
        match error {
            WorkAskError::Error(error) => Self::from(&error),
            WorkAskError::Declined(declined) => Self {
                kind: ErrorKind::Application,
                text: "declined".to_owned(),
                business: None,
                declined: Some(declined.call),
            },
        }
    }
}

/// What a server that stops says, and its clients.
const FAREWELLS: [&str; 2] = ["the connection is draining", "the server is shutting down"];
/// What a server says to whom a request does not come in time, and clients of a server that has given up the connection,
/// as a frame did not.
const LATE: [&str; 2] = ["connection read timeout", "the connection is draining"];
/// What a handler ends with that has waited for its caller to go.
pub(crate) const NOBODY_WAITS: &str = "nobody waits any more";
/// How long the news may travel that nobody waits any more.
pub(crate) const NOTICE: Duration = Duration::from_millis(300);
/// How much later than its deadline a call may end.
pub(crate) const LATENESS: Duration = Duration::from_millis(2);
