//! The lists of cases. A cell of the matrix is a case on a lane in a direction; what cannot be run is in the list with its reason.

pub(crate) mod grpc;
mod setup;
mod step;
pub(crate) mod ttheader;

use super::expect::Want;
use super::lanes::{GENERATED, Lane, Mode, Target};
use super::wish::Wish;
use crate::call::{Dial, Pairs};
use crate::lanes::{Direction, Side};

pub(crate) use self::setup::Setup;
pub(crate) use self::step::{Back, Cascade, Front, Megabytes, Race, Size, Sizes, Step};

/// One row of the list.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup,
    pub(crate) step: Step,
    pub(crate) want: Wanted,
    /// The lines that come last in every mode.
    pub(crate) after: Vec<String>,
    /// What the handler must have recorded.
    pub(crate) record: Option<Recorded>,
    /// What the next server's handler must have recorded.
    pub(crate) next_record: Option<Recorded>,
    /// The server refuses the call before it has read a message: the opening or a send may tell that already.
    pub(crate) refused: bool,
    /// Nothing else runs meanwhile.
    pub(crate) alone: bool,
    filters: Vec<Filter>,
}

pub(crate) type Wanted = Box<dyn Fn(&Lane, Direction) -> Want + Send + Sync>;
pub(crate) type Recorded = Box<dyn Fn(&Lane, Direction) -> String + Send + Sync>;

/// Tells why a case is not run on a lane.
type Filter = fn(&Lane, Direction) -> Option<&'static str>;

/// A call without its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    target: Target,
    text: String,
    /// What is done instead of sending the text and taking every answer.
    steps: Option<Vec<String>>,
    manner: Manner,
    after: Vec<String>,
    pub(crate) metadata: Vec<(String, String)>,
    persistent: Pairs,
    transient: Pairs,
    timeout_ms: u64,
    recv_timeout_ms: u64,
    keep_remote: bool,
    pub(crate) gzip: bool,
    cancel_when: &'static str,
    names: bool,
    header_handler: bool,
    as_generated: bool,
    pub(crate) connections: u32,
}

/// How the usual steps of a mode go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Manner {
    /// Sends the text, half-closes, takes every answer.
    #[default]
    Whole,
    /// Sends the text, keeps the stream open and receives once.
    Open,
}

impl Case {
    fn new(name: &'static str, step: Step) -> Self {
        Self {
            name,
            setup: Setup::Main,
            step,
            want: Box::new(|_, _| Want::Anything),
            after: Vec::new(),
            record: None,
            next_record: None,
            refused: false,
            alone: false,
            filters: Vec::new(),
        }
    }

    fn on(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }

    fn gives(mut self, want: Want) -> Self {
        self.want = Box::new(move |_, _| want.clone());
        self
    }

    fn gives_by(mut self, want: impl Fn(&Lane, Direction) -> Want + Send + Sync + 'static) -> Self {
        self.want = Box::new(want);
        self
    }

    fn after(mut self, lines: &[&str]) -> Self {
        self.after = owned(lines);
        self
    }

    fn records(self, line: &'static str) -> Self {
        self.records_by(move |_, _| line.to_owned())
    }

    fn records_by(mut self, line: impl Fn(&Lane, Direction) -> String + Send + Sync + 'static) -> Self {
        self.record = Some(Box::new(line));
        self
    }

    fn records_as(mut self, record: Recorded) -> Self {
        self.record = Some(record);
        self
    }

    fn next_records(self, line: impl Into<String>) -> Self {
        let line = line.into();
        Self {
            next_record: Some(Box::new(move |_, _| line.clone())),
            ..self
        }
    }

    fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    fn unless(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Why the case is not run there.
    pub(crate) fn missing(&self, lane: &Lane, direction: Direction) -> Option<&'static str> {
        let filtered = self.filters.iter().find_map(|filter| filter(lane, direction));
        let next = match &self.step {
            Step::Hop(next, _) => Some(*next),
            Step::Cascade(cascade) => Some(cascade.next),
            _ => None,
        };
        let alone = match (next, direction) {
            (Some(Side::Ours), Direction::KitexToKitex) => Some("Kitex alone: no peer of ours"),
            (Some(Side::Kitex), Direction::OursToOurs) => Some("ours alone: no peer of Kitex's"),
            _ => None,
        };
        filtered.or(alone)
    }
}

impl Ask {
    pub(crate) fn wish(&self, lane: &Lane, address: &str) -> Wish {
        let (service, method) = lane.place(self.target);
        let mut wish = Wish {
            dial: Dial {
                http2_meta: self.names,
                header_handler: self.header_handler,
                connections: self.connections,
                ..lane.dial(address)
            },
            service,
            method,
            text: self.text.clone(),
            steps: self.steps_on(lane),
            metadata: self.metadata.clone(),
            persistent: self.persistent.clone(),
            transient: self.transient.clone(),
            timeout_ms: self.timeout_ms,
            recv_timeout_ms: self.recv_timeout_ms,
            keep_remote: self.keep_remote,
            gzip: self.gzip,
            cancel_when: self.cancel_when,
            ..Wish::default()
        };
        if self.as_generated {
            wish.dial.transport = GENERATED;
        }
        wish
    }

    fn steps_on(&self, lane: &Lane) -> Vec<String> {
        let send = format!("send {}", self.text);
        let usual: &[&str] = match (lane.mode, self.manner) {
            (Mode::Unary, _) => &[],
            (Mode::Watch, Manner::Open) => &["recv"],
            (Mode::Watch, Manner::Whole) => &["drain"],
            (Mode::Collect, Manner::Whole) => &[&send, "finish"],
            (Mode::Talk, Manner::Whole) => &[&send, "close", "drain"],
            (Mode::Collect | Mode::Talk, Manner::Open) => &[&send, "recv"],
        };
        let mut steps = self.steps.clone().unwrap_or_else(|| owned(usual));
        steps.extend_from_slice(&self.after);
        steps
    }

    /// The handler comes to wait for its caller's end.
    pub(crate) fn waits(&self) -> bool {
        let said = self.steps.iter().flatten().chain([&self.text]);
        said.flat_map(|text| text.split("; "))
            .any(|command| ["wait", "send wait", "wait-send", "send wait-send"].contains(&command))
    }

    pub(crate) fn to(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Steps that come last in every mode.
    fn then(mut self, steps: &[&str]) -> Self {
        self.after = owned(steps);
        self
    }

    fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    fn persistent(mut self, key: &str, value: &str) -> Self {
        self.persistent.insert(key.to_owned(), value.to_owned());
        self
    }

    fn transient(mut self, key: &str, value: &str) -> Self {
        self.transient.insert(key.to_owned(), value.to_owned());
        self
    }

    fn within(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    fn receives_within(mut self, timeout_ms: u64) -> Self {
        self.recv_timeout_ms = timeout_ms;
        self
    }

    /// A recv timeout leaves the stream alone.
    fn keeping_remote(mut self) -> Self {
        self.keep_remote = true;
        self
    }

    fn compressed(mut self) -> Self {
        self.gzip = true;
        self
    }

    fn cancelled_when(mut self, mark: &'static str) -> Self {
        self.cancel_when = mark;
        self
    }

    /// The client asks for marks of its call.
    pub(crate) fn awaits(&self) -> bool {
        let mut steps = self.steps.iter().flatten();
        !self.cancel_when.is_empty() || steps.any(|step| AWAITING.iter().any(|word| step.starts_with(word)))
    }

    /// Tells the server who calls.
    fn named(mut self) -> Self {
        self.names = true;
        self
    }

    /// Over TTHeader: a Kitex client sends the metadata.
    fn through_header_handler(mut self) -> Self {
        self.header_handler = true;
        self
    }

    /// By a Kitex client without options.
    fn without_options(mut self) -> Self {
        self.as_generated = true;
        self
    }

    /// All such calls of a client share one connection, where that is the client's choice.
    fn on_one_connection(mut self) -> Self {
        self.connections = 1;
        self
    }
}

const AWAITING: [&str; 2] = ["await ", "cancel-when "];

/// Sends the text and takes everything, in the mode of the lane.
pub(crate) fn say(text: &str) -> Ask {
    Ask {
        text: text.to_owned(),
        ..Ask::default()
    }
}

/// Sends the text, keeps the stream open and receives once, in the mode of the lane.
fn leave_open(text: &str) -> Ask {
    Ask {
        manner: Manner::Open,
        ..say(text)
    }
}

/// Does these steps; the text is the request of a mode with one.
fn steps(text: &str, steps: &[&str]) -> Ask {
    Ask {
        text: text.to_owned(),
        steps: Some(owned(steps)),
        ..Ask::default()
    }
}

fn call(name: &'static str, ask: Ask) -> Case {
    Case::new(name, Step::Call(ask))
}

fn answers(texts: &[&str]) -> Want {
    Want::Answers(owned(texts))
}

/// The error with which a stream ends, after these answers.
fn fails(texts: &[&str], error: &str) -> Want {
    Want::Fails(owned(texts), error.to_owned())
}

fn ends(answers: &[&str], line: &str) -> Want {
    Want::Ends(owned(answers), line.to_owned())
}

fn lines(lines: &[&str]) -> Want {
    Want::Lines(owned(lines))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn collect_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode != Mode::Collect).then_some("steps of another mode")
}

fn watch_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode != Mode::Watch).then_some("steps of another mode")
}

fn talk_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode != Mode::Talk).then_some("steps of another mode")
}
