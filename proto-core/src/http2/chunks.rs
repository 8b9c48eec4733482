//! Bytes in order that wait to be read or sent: small pieces copied together, large ones kept as they are.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::buf::{Output, SHARE_FROM};
use crate::planted::{Bug, planted};

/// A queue of bytes.
///
/// Pieces below [`SHARE_FROM`] lie one behind the other in a block of their own, so that they cost their bytes and no
/// more, however many there are, and pin no block that was read; larger ones are slices of that block.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    block: Vec<u8>,
    /// Bytes of `block` that are gone.
    read: usize,
    /// Pieces in order; empty means "the rest of the block".
    pieces: VecDeque<Piece>,
    len: usize,
}

#[derive(Debug)]
enum Piece {
    /// The next so many bytes of the block.
    Block(usize),
    Shared(Bytes),
}

impl Chunks {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of its block.
    pub(super) const fn memory(&self) -> usize {
        self.block.capacity()
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        if self.read > 0 || !self.pieces.is_empty() {
            return self.copy_behind(bytes);
        }
        self.block.extend_from_slice(bytes);
        self.len = self.block.len();
    }

    /// The same where something is gone already, or lies in pieces.
    fn copy_behind(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.read > 0 && self.read.saturating_add(bytes.len()) > COMPACT_FROM {
            self.compact();
        }
        self.block.extend_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len());
        if !self.pieces.is_empty() {
            match self.pieces.back_mut() {
                Some(Piece::Block(len)) => *len = len.saturating_add(bytes.len()),
                _ => self.pieces.push_back(Piece::Block(bytes.len())),
            }
        }
    }

    /// Appends `bytes`, without a copy if they are many.
    pub(super) fn share(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_FROM {
            return self.copy(&bytes);
        }
        if self.pieces.is_empty() && self.len > 0 {
            self.pieces.push_back(Piece::Block(self.len));
        }
        self.len = self.len.saturating_add(bytes.len());
        self.pieces.push_back(Piece::Shared(bytes));
    }

    /// The next bytes that lie together; empty if there are none.
    #[inline]
    pub(super) fn chunk(&self) -> &[u8] {
        match self.pieces.front() {
            None => self.block.get(self.read..).unwrap_or(&[]),
            Some(Piece::Block(len)) => self.block(*len),
            Some(Piece::Shared(bytes)) => bytes,
        }
    }

    /// Drops the next `n` bytes, or all if there are fewer. Returns how many.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) -> usize {
        let n = n.min(self.len);
        self.len = self.len.saturating_sub(n);
        if self.pieces.is_empty() {
            self.read = self.read.saturating_add(n);
        } else {
            self.consume_pieces(n);
        }
        if self.len == 0 {
            self.block.clear();
            self.read = 0;
            if self.block.capacity() > KEEP {
                self.block = Vec::new();
            }
        }
        n
    }

    /// Takes the next bytes that lie together, at most `max`.
    pub(super) fn pull(&mut self, max: usize) -> Bytes {
        let taken = match self.pieces.front() {
            Some(Piece::Shared(bytes)) => bytes.slice(..max.min(bytes.len())),
            _ => Bytes::copy_from_slice(self.chunk().get(..max).unwrap_or_else(|| self.chunk())),
        };
        self.consume(taken.len());
        taken
    }

    /// Moves the next `n` bytes to `out`.
    pub(super) fn move_to(&mut self, n: usize, out: &mut Output) {
        let mut left = n.min(self.len);
        while left > 0 {
            let step = match self.pieces.front() {
                Some(Piece::Shared(bytes)) => {
                    let step = left.min(bytes.len());
                    out.put_shared(&bytes.slice(..step));
                    step
                }
                _ => {
                    let chunk = self.chunk();
                    let step = left.min(chunk.len());
                    out.put(chunk.get(..step).unwrap_or(chunk));
                    step
                }
            };
            if step == 0 {
                return;
            }
            self.consume(step);
            left = left.saturating_sub(step);
        }
    }

    /// Forgets everything and keeps a block of ordinary size.
    pub(super) fn clear(&mut self) -> usize {
        let len = match !self.pieces.is_empty() && planted(Bug::LargeUnreadLost) {
            true => self.block.len().saturating_sub(self.read),
            false => self.len,
        };
        self.pieces.clear();
        self.len = 0;
        self.block.clear();
        self.read = 0;
        if self.block.capacity() > KEEP {
            self.block = Vec::new();
        }
        len
    }

    fn block(&self, len: usize) -> &[u8] {
        self.block.get(self.read..self.read.saturating_add(len)).unwrap_or(&[])
    }

    #[cold]
    fn compact(&mut self) {
        self.block.drain(..self.read.min(self.block.len()));
        self.read = 0;
    }

    fn consume_pieces(&mut self, n: usize) {
        let mut left = n;
        while left > 0 {
            let empty = match self.pieces.front_mut() {
                None => return,
                Some(Piece::Block(len)) => {
                    let step = left.min(*len);
                    self.read = self.read.saturating_add(step);
                    *len = len.saturating_sub(step);
                    left = left.saturating_sub(step);
                    *len == 0
                }
                Some(Piece::Shared(bytes)) => {
                    let step = left.min(bytes.len());
                    bytes.advance(step);
                    left = left.saturating_sub(step);
                    bytes.is_empty()
                }
            };
            if empty {
                self.pieces.pop_front();
            }
        }
    }
}

/// Bytes in a block from which the part that is gone is worth moving the rest.
const COMPACT_FROM: usize = 16 * 1024;
/// The largest block that is kept for the next bytes.
const KEEP: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(chunks: &mut Chunks) -> Vec<u8> {
        let mut all = Vec::new();
        while !chunks.is_empty() {
            let piece = chunks.chunk().to_vec();
            assert!(!piece.is_empty());
            chunks.consume(piece.len());
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn order_is_kept_over_copies_and_slices() {
        let large = Bytes::from(vec![7; SHARE_FROM]);
        let mut chunks = Chunks::default();
        chunks.copy(b"ab");
        chunks.copy(b"cd");
        assert_eq!(chunks.chunk(), b"abcd", "small pieces lie together");
        chunks.consume(1);
        chunks.share(large.clone());
        chunks.copy(b"e");
        chunks.share(Bytes::from_static(b"f"));
        assert_eq!(chunks.len(), 3 + large.len() + 2);
        assert_eq!(chunks.chunk(), b"bcd");
        let mut expected = b"bcd".to_vec();
        expected.extend_from_slice(&large);
        expected.extend_from_slice(b"ef");
        assert_eq!(drain(&mut chunks), expected);
        assert_eq!(chunks.chunk(), b"");
        assert_eq!(chunks.consume(1), 0);
    }

    #[test]
    fn pulled_bytes_are_slices_when_large() {
        let large = Bytes::from(vec![7; 2 * SHARE_FROM]);
        let mut chunks = Chunks::default();
        chunks.share(large.clone());
        assert_eq!(chunks.pull(10).as_ptr(), large.as_ptr());
        chunks.copy(b"abc");
        assert_eq!(chunks.pull(usize::MAX).len(), large.len() - 10);
        assert_eq!(chunks.pull(2), "ab");
        assert_eq!(chunks.pull(2), "c");
        assert!(chunks.is_empty());
    }

    #[test]
    fn bytes_move_to_an_output_in_any_portions() {
        for step in [1, 3, 4096, SHARE_FROM, 100_000] {
            let mut chunks = Chunks::default();
            let mut expected = Vec::new();
            for (fill, len) in [(1, 10), (2, SHARE_FROM), (3, 10), (4, 3 * SHARE_FROM)] {
                chunks.share(Bytes::from(vec![fill; len]));
                expected.resize(expected.len() + len, fill);
            }
            let mut out = Output::new();
            while !chunks.is_empty() {
                chunks.move_to(step, &mut out);
            }
            assert_eq!(out.to_vec(), expected);
        }
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut chunks = Chunks::default();
        chunks.copy(&[0; 100]);
        for _ in 0..10_000 {
            chunks.copy(&[1; 100]);
            chunks.consume(100);
        }
        assert!(
            chunks.block.capacity() <= 4 * COMPACT_FROM,
            "{}",
            chunks.block.capacity()
        );
    }
}
