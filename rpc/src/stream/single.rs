//! Short cuts of a client's side for calls with one request and one answer.

use std::task::{Context, Poll};

use kitewire_proto::Demand;

use super::connection::StreamKey;
use super::hub::{Found, Hub, State, Taken, wake_all};
use super::receiver::Decode;
use super::watch::wait;
use crate::service::Received;

impl Hub {
    /// Wakes whoever waits on a call.
    pub(crate) fn wake_everybody(&self) {
        let mut wake = Vec::new();
        self.lock().watches.take_wakers(&mut wake);
        wake_all(wake);
    }

    /// Has the task of `cx` woken when there is news of a call: for whoever has just opened it, under the same lock.
    pub(crate) fn await_news(state: &mut State, key: StreamKey, cx: &Context<'_>) {
        // Nobody else can have waited on it.
        drop(wait(&mut state.watches.of(key).reading, cx));
    }

    /// As [`Self::poll_recv`] for a call that is over with its message. It is released with the message, which
    /// [`Answered`] tells.
    pub(crate) fn poll_answer<T>(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        decode: Decode<T>,
    ) -> Poll<(Taken<T>, Answered)> {
        let mut state = self.lock();
        let paused = state.connection.read_demand() == Demand::Pause;
        let decoded = match self.pull(&mut state, key, decode) {
            Found::Decoded(decoded) => {
                self.forget_answered(&mut state, key, paused);
                decoded
            }
            Found::Large(bytes) => {
                self.forget_answered(&mut state, key, paused);
                drop(state);
                let share = || bytes.clone();
                decode(Received::new(&bytes, &share), self.max_depth())
            }
            Found::Nothing | Found::End | Found::Failed => {
                drop(state);
                return self.poll_recv(key, cx, decode).map(|taken| (taken, Answered::Kept));
            }
        };
        Poll::Ready((Ok(decoded.map(Some)), Answered::Released))
    }

    /// Releases a call on which nobody waits any more.
    fn forget_answered(&self, state: &mut State, key: StreamKey, paused: bool) {
        if paused {
            self.tell(state);
        }
        self.forget(state, key);
    }
}

/// What became of a call with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Kept,
    Released,
}
