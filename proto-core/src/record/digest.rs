//! What is kept of events and output: lengths and checksums.

use std::fmt;

/// A length and a checksum (CRC-32C): what a recording keeps of something that a replay makes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) len: u64,
    pub(crate) checksum: u32,
}

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut digest = Self::default();
        digest.add(bytes);
        digest
    }

    /// Of how a value prints.
    pub(crate) fn of_debug(value: &impl fmt::Debug) -> Self {
        let mut digest = Self::default();
        // Adding does not fail.
        let _ = fmt::write(&mut digest, format_args!("{value:?}"));
        digest
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.len = self.len.saturating_add(len);
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes ({:08x})", self.len, self.checksum)
    }
}

/// One number for everything that a connection said, in order (FNV-1a, 64 bits).
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(&mut self, tag: u8, digest: Digest) {
        let bytes = [tag].into_iter().chain(digest.len.to_le_bytes());
        for byte in bytes.chain(digest.checksum.to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) const fn get(self) -> u64 {
        self.0
    }
}
