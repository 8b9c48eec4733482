//! What waits to be sent.
//!
//! Messages, and what goes in front of them. A frame of a stream whose messages still wait goes behind them. The header
//! frames of a server go first of all, and are written last: one whose client has given the stream up by then is not
//! sent, as it would end all streams of a Kitex client.

use std::collections::BTreeMap;

use super::send::write_strings;
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
    headers: BTreeMap<StreamId, Header>,
    /// Bytes that those will be, about.
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

/// A header frame that is not written yet.
#[derive(Debug)]
struct Header {
    prefix: FramePrefix,
    strings: Option<Box<Strings>>,
}

impl Header {
    fn size(&self) -> usize {
        let strings = self.strings.as_ref().map_or(0, |strings| strings.size());
        strings.saturating_add(self.prefix.len())
    }
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

    /// Has a header written when it goes out.
    pub(super) fn put_header(&mut self, stream: &Stream, strings: &Strings) -> Result<(), EncodeError> {
        if !strings.is_empty() {
            // What does not fit is told at once.
            let mut tried = Output::new();
            write_header(&mut tried, stream.id, &stream.prefix, strings);
            tried.take_error().map_or(Ok(()), Err)?;
        }
        let header = Header {
            prefix: stream.prefix.clone(),
            strings: (!strings.is_empty()).then(|| Box::new(strings.clone())),
        };
        self.drop_header(stream.id);
        self.headers_len = self.headers_len.saturating_add(header.size());
        self.headers.insert(stream.id, header);
        Ok(())
    }

    /// Takes back a header that has not gone out.
    pub(super) fn drop_header(&mut self, id: StreamId) {
        if let Some(header) = self.headers.remove(&id) {
            self.headers_len = self.headers_len.saturating_sub(header.size());
        }
    }

    fn write_headers(&mut self) {
        self.headers_len = 0;
        for (id, Header { prefix, strings }) in std::mem::take(&mut self.headers) {
            match strings {
                Some(strings) => write_header(&mut self.first, id, &prefix, &strings),
                None => {
                    let start = prefix.begin(&mut self.first, FrameType::Header);
                    FramePrefix::end(&mut self.first, start);
                }
            }
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

fn write_header(out: &mut Output, id: StreamId, prefix: &FramePrefix, strings: &Strings) {
    let method = prefix.method();
    let entries = |writer: &mut HeaderWriter<'_>| write_strings(writer, strings);
    write_frame(out, id, FrameType::Header, Some(method), entries, |_| {}).finish(out, u32::MAX);
}

/// Bytes handed out above which nothing is added before the socket took some.
const MAX_HANDED: usize = 64 * 1024;
/// Bytes in front of the messages above which nothing more is read.
const MAX_CONTROL: usize = 256 * 1024;
