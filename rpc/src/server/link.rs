//! What a connection's task shares with its calls and with its server.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use kitewire_proto::{CallId, CancelReason, Instant, Target};
use kitewire_runtime::{Address, PeerIdentity};

use super::engine::Load;
use super::shared::{Notice, Shared};
use crate::service::Running;
use crate::stream::wake_all;
use crate::waiting::{Place, Waiting};

/// One connection, as its calls and its server see it. Outlives the connection's task as long as a handler runs.
pub(crate) struct Link {
    server: Arc<Shared>,
    peer: Option<Address>,
    /// Over transports that prove one.
    identity: OnceLock<Arc<PeerIdentity>>,
    /// Something waits in `state` for the connection's task, or the server wants to stop.
    attention: AtomicBool,
    /// Some call has an entry in `state.watched`.
    watching: AtomicBool,
    calls: AtomicUsize,
    memory: AtomicUsize,
    withheld: AtomicUsize,
    state: Mutex<State>,
}

/// A handler that has ended, on its way back to its connection.
pub(crate) struct Done {
    pub(crate) id: CallId,
    pub(crate) target: Target,
    pub(crate) slot: Box<dyn Running>,
}

#[derive(Default)]
struct State {
    done: Vec<Done>,
    /// The connection's task.
    task: Option<Waker>,
    closed: bool,
    /// Calls that were cancelled while they ran, and calls that wait to hear about it. Never more than the limit of
    /// calls in flight, as every entry goes with its call.
    watched: Vec<Watched>,
}

struct Watched {
    id: CallId,
    cancelled: Option<CancelReason>,
    waiting: Waiting,
}

impl Link {
    pub(crate) fn new(server: Arc<Shared>, peer: Option<Address>) -> Self {
        Self {
            server,
            peer,
            identity: OnceLock::new(),
            attention: AtomicBool::new(false),
            watching: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            memory: AtomicUsize::new(0),
            withheld: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    pub(crate) const fn peer(&self) -> Option<&Address> {
        self.peer.as_ref()
    }

    /// Whom the peer has proved to be.
    pub(crate) fn identify(&self, identity: Arc<PeerIdentity>) {
        // The first one counts, and there is no other.
        let _ = self.identity.set(identity);
    }

    pub(crate) fn peer_identity(&self) -> Option<&Arc<PeerIdentity>> {
        self.identity.get()
    }

    /// Tells the server's owner what the socket said.
    pub(crate) fn notice_failure(&self, error: &io::Error) {
        let peer = self.peer();
        self.server.notice(&Notice::SocketFailed { peer, error });
    }

    pub(crate) const fn server(&self) -> &Arc<Shared> {
        &self.server
    }

    pub(crate) fn now(&self) -> Instant {
        self.server.now()
    }

    /// Service and method behind `target`; empty for the unknown-service handler.
    pub(crate) fn names(&self, target: Target) -> (&str, &str) {
        match target {
            Target::Method(method) => match self.server.services.method(method) {
                Some((service, method)) => (&service.name, &method.name),
                None => ("", ""),
            },
            Target::Unknown => ("", ""),
        }
    }

    /// Hands a finished handler to the connection's task. Only the first one of a batch wakes it.
    pub(crate) fn complete(&self, done: Done) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return done.slot.recycle();
        }
        let first = state.done.is_empty();
        state.done.push(done);
        if !first {
            return;
        }
        self.attention.store(true, Ordering::Release);
        let task = state.task.clone();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Wakes the connection's task because the server wants something of it.
    pub(crate) fn alert(&self) {
        self.attention.store(true, Ordering::Release);
        let task = self.lock().task.clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Whether somebody has something for the connection's task.
    pub(crate) fn has_attention(&self) -> bool {
        self.attention.load(Ordering::Acquire)
    }

    /// Whether somebody had something for the connection's task. Whatever comes after this call counts anew.
    pub(crate) fn take_attention(&self) -> bool {
        self.has_attention() && self.attention.swap(false, Ordering::AcqRel)
    }

    /// Whom to wake from now on.
    pub(crate) fn adopt(&self, task: &Waker) {
        self.lock().task = Some(task.clone());
    }

    /// Takes over the finished handlers; `batch` must be empty, and its memory is used for the next ones.
    pub(crate) fn take_done(&self, batch: &mut Vec<Done>) {
        std::mem::swap(&mut self.lock().done, batch);
    }

    /// Tells how much there is to do; for statistics.
    pub(crate) fn set_load(&self, load: Load) {
        let Load {
            calls,
            memory,
            withheld,
        } = load;
        self.calls.store(calls, Ordering::Relaxed);
        self.memory.store(memory, Ordering::Relaxed);
        self.withheld.store(withheld, Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Load {
        Load {
            calls: self.calls.load(Ordering::Relaxed),
            memory: self.memory.load(Ordering::Relaxed),
            withheld: self.withheld.load(Ordering::Relaxed),
        }
    }

    /// Nobody waits for this call's answer any more.
    pub(crate) fn cancel(&self, id: CallId, reason: CancelReason) {
        let mut state = self.lock();
        self.watching.store(true, Ordering::Release);
        let watched = state.watched(id);
        watched.cancelled = Some(reason);
        let waiting = watched.waiting.take();
        drop(state);
        wake_all(waiting);
    }

    /// The call is over: nobody will ask about it any more.
    pub(crate) fn forget(&self, id: CallId) {
        if self.watching.load(Ordering::Acquire) {
            let mut state = self.lock();
            state.watched.retain(|watched| watched.id != id);
            if state.watched.is_empty() {
                self.watching.store(false, Ordering::Release);
            }
        }
    }

    /// The connection is gone: calls that still run are cancelled, and what they end with is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.task = None;
        let done = std::mem::take(&mut state.done);
        let watched = std::mem::take(&mut state.watched);
        drop(state);
        for done in done {
            done.slot.recycle();
        }
        wake_all(watched.into_iter().flat_map(|mut watched| watched.waiting.take()));
    }

    pub(crate) fn cancel_reason(&self, id: CallId) -> Option<CancelReason> {
        let state = self.lock();
        if state.closed {
            return Some(CancelReason::CallerGone);
        }
        state.watched.iter().find(|watched| watched.id == id)?.cancelled
    }

    pub(crate) fn poll_cancelled(&self, id: CallId, place: &mut Place, cx: &Context<'_>) -> Poll<CancelReason> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(CancelReason::CallerGone);
        }
        self.watching.store(true, Ordering::Release);
        let watched = state.watched(id);
        if let Some(reason) = watched.cancelled {
            return Poll::Ready(reason);
        }
        let replaced = watched.waiting.wait(place, cx);
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Who waited at `place` to hear about a call does so no longer.
    pub(crate) fn leave(&self, id: CallId, place: &Place) {
        let mut state = self.lock();
        let watched = state.watched.iter_mut().find(|watched| watched.id == id);
        let left = watched.and_then(|watched| watched.waiting.leave(place));
        drop(state);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn watched(&mut self, id: CallId) -> &mut Watched {
        let at = self
            .watched
            .iter()
            .position(|watched| watched.id == id)
            .unwrap_or_else(|| {
                self.watched.push(Watched {
                    id,
                    cancelled: None,
                    waiting: Waiting::default(),
                });
                self.watched.len() - 1
            });
        &mut self.watched[at]
    }
}
