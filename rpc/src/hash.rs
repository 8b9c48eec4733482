//! Hashing of small numbers of our own making.

use std::hash::Hasher;

/// A hasher for ids of calls. They come from a counter of the connection, so nothing has to be hidden from the peer; or
/// the peer chooses them, and has no more of them open at once than a connection allows.
#[derive(Default)]
pub(crate) struct CallIdHasher(u64);

impl Hasher for CallIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0.rotate_left(32) ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
