//! Streams that hang on the call that their client is serving: when that is over, however, so are they.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::connection::StreamKey;
use super::end::Upstream;
use super::handle::Stream;
use super::hub::Hub;
use super::watch::wait;

/// Ties a stream to the call being served, from before it is opened. The stream keeps it, and what is not kept by
/// anybody is forgotten by the call.
#[derive(Default)]
pub(crate) struct Tie(Mutex<State>);

#[derive(Default)]
struct State {
    child: Weak<Stream>,
    /// Opens it.
    opener: Option<Waker>,
    /// Why the call is over.
    cut: Option<Upstream>,
}

/// The ties of one call.
#[derive(Default)]
pub(super) struct Ties(Vec<Arc<Tie>>);

impl Hub {
    /// A new tie to a server's call. It is cut at once if nobody waits for the call's answer any more.
    pub(crate) fn tie(&self, key: StreamKey) -> Arc<Tie> {
        let tie = Arc::new(Tie::default());
        let mut state = self.lock();
        if !state.connection.is_open(key) || state.connection.cancel_reason(key).is_some() {
            tie.lock().cut = Some(state.connection.upstream(key));
        } else {
            state.watches.of(key).ties.add(Arc::clone(&tie));
        }
        tie
    }
}

impl Tie {
    /// Waits until the call is over: for whoever opens the stream.
    pub(crate) fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        let _stale;
        let mut state = self.lock();
        if state.cut.is_some() {
            return Poll::Ready(());
        }
        _stale = wait(&mut state.opener, cx);
        Poll::Pending
    }

    /// Has `child` end with the call; at once, if that is over.
    pub(super) fn bind(&self, child: &Arc<Stream>) {
        let mut state = self.lock();
        state.child = Arc::downgrade(child);
        let cut = state.cut.clone();
        drop(state);
        if let Some(why) = cut {
            child.end_by(&why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Woken when it has been cut, where no lock is held.
impl Wake for Tie {
    fn wake(self: Arc<Self>) {
        let mut state = self.lock();
        let bound = state.child.upgrade().zip(state.cut.clone());
        let opener = state.opener.take();
        drop(state);
        if let Some(opener) = opener {
            opener.wake();
        }
        if let Some((child, why)) = bound {
            child.end_by(&why);
        }
    }
}

impl Ties {
    fn add(&mut self, tie: Arc<Tie>) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(|tie| Arc::strong_count(tie) > 1);
        }
        self.0.push(tie);
    }

    /// The call is over. The streams end when those are woken that come into `wake`.
    pub(super) fn cut(&mut self, why: impl FnOnce() -> Upstream, wake: &mut Vec<Waker>) {
        if self.0.is_empty() {
            return;
        }
        let why = why();
        for tie in std::mem::take(&mut self.0) {
            tie.lock().cut = Some(why.clone());
            wake.push(tie.into());
        }
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}
