//! One call of a script: what it asks for, and what may come of it.

use std::time::Duration;

use kitewire::{StreamTransport, Transport};
use kitewire_simulator::Random;

use crate::messages::Act;

/// Which method is called, and how its streams are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Ask,
    Tell,
    Echo,
    Reserve,
    Collect,
    Deliver,
    /// An answer for each request.
    Exchange,
    /// Requests and answers side by side.
    Duplex,
    /// The same, with a handler that reads no further than the first request.
    Deaf,
}

/// How the messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Thrift,
    Protobuf,
}

/// How a client reaches its server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) server: usize,
    pub(crate) calls: Transport,
    pub(crate) sharing: Sharing,
    pub(crate) streams: StreamTransport,
}

/// Whether calls share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Short,
    Pooled,
    Multiplexed,
}

/// How long a message may be waited for, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecvLimit {
    None,
    Cancels(Duration),
    Keeps(Duration),
}

/// What a call does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) kind: Kind,
    pub(crate) format: Format,
    pub(crate) act: Act,
    /// Size of each request's payload.
    pub(crate) up: usize,
    /// Size of each answer's payload.
    pub(crate) down: usize,
    /// Requests of a stream.
    pub(crate) requests: i32,
    /// Answers of a stream; where each request has one, the requests that the handler takes before it ends, 0 for all.
    pub(crate) answers: i32,
    /// What the handler waits before each of its steps.
    pub(crate) pause: Duration,
    /// What the caller waits before each of its steps.
    pub(crate) rest: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) recv: RecvLimit,
    /// When the caller gives up by dropping the call.
    pub(crate) gives_up: Option<Duration>,
    /// Further servers that the handler calls, one behind the other.
    pub(crate) hops: i32,
}

/// What the world is like for the calls that are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    /// Every call must end although the network may never tell.
    pub(crate) stormy: bool,
    /// Servers take the deadlines of single messages.
    pub(crate) deadlines: bool,
    pub(crate) servers: usize,
    /// Connections allow so few calls at once that they wait for each other.
    pub(crate) crowded: bool,
    pub(crate) max_payload: usize,
    pub(crate) max_messages: u64,
    /// Most of what scripts wait for.
    pub(crate) max_pause: Duration,
}

impl Task {
    pub(crate) fn draw(random: &mut Random, scene: &Scene, line: &Line) -> Self {
        let kind = Self::draw_kind(random, line);
        let streams = kind >= Kind::Collect;
        let no_protobuf = match kind {
            Kind::Tell | Kind::Echo | Kind::Reserve => true,
            Kind::Ask => line.calls == Transport::Bare,
            _ => line.streams == StreamTransport::TtHeader,
        };
        let format = match !no_protobuf && random.one_in(3) {
            true => Format::Protobuf,
            false => Format::Thrift,
        };
        let mut task = Self {
            kind,
            format,
            act: Act::Answer,
            up: random.size(0..=scene.max_payload),
            down: random.size(0..=scene.max_payload),
            requests: drawn(random, 1, scene.max_messages),
            answers: drawn(random, 0, scene.max_messages),
            pause: pause(random, scene),
            rest: pause(random, scene),
            timeout: scene.stormy.then_some(STORM_TIMEOUT),
            recv: RecvLimit::None,
            gives_up: None,
            hops: 0,
        };
        match kind {
            Kind::Collect | Kind::Exchange if random.below(4) > 0 => task.answers = 0,
            Kind::Tell => return task,
            Kind::Ask | Kind::Exchange if scene.servers > 1 && random.one_in(8) => {
                task.hops = i32::from(random.one_in(3)) + 1;
            }
            _ => {}
        }
        task.act = Self::draw_act(random, &task, line);
        let leaves = random.below(5);
        match leaves {
            0 => task.timeout = Some(random.duration(&(SHORTEST..=scene.max_pause * 4))),
            1 => task.gives_up = Some(random.duration(&(Duration::ZERO..=scene.max_pause * 2))),
            _ => {}
        }
        if leaves < 2 && line.tells_of_leaving(&task, scene) && random.one_in(3) {
            task.act = Act::Linger;
        }
        if streams && random.one_in(6) {
            let limit = random.duration(&(SHORTEST..=scene.max_pause * 2));
            task.recv = match random.one_in(2) {
                true => RecvLimit::Cancels(limit),
                false => RecvLimit::Keeps(limit),
            };
        }
        task
    }

    fn draw_kind(random: &mut Random, line: &Line) -> Kind {
        let kinds: &[Kind] = match line.calls {
            // One-way calls are none of gRPC, and those over a connection of their own have no end to wait for.
            Transport::Grpc => &[Kind::Ask, Kind::Ask, Kind::Echo, Kind::Reserve],
            _ => &[Kind::Ask, Kind::Ask, Kind::Echo, Kind::Tell],
        };
        let streams = [Kind::Collect, Kind::Deliver, Kind::Exchange, Kind::Duplex, Kind::Deaf];
        let from = if random.one_in(2) { kinds } else { &streams[..] };
        random.pick(from).copied().unwrap_or(Kind::Ask)
    }

    fn draw_act(random: &mut Random, task: &Self, line: &Line) -> Act {
        if random.below(3) > 0 {
            return Act::Answer;
        }
        let headless = matches!(line.calls, Transport::Bare | Transport::Framed) && task.kind < Kind::Collect;
        match random.below(5) {
            0 if !headless => Act::Business,
            1 if task.kind == Kind::Ask && task.format == Format::Thrift => Act::Declined,
            2 => Act::Typed,
            3 if random.one_in(4) => Act::Panic,
            _ => Act::Fail,
        }
    }

    /// What the call takes at least, connections and the network apart.
    pub(crate) fn least(&self) -> Duration {
        match self.kind {
            Kind::Ask | Kind::Echo | Kind::Reserve => self.pause * steps(self.hops + 1),
            _ => Duration::ZERO,
        }
    }

    /// What the call takes at most, connections and the network apart.
    pub(crate) fn most(&self) -> Duration {
        let patience = match self.recv {
            RecvLimit::None => Duration::ZERO,
            RecvLimit::Cancels(limit) | RecvLimit::Keeps(limit) => limit,
        };
        (self.pause + self.rest + patience) * self.steps()
    }

    /// What the caller may still wait for by itself when its time is over: a reader finds what has come in by then.
    pub(crate) fn last_rests(&self) -> Duration {
        match self.kind {
            Kind::Ask | Kind::Tell | Kind::Echo | Kind::Reserve => Duration::ZERO,
            _ => self.rest * self.steps(),
        }
    }

    /// How often something is waited for, at most.
    pub(crate) fn steps(&self) -> u32 {
        steps(self.requests + self.answers + 4) * steps(self.hops + 1)
    }

    /// What its handler asks of the next server.
    pub(crate) fn next(&self) -> Self {
        Self {
            act: Act::Answer,
            requests: self.requests.min(2),
            answers: 0,
            timeout: None,
            recv: RecvLimit::None,
            gives_up: None,
            hops: self.hops - 1,
            ..*self
        }
    }
}

impl Line {
    /// Whether a handler hears that the caller of `task` has gone.
    fn tells_of_leaving(&self, task: &Task, scene: &Scene) -> bool {
        match task.kind {
            Kind::Tell => false,
            Kind::Ask | Kind::Echo | Kind::Reserve if self.sharing == Sharing::Multiplexed => {
                task.gives_up.is_none() && scene.deadlines
            }
            _ => true,
        }
    }
}

fn drawn(random: &mut Random, least: u64, most: u64) -> i32 {
    i32::try_from(random.within(least..=most)).unwrap_or(1)
}

fn pause(random: &mut Random, scene: &Scene) -> Duration {
    match random.below(4) {
        0 => random.duration(&(Duration::ZERO..=scene.max_pause)),
        1 => random.duration(&(Duration::ZERO..=scene.max_pause / 50)),
        _ => Duration::ZERO,
    }
}

fn steps(count: i32) -> u32 {
    u32::try_from(count).unwrap_or(1).max(1)
}

const SHORTEST: Duration = Duration::from_millis(1);
/// In a storm a call can lose its peer for good.
pub(crate) const STORM_TIMEOUT: Duration = Duration::from_secs(20);
