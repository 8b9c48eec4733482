//! Who is doing how, and who wants to know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::ServingStatus;

/// The status of all services, and the wakers of those that wait for another one.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    statuses: BTreeMap<String, ServingStatus>,
    reports: Reports,
    /// Of watchers by the service they wait for. A change takes all of a service out.
    waiting: BTreeMap<String, BTreeMap<u64, Waker>>,
    last_watcher: u64,
}

/// What happens to reports.
#[derive(Debug, Default, PartialEq, Eq)]
enum Reports {
    #[default]
    Taken,
    /// The server is shutting down.
    Ignored,
}

impl Board {
    pub(crate) fn set(&self, service: String, status: ServingStatus) {
        self.change(|state| match state.reports {
            Reports::Taken => state.set(service, status),
            Reports::Ignored => Vec::new(),
        });
    }

    pub(crate) fn remove(&self, service: &str) {
        self.change(|state| match state.reports {
            Reports::Taken if state.statuses.remove(service).is_some() => state.waiting(service),
            Reports::Taken | Reports::Ignored => Vec::new(),
        });
    }

    pub(crate) fn shutdown(&self) {
        self.change(|state| {
            state.reports = Reports::Ignored;
            state.set_all(ServingStatus::NotServing)
        });
    }

    pub(crate) fn resume(&self) {
        self.change(|state| {
            state.reports = Reports::Taken;
            state.set_all(ServingStatus::Serving)
        });
    }

    pub(crate) fn status(&self, service: &str) -> Option<ServingStatus> {
        self.state().statuses.get(service).copied()
    }

    pub(crate) fn all(&self) -> BTreeMap<String, ServingStatus> {
        self.state().statuses.clone()
    }

    /// How many services are known.
    pub(crate) fn len(&self) -> usize {
        self.state().statuses.len()
    }

    pub(crate) fn watch(self: &Arc<Self>, service: String) -> Watcher {
        let mut state = self.state();
        state.last_watcher += 1;
        Watcher {
            board: Arc::clone(self),
            id: state.last_watcher,
            service,
            told: None,
        }
    }

    /// Changes the state, then wakes outside of the lock.
    fn change(&self, change: impl FnOnce(&mut State) -> Vec<Waker>) {
        let wakers = change(&mut self.state());
        wakers.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the wakers of those that this is news for.
    fn set(&mut self, service: String, status: ServingStatus) -> Vec<Waker> {
        if self.statuses.get(&service) == Some(&status) {
            return Vec::new();
        }
        let waiting = self.waiting(&service);
        self.statuses.insert(service, status);
        waiting
    }

    fn set_all(&mut self, status: ServingStatus) -> Vec<Waker> {
        let services: Vec<String> = self.statuses.keys().cloned().collect();
        services
            .into_iter()
            .flat_map(|service| self.set(service, status))
            .collect()
    }

    fn waiting(&mut self, service: &str) -> Vec<Waker> {
        let waiting = self.waiting.remove(service);
        waiting.into_iter().flat_map(BTreeMap::into_values).collect()
    }
}

/// Follows the status of one service.
#[derive(Debug)]
pub(crate) struct Watcher {
    board: Arc<Board>,
    id: u64,
    service: String,
    /// What was given last.
    told: Option<Option<ServingStatus>>,
}

impl Watcher {
    /// The status, the first time and whenever it is another one than the last time; `None` while the service is unknown.
    /// A status that lasted too short to be seen is left out.
    pub(crate) fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Option<ServingStatus>> {
        let mut state = self.board.state();
        let status = state.statuses.get(&self.service).copied();
        if self.told != Some(status) {
            self.told = Some(status);
            return Poll::Ready(status);
        }
        let waiting = state.waiting.entry(self.service.clone()).or_default();
        waiting.insert(self.id, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = self.board.state();
        if let Some(waiting) = state.waiting.get_mut(&self.service) {
            waiting.remove(&self.id);
            if waiting.is_empty() {
                state.waiting.remove(&self.service);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[test]
    fn watchers_see_changes_alone() {
        let board = Arc::new(Board::default());
        let mut watcher = board.watch("a".to_owned());
        let wakes = Arc::new(Wakes::default());
        assert_eq!(poll(&mut watcher, &wakes), Poll::Ready(None));
        assert_eq!(poll(&mut watcher, &wakes), Poll::Pending);
        board.set("b".to_owned(), ServingStatus::Serving);
        assert_eq!(wakes.count(), 0);
        board.set("a".to_owned(), ServingStatus::Serving);
        assert_eq!(wakes.count(), 1);
        assert_eq!(poll(&mut watcher, &wakes), Poll::Ready(Some(ServingStatus::Serving)));
        assert_eq!(poll(&mut watcher, &wakes), Poll::Pending);
        board.set("a".to_owned(), ServingStatus::Serving);
        assert_eq!(wakes.count(), 1);
        board.set("a".to_owned(), ServingStatus::NotServing);
        board.set("a".to_owned(), ServingStatus::Serving);
        assert_eq!(wakes.count(), 2);
        assert_eq!(poll(&mut watcher, &wakes), Poll::Pending, "it is what it was");
        board.remove("a");
        assert_eq!(poll(&mut watcher, &wakes), Poll::Ready(None));
    }

    #[test]
    fn all_watchers_of_a_service_are_woken() {
        let board = Arc::new(Board::default());
        let wakes = Arc::new(Wakes::default());
        let mut watchers: Vec<Watcher> = (0..3).map(|_| board.watch("a".to_owned())).collect();
        for watcher in &mut watchers {
            assert_eq!(poll(watcher, &wakes), Poll::Ready(None));
            assert_eq!(poll(watcher, &wakes), Poll::Pending);
        }
        board.set("a".to_owned(), ServingStatus::Unknown);
        assert_eq!(wakes.count(), 3);
    }

    #[test]
    fn watchers_that_are_gone_leave_nothing() {
        let board = Arc::new(Board::default());
        let wakes = Arc::new(Wakes::default());
        let mut first = board.watch("a".to_owned());
        let mut second = board.watch("a".to_owned());
        for watcher in [&mut first, &mut second] {
            assert!(poll(watcher, &wakes).is_ready());
            assert!(poll(watcher, &wakes).is_pending());
            // A second poll takes the place of the first.
            assert!(poll(watcher, &wakes).is_pending());
        }
        drop(first);
        assert_eq!(board.state().waiting["a"].len(), 1);
        drop(second);
        assert!(board.state().waiting.is_empty());
    }

    #[test]
    fn a_shutdown_lasts_until_it_is_taken_back() {
        let board = Arc::new(Board::default());
        board.set("a".to_owned(), ServingStatus::Serving);
        board.set("b".to_owned(), ServingStatus::Unknown);
        board.shutdown();
        board.set("a".to_owned(), ServingStatus::Serving);
        board.set("c".to_owned(), ServingStatus::Serving);
        board.remove("b");
        let statuses = board.all();
        assert_eq!(statuses.len(), 2);
        assert!(statuses.values().all(|status| *status == ServingStatus::NotServing));
        board.resume();
        assert_eq!(board.status("b"), Some(ServingStatus::Serving));
        board.set("c".to_owned(), ServingStatus::Serving);
        assert_eq!(board.len(), 3);
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(watcher: &mut Watcher, wakes: &Arc<Wakes>) -> Poll<Option<ServingStatus>> {
        watcher.poll_change(&mut Context::from_waker(&Waker::from(Arc::clone(wakes))))
    }
}
