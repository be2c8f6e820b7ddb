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

/// Shares of the rate at which the first resource is full, at which the curve is drawn.
const SHARES: [f64; 7] = [0.15, 0.35, 0.55, 0.7, 0.82, 0.9, 0.96];
/// The same where a simulation has to fill the system with many workflows first.
const FEW_SHARES: [f64; 3] = [0.35, 0.75, 0.97];
/// Workflows in the system from which on it counts as many.
const MANY_HELD: f64 = 2_000.0;
/// Workflows per point.
const WORKFLOWS: f64 = 600.0;
/// A queue near its limit needs about this long to show what it does.
const SHORTEST: f64 = 4.0;
/// Bisections for the knee.
const BISECTIONS: usize = 2;

impl Evaluator<'_> {
    fn point(&self, size: SystemSize, rate: Rate) -> LoadPoint {
        let workflows = WORKFLOWS.max(SHORTEST * rate.as_per_second().min(400.0));
        let verdict = self.run(size, rate, workflows);
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

    /// The curve of a system, and the rate at which its first promise breaks.
    ///
    /// `full` is the rate at which the first resource is full. Beyond it no promise holds for long, though a short simulation may
    /// not show it; so the promise breaks there at the latest.
    pub fn load_curve(&self, size: SystemSize, planned: Rate, full: Rate) -> (Vec<LoadPoint>, Rate) {
        let full = full.as_per_second().max(planned.as_per_second());
        let held = full * self.residence.as_secs_f64();
        let shares: &[f64] = if held > MANY_HELD { &FEW_SHARES } else { &SHARES };
        let mut points: Vec<LoadPoint> =
            shares.par_iter().map(|share| self.point(size, Rate::per_second(share * full))).collect();
        // The planned rate was found to be kept, with more samples than a point has.
        let mut kept = planned.as_per_second();
        let mut broken = full;
        for point in points.iter().filter(|point| point.rate.as_per_second() > planned.as_per_second()) {
            if !point.kept {
                broken = point.rate.as_per_second();
                break;
            }
            kept = point.rate.as_per_second();
        }
        let bisections = if held > MANY_HELD { 0 } else { BISECTIONS };
        for _ in 0..bisections {
            // Closer than this the samples of a point do not tell.
            if broken / kept < 1.03 {
                break;
            }
            let point = self.point(size, Rate::per_second(0.5 * (kept + broken)));
            let rate = point.rate.as_per_second();
            if point.kept {
                kept = rate
            } else {
                broken = rate
            }
            points.push(point);
        }
        points.sort_by(|a, b| a.rate.as_per_second().total_cmp(&b.rate.as_per_second()));
        (points, Rate::per_second(broken))
    }
}
