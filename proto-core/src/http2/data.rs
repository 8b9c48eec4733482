//! DATA frames in, and the receiving half of a stream.

use bytes::Bytes;

use super::Connection;
use super::budget::Abuse;
use super::receive::Stray;
use super::streams::Stream;
use crate::buf::SHARE_FROM;
use crate::planted::{Bug, planted};
use crate::stream::index::Key;
use crate::stream::lifecycle::{self, Arrival, Receiving, Verdict};
use crate::time::Instant;
use crate::wire::http2::{DEFAULT_WINDOW, ErrorCode, Flags, FrameHead, Padded, StreamId};

impl Connection {
    pub(super) fn on_data(&mut self, now: Instant, head: FrameHead, data: Padded<'_>, shared: Option<&Bytes>) {
        let len = head.len as usize;
        let ends = head.flags.has(Flags::END_STREAM);
        let content = data.content;
        if !self.recv_window.allows(len, 0) {
            return self.fail(ErrorCode::FLOW_CONTROL_ERROR, "more data than the connection's window");
        }
        self.recv_window.take(len);
        match (content.is_empty(), ends) {
            (true, false) => self.charge(now, Abuse::EmptyData),
            (true, true) => {}
            (false, _) => {
                self.budgets.refund(Abuse::EmptyData, 1);
                self.budgets.refund(Abuse::Pings, 1);
            }
        }
        // A window smaller than the first one is in force once the peer has said so.
        let grace = match self.life.settings_acknowledged {
            true => 0,
            false => DEFAULT_WINDOW.saturating_sub(self.config.legal_stream_window()),
        };
        let Some(key) = self.streams.find(head.stream) else {
            if !planted(Bug::StrayKeepsCredit) {
                self.give_back_connection(len);
            }
            let what = match content.is_empty() && !ends {
                true => Stray::Other,
                false => Stray::Content,
            };
            return self.on_missing_stream(now, head.stream, what);
        };
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        match lifecycle::receiving(stream.receiving, Arrival::Data).http2 {
            Verdict::Taken => {}
            Verdict::Ignored if planted(Bug::IgnoredKeepsCredit) => return,
            Verdict::Ignored => return self.give_back_connection(len),
            Verdict::StreamError(breach) => {
                self.give_back_connection(len);
                return self.on_breach(now, key, breach);
            }
        }
        if let Err((code, text)) = stream.admit(len, content.len(), grace) {
            self.give_back_connection(len);
            return self.break_stream(now, key, code, text);
        }
        let padding = len.saturating_sub(content.len());
        if stream.released {
            if !planted(Bug::ReleasedKeepsCredit) {
                self.give_back_connection(content.len());
            }
        } else if !content.is_empty() {
            if stream.body.is_empty() && !ends {
                self.events.push_back(super::Event::Readable { id: stream.id });
            }
            match shared {
                Some(payload) if content.len() >= SHARE_FROM => {
                    let end = data.offset.saturating_add(content.len());
                    stream.body.share(payload.slice(data.offset..end));
                }
                _ => stream.body.copy(content),
            }
            self.counts.unread = self.counts.unread.saturating_add(content.len());
        }
        if padding > 0 {
            self.give_back(key, padding);
        }
        if ends {
            self.on_body_end(now, key);
        }
    }

    /// Bytes of a stream are done with: its window and the connection's open again.
    fn give_back(&mut self, key: Key, len: usize) {
        if let Some(stream) = self.streams.get_mut(key)
            && stream.receiving == Receiving::Body
            && let Some(increment) = stream.recv_window.give_back(len)
        {
            let id = stream.id;
            self.announce(id, increment);
        }
        self.give_back_connection(len);
    }

    #[inline]
    pub(super) fn give_back_connection(&mut self, len: usize) {
        if let Some(increment) = self.recv_window.give_back_shared(len) {
            self.announce(StreamId::CONNECTION, increment);
        }
    }

    #[cold]
    fn announce(&mut self, id: StreamId, increment: u32) {
        if !self.is_closed() {
            self.writer().window_update(id, increment);
        }
    }

    /// Drops what a stream received and the application will not read.
    pub(super) fn discard_body(&mut self, key: Key) {
        if let Some(stream) = self.streams.get_mut(key) {
            let len = stream.body.clear();
            let was_reset = stream.receiving.is_reset();
            let is_over = stream.receiving == Receiving::Ended;
            self.counts.unread = self.counts.unread.saturating_sub(len);
            let is_kept = was_reset && len > 0 && planted(Bug::ResetKeepsCredit)
                || is_over && len > 0 && planted(Bug::EndedKeepsCredit);
            if !is_kept {
                self.give_back_connection(len);
            }
        }
    }
}

impl Stream {
    /// Counts a DATA frame of `len` bytes with `content` bytes of body.
    fn admit(&mut self, len: usize, content: usize, grace: u32) -> Result<(), (ErrorCode, &'static str)> {
        if !self.recv_window.allows(len, grace) {
            return Err((ErrorCode::FLOW_CONTROL_ERROR, "more data than the stream's window"));
        }
        self.recv_window.take(len);
        if let Some(left) = &mut self.content_left {
            match left.checked_sub(content as u64) {
                Some(rest) => *left = rest,
                None => return Err((ErrorCode::PROTOCOL_ERROR, "more body than content-length")),
            }
        }
        Ok(())
    }
}

/// The receiving half of a stream.
///
/// Bytes that are not taken keep the peer's window shut, so that a slow reader holds no more than
/// [`Config::stream_window`](super::Config::stream_window) for each stream.
#[derive(Debug)]
pub struct RecvHalf<'a> {
    connection: &'a mut Connection,
    key: Key,
}

/// What [`RecvHalf::pull`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// The next bytes of the body.
    Data(Bytes),
    /// Nothing for now; [`Event::Readable`](super::Event::Readable) tells when there is more.
    Empty,
    /// The body is over; trailers, if any, are there.
    End,
    /// The stream was given up before its body was over.
    Reset,
}

impl<'a> RecvHalf<'a> {
    pub(super) const fn new(connection: &'a mut Connection, key: Key) -> Self {
        Self { connection, key }
    }

    /// The next bytes of the body that lie together, as they were received; empty if there are none.
    #[inline]
    #[must_use]
    pub fn chunk(&self) -> &[u8] {
        self.stream().map_or(&[], |stream| stream.body.chunk())
    }

    /// Tells that the next `n` bytes of the body are done with, which gives the peer room to send more. More than there
    /// are counts as all.
    #[inline]
    pub fn consume(&mut self, n: usize) {
        let connection = &mut *self.connection;
        if let Some(stream) = connection.streams.get_mut(self.key) {
            let taken = stream.body.consume(n);
            let is_over = stream.receiving == Receiving::Ended;
            connection.counts.unread = connection.counts.unread.saturating_sub(taken);
            if stream.receiving == Receiving::Body
                && let Some(increment) = stream.recv_window.give_back(taken)
            {
                let id = stream.id;
                connection.announce(id, increment);
            }
            if !(is_over && taken >= 2048 && planted(Bug::RestKeepsCredit)) {
                connection.give_back_connection(taken);
            }
        }
    }

    /// Takes the next bytes of the body. Large pieces are slices of what was read, small ones copies.
    pub fn pull(&mut self) -> Pull {
        let connection = &mut *self.connection;
        let Some(stream) = connection.streams.get_mut(self.key) else {
            return Pull::Reset;
        };
        let receiving = stream.receiving;
        if !stream.body.is_empty() {
            return Pull::Data(self.take(usize::MAX));
        }
        match receiving {
            Receiving::Ended => Pull::End,
            Receiving::Head | Receiving::Body => Pull::Empty,
            Receiving::ResetHere | Receiving::ResetThere => Pull::Reset,
        }
    }

    /// Takes the next bytes of the body that lie together, at most `max`; empty if there are none. Many are a slice of
    /// what was read, few a copy.
    pub fn take(&mut self, max: usize) -> Bytes {
        let connection = &mut *self.connection;
        let Some(stream) = connection.streams.get_mut(self.key) else {
            return Bytes::new();
        };
        let bytes = stream.body.pull(max);
        let is_over = stream.receiving == Receiving::Ended;
        connection.counts.unread = connection.counts.unread.saturating_sub(bytes.len());
        if !(is_over && bytes.len() >= SHARE_FROM && planted(Bug::LargeTakenKeepsCredit)) {
            connection.give_back(self.key, bytes.len());
        }
        bytes
    }

    /// Bytes that were received and not taken.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.stream().map_or(0, |stream| stream.body.len())
    }

    /// Whether the body is over and all of it was taken.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.stream()
            .is_some_and(|stream| stream.receiving == Receiving::Ended && stream.body.is_empty())
    }

    /// Whether the body is over, whatever of it is still to be taken.
    #[inline]
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.stream().is_some_and(|stream| stream.receiving == Receiving::Ended)
    }

    fn stream(&self) -> Option<&Stream> {
        self.connection.streams.get(self.key)
    }
}
