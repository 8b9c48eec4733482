//! What a call must come to.

use crate::call::{Outcome, Pairs};

/// The expected outcome.
#[derive(Debug, Clone)]
pub(crate) enum Expect {
    /// The step judges by itself.
    Anything,
    Value(String),
    /// A value of this many bytes.
    Bytes(usize),
    /// A reply without a result: nothing for Kitex, a missing result for us.
    Nothing,
    Declared {
        name: &'static str,
        code: i32,
        text: &'static str,
    },
    Business {
        code: i32,
        text: &'static str,
        extra: Pairs,
    },
    Exception {
        code: i32,
        text: String,
    },
    /// The client's own timeout, in less than this many milliseconds.
    Timeout(u64),
    /// The call fails without an answer, at once or at its timeout.
    Unanswered,
    /// Another expectation, and these backward values.
    With(Box<Self>, Pairs),
    /// One of the two, where both are right.
    Or(Box<Self>, Box<Self>),
}

impl Expect {
    /// The difference, if there is one.
    pub(crate) fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let fits = match self {
            Self::Anything => true,
            Self::Value(text) => outcome.kind == "value" && outcome.text == *text,
            Self::Bytes(count) => outcome.kind == "value" && outcome.text.len() == *count,
            Self::Nothing => outcome.kind == "nothing",
            Self::Declared { name, code, text } => {
                outcome.kind == "declared" && outcome.name == *name && outcome.code == *code && outcome.text == *text
            }
            Self::Business { code, text, extra } => {
                outcome.kind == "business" && outcome.code == *code && outcome.text == *text && outcome.extra == *extra
            }
            Self::Exception { code, text } => {
                outcome.kind == "exception" && outcome.code == *code && outcome.text == *text
            }
            Self::Timeout(bound) => outcome.kind == "timeout" && outcome.elapsed_ms < *bound,
            Self::Unanswered => outcome.kind == "failed" || outcome.kind == "timeout",
            Self::Or(one, other) => one.check(outcome).is_ok() || other.check(outcome).is_ok(),
            Self::With(expect, backward) => {
                expect.check(outcome)?;
                backward
                    .iter()
                    .all(|(key, value)| outcome.backward.get(key) == Some(value))
            }
        };
        if fits {
            Ok(())
        } else {
            Err(format!("got {}; want {self:?}", outcome.brief()))
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    pub(crate) fn and_backward(self, pairs: &[(&str, &str)]) -> Self {
        Self::With(Box::new(self), owned(pairs))
    }
}

pub(crate) fn value(text: &str) -> Expect {
    Expect::Value(text.to_owned())
}

pub(crate) fn declared(name: &'static str, code: i32, text: &'static str) -> Expect {
    Expect::Declared { name, code, text }
}

pub(crate) fn business(code: i32, text: &'static str, extra: &[(&str, &str)]) -> Expect {
    Expect::Business {
        code,
        text,
        extra: owned(extra),
    }
}

pub(crate) fn exception(code: i32, text: &str) -> Expect {
    Expect::Exception {
        code,
        text: text.to_owned(),
    }
}

fn owned(pairs: &[(&str, &str)]) -> Pairs {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
