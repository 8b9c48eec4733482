//! Callers that wait until the server allows another stream, in the order they came.
//!
//! As long as anybody waits, the connection has promised to tell when a stream ends, or somebody in here was called and
//! has not answered yet. Who was called and goes away calls the next one; so no free stream is missed, and one that is
//! free wakes one caller.

use std::collections::BTreeMap;
use std::task::{Context, Waker};

/// The callers that wait, by ticket.
#[derive(Default)]
pub(super) struct Queue {
    next: u64,
    waiting: BTreeMap<Ticket, Turn>,
}

/// A place in a [`Queue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

enum Turn {
    Waiting(Waker),
    /// Was woken to try.
    Called,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the last place.
    pub(super) fn join(&mut self, cx: &Context<'_>) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, Turn::Waiting(cx.waker().clone()));
        ticket
    }

    /// Waits on in the same place, after a try that came to nothing or without one.
    ///
    /// Returns whom it replaces, to be dropped without a lock: a task may go with its last waker, and its streams with it.
    #[must_use]
    pub(super) fn wait(&mut self, ticket: Ticket, cx: &Context<'_>) -> Option<Waker> {
        match self.waiting.get_mut(&ticket) {
            Some(Turn::Waiting(waker)) if waker.will_wake(cx.waker()) => None,
            Some(Turn::Waiting(waker)) => Some(std::mem::replace(waker, cx.waker().clone())),
            Some(turn) => {
                *turn = Turn::Waiting(cx.waker().clone());
                None
            }
            None => None,
        }
    }

    /// Whether it is this one's turn to try.
    pub(super) fn is_called(&self, ticket: Ticket) -> bool {
        !matches!(self.waiting.get(&ticket), Some(Turn::Waiting(_)))
    }

    /// Leaves, because of a stream or for good. Whoever was called hands the call on.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        match self.waiting.remove(&ticket) {
            Some(Turn::Called) => self.call_next(),
            Some(Turn::Waiting(_)) | None => None,
        }
    }

    /// Calls the first one that was not called yet.
    pub(super) fn call_next(&mut self) -> Option<Waker> {
        let mut turns = self.waiting.values_mut();
        let turn = turns.find(|turn| matches!(turn, Turn::Waiting(_)))?;
        match std::mem::replace(turn, Turn::Called) {
            Turn::Waiting(waker) => Some(waker),
            Turn::Called => None,
        }
    }

    /// Calls everybody: there is nothing left to wait for.
    pub(super) fn call_all(&mut self, wake: &mut Vec<Waker>) {
        for turn in self.waiting.values_mut() {
            if let Turn::Waiting(waker) = std::mem::replace(turn, Turn::Called) {
                wake.push(waker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn join(queue: &mut Queue) -> (Ticket, Arc<Woken>) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        (queue.join(&Context::from_waker(&waker)), woken)
    }

    fn woken(woken: &Woken) -> usize {
        woken.0.load(Ordering::Relaxed)
    }

    #[test]
    fn who_came_first_is_called_first_and_alone() {
        let mut queue = Queue::default();
        let ((first, one), (second, two)) = (join(&mut queue), join(&mut queue));
        queue.call_next().unwrap().wake();
        assert_eq!((woken(&one), woken(&two)), (1, 0));
        assert!(queue.is_called(first) && !queue.is_called(second));
        queue.leave(first).unwrap().wake();
        assert_eq!((woken(&one), woken(&two)), (1, 1));
    }

    #[test]
    fn a_try_in_vain_keeps_its_place() {
        let mut queue = Queue::default();
        let ((first, one), (_, two)) = (join(&mut queue), join(&mut queue));
        queue.call_next().unwrap().wake();
        let waker = Waker::from(Arc::clone(&one));
        assert!(queue.wait(first, &Context::from_waker(&waker)).is_none());
        queue.call_next().unwrap().wake();
        assert_eq!((woken(&one), woken(&two)), (2, 0));
    }

    #[test]
    fn who_goes_away_without_being_called_takes_nothing_along() {
        let mut queue = Queue::default();
        let ((first, _), (second, two)) = (join(&mut queue), join(&mut queue));
        assert!(queue.leave(first).is_none());
        queue.call_next().unwrap().wake();
        assert_eq!(woken(&two), 1);
        assert!(queue.leave(second).is_none() && queue.is_empty());
    }

    #[test]
    fn the_end_calls_everybody() {
        let mut queue = Queue::default();
        let tickets: Vec<_> = (0..5).map(|_| join(&mut queue)).collect();
        let mut wake = Vec::new();
        queue.call_all(&mut wake);
        assert_eq!(wake.len(), 5);
        assert!(tickets.iter().all(|(ticket, _)| queue.is_called(*ticket)));
    }
}
