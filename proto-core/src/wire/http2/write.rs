//! Frames, written.

use super::frame::{Flags, FrameHead, FrameType, StreamId};
use super::settings::Setting;
use super::{ErrorCode, PREFACE};
use crate::buf::Output;

/// Appends frames to an [`Output`].
#[derive(Debug)]
pub struct FrameWriter<'a> {
    out: &'a mut Output,
}

impl<'a> FrameWriter<'a> {
    /// A writer at the end of `out`.
    pub const fn new(out: &'a mut Output) -> Self {
        Self { out }
    }

    /// What a client sends first.
    pub fn preface(&mut self) {
        self.out.put(PREFACE);
    }

    /// A frame head; the payload of `len` bytes is the caller's to append.
    #[inline]
    pub fn head(&mut self, frame_type: FrameType, flags: Flags, stream: StreamId, len: u32) {
        let head = FrameHead {
            len,
            frame_type,
            flags,
            stream,
        };
        self.out.put(&head.to_bytes());
    }

    /// SETTINGS with these entries.
    pub fn settings(&mut self, entries: &[Setting]) {
        let len = u32::try_from(entries.len().saturating_mul(6)).unwrap_or(u32::MAX);
        self.head(FrameType::SETTINGS, Flags::NONE, StreamId::CONNECTION, len);
        for entry in entries {
            let (id, value) = entry.entry();
            self.out.put_u16(id);
            self.out.put_u32(value);
        }
    }

    /// Says that the peer's settings are in force.
    pub fn settings_ack(&mut self) {
        self.head(FrameType::SETTINGS, Flags::ACK, StreamId::CONNECTION, 0);
    }

    /// PING, as a question ([`Flags::NONE`]) or an answer ([`Flags::ACK`]).
    pub fn ping(&mut self, flags: Flags, payload: [u8; 8]) {
        self.head(FrameType::PING, flags, StreamId::CONNECTION, 8);
        self.out.put(&payload);
    }

    /// RST_STREAM.
    pub fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        self.head(FrameType::RST_STREAM, Flags::NONE, stream, 4);
        self.out.put_u32(code.0);
    }

    /// WINDOW_UPDATE.
    pub fn window_update(&mut self, stream: StreamId, increment: u32) {
        self.head(FrameType::WINDOW_UPDATE, Flags::NONE, stream, 4);
        self.out.put_u32(increment);
    }

    /// GOAWAY with a text for people.
    pub fn go_away(&mut self, last: StreamId, code: ErrorCode, debug: &str) {
        let len = u32::try_from(debug.len().saturating_add(8)).unwrap_or(u32::MAX);
        self.head(FrameType::GOAWAY, Flags::NONE, StreamId::CONNECTION, len);
        self.out.put_u32(last.get());
        self.out.put_u32(code.0);
        self.out.put(debug.as_bytes());
    }
}
