//! Those who wait for one thing in several places.

use std::task::{Context, Waker};

/// Tasks that wait for the same thing, each in a [`Place`] of its own, until they are woken or leave.
#[derive(Default)]
pub(crate) struct Waiting {
    wakers: Vec<(u64, Waker)>,
    /// How many places were given out.
    places: u64,
}

/// Where a task waits, once it does.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Place {
    pub(crate) const fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl Waiting {
    /// Has the task of `cx` woken, in place of whom waited at `place` before. That one is returned, to be dropped without
    /// the lock: a task may go with its last waker, and its end of a stream with it.
    #[must_use]
    pub(crate) fn wait(&mut self, place: &mut Place, cx: &Context<'_>) -> Option<Waker> {
        let known = self.wakers.iter_mut().find(|(at, _)| Some(*at) == place.0);
        match known {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(std::mem::replace(waker, cx.waker().clone())),
            None => {
                self.places = self.places.wrapping_add(1);
                place.0 = Some(self.places);
                self.wakers.push((self.places, cx.waker().clone()));
                None
            }
        }
    }

    /// Nobody waits at `place` any more. Who did is returned, to be dropped without the lock.
    #[must_use]
    pub(crate) fn leave(&mut self, place: &Place) -> Option<Waker> {
        let at = self.wakers.iter().position(|(at, _)| Some(*at) == place.0)?;
        Some(self.wakers.remove(at).1)
    }

    /// Everybody, to be woken.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.wakers).into_iter().map(|(_, waker)| waker)
    }
}
