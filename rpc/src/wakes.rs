//! Tasks that the driver of a connection has to wake.

use std::task::Waker;

/// Tasks to wake, so many in each turn of their driver.
///
/// Those that are woken run before the driver's next turn, which sends what they made while the others run. Were they all
/// woken at once, the peer would have nothing to do until the last of them is done, and then it would be the same the
/// other way round.
#[derive(Debug)]
pub(crate) struct Wakes {
    waiting: Vec<Waker>,
    /// How many may still be woken in this turn.
    left: usize,
}

impl Wakes {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: Vec::new(),
            left: PER_TURN,
        }
    }

    pub(crate) const fn begin_turn(&mut self) {
        self.left = PER_TURN;
    }

    /// Where to add more.
    pub(crate) const fn waiting(&mut self) -> &mut Vec<Waker> {
        &mut self.waiting
    }

    /// Wakes those that are next. No lock may be held.
    pub(crate) fn wake(&mut self) {
        let next = self.left.min(self.waiting.len());
        self.left -= next;
        for waker in self.waiting.drain(..next) {
            waker.wake();
        }
    }

    /// Wakes everybody: there will be no other turn.
    pub(crate) fn wake_all(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }

    /// Whether nobody waits for the next turn.
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives back what an idle connection does not need.
    pub(crate) fn release_memory(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }
}

/// Measured with 100 busy streams: fewer make more writes, more leave the peer without work.
const PER_TURN: usize = 28;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_turn_wakes_so_many_and_the_end_wakes_all() {
        let count = Arc::new(Count::default());
        let mut wakes = Wakes::new();
        let woken = || count.0.load(Ordering::Relaxed);
        wakes
            .waiting()
            .extend((0..3 * PER_TURN).map(|_| Waker::from(Arc::clone(&count))));
        wakes.wake();
        wakes.wake();
        assert_eq!(woken(), PER_TURN);
        wakes.begin_turn();
        wakes.wake();
        assert!(woken() == 2 * PER_TURN && !wakes.is_empty());
        wakes.wake_all();
        assert!(woken() == 3 * PER_TURN && wakes.is_empty());
    }
}
