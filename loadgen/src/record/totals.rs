//! Sums over the run.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;

use super::metric::Metric;
use super::recorder::{Recording, add, empty};

/// Latencies of the measured window, by metric.
#[derive(Clone, Debug)]
pub struct Totals {
    from: u32,
    until: u32,
    measured: BTreeMap<Metric, Histogram<u64>>,
}

impl Totals {
    /// Sums over the operations intended in this window, to the second.
    pub fn new(measured_from: Nanos, until: Nanos) -> Self {
        // A second belongs to the window when it begins in it.
        let second = |at: Nanos| u32::try_from(at.0.div_ceil(1_000_000_000)).unwrap_or(u32::MAX);
        Totals { from: second(measured_from), until: second(until), measured: BTreeMap::new() }
    }

    /// Adds what was recorded.
    pub fn add(&mut self, recordings: &[Recording]) {
        for recording in recordings.iter().filter(|recording| (self.from..self.until).contains(&recording.second)) {
            add(self.measured.entry(recording.metric).or_insert_with(empty), &recording.histogram);
        }
    }

    /// All samples of a metric in the window; `None` without any.
    pub fn of(&self, metric: Metric) -> Option<&Histogram<u64>> {
        self.measured.get(&metric).filter(|histogram| !histogram.is_empty())
    }
}

/// A quantile of a histogram of nanoseconds.
pub fn quantile(histogram: &Histogram<u64>, quantile: f64) -> Nanos {
    Nanos(histogram.value_at_quantile(quantile))
}
