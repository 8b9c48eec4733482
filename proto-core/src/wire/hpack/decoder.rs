//! From header blocks to fields.

use std::{fmt, iter};

use super::dynamic_table::DynamicTable;
use super::{
    ENTRY_OVERHEAD, Ends, Entry, HUFFMAN, HpackError, INDEXED, INDEXED_PREFIX, INITIAL_TABLE_SIZE, LITERAL_INDEXED,
    LITERAL_INDEXED_PREFIX, LITERAL_NEVER_INDEXED, LITERAL_PREFIX, MAX_TABLE_SIZE, SIZE_UPDATE, SIZE_UPDATE_PREFIX,
    STRING_PREFIX, huffman, integer, static_table,
};
use crate::http::{FieldKind, Fields, Sensitivity};

/// The reading end of one direction of a connection.
///
/// Field names and values are not judged: whatever octets HPACK carries come out, and are a matter for the stream they
/// belong to.
pub struct Decoder {
    table: DynamicTable,
    /// The peer's encoder may use as much.
    announced: u32,
    /// The announced size was lowered to this, below the one in use: the next block has to say so.
    lowered: Option<u32>,
}

/// How a header block was decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded {
    /// All fields are there.
    Complete,
    /// The list is above the limit. It was read to its end, for the sake of the table, and its fields were dropped.
    TooLarge,
}

impl Decoder {
    /// A decoder whose peer gets to know `max_table_size` with the first `SETTINGS_HEADER_TABLE_SIZE`.
    ///
    /// Until the peer has acknowledged that, it may use the initial 4,096 bytes (RFC 9113 §6.5.2); when it has,
    /// [`set_max_table_size`](Self::set_max_table_size) lets a smaller size take effect. No memory is held before the
    /// first field comes.
    #[must_use]
    pub fn new(max_table_size: u32) -> Self {
        Self {
            table: DynamicTable::new(INITIAL_TABLE_SIZE),
            announced: max_table_size.clamp(INITIAL_TABLE_SIZE, MAX_TABLE_SIZE),
            lowered: None,
        }
    }

    /// The peer has acknowledged this size.
    ///
    /// If it is below the one in use, the next block has to begin with an update to it or less (RFC 7541 §4.2).
    pub fn set_max_table_size(&mut self, size: u32) {
        self.announced = size.min(MAX_TABLE_SIZE);
        if (self.announced as usize) < self.table.max_size() {
            let lowest = self.lowered.unwrap_or(self.announced);
            self.lowered = Some(lowest.min(self.announced));
        }
    }

    /// Decodes one whole header block into `fields`, behind those that are there.
    ///
    /// A list above `max_list_size`, in the sense of [`Fields::size`], is read to its end, so that the table stays in
    /// step, but `fields` is left empty.
    ///
    /// # Errors
    /// If the block breaks RFC 7541. What `fields` holds then means nothing, and no later block can be decoded.
    pub fn decode(&mut self, block: &[u8], max_list_size: usize, fields: &mut Fields) -> Result<Decoded, HpackError> {
        let mut list = List {
            fields,
            room: max_list_size,
            decoded: Decoded::Complete,
        };
        match self.block(block, &mut list) {
            Ok(()) => Ok(list.decoded),
            Err(error) => {
                self.table.settle();
                Err(error)
            }
        }
    }

    /// Bytes of memory held: at most about three times the table size, and some hundred bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    #[cfg(test)]
    pub(super) const fn table(&mut self) -> &mut DynamicTable {
        &mut self.table
    }

    fn block(&mut self, mut input: &[u8], list: &mut List<'_>) -> Result<(), HpackError> {
        self.size_updates(&mut input)?;
        while let Some((&first, rest)) = input.split_first() {
            input = rest;
            if first & INDEXED != 0 {
                let index = integer::decode(first, INDEXED_PREFIX, &mut input)?;
                if index > static_table::LEN {
                    self.run(first, index, &mut input, list)?;
                } else {
                    let entry = static_table::entry(index).ok_or(HpackError::ZeroIndex)?;
                    list.push_run(entry.text, iter::once(entry.ends));
                }
            } else if first & LITERAL_INDEXED != 0 {
                let name = integer::decode(first, LITERAL_INDEXED_PREFIX, &mut input)?;
                self.indexed_literal(name, &mut input, list)?;
            } else if first & SIZE_UPDATE != 0 {
                return Err(HpackError::LateSizeUpdate);
            } else {
                let name = integer::decode(first, LITERAL_PREFIX, &mut input)?;
                let sensitivity = match first & LITERAL_NEVER_INDEXED {
                    0 => Sensitivity::Ordinary,
                    _ => Sensitivity::Sensitive,
                };
                self.literal(name, sensitivity, &mut input, list)?;
            }
        }
        Ok(())
    }

    /// Fields that were indexed one after the other mostly come so again: indexes going down by one.
    #[inline]
    fn run(&self, first: u8, index: u32, input: &mut &[u8], list: &mut List<'_>) -> Result<(), HpackError> {
        let mut count = 1_usize;
        if index < u32::from(INDEXED_PREFIX) {
            let mut next = first;
            while let Some((&byte, rest)) = input.split_first() {
                if byte != next.wrapping_sub(1) || next == FIRST_DYNAMIC {
                    break;
                }
                next = byte;
                *input = rest;
                count = count.wrapping_add(1);
            }
        }
        let mut sequence = self.table.newest().wrapping_sub(dynamic_age(index));
        while count > 0 {
            let (text, ends) = self.table.run(sequence, count).ok_or(HpackError::UnknownIndex(index))?;
            let taken = ends.len();
            list.push_run(text, ends);
            sequence = sequence.wrapping_add(u32::try_from(taken).unwrap_or(u32::MAX));
            count = count.saturating_sub(taken);
        }
        Ok(())
    }

    /// Table size updates come first in a block, two at most: the lowest size since the last block and the present one
    /// (RFC 7541 §4.2).
    #[inline]
    fn size_updates(&mut self, input: &mut &[u8]) -> Result<(), HpackError> {
        let is_update = |first: u8| first & !SIZE_UPDATE_PREFIX == SIZE_UPDATE;
        let mut updates = 0_u8;
        while let Some((&first, rest)) = input.split_first().filter(|(first, _)| is_update(**first)) {
            *input = rest;
            updates = updates.saturating_add(1);
            if updates > 2 {
                return Err(HpackError::TooManySizeUpdates);
            }
            let size = integer::decode(first, SIZE_UPDATE_PREFIX, input)?;
            self.size_update(size)?;
        }
        match self.lowered {
            None => Ok(()),
            Some(_) => Err(HpackError::MissingSizeUpdate),
        }
    }

    fn size_update(&mut self, size: u32) -> Result<(), HpackError> {
        if size > self.announced {
            return Err(HpackError::SizeUpdateTooLarge(size));
        }
        if self.lowered.take().is_some_and(|lowered| size > lowered) {
            return Err(HpackError::MissingSizeUpdate);
        }
        self.table.set_max_size(size);
        Ok(())
    }

    /// A literal that enters the table (RFC 7541 §6.2.1), the only kind whose text is kept.
    fn indexed_literal(&mut self, name: u32, input: &mut &[u8], list: &mut List<'_>) -> Result<(), HpackError> {
        let known = match name {
            0 => {
                self.string(input)?;
                None
            }
            _ => Some(self.append_name(name)?),
        };
        let name_len = self.table.tail().len();
        self.string(input)?;
        let (name, value) = self.table.tail_at(name_len);
        let kind = known.map_or_else(|| FieldKind::of(name, value), |known| kind_with(known, name, value));
        let name_kind = match (known, kind) {
            (Some(known), _) => known,
            (None, FieldKind::InvalidValue) => FieldKind::of(name, b""),
            (None, kind) => kind,
        };
        list.push(name, value, kind, Sensitivity::Ordinary);
        self.table.commit(name_len, kind, name_kind);
        self.table.settle();
        Ok(())
    }

    /// A literal that does not enter the table (RFC 7541 §6.2.2 and §6.2.3).
    fn literal(
        &mut self,
        name: u32,
        sensitivity: Sensitivity,
        input: &mut &[u8],
        list: &mut List<'_>,
    ) -> Result<(), HpackError> {
        if name == 0 {
            self.string(input)?;
            let name_len = self.table.tail().len();
            self.string(input)?;
            let (name, value) = self.table.tail_at(name_len);
            list.push(name, value, FieldKind::of(name, value), sensitivity);
        } else {
            self.string(input)?;
            let (entry, value) = (self.entry(name)?, self.table.tail());
            let kind = kind_with(entry.name_kind, entry.name, value);
            list.push(entry.name, value, kind, sensitivity);
        }
        self.table.settle();
        Ok(())
    }

    /// Puts a string (RFC 7541 §5.2) behind what the table keeps of the present field.
    fn string(&mut self, input: &mut &[u8]) -> Result<(), HpackError> {
        let (&first, rest) = input.split_first().ok_or(HpackError::Truncated)?;
        *input = rest;
        let len = integer::decode(first, STRING_PREFIX, input)?;
        let (text, rest) = input.split_at_checked(len as usize).ok_or(HpackError::Truncated)?;
        *input = rest;
        if first & HUFFMAN == 0 {
            self.table.append(text);
            return Ok(());
        }
        let most = huffman::max_decoded_len(text.len());
        self.table.append_with(most, |out| huffman::decode(text, out))
    }

    fn append_name(&mut self, index: u32) -> Result<FieldKind, HpackError> {
        let name_kind = self.entry(index)?.name_kind;
        match static_table::entry(index) {
            Some(entry) => self.table.append(entry.name()),
            None => self.table.append_name(dynamic_age(index)),
        }
        Ok(name_kind)
    }

    /// The entry with an index: static entries from one on, then the dynamic ones, newest first (RFC 7541 §2.3.3).
    #[inline]
    fn entry(&self, index: u32) -> Result<Entry<'_>, HpackError> {
        match static_table::entry(index) {
            Some(entry) => Ok(Entry {
                name: entry.name(),
                value: &[],
                name_kind: entry.ends.kind,
            }),
            None => self.table.entry(dynamic_age(index)).ok_or(match index {
                0 => HpackError::ZeroIndex,
                _ => HpackError::UnknownIndex(index),
            }),
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("entries", &self.table.len())
            .field("max_table_size", &self.table.max_size())
            .finish_non_exhaustive()
    }
}

/// A field list that is being read, below a limit.
struct List<'a> {
    fields: &'a mut Fields,
    /// Never enough for a field again once the limit was passed.
    room: usize,
    decoded: Decoded,
}

impl List<'_> {
    #[inline]
    fn push(&mut self, name: &[u8], value: &[u8], kind: FieldKind, sensitivity: Sensitivity) {
        let size = name.len().saturating_add(value.len()).saturating_add(ENTRY_OVERHEAD);
        match self.room.checked_sub(size) {
            Some(room) => {
                self.room = room;
                self.fields.push_known(name, value, kind, sensitivity);
            }
            None => self.drop_fields(),
        }
    }

    #[inline]
    fn push_run(&mut self, text: &[u8], ends: impl ExactSizeIterator<Item = Ends>) {
        let overhead = ends.len().saturating_mul(ENTRY_OVERHEAD);
        match self.room.checked_sub(text.len().saturating_add(overhead)) {
            Some(room) => {
                self.room = room;
                let ends = ends.map(|ends| (ends.name, ends.value, ends.kind));
                self.fields.push_run(text, ends);
            }
            None => self.drop_fields(),
        }
    }

    #[cold]
    fn drop_fields(&mut self) {
        self.room = 0;
        self.decoded = Decoded::TooLarge;
        self.fields.clear();
    }
}

/// The kind of a field whose name was looked at before.
fn kind_with(name_kind: FieldKind, name: &[u8], value: &[u8]) -> FieldKind {
    match name_kind {
        FieldKind::InvalidName => FieldKind::InvalidName,
        // Some of these are told from others by their values.
        FieldKind::ConnectionSpecific | FieldKind::TeTrailers => FieldKind::of(name, value),
        _ if FieldKind::of(b"x", value) == FieldKind::InvalidValue => FieldKind::InvalidValue,
        _ => name_kind,
    }
}

/// Index 62, the newest entry of the dynamic table, as a representation.
const FIRST_DYNAMIC: u8 = 0xbe;

/// The age of the entry in the dynamic table that an index means; no entry is as old as what becomes of index zero.
#[inline]
const fn dynamic_age(index: u32) -> u32 {
    index.wrapping_sub(static_table::LEN).wrapping_sub(1)
}
