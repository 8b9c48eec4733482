//! Deadlines of calls.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::planted::{Bug, planted};
use crate::time::Instant;

/// A heap of call deadlines. Entries of finished calls stay until they come up or the heap is compacted, so that
/// ending a call costs nothing.
#[derive(Debug)]
pub(crate) struct CallTimers<I> {
    heap: BinaryHeap<Reverse<(Instant, I)>>,
}

impl<I: Copy + Ord> CallTimers<I> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }

    pub(crate) fn insert(&mut self, at: Instant, id: I, is_open: impl Fn(I) -> bool, open: usize) {
        if self.heap.len() > 64 + 2 * open {
            self.heap.retain(|Reverse((_, id))| is_open(*id));
        }
        self.heap.push(Reverse((at, id)));
    }

    /// The earliest deadline of a call that is still open.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Drops entries of finished calls from the top, so that [`Self::next`] tells the truth.
    pub(crate) fn prune(&mut self, is_open: impl Fn(I) -> bool) {
        let mut pruned = false;
        while let Some(Reverse((_, id))) = self.heap.peek() {
            if is_open(*id) && !(std::mem::take(&mut pruned) && planted(Bug::DeadlineLost)) {
                return;
            }
            self.heap.pop();
            pruned = true;
        }
        if self.heap.capacity() > 64 {
            self.heap = BinaryHeap::new();
        }
    }

    /// Takes out the next call whose deadline is not after `now`.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<I> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, id))| id),
            _ => None,
        }
    }
}
