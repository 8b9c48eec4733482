//! Blocks of memory to read into, kept per thread and held by a connection only while bytes are in them.

use std::cell::RefCell;

use kitewire_runtime::BytesMut;

/// Bytes that were read and are taken out from the front. An empty one holds no memory after [`Self::rest`].
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: BytesMut,
    /// How many of them have been taken.
    taken: usize,
}

impl Block {
    /// What is left.
    pub(crate) fn left(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.taken >= self.bytes.len()
    }

    pub(crate) const fn take(&mut self, taken: usize) {
        self.taken += taken;
    }

    pub(crate) fn drain(&mut self) {
        self.taken = self.bytes.len();
    }

    /// The whole block, to read into. What was in it is gone.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        self.taken = 0;
        self.bytes.clear();
        if self.bytes.capacity() == 0 {
            let kept = FREE.try_with(|free| free.borrow_mut().pop()).ok().flatten();
            self.bytes = kept.unwrap_or_else(|| BytesMut::with_capacity(SIZE));
        }
        &mut self.bytes
    }

    /// Gives the memory back, if no bytes are in it.
    pub(crate) fn rest(&mut self) {
        if self.bytes.capacity() == 0 || !self.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        self.taken = 0;
        bytes.clear();
        // A thread that is about to end keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < MAX_FREE {
                free.push(bytes);
            }
        });
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.drain();
        self.rest();
    }
}

thread_local! {
    static FREE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// Room for two records of the largest size.
const SIZE: usize = 36 * 1024;
/// Blocks kept per thread.
const MAX_FREE: usize = 8;
