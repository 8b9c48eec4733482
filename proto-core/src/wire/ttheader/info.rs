//! The info blocks: one walk that checks them, and the values worth noting.

use std::time::Duration;

use super::blocks::{self, ACL_TOKEN, INTS, PADDING, STRINGS};
use super::{Header, IntKey, string_key};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::metainfo::is_metainfo_key;
use crate::wire::Span;
use crate::wire::cursor::{Cursor, decimal};

/// What a ping-pong engine needs of every header; small, because it travels with each call. Everything else is read on
/// demand from a [`HeaderView`](super::HeaderView).
///
/// Places are those of the values in the frame ([`Span::of`]). A key that repeats counts with its last value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Info {
    /// String `isn`: the service called.
    pub service_name: Option<Span>,
    /// String `crc32c`: the payload checksum.
    pub checksum: Option<Span>,
    /// Int 12: the RPC timeout. See [`Self::timeout`].
    pub rpc_timeout: Option<Span>,
    /// String `crrst` is there, with whatever value: the sender is about to close the connection.
    pub connection_reset: bool,
    /// String `biz-status` is there.
    pub has_business_status: bool,
    /// There are metainfo values, the ACL token among them; without, a [`MetaInfo`](crate::MetaInfo) is empty.
    pub has_metainfo: bool,
}

impl Info {
    /// Checks the header info in `frame` and notes the values of interest, in one pass and without allocating.
    ///
    /// `frame` must hold the frame up to its payload at least.
    ///
    /// # Errors
    /// A block id that does not exist; a length that reaches beyond the header info; more than `max_entries` entries
    /// in all blocks together ([`Limits::max_header_entries`](crate::Limits::max_header_entries); an announced count
    /// is believed at once, an ACL token is one entry); [`DecodeErrorKind::UnexpectedEnd`] for a `frame` that is too
    /// short. Blocks may come in any order and repeat, counts may be zero, unknown keys mean nothing.
    pub fn scan(frame: &[u8], header: &Header, max_entries: u32) -> Result<Self, DecodeError> {
        let mut info = Self::default();
        let mut cursor = blocks::blocks(frame, header)?;
        let mut allowed = max_entries;
        while let Some(id) = cursor.u8() {
            let count = match id {
                PADDING => continue,
                STRINGS | INTS => cursor.u16(),
                ACL_TOKEN => Some(1),
                _ => return Err(blocks::unknown(id, cursor)),
            };
            let Some(count) = count else {
                return Err(cursor.cut());
            };
            allowed = match allowed.checked_sub(count.into()) {
                Some(allowed) => allowed,
                None => return Err(too_many(max_entries, id, cursor)),
            };
            match id {
                STRINGS => info.strings(count, &mut cursor)?,
                INTS => info.ints(count, &mut cursor)?,
                _ => {
                    if cursor.counted().is_none() {
                        return Err(cursor.cut());
                    }
                    info.has_metainfo = true;
                }
            }
        }
        Ok(info)
    }

    /// The RPC timeout, if it was sent and is a positive number of milliseconds. Other text is ignored, as by Kitex.
    #[must_use]
    pub fn timeout(&self, frame: &[u8]) -> Option<Duration> {
        let millis = decimal(self.rpc_timeout?.of(frame))?;
        u64::try_from(millis)
            .ok()
            .filter(|millis| *millis > 0)
            .map(Duration::from_millis)
    }

    #[inline]
    fn ints(&mut self, count: u16, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        for _ in 0..count {
            let Some((key, value)) = blocks::int(cursor) else {
                return Err(cursor.cut());
            };
            if key == IntKey::RPC_TIMEOUT {
                self.rpc_timeout = cursor.span_behind(value.len());
            }
        }
        Ok(())
    }

    #[inline]
    fn strings(&mut self, count: u16, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        for _ in 0..count {
            let Some((key, value)) = blocks::string(cursor) else {
                return Err(cursor.cut());
            };
            self.note_string(key, value, *cursor);
        }
        Ok(())
    }

    #[inline]
    fn note_string(&mut self, key: &[u8], value: &[u8], cursor: Cursor<'_>) {
        // By length first: comparisons of equal lengths become comparisons of registers.
        match key.len() {
            3 if key == string_key::SERVICE_NAME.as_bytes() => {
                self.service_name = cursor.span_behind(value.len());
            }
            6 if key == string_key::CHECKSUM.as_bytes() => self.checksum = cursor.span_behind(value.len()),
            5 => self.connection_reset |= key == string_key::CONNECTION_RESET.as_bytes(),
            10 => self.has_business_status |= key == string_key::BUSINESS_STATUS.as_bytes(),
            ..12 => {}
            _ => self.has_metainfo |= is_metainfo_key(key),
        }
    }
}

/// The error stands at the count that the cursor has just passed, or at the ACL token's id.
#[cold]
fn too_many(max_entries: u32, id: u8, cursor: Cursor<'_>) -> DecodeError {
    let behind = if id == ACL_TOKEN { 1 } else { 2 };
    DecodeError::new(
        DecodeErrorKind::TooManyEntries(max_entries),
        cursor.offset().saturating_sub(behind),
    )
}
