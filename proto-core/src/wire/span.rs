//! Places of values inside a frame.

use std::num::NonZeroU32;
use std::ops::Range;

/// Where a value lies in its frame: eight bytes to keep instead of a borrow, in an `Option` too.
///
/// No value starts at offset 0, every frame begins with a length or a magic number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    start: NonZeroU32,
    len: u32,
}

impl Span {
    /// `len` bytes from `start` on; `None` at offset 0 or beyond `u32::MAX`.
    #[must_use]
    #[inline]
    pub fn new(start: usize, len: usize) -> Option<Self> {
        Some(Self {
            start: NonZeroU32::new(u32::try_from(start).ok()?)?,
            len: u32::try_from(len).ok()?,
        })
    }

    /// The value's bytes in the `frame` it was found in; empty when the place lies outside.
    #[must_use]
    #[inline]
    pub fn of(self, frame: &[u8]) -> &[u8] {
        frame.get(self.range()).unwrap_or(&[])
    }

    /// The place as a range of offsets.
    #[must_use]
    #[inline]
    pub const fn range(self) -> Range<usize> {
        let start = self.start.get() as usize;
        start..start.saturating_add(self.len as usize)
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether the value is empty.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_outside_the_frame_reads_as_empty() {
        let span = Span::new(2, 3).unwrap();
        assert_eq!(span.of(b"abcdef"), b"cde");
        assert_eq!(span.of(b"abcd"), b"");
        assert_eq!((span.len(), span.is_empty(), span.range()), (3, false, 2..5));
        assert_eq!(Span::new(0, 3), None);
        assert_eq!(size_of::<Option<Span>>(), 8);
    }
}
