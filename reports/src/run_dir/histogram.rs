//! A histogram as its non-empty buckets.
//!
//! A dense HdrHistogram of latencies takes some 200 KB; an hour of one per second and metric would fill the memory.

use hdrhistogram::Histogram;

/// Values in nanoseconds with their counts, ascending; each value stands for its HdrHistogram bucket
/// (relative width 1/1000 or less).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets(Vec<(u64, u64)>);

impl Buckets {
    /// The non-empty buckets of a histogram, each by its middle value.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let buckets = histogram
            .iter_recorded()
            .map(|bucket| (histogram.median_equivalent(bucket.value_iterated_to()), bucket.count_at_value()))
            .collect();
        Buckets(buckets)
    }

    /// Buckets from pairs of value and count in any order; equal values are added up.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut pairs: Vec<(u64, u64)> = pairs.into_iter().filter(|(_, count)| *count > 0).collect();
        pairs.sort_unstable_by_key(|(value, _)| *value);
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(pairs.len());
        for (value, count) in pairs {
            match merged.last_mut() {
                Some(last) if last.0 == value => last.1 += count,
                _ => merged.push((value, count)),
            }
        }
        Buckets(merged)
    }

    /// All buckets of several histograms together.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Buckets>) -> Self {
        Buckets::from_pairs(parts.into_iter().flat_map(|part| part.0.iter().copied()))
    }

    /// Value (nanoseconds) and count, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Number of samples.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Number of samples at or below a value (nanoseconds).
    pub fn at_most(&self, value: u64) -> u64 {
        self.0.iter().take_while(|(bucket, _)| *bucket <= value).map(|(_, count)| count).sum()
    }

    /// Mean in nanoseconds; `None` without samples.
    pub fn mean(&self) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        Some(self.0.iter().map(|(value, count)| *value as f64 * *count as f64).sum::<f64>() / total as f64)
    }

    /// The smallest value (nanoseconds) that at least the share `quantile` of the samples does not exceed;
    /// `None` without samples. Quantiles outside 0 to 1 are taken as 0 or 1.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let total = self.total();
        let rank = ((quantile.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (value, count) in &self.0 {
            seen += count;
            if seen >= rank {
                return Some(*value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_order_statistic() {
        let buckets = Buckets::from_pairs([(30, 1), (10, 2), (20, 1), (10, 0), (20, 1)]);
        assert_eq!(buckets.iter().collect::<Vec<_>>(), [(10, 2), (20, 2), (30, 1)]);
        assert_eq!(buckets.total(), 5);
        assert_eq!(buckets.mean(), Some(18.0));
        assert_eq!(buckets.quantile(0.0), Some(10));
        assert_eq!(buckets.quantile(0.4), Some(10));
        assert_eq!(buckets.quantile(0.41), Some(20));
        assert_eq!(buckets.quantile(1.0), Some(30));
        assert_eq!(buckets.at_most(20), 4);
        assert_eq!(Buckets::default().quantile(0.5), None);
        assert_eq!(Buckets::default().mean(), None);
    }
}
