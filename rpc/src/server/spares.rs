//! Free slots for the methods called in a turn, so that the next call need not ask for one.

use kitewire_proto::Target;

use crate::service::{Method, Running};

/// Free slots that a connection keeps for itself within a turn.
#[derive(Default)]
pub(crate) struct Spares(Vec<(Target, Box<dyn Running>)>);

impl Spares {
    /// A free slot of `method`, which is the one behind `target`.
    #[inline]
    pub(crate) fn take(&mut self, target: Target, method: &dyn Method) -> Box<dyn Running> {
        match self.0.iter().rposition(|(of, _)| *of == target) {
            Some(at) => self.0.swap_remove(at).1,
            None => method.slot(),
        }
    }

    /// Keeps a slot whose handler has ended.
    #[inline]
    pub(crate) fn keep(&mut self, target: Target, slot: Box<dyn Running>) {
        if self.0.len() < MOST {
            self.0.push((target, slot));
        } else {
            slot.recycle();
        }
    }

    /// The slots go back to their methods.
    pub(crate) fn recycle(&mut self) {
        for (_, slot) in self.0.drain(..) {
            slot.recycle();
        }
    }
}

const MOST: usize = 4;
