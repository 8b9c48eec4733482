//! Who waits for what on the calls of a connection.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Weak;
use std::task::{Context, Waker};

use super::connection::{Connection, StreamKey};
use super::event::Event;
use super::handle::Stream;
use super::tie::Ties;
use crate::Metadata;
use crate::hash::CallIdHasher;
use crate::waiting::Waiting;

/// What is kept for the calls of a connection beside the connection itself. A call has an entry from the first time
/// somebody waits on it, or sets metadata for its answer, until it is released.
///
/// Peers choose the ids of their calls, but no more of them are open at once than the connection allows.
#[derive(Default)]
pub(super) struct Watches(HashMap<StreamKey, Watch, BuildHasherDefault<CallIdHasher>>);

#[derive(Default)]
pub(super) struct Watch {
    /// Waits for a message, the header, or the end of both.
    pub(super) reading: Option<Waker>,
    /// Waits for room.
    pub(super) sending: Option<Waker>,
    /// Wait for the call to be over: a handler may do so in several places.
    pub(super) ending: Waiting,
    /// Server: streams that end with the call.
    pub(super) ties: Ties,
    /// Server, over TTHeader: what the halves of the stream share.
    pub(super) stream: Weak<Stream>,
    /// Server: what the answer begins and ends with.
    pub(super) answer: Option<Box<AnswerFields>>,
    /// Server: the answer's header is on its way.
    pub(super) header_sent: bool,
}

/// Metadata of an answer.
#[derive(Default)]
pub(super) struct AnswerFields {
    pub(super) header: Metadata,
    pub(super) trailer: Metadata,
}

impl Watches {
    pub(super) fn of(&mut self, key: StreamKey) -> &mut Watch {
        self.0.entry(key).or_default()
    }

    pub(super) fn get_mut(&mut self, key: StreamKey) -> Option<&mut Watch> {
        // Most connections with nothing but short calls never have an entry.
        if self.0.is_empty() {
            return None;
        }
        self.0.get_mut(&key)
    }

    /// Forgets a call, which is released.
    pub(super) fn remove(&mut self, key: StreamKey) -> Option<Watch> {
        if self.0.is_empty() {
            return None;
        }
        let watch = self.0.remove(&key)?;
        if let Some(stream) = watch.stream.upgrade() {
            stream.retire();
        }
        Some(watch)
    }

    /// Collects whom `event` of `connection` concerns.
    pub(super) fn notify(&mut self, connection: &Connection, event: &Event, wake: &mut Vec<Waker>) {
        match event {
            Event::Readable { key } | Event::Header { key } => {
                wake.extend(self.get_mut(*key).and_then(|watch| watch.reading.take()));
            }
            Event::Writable { key } => wake.extend(self.get_mut(*key).and_then(|watch| watch.sending.take())),
            Event::Ended { key } => {
                if let Some(watch) = self.get_mut(*key) {
                    watch.ties.cut(|| connection.upstream(*key), wake);
                    watch.take_wakers(wake);
                }
            }
            _ => {}
        }
    }

    /// Collects everybody: `connection` is over.
    pub(super) fn notify_all(&mut self, connection: &Connection, wake: &mut Vec<Waker>) {
        for (key, watch) in self.in_order() {
            watch.ties.cut(|| connection.upstream(key), wake);
            watch.take_wakers(wake);
        }
    }

    /// Collects everybody who waits.
    pub(super) fn take_wakers(&mut self, wake: &mut Vec<Waker>) {
        for (_, watch) in self.in_order() {
            watch.take_wakers(wake);
        }
    }

    /// Every entry, in the order of ids: who is woken first must not depend on how the map is laid out.
    fn in_order(&mut self) -> Vec<(StreamKey, &mut Watch)> {
        let mut all: Vec<_> = self.0.iter_mut().map(|(key, watch)| (*key, watch)).collect();
        all.sort_unstable_by_key(|(key, _)| key.get());
        all
    }

    /// Gives back what an idle connection does not need.
    pub(super) fn release_memory(&mut self) {
        if self.0.is_empty() {
            *self = Self::default();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Watch {
    pub(super) fn take_wakers(&mut self, wake: &mut Vec<Waker>) {
        wake.extend([self.reading.take(), self.sending.take()].into_iter().flatten());
        wake.extend(self.ending.take());
    }
}

/// Has the task of `cx` woken by what `place` is for. Returns whom it replaces, to be dropped without the lock: a task may
/// go with its last waker, and its end of a stream with it.
#[must_use]
pub(super) fn wait(place: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match place {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        place => place.replace(cx.waker().clone()),
    }
}
