//! Stands where gzip is not built in. The encoding is unknown then, so that nothing of this is ever used.

use std::fmt;

use crate::buf::Output;

/// No compression.
#[derive(Debug, Default)]
pub(super) struct Gzip;

/// There is no gzip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GzipError;

impl GzipError {
    /// Whether the content is above the limit.
    pub(super) const fn is_too_large(self) -> bool {
        false
    }
}

impl Gzip {
    /// Whether messages can be compressed at all.
    pub(super) const IS_BUILT_IN: bool = false;

    /// Leaves the message as it is.
    pub(super) fn pack(&mut self, _out: &mut Output) {}

    /// Fails.
    pub(super) fn decompress(&mut self, _message: &[u8], _max: usize, _out: &mut Vec<u8>) -> Result<(), GzipError> {
        Err(GzipError)
    }

    /// Has none.
    pub(super) fn release_memory(&mut self) {}
}

impl fmt::Display for GzipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kitex compression algorithm not found")
    }
}

impl std::error::Error for GzipError {}
