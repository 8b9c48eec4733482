//! What a call must come to.

use super::words::{Outcome, Pairs};
use crate::foreign::{Side, Way};
use crate::proxy::Carried;

/// What a client must have seen.
#[derive(Debug, Default)]
pub(super) struct Expect {
    answers: Vec<usize>,
    code: i32,
    message: String,
    details: Vec<u8>,
    header: Pairs,
    trailer: Pairs,
    left: bool,
    deadline: bool,
    pub(super) wire: Option<Wire>,
}

/// How many bytes of messages a connection carried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    pub(super) up: Amount,
    pub(super) down: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Compressed,
    Plain,
}

impl Expect {
    pub(super) fn answers(answers: &[usize]) -> Self {
        Self {
            answers: answers.to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn status(code: i32, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            ..Self::default()
        }
    }

    /// The client leaves after these answers.
    pub(super) fn left(answers: &[usize]) -> Self {
        Self {
            left: true,
            ..Self::answers(answers)
        }
    }

    /// The time is over after these answers.
    pub(super) fn deadline(answers: &[usize]) -> Self {
        Self {
            deadline: true,
            ..Self::answers(answers)
        }
    }

    pub(super) fn and_answers(mut self, answers: &[usize]) -> Self {
        self.answers = answers.to_vec();
        self
    }

    pub(super) fn details(mut self, details: &[u8]) -> Self {
        self.details = details.to_vec();
        self
    }

    pub(super) fn header(mut self, header: Pairs) -> Self {
        self.header = header;
        self
    }

    pub(super) fn trailer(mut self, trailer: Pairs) -> Self {
        self.trailer = trailer;
        self
    }

    pub(super) fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    pub(super) const fn is_deadline(&self) -> bool {
        self.deadline
    }

    pub(super) fn check(&self, way: Way, method: &str, outcome: &Outcome) -> Result<String, String> {
        let single = ["unary", "collect"].contains(&method);
        let same_end = if self.deadline {
            ended_in_time(way, single, outcome)
        } else {
            (outcome.code, &outcome.message, &outcome.details) == (self.code, &self.message, &self.details)
        };
        let (mut header, mut trailer) = (self.header.clone(), self.trailer.clone());
        if way.client == Side::Peer && single && self.code == 0 {
            // With a single answer tonic tells header and trailer as one.
            header.append(&mut trailer);
        }
        let same_metadata = (&outcome.header, &outcome.trailer) == (&header, &trailer);
        if same_end && same_metadata && outcome.answers == self.answers && outcome.left == self.left {
            Ok(brief(outcome))
        } else {
            Err(format!("{outcome:?}, want {self:?}"))
        }
    }

    pub(super) fn check_wire(&self, carried: &Carried) -> Result<String, String> {
        let (up, down) = (carried.requests.len(), carried.answers.len());
        match self.wire {
            Some(wire) if wire.up.fits(up) && wire.down.fits(down) => Ok(format!("{up} bytes up, {down} down")),
            wire => Err(format!("{up} bytes up, {down} down, want {wire:?}")),
        }
    }
}

impl Amount {
    pub(super) fn of(compressed: bool) -> Self {
        if compressed { Self::Compressed } else { Self::Plain }
    }

    /// Plain payloads are of 100,000 bytes at least. A single compressed message up or down is some hundred.
    fn fits(self, bytes: usize) -> bool {
        match self {
            Self::Compressed => bytes < 20_000,
            Self::Plain => bytes > 90_000,
        }
    }
}

/// Code 4 at the time that was given. Where the answer is a single one, tonic's own timer on either side may be first; it says code 1.
fn ended_in_time(way: Way, single: bool, outcome: &Outcome) -> bool {
    let tonic_first = way.server == Side::Peer && single && (outcome.code, outcome.message.as_str()) == TONIC_TIMER;
    (outcome.code == 4 || tonic_first) && (TIME - 50..15 * TIME).contains(&outcome.elapsed_ms)
}

fn brief(outcome: &Outcome) -> String {
    let answers = if outcome.answers.len() == 1 {
        "answer"
    } else {
        "answers"
    };
    let mut line = format!("{} {answers}", outcome.answers.len());
    if outcome.left {
        line += ", left";
    } else if outcome.code != 0 {
        line += &format!(", code {} {:?}", outcome.code, outcome.message);
    }
    for (word, pairs) in [("header", &outcome.header), ("trailer", &outcome.trailer)] {
        if !pairs.is_empty() {
            line += &format!(", {} in the {word}", pairs.len());
        }
    }
    line
}

/// A deadline, in milliseconds, by which a handler has long begun.
pub(super) const TIME: u64 = 1000;
const TONIC_TIMER: (i32, &str) = (1, "Timeout expired");
