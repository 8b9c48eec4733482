//! A peer made of raw frames.

use std::sync::Arc;

use bytes::BytesMut;

use super::super::*;
use crate::Transmit;
use crate::buf::Output;
use crate::time::Instant;
use crate::wire::hpack::Encoder;
use crate::wire::http2::{Flags, FrameHead, FrameType, FrameWriter, HEAD_LEN, Payload, parse};

/// Raw bytes to a connection of ours, and its frames back.
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    pub(crate) now: Instant,
    encoder: Encoder,
    input: BytesMut,
}

/// A frame of ours, as text: enough to compare and to print.
pub(crate) type Seen = String;

impl Peer {
    /// A client of raw frames, after its preface and SETTINGS.
    pub(crate) fn client(config: Config) -> Self {
        let now = Instant::from_nanos(1);
        let mut peer = Self {
            connection: Connection::server(Arc::new(config), now),
            now,
            encoder: Encoder::new(4096),
            input: BytesMut::new(),
        };
        peer.send(|frames| {
            frames.preface();
            frames.settings(&[]);
            frames.settings_ack();
        });
        peer.seen();
        peer
    }

    /// A server of raw frames, after its SETTINGS.
    pub(crate) fn server(config: Config) -> Self {
        let now = Instant::from_nanos(1);
        let mut peer = Self {
            connection: Connection::client(Arc::new(config), now),
            now,
            encoder: Encoder::new(4096),
            input: BytesMut::new(),
        };
        peer.seen();
        peer.send(|frames| {
            frames.settings(&[]);
            frames.settings_ack();
        });
        peer.seen();
        peer
    }

    pub(crate) fn send(&mut self, write: impl FnOnce(&mut FrameWriter<'_>)) {
        let mut out = Output::new();
        write(&mut FrameWriter::new(&mut out));
        self.send_bytes(&out.to_vec());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(self.now, &mut self.input);
    }

    pub(crate) fn headers(&mut self, id: u32, fields: &Fields, flags: Flags) {
        let mut block = Vec::new();
        self.encoder.encode(fields, &mut block);
        self.frame(FrameType::HEADERS, flags.with(Flags::END_HEADERS), id, &block);
    }

    pub(crate) fn frame(&mut self, frame_type: FrameType, flags: Flags, id: u32, payload: &[u8]) {
        let bytes = frame(frame_type, flags, id, payload);
        self.send_bytes(&bytes);
    }

    /// What the connection has sent since the last time.
    pub(crate) fn seen(&mut self) -> Vec<Seen> {
        let mut out = Transmit::new();
        let mut bytes = Vec::new();
        while self.connection.poll_transmit(self.now, &mut out) {
            bytes.extend_from_slice(&out.to_vec());
            out.advance(out.len());
        }
        let mut rest = bytes.strip_prefix(&crate::wire::http2::PREFACE[..]).unwrap_or(&bytes);
        let mut seen = Vec::new();
        while let Some(head) = FrameHead::parse(rest) {
            let end = HEAD_LEN + head.len as usize;
            seen.push(describe(head, &rest[HEAD_LEN..end]));
            rest = &rest[end..];
        }
        assert!(rest.is_empty(), "whole frames only");
        seen
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        super::events(&mut self.connection)
    }

    /// The code and text that the connection failed with.
    pub(crate) fn failure(&self) -> Option<(ErrorCode, String)> {
        match self.connection.close_reason()? {
            CloseReason::Http2 { code, text } => Some((*code, text.to_string())),
            other => panic!("closed for another reason: {other}"),
        }
    }
}

pub(crate) fn frame(frame_type: FrameType, flags: Flags, id: u32, payload: &[u8]) -> Vec<u8> {
    let head = FrameHead {
        len: u32::try_from(payload.len()).unwrap(),
        frame_type,
        flags,
        stream: StreamId::new(id),
    };
    [&head.to_bytes()[..], payload].concat()
}

fn describe(head: FrameHead, payload: &[u8]) -> Seen {
    let id = head.stream;
    let end = match head.flags.has(Flags::END_STREAM) {
        true => " END_STREAM",
        false => "",
    };
    match parse(head, payload).expect("our own frames are legal") {
        Payload::Data(data) => format!("DATA {id} {}{end}", data.content.len()),
        Payload::Headers { .. } => format!("HEADERS {id}{end}"),
        Payload::Continuation(_) => format!("CONTINUATION {id}"),
        Payload::Reset(code) => format!("RST_STREAM {id} {code}"),
        Payload::Settings(_) => "SETTINGS".to_owned(),
        Payload::SettingsAck => "SETTINGS ACK".to_owned(),
        Payload::Ping(_) => "PING".to_owned(),
        Payload::PingAck(_) => "PING ACK".to_owned(),
        Payload::GoAway { last, code, debug } => {
            format!("GOAWAY {last} {code} {}", String::from_utf8_lossy(debug))
        }
        Payload::WindowUpdate(increment) => format!("WINDOW_UPDATE {id} {increment}"),
        other => format!("{other:?}"),
    }
}
