//! Finds entries of the dynamic table by what they hold.

use super::Entry;
use super::dynamic_table::DynamicTable;

/// Chains of entries with equal hashes, newest first, one kind of chain for whole fields and one for names.
///
/// Links are sequence numbers, so nothing has to be done when an entry is evicted: entries go in the order they came,
/// and a chain ends where the table says that an entry is gone. What is found is compared with what is sought; a hash
/// only saves work.
pub(super) struct Index {
    /// Where the chain of each bucket begins. The length is that of the table's records.
    heads: Vec<Link>,
    /// The next in the chains of each entry, at its sequence number modulo the length.
    older: Vec<Link>,
}

#[derive(Clone, Copy)]
struct Link {
    field: u32,
    name: u32,
}

/// The hashes of a field.
#[derive(Clone, Copy)]
pub(super) struct Hashes {
    field: u32,
    name: u32,
}

impl Hashes {
    #[inline]
    pub(super) fn of(name: &[u8], value: &[u8]) -> Self {
        let name = mix(0, name);
        Self {
            field: fold(mix(name, value)),
            name: fold(name),
        }
    }
}

impl Index {
    pub(super) const fn new() -> Self {
        Self {
            heads: Vec::new(),
            older: Vec::new(),
        }
    }

    /// Adds the entry that the table has got last.
    pub(super) fn add_newest(&mut self, table: &DynamicTable, hashes: Hashes) {
        if self.heads.len() == table.slots() {
            self.link(table.newest(), hashes);
        } else {
            self.rebuild(table);
        }
    }

    /// Follows a table whose size was set.
    pub(super) fn fit(&mut self, table: &DynamicTable) {
        if self.heads.len() != table.slots() {
            self.rebuild(table);
        }
    }

    /// The age of the newest entry that is this field.
    #[inline]
    pub(super) fn find_field(&self, table: &DynamicTable, hashes: Hashes, name: &[u8], value: &[u8]) -> Option<u32> {
        let matches = |entry: &Entry<'_>| entry.value == value && entry.name == name;
        self.find(table, hashes.field, |link| link.field, matches)
    }

    /// The age of the newest entry with this name.
    pub(super) fn find_name(&self, table: &DynamicTable, hashes: Hashes, name: &[u8]) -> Option<u32> {
        self.find(table, hashes.name, |link| link.name, |entry| entry.name == name)
    }

    /// Bytes of memory held.
    pub(super) const fn capacity(&self) -> usize {
        let links = self.heads.capacity().saturating_add(self.older.capacity());
        links.saturating_mul(size_of::<Link>())
    }

    #[inline]
    fn find(
        &self,
        table: &DynamicTable,
        hash: u32,
        chain: impl Fn(&Link) -> u32,
        matches: impl Fn(&Entry<'_>) -> bool,
    ) -> Option<u32> {
        let mut sequence = chain(self.heads.get(self.slot(hash))?);
        let mut age = table.age(sequence)?;
        for _ in 0..MOST_STEPS {
            if table.entry(age).is_some_and(|entry| matches(&entry)) {
                return Some(age);
            }
            sequence = chain(self.older.get(self.slot(sequence))?);
            // Where a chain ends, and where sequence numbers have wrapped around, there may be any number.
            age = table.age(sequence).filter(|older| *older > age)?;
        }
        None
    }

    fn link(&mut self, sequence: u32, hashes: Hashes) {
        let (by_field, by_name) = (self.slot(hashes.field), self.slot(hashes.name));
        let mut older = Link::NOWHERE;
        if let Some(head) = self.heads.get_mut(by_field) {
            older.field = std::mem::replace(&mut head.field, sequence);
        }
        if let Some(head) = self.heads.get_mut(by_name) {
            older.name = std::mem::replace(&mut head.name, sequence);
        }
        let slot = self.slot(sequence);
        if let Some(link) = self.older.get_mut(slot) {
            *link = older;
        }
    }

    fn rebuild(&mut self, table: &DynamicTable) {
        // Any number will do where there is no entry, since what is found is compared.
        self.heads = vec![Link::NOWHERE; table.slots()];
        self.older = vec![Link::NOWHERE; table.slots()];
        for age in (0..table.len()).rev() {
            if let Some(entry) = table.entry(age) {
                self.link(table.newest().wrapping_sub(age), Hashes::of(entry.name, entry.value));
            }
        }
    }

    #[inline]
    const fn slot(&self, number: u32) -> usize {
        number as usize & self.heads.len().wrapping_sub(1)
    }
}

impl Link {
    const NOWHERE: Self = Self { field: 0, name: 0 };
}

/// Hashes a length and up to 24 bytes of a text, from its beginning, middle and end.
#[inline]
fn mix(seed: u64, text: &[u8]) -> u64 {
    let len = text.len() as u64;
    let (first, last) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(first), Some(last)) => (
                u64::from(u32::from_le_bytes(*first)),
                u64::from(u32::from_le_bytes(*last)),
            ),
            _ => (text.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)), 0),
        },
    };
    let middle = text.get(text.len() / 2..).and_then(|half| half.first_chunk::<8>());
    let middle = middle.map_or(0, |middle| u64::from_le_bytes(*middle));
    let mixed = (seed ^ len ^ first).wrapping_mul(FACTOR).rotate_left(29);
    let mixed = (mixed ^ last).wrapping_mul(FACTOR).rotate_left(29);
    (mixed ^ middle).wrapping_mul(FACTOR)
}

/// The upper half, which depends on all bits.
#[inline]
const fn fold(mixed: u64) -> u32 {
    (mixed >> 32) as u32
}

/// How far a chain is followed. Texts can be made so that all their hashes are equal; an entry that is not found is just
/// not used.
const MOST_STEPS: usize = 16;

/// An odd number with bits all over it: 2⁶⁴ divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
