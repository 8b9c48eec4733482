//! What an HTTP/2 connection sends, seen by a strict reader.

use std::collections::BTreeSet;

use kitewire_proto::http::Fields;
use kitewire_proto::wire::hpack::Decoder;
use kitewire_proto::wire::http2::{
    DEFAULT_HEADER_TABLE_SIZE, DEFAULT_MAX_FRAME_SIZE, Flags, FrameHead, FrameType, HEAD_LEN, PREFACE, Payload,
    StreamId, parse,
};

use super::driven::Reader;

/// Reads frames and panics at the first that must not be sent.
#[derive(Debug)]
pub(super) struct StrictReader {
    bytes: Vec<u8>,
    preface: &'static [u8],
    decoder: Decoder,
    /// The header block that is not whole: its stream, and whether it ends the stream.
    block: Option<(StreamId, bool, Vec<u8>)>,
    /// Streams that have been ended or reset.
    over: BTreeSet<StreamId>,
    /// The last stream of the last GOAWAY.
    last: Option<StreamId>,
}

impl Reader for StrictReader {
    fn read(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() < self.preface.len() {
            return assert!(self.preface.starts_with(&self.bytes));
        }
        let preface = std::mem::take(&mut self.preface);
        assert!(self.bytes.starts_with(preface), "a client begins with its preface");
        self.bytes.drain(..preface.len());
        while let Some(head) = FrameHead::parse(&self.bytes) {
            let end = HEAD_LEN + head.len as usize;
            let Some(payload) = self.bytes.get(HEAD_LEN..end).map(<[u8]>::to_vec) else {
                return;
            };
            self.frame(head, &payload);
            self.bytes.drain(..end);
        }
    }
}

impl StrictReader {
    /// Reads what a server sends.
    pub(super) fn of_server() -> Self {
        Self::new(&[])
    }

    /// Reads what a client sends.
    pub(super) fn of_client() -> Self {
        Self::new(PREFACE)
    }

    fn new(preface: &'static [u8]) -> Self {
        Self {
            bytes: Vec::new(),
            preface,
            decoder: Decoder::new(DEFAULT_HEADER_TABLE_SIZE),
            block: None,
            over: BTreeSet::new(),
            last: None,
        }
    }

    fn frame(&mut self, head: FrameHead, payload: &[u8]) {
        assert!(head.len <= DEFAULT_MAX_FRAME_SIZE, "{head:?} is too long");
        if let Some((stream, ..)) = self.block {
            assert_eq!(
                (head.frame_type, head.stream),
                (FrameType::CONTINUATION, stream),
                "inside a header block"
            );
        }
        let ends = head.flags.has(Flags::END_STREAM);
        match parse(head, payload).unwrap_or_else(|error| panic!("{head:?}: {error}")) {
            Payload::Data(_) => self.half(head.stream, ends),
            Payload::Headers { fragment, .. } => {
                self.half(head.stream, false);
                self.fragment(head, ends, fragment.content);
            }
            Payload::Continuation(fragment) => self.fragment(head, false, fragment),
            Payload::Reset(_) => {
                self.over.insert(head.stream);
            }
            Payload::GoAway { last, .. } => {
                assert!(
                    self.last.is_none_or(|before| last <= before),
                    "GOAWAY with a greater stream"
                );
                self.last = Some(last);
            }
            Payload::WindowUpdate(increment) => assert!(increment > 0),
            Payload::Settings(mut settings) => assert!(settings.all(|setting| setting.is_ok())),
            Payload::SettingsAck | Payload::Ping(_) | Payload::PingAck(_) => {}
            payload => panic!("{payload:?} is never sent"),
        }
    }

    fn half(&mut self, stream: StreamId, ends: bool) {
        assert!(!self.over.contains(&stream), "stream {stream} goes on after its end");
        if ends {
            self.over.insert(stream);
        }
    }

    fn fragment(&mut self, head: FrameHead, ends: bool, fragment: &[u8]) {
        let (stream, ends, mut bytes) = self.block.take().unwrap_or((head.stream, ends, Vec::new()));
        bytes.extend_from_slice(fragment);
        if !head.flags.has(Flags::END_HEADERS) {
            self.block = Some((stream, ends, bytes));
            return;
        }
        let mut fields = Fields::new();
        let decoded = self.decoder.decode(&bytes, usize::MAX, &mut fields);
        decoded.unwrap_or_else(|error| panic!("a header block of stream {stream}: {error}"));
        self.half(stream, ends);
    }
}
