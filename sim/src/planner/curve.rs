//! Latency against load, and where the first promise breaks.

use rayon::prelude::*;

use plimsoll_profiles::profile::SloTarget;
use plimsoll_profiles::units::{Nanos, Rate};

use super::evaluate::{Evaluator, metric};
use crate::temporal::SystemSize;

/// One load on a fixed system.
#[derive(Clone, Debug)]
pub struct LoadPoint {
    /// Starts per second.
    pub rate: Rate,
    /// The promised quantiles; `None` when the system did not keep up or the tail has too few samples.
    pub latencies: Vec<(SloTarget, Option<Nanos>)>,
    /// Whether all promises are kept.
    pub kept: bool,
}

/// Multiples of the planned rate at which the curve is drawn.
const LOADS: [f64; 6] = [0.2, 0.5, 0.8, 1.0, 1.25, 1.6];
/// Workflows per point.
const WORKFLOWS: f64 = 600.0;
/// Bisections for the knee.
const BISECTIONS: usize = 3;
/// Beyond this multiple nobody asks.
const FARTHEST: f64 = 16.0;

impl Evaluator<'_> {
    fn point(&self, size: SystemSize, rate: Rate) -> LoadPoint {
        let verdict = self.run(size, rate, WORKFLOWS);
        let finished = verdict.outcome.ended_early.is_none();
        let latency = |target: &SloTarget| {
            let histogram = verdict.outcome.recorder.total(metric(target.metric)).inner();
            (finished && histogram.len() as f64 * (1.0 - target.quantile) >= 3.0)
                .then(|| Nanos(histogram.value_at_quantile(target.quantile)))
        };
        LoadPoint {
            rate,
            latencies: self.profile.slo.targets.iter().map(|target| (*target, latency(target))).collect(),
            kept: verdict.kept(),
        }
    }

    /// The curve of a system, and the rate at which its first promise breaks (if one does within [`FARTHEST`] times the planned rate).
    pub fn load_curve(&self, size: SystemSize, planned: Rate) -> (Vec<LoadPoint>, Option<Rate>) {
        let at = |factor: f64| Rate::per_second(planned.as_per_second() * factor);
        let mut points: Vec<LoadPoint> = LOADS.par_iter().map(|factor| self.point(size, at(*factor))).collect();
        let mut kept = LOADS[0];
        let mut broken = None;
        for (factor, point) in LOADS.iter().zip(&points) {
            if !point.kept && *factor > 1.0 {
                broken = Some(*factor);
                break;
            }
            kept = kept.max(*factor);
        }
        while broken.is_none() && kept < FARTHEST {
            let factor = kept * 1.6;
            let point = self.point(size, at(factor));
            if point.kept {
                kept = factor
            } else {
                broken = Some(factor)
            }
            points.push(point);
        }
        let Some(mut broken) = broken else {
            return (points, None);
        };
        for _ in 0..BISECTIONS {
            let factor = 0.5 * (kept + broken);
            let point = self.point(size, at(factor));
            if point.kept {
                kept = factor
            } else {
                broken = factor
            }
            points.push(point);
        }
        points.sort_by(|a, b| a.rate.as_per_second().total_cmp(&b.rate.as_per_second()));
        (points, Some(at(0.5 * (kept + broken))))
    }
}
