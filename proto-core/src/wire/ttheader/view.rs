//! All values of a header, in wire order.

use super::blocks::{self, Block};
use super::{Header, IntKey};
use crate::wire::cursor::Cursor;

/// The values of a header, borrowed from its frame.
///
/// Meant for headers that [`Info::scan`](super::Info::scan) has accepted. Of others it shows what stands before the
/// first fault.
#[derive(Clone, Copy, Debug)]
pub struct HeaderView<'a> {
    frame: &'a [u8],
    header: Header,
}

impl<'a> HeaderView<'a> {
    /// A view of the header `header` that was read from the start of `frame`.
    #[must_use]
    pub const fn new(frame: &'a [u8], header: Header) -> Self {
        Self { frame, header }
    }

    /// The fixed part.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// String keys and values in wire order. A key that repeats counts with its last value.
    #[must_use]
    pub fn strings(&self) -> StringEntries<'a> {
        StringEntries {
            walk: self.walk(),
            left: 0,
        }
    }

    /// Int keys and values in wire order. A key that repeats counts with its last value.
    #[must_use]
    pub fn ints(&self) -> IntEntries<'a> {
        IntEntries {
            walk: self.walk(),
            left: 0,
        }
    }

    /// The value of string `key`.
    #[must_use]
    pub fn string(&self, key: &str) -> Option<&'a [u8]> {
        self.strings()
            .filter(|(found, _)| *found == key.as_bytes())
            .last()
            .map(|(_, value)| value)
    }

    /// The value of int `key`.
    #[must_use]
    pub fn int(&self, key: IntKey) -> Option<&'a [u8]> {
        self.ints()
            .filter(|(found, _)| *found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// The ACL token.
    #[must_use]
    pub fn acl_token(&self) -> Option<&'a [u8]> {
        let mut walk = self.walk();
        let mut token = None;
        while let Some(block) = walk.open() {
            match block {
                Block::AclToken(found) => token = Some(found),
                Block::Padding | Block::Strings(_) | Block::Ints(_) => walk.skip(block),
            }
        }
        token
    }

    fn walk(&self) -> Walk<'a> {
        Walk(blocks::blocks(self.frame, &self.header).ok())
    }
}

/// Iterator over the string values of a header.
#[derive(Clone, Debug)]
pub struct StringEntries<'a> {
    walk: Walk<'a>,
    left: u16,
}

impl<'a> Iterator for StringEntries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            match self.walk.open()? {
                Block::Strings(entries) => self.left = entries,
                other => self.walk.skip(other),
            }
        }
        self.left = self.left.saturating_sub(1);
        self.walk.string()
    }
}

/// Iterator over the int values of a header.
#[derive(Clone, Debug)]
pub struct IntEntries<'a> {
    walk: Walk<'a>,
    left: u16,
}

impl<'a> Iterator for IntEntries<'a> {
    type Item = (IntKey, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            match self.walk.open()? {
                Block::Ints(entries) => self.left = entries,
                other => self.walk.skip(other),
            }
        }
        self.left = self.left.saturating_sub(1);
        self.walk.int()
    }
}

/// A walk over the blocks that ends for good at their end or at a fault.
#[derive(Clone, Debug)]
struct Walk<'a>(Option<Cursor<'a>>);

impl<'a> Walk<'a> {
    fn open(&mut self) -> Option<Block<'a>> {
        self.step(|cursor| blocks::open(cursor).ok().flatten())
    }

    fn string(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.step(blocks::string)
    }

    fn int(&mut self) -> Option<(IntKey, &'a [u8])> {
        self.step(blocks::int)
    }

    /// Passes over the entries of a block that has just been opened.
    fn skip(&mut self, block: Block<'a>) {
        match block {
            Block::Padding | Block::AclToken(_) => {}
            Block::Strings(entries) => {
                let _: Option<()> = (0..entries).try_for_each(|_| self.string().map(drop));
            }
            Block::Ints(entries) => {
                let _: Option<()> = (0..entries).try_for_each(|_| self.int().map(drop));
            }
        }
    }

    fn step<T>(&mut self, take: impl FnOnce(&mut Cursor<'a>) -> Option<T>) -> Option<T> {
        let taken = take(self.0.as_mut()?);
        if taken.is_none() {
            self.0 = None;
        }
        taken
    }
}
