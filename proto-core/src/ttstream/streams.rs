//! The streams of a connection.

use std::time::Duration;

use slab::Slab;

use super::credit::Credit;
use super::inbox::Inbox;
use super::{Exception, Outcome, StreamId, Strings};
use crate::dispatch::MethodKind;
use crate::metainfo::MetaInfo;
use crate::pingpong::Target;
use crate::stream::index::{Index, Key};
use crate::stream::lifecycle::{Receiving, Sending};
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::ttstream::FramePrefix;

/// A stream that is not released.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) kind: MethodKind,
    pub(super) codec: Codec,
    /// Server: where it goes.
    pub(super) target: Target,
    pub(super) phase: Phase,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    /// What plain frames begin with.
    pub(super) prefix: FramePrefix,
    pub(super) inbox: Inbox,
    /// Charge of the messages that have come, and of those of them that were taken; how far the peer was told it may go.
    pub(super) received: u64,
    pub(super) taken: u64,
    pub(super) granted: u64,
    /// What of them has to be taken so that telling the peer is worth a frame.
    pub(super) tell_at: u64,
    /// Charge of the messages that were sent, and how far that may go.
    pub(super) sent: u64,
    pub(super) limit: u64,
    /// When it last found no room, by what it had sent, and the turn that it has for that.
    pub(super) waited_at: u64,
    pub(super) turn: u64,
    /// Where its last frame ends among all that went the same way.
    pub(super) queued_to: u64,
    pub(super) flags: Flags,
    /// Bytes that count for it beside its messages.
    pub(super) held: usize,
    /// What came with the peer's header.
    pub(super) head: Option<Box<Head>>,
    pub(super) trailer: Option<Box<Strings>>,
    pub(super) deadline: Option<Instant>,
    /// Client: how long it may take, for the text.
    pub(super) timeout: Option<Duration>,
    /// How it ended.
    pub(super) ending: Option<Box<Outcome>>,
}

/// Small things about a stream.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Flags {
    /// A pull found nothing since the last event.
    pub(super) wants_readable: bool,
    /// A send found no room since the last event.
    pub(super) wants_writable: bool,
    /// It stands in the list of those.
    pub(super) is_listed: bool,
    /// A new limit is to be told.
    pub(super) has_update: bool,
    /// A message was taken.
    pub(super) has_taken: bool,
    /// Nobody reads its messages any more: they are dropped as they come.
    pub(super) is_unread: bool,
}

/// What a header frame holds.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) strings: Strings,
    /// Server: the names on the wire.
    pub(super) service: Box<str>,
    pub(super) method: Box<str>,
    pub(super) caller: Option<Box<str>>,
    pub(super) meta: MetaInfo,
}

impl Head {
    /// Bytes that it holds beyond what every stream does.
    pub(super) fn size(&self) -> usize {
        let meta = self.meta.persistents().chain(self.meta.transients());
        let entry = |(key, value): (&str, &str)| ENTRY.saturating_add(key.len()).saturating_add(value.len());
        // The method stands in the prefix, too.
        let names = [&self.service, &self.method, &self.method].map(|name| name.len());
        let caller = self.caller.as_ref().map_or(0, |caller| caller.len());
        let rest = [self.strings.size(), meta.map(entry).sum(), caller, size_of::<Self>()];
        names.into_iter().chain(rest).fold(0, usize::saturating_add)
    }
}

/// How far a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Server: its single request comes in.
    Collecting {
        /// When it is overdue.
        due: Instant,
    },
    /// The application has it.
    Open,
    /// It is over, and that was told.
    Ended,
}

impl Stream {
    /// A stream on which nothing has happened.
    pub(super) fn new(id: StreamId, kind: MethodKind, prefix: FramePrefix, credit: &Credit) -> Self {
        Self {
            id,
            kind,
            codec: Codec::Thrift,
            target: Target::Unknown,
            phase: Phase::Open,
            receiving: Receiving::Head,
            sending: Sending::Body,
            prefix,
            inbox: Inbox::default(),
            received: 0,
            taken: 0,
            granted: credit.stream_window,
            tell_at: credit.first_tell(),
            sent: 0,
            limit: credit.stream_limit,
            waited_at: u64::MAX,
            turn: 0,
            queued_to: 0,
            flags: Flags::default(),
            held: 0,
            head: None,
            trailer: None,
            deadline: None,
            timeout: None,
            ending: None,
        }
    }

    /// Messages of this charge were taken.
    #[inline]
    pub(super) fn note_taken(&mut self, charge: u64, updates: &mut Vec<StreamId>) {
        self.taken = self.taken.wrapping_add(charge);
        self.flags.has_taken = true;
        if self.taken >= self.tell_at && !self.flags.has_update && !self.receiving.is_over() {
            self.flags.has_update = true;
            updates.push(self.id);
        }
    }

    /// Gives back memory that it does not need while nothing happens.
    pub(super) fn release_memory(&mut self) {
        self.inbox.release_memory();
    }

    /// Charge of its messages that wait.
    #[inline]
    pub(super) const fn queued(&self) -> u64 {
        self.received.saturating_sub(self.taken)
    }

    /// Bytes of header, trailer and outcome.
    pub(super) fn size(&self) -> usize {
        let head = self.head.as_ref().map_or(0, |head| head.size());
        let trailer = self.trailer.as_ref().map_or(0, |trailer| trailer.size());
        let entry = |(key, value): &(String, String)| ENTRY.saturating_add(key.len()).saturating_add(value.len());
        let ending = match self.ending.as_deref() {
            Some(Outcome::Business(status)) => status
                .extra
                .iter()
                .map(entry)
                .fold(status.message.len(), usize::saturating_add),
            Some(Outcome::Exception(exception)) => exception.message.len(),
            Some(Outcome::Ok) | None => 0,
        };
        head.saturating_add(trailer).saturating_add(ending)
    }

    pub(super) fn fail(&mut self, exception: Exception) {
        self.ending = Some(Box::new(Outcome::Exception(exception)));
    }
}

/// Streams by their ids.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slab: Slab<Stream>,
    index: Index,
    /// The one whose id the index cannot hold.
    zero: Option<Key>,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    #[inline]
    pub(super) fn find(&self, id: StreamId) -> Option<Key> {
        match id {
            StreamId::CONNECTION => self.zero,
            id => self.index.find(place(id)),
        }
    }

    #[inline]
    pub(super) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.slab.get(self.find(id)?)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        let key = self.find(id)?;
        self.slab.get_mut(key)
    }

    #[inline]
    pub(super) fn at(&self, key: Key) -> Option<&Stream> {
        self.slab.get(key)
    }

    #[inline]
    pub(super) fn at_mut(&mut self, key: Key) -> Option<&mut Stream> {
        self.slab.get_mut(key)
    }

    pub(super) fn insert(&mut self, stream: Stream) -> Key {
        let id = stream.id;
        let key = self.slab.insert(stream);
        match id {
            StreamId::CONNECTION => self.zero = Some(key),
            id => self.index.insert(place(id), key),
        }
        key
    }

    pub(super) fn remove(&mut self, id: StreamId) -> Option<Stream> {
        let key = self.find(id)?;
        match id {
            StreamId::CONNECTION => self.zero = None,
            id => self.index.remove(place(id)),
        }
        self.slab.try_remove(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.slab.iter().map(|(_, stream)| stream)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slab.iter_mut().map(|(_, stream)| stream)
    }

    /// All ids, in order.
    pub(super) fn ids(&self) -> Vec<StreamId> {
        let mut ids: Vec<_> = self.iter().map(|stream| stream.id).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn shrink(&mut self) {
        if self.slab.is_empty() {
            *self = Self::default();
        }
    }
}

/// The index has ids in steps of two.
#[inline]
const fn place(id: StreamId) -> u32 {
    id.get().cast_unsigned().rotate_left(1)
}

/// What an entry of metainfo takes beside its text.
const ENTRY: usize = 96;
