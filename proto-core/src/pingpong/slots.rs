//! The calls of a connection.

/// A call of one connection, unique while the call is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    index: u32,
    generation: u32,
}

/// Open calls by id. Slots are reused, their numbers checked by generation, so that a late verb for a finished call
/// finds nothing.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// First free slot, as index + 1; 0 means none.
    free: u32,
    open: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    next_free: u32,
    value: Option<T>,
}

impl CallId {
    /// The id of a stream, which connections with streams never give twice.
    pub(crate) const fn of_stream(id: u32) -> Self {
        Self {
            index: id,
            generation: 0,
        }
    }

    /// The stream that it is the id of.
    pub(crate) const fn stream(self) -> u32 {
        self.index
    }

    /// The id that [`Self::index`] and [`Self::generation`] are of.
    pub(crate) const fn from_parts(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    pub(crate) const fn index(self) -> u32 {
        self.index
    }

    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: 0,
            open: 0,
        }
    }

    #[inline(always)]
    pub(super) fn insert(&mut self, value: T) -> CallId {
        self.open += 1;
        if let Some(index) = self.free.checked_sub(1)
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            self.free = slot.next_free;
            slot.value = Some(value);
            return CallId {
                index,
                generation: slot.generation,
            };
        }
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        if index == 0 {
            // Most connections never have more than one call open.
            self.slots.reserve_exact(1);
        }
        self.slots.push(Slot {
            generation: 0,
            next_free: 0,
            value: Some(value),
        });
        CallId { index, generation: 0 }
    }

    /// The id that the next [`Self::insert`] will give.
    pub(super) fn next_id(&self) -> CallId {
        match self
            .free
            .checked_sub(1)
            .and_then(|index| Some((index, self.slots.get(index as usize)?)))
        {
            Some((index, slot)) => CallId {
                index,
                generation: slot.generation,
            },
            None => CallId {
                index: u32::try_from(self.slots.len()).unwrap_or(u32::MAX),
                generation: 0,
            },
        }
    }

    /// Lets nobody else have the id that is given next.
    pub(super) fn use_up(&mut self, id: CallId) {
        match self.slots.get_mut(id.index as usize) {
            Some(slot) => slot.generation = slot.generation.wrapping_add(1),
            None => self.slots.push(Slot {
                generation: id.generation.wrapping_add(1),
                next_free: std::mem::replace(&mut self.free, id.index + 1),
                value: None,
            }),
        }
    }

    #[inline]
    pub(super) fn get(&self, id: CallId) -> Option<&T> {
        self.slots
            .get(id.index as usize)
            .filter(|slot| slot.generation == id.generation)?
            .value
            .as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut T> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|slot| slot.generation == id.generation)?
            .value
            .as_mut()
    }

    pub(super) fn remove(&mut self, id: CallId) -> Option<T> {
        let slot = self
            .slots
            .get_mut(id.index as usize)
            .filter(|slot| slot.generation == id.generation)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.next_free = self.free;
        self.free = id.index + 1;
        self.open -= 1;
        Some(value)
    }

    /// Ends a call in place.
    #[inline]
    pub(super) fn free(&mut self, id: CallId) {
        if let Some(slot) = self.slots.get_mut(id.index as usize)
            && slot.generation == id.generation
            && slot.value.is_some()
        {
            slot.value = None;
            slot.generation = slot.generation.wrapping_add(1);
            slot.next_free = self.free;
            self.free = id.index + 1;
            self.open -= 1;
        }
    }

    /// The open call in slot `index` with a generation that `matches`.
    pub(super) fn find(&self, index: u32, matches: impl Fn(u32) -> bool) -> Option<CallId> {
        let slot = self.slots.get(index as usize)?;
        (slot.value.is_some() && matches(slot.generation)).then_some(CallId {
            index,
            generation: slot.generation,
        })
    }

    /// Ids of all open calls, in slot order.
    pub(super) fn ids(&self) -> impl Iterator<Item = CallId> + '_ {
        (0u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.value.is_some())
            .map(|(index, slot)| CallId {
                index,
                generation: slot.generation,
            })
    }

    pub(super) const fn len(&self) -> usize {
        self.open as usize
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Gives back memory that a burst left behind. Generations start anew above all that were given out, so that ids
    /// of that burst stay unknown.
    pub(super) fn shrink(&mut self) {
        if self.open == 0 && self.slots.capacity() > IDLE_SLOTS {
            let generation = self.slots.iter().map(|slot| slot.generation).max().unwrap_or(0);
            self.slots.truncate(1);
            self.slots.shrink_to(1);
            if let Some(slot) = self.slots.first_mut() {
                slot.generation = generation.wrapping_add(1);
                slot.next_free = 0;
                self.free = 1;
            }
        }
    }
}

/// Slots that an idle connection keeps.
const IDLE_SLOTS: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_call_is_not_found_again() {
        let mut slots = Slots::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b');
        assert_eq!(first.index(), second.index(), "the slot is reused");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
    }

    #[test]
    fn the_next_id_is_told_beforehand() {
        let mut slots = Slots::new();
        for turn in 0..5 {
            let told = slots.next_id();
            let id = slots.insert(turn);
            assert_eq!(told, id);
            if turn % 2 == 0 {
                slots.remove(id);
            }
        }
        assert_eq!(slots.len(), 2);
        assert_eq!(slots.ids().count(), 2);
    }
}
