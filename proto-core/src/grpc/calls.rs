//! The calls of a connection.

use slab::Slab;

use super::inbox::{Encoding, Inbox};
use crate::dispatch::MethodKind;
use crate::http2::StreamId;
use crate::pingpong::Target;
use crate::stream::index::{Index, Key};
use crate::time::Instant;
use crate::wire::Codec;
use crate::wire::grpc::message::Compression;
use crate::wire::grpc::{Code, Details, Outcome, Status};

/// A call that is not released.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: StreamId,
    pub(super) kind: MethodKind,
    pub(super) codec: Codec,
    /// Server: where it goes.
    pub(super) target: Target,
    pub(super) phase: Phase,
    pub(super) inbox: Inbox,
    /// How the peer's messages are compressed.
    pub(super) encoding: Encoding,
    /// Whether own messages are.
    pub(super) compression: Compression,
    pub(super) deadline: Option<Instant>,
    /// Server: the response header is out.
    pub(super) header_sent: bool,
    /// Server: the single answer is out.
    pub(super) answered: bool,
    /// Client: the response header is there, and is not all of the response.
    pub(super) has_header: bool,
    /// Client: nothing of the call was processed, so that another try does no harm.
    pub(super) unprocessed: bool,
    /// How it ended.
    pub(super) ending: Option<Ending>,
}

/// How a call ended. That it went well, as most do, takes no memory.
#[derive(Debug)]
pub(super) enum Ending {
    Well,
    Otherwise(Box<Outcome>),
}

/// How far a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Server: its single request comes in.
    Collecting {
        /// When it is overdue.
        due: Instant,
        /// Bytes of it when that was set.
        marked: usize,
    },
    /// The application has it.
    Open,
    /// Server: its deadline has passed and that was told. Nothing but the end is sent any more.
    Late,
    /// It is over, and that was told.
    Ended,
}

impl Ending {
    pub(super) fn outcome(&self) -> &Outcome {
        match self {
            Self::Well => &WELL,
            Self::Otherwise(outcome) => outcome,
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.outcome().status.code == Code::OK
    }
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        match outcome.status.code {
            Code::OK if outcome == WELL => Self::Well,
            _ => Self::Otherwise(Box::new(outcome)),
        }
    }
}

impl From<Status> for Ending {
    fn from(status: Status) -> Self {
        Outcome::from(status).into()
    }
}

static WELL: Outcome = Outcome {
    status: Status {
        code: Code::OK,
        message: String::new(),
        details: Details::new(),
    },
    business: None,
};

/// Calls by the id of their stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    slab: Slab<Call>,
    index: Index,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    #[inline]
    pub(super) fn find(&self, id: StreamId) -> Option<Key> {
        self.index.find(id.get())
    }

    #[inline]
    pub(super) fn get(&self, id: StreamId) -> Option<&Call> {
        self.slab.get(self.index.find(id.get())?)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Call> {
        self.slab.get_mut(self.index.find(id.get())?)
    }

    #[inline]
    pub(super) fn at(&self, key: Key) -> Option<&Call> {
        self.slab.get(key)
    }

    #[inline]
    pub(super) fn at_mut(&mut self, key: Key) -> Option<&mut Call> {
        self.slab.get_mut(key)
    }

    pub(super) fn insert(&mut self, call: Call) -> Key {
        let id = call.id;
        let key = self.slab.insert(call);
        self.index.insert(id.get(), key);
        key
    }

    pub(super) fn remove(&mut self, id: StreamId) -> Option<Call> {
        let key = self.index.find(id.get())?;
        self.index.remove(id.get());
        self.slab.try_remove(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.slab.iter().map(|(_, call)| call)
    }

    pub(super) fn shrink(&mut self) {
        if self.slab.is_empty() {
            *self = Self::default();
        }
    }
}
