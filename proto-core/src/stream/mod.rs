//! What all streams have in common, whatever carries them.

pub(crate) mod index;
pub mod lifecycle;
