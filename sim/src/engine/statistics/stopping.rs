//! How many replications are enough.

use super::{Interval, Tally};

/// Replicates until the interval is narrow enough, relative to its estimate.
///
/// Each replication gives one independent value: its mean, or its quantile. For a quantile set a centre with [`SequentialStopping::with_centre`], the quantile
/// of all observations together, since the mean of quantiles of short runs is biased (sectioning with full-sample centre).
/// The rule of Chow and Robbins (1965), not before `minimum` values, asked only at doublings of that minimum so that few looks keep the coverage.
#[derive(Clone, Copy, Debug)]
pub struct SequentialStopping {
    relative_half_width: f64,
    confidence: f64,
    minimum: u64,
    maximum: u64,
    values: Tally,
    centre: Option<f64>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// More values are needed, this many before the rule is asked again.
    Continue(u64),
    /// The interval is narrow enough.
    Precise(Interval),
    /// The most replications allowed are done, and this is as narrow as it is.
    Exhausted(Interval),
}

impl SequentialStopping {
    /// Stops at a half-width of this share of the estimate, after `minimum` values at the earliest and `maximum` at the latest.
    ///
    /// # Panics
    /// When `minimum` is below two or above `maximum`.
    pub fn new(relative_half_width: f64, confidence: f64, minimum: u64, maximum: u64) -> Self {
        assert!((2..=maximum).contains(&minimum), "{minimum} to {maximum} replications");
        SequentialStopping { relative_half_width, confidence, minimum, maximum, values: Tally::new(), centre: None }
    }

    /// Adds the value of a replication.
    pub fn record(&mut self, value: f64) {
        self.values.record(value);
    }

    /// Puts the interval around this estimate from all observations instead of around the mean of the values.
    pub fn with_centre(&mut self, centre: f64) {
        self.centre = Some(centre);
    }

    /// The interval so far; `None` below two values.
    pub fn interval(&self) -> Option<Interval> {
        let centre = self.centre.or(self.values.mean())?;
        Interval::around(centre, &self.values, self.confidence)
    }

    /// Whether to go on.
    pub fn decide(&self) -> Decision {
        let count = self.values.count();
        let (Some(interval), true) = (self.interval(), count >= self.minimum) else {
            return Decision::Continue(self.minimum.max(2) - count);
        };
        let mut look = self.minimum;
        while look < count {
            look *= 2;
        }
        let at_look = look == count || count >= self.maximum;
        if at_look && interval.relative_half_width() <= self.relative_half_width {
            return Decision::Precise(interval);
        }
        if count >= self.maximum {
            return Decision::Exhausted(interval);
        }
        Decision::Continue(if look == count { count.min(self.maximum - count) } else { look.min(self.maximum) - count })
    }
}
