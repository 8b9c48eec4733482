//! The list of cases. A cell of the matrix is a case on a lane in a direction; what cannot be run is in the list with its reason.

mod ends;
mod errors;
mod gzip;
mod messages;
mod meta;
mod stop;

use super::expect::Want;
use super::lanes::{Idl, Lane, Mode, Target};
use super::wish::Wish;
use crate::call::{Dial, Pairs, ServerConfig};
use crate::lanes::{Direction, Side};

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
    /// The server refuses the call before it has read a message: the opening or a send may tell that already.
    pub(crate) refused: bool,
    filters: Vec<Filter>,
}

pub(crate) type Wanted = Box<dyn Fn(&Lane, Direction) -> Want + Send + Sync>;
pub(crate) type Recorded = Box<dyn Fn(&Lane, Direction) -> String + Send + Sync>;

/// Tells why a case is not run on a lane.
type Filter = fn(&Lane, Direction) -> Option<&'static str>;

/// What is done on the lane.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One call.
    Call(Ask),
    /// The first call, whatever comes of it, then the second, which must be as expected.
    Then(Ask, Ask),
    /// As many calls at once, each of which takes its time, over this many connections; 0 is the client's own choice.
    AtOnce(u32, u32),
    /// The call, as many times, one after the other on one connection.
    Repeat(Ask, u32),
    /// The call of a handler that calls the next server, which is of this side.
    Hop(Side, Ask),
    /// While the call runs, calls over every ping-pong transport with a header on the same port.
    Beside(Ask),
    /// A call through a proxy that sees how much is carried.
    Measured(Ask, Sizes),
    /// The call runs while the server stops.
    StopWhileRunning(Ask),
    /// The same, but the call does not come to its end in time.
    StopExpires(Ask),
    /// The server is gone while the call runs.
    ServerLost(Ask),
}

/// Whether gzip made the requests and the answers small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) requests: Size,
    pub(crate) answers: Size,
}

/// Against the length of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Full,
}

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
    cancel_ms: u64,
    names: bool,
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

/// Which server a case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// All four services.
    Main,
    /// The same, reading who calls.
    Names,
    /// The same, answering compressed to who knows gzip.
    Gzip,
    /// The same, not reading gzip.
    NoGzip,
    /// The same, with little patience at its stop.
    Impatient,
    /// The same, with few streams at once.
    FewStreams,
    /// The same, with connections that age fast.
    Aging,
    /// The same, pinging quiet clients.
    Pinging,
    /// The same, with the unknown-service handler.
    Unknown,
    /// The same, with ping-pong services.
    Mixed,
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
            refused: false,
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

    fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    fn unless(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Why the case is not run there.
    pub(crate) fn missing(&self, lane: &Lane, direction: Direction) -> Option<&'static str> {
        let filtered = self.filters.iter().find_map(|filter| filter(lane, direction));
        let alone = match (&self.step, direction) {
            (Step::Hop(Side::Ours, _), Direction::KitexToKitex) => Some("Kitex alone: no peer of ours"),
            (Step::Hop(Side::Kitex, _), Direction::OursToOurs) => Some("ours alone: no peer of Kitex's"),
            _ => None,
        };
        filtered.or(alone)
    }
}

impl Ask {
    pub(crate) fn wish(&self, lane: &Lane, address: &str) -> Wish {
        let (service, method) = lane.place(self.target);
        Wish {
            dial: Dial {
                http2_meta: self.names,
                ..grpc(address)
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
            cancel_ms: self.cancel_ms,
            ..Wish::default()
        }
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

    fn to(mut self, target: Target) -> Self {
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

    fn cancelled_after(mut self, millis: u64) -> Self {
        self.cancel_ms = millis;
        self
    }

    /// Tells the server who calls.
    fn named(mut self) -> Self {
        self.names = true;
        self
    }
}

impl Setup {
    pub(crate) fn config(self) -> ServerConfig {
        let main = ServerConfig {
            services: vec!["Streams", "Others", "StreamsPb", "OthersPb"],
            // Kitex lets services share method names then.
            refuse_traffic_without_service_name: true,
            ..ServerConfig::default()
        };
        match self {
            Self::Main => main,
            Self::Names => ServerConfig {
                http2_meta: true,
                ..main
            },
            Self::Gzip => ServerConfig { gzip: true, ..main },
            Self::NoGzip => ServerConfig { no_gzip: true, ..main },
            Self::FewStreams => ServerConfig {
                max_streams: 10,
                ..main
            },
            Self::Aging => ServerConfig {
                max_age_ms: 150,
                ..main
            },
            // Kitex has no shorter interval.
            Self::Pinging => ServerConfig {
                keep_alive_ms: 1000,
                ..main
            },
            Self::Unknown => ServerConfig {
                unknown_handler: true,
                ..main
            },
            Self::Mixed => ServerConfig {
                services: [main.services, vec!["Everything", "Second", "Proto"]].concat(),
                ttheader_meta: true,
                ..main
            },
            Self::Impatient => ServerConfig {
                exit_wait_ms: 300,
                ..main
            },
        }
    }
}

/// How every client here reaches a server.
pub(crate) fn grpc(address: &str) -> Dial {
    Dial {
        address: address.to_owned(),
        transport: "grpc",
        ..Dial::default()
    }
}

/// Every case, in the order of the report.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = messages::cases();
    cases.extend(errors::cases());
    cases.extend(meta::cases());
    cases.extend(ends::cases());
    cases.extend(gzip::cases());
    cases.extend(stop::cases());
    cases
}

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

fn lines(lines: &[&str]) -> Want {
    Want::Lines(owned(lines))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn unary_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.mode != Mode::Unary).then_some("only a call without a stream does this")
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

fn thrift_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    (lane.idl != Idl::Thrift).then_some("Protobuf has no such call")
}
