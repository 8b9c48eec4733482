//! The info blocks, one step at a time.

use super::{Header, IntKey};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::cursor::Cursor;

/// Block ids.
pub(super) const PADDING: u8 = 0x00;
pub(super) const STRINGS: u8 = 0x01;
pub(super) const INTS: u8 = 0x10;
pub(super) const ACL_TOKEN: u8 = 0x11;

/// What stands before the entries of a block; an ACL token is all of its block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block<'a> {
    Padding,
    Strings(u16),
    Ints(u16),
    AclToken(&'a [u8]),
}

/// A cursor over the header info behind the transform ids.
#[inline]
pub(super) fn blocks<'a>(frame: &'a [u8], header: &Header) -> Result<Cursor<'a>, DecodeError> {
    let start = header.info_start as usize;
    Cursor::new(frame, start, header.payload_start())
        .ok_or_else(|| DecodeError::new(DecodeErrorKind::UnexpectedEnd, frame.len()))
}

/// Opens the next block, `None` at the end of the header info.
#[inline]
pub(super) fn open<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Block<'a>>, DecodeError> {
    let Some(id) = cursor.u8() else {
        return Ok(None);
    };
    let block = match id {
        PADDING => Some(Block::Padding),
        STRINGS => cursor.u16().map(Block::Strings),
        INTS => cursor.u16().map(Block::Ints),
        ACL_TOKEN => cursor.counted().map(Block::AclToken),
        _ => return Err(unknown(id, *cursor)),
    };
    match block {
        Some(_) => Ok(block),
        None => Err(cursor.cut()),
    }
}

/// The next entry of a string block. After a failure, [`Cursor::cut`] says why.
#[inline]
pub(super) fn string<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let key = cursor.counted()?;
    Some((key, cursor.counted()?))
}

/// The next entry of an int block. After a failure, [`Cursor::cut`] says why.
#[inline]
pub(super) fn int<'a>(cursor: &mut Cursor<'a>) -> Option<(IntKey, &'a [u8])> {
    let key = cursor.u16()?;
    Some((IntKey(key), cursor.counted()?))
}

/// The error that the block id just passed is none.
#[cold]
pub(super) fn unknown(id: u8, cursor: Cursor<'_>) -> DecodeError {
    DecodeError::new(DecodeErrorKind::UnknownInfoId(id), cursor.offset().saturating_sub(1))
}
