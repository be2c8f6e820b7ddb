//! The model held against a measured cluster: each number predicted and measured, its error beside the run-to-run spread.
//!
//! One simulated run and k measured ones of the same profile. What was measured is the median over the runs; the
//! spread is their range. A number passes when its error is within the tolerance, or the prediction lies within
//! the range of the runs: nobody can predict a cluster closer than it repeats itself. Runs during which the machine's
//! speed moved are marked and left out.

mod accuracy;
mod backlog;
mod document;
#[cfg(test)]
pub(crate) mod fixture;
mod rows;
mod steps;

pub use accuracy::{AccuracyRow, AccuracyTable, MetricAccuracy};
pub use document::{
    CurveRange, Named, OfferedLoad, VALIDATION_SCHEMA_VERSION, ValidatedCurves, ValidatedRun, Validation,
    ValidationGroup, ValidationRow,
};
pub use steps::{STEPS_FILE, StepKey, StepSpan, StepTask, StepTimes};

pub(crate) use rows::{error_words, name};

use crate::run_dir::{CheckOutcome, DISPATCH_LAG_CHECK, Run, Trust};

/// A run whose machine changed its speed by more than this share is left out (own choice: a tenth is what the other checks of a
/// run allow the machine, too).
pub const CANARY_LIMIT: f64 = 0.10;

/// A run that was late in sending, and nothing else, is used when the latest hundredth of its starts was late by at most this share of the shortest
/// median. Latencies count from the intended time, so that lateness is in them; the p99 of a start is three medians and more, and
/// half a median changes it by less than the quarter that a p99 may be off. Where the generator shares two busy cores with the
/// cluster, few runs are under the millisecond that a run asks of itself.
const LATE_SHARE: f64 = 0.5;

/// Whether a run's verdict about itself lets its numbers be compared with the model's.
pub fn is_usable(run: &Run) -> bool {
    match run.manifest.verdict.verdict {
        Trust::Valid | Trust::Suspect => true,
        Trust::Incomplete => false,
        Trust::Invalid => late_by(run).is_some(),
    }
}

/// By how many seconds the latest hundredth was late, of a run that is invalid for nothing else and can be used.
pub(crate) fn late_by(run: &Run) -> Option<f64> {
    let measurement = run.manifest.measurement.as_ref()?;
    let lag = measurement.dispatch_lag?.p99_seconds;
    let mut invalid = measurement.checks.iter().filter(|check| check.outcome == CheckOutcome::Invalid);
    let only_late = invalid.clone().count() == 1 && invalid.all(|check| check.check == DISPATCH_LAG_CHECK);
    let latency = &run.manifest.summary.as_ref()?.latency;
    let medians =
        [&latency.e2e, &latency.start].into_iter().flatten().filter_map(|quantiles| Some(quantiles.p50?.estimate));
    let shortest = medians.fold(f64::INFINITY, f64::min);
    (only_late && lag <= LATE_SHARE * shortest).then_some(lag)
}

/// The model's run.
#[derive(Clone, Debug)]
pub struct PredictedRun {
    /// What people call it: its directory.
    pub name: String,
    /// Its run directory.
    pub run: Run,
    /// Its times step by step; empty where they were not recorded.
    pub steps: StepTimes,
}

/// A run of the cluster.
#[derive(Clone, Debug)]
pub struct MeasuredRun {
    /// What people call it: its directory.
    pub name: String,
    /// Its run directory.
    pub run: Run,
    /// Its times step by step, from the server's event times; empty where they were not read.
    pub steps: StepTimes,
    /// By which share the machine-speed canary moved during the run (0.12 is 12 %), whichever way; absent where there was none.
    /// Above [`CANARY_LIMIT`] the run is left out.
    pub canary_moved: Option<f64>,
}
