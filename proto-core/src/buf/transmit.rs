//! What a connection has for the socket.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use super::output::Output;
use crate::planted::{Bug, planted};

/// Bytes that wait for the socket, as a list of segments that the caller owns and reuses.
///
/// `poll_transmit` appends to it; the caller writes [`Self::slices`] and tells with [`Self::advance`] how much the
/// socket took.
///
/// ```
/// # use kitewire_proto::Transmit;
/// # fn drive(connection: &mut kitewire_proto::ServerConnection, now: kitewire_proto::Instant,
/// #          socket: &mut impl std::io::Write, out: &mut Transmit) -> std::io::Result<()> {
/// while connection.poll_transmit(now, out) {
///     let mut slices = [std::io::IoSlice::new(&[]); 16];
///     let used = out.slices(&mut slices);
///     let written = socket.write_vectored(&slices[..used])?;
///     out.advance(written);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Transmit {
    arena: Vec<u8>,
    /// Arena bytes already taken by the socket.
    sent: usize,
    /// Segments in wire order; empty means "the arena alone".
    segments: VecDeque<Segment>,
    /// Bytes not yet taken, over all segments.
    remaining: usize,
}

#[derive(Debug)]
enum Segment {
    /// The next so many arena bytes.
    Arena(usize),
    Shared(Bytes),
}

impl Transmit {
    /// An empty list that holds no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            arena: Vec::new(),
            sent: 0,
            segments: VecDeque::new(),
            remaining: 0,
        }
    }

    /// Bytes that the socket has not taken yet.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.remaining
    }

    /// Whether the socket has taken everything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    /// Fills `slices` with the next bytes to write and returns how many entries are used.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut at = self.sent;
        let mut used = 0;
        if self.segments.is_empty() {
            if let (Some(rest), Some(slot)) = (self.arena.get(at..), slices.first_mut())
                && !rest.is_empty()
            {
                *slot = IoSlice::new(rest);
                used = 1;
            }
            return used;
        }
        for (segment, slot) in self.segments.iter().zip(slices) {
            *slot = match segment {
                Segment::Arena(len) => {
                    let piece = self.arena.get(at..at + len).unwrap_or(&[]);
                    at += len;
                    IoSlice::new(piece)
                }
                Segment::Shared(bytes) => IoSlice::new(bytes),
            };
            used += 1;
        }
        used
    }

    /// Tells that the socket took the next `written` bytes; more than there are counts as all.
    pub fn advance(&mut self, written: usize) {
        let mut left = written.min(self.remaining);
        self.remaining -= left;
        if self.segments.is_empty() {
            self.sent += left;
        }
        while left > 0 {
            match self.segments.front_mut() {
                None => break,
                Some(Segment::Arena(len)) => {
                    let step = left.min(*len);
                    self.sent += step;
                    *len -= step;
                    left -= step;
                    if *len == 0 {
                        self.segments.pop_front();
                    }
                }
                Some(Segment::Shared(bytes)) => {
                    let step = left.min(bytes.len());
                    bytes::Buf::advance(bytes, step);
                    left -= step;
                    if bytes.is_empty() {
                        self.segments.pop_front();
                    }
                }
            }
        }
        if self.remaining == 0 {
            self.arena.clear();
            self.sent = 0;
            self.segments.clear();
        }
    }

    /// Gives back all memory if nothing waits; for connections that fall idle.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }

    /// Takes over everything that `output` holds, leaving it empty. The two swap memory when possible.
    pub fn append(&mut self, output: &mut Output) {
        if output.is_empty() {
            return;
        }
        self.remaining += output.len();
        let (arena, shared) = output.parts();
        if shared.is_empty() {
            let added = arena.len();
            if !self.segments.is_empty() && !planted(Bug::SegmentForgotten) {
                self.segments.push_back(Segment::Arena(added));
            }
            if self.arena.is_empty() {
                std::mem::swap(&mut self.arena, arena);
            } else {
                self.arena.append(arena);
            }
            return;
        }
        if self.segments.is_empty() && self.arena.len() > self.sent {
            let gone = match self.sent > 0 && planted(Bug::SegmentStartsOver) {
                true => 0,
                false => self.sent,
            };
            self.segments.push_back(Segment::Arena(self.arena.len() - gone));
        }
        let mut at = 0;
        for (end, bytes) in shared.drain(..) {
            if end > at {
                self.segments.push_back(Segment::Arena(end - at));
                at = end;
            }
            self.segments.push_back(Segment::Shared(bytes));
        }
        if arena.len() > at {
            self.segments.push_back(Segment::Arena(arena.len() - at));
        }
        self.arena.append(arena);
    }

    /// What waits behind the first `skip` bytes, piece by piece.
    pub(crate) fn pieces_from(&self, mut skip: usize) -> impl Iterator<Item = &[u8]> {
        let mut at = self.sent;
        let alone = match self.segments.is_empty() {
            true => self.arena.get(at..),
            false => None,
        };
        let segments = self.segments.iter().map(move |segment| match segment {
            Segment::Arena(len) => {
                let piece = self.arena.get(at..at + len).unwrap_or(&[]);
                at += len;
                piece
            }
            Segment::Shared(bytes) => bytes,
        });
        alone.into_iter().chain(segments).map(move |piece| {
            let skipped = skip.min(piece.len());
            skip -= skipped;
            piece.get(skipped..).unwrap_or(&[])
        })
    }

    /// Everything that waits, as one vector; for tests and for callers that need contiguous bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); self.segments.len().max(1)];
        let used = self.slices(&mut slices);
        slices
            .iter()
            .take(used)
            .flat_map(|slice| slice.iter().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::SHARE_FROM;

    #[test]
    fn bytes_behind_a_payload_that_nothing_stands_in_front_of_keep_their_place() {
        let large = |byte| Bytes::from(vec![byte; SHARE_FROM]);
        let mut output = Output::new();
        let mut out = Transmit::new();
        let mut expected = Vec::new();
        for (payload, small) in [
            (Some(large(1)), &b""[..]),
            (None, b"a"),
            (Some(large(2)), b"b"),
            (None, b"c"),
        ] {
            if let Some(payload) = payload {
                output.put_shared(&payload);
                expected.extend_from_slice(&payload);
            }
            output.put(small);
            expected.extend_from_slice(small);
            out.append(&mut output);
        }
        assert_eq!(out.len(), expected.len());
        assert!(out.to_vec() == expected, "all of it, in order");
        for _ in 0..4 {
            out.advance(expected.len() / 4);
        }
        assert_eq!(out.to_vec(), expected[expected.len() / 4 * 4..]);
    }
}
