//! Latencies in buckets that are at most 1.6 % wide.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The latency, in microseconds, that the share `part` of all calls stayed below.
    pub(crate) fn quantile_us(&self, part: f64) -> f64 {
        let wanted = self.total as f64 * part;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen > 0 && seen as f64 >= wanted {
                return middle(index) / 1000.0;
            }
        }
        0.0
    }
}

/// Values below 64 have a bucket each; above, each power of two is cut in 64.
fn bucket(nanos: u64) -> usize {
    let bits = 64 - nanos.leading_zeros();
    let shift = bits.saturating_sub(STEP_BITS + 1);
    let index = (u64::from(shift) << STEP_BITS) + (nanos >> shift);
    usize::try_from(index).map_or(BUCKETS - 1, |index| index.min(BUCKETS - 1))
}

fn middle(index: usize) -> f64 {
    let steps = 1 << STEP_BITS;
    let shift = (index / steps).saturating_sub(1);
    let start = (index - shift * steps) << shift;
    start as f64 + (1_u64 << shift) as f64 / 2.0
}

const STEP_BITS: u32 = 6;
/// Enough for 2^40 ns, a quarter of an hour.
const BUCKETS: usize = 36 << STEP_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_narrow() {
        for nanos in [1_u64, 63, 64, 127, 128, 1000, 123_456, 7_654_321, 9_999_999_999] {
            let off = (middle(bucket(nanos)) - nanos as f64).abs() / nanos as f64;
            assert!(off < 0.51 && (nanos < 64 || off < 0.016), "{nanos}: {off}");
        }
    }

    #[test]
    fn quantiles_are_found() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        assert!((histogram.quantile_us(0.5) - 500.0).abs() < 10.0);
        assert!((histogram.quantile_us(0.99) - 990.0).abs() < 20.0);
    }
}
