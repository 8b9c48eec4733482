//! What a connection writes down.

use std::fmt;

use bytes::BytesMut;

use super::codec::{Value, Writer};
use super::digest::Digest;
use super::step::{Op, Pulled, Subject};
use crate::buf::Transmit;
use crate::dispatch::Services;
use crate::time::Instant;

/// Writes down what happens to a connection; see the [module documentation](super).
///
/// It holds what has not been [taken](Self::take) from it. At its limit the recording ends, with a mark that says so,
/// and the connection goes on without.
pub struct Recorder {
    /// What has not been taken.
    bytes: Vec<u8>,
    /// Of what has been taken.
    taken: Digest,
    limit: usize,
    /// The last time that was written.
    last: Instant,
    /// Bytes that the connection left in its input.
    left: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unused,
    Recording,
    Over,
}

impl Recorder {
    /// A recorder that writes `limit` bytes at most, and a few for the mark at the end.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            taken: Digest { len: 0, checksum: 0 },
            limit,
            last: Instant::ZERO,
            left: 0,
            phase: Phase::Unused,
        }
    }

    /// What has been written since the last time. The parts of a recording, one after the other, are the file.
    pub fn take(&mut self) -> Vec<u8> {
        self.taken.add(&self.bytes);
        std::mem::take(&mut self.bytes)
    }

    /// Ends the recording, and gives the rest of it.
    pub fn finish(&mut self) -> Vec<u8> {
        self.end(Op::End);
        self.take()
    }

    /// Whether nothing more is written: the recording has been finished, or has reached its limit.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        let waiting = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        self.taken.len.saturating_add(waiting)
    }

    /// A recorder for another connection, with the same limit.
    #[must_use]
    pub const fn again(&self) -> Self {
        Self::new(self.limit)
    }

    /// Begins with what the connection was made of.
    pub(crate) fn begin(&mut self, subject: Subject, now: Instant, settings: &impl Value, services: Option<&Services>) {
        if self.phase != Phase::Unused {
            // Two connections cannot share a recording.
            return self.end(Op::Cut);
        }
        self.phase = Phase::Recording;
        self.put(|out| {
            out.raw(MAGIC);
            out.number(VERSION);
            out.bytes(env!("CARGO_PKG_VERSION").as_bytes());
            out.put(&subject);
            out.time(now);
            out.put(settings);
            if let Some(services) = services {
                out.put(services);
            }
        });
    }

    /// Writes a step.
    #[cold]
    pub(crate) fn step(&mut self, op: Op, write: impl FnOnce(&mut Writer<'_>)) {
        if self.phase == Phase::Recording {
            self.put(|out| {
                out.byte(op as u8);
                write(out);
            });
        }
    }

    /// A step with the buffer of what was read, as it is before. To be followed by [`Self::note_left`].
    pub(crate) fn input(&mut self, op: Op, now: Instant, input: &BytesMut) {
        // What the connection left there last time is known, unless the owner did something to it.
        let (kept, new) = input.split_at_checked(self.left).unwrap_or((&[], input));
        self.step(op, |out| {
            out.time(now);
            out.len(kept.len());
            out.bytes(new);
        });
    }

    pub(crate) const fn note_left(&mut self, left: usize) {
        self.left = left;
    }

    /// What was added to `out`, which held so many bytes before.
    pub(crate) fn transmit(&mut self, now: Instant, held: usize, transmit: &Transmit) {
        if self.phase != Phase::Recording {
            return;
        }
        let mut added = Digest::default();
        for piece in transmit.pieces_from(held) {
            added.add(piece);
        }
        self.step(Op::Transmit, |out| {
            out.time(now);
            out.len(held);
            out.put(&added);
        });
    }

    #[cold]
    pub(crate) fn event(&mut self, event: &impl fmt::Debug) {
        if self.phase != Phase::Recording {
            return;
        }
        let digest = Digest::of_debug(event);
        self.step(Op::Event, |out| out.put(&digest));
    }

    #[cold]
    pub(crate) fn pull(&mut self, id: &impl Value, message: &[u8]) {
        let digest = Digest::of(message);
        self.pulled(id, Pulled::Message(digest));
    }

    #[cold]
    pub(crate) fn pulled(&mut self, id: &impl Value, pulled: Pulled) {
        self.step(Op::Pull, |out| {
            out.put(id);
            out.put(&pulled);
        });
    }

    /// Writes all of it, or the mark of a recording that had to stay incomplete.
    fn put(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let start = self.bytes.len();
        let taken = usize::try_from(self.taken.len).unwrap_or(usize::MAX);
        let mut out = Writer::new(&mut self.bytes, self.last, self.limit.saturating_sub(taken));
        write(&mut out);
        match out.end() {
            Some(last) => self.last = last,
            None => {
                self.bytes.truncate(start);
                self.end(Op::Cut);
            }
        }
    }

    fn end(&mut self, mark: Op) {
        if self.phase != Phase::Recording {
            return;
        }
        self.phase = Phase::Over;
        let mut all = self.taken;
        self.bytes.push(mark as u8);
        all.add(&self.bytes);
        self.bytes.extend_from_slice(&all.checksum.to_le_bytes());
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("written", &self.written())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// The first bytes of every recording. The first one is no text, the last ones tell a file that was sent as text.
pub(super) const MAGIC: &[u8] = b"\x89kitewire\r\n";
/// The version of the format.
pub(super) const VERSION: u64 = 1;
