//! Distributions of latencies.

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;
use std::sync::OnceLock;

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

/// Spans below 2^11 nanoseconds have a class each; above, every power of two has 2^10 classes, so that a class is at most 0.1 % wide.
const EXACT_BITS: u32 = 11;
const CLASSES: usize = 1 << (EXACT_BITS - 1);

/// A histogram of spans in nanoseconds, to three significant digits, with the exact sum.
///
/// It counts in the classes of HdrHistogram, without the checks of its general form, which cost several times as much as the count;
/// whatever is asked is answered by an HdrHistogram, which is made at the first question.
#[derive(Clone, Debug, Default)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    count: u64,
    total: u128,
    histogram: OnceLock<Histogram<u64>>,
}

/// The class of a span: the power of two, above the leading bits.
#[inline]
fn class(span: u64) -> usize {
    let shift = u64::BITS - EXACT_BITS - (span | ((1 << EXACT_BITS) - 1)).leading_zeros();
    shift as usize * CLASSES + (span >> shift) as usize
}

/// The smallest span of a class.
fn lowest(class: usize) -> u64 {
    let shift = (class / CLASSES).saturating_sub(1);
    ((class - shift * CLASSES) as u64) << shift
}

/// How many spans of each class there were, for keeping: eight bytes per class that occurred.
#[derive(Clone, Debug, Default)]
pub struct ClassCounts {
    classes: Vec<(u16, u32)>,
    count: u64,
}

impl ClassCounts {
    /// The smallest span of each class in nanoseconds, in ascending order, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.classes.iter().map(|(class, count)| (lowest(usize::from(*class)), u64::from(*count)))
    }

    /// The number of spans.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds the spans of another.
    pub fn merge(&mut self, other: &ClassCounts) {
        self.classes.extend(&other.classes);
        self.classes.sort_by_key(|(class, _)| *class);
        self.count += other.count;
    }

    /// The number of classes that occurred.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }
}

impl LatencyHistogram {
    const DIGITS: u8 = 3;

    /// An empty histogram; it grows to the largest span recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a span.
    #[inline]
    pub fn record(&mut self, span: Nanos) {
        let class = class(span.0);
        if class >= self.counts.len() || self.histogram.get().is_some() {
            self.make_ready(class);
        }
        self.counts[class] += 1;
        self.count += 1;
        self.total += u128::from(span.0);
    }

    /// Adds a span that came so often.
    pub fn record_many(&mut self, span: Nanos, count: u64) {
        let class = class(span.0);
        self.make_ready(class);
        self.counts[class] += count;
        self.count += count;
        self.total += u128::from(span.0) * u128::from(count);
    }

    /// Empties the histogram and gives what it held in little memory; the histogram's own memory stays.
    pub fn take_counts(&mut self) -> ClassCounts {
        let mut classes = Vec::new();
        let mut left = self.count;
        for (class, count) in self.counts.iter_mut().enumerate() {
            if left == 0 {
                break;
            }
            if *count > 0 {
                left -= *count;
                // More than 4 billion of one class: the class comes twice.
                let mut rest = std::mem::take(count);
                while rest > 0 {
                    let part = rest.min(u64::from(u32::MAX));
                    classes.push((class as u16, part as u32));
                    rest -= part;
                }
            }
        }
        classes.shrink_to_fit();
        let count = std::mem::take(&mut self.count);
        self.total = 0;
        self.histogram.take();
        ClassCounts { classes, count }
    }

    /// Makes room for a class, and forgets the answers given so far.
    #[cold]
    fn make_ready(&mut self, class: usize) {
        self.histogram.take();
        if class >= self.counts.len() {
            self.counts.resize((class / CLASSES + 1) * CLASSES, 0);
        }
    }

    /// Adds the spans of another histogram.
    pub fn merge(&mut self, other: &LatencyHistogram) {
        self.make_ready(other.counts.len().saturating_sub(1));
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.total += other.total;
    }

    /// Forgets everything, at the end of the warm-up; the memory stays.
    pub fn reset(&mut self) {
        self.counts.fill(0);
        self.count = 0;
        self.total = 0;
        self.histogram.take();
    }

    /// The number of spans.
    pub fn count(&self) -> u64 {
        self.count
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
        (self.count() > 0).then(|| Nanos(self.inner().max()))
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
        Ok(Nanos(self.inner().value_at_quantile(q)))
    }

    /// The share of spans not longer than `limit`, to the resolution of three digits; `None` without observations.
    pub fn share_within(&self, limit: Nanos) -> Option<f64> {
        (self.count() > 0).then(|| self.inner().quantile_below(limit.0))
    }

    /// The same as an HdrHistogram, for files and curves.
    pub fn inner(&self) -> &Histogram<u64> {
        self.histogram.get_or_init(|| {
            let mut histogram = Histogram::new(Self::DIGITS).expect("three digits are within the histogram's range");
            for (class, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                histogram.record_n(lowest(class), count).expect("a histogram that resizes itself takes every value");
            }
            histogram
        })
    }
}
