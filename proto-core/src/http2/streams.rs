//! The streams of a connection, and what is remembered of those that are gone.

use std::collections::VecDeque;

use slab::Slab;

use super::chunks::Chunks;
use super::window::{RecvWindow, SendWindow};
use crate::http::Fields;
use crate::stream::index::{Index, Key};
use crate::stream::lifecycle::{Receiving, Sending};
use crate::wire::http2::StreamId;

/// A stream that is not released yet, or whose last bytes are still to be sent.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    /// END_STREAM is written.
    pub(super) end_written: bool,
    /// `Ended` has been told.
    pub(super) ended: bool,
    /// The application is done with it.
    pub(super) released: bool,
    /// Stands in the queue of streams that have something to send.
    pub(super) queued: bool,
    /// The application was told `Full`.
    pub(super) wants_room: bool,
    /// The peer's reset counts in its budget until the stream is released.
    pub(super) charged: bool,
    /// The request was HEAD, so that the answer has no body whatever it says.
    pub(super) head_request: bool,
    /// Size of the header sections received.
    pub(super) section_bytes: u32,
    /// The head of the answer was its end, too.
    pub(super) head_only: bool,
    /// 1xx responses so far.
    pub(super) interim: u32,
    pub(super) head: Fields,
    pub(super) trailers: Fields,
    pub(super) body: Chunks,
    pub(super) recv_window: RecvWindow,
    pub(super) send_window: SendWindow,
    /// Body bytes that `content-length` still promises.
    pub(super) content_left: Option<u64>,
    pub(super) outbox: Option<Box<Outbox>>,
}

/// What waits to be sent on a stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) data: Chunks,
    pub(super) trailers: Option<Fields>,
}

/// How a stream that is gone went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    /// The peer said everything.
    Ended,
    /// This side reset it.
    ResetHere,
    /// The peer reset it.
    ResetThere,
    /// It went too long ago.
    Forgotten,
    /// The peer went past its id.
    Skipped,
}

/// The streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slab: Slab<Stream>,
    index: Index,
    gone: VecDeque<(StreamId, Gone)>,
    /// Ranges of ids, both ends included, that the peer went past.
    skipped: VecDeque<(StreamId, StreamId)>,
    spare: Spare,
}

/// Memory of former streams, for the next ones.
#[derive(Debug, Default)]
struct Spare {
    sections: Vec<Fields>,
    bodies: Vec<Chunks>,
    /// Bytes of both together.
    bytes: usize,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    #[inline]
    pub(super) fn find(&self, id: StreamId) -> Option<Key> {
        self.index.find(id.get())
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&Stream> {
        self.slab.get(key)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Stream> {
        self.slab.get_mut(key)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut Stream)> {
        self.slab.iter_mut()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.slab.iter().map(|(key, stream)| (stream.id, key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    pub(super) fn insert(&mut self, mut stream: Stream) -> Key {
        let id = stream.id;
        if let Some(body) = self.spare.bodies.pop() {
            self.spare.bytes = self.spare.bytes.saturating_sub(body.memory());
            stream.body = body;
        }
        let key = self.slab.insert(stream);
        self.index.insert(id.get(), key);
        key
    }

    /// An empty section in the memory of a former one.
    pub(super) fn take_fields(&mut self) -> Fields {
        let fields = self.spare.sections.pop().unwrap_or_default();
        self.spare.bytes = self.spare.bytes.saturating_sub(fields.capacity());
        fields
    }

    /// Keeps the memory of a section that is not needed any more.
    pub(super) fn keep_fields(&mut self, mut fields: Fields) {
        if self.spare.has_room(fields.capacity()) {
            fields.clear();
            self.spare.sections.push(fields);
        }
    }

    /// Forgets a stream, but for how it went.
    pub(super) fn remove(&mut self, key: Key) -> Option<Stream> {
        let mut stream = self.slab.try_remove(key)?;
        self.index.remove(stream.id.get());
        let gone = match stream.receiving {
            Receiving::Ended => Gone::Ended,
            Receiving::ResetThere => Gone::ResetThere,
            Receiving::Head | Receiving::Body | Receiving::ResetHere => Gone::ResetHere,
        };
        self.remember(stream.id, gone);
        self.keep_fields(std::mem::take(&mut stream.head));
        self.keep_fields(std::mem::take(&mut stream.trailers));
        stream.body.clear();
        if self.spare.has_room(stream.body.memory()) {
            self.spare.bodies.push(std::mem::take(&mut stream.body));
        }
        Some(stream)
    }

    /// Remembers a stream that is gone, or that never was more than refused.
    pub(super) fn remember(&mut self, id: StreamId, gone: Gone) {
        if self.gone.len() >= MAX_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back((id, gone));
    }

    /// Remembers that the peer went from `last` to `next`.
    pub(super) fn note_gap(&mut self, last: StreamId, next: StreamId) {
        let first = last.get().saturating_add(if last.is_connection() { 1 } else { 2 });
        if first >= next.get() {
            return;
        }
        if self.skipped.len() >= MAX_SKIPPED {
            self.skipped.pop_front();
        }
        let until = StreamId::new(next.get().saturating_sub(2));
        self.skipped.push_back((StreamId::new(first), until));
    }

    /// How a stream went that was opened or passed, and is here no more.
    pub(super) fn how_gone(&self, id: StreamId) -> Gone {
        if let Some((_, gone)) = self.gone.iter().rev().find(|(gone, _)| *gone == id) {
            return *gone;
        }
        let skipped = self.skipped.iter().any(|(from, to)| (*from..=*to).contains(&id));
        if skipped { Gone::Skipped } else { Gone::Forgotten }
    }

    /// Gives back memory that no stream needs.
    pub(super) fn shrink(&mut self) {
        if self.slab.is_empty() {
            self.slab.shrink_to_fit();
            self.index = Index::default();
        }
        self.spare = Spare::default();
        self.gone.shrink_to_fit();
    }
}

impl Spare {
    /// Whether so many more bytes are worth keeping; they are counted then.
    fn has_room(&mut self, bytes: usize) -> bool {
        let sum = self.bytes.saturating_add(bytes);
        let has_room = bytes > 0 && sum <= MAX_SPARE;
        if has_room {
            self.bytes = sum;
        }
        has_room
    }
}

/// Streams that are remembered after they are gone.
const MAX_GONE: usize = 128;
/// Gaps between stream ids that are remembered.
const MAX_SKIPPED: usize = 8;
/// Bytes of former streams that are kept while the connection is busy: some hundred streams as RPC has them.
const MAX_SPARE: usize = 384 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_from_streams_that_are_gone() {
        let mut streams = Streams::default();
        streams.note_gap(StreamId::CONNECTION, StreamId::new(1));
        streams.note_gap(StreamId::new(1), StreamId::new(3));
        streams.note_gap(StreamId::new(3), StreamId::new(9));
        streams.remember(StreamId::new(3), Gone::Ended);
        let gone: Vec<_> = [1, 3, 5, 7].map(|id| streams.how_gone(StreamId::new(id))).into();
        assert_eq!(gone, [Gone::Forgotten, Gone::Ended, Gone::Skipped, Gone::Skipped]);
    }
}
