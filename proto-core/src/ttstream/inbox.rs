//! Messages that wait for their reader.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::buf::SHARE_FROM;

/// Blocks of a connection that nothing is in.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<Vec<u8>>);

/// The messages of a stream that have come and were not taken.
///
/// Small ones lie one behind the other in blocks of their own, each behind its length and charge, so that they cost
/// their bytes and pin no block that was read. Large ones are slices of that block. A stream keeps one block; others come
/// from and go to the [`Spares`].
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The oldest block.
    first: Vec<u8>,
    /// Bytes of it that are gone.
    read: usize,
    /// Blocks behind it.
    more: VecDeque<Vec<u8>>,
    /// Large messages, in order; in the blocks stands [`LARGE`] for each.
    large: VecDeque<Bytes>,
}

/// The oldest message of an [`Inbox`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    length: u32,
    pub(super) charge: u32,
}

impl Inbox {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.read == self.first.len() && self.more.is_empty()
    }

    /// Appends a copy of a small message.
    #[inline]
    pub(super) fn copy(&mut self, message: &[u8], charge: u32, spares: &mut Spares) {
        let block = self.room(message.len().saturating_add(PREFIX), spares);
        // Small enough.
        let length = u32::try_from(message.len()).unwrap_or(LARGE);
        block.extend_from_slice(&prefix(length, charge));
        block.extend_from_slice(message);
    }

    /// Appends a large message.
    pub(super) fn share(&mut self, message: Bytes, charge: u32, spares: &mut Spares) {
        let block = self.room(PREFIX, spares);
        block.extend_from_slice(&prefix(LARGE, charge));
        self.large.push_back(message);
    }

    /// The oldest message, to be looked at.
    #[inline]
    pub(super) fn front(&self) -> Option<Front> {
        let prefix: &[u8; PREFIX] = self.first.get(self.read..)?.first_chunk()?;
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *prefix;
        Some(Front {
            length: u32::from_ne_bytes([l0, l1, l2, l3]),
            charge: u32::from_ne_bytes([c0, c1, c2, c3]),
        })
    }

    /// Its bytes.
    #[inline]
    pub(super) fn bytes(&self, front: Front) -> &[u8] {
        // Offsets in a block.
        let start = self.read.wrapping_add(PREFIX);
        let end = start.wrapping_add(front.length as usize);
        match front.length {
            LARGE => self.large.front().map_or(&[], |bytes| &**bytes),
            _ => self.first.get(start..end).unwrap_or(&[]),
        }
    }

    /// Drops it.
    #[inline]
    pub(super) fn drop_front(&mut self, front: Front, spares: &mut Spares) {
        let step = match front.length {
            LARGE => {
                self.large.pop_front();
                PREFIX
            }
            length => PREFIX.wrapping_add(length as usize),
        };
        self.read = self.read.wrapping_add(step);
        if self.read >= self.first.len() {
            self.next_block(spares);
        }
    }

    /// Takes it. A large one is not copied.
    pub(super) fn take_front(&mut self, front: Front, spares: &mut Spares) -> Bytes {
        let bytes = match (front.length, self.large.front()) {
            (LARGE, Some(bytes)) => bytes.clone(),
            _ => Bytes::copy_from_slice(self.bytes(front)),
        };
        self.drop_front(front, spares);
        bytes
    }

    /// Drops everything. Returns the charge of it.
    pub(super) fn clear(&mut self, spares: &mut Spares) -> u64 {
        let mut charge = 0_u64;
        while let Some(front) = self.front() {
            charge = charge.saturating_add(front.charge.into());
            self.drop_front(front, spares);
        }
        spares.keep(std::mem::take(&mut self.first));
        *self = Self::default();
        charge
    }

    /// Gives back the memory of an empty inbox.
    pub(super) fn release_memory(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// A block with room for `n` bytes.
    #[inline]
    fn room(&mut self, n: usize, spares: &mut Spares) -> &mut Vec<u8> {
        if self.more.is_empty() && self.first.capacity().wrapping_sub(self.first.len()) >= n {
            return &mut self.first;
        }
        let last = self.more.back().unwrap_or(&self.first);
        if last.capacity().saturating_sub(last.len()) < n {
            self.grow(n, spares);
        }
        self.more.back_mut().unwrap_or(&mut self.first)
    }

    /// The first block grows in small steps, so that a short queue costs little.
    fn grow(&mut self, n: usize, spares: &mut Spares) {
        let last = self.more.back_mut().unwrap_or(&mut self.first);
        let want = last.len().saturating_add(n);
        if want <= BLOCK {
            let step = last.len().min(STEP).min(BLOCK.saturating_sub(last.len())).max(n);
            return last.reserve_exact(step);
        }
        if last.capacity().saturating_sub(last.len()) > BLOCK / 8 {
            last.shrink_to_fit();
        }
        self.more.push_back(spares.take());
    }

    /// The oldest block is used up.
    #[inline]
    fn next_block(&mut self, spares: &mut Spares) {
        self.read = 0;
        self.first.clear();
        if let Some(block) = self.more.pop_front() {
            spares.keep(std::mem::replace(&mut self.first, block));
        }
    }
}

impl Spares {
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }

    fn keep(&mut self, mut block: Vec<u8>) {
        if block.capacity() == BLOCK && self.0.len() < MAX_SPARES {
            block.clear();
            self.0.push(block);
        }
    }

    pub(super) fn release(&mut self) {
        self.0 = Vec::new();
    }
}

fn prefix(length: u32, charge: u32) -> [u8; PREFIX] {
    let [l0, l1, l2, l3] = length.to_ne_bytes();
    let [c0, c1, c2, c3] = charge.to_ne_bytes();
    [l0, l1, l2, l3, c0, c1, c2, c3]
}

/// Length and charge.
const PREFIX: usize = 8;
/// The length of a message that is not in the block.
const LARGE: u32 = u32::MAX;
/// Bytes of a full block, in which the largest small message fits several times.
const BLOCK: usize = 4 * SHARE_FROM;
/// A first block grows by this much at most.
const STEP: usize = 4096;
/// Blocks that are kept for the next long queue.
const MAX_SPARES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let (mut inbox, mut spares) = (Inbox::default(), Spares::default());
        let message = |n: u32| vec![(n % 251) as u8; (n as usize * 37) % 9000];
        let (mut put, mut taken) = (0_u32, 0_u32);
        for round in 0..200 {
            for _ in 0..round % 7 {
                let bytes = message(put);
                match bytes.len() {
                    SHARE_FROM.. => inbox.share(bytes.into(), put, &mut spares),
                    _ => inbox.copy(&bytes, put, &mut spares),
                }
                put += 1;
            }
            for _ in 0..(round + 3) % 6 {
                let Some(front) = inbox.front() else { break };
                assert_eq!((inbox.bytes(front), front.charge), (&message(taken)[..], taken));
                match taken % 2 {
                    0 => inbox.drop_front(front, &mut spares),
                    _ => assert_eq!(inbox.take_front(front, &mut spares), message(taken)),
                }
                taken += 1;
            }
            assert_eq!(inbox.is_empty(), put == taken);
        }
        let rest: u64 = (taken..put).map(u64::from).sum();
        assert_eq!(inbox.clear(&mut spares), rest);
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_long_queue_costs_what_is_in_it() {
        let (mut inbox, mut spares) = (Inbox::default(), Spares::default());
        let mut charge = 0;
        for _ in 0..100_000 {
            inbox.copy(&[1; 16], 16 + 33 + 64, &mut spares);
            charge += 16 + 33 + 64;
        }
        let held: usize = inbox.first.capacity() + inbox.more.iter().map(Vec::capacity).sum::<usize>();
        assert!(held < charge / 4, "{held} of {charge}");
    }
}
