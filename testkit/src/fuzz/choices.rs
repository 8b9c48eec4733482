//! Choices made from a seed: the same input makes the same ones.

/// A small random generator (SplitMix64). Its seed is part of the fuzzer's input.
#[derive(Clone, Debug)]
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).unwrap_or(0)
    }

    /// The length of the next piece of `left` bytes: often tiny, sometimes everything.
    pub(crate) fn piece(&mut self, left: usize) -> usize {
        let bound = match self.below(4) {
            0 => 1,
            1 => 8,
            2 => 200,
            _ => left,
        };
        (1 + self.below(bound)).min(left)
    }
}
