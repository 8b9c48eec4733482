//! What a connection of streams over TTHeader sends, seen by a strict reader.

use std::collections::{BTreeMap, BTreeSet};

use kitewire_proto::http2::Role;
use kitewire_proto::wire::ttstream::{FlowFrame, Frame, FrameType, StreamId, read_exception};

use super::driven::Reader;

/// Reads frames and panics at the first that must not be sent.
#[derive(Debug)]
pub(super) struct StrictReader {
    role: Role,
    bytes: Vec<u8>,
    /// The last frame of each stream that was not a trailer behind an rst.
    last: BTreeMap<StreamId, FrameType>,
    /// The last limit of each stream, and of the connection.
    limits: BTreeMap<StreamId, u64>,
    frames: usize,
    /// Ids that the peer opens more than once, or resets. What it gets of one stream crosses what it says of another, and
    /// a header that was not out when the rst came never goes out.
    crossed: BTreeSet<StreamId>,
}

impl Reader for StrictReader {
    fn read(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(frame) = Frame::read(&self.bytes[at..], u32::MAX, u32::MAX).expect("a good frame is sent") {
            let end = at + frame.header.frame_len();
            let bytes = self.bytes[at..end].to_vec();
            self.take(&frame, &bytes);
            at = end;
        }
        self.bytes.drain(..at);
    }
}

impl StrictReader {
    /// Reads what a side in this role sends.
    pub(super) const fn new(role: Role) -> Self {
        Self {
            role,
            bytes: Vec::new(),
            last: BTreeMap::new(),
            limits: BTreeMap::new(),
            frames: 0,
            crossed: BTreeSet::new(),
        }
    }

    /// Tells what the peer will send.
    pub(super) fn note_input(&mut self, mut input: &[u8]) {
        let mut opened = BTreeSet::new();
        while let Ok(Some(frame)) = Frame::read(input, u32::MAX, u32::MAX) {
            let is_again = frame.kind == FrameType::Header && !opened.insert(frame.id);
            if is_again || frame.kind == FrameType::Rst {
                self.crossed.insert(frame.id);
            }
            input = &input[frame.header.frame_len()..];
        }
    }

    fn take(&mut self, frame: &Frame, bytes: &[u8]) {
        let is_first = self.frames == 0;
        self.frames += 1;
        assert_eq!((frame.header.flags.0, frame.header.protocol_id), (2, 0x10));
        if frame.kind == FrameType::Meta {
            return self.flow(frame.id, frame.flow.expect("no other meta frame is sent"), is_first);
        }
        assert!(frame.method.is_some(), "{frame:?} has no method");
        let payload = frame.payload(bytes);
        match frame.kind {
            FrameType::Header => assert!(payload.is_empty()),
            FrameType::Rst => assert!(read_exception(payload).is_ok()),
            FrameType::Trailer => assert!(payload.is_empty() || read_exception(payload).is_ok()),
            FrameType::Data | FrameType::Meta => assert!(!frame.has_strings),
        }
        let before = self.last.insert(frame.id, frame.kind);
        let open = matches!(before, Some(FrameType::Header | FrameType::Data));
        let good = match (frame.kind, self.role) {
            // A stream that is over makes place for another of its id.
            (FrameType::Header, _) => !open,
            (FrameType::Data, _) => open,
            // What is refused has no header, and neither has a server's stream that is given up.
            (FrameType::Trailer | FrameType::Rst, Role::Server) => true,
            (FrameType::Trailer, Role::Client) => open || before == Some(FrameType::Rst),
            (FrameType::Rst, Role::Client) => open || before == Some(FrameType::Trailer),
            (FrameType::Meta, _) => false,
        };
        let good = good || self.role == Role::Server && self.crossed.contains(&frame.id);
        assert!(good, "{:?} behind {before:?} of stream {}", frame.kind, frame.id);
    }

    fn flow(&mut self, id: StreamId, flow: FlowFrame, is_first: bool) {
        match flow {
            FlowFrame::Settings(settings) => {
                assert!(is_first, "the offer, and the answer, go first");
                assert_eq!(id, StreamId::CONNECTION);
                assert!(settings.version == 1 || self.role == Role::Server && settings.version == 0);
            }
            FlowFrame::Ack(version) => {
                assert_eq!((self.role, version, id), (Role::Client, 1, StreamId::CONNECTION));
            }
            FlowFrame::Limit(limit) => {
                let before = self.limits.insert(id, limit).unwrap_or(0);
                assert!(
                    limit > before || self.crossed.contains(&id),
                    "{limit} behind {before} of {id}"
                );
            }
        }
    }
}
