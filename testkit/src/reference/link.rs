//! Our connection and the `h2` crate's, and the bytes between them.

use std::time::Duration;

use kitewire_proto::Instant;
use kitewire_proto::http2::Connection;

use super::endpoint::Endpoint;
use super::pipe::{Remote, Socket, pipe};
use super::tasks::Tasks;
use crate::fuzz::choices::Choices;

/// How a stream of bytes is cut into pieces.
#[derive(Clone, Debug)]
pub struct Cuts(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Whole,
    Every(usize),
    Seeded(Choices),
}

/// Our connection, tasks of the `h2` crate, and the link between them.
#[derive(Debug)]
pub struct Pair {
    /// Our side.
    pub ours: Endpoint,
    /// The other side.
    pub tasks: Tasks,
    /// Everything that the other side has sent.
    pub tape: Vec<u8>,
    /// Everything that our side has sent.
    pub sent: Vec<u8>,
    remote: Remote,
    cuts: Cuts,
    silent: bool,
}

impl Cuts {
    /// Not at all: whatever is there arrives at once.
    #[must_use]
    pub const fn whole() -> Self {
        Self(Kind::Whole)
    }

    /// Into pieces of this length.
    #[must_use]
    pub const fn every(length: usize) -> Self {
        Self(Kind::Every(length))
    }

    /// Anywhere, as a seed says.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(Kind::Seeded(Choices::new(seed)))
    }

    /// The length of the next piece of `waiting` bytes.
    pub fn piece(&mut self, waiting: usize) -> usize {
        match &mut self.0 {
            Kind::Whole => waiting,
            Kind::Every(length) => waiting.min(*length),
            Kind::Seeded(choices) => choices.piece(waiting),
        }
    }
}

impl Pair {
    /// Our connection, and the socket for the other one.
    #[must_use]
    pub fn new(connection: Connection, cuts: Cuts) -> (Self, Socket) {
        let (socket, remote) = pipe(ROOM);
        let pair = Self {
            ours: Endpoint::new(connection),
            tasks: Tasks::default(),
            tape: Vec::new(),
            sent: Vec::new(),
            remote,
            cuts,
            silent: false,
        };
        (pair, socket)
    }

    /// Moves bytes both ways until neither side has more to say.
    ///
    /// # Panics
    /// If they go on for ever.
    #[track_caller]
    pub fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            if !self.turn() {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    /// Lets time pass on our side, deadline by deadline.
    ///
    /// # Panics
    /// If a deadline stays due.
    #[track_caller]
    pub fn pass(&mut self, time: Duration) {
        let until = self.ours.now + time;
        self.settle();
        while let Some(due) = self.ours.connection.poll_timeout().filter(|due| due.at <= until) {
            assert!(due.at > self.ours.now, "{due:?} stays due");
            self.at(due.at);
        }
        self.at(until);
    }

    /// From here on nothing that the other side sends arrives.
    pub const fn silence(&mut self) {
        self.silent = true;
    }

    fn at(&mut self, now: Instant) {
        self.ours.now = now;
        self.ours.connection.handle_timeout(now);
        self.settle();
    }

    /// One piece each way.
    fn turn(&mut self) -> bool {
        let mut moved = self.tasks.run();
        self.ours.work();
        let wants = !self.silent && self.ours.reads();
        if wants && self.remote.waiting() > 0 {
            let piece = self.remote.take(self.cuts.piece(self.remote.waiting()));
            self.tape.extend_from_slice(&piece);
            self.ours.receive(&piece);
            moved = true;
        } else if wants && self.remote.is_ended() {
            moved |= self.ours.read_end();
        }
        let waiting = self.ours.unsent();
        if waiting > 0 {
            let piece = self.ours.transmit(self.cuts.piece(waiting));
            self.sent.extend_from_slice(&piece);
            self.remote.give(&piece);
            moved = true;
        } else if self.ours.connection.is_drained() {
            self.remote.end();
        }
        moved
    }
}

/// What the other side may write ahead: small enough that its writes wait now and then.
const ROOM: usize = 50_000;
/// More turns than any test needs.
const MOST_TURNS: usize = 20_000_000;
