//! From fields to header blocks.

use std::fmt;

use super::dynamic_table::DynamicTable;
use super::index::{Hashes, Index};
use super::run::Ahead;
use super::static_table::Match;
use super::{
    ENTRY_OVERHEAD, HUFFMAN, INDEXED, INDEXED_PREFIX, INITIAL_TABLE_SIZE, LITERAL, LITERAL_INDEXED,
    LITERAL_INDEXED_PREFIX, LITERAL_NEVER_INDEXED, LITERAL_PREFIX, MAX_TABLE_SIZE, SIZE_UPDATE, SIZE_UPDATE_PREFIX,
    STRING_PREFIX, huffman, integer, static_table,
};
use crate::http::{Field, Fields, Sensitivity};

/// The writing end of one direction of a connection.
///
/// A field that is in a table becomes an index. Of others,
///
/// - those that are [sensitive](Sensitivity::Sensitive) become never-indexed literals, and so do `authorization`,
///   `proxy-authorization`, `set-cookie`, and `cookie` below 20 bytes: what is in the table could be guessed from the
///   size of later blocks (RFC 7541 §7.1);
/// - those whose values are rarely the same twice, such as `grpc-timeout`, `content-length` and `date`, become literals
///   that are not indexed, except for the first one with a name that would be in no table otherwise;
/// - those above three quarters of the table become literals that are not indexed;
/// - all others, pseudo-header fields too, become literals that are indexed.
///
/// Strings are in the Huffman code where that is shorter.
pub struct Encoder {
    table: DynamicTable,
    index: Index,
    /// Our own limit for the table.
    cap: u32,
    /// The size that the peer knows of.
    signalled: u32,
    /// The size in use, and the lowest since the last block.
    size: u32,
    lowest: u32,
    /// Runs of entries that were encoded lately, the last one found first.
    starts: [Start; 4],
}

impl Encoder {
    /// An encoder whose table never grows above `max_table_size`, nor above the 4,096 bytes that a peer allows before
    /// its first settings (RFC 9113 §6.5.2).
    ///
    /// No memory is held before the first field is encoded.
    #[must_use]
    pub fn new(max_table_size: u32) -> Self {
        let cap = max_table_size.min(MAX_TABLE_SIZE);
        let size = cap.min(INITIAL_TABLE_SIZE);
        Self {
            table: DynamicTable::new(size),
            index: Index::new(),
            cap,
            signalled: INITIAL_TABLE_SIZE,
            size,
            lowest: size,
            starts: [Start::NONE; 4],
        }
    }

    /// The peer's `SETTINGS_HEADER_TABLE_SIZE`. The next block signals what changes by it.
    pub fn set_peer_max_table_size(&mut self, size: u32) {
        self.size = size.min(self.cap);
        self.lowest = self.lowest.min(self.size);
        self.table.set_max_size(self.size);
        self.index.fit(&self.table);
    }

    /// Appends one header block.
    ///
    /// Fields are taken as they are, invalid ones too.
    pub fn encode(&mut self, fields: &Fields, out: &mut Vec<u8>) {
        if self.signalled != self.size || self.signalled != self.lowest {
            self.signal_size(out);
        }
        let mut ahead = Ahead::of(fields);
        while let Some(field) = ahead.first() {
            let mut count = 1;
            if field.sensitivity == Sensitivity::Sensitive {
                self.sensitive(&ahead, out);
            } else if let Some(index) = static_table::pseudo(field.kind, field.value) {
                out.push(INDEXED | index);
            } else {
                let known = self.starts.iter().position(|start| start.has_lengths_of(&field));
                count = match known {
                    Some(known) => self.run(known, &ahead, out),
                    None => self.search(&ahead, out),
                };
            }
            ahead.skip(count);
        }
    }

    /// Bytes of memory held: at most about four times the table size, and some hundred bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.table.capacity().saturating_add(self.index.capacity())
    }

    #[cfg(test)]
    pub(super) const fn table(&mut self) -> &mut DynamicTable {
        &mut self.table
    }

    /// The lowest size since the last block, and the present one (RFC 7541 §4.2).
    #[cold]
    fn signal_size(&mut self, out: &mut Vec<u8>) {
        if self.lowest < self.size && self.lowest < self.signalled {
            integer::encode(out, SIZE_UPDATE, SIZE_UPDATE_PREFIX, self.lowest as usize);
            self.signalled = self.lowest;
        }
        if self.size != self.signalled {
            integer::encode(out, SIZE_UPDATE, SIZE_UPDATE_PREFIX, self.size as usize);
        }
        self.signalled = self.size;
        self.lowest = self.size;
    }

    /// Encodes fields that probably are a run again, and tells how many. From the `known`th of them on, runs may begin
    /// with a field of the same lengths.
    fn run(&mut self, known: usize, ahead: &Ahead<'_>, out: &mut Vec<u8>) -> usize {
        let Some(field) = ahead.first() else {
            return 1;
        };
        for start in self.starts.iter_mut().skip(known) {
            if !start.has_lengths_of(&field) {
                continue;
            }
            let count = ahead.run(&self.table, start.sequence, start.count as usize);
            if count > 0 {
                // What varies behind a run is not compared again.
                start.count = u32::try_from(count).unwrap_or(u32::MAX);
                let sequence = start.sequence;
                self.indexed(sequence, count, out);
                return count;
            }
        }
        self.search(ahead, out)
    }

    /// Looks for a field, or a run, in the dynamic table.
    #[inline(never)]
    fn search(&mut self, ahead: &Ahead<'_>, out: &mut Vec<u8>) -> usize {
        let Some(field) = &ahead.first() else {
            return 1;
        };
        let hashes = Hashes::of(field.name, field.value);
        let Some(age) = self.index.find_field(&self.table, hashes, field.name, field.value) else {
            for start in self.starts.iter_mut().filter(|start| start.has_lengths_of(field)) {
                *start = Start::NONE;
            }
            self.new_field(field, hashes, out);
            return 1;
        };
        let sequence = self.table.newest().wrapping_sub(age);
        let count = ahead.run(&self.table, sequence, usize::MAX).max(1);
        self.indexed(sequence, count, out);
        let [first, second, third, _] = self.starts;
        self.starts = [Start::new(sequence, count, field), first, second, third];
        count
    }

    /// `count` entries from one on to newer ones.
    #[inline]
    fn indexed(&self, sequence: u32, count: usize, out: &mut Vec<u8>) {
        let first = dynamic_index(self.table.newest().wrapping_sub(sequence));
        for newer in 0..count {
            integer::encode(out, INDEXED, INDEXED_PREFIX, first.wrapping_sub(newer));
        }
    }

    /// A field that is not in the dynamic table.
    fn new_field(&mut self, field: &Field<'_>, hashes: Hashes, out: &mut Vec<u8>) {
        let name = match static_table::find(field.name, field.value) {
            Match::Field(index) => return out.push(INDEXED | index),
            Match::Name(index) => usize::from(index),
            Match::Nothing => self.dynamic_name(field.name, hashes),
        };
        let size = field
            .name
            .len()
            .saturating_add(field.value.len())
            .saturating_add(ENTRY_OVERHEAD);
        let worth_it = match Policy::of(field.name, field.value) {
            Policy::Never => return literal(field, name, LITERAL_NEVER_INDEXED, LITERAL_PREFIX, out),
            Policy::Index => size.saturating_mul(4) <= self.table.max_size().saturating_mul(3),
            Policy::IndexName => name == 0 && size.saturating_mul(8) <= self.table.max_size(),
        };
        if !worth_it {
            return literal(field, name, LITERAL, LITERAL_PREFIX, out);
        }
        literal(field, name, LITERAL_INDEXED, LITERAL_INDEXED_PREFIX, out);
        self.table.append(field.name);
        self.table.append(field.value);
        self.table.commit(field.name.len(), field.kind, field.kind);
        self.table.settle();
        self.index.add_newest(&self.table, hashes);
    }

    #[cold]
    fn sensitive(&self, ahead: &Ahead<'_>, out: &mut Vec<u8>) {
        let Some(field) = &ahead.first() else { return };
        let name = match static_table::find(field.name, &[]) {
            Match::Field(index) | Match::Name(index) => usize::from(index),
            Match::Nothing => self.dynamic_name(field.name, Hashes::of(field.name, field.value)),
        };
        literal(field, name, LITERAL_NEVER_INDEXED, LITERAL_PREFIX, out);
    }

    /// The index of an entry with this name, zero if there is none.
    fn dynamic_name(&self, name: &[u8], hashes: Hashes) -> usize {
        let found = self.index.find_name(&self.table, hashes, name);
        found.map_or(0, dynamic_index)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("entries", &self.table.len())
            .field("max_table_size", &self.table.max_size())
            .finish_non_exhaustive()
    }
}

/// A run of entries.
#[derive(Clone, Copy)]
struct Start {
    sequence: u32,
    count: u32,
    /// Lengths of the first name and value, which tell most fields apart.
    name_len: u32,
    value_len: u32,
}

impl Start {
    /// No field is as long as this.
    const NONE: Self = Self {
        sequence: 0,
        count: 0,
        name_len: u32::MAX,
        value_len: u32::MAX,
    };

    fn new(sequence: u32, count: usize, first: &Field<'_>) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            sequence,
            count: number(count),
            name_len: number(first.name.len()),
            value_len: number(first.value.len()),
        }
    }

    #[inline]
    const fn has_lengths_of(&self, field: &Field<'_>) -> bool {
        self.name_len as usize == field.name.len() && self.value_len as usize == field.value.len()
    }
}

/// How a field that is in no table is written.
enum Policy {
    Index,
    /// Its values rarely come twice, so only its name is of use in the table.
    IndexName,
    Never,
}

impl Policy {
    fn of(name: &[u8], value: &[u8]) -> Self {
        match name {
            b"authorization" | b"proxy-authorization" | b"set-cookie" => Self::Never,
            b"cookie" if value.len() < SHORT_COOKIE => Self::Never,
            b"age"
            | b"content-length"
            | b"content-range"
            | b"date"
            | b"etag"
            | b"expires"
            | b"grpc-message"
            | b"grpc-status-details-bin"
            | b"grpc-timeout"
            | b"if-modified-since"
            | b"if-none-match"
            | b"if-range"
            | b"if-unmodified-since"
            | b"last-modified"
            | b"location"
            | b"range"
            | b"retry-after"
            | b"traceparent"
            | b"x-request-id" => Self::IndexName,
            _ => Self::Index,
        }
    }
}

/// A literal (RFC 7541 §6.2) of the kind that `pattern` and `prefix` say. `name` is an index, zero for a new name.
fn literal(field: &Field<'_>, name: usize, pattern: u8, prefix: u8, out: &mut Vec<u8>) {
    integer::encode(out, pattern, prefix, name);
    if name == 0 {
        string(field.name, out);
    }
    string(field.value, out);
}

/// A string (RFC 7541 §5.2), in the Huffman code where that is shorter.
fn string(text: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::encode(out, HUFFMAN, STRING_PREFIX, coded);
        huffman::encode(text, out);
    } else {
        integer::encode(out, 0, STRING_PREFIX, text.len());
        out.extend_from_slice(text);
    }
}

#[inline]
const fn dynamic_index(age: u32) -> usize {
    (age as usize)
        .saturating_add(static_table::LEN as usize)
        .saturating_add(1)
}

/// Cookies shorter than this could be guessed one character at a time.
const SHORT_COOKIE: usize = 20;
