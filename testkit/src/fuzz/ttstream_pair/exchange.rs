//! A stream, and what is known of it.

use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::ttstream::{Ending, Outcome, StreamId, code};

/// A stream, as both sides know it.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) kind: MethodKind,
    pub(super) up: Half,
    pub(super) down: Half,
    /// The client has said everything.
    pub(super) finished: bool,
    /// A handler has it.
    pub(super) served: bool,
    /// What the handler has ended it with.
    pub(super) ending: Option<Ending>,
    pub(super) header: bool,
    /// The client was told its end.
    pub(super) ended: bool,
    /// The client has cancelled it.
    pub(super) given_up: bool,
}

/// The messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) received: usize,
}

impl Exchange {
    pub(super) fn new(kind: MethodKind) -> Self {
        Self {
            kind,
            up: Half::default(),
            down: Half::default(),
            finished: false,
            served: false,
            ending: None,
            header: false,
            ended: false,
            given_up: false,
        }
    }

    pub(super) fn has_single_request(&self) -> bool {
        self.kind == MethodKind::ServerStreaming
    }
}

/// Whether the client's end is what the server gave.
pub(super) fn is_equal(outcome: &Outcome, ending: Option<&Ending>) -> bool {
    match (outcome, ending) {
        (Outcome::Ok, Some(Ending::Ok)) => true,
        (Outcome::Business(got), Some(Ending::Business(given))) => got == given,
        (Outcome::Exception(got), Some(Ending::Exception(given))) => {
            (got.code, got.remote) == (code::APPLICATION, Some(given.kind)) && got.message == given.message
        }
        _ => false,
    }
}

/// Whether a stream was given up because memory ran out.
pub(super) fn is_overflow(outcome: &Outcome, is_tight: bool) -> bool {
    matches!(outcome, Outcome::Exception(why) if is_tight && why.code == code::INTERNAL_CANCELED)
}

/// A message that no other is equal to, of many sizes.
pub(super) fn message(id: StreamId, index: usize, number: u8) -> Vec<u8> {
    let size = match number % 8 {
        0 => 0,
        1..5 => usize::from(number),
        _ => usize::from(number) * 30,
    };
    let mut message = format!("{id} {index} ").into_bytes();
    if size > 0 {
        message.resize(message.len() + size, number);
    }
    message
}
