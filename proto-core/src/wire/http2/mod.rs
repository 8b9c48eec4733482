//! HTTP/2 frames (RFC 9113 §4 and §6): heads and payloads to fields and back. No state: what a frame means on a
//! connection is told by [`crate::http2`].
//!
//! [`FrameHead::parse`] reads nine bytes; [`parse`] reads the payload behind them. A [`FrameError`] names the error code
//! and the scope that the RFC asks for.

mod error_code;
mod frame;
mod settings;
mod write;

pub use error_code::ErrorCode;
pub use frame::{Flags, FrameError, FrameHead, FrameType, Padded, Payload, Priority, Scope, StreamId, parse};
pub use settings::{Setting, Settings, SettingsError};
pub use write::FrameWriter;

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame head.
pub const HEAD_LEN: usize = 9;
/// The largest payload that every peer takes (RFC 9113 §4.2).
pub const DEFAULT_MAX_FRAME_SIZE: u32 = 16_384;
/// The largest value of SETTINGS_MAX_FRAME_SIZE.
pub const LARGEST_MAX_FRAME_SIZE: u32 = 0x00ff_ffff;
/// A flow-control window before any SETTINGS (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;
/// The largest flow-control window.
pub const MAX_WINDOW: u32 = 0x7fff_ffff;
/// Size of a compression table before any SETTINGS (RFC 9113 §6.5.2).
pub const DEFAULT_HEADER_TABLE_SIZE: u32 = 4096;

#[cfg(test)]
mod tests;
