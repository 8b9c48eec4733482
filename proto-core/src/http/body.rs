//! Request bodies that are being put together.

use bytes::Bytes;

/// A body, piece by piece. One piece stays the slice it is; more are copied together.
#[derive(Debug, Default)]
pub(crate) struct Body {
    first: Bytes,
    /// Everything, once there was more than one piece.
    joined: Vec<u8>,
}

impl Body {
    /// Adds a piece. Memory grows in steps, but not above `max`, which the body stays below.
    pub(crate) fn push(&mut self, piece: Bytes, max: usize) {
        if self.is_empty() {
            self.first = piece;
        } else {
            let first = std::mem::take(&mut self.first);
            self.extend(&first, max);
            self.extend(&piece, max);
        }
    }

    /// Adds a copy of `piece`.
    pub(crate) fn extend(&mut self, piece: &[u8], max: usize) {
        let needed = self.joined.len().saturating_add(piece.len());
        if needed > self.joined.capacity() {
            let doubled = self.joined.capacity().saturating_mul(2).min(max);
            let more = needed.max(doubled).saturating_sub(self.joined.len());
            self.joined.reserve_exact(more);
        }
        self.joined.extend_from_slice(piece);
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len().saturating_add(self.joined.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    pub(crate) fn capacity(&self) -> usize {
        self.first.len().saturating_add(self.joined.capacity())
    }

    /// The whole body.
    pub(crate) fn take(&mut self) -> Bytes {
        if self.joined.is_empty() {
            return std::mem::take(&mut self.first);
        }
        std::mem::take(&mut self.joined).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_not_copied() {
        let piece = Bytes::from(vec![1; 100]);
        let mut body = Body::default();
        body.push(piece.clone(), 100);
        assert_eq!(body.capacity(), 100);
        assert_eq!(body.take().as_ptr(), piece.as_ptr());
        assert!(body.is_empty());
    }

    #[test]
    fn pieces_are_joined_within_the_limit() {
        let mut body = Body::default();
        for piece in [vec![], vec![1; 40], vec![2; 40], vec![], vec![3; 20]] {
            body.push(piece.into(), 100);
            assert!(body.capacity() <= 100);
        }
        assert_eq!(body.len(), 100);
        let body = body.take();
        assert_eq!(body[..], [vec![1; 40], vec![2; 40], vec![3; 20]].concat());
    }
}
