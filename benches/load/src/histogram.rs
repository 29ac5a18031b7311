//! Latencies in 3 % steps: a fixed table, so that recording costs a shift and an addition whatever the count.
//!
//! Knows numbers only, not what they measure.

use std::time::Duration;

/// Each power of two is cut into this many steps: 1/32 is a resolution of about 3 %.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.ilog2();
/// One row of steps for every exponent that a `u64` of nanoseconds can have.
const BUCKETS: usize = (64 - STEP_BITS as usize + 1) * STEPS as usize;

/// Counts of durations, by size.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
            largest: 0,
        }
    }

    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = duration.as_nanos() as u64;
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.largest = self.largest.max(nanoseconds);
    }

    /// Takes over all that `other` recorded.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.largest = self.largest.max(other.largest);
    }

    /// The duration that `per_mille` of 1000 recorded ones do not exceed, rounded up to its step.
    pub fn quantile(&self, per_mille: u64) -> Duration {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper_edge(index).min(self.largest));
            }
        }
        Duration::ZERO
    }

    pub fn largest(&self) -> Duration {
        Duration::from_nanos(self.largest)
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let exponent = value.ilog2() - STEP_BITS;
    let step = (value >> exponent) - STEPS;
    ((u64::from(exponent) + 1) * STEPS + step) as usize
}

fn upper_edge(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let exponent = index / STEPS - 1;
    let low = (STEPS + index % STEPS) << exponent;
    low + ((1 << exponent) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_the_bucket_whose_edges_hold_it() {
        let mut value = 1_u64;
        while value < u64::MAX / 3 {
            for probe in [value - 1, value, value + 1] {
                let index = bucket(probe);
                assert!(upper_edge(index) >= probe, "{probe} above its bucket");
                assert!(
                    index == 0 || upper_edge(index - 1) < probe,
                    "{probe} below its bucket"
                );
            }
            value = value * 3 / 2 + 1;
        }
        assert!(bucket(u64::MAX) < BUCKETS);
        assert_eq!(upper_edge(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_of_a_thousand_equal_steps() {
        let mut histogram = Histogram::new();
        for microseconds in 1..=1000 {
            histogram.record(Duration::from_micros(microseconds));
        }
        let near = |per_mille, expected: f64| {
            let found = histogram.quantile(per_mille).as_secs_f64() * 1e6;
            assert!(
                (found / expected - 1.0).abs() < 0.04,
                "{found} instead of {expected}"
            );
        };
        near(500, 500.0);
        near(990, 990.0);
        assert_eq!(histogram.quantile(1000), Duration::from_millis(1));
        assert_eq!(histogram.largest(), Duration::from_millis(1));
    }

    #[test]
    fn merging_is_recording_both() {
        let (mut one, mut other, mut both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for (nanoseconds, first) in [(5, true), (70_000, false), (900, true)] {
            let target = if first { &mut one } else { &mut other };
            target.record(Duration::from_nanos(nanoseconds));
            both.record(Duration::from_nanos(nanoseconds));
        }
        one.merge(&other);
        assert_eq!(
            (one.counts, one.total, one.largest),
            (both.counts, both.total, both.largest)
        );
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert_eq!(Histogram::new().quantile(500), Duration::ZERO);
    }
}
