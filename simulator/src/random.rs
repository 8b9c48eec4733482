//! Random numbers that a seed decides.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A generator of random numbers: the same seed gives the same numbers, on every machine and in every version.
///
/// It is SplitMix64 (Steele, Lea, Flood 2014), which passes the usual statistical tests and is no secret to anybody.
///
/// ```
/// use kitewire_simulator::Random;
///
/// let (mut one, mut other) = (Random::new(7), Random::new(7));
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert!(one.below(10) < 10);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the high half of a product of two u64 is a u64"
    )]
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// An index of a list of `length` items; 0 when it is empty.
    #[allow(clippy::cast_possible_truncation, reason = "below a usize")]
    pub const fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number of `range`, each with the same chance. The start of an empty range.
    pub const fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (start, end) = (*range.start(), *range.end());
        match end.saturating_sub(start).checked_add(1) {
            Some(width) => start + self.below(width),
            None => self.next_u64(),
        }
    }

    /// A size of `range`, each power of two with the same chance: as many draws below 16 as between 4096 and 65536.
    pub fn size(&mut self, range: RangeInclusive<usize>) -> usize {
        let (least, most) = (*range.start(), *range.end());
        if least >= most {
            return least;
        }
        let magnitudes = (most - least).ilog2() + 2;
        let magnitude = self.below(u64::from(magnitudes));
        let bound = if magnitude == 0 { 1 } else { 1u64 << (magnitude - 1) };
        let extra = if magnitude == 0 { 0 } else { bound + self.below(bound) };
        least
            .saturating_add(usize::try_from(extra).unwrap_or(usize::MAX))
            .min(most)
    }

    /// A duration of `range`, to the nanosecond.
    pub fn duration(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let (start, end) = (nanos(*range.start()), nanos(*range.end()));
        Duration::from_nanos(self.within(start..=end))
    }

    /// True once in `times` draws; never when `times` is 0.
    pub const fn one_in(&mut self, times: u32) -> bool {
        times != 0 && self.below(times as u64) == 0
    }

    /// One of `items`, or nothing when there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// Puts `items` in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    /// A generator of its own, whose numbers do not depend on how many are drawn from this one later.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self::new(self.next_u64())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        let first: Vec<_> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn draws_stay_in_their_ranges() {
        let mut random = Random::new(1);
        for _ in 0..10_000 {
            assert!(random.below(3) < 3);
            assert!((5..=9).contains(&random.within(5..=9)));
            assert!((2..=1000).contains(&random.size(2..=1000)));
            let range = Duration::from_nanos(3)..=Duration::from_nanos(4);
            assert!(range.contains(&random.duration(&range)));
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.size(7..=7), 7);
        assert_eq!(random.within(0..=0), 0);
        assert!(random.pick::<u8>(&[]).is_none());
        assert!(!random.one_in(0) && random.one_in(1));
    }

    #[test]
    fn every_end_of_a_range_of_sizes_is_drawn() {
        let mut random = Random::new(2);
        let drawn: std::collections::BTreeSet<_> = (0..10_000).map(|_| random.size(1..=16)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), (1..=16).collect::<Vec<_>>());
    }
}
