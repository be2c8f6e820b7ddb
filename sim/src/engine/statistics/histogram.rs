//! Distributions of latencies.

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;

/// Observations beyond a quantile below which it is not reported: with fewer, even independent ones, their number is uncertain by
/// more than 1.96 / √20 = 44 % at 95 % confidence.
pub const MIN_TAIL_SAMPLES: u64 = 20;

/// Too few observations beyond a quantile to report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("insufficient: {tail_samples} samples beyond the quantile, at least {needed} are needed")]
pub struct Insufficient {
    /// Samples expected beyond the quantile.
    pub tail_samples: u64,
    /// Samples needed there.
    pub needed: u64,
}

/// A histogram of spans in nanoseconds, to three significant digits (HdrHistogram), with the exact sum.
#[derive(Clone, Debug)]
pub struct LatencyHistogram {
    histogram: Histogram<u64>,
    total: u128,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl LatencyHistogram {
    const DIGITS: u8 = 3;

    /// An empty histogram; it grows to the largest span recorded.
    pub fn new() -> Self {
        let histogram = Histogram::new(Self::DIGITS).expect("three digits are within the histogram's range");
        LatencyHistogram { histogram, total: 0 }
    }

    /// Adds a span.
    #[inline]
    pub fn record(&mut self, span: Nanos) {
        self.total += u128::from(span.0);
        self.histogram.record(span.0).expect("a histogram that resizes itself takes every value");
    }

    /// Adds the spans of another histogram.
    pub fn merge(&mut self, other: &LatencyHistogram) {
        self.total += other.total;
        self.histogram.add(&other.histogram).expect("a histogram that resizes itself takes every value");
    }

    /// Forgets everything, at the end of the warm-up; the memory stays.
    pub fn reset(&mut self) {
        self.histogram.reset();
        self.total = 0;
    }

    /// The number of spans.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The exact mean; `None` without observations.
    pub fn mean(&self) -> Option<Nanos> {
        let count = u128::from(self.count());
        (count > 0).then(|| Nanos(((self.total + count / 2) / count) as u64))
    }

    /// The exact sum, in nanoseconds.
    pub fn total(&self) -> u128 {
        self.total
    }

    /// The largest span, to three digits; `None` without observations.
    pub fn max(&self) -> Option<Nanos> {
        (self.count() > 0).then(|| Nanos(self.histogram.max()))
    }

    /// The smallest span that at least the share `q` of all does not exceed, to three digits.
    ///
    /// # Errors
    /// [`Insufficient`] with fewer than [`MIN_TAIL_SAMPLES`] observations on the rarer side of the quantile.
    pub fn quantile(&self, q: f64) -> Result<Nanos, Insufficient> {
        let tail_samples = (self.count() as f64 * q.min(1.0 - q) + 1e-9) as u64;
        if tail_samples < MIN_TAIL_SAMPLES {
            return Err(Insufficient { tail_samples, needed: MIN_TAIL_SAMPLES });
        }
        Ok(Nanos(self.histogram.value_at_quantile(q)))
    }

    /// The share of spans not longer than `limit`, to the resolution of three digits; `None` without observations.
    pub fn share_within(&self, limit: Nanos) -> Option<f64> {
        (self.count() > 0).then(|| self.histogram.quantile_below(limit.0))
    }

    /// The histogram itself, for files and curves.
    pub fn inner(&self) -> &Histogram<u64> {
        &self.histogram
    }
}
