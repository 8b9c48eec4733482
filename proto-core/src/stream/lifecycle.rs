//! The life of a stream as two tables: [`receiving`] for what arrives from the peer, [`sending`] for what the
//! application asks for. SPEC.md prints both, and a test compares.
//!
//! A stream has two halves that end on their own. What the application sees is the same over every transport and stands
//! in the columns `next` and `shows`; what a transport does about an arrival that has no place stands in a column of
//! its own.

use std::fmt;

/// The receiving half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receiving {
    /// The peer's head has not come: a client waits for the answer to begin.
    Head,
    /// The head is there; messages or body bytes come.
    Body,
    /// The peer has said everything.
    Ended,
    /// This side has given the stream up.
    ResetHere,
    /// The peer has given the stream up.
    ResetThere,
}

/// Something that arrives for a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The head of a request or answer.
    Head,
    /// Body bytes, or a message.
    Data,
    /// The end of the peer's half, with or without trailers.
    End,
    /// The peer gives the stream up.
    Reset,
}

/// What happens to an arrival in a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The state after it, where it is taken.
    pub next: Receiving,
    /// What the application sees of it.
    pub shows: Shows,
    /// What HTTP/2 does about it (RFC 9113 §5.1, §8.1).
    pub http2: Verdict,
    /// What TTHeader streaming does about it.
    pub ttheader: Verdict,
}

/// What the application sees of an arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// The head.
    Head,
    /// More to read.
    Data,
    /// That no more will come.
    End,
    /// That the stream is over.
    Reset,
    /// Nothing, unless the verdict ends the stream.
    Nothing,
}

/// What a transport does about an arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It has its place.
    Taken,
    /// It is dropped.
    Ignored,
    /// It ends the stream, as a breach of this rule.
    StreamError(Breach),
}

/// The rule that an arrival breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Breach {
    /// Body before the head.
    DataBeforeHead,
    /// A second head.
    SecondHead,
    /// Anything after the sender's own end.
    AfterEnd,
    /// Anything after the sender's own reset.
    AfterReset,
}

/// The sending half, as far as the application has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// A server has not answered yet.
    Head,
    /// The head is out; messages or body bytes may follow.
    Body,
    /// The application has said everything.
    Ended,
    /// The stream was given up by either side.
    Over,
}

/// Something that the application does with a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Answer: send the head.
    Head,
    /// Send body bytes, or a message.
    Data,
    /// Say that no more will come, with or without trailers.
    End,
    /// Give the stream up.
    Cancel,
}

/// What an act leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// It is done, and this is the state after it.
    Done(Sending),
    /// It changes nothing, and is no mistake either.
    Nothing,
    /// It is refused: the head has to come first.
    HeadMissing,
    /// It is refused: the head is out already.
    HeadSent,
    /// It is refused: the application has said that no more will come.
    Finished,
    /// It is refused: the stream is over.
    Closed,
}

/// What happens when `arrival` comes in `state`.
#[must_use]
#[inline]
pub const fn receiving(state: Receiving, arrival: Arrival) -> Rule {
    use Breach as B;
    use Verdict::{Ignored, StreamError, Taken};
    match (state, arrival) {
        (Receiving::Head, Arrival::Head) => rule(Receiving::Body, Shows::Head, Taken, Taken),
        (Receiving::Head, Arrival::Data) => {
            rule(Receiving::Head, Shows::Nothing, StreamError(B::DataBeforeHead), Taken)
        }
        (Receiving::Head, Arrival::End) => rule(Receiving::Ended, Shows::End, StreamError(B::DataBeforeHead), Taken),
        (Receiving::Body, Arrival::Head) => rule(
            Receiving::Body,
            Shows::Nothing,
            StreamError(B::SecondHead),
            StreamError(B::SecondHead),
        ),
        (Receiving::Body, Arrival::Data) => rule(Receiving::Body, Shows::Data, Taken, Taken),
        (Receiving::Body, Arrival::End) => rule(Receiving::Ended, Shows::End, Taken, Taken),
        (Receiving::Ended, Arrival::Head | Arrival::Data | Arrival::End) => {
            rule(Receiving::Ended, Shows::Nothing, StreamError(B::AfterEnd), Ignored)
        }
        (Receiving::Head | Receiving::Body | Receiving::Ended, Arrival::Reset) => {
            rule(Receiving::ResetThere, Shows::Reset, Taken, Taken)
        }
        (Receiving::ResetHere, _) => rule(Receiving::ResetHere, Shows::Nothing, Ignored, Ignored),
        (Receiving::ResetThere, Arrival::Reset) => rule(Receiving::ResetThere, Shows::Nothing, Ignored, Ignored),
        (Receiving::ResetThere, Arrival::Head | Arrival::Data | Arrival::End) => rule(
            Receiving::ResetThere,
            Shows::Nothing,
            StreamError(B::AfterReset),
            Ignored,
        ),
    }
}

const fn rule(next: Receiving, shows: Shows, http2: Verdict, ttheader: Verdict) -> Rule {
    Rule {
        next,
        shows,
        http2,
        ttheader,
    }
}

/// What `act` leads to in `state`.
#[must_use]
#[inline]
pub const fn sending(state: Sending, act: Act) -> Consequence {
    use Consequence::{Closed, Done, Finished, HeadMissing, HeadSent, Nothing};
    match (state, act) {
        (Sending::Head, Act::Head) | (Sending::Body, Act::Data) => Done(Sending::Body),
        (Sending::Head, Act::Data | Act::End) => HeadMissing,
        (Sending::Body | Sending::Ended, Act::Head) => HeadSent,
        (Sending::Body, Act::End) => Done(Sending::Ended),
        (Sending::Ended, Act::Data | Act::End) => Finished,
        (Sending::Head | Sending::Body | Sending::Ended, Act::Cancel) => Done(Sending::Over),
        (Sending::Over, Act::Head | Act::Data | Act::End) => Closed,
        (Sending::Over, Act::Cancel) => Nothing,
    }
}

impl Receiving {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Head, Self::Body, Self::Ended, Self::ResetHere, Self::ResetThere];

    /// Whether either side has given the stream up.
    #[must_use]
    pub const fn is_reset(self) -> bool {
        matches!(self, Self::ResetHere | Self::ResetThere)
    }

    /// Whether nothing more can come.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Head | Self::Body)
    }
}

impl Arrival {
    /// All arrivals.
    pub const ALL: [Self; 4] = [Self::Head, Self::Data, Self::End, Self::Reset];
}

impl Sending {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Head, Self::Body, Self::Ended, Self::Over];
}

impl Act {
    /// All acts.
    pub const ALL: [Self; 4] = [Self::Head, Self::Data, Self::End, Self::Cancel];
}

impl Breach {
    /// What is wrong, for logs and error values.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::DataBeforeHead => "body before the response head",
            Self::SecondHead => "a second head in the middle of a stream",
            Self::AfterEnd => "a frame after END_STREAM",
            Self::AfterReset => "a frame after RST_STREAM",
        }
    }

    /// The HTTP/2 error that it is.
    #[must_use]
    pub const fn http2(self) -> crate::wire::http2::ErrorCode {
        match self {
            Self::DataBeforeHead | Self::SecondHead => crate::wire::http2::ErrorCode::PROTOCOL_ERROR,
            Self::AfterEnd | Self::AfterReset => crate::wire::http2::ErrorCode::STREAM_CLOSED,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("taken"),
            Self::Ignored => f.write_str("ignored"),
            Self::StreamError(breach) => write!(f, "stream error {}: {}", breach.http2(), breach.text()),
        }
    }
}
