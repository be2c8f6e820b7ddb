//! Distributions as curves: percentiles for a chart, and pairs of quantiles for a Q-Q plot and a distribution function.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::{CurvePoint, QuantileCurve};
use crate::run_dir::{Buckets, Run};

/// Samples that must be left beyond the last point of a curve.
const FEWEST_TAIL_SAMPLES: f64 = 10.0;

/// The same quantile of both runs: a point of the Q-Q plot, and one of each distribution function.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct QuantilePair {
    /// The quantile, 0 to 1.
    pub quantile: f64,
    /// Seconds in `a`.
    pub a: f64,
    /// Seconds in `b`.
    pub b: f64,
}

/// The quantiles of a percentile curve, which a log axis of `1/(1−q)` shows evenly: ten a decade.
pub fn curve_quantiles() -> impl Iterator<Item = f64> {
    (0..=50).map(|step| 1.0 - 10f64.powf(-f64::from(step) / 10.0))
}

/// A percentile curve; it ends where ten samples are left.
pub fn curve(metric: &str, all: &Buckets) -> QuantileCurve {
    let samples = all.total();
    let told = curve_quantiles().take_while(|q| enough_beyond(*q, samples));
    let points = told.filter_map(|q| Some(CurvePoint { x: q, y: all.quantile(q)? as f64 / 1e9 }));
    QuantileCurve { metric: metric.to_string(), points: points.collect(), samples }
}

/// Every percentile that leaves ten samples below and beyond in both, then those of the curve past p99.
pub fn pairs(a: &Buckets, b: &Buckets) -> Vec<QuantilePair> {
    let samples = a.total().min(b.total());
    let percentiles = (1..=99).map(|percent| f64::from(percent) / 100.0);
    let tail = curve_quantiles().filter(|q| *q > 0.990_1);
    percentiles
        .chain(tail)
        .filter(|q| enough_beyond(*q, samples) && enough_beyond(1.0 - *q, samples))
        .filter_map(|quantile| {
            let seconds = |side: &Buckets| Some(side.quantile(quantile)? as f64 / 1e9);
            Some(QuantilePair { quantile, a: seconds(a)?, b: seconds(b)? })
        })
        .collect()
}

/// A hair's breadth of room: 1 − 10⁻² is not exactly 0.99.
fn enough_beyond(quantile: f64, samples: u64) -> bool {
    (1.0 - quantile) * (samples as f64) >= FEWEST_TAIL_SAMPLES - 1e-6
}

/// One name for what simulated and measured runs call differently: the start call, which a simulated run only has as
/// its response.
fn canonical(metric: &str) -> &str {
    match metric {
        "start.response" => "start",
        metric => metric,
    }
}

/// The metrics of a run under the names by which runs of any kind are compared.
pub fn canonical_metrics(run: &Run) -> Vec<&str> {
    run.metrics().into_iter().map(canonical).collect()
}

/// The intervals of a metric, by its name among [`canonical_metrics`], within the measured window.
pub(super) fn intervals(run: &Run, metric: &str) -> Vec<Buckets> {
    let name = run.metrics().into_iter().find(|name| canonical(name) == metric).unwrap_or(metric);
    run.measured(name).into_iter().map(|interval| interval.buckets.clone()).collect()
}

/// All samples of a metric, by its name among [`canonical_metrics`], within the measured window.
pub fn merged(run: &Run, metric: &str) -> Buckets {
    Buckets::merged(&intervals(run, metric))
}

/// Unit by column of `resources.csv`.
pub(super) fn units(run: &Run) -> BTreeMap<&str, &str> {
    run.manifest.resources.iter().map(|column| (column.name.as_str(), column.unit.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of the exponential distribution, evenly: sample i of n is at (i − ½)/n.
    fn exponential(mean: f64, samples: u32) -> Buckets {
        let of = |i: u32| -(1.0 - (f64::from(i) + 0.5) / f64::from(samples)).ln() * mean * 1e9;
        Buckets::from_pairs((0..samples).map(|i| (of(i).round() as u64, 1)))
    }

    #[test]
    fn pairs_of_a_scaled_distribution_lie_on_a_line_through_zero() {
        let pairs = pairs(&exponential(0.1, 20_000), &exponential(0.15, 20_000));
        assert!(pairs.len() > 99, "{}", pairs.len());
        for pair in &pairs {
            assert!((pair.b / pair.a - 1.5).abs() < 1e-6, "{pair:?}");
            let exact = -(1.0 - pair.quantile).ln() * 0.1;
            assert!((pair.a / exact - 1.0).abs() < 0.01, "{pair:?} is not {exact}");
        }
    }

    #[test]
    fn pairs_of_a_shifted_distribution_are_as_far_apart_as_it_was_shifted() {
        let a = exponential(0.1, 5_000);
        let b = Buckets::from_pairs(a.iter().map(|(value, count)| (value + 7_000_000, count)));
        assert!(pairs(&a, &b).iter().all(|pair| (pair.b - pair.a - 0.007).abs() < 1e-12));
    }

    #[test]
    fn pairs_end_where_ten_samples_are_left_on_either_side_of_the_smaller_run() {
        let pairs = pairs(&exponential(0.1, 200), &exponential(0.1, 100_000));
        assert_eq!(pairs.first().map(|pair| pair.quantile), Some(0.05));
        assert_eq!(pairs.last().map(|pair| pair.quantile), Some(0.95));
        assert_eq!(pairs.len(), 91);
    }

    #[test]
    fn a_curve_ends_where_ten_samples_are_left() {
        let points = curve("start", &exponential(1.0, 1_000)).points;
        assert_eq!(points.len(), 21);
        assert!((points.last().map_or(0.0, |point| point.x) - 0.99).abs() < 1e-9);
    }
}
