//! What waits to be sent.
//!
//! Messages, and what goes in front of them. A frame of a stream whose messages still wait goes behind them. The header
//! frames of a server go first of all, and can be taken back until they do: one that reaches a Kitex client behind its own
//! rst ends all streams of the connection.

use std::collections::BTreeMap;

use super::streams::Stream;
use super::{Connection, StreamId, Strings};
use crate::buf::{Output, Transmit};
use crate::error::EncodeError;
use crate::stream::index::Key;
use crate::wire::ttheader::HeaderWriter;
use crate::wire::ttstream::{FlowFrame, FramePrefix, FrameType, write_frame};

/// The queues of a connection.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// The beginning of the connection, and behind it the headers.
    first: Output,
    headers: BTreeMap<StreamId, Vec<u8>>,
    /// Bytes of those.
    headers_len: usize,
    control: Output,
    pub(super) data: Output,
    /// Bytes that went into `data` since the beginning, and those of them that went out.
    put: u64,
    out: u64,
    /// Bytes in the caller's list.
    pub(super) handed: usize,
    /// `data` was too long for somebody.
    pub(super) was_full: bool,
}

/// What a transmit has moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    /// Bytes have gone since the last one.
    pub(super) progress: bool,
    /// There is room for messages that there was not before.
    pub(super) has_room: bool,
    /// Less waits than what keeps a server from reading, and did not before.
    pub(super) resumes: bool,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.unsent() == 0 && self.headers.is_empty()
    }

    pub(super) fn has_control(&self) -> bool {
        !self.control.is_empty() || !self.headers.is_empty()
    }

    /// Whether so much waits in front of the messages that its cause must not go on.
    #[inline]
    pub(super) const fn is_flooded(&self) -> bool {
        self.control.len().saturating_add(self.headers_len) >= MAX_CONTROL
    }

    pub(super) const fn unsent(&self) -> usize {
        self.first
            .len()
            .saturating_add(self.headers_len)
            .saturating_add(self.control.len())
            .saturating_add(self.data.len())
            .saturating_add(self.handed)
    }

    /// Whether anything will be added to what the socket has to take.
    #[inline]
    pub(super) fn has_way(out: &Transmit) -> bool {
        out.len() < MAX_HANDED
    }

    #[inline]
    pub(super) fn transmit(&mut self, out: &mut Transmit) -> Moved {
        let progress = out.len() < self.handed || self.handed == 0;
        let was_flooded = self.is_flooded();
        let mut has_room = false;
        if Self::has_way(out) {
            if !self.headers.is_empty() {
                self.write_headers();
            }
            out.append(&mut self.first);
            out.append(&mut self.control);
            if Self::has_way(out) {
                has_room = std::mem::take(&mut self.was_full);
                out.append(&mut self.data);
                self.out = self.put;
            }
        }
        self.handed = out.len();
        Moved {
            progress,
            has_room,
            resumes: was_flooded && !self.is_flooded(),
        }
    }

    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }

    pub(super) fn release_memory(&mut self) {
        self.first.release();
        self.control.release();
        self.data.release();
    }

    /// Whether messages of a stream still wait.
    #[inline]
    pub(super) const fn holds(&self, stream: &Stream) -> bool {
        stream.queued_to > self.out
    }

    /// A message was written to `data`.
    #[inline]
    pub(super) fn note_data(&mut self, stream: &mut Stream, bytes: usize) {
        self.put = self.put.wrapping_add(bytes as u64);
        stream.queued_to = self.put;
    }

    /// Writes a header, which can be taken back until it goes out.
    pub(super) fn put_header(&mut self, stream: &Stream, strings: &Strings) -> Result<(), EncodeError> {
        let mut out = Output::new();
        let entries = |writer: &mut HeaderWriter<'_>| write_strings(writer, strings);
        let method = Some(stream.prefix.method());
        write_frame(&mut out, stream.id, FrameType::Header, method, entries, |_| {}).finish(&mut out, u32::MAX);
        if let Some(error) = out.take_error() {
            return Err(error);
        }
        self.drop_header(stream.id);
        let frame = out.to_vec();
        self.headers_len = self.headers_len.saturating_add(frame.len());
        self.headers.insert(stream.id, frame);
        Ok(())
    }

    /// Takes back a header that has not gone out.
    pub(super) fn drop_header(&mut self, id: StreamId) {
        if let Some(frame) = self.headers.remove(&id) {
            self.headers_len = self.headers_len.saturating_sub(frame.len());
        }
    }

    fn write_headers(&mut self) {
        self.headers_len = 0;
        for frame in std::mem::take(&mut self.headers).into_values() {
            self.first.put(&frame);
        }
    }

    /// Writes the frame that everything else comes behind.
    pub(super) fn put_first(&mut self, flow: FlowFrame) {
        write_flow(&mut self.first, StreamId::CONNECTION, flow);
    }

    /// Writes a frame that is about the connection, or about no stream that is there.
    pub(super) fn put_control(&mut self, write: impl FnOnce(&mut Output)) -> Result<(), EncodeError> {
        let start = self.control.mark();
        write(&mut self.control);
        match self.control.take_error() {
            None => Ok(()),
            Some(error) => {
                self.control.rollback(start);
                Err(error)
            }
        }
    }

    /// Writes a frame of a stream.
    pub(super) fn put(
        &mut self,
        stream: &mut Stream,
        write: impl FnOnce(&mut Output, StreamId, &FramePrefix),
    ) -> Result<(), EncodeError> {
        if !self.holds(stream) {
            return self.put_control(|out| write(out, stream.id, &stream.prefix));
        }
        let start = self.data.mark();
        write(&mut self.data, stream.id, &stream.prefix);
        if let Some(error) = self.data.take_error() {
            self.data.rollback(start);
            return Err(error);
        }
        let bytes = self.data.since(start);
        self.note_data(stream, bytes);
        Ok(())
    }
}

impl Connection {
    /// Writes a frame of a stream that is nothing but its kind.
    pub(super) fn put_plain(&mut self, key: Key, kind: FrameType) {
        if let Some(stream) = self.streams.at_mut(key) {
            // The prefix has been encoded before.
            let _ = self.queues.put(stream, |out, _, prefix| {
                let start = prefix.begin(out, kind);
                FramePrefix::end(out, start);
            });
        }
    }

    /// Writes a frame of a stream with entries and a payload.
    pub(super) fn put_frame(
        &mut self,
        key: Key,
        kind: FrameType,
        strings: impl FnOnce(&mut HeaderWriter<'_>),
        payload: impl FnOnce(&mut Output, StreamId, &[u8]),
    ) -> Result<(), EncodeError> {
        let Some(stream) = self.streams.at_mut(key) else {
            return Ok(());
        };
        self.queues.put(stream, |out, id, prefix| {
            let method = prefix.method();
            let frame = write_frame(out, id, kind, Some(method), strings, |_| {});
            payload(out, id, method);
            frame.finish(out, u32::MAX);
        })
    }

    /// Writes a meta frame about flow control behind all messages.
    pub(super) fn put_flow_behind(&mut self, flow: FlowFrame) {
        write_flow(&mut self.queues.data, StreamId::CONNECTION, flow);
    }

    /// Writes a meta frame about flow control.
    pub(super) fn put_flow(&mut self, id: StreamId, flow: FlowFrame) {
        let _ = self.queues.put_control(|out| write_flow(out, id, flow));
    }
}

fn write_flow(out: &mut Output, id: StreamId, flow: FlowFrame) {
    let (key, value) = flow.entry();
    let ints = |writer: &mut HeaderWriter<'_>| writer.int(key, &value);
    write_frame(out, id, FrameType::Meta, None, |_| {}, ints).finish(out, u32::MAX);
}

/// Bytes handed out above which nothing is added before the socket took some.
const MAX_HANDED: usize = 64 * 1024;
/// Bytes in front of the messages above which nothing more is read.
const MAX_CONTROL: usize = 256 * 1024;

/// Writes entries; of a key that repeats, the last value alone.
pub(super) fn write_strings(writer: &mut HeaderWriter<'_>, strings: &Strings) {
    for (at, (key, value)) in strings.iter().enumerate() {
        let again = strings.iter().skip(at.saturating_add(1)).any(|(later, _)| later == key);
        if !again {
            writer.string(key, value);
        }
    }
}
