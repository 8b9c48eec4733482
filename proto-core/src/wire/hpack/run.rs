//! Runs of fields.
//!
//! Fields that entered the dynamic table one after the other lie in it one after the other, and mostly come so again.
//! Such a run is compared and copied as one piece of text.

use super::dynamic_table::DynamicTable;
use crate::http::{Field, FieldEntry, Fields, Sensitivity};

/// The fields of a list that are not encoded yet.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a> {
    text: &'a [u8],
    /// Where the first field begins in the text.
    at: u32,
    fields: &'a [FieldEntry],
}

impl<'a> Ahead<'a> {
    #[inline]
    pub(super) fn of(fields: &'a Fields) -> Self {
        let (text, fields) = fields.parts();
        Self { text, at: 0, fields }
    }

    #[inline]
    pub(super) fn first(&self) -> Option<Field<'a>> {
        let field = self.fields.first()?;
        Some(Field {
            name: self.text.get(self.at as usize..field.name_end as usize)?,
            value: self.text.get(field.name_end as usize..field.value_end as usize)?,
            sensitivity: field.sensitivity,
            kind: field.kind,
        })
    }

    /// Goes on behind the first `count` fields.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        self.at = self
            .fields
            .get(count.wrapping_sub(1))
            .map_or(self.at, |last| last.value_end);
        self.fields = self.fields.get(count..).unwrap_or(&[]);
    }

    /// How many of the fields, at most so many, are the entries from `sequence` on.
    pub(super) fn run(&self, table: &DynamicTable, sequence: u32, most: usize) -> usize {
        let records = table.records_from(sequence, most);
        let Some(first) = records.first() else {
            return 0;
        };
        let shift = self.at.wrapping_sub(first.start);
        let mut end = first.start;
        let mut count = 0_usize;
        for (record, field) in records.iter().zip(self.fields) {
            if record.name_end.wrapping_add(shift) != field.name_end
                || record.end.wrapping_add(shift) != field.value_end
                || field.sensitivity != Sensitivity::Ordinary
            {
                break;
            }
            end = record.end;
            count = count.wrapping_add(1);
        }
        if self.is_text(table, first.start, end, shift) {
            return count;
        }
        self.shorter_run(table, sequence, count.saturating_sub(1), shift)
    }

    /// A run of at most so many fields, whose lengths are known to be right.
    #[cold]
    fn shorter_run(&self, table: &DynamicTable, sequence: u32, most: usize, shift: u32) -> usize {
        let records = table.records_from(sequence, most).iter();
        records
            .take_while(|record| self.is_text(table, record.start, record.end, shift))
            .count()
    }

    /// Whether the table has the same text between two of its positions.
    #[inline]
    fn is_text(&self, table: &DynamicTable, start: u32, end: u32, shift: u32) -> bool {
        let range = start.wrapping_add(shift) as usize..end.wrapping_add(shift) as usize;
        table.text(start, end) == self.text.get(range)
    }
}
