//! The list of cases. A cell of the matrix is a case on a lane in a direction; what cannot be run is in the list with its reason.

mod basics;
mod dispatch;
mod meta;
mod stop;

use crate::call::{Call, Pairs, ServerConfig};
use crate::expect::Expect;
use crate::lanes::{Direction, Lane, Side};

/// One row of the list.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup,
    pub(crate) step: Step,
    pub(crate) expect: Wanted,
    filters: Vec<Filter>,
}

type Wanted = Box<dyn Fn(&Lane, Direction) -> Expect + Send + Sync>;

/// Tells why a case is not run on a lane.
type Filter = fn(&Lane, Direction) -> Option<&'static str>;

/// What is done on the lane.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One call.
    Call(Ask),
    /// The first call, whatever comes of it, then the second, which must be as expected.
    Then(Ask, Ask),
    /// A oneway call with this text; then its effect is asked for.
    Oneway(&'static str),
    /// Calls one after the other.
    Sequence(u32),
    /// Calls at once, the first of which waits longest.
    AtOnce(u32),
    /// The call of a handler that calls the next server, which is of this side.
    Hop(Side, Ask),
    /// Both directions carry a checksum.
    ChecksumSeen,
    /// A byte of the request is changed on the way.
    ChecksumBroken,
    /// Only this end knows of checksums.
    ChecksumOneSided(End),
    /// Calls run while the server stops.
    StopWhileRunning,
    /// A call is made while the server waits for another one.
    StopMarks,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

/// A call without its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    thrift: Option<(&'static str, &'static str)>,
    proto: Option<(&'static str, &'static str)>,
    pub(crate) text: String,
    pub(crate) persistent: Pairs,
    pub(crate) transient: Pairs,
    pub(crate) timeout_ms: u64,
}

/// Which server a case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Everything (fallback), Second and Proto.
    Main,
    /// The same, taking multiplexed connections only.
    MultiplexOnly,
    /// The same, with Kitex's default where that is one call at a time.
    Single,
    /// The same, with the deadline from the header.
    Deadline,
    /// The same, with checksums.
    Checksum,
    /// The same, with the unknown-service handler.
    Unknown,
    /// A, B, C; C is the fallback.
    Fallback,
    /// A, B, C; no traffic without a service name.
    Refuse,
    /// CombineService alone.
    Combine,
    /// A (fallback) and PbA share a method name over two codecs.
    TwoCodecs,
}

impl Case {
    fn new(name: &'static str, step: Step) -> Self {
        Self {
            name,
            setup: Setup::Main,
            step,
            expect: Box::new(|_, _| Expect::Anything),
            filters: Vec::new(),
        }
    }

    fn on(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }

    fn gives(mut self, expect: Expect) -> Self {
        self.expect = Box::new(move |_, _| expect.clone());
        self
    }

    fn gives_by(mut self, expect: impl Fn(&Lane, Direction) -> Expect + Send + Sync + 'static) -> Self {
        self.expect = Box::new(expect);
        self
    }

    fn unless(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    pub(crate) fn stops_server(&self) -> bool {
        matches!(self.step, Step::StopWhileRunning | Step::StopMarks)
    }

    /// Why the case is not run there.
    pub(crate) fn missing(&self, lane: &Lane, direction: Direction) -> Option<&'static str> {
        lane.missing(direction)
            .or_else(|| self.filters.iter().find_map(|filter| filter(lane, direction)))
            .or_else(|| match &self.step {
                Step::StopWhileRunning if direction == Direction::KitexToKitex && lane.multiplexed => {
                    Some("between Kitex peers a multiplexed connection ends when the stop begins")
                }
                Step::Hop(Side::Ours, _) if direction == Direction::KitexToKitex => {
                    Some("Kitex alone: no peer of ours")
                }
                Step::Hop(Side::Kitex, _) if direction == Direction::OursToOurs => {
                    Some("ours alone: no peer of Kitex's")
                }
                Step::Call(ask) | Step::Then(_, ask) | Step::Hop(_, ask) => ask.missing(lane),
                _ => None,
            })
    }
}

impl Ask {
    fn missing(&self, lane: &Lane) -> Option<&'static str> {
        match (lane.protobuf, self.thrift, self.proto) {
            (true, _, None) => Some("Protobuf has no such call"),
            (false, None, _) => Some("Thrift has no such call"),
            _ => None,
        }
    }

    pub(crate) fn call(&self, lane: &Lane, address: &str) -> Call {
        let (service, method) = if lane.protobuf { self.proto } else { self.thrift }.unwrap_or_default();
        Call {
            dial: lane.dial(address),
            service,
            method,
            text: self.text.clone(),
            persistent: self.persistent.clone(),
            transient: self.transient.clone(),
            timeout_ms: self.timeout_ms,
            ..Call::default()
        }
    }

    fn within(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    /// So that a lost call does not hold up the run.
    pub(crate) fn within_second(self) -> Self {
        self.within(1000)
    }

    fn persistent(mut self, key: &str, value: &str) -> Self {
        self.persistent.insert(key.to_owned(), value.to_owned());
        self
    }

    fn transient(mut self, key: &str, value: &str) -> Self {
        self.transient.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl Setup {
    pub(crate) fn config(self, lane: &Lane, server: Side) -> ServerConfig {
        let abc = vec!["ServiceA", "ServiceB", "ServiceC"];
        let main = ServerConfig {
            services: vec!["Everything", "Second", "Proto"],
            fallback: "Everything",
            ttheader_meta: lane.meta,
            // Kitex serves multiplexed connections beside others one call at a time only.
            multiplex_only: self == Self::MultiplexOnly || (lane.multiplexed && server == Side::Kitex),
            ..ServerConfig::default()
        };
        match self {
            Self::Main | Self::MultiplexOnly => main,
            Self::Single => ServerConfig {
                multiplex_only: false,
                ..main
            },
            Self::Deadline => ServerConfig {
                deadline_from_header: true,
                ..main
            },
            Self::Checksum => ServerConfig { crc32c: true, ..main },
            // Kitex remembers the codec of the first call for each unknown name: a server for each codec.
            Self::Unknown if lane.protobuf && server == Side::Kitex => ServerConfig {
                services: vec!["Proto", "Everything", "Second"],
                unknown_handler: true,
                ..main
            },
            Self::Unknown => ServerConfig {
                unknown_handler: true,
                ..main
            },
            Self::Fallback => ServerConfig {
                services: abc,
                fallback: "ServiceC",
                ..main
            },
            Self::Refuse => ServerConfig {
                services: [abc, vec!["PbA"]].concat(),
                fallback: "",
                refuse_traffic_without_service_name: true,
                ..main
            },
            Self::Combine => ServerConfig {
                services: vec!["CombineService"],
                fallback: "",
                ..main
            },
            Self::TwoCodecs => ServerConfig {
                services: vec!["ServiceA", "PbA"],
                fallback: "ServiceA",
                ..main
            },
        }
    }
}

/// Every case, in the order of the report.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = basics::cases();
    cases.extend(dispatch::cases());
    cases.extend(meta::cases());
    cases.extend(stop::cases());
    cases
}

/// The note or text service.
pub(crate) fn say(text: &str) -> Ask {
    Ask {
        thrift: Some(("Everything", "say")),
        proto: Some(("Proto", "Say")),
        text: text.to_owned(),
        ..Ask::default()
    }
}

fn thrift(service: &'static str, method: &'static str, text: &str) -> Ask {
    Ask {
        thrift: Some((service, method)),
        text: text.to_owned(),
        ..Ask::default()
    }
}

fn proto(service: &'static str, method: &'static str, text: &str) -> Ask {
    Ask {
        proto: Some((service, method)),
        text: text.to_owned(),
        ..Ask::default()
    }
}

fn either(thrift: (&'static str, &'static str), proto: (&'static str, &'static str), text: &str) -> Ask {
    Ask {
        thrift: Some(thrift),
        proto: Some(proto),
        text: text.to_owned(),
        ..Ask::default()
    }
}

fn needs_header(lane: &Lane, _: Direction) -> Option<&'static str> {
    (!lane.has_header()).then_some("no header to carry it")
}

fn needs_meta(lane: &Lane, direction: Direction) -> Option<&'static str> {
    needs_header(lane, direction).or_else(|| (!lane.meta).then_some("meta handlers are off"))
}

fn thrift_only(lane: &Lane, _: Direction) -> Option<&'static str> {
    lane.protobuf.then_some("Protobuf has no such call")
}
