//! The dynamic table (RFC 7541 §2.3.2), the same for both ends.

use super::{ENTRY_OVERHEAD, Ends, Entry};
use crate::http::FieldKind;

/// The last fields that were indexed.
///
/// All text lies in one block, in the order of the entries; beside it is a ring of records that say where each entry
/// is. Text of evicted entries is closed up when the block would have to grow otherwise, so that an entry is moved once
/// on average. Nothing is held before the first entry.
///
/// Entries are known by sequence numbers, which count all entries ever made and wrap around, or by age: how many
/// entries are newer.
pub(super) struct DynamicTable {
    /// Evicted entries up to `head`, live ones up to `end`, then the text of a field that is being read.
    text: Vec<u8>,
    head: usize,
    end: usize,
    /// Position of `text[0]`.
    origin: u32,
    /// The record of an entry is at its sequence number modulo the length: none, or a power of two.
    records: Vec<Record>,
    /// Sequence number of the next entry.
    next: u32,
    live: u32,
    size: usize,
    max_size: usize,
}

/// Positions count all text ever held and wrap around.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) start: u32,
    pub(super) name_end: u32,
    /// Where the value ends; the next entry begins there.
    pub(super) end: u32,
    kind: FieldKind,
    name_kind: FieldKind,
}

impl DynamicTable {
    pub(super) const fn new(max_size: u32) -> Self {
        Self {
            text: Vec::new(),
            head: 0,
            end: 0,
            origin: 0,
            records: Vec::new(),
            next: 0,
            live: 0,
            size: 0,
            max_size: max_size as usize,
        }
    }

    /// Evicts what does not fit any more (RFC 7541 §4.3).
    pub(super) fn set_max_size(&mut self, max_size: u32) {
        self.max_size = max_size as usize;
        self.evict(0);
        let slots = (self.max_size / ENTRY_OVERHEAD).next_power_of_two().max(FEWEST_SLOTS);
        if self.records.len() > slots {
            self.set_slots(slots);
        }
        self.settle();
    }

    /// Adds to the text of the field that is being read.
    pub(super) fn append(&mut self, text: &[u8]) {
        self.reserve(text.len());
        self.text.extend_from_slice(text);
    }

    /// Adds the name of an entry to the text of the field that is being read. The entry itself may be evicted for it.
    pub(super) fn append_name(&mut self, age: u32) {
        let Some(name_len) = self.entry(age).map(|entry| entry.name.len()) else {
            return;
        };
        self.reserve(name_len);
        let Some(start) = self
            .record(self.newest().wrapping_sub(age))
            .map(|record| self.offset(record.start))
        else {
            return;
        };
        self.text.extend_from_within(start..start.saturating_add(name_len));
    }

    /// Adds text that `write` appends, at most `len` bytes, to the text of the field that is being read.
    pub(super) fn append_with<T>(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.reserve(len);
        write(&mut self.text)
    }

    /// Makes an entry of the text of the field that is being read (RFC 7541 §4.4). One that is larger than the whole
    /// table empties it.
    pub(super) fn commit(&mut self, name_len: usize, kind: FieldKind, name_kind: FieldKind) {
        let len = self.tail().len();
        let size = len.saturating_add(ENTRY_OVERHEAD);
        self.evict(size);
        let (Ok(len), Ok(name_len)) = (u32::try_from(len), u32::try_from(name_len)) else {
            return self.discard();
        };
        if size > self.max_size {
            return self.discard();
        }
        if self.live as usize == self.records.len() {
            self.set_slots(self.records.len().saturating_mul(2).max(FEWEST_SLOTS));
        }
        let start = self.position(self.end);
        let slot = self.slot(self.next);
        if let Some(record) = self.records.get_mut(slot) {
            *record = Record {
                start,
                name_end: start.wrapping_add(name_len),
                end: start.wrapping_add(len),
                kind,
                name_kind,
            };
            self.next = self.next.wrapping_add(1);
            self.live = self.live.saturating_add(1);
            self.size = self.size.saturating_add(size);
            self.end = self.text.len();
        }
    }

    /// Forgets the text of the field that was being read.
    pub(super) fn discard(&mut self) {
        self.text.truncate(self.end);
    }

    /// Gives back memory that a table of this size does not need.
    #[inline]
    pub(super) fn settle(&mut self) {
        self.discard();
        if self.text.capacity() > self.text_bound() {
            self.compact();
            self.text.shrink_to(self.text_bound());
        }
    }

    /// The text of the field that is being read.
    pub(super) fn tail(&self) -> &[u8] {
        self.text.get(self.end..).unwrap_or(&[])
    }

    /// The same, cut behind `name_len` bytes.
    pub(super) fn tail_at(&self, name_len: usize) -> (&[u8], &[u8]) {
        self.tail().split_at_checked(name_len).unwrap_or_default()
    }

    #[inline]
    pub(super) fn entry(&self, age: u32) -> Option<Entry<'_>> {
        if age >= self.live {
            return None;
        }
        let record = self.record(self.newest().wrapping_sub(age))?;
        let text = self.text(record.start, record.end)?;
        let (name, value) = text.split_at_checked(record.name_len() as usize)?;
        Some(Entry {
            name,
            value,
            name_kind: record.name_kind,
        })
    }

    /// Entries from `sequence` on to newer ones, at most so many: their text, end to end, and where each name and value
    /// ends in it. There are fewer where the ring of records wraps around.
    #[inline]
    pub(super) fn run(&self, sequence: u32, most: usize) -> Option<(&[u8], impl ExactSizeIterator<Item = Ends>)> {
        let records = self.records_from(sequence, most);
        let (first, last) = (records.first()?, records.last()?);
        let start = first.start;
        let ends = records.iter().map(move |record| Ends {
            name: record.name_end.wrapping_sub(start),
            value: record.end.wrapping_sub(start),
            kind: record.kind,
        });
        Some((self.text(start, last.end)?, ends))
    }

    /// Records from `sequence` on to newer ones, at most so many, and only as far as the ring does not wrap around.
    #[inline]
    pub(super) fn records_from(&self, sequence: u32, most: usize) -> &[Record] {
        let Some(age) = self.age(sequence) else {
            return &[];
        };
        let start = self.slot(sequence);
        let most = most.min((age as usize).wrapping_add(1));
        let end = start.wrapping_add(most).min(self.records.len());
        self.records.get(start..end).unwrap_or(&[])
    }

    /// The age of the entry with a sequence number, if it is there.
    #[inline]
    pub(super) fn age(&self, sequence: u32) -> Option<u32> {
        let age = self.newest().wrapping_sub(sequence);
        (age < self.live).then_some(age)
    }

    /// Sequence number of the newest entry.
    #[inline]
    pub(super) const fn newest(&self) -> u32 {
        self.next.wrapping_sub(1)
    }

    /// Number of entries.
    pub(super) const fn len(&self) -> u32 {
        self.live
    }

    /// Number of entries that there is room for at present.
    pub(super) const fn slots(&self) -> usize {
        self.records.len()
    }

    pub(super) const fn max_size(&self) -> usize {
        self.max_size
    }

    /// Size of all entries (RFC 7541 §4.1).
    #[cfg(test)]
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Lets the numbers of an empty table wrap around soon.
    #[cfg(test)]
    pub(super) const fn age_numbers(&mut self) {
        self.next = u32::MAX - 9;
        self.origin = u32::MAX - 300;
    }

    /// Bytes of memory held.
    pub(super) const fn capacity(&self) -> usize {
        self.text
            .capacity()
            .saturating_add(self.records.capacity().saturating_mul(size_of::<Record>()))
    }

    /// Makes room for an entry of `size`, as far as there is any.
    fn evict(&mut self, size: usize) {
        while self.live > 0 && self.size.saturating_add(size) > self.max_size {
            let oldest = self.slot(self.next.wrapping_sub(self.live));
            let len = self.records.get(oldest).map_or(0, |record| record.len() as usize);
            self.head = self.head.saturating_add(len);
            self.size = self.size.saturating_sub(len.saturating_add(ENTRY_OVERHEAD));
            self.live = self.live.saturating_sub(1);
        }
    }

    fn reserve(&mut self, additional: usize) {
        let needed = self.text.len().saturating_add(additional);
        if needed <= self.text.capacity() {
            return;
        }
        if self.head >= self.text.len() / 2 {
            self.compact();
        }
        let needed = self.text.len().saturating_add(additional);
        if needed > self.text.capacity() {
            let doubled = self.text.capacity().saturating_mul(2).min(self.text_bound());
            let capacity = needed.max(doubled).max(LEAST_TEXT);
            self.text.reserve_exact(capacity.saturating_sub(self.text.len()));
        }
    }

    /// Closes up the text of evicted entries.
    fn compact(&mut self) {
        self.origin = self.position(self.head);
        self.text.drain(..self.head);
        self.end = self.end.saturating_sub(self.head);
        self.head = 0;
    }

    fn set_slots(&mut self, slots: usize) {
        let mut records = vec![Record::EMPTY; slots];
        let mask = slots.wrapping_sub(1);
        for age in 0..self.live {
            let sequence = self.newest().wrapping_sub(age);
            if let (Some(to), Some(from)) = (
                records.get_mut(sequence as usize & mask),
                self.records.get(self.slot(sequence)),
            ) {
                *to = *from;
            }
        }
        self.records = records;
    }

    #[inline]
    fn record(&self, sequence: u32) -> Option<&Record> {
        self.records.get(self.slot(sequence))
    }

    /// The text between two positions.
    #[inline]
    pub(super) fn text(&self, start: u32, end: u32) -> Option<&[u8]> {
        self.text.get(self.offset(start)..self.offset(end))
    }

    #[inline]
    const fn offset(&self, position: u32) -> usize {
        position.wrapping_sub(self.origin) as usize
    }

    #[inline]
    const fn slot(&self, sequence: u32) -> usize {
        sequence as usize & self.records.len().wrapping_sub(1)
    }

    fn position(&self, at: usize) -> u32 {
        self.origin.wrapping_add(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Most bytes of text to keep between two blocks: as much as moves every entry at most once on average.
    const fn text_bound(&self) -> usize {
        self.max_size.saturating_mul(2).saturating_add(TEXT_SLACK)
    }
}

impl Record {
    const EMPTY: Self = Self {
        start: 0,
        name_end: 0,
        end: 0,
        kind: FieldKind::Regular,
        name_kind: FieldKind::Regular,
    };

    #[inline]
    pub(super) const fn name_len(&self) -> u32 {
        self.name_end.wrapping_sub(self.start)
    }

    #[inline]
    const fn len(&self) -> u32 {
        self.end.wrapping_sub(self.start)
    }
}

/// What is allocated for text at first.
const LEAST_TEXT: usize = 64;

/// Records are allocated for so many entries at first.
const FEWEST_SLOTS: usize = 8;

/// What is kept for the text of fields that are not indexed.
const TEXT_SLACK: usize = 256;
