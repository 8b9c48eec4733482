//! From stream ids to places.

/// Where something of a stream lies.
pub(crate) type Key = usize;

/// From stream ids to keys: an open-addressing table, at most half full. Id zero is in no table.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Id zero is an empty place.
    places: Vec<(u32, u32)>,
    len: usize,
    /// No entry lies further from its home.
    farthest: usize,
}

impl Index {
    #[inline]
    pub(crate) fn find(&self, id: u32) -> Option<Key> {
        let mut at = self.home(id);
        loop {
            let (found, key) = *self.places.get(at)?;
            if found == id {
                return if found == 0 { None } else { Some(key as Key) };
            }
            if found == 0 {
                return None;
            }
            at = self.next(at);
        }
    }

    pub(crate) fn insert(&mut self, id: u32, key: Key) {
        if self.len.saturating_mul(2) >= self.places.len() {
            self.grow();
        }
        self.place(id, u32::try_from(key).unwrap_or(u32::MAX));
        self.len = self.len.saturating_add(1);
    }

    pub(crate) fn remove(&mut self, id: u32) {
        let mut at = self.home(id);
        loop {
            match self.places.get(at) {
                None | Some((0, _)) => return,
                Some((found, _)) if *found == id => break,
                Some(_) => at = self.next(at),
            }
        }
        self.len = self.len.saturating_sub(1);
        self.set(at, (0, 0));
        if self.len == 0 {
            self.farthest = 0;
        }
        // Entries behind the hole move up, unless they would leave the way from their home.
        let mut hole = at;
        let mut at = self.next(hole);
        while let Some(&(found, key)) = self.places.get(at)
            && found != 0
        {
            let from_hole = at.wrapping_sub(hole) & self.mask();
            if from_hole > self.farthest {
                break;
            }
            if self.distance(found, at) >= from_hole {
                self.set(hole, (found, key));
                self.set(at, (0, 0));
                hole = at;
            }
            at = self.next(at);
        }
    }

    fn grow(&mut self) {
        let size = self.places.len().saturating_mul(2).max(8);
        let old = std::mem::replace(&mut self.places, vec![(0, 0); size]);
        self.farthest = 0;
        for (id, key) in old {
            if id != 0 {
                self.place(id, key);
            }
        }
    }

    fn place(&mut self, id: u32, key: u32) {
        let mut at = self.home(id);
        while self.places.get(at).is_some_and(|(found, _)| *found != 0) {
            at = self.next(at);
        }
        self.farthest = self.farthest.max(self.distance(id, at));
        self.set(at, (id, key));
    }

    /// How far `at` is from the home of `id`.
    #[inline]
    fn distance(&self, id: u32, at: usize) -> usize {
        at.wrapping_sub(self.home(id)) & self.mask()
    }

    fn set(&mut self, at: usize, place: (u32, u32)) {
        if let Some(slot) = self.places.get_mut(at) {
            *slot = place;
        }
    }

    /// Ids in use lie close together, so that the low bits above the lowest tell them apart.
    #[inline]
    fn home(&self, id: u32) -> usize {
        (id >> 1) as usize & self.mask()
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.mask()
    }

    #[inline]
    fn mask(&self) -> usize {
        self.places.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_is_in_it_and_nothing_else() {
        let mut index = Index::default();
        // Ids with the same home, in every order of removal.
        let ids: Vec<_> = (0..40_u32).map(|n| 1 + (n % 5) * 2 + (n / 5) * 1024).collect();
        for gone in 0..ids.len() {
            for (key, id) in ids.iter().enumerate() {
                index.insert(*id, key);
            }
            for step in 0..ids.len() {
                let at = (gone + step * 7) % ids.len();
                index.remove(ids[at]);
                assert_eq!(index.find(ids[at]), None);
                let left = (step + 1..ids.len()).map(|step| (gone + step * 7) % ids.len());
                for key in left {
                    assert_eq!(index.find(ids[key]), Some(key));
                }
            }
            assert_eq!(index.len, 0);
        }
        assert_eq!(index.find(3), None);
        assert_eq!(index.find(0), None);
    }
}
