//! Resource series of two runs, interval by interval: how far apart they are, and whether they take the same course.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::curves::units;
use super::statistics;
use crate::run_dir::{Run, columns};

/// Intervals that a shared window is cut into.
const INTERVALS: usize = 60;

/// A column of `resources.csv` in both runs, from the begin of each one's measured window.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SeriesComparison {
    /// Column.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Means over equal intervals of the time that both windows cover; intervals without a value on a side are left out.
    pub points: Vec<SeriesPoint>,
    /// Mean over the intervals of `|b − a|`, relative to the mean of `a`: how far apart the two are at any one time. Absent
    /// where the mean of `a` is 0.
    pub mean_gap: Option<f64>,
    /// Pearson's correlation of the two: 1 is the same course, around 0 two that have nothing to do with each other. Absent
    /// where a side does not vary.
    pub correlation: Option<f64>,
    /// Growth of `a` by least squares, per second.
    pub growth_a: f64,
    /// Growth of `b`.
    pub growth_b: f64,
    /// The highest interval of `a` over its mean; absent where the mean is 0.
    pub peak_a: Option<f64>,
    /// The highest interval of `b` over its mean.
    pub peak_b: Option<f64>,
}

/// Both runs in one interval.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SeriesPoint {
    /// Middle of the interval, seconds from the begin of the measured window.
    pub seconds: f64,
    /// Mean of `a`.
    pub a: f64,
    /// Mean of `b`.
    pub b: f64,
}

/// Compares a column; `None` where fewer than two intervals have values on both sides.
pub(super) fn compare(a: &Run, b: &Run, column: &str) -> Option<SeriesComparison> {
    let (of_a, of_b) = (measured(a, column), measured(b, column));
    let last = |values: &[(f64, f64)]| values.last().map_or(0.0, |(seconds, _)| *seconds);
    let shared = last(&of_a).min(last(&of_b));
    let count = INTERVALS.min(of_a.len()).min(of_b.len());
    if shared <= 0.0 || count < 2 {
        return None;
    }
    let length = shared / count as f64;
    let points: Vec<SeriesPoint> = means(&of_a, length, count)
        .into_iter()
        .zip(means(&of_b, length, count))
        .enumerate()
        .filter_map(|(index, (a, b))| Some(SeriesPoint { seconds: (index as f64 + 0.5) * length, a: a?, b: b? }))
        .collect();
    if points.len() < 2 {
        return None;
    }
    let number = points.len() as f64;
    let mean = |of: &dyn Fn(&SeriesPoint) -> f64| points.iter().map(of).sum::<f64>() / number;
    let (mean_a, mean_b) = (mean(&|point| point.a), mean(&|point| point.b));
    let highest = |of: &dyn Fn(&SeriesPoint) -> f64| points.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let over = |value: f64, mean: f64| (mean > 0.0).then(|| value / mean);
    let line = |of: &dyn Fn(&SeriesPoint) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.seconds, of(point))).collect()
    };
    Some(SeriesComparison {
        name: column.to_string(),
        unit: units(a).get(column).copied().unwrap_or("").to_string(),
        mean_gap: over(mean(&|point| (point.b - point.a).abs()), mean_a.abs()),
        correlation: statistics::correlation(points.iter().map(|point| (point.a, point.b))),
        growth_a: statistics::slope(&line(&|point| point.a)).unwrap_or(0.0),
        growth_b: statistics::slope(&line(&|point| point.b)).unwrap_or(0.0),
        peak_a: over(highest(&|point| point.a), mean_a),
        peak_b: over(highest(&|point| point.b), mean_b),
        points,
    })
}

/// A column within the measured window, by the seconds since its begin.
pub(super) fn measured(run: &Run, column: &str) -> Vec<(f64, f64)> {
    let (begin, end) = run.window();
    let (begin, end) = (begin.as_secs_f64(), end.as_secs_f64());
    let values = run.resources.column(column).into_iter();
    values
        .filter(|(seconds, _)| (begin..=end).contains(seconds))
        .map(|(seconds, value)| (seconds - begin, value))
        .collect()
}

fn means(values: &[(f64, f64)], length: f64, count: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); count];
    for (seconds, value) in values {
        // What lies on a border is the mean up to then.
        let index = ((seconds / length).ceil() as usize).saturating_sub(1);
        if let Some(sum) = sums.get_mut(index) {
            sum.0 += value;
            sum.1 += 1.0;
        }
    }
    sums.into_iter().map(|(sum, number)| (number > 0.0).then(|| sum / number)).collect()
}

/// Growth of stored bytes over the measured window per workflow completed in it, by column: those of unit "bytes" whose name
/// ends in `_bytes`, which sizes of tables and databases do and memory does not.
pub(crate) fn storage_growth(run: &Run) -> Vec<(String, f64)> {
    let Some(summary) = &run.manifest.summary else { return Vec::new() };
    let sizes =
        run.manifest.resources.iter().filter(|column| column.unit == "bytes" && column.name.ends_with("_bytes"));
    let each = sizes.filter_map(|column| {
        let values = measured(run, &column.name);
        let (first, last) = (values.first()?, values.last()?);
        let workflows = summary.throughput_per_second * (last.0 - first.0);
        (workflows > 0.0).then(|| (column.name.clone(), (last.1 - first.1) / workflows))
    });
    each.collect()
}

/// Mean over the measured window, what was there before the run subtracted.
pub(super) fn loaded_mean(run: &Run, column: &str) -> Option<f64> {
    let values = measured(run, column);
    if values.is_empty() {
        return None;
    }
    let idle = run.manifest.measurement.as_ref().and_then(|measurement| measurement.idle_baseline.get(column));
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
    Some((mean - idle.copied().unwrap_or(0.0)).max(0.0))
}

/// Whether a column is the generator's own book-keeping: it says nothing of the system.
pub(super) fn of_the_generator(column: &str) -> bool {
    [columns::OFFERED, columns::SENT, columns::COMPLETED, columns::FAILED, columns::WAITING, columns::CANARY]
        .contains(&column)
        || column.starts_with("generator_")
}
