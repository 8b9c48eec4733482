//! How a call is given up or done with before its connection is.

use std::sync::MutexGuard;

use kitewire_proto::{Demand, ttstream};

use super::connection::StreamKey;
use super::hub::{Hub, State, wake_all};
use crate::Transport;

impl Hub {
    /// Cancels a call of a client that is not over, for both halves.
    pub(crate) fn give_up(&self, key: StreamKey) {
        match self.transport() {
            Transport::TtHeaderStream => self.cancel(key, &ttstream::Exception::canceled_by_user()),
            _ => {
                let state = self.lock();
                if !state.connection.is_ended(key) {
                    self.release_with(state, key);
                }
            }
        }
    }

    /// A handler reads no more requests, and goes on.
    pub(super) fn discard(&self, key: StreamKey) {
        let mut state = self.lock();
        let paused = state.connection.read_demand() == Demand::Pause;
        state.connection.discard(key);
        self.went_on(&mut state, paused);
    }

    /// Cancels a stream of a client over TTHeader that is not over. Both halves fail with `why`.
    pub(super) fn cancel(&self, key: StreamKey, why: &ttstream::Exception) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.connection.is_ended(key) {
            return;
        }
        let paused = state.connection.read_demand() == Demand::Pause;
        if let Some(connection) = state.connection.tt_header() {
            connection.cancel(key.tt_header(), why);
        }
        self.went_on(state, paused);
        let mut wake = Vec::new();
        if let Some(watch) = state.watches.get_mut(key) {
            watch.take_wakers(&mut wake);
        }
        drop(guard);
        wake_all(wake);
    }

    /// A call of a client is done with. One that is not over is cancelled.
    pub(crate) fn release(&self, key: StreamKey) {
        self.release_with(self.lock(), key);
    }

    fn release_with(&self, mut guard: MutexGuard<'_, State>, key: StreamKey) {
        let state = &mut *guard;
        let mut wake = Vec::new();
        if let Some(watch) = state.watches.get_mut(key) {
            watch.ties.cut(|| state.connection.upstream(key), &mut wake);
            watch.take_wakers(&mut wake);
        }
        self.forget(state, key);
        drop(guard);
        wake_all(wake);
    }

    /// Releases a call that nobody waits on any more.
    pub(super) fn forget(&self, state: &mut State, key: StreamKey) {
        let paused = state.connection.read_demand() == Demand::Pause;
        state.connection.release(key);
        self.went_on(state, paused);
        state.watches.remove(key);
    }

    /// A call ended here: that may be of interest to the driver, or to the peer.
    fn went_on(&self, state: &mut State, paused: bool) {
        let connection = &state.connection;
        if paused || connection.has_output() || connection.wants_turn() || connection.is_drained() {
            self.tell(state);
        }
    }
}
