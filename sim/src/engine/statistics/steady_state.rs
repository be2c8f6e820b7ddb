//! Steady state from one run: how much of its start to delete, and intervals of means and quantiles from batches.

use super::{Insufficient, Interval, MIN_TAIL_SAMPLES, Tally};

/// What one run gave about the mean of a correlated series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeansResult {
    /// The interval of the mean.
    pub interval: Interval,
    /// The correlation of neighbouring batch means: near zero when batches are long enough.
    pub lag_one_correlation: f64,
    /// False when the correlation is too large to be chance (beyond 2.33/√batches, the one-sided 1 % limit): the run is too short.
    pub long_enough: bool,
}

/// The method of batch means: the mean of a correlated series with an interval from the variance of the means of equal batches.
#[derive(Clone, Copy, Debug)]
pub struct BatchMeans {
    batches: usize,
    confidence: f64,
}

impl BatchMeans {
    /// Intervals from this many batches (10 to 30 in practice; Schmeiser 1982).
    ///
    /// # Panics
    /// Below two batches.
    pub fn new(batches: usize, confidence: f64) -> Self {
        assert!(batches >= 2, "a variance needs at least two batches");
        BatchMeans { batches, confidence }
    }

    /// The mean of the series, whose first values that do not fill a batch are left out; `None` when there are fewer values than batches.
    pub fn mean(&self, series: &[f64]) -> Option<BatchMeansResult> {
        let size = series.len() / self.batches;
        if size == 0 {
            return None;
        }
        let used = &series[series.len() - size * self.batches..];
        let means: Vec<f64> = used.chunks_exact(size).map(|batch| batch.iter().sum::<f64>() / size as f64).collect();
        let mut tally = Tally::new();
        means.iter().for_each(|mean| tally.record(*mean));
        let interval = Interval::of_mean(&tally, self.confidence)?;
        let lag_one_correlation = lag_one_correlation(&means, tally.mean()?);
        let long_enough = lag_one_correlation < 2.33 / libm::sqrt(self.batches as f64);
        Some(BatchMeansResult { interval, lag_one_correlation, long_enough })
    }

    /// A quantile by sectioning (Asmussen and Glynn 2007, III.5a): the spread of the quantiles of batches around that of the whole series.
    ///
    /// # Errors
    /// [`Insufficient`] when a batch has too few values beyond the quantile.
    pub fn quantile(&self, series: &[f64], q: f64) -> Result<Interval, Insufficient> {
        let size = series.len() / self.batches;
        let tail_samples = (size as f64 * q.min(1.0 - q) + 1e-9) as u64;
        let needed = MIN_TAIL_SAMPLES.div_ceil(2);
        let insufficient = Insufficient { tail_samples, needed };
        if tail_samples < needed {
            return Err(insufficient);
        }
        let used = &series[series.len() - size * self.batches..];
        let centre = quantile_of(used.to_vec(), q);
        let sections: Vec<f64> = used.chunks_exact(size).map(|batch| quantile_of(batch.to_vec(), q)).collect();
        Ok(self.around(centre, &sections))
    }

    /// The interval around the quantile of a whole series from those of its batches: their spread around it.
    pub fn around(&self, centre: f64, sections: &[f64]) -> Interval {
        debug_assert_eq!(sections.len(), self.batches);
        let squares: f64 = sections.iter().map(|section| (section - centre) * (section - centre)).sum();
        let count = self.batches as f64;
        let error = libm::sqrt(squares / (count - 1.0) / count);
        let half = super::student_t_quantile(0.5 + 0.5 * self.confidence, self.batches as u64 - 1) * error;
        Interval { estimate: centre, low: centre - half, high: centre + half, confidence: self.confidence }
    }
}

/// The order statistic at ⌈q·n⌉.
fn quantile_of(mut values: Vec<f64>, q: f64) -> f64 {
    let rank = (libm::ceil(q * values.len() as f64 - 1e-9) as usize).clamp(1, values.len());
    *values.select_nth_unstable_by(rank - 1, f64::total_cmp).1
}

/// The correlation of neighbours in a series; 0 for a constant one.
pub fn lag_one_correlation(series: &[f64], mean: f64) -> f64 {
    let variance: f64 = series.iter().map(|value| (value - mean) * (value - mean)).sum();
    let covariance: f64 = series.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    if variance == 0.0 { 0.0 } else { covariance / variance }
}

/// Where the initial transient of a series ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Values to delete from the start.
    pub delete: usize,
    /// False when the optimum lies at the end of the half that is searched: the run is too short to tell.
    pub conclusive: bool,
}

/// MSER-5 (White, Cobb, Spratt 2000): the truncation that minimises the standard error of the rest, over means of five, within the first half.
///
/// Use it to check a fixed, generous deletion ([`warm_up_suffices`]), not to choose one: chosen from the data it lowers the coverage of
/// intervals from short runs.
pub fn mser5(series: &[f64]) -> Truncation {
    let means: Vec<f64> = series.chunks_exact(5).map(|five| five.iter().sum::<f64>() / 5.0).collect();
    let (mut tally, mut best, mut best_at) = (Tally::new(), f64::INFINITY, 0);
    for (place, mean) in means.iter().enumerate().rev() {
        tally.record(*mean);
        let count = tally.count() as f64;
        let Some(variance) = tally.variance() else { continue };
        let error = variance * (count - 1.0) / (count * count);
        if place <= means.len() / 2 && error <= best {
            (best, best_at) = (error, place);
        }
    }
    Truncation { delete: 5 * best_at, conclusive: means.len() >= 10 && best_at < means.len() / 2 }
}

/// True when a deletion fixed beforehand covers what MSER-5 finds to be transient.
pub fn warm_up_suffices(series: &[f64], deleted: usize) -> bool {
    let truncation = mser5(series);
    truncation.conclusive && truncation.delete <= deleted
}
