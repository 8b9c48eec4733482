//! Messages that wait for their reader.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::buf::SHARE_FROM;

/// The messages of a stream that have come and were not taken.
///
/// Small ones lie one behind the other in blocks of their own, each behind its length and charge, so that they cost
/// their bytes and pin no block that was read. Large ones are slices of that block.
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

impl Inbox {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.read == self.first.len() && self.more.is_empty()
    }

    /// Appends a copy of a small message.
    #[inline]
    pub(super) fn copy(&mut self, message: &[u8], charge: u32) {
        let block = self.room(message.len().saturating_add(PREFIX));
        let length = u32::try_from(message.len()).unwrap_or(LARGE);
        block.extend_from_slice(&prefix(length, charge));
        block.extend_from_slice(message);
    }

    /// Appends a large message.
    pub(super) fn share(&mut self, message: Bytes, charge: u32) {
        let block = self.room(PREFIX);
        block.extend_from_slice(&prefix(LARGE, charge));
        self.large.push_back(message);
    }

    /// The oldest message.
    #[inline]
    pub(super) fn front(&self) -> Option<&[u8]> {
        let (length, _, rest) = self.split()?;
        match length {
            LARGE => self.large.front().map(|bytes| &**bytes),
            length => rest.get(..length as usize),
        }
    }

    /// Drops the oldest message. Returns its charge.
    #[inline]
    pub(super) fn drop_front(&mut self) -> u32 {
        let Some((length, charge, _)) = self.split() else {
            return 0;
        };
        let step = match length {
            LARGE => {
                self.large.pop_front();
                PREFIX
            }
            length => PREFIX.saturating_add(length as usize),
        };
        self.read = self.read.saturating_add(step);
        if self.read >= self.first.len() {
            self.next_block();
        }
        charge
    }

    /// Takes the oldest message, with its charge. A large one is not copied.
    pub(super) fn take_front(&mut self) -> Option<(Bytes, u32)> {
        let (length, charge, rest) = self.split()?;
        let bytes = match length {
            LARGE => self.large.front()?.clone(),
            length => Bytes::copy_from_slice(rest.get(..length as usize)?),
        };
        self.drop_front();
        Some((bytes, charge))
    }

    /// Drops everything. Returns the charge of it.
    pub(super) fn clear(&mut self) -> u64 {
        let mut charge = 0_u64;
        while !self.is_empty() {
            charge = charge.saturating_add(self.drop_front().into());
        }
        *self = Self::default();
        charge
    }

    /// Gives back the memory of an empty inbox.
    pub(super) fn release_memory(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Length and charge of the oldest message, and what stands behind them.
    #[inline]
    fn split(&self) -> Option<(u32, u32, &[u8])> {
        let rest = self.first.get(self.read..)?;
        let (length, rest) = rest.split_first_chunk()?;
        let (charge, rest) = rest.split_first_chunk()?;
        Some((u32::from_ne_bytes(*length), u32::from_ne_bytes(*charge), rest))
    }

    /// A block with room for `n` bytes.
    #[inline]
    fn room(&mut self, n: usize) -> &mut Vec<u8> {
        let last = self.more.back().unwrap_or(&self.first);
        if last.capacity().saturating_sub(last.len()) < n {
            self.grow(n);
        }
        self.more.back_mut().unwrap_or(&mut self.first)
    }

    /// Blocks grow in small steps, so that a long queue costs what is in it.
    fn grow(&mut self, n: usize) {
        let last = self.more.back_mut().unwrap_or(&mut self.first);
        let want = last.len().saturating_add(n);
        if want <= BLOCK || last.is_empty() {
            let step = last.len().min(STEP).max(n);
            last.reserve_exact(step);
        } else {
            last.shrink_to_fit();
            let mut block = Vec::new();
            block.reserve_exact(n.max(STEP));
            self.more.push_back(block);
        }
    }

    /// The oldest block is used up.
    #[inline]
    fn next_block(&mut self) {
        self.read = 0;
        match self.more.pop_front() {
            Some(block) => self.first = block,
            None => self.first.clear(),
        }
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
/// Bytes of a full block; the largest small message fits.
const BLOCK: usize = 2 * SHARE_FROM;
/// A block grows by this much at most.
const STEP: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut inbox = Inbox::default();
        let message = |n: u32| vec![(n % 251) as u8; (n as usize * 37) % 9000];
        let (mut put, mut taken) = (0_u32, 0_u32);
        for round in 0..200 {
            for _ in 0..round % 7 {
                let bytes = message(put);
                match bytes.len() {
                    SHARE_FROM.. => inbox.share(bytes.into(), put),
                    _ => inbox.copy(&bytes, put),
                }
                put += 1;
            }
            for _ in 0..(round + 3) % 6 {
                let Some(front) = inbox.front() else { break };
                assert_eq!(front, message(taken));
                match taken % 2 {
                    0 => assert_eq!(inbox.drop_front(), taken),
                    _ => assert_eq!(inbox.take_front().unwrap().0, message(taken)),
                }
                taken += 1;
            }
            assert_eq!(inbox.is_empty(), put == taken);
        }
        let rest: u64 = (taken..put).map(u64::from).sum();
        assert_eq!(inbox.clear(), rest);
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_long_queue_costs_what_is_in_it() {
        let mut inbox = Inbox::default();
        let mut charge = 0;
        for _ in 0..100_000 {
            inbox.copy(&[1; 16], 16 + 33 + 64);
            charge += 16 + 33 + 64;
        }
        let held: usize = inbox.first.capacity() + inbox.more.iter().map(Vec::capacity).sum::<usize>();
        assert!(held < charge / 4, "{held} of {charge}");
    }
}
