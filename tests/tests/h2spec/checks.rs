//! What a script looks at on its way.

use kitewire_proto::http2::{Finish, OpenError, Outcome};

use crate::script::Script;
use crate::wire::{self, Frame};

impl Script {
    /// Notes what should be so and is not.
    pub(crate) fn check(&mut self, holds: bool, what: &str) {
        if !holds {
            self.trouble.push(format!("not so: {what}"));
        }
    }

    /// Whether stream `id` brought `name` with `value` in its head.
    pub(crate) fn check_field(&mut self, id: u32, name: &str, value: &str) {
        self.settle();
        let head = self.streams.get(&id).and_then(|seen| seen.head.as_ref());
        let holds = head.is_some_and(|head| head.get(name) == Some(value.as_bytes()));
        self.check(holds, &format!("stream {id} has {name}: {value}"));
    }

    /// Whether the body of stream `id` is `body`, to its end.
    pub(crate) fn check_body(&mut self, id: u32, body: &[u8]) {
        self.settle();
        let seen = self.streams.get(&id);
        let holds = seen.is_some_and(|seen| seen.ended && seen.body == body);
        self.check(holds, &format!("stream {id} has the body {}", body.escape_ascii()));
    }

    /// How stream `id` ended.
    pub(crate) fn check_outcome(&mut self, id: u32, outcome: &Outcome) {
        self.settle();
        let found = self.streams.get(&id).and_then(|seen| seen.outcome.as_ref());
        let holds = found == Some(outcome);
        self.check(holds, &format!("stream {id} ends as {outcome:?}"));
    }

    /// Whether stream `id` brought `name` with `value` in its trailers.
    pub(crate) fn check_trailer(&mut self, id: u32, name: &str, value: &str) {
        self.settle();
        let trailers = self.streams.get(&id).and_then(|seen| seen.trailers.as_ref());
        let holds = trailers.is_some_and(|trailers| trailers.get(name) == Some(value.as_bytes()));
        self.check(holds, &format!("stream {id} has the trailer {name}: {value}"));
    }

    /// Whether a client would wait for the peer's limit.
    pub(crate) fn check_no_stream_is_free(&mut self) {
        let holds = self.try_open("GET", Finish::Now) == Err(OpenError::TooManyStreams);
        self.check(holds, "no more streams are opened");
    }

    /// The frames of stream `id`.
    pub(crate) fn of_stream(&self, id: u32) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |frame| frame.id == id)
    }

    /// The frames of one type.
    pub(crate) fn of_kind(&self, kind: u8) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |frame| frame.kind == kind)
    }

    pub(crate) fn settings_acks(&self) -> usize {
        self.of_kind(wire::SETTINGS)
            .filter(|frame| frame.has(wire::ACK))
            .count()
    }

    /// The value that the connection under test has announced.
    pub(crate) fn announced(&self, setting: u16) -> Option<u32> {
        self.of_kind(wire::SETTINGS)
            .filter_map(|frame| frame.setting(setting))
            .last()
    }

    /// Whether all it sent was whole frames.
    pub(crate) fn ends_with_a_frame(&self) -> bool {
        self.reader.is_empty()
    }
}
