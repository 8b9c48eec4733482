//! Runs of fields.
//!
//! Fields that entered the dynamic table one after the other lie in it one after the other, and mostly come so again.
//! Who has found the first need not search for the others.

use super::dynamic_table::DynamicTable;
use crate::http::{Field, Fields, Iter, Sensitivity};

/// The fields of a list that are not encoded yet.
#[derive(Clone)]
pub(super) struct Ahead<'a>(Iter<'a>);

impl<'a> Ahead<'a> {
    #[inline]
    pub(super) fn of(fields: &'a Fields) -> Self {
        Self(fields.iter())
    }

    #[inline]
    pub(super) fn first(&self) -> Option<Field<'a>> {
        self.0.clone().next()
    }

    /// Goes on behind the first `count` fields.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.0.next();
        }
    }

    /// How many of the fields, at most so many, are the entries from `sequence` on.
    pub(super) fn run(&self, table: &DynamicTable, sequence: u32, most: usize) -> usize {
        let records = table.records_from(sequence, most).iter();
        let same = records.zip(self.0.clone()).take_while(|(record, field)| {
            record.name_len() as usize == field.name.len()
                && table.text(record.name_end, record.end) == Some(field.value)
                && table.text(record.start, record.name_end) == Some(field.name)
                && field.sensitivity == Sensitivity::Ordinary
        });
        same.count()
    }
}
