//! What all streams have in common, whatever carries them.

pub mod lifecycle;
