//! The write arena of a connection.

use bytes::Bytes;

use crate::error::EncodeError;

/// Payloads from this many bytes on are queued as they are; smaller ones are copied, which is cheaper than a segment
/// of their own.
pub const SHARE_FROM: usize = 8 * 1024;

/// Bytes being encoded: one growing arena, with large payloads queued beside it at the place where they belong.
///
/// Lengths that are known only afterwards are patched in ([`Self::patch_u32`]); a message that fails to encode is
/// rolled back ([`Self::rollback`]). The first error sticks, so that encoders need no result of their own.
#[derive(Debug, Default)]
pub struct Output {
    arena: Vec<u8>,
    /// Large payloads, each with the arena length in front of it; in order.
    shared: Vec<(usize, Bytes)>,
    shared_bytes: usize,
    error: Option<EncodeError>,
}

/// A position in an [`Output`] to roll back to or to measure from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    arena: usize,
    shared: usize,
    shared_bytes: usize,
}

impl Output {
    /// An empty arena that holds no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            arena: Vec::new(),
            shared: Vec::new(),
            shared_bytes: 0,
            error: None,
        }
    }

    /// Appends `bytes`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.arena.extend_from_slice(bytes);
    }

    /// Appends one byte.
    #[inline]
    pub fn put_u8(&mut self, value: u8) {
        self.arena.push(value);
    }

    /// Appends `value`, big-endian.
    #[inline]
    pub fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Appends `value`, big-endian.
    #[inline]
    pub fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends `value`, big-endian.
    #[inline]
    pub fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    /// Appends `bytes`: as a segment of their own from [`SHARE_FROM`] on, copied below.
    pub fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_FROM {
            self.put(bytes);
        } else {
            self.shared.push((self.arena.len(), bytes.clone()));
            self.shared_bytes += bytes.len();
        }
    }

    /// The arena itself, for encoders that write to a `Vec<u8>`. They may only append.
    pub const fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    /// Records that the message being written has no encoding. The first error stays.
    #[cold]
    pub fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    /// Takes the sticky error out.
    pub const fn take_error(&mut self) -> Option<EncodeError> {
        self.error.take()
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.arena.len() + self.shared_bytes
    }

    /// Whether nothing is written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The present position.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark {
            arena: self.arena.len(),
            shared: self.shared.len(),
            shared_bytes: self.shared_bytes,
        }
    }

    /// Bytes written since `mark`.
    #[must_use]
    pub const fn since(&self, mark: Mark) -> usize {
        self.len() - (mark.arena + mark.shared_bytes)
    }

    /// Forgets everything written since `mark`, the sticky error included.
    pub fn rollback(&mut self, mark: Mark) {
        self.arena.truncate(mark.arena);
        self.shared.truncate(mark.shared);
        self.shared_bytes = mark.shared_bytes;
        self.error = None;
    }

    /// Overwrites the four bytes that were written at `mark` with `value`, big-endian.
    ///
    /// A mark that is not followed by four arena bytes changes nothing.
    pub fn patch_u32(&mut self, mark: Mark, value: u32) {
        self.patch(mark, 0, &value.to_be_bytes());
    }

    /// Overwrites `bytes.len()` arena bytes that stand `skip` bytes behind `mark`.
    ///
    /// No shared payload may lie between; a place outside the arena changes nothing.
    pub fn patch(&mut self, mark: Mark, skip: usize, bytes: &[u8]) {
        let start = mark.arena + skip;
        if let Some(place) = self.arena.get_mut(start..start + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// The pieces written since `mark`, in wire order.
    pub fn pieces_since(&self, mark: Mark) -> impl Iterator<Item = &[u8]> {
        let shared = self.shared.get(mark.shared..).unwrap_or(&[]);
        let mut at = mark.arena;
        let arena = &self.arena;
        let tail_start = shared.last().map_or(mark.arena, |(end, _)| *end);
        shared
            .iter()
            .flat_map(move |(end, bytes)| {
                let before = arena.get(at..*end).unwrap_or(&[]);
                at = *end;
                [before, bytes.as_ref()]
            })
            .chain(std::iter::once(arena.get(tail_start..).unwrap_or(&[])))
            .filter(|piece| !piece.is_empty())
    }

    /// Everything written, as one vector; for tests and for callers that need contiguous bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let start = Mark {
            arena: 0,
            shared: 0,
            shared_bytes: 0,
        };
        self.pieces_since(start)
            .fold(Vec::with_capacity(self.len()), |mut all, piece| {
                all.extend_from_slice(piece);
                all
            })
    }

    pub(crate) const fn parts(&mut self) -> (&mut Vec<u8>, &mut Vec<(usize, Bytes)>) {
        self.shared_bytes = 0;
        (&mut self.arena, &mut self.shared)
    }

    /// Gives back the memory of an empty arena.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }
}
