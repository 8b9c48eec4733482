//! What a replay needs beside the connection: the recording, the buffers of its owner, and what was said so far.

use std::fmt::{self, Write};

use bytes::BytesMut;

use super::{Difference, Finish, Head, Replayed, Step};
use crate::buf::Transmit;
use crate::record::codec::Reader;
use crate::record::digest::{Digest, Hash};
use crate::record::error::{RecordingError, RecordingErrorKind};
use crate::record::{Done, Op};

/// Whoever wants to see the steps.
type Watch<'a> = &'a mut dyn FnMut(&Step<'_>);

pub(super) struct Stage<'a> {
    pub(super) from: Reader<'a>,
    pub(super) input: BytesMut,
    pub(super) out: Transmit,
    watch: Option<Watch<'a>>,
    /// What happens in the present step, for whoever watches.
    text: String,
    /// Where it begins.
    offset: usize,
    steps: u64,
    received: u64,
    sent: u64,
    events: u64,
    hash: Hash,
    recorded_hash: Hash,
    difference: Option<Difference>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(recording: &'a [u8], watch: Option<Watch<'a>>) -> Self {
        Self {
            from: Reader::new(recording),
            input: BytesMut::new(),
            out: Transmit::new(),
            watch,
            text: String::new(),
            offset: 0,
            steps: 0,
            received: 0,
            sent: 0,
            events: 0,
            hash: Hash::new(),
            recorded_hash: Hash::new(),
            difference: None,
        }
    }

    pub(super) fn begin_step(&mut self) {
        self.offset = self.from.offset();
    }

    pub(super) fn end_step(&mut self) {
        self.steps = self.steps.saturating_add(1);
        if let Some(watch) = &mut self.watch {
            watch(&Step {
                number: self.steps,
                offset: self.offset,
                at: self.from.last,
                text: &self.text,
            });
            self.text.clear();
        }
    }

    /// Says what happens.
    pub(super) fn say(&mut self, text: fmt::Arguments<'_>) {
        if self.watch.is_some() {
            // Writing to a string does not fail.
            let _ = self.text.write_fmt(text);
        }
    }

    /// A step of another kind of connections.
    pub(super) const fn unknown(&self, op: Op) -> RecordingError {
        RecordingError::new(RecordingErrorKind::UnknownStep(op as u8), self.offset)
    }

    /// The connection has said something, and `recorded` is what it said when it was recorded.
    pub(super) fn compare<T: PartialEq + fmt::Display>(
        &mut self,
        op: Op,
        recorded: T,
        replayed: T,
        digest: fn(&T) -> Digest,
    ) {
        self.recorded_hash.add(op as u8, digest(&recorded));
        self.hash.add(op as u8, digest(&replayed));
        if recorded != replayed {
            self.note_difference(|| (recorded.to_string(), replayed.to_string()));
        }
    }

    /// The same for the result of a verb.
    pub(super) fn compare_done(&mut self, op: Op, replayed: Done) -> Result<(), RecordingError> {
        let recorded = self.from.take()?;
        self.say(format_args!(": {replayed}"));
        self.compare(op, recorded, replayed, |done| Digest::of(&[*done as u8]));
        Ok(())
    }

    /// The same for an event.
    pub(super) fn compare_event(&mut self, event: Option<&dyn fmt::Debug>) -> Result<(), RecordingError> {
        let recorded = self.from.take::<Digest>()?;
        self.events = self.events.saturating_add(1);
        let replayed = event.map_or_else(Digest::default, |event| Digest::of_debug(&event));
        match event {
            Some(event) => self.say(format_args!("event {event:?}")),
            None => self.say(format_args!("no event")),
        }
        self.recorded_hash.add(Op::Event as u8, recorded);
        self.hash.add(Op::Event as u8, replayed);
        if recorded != replayed {
            self.note_difference(|| {
                let recorded = format!("another event, which prints in {recorded}");
                (recorded, event.map_or("none".to_owned(), |event| format!("{event:?}")))
            });
        }
        Ok(())
    }

    pub(super) fn note_difference(&mut self, texts: impl FnOnce() -> (String, String)) {
        if self.difference.is_none() {
            let (recorded, replayed) = texts();
            self.difference = Some(Difference {
                step: self.steps.saturating_add(1),
                offset: self.offset,
                at: self.from.last,
                recorded,
                replayed,
            });
        }
    }

    pub(super) fn count_received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) const fn count_sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// Behind the mark of the end.
    pub(super) fn check_end(&mut self) -> Result<(), RecordingError> {
        let checksum = Digest::of(self.from.done()).checksum;
        let offset = self.from.offset();
        if self.from.raw(4)? != checksum.to_le_bytes() {
            return Err(RecordingError::new(RecordingErrorKind::Damaged, offset));
        }
        if !self.from.is_at_end() {
            return Err(RecordingError::new(
                RecordingErrorKind::TrailingBytes,
                self.from.offset(),
            ));
        }
        Ok(())
    }

    pub(super) fn end(self, head: Head, finish: Finish) -> Replayed {
        Replayed {
            subject: head.subject,
            written_by: head.written_by,
            steps: self.steps,
            received: self.received,
            sent: self.sent,
            events: self.events,
            times: (head.start, self.from.last),
            hash: self.hash.get(),
            recorded_hash: self.recorded_hash.get(),
            difference: self.difference,
            finish,
        }
    }
}
