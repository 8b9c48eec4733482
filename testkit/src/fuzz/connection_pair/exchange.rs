//! A call, and what is known of it.

use std::fmt;

use kitewire_proto::connection::{Ending, Failure, Outcome};
use kitewire_proto::dispatch::MethodKind;
use kitewire_proto::{ApplicationException, BusinessStatus, ExceptionType};

/// A call, as both sides know it.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) kind: MethodKind,
    /// What its messages begin with.
    pub(super) token: u32,
    pub(super) up: Half,
    pub(super) down: Half,
    /// The client has said everything.
    pub(super) closed: bool,
    /// A handler has it.
    pub(super) served: bool,
    /// What the handler has ended it with, if that is what the client is to see.
    close: Option<Close>,
    /// The client was told its end.
    pub(super) ended: bool,
    /// The empty answer of a handler that gave none has come.
    has_empty: bool,
}

/// The messages of one direction.
#[derive(Default)]
pub(super) struct Half {
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) received: usize,
}

/// How a handler lets go of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    number: u8,
}

/// An ending that owns what it says.
pub(super) enum Owned {
    Ok,
    Business(BusinessStatus),
    Failed(String),
    Exception(ApplicationException),
}

impl Exchange {
    pub(super) fn new(kind: MethodKind) -> Self {
        Self {
            kind,
            token: 0,
            up: Half::default(),
            down: Half::default(),
            closed: false,
            served: false,
            close: None,
            ended: false,
            has_empty: false,
        }
    }

    /// The handler has returned. A ping-pong call that was answered is over already.
    pub(super) fn handler_returned(&mut self, close: Close) {
        self.close.get_or_insert(close);
    }

    pub(super) fn take_answer(&mut self, bytes: &[u8]) {
        match self.down.sent.get(self.down.received) {
            Some(expected) => assert_eq!(bytes, expected, "another message than the server's"),
            None => {
                let is_due = self.kind.has_single_answer() && self.down.sent.is_empty() && !self.has_empty;
                assert!(is_due && bytes == [0] && self.close.is_some(), "a message of nobody");
                self.has_empty = true;
                return;
            }
        }
        self.down.received += 1;
    }

    /// Whether everything that the server said has been taken.
    pub(super) fn is_answered(&self) -> bool {
        self.down.received == self.down.sent.len()
    }

    /// The client's end is what the server gave.
    pub(super) fn check_outcome(&self, outcome: &Outcome, has_statuses: bool) {
        if self.kind == MethodKind::Oneway && *outcome == Outcome::Ok {
            return;
        }
        let close = self
            .close
            .unwrap_or_else(|| panic!("{self:?} ends by itself: {outcome:?}"));
        let is_right = match (close.ending(), outcome) {
            (Some(Owned::Ok), Outcome::Ok) => true,
            // Nothing tells it from an empty result.
            (Some(Owned::Business(_)), Outcome::Ok) => !has_statuses,
            (Some(Owned::Business(given)), Outcome::Business(got)) => *got == given,
            (Some(Owned::Failed(text)), Outcome::Failed(got)) => got.to_string().contains(&text),
            (Some(Owned::Exception(given)), Outcome::Failed(got)) => match got {
                Failure::Exception(got) => *got == given,
                other => other.to_string().contains(&*given.message),
            },
            (None, Outcome::Failed(_)) => true,
            _ => false,
        };
        assert!(is_right, "{close:?} became {outcome:?}");
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.received, self.sent.len())
    }
}

impl Close {
    pub(super) const WELL: Self = Self { number: 5 };

    pub(super) const fn new(number: u8) -> Self {
        Self { number }
    }

    /// What is said; nothing when the call is let go of.
    pub(super) fn ending(self) -> Option<Owned> {
        Some(match self.number % 8 {
            0 => Owned::Business(BusinessStatus {
                code: i32::from(self.number) + 1,
                message: "né".to_owned(),
                extra: vec![("k".to_owned(), "v<é>&".to_owned())],
            }),
            1 => Owned::Failed("50% 你".to_owned()),
            2 => Owned::Exception(ApplicationException::new(
                ExceptionType(i32::from(self.number) + 100),
                "of its own",
            )),
            3 => return None,
            _ => Owned::Ok,
        })
    }
}

impl Owned {
    pub(super) fn as_ending(&self) -> Ending<'_> {
        match self {
            Self::Ok => Ending::Ok,
            Self::Business(status) => Ending::Business(status),
            Self::Failed(text) => Ending::Failed(text),
            Self::Exception(exception) => Ending::Exception(exception),
        }
    }
}

/// A message that no other is equal to, of many sizes: a struct with one field, as bare transports have to see its end.
pub(super) fn message(token: u32, index: usize, number: u8) -> Vec<u8> {
    let size = match number % 8 {
        0 => 0,
        1..5 => usize::from(number),
        _ => usize::from(number) * 30,
    };
    let mut text = token.to_be_bytes().to_vec();
    text.extend_from_slice(format!(" {index} ").as_bytes());
    text.resize(text.len() + size, number);
    let length = u32::try_from(text.len()).expect("it is short");
    [&FIELD[..], &length.to_be_bytes(), &text, &[0]].concat()
}

/// Which call a message belongs to.
pub(super) fn token(message: &[u8]) -> u32 {
    let text = &message[FIELD.len() + 4..];
    u32::from_be_bytes(*text.first_chunk().expect("every message has a token"))
}

/// A field of type string with the number 1.
const FIELD: [u8; 3] = [11, 0, 1];
