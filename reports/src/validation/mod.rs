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

use crate::run_dir::Run;

/// A run whose machine changed its speed by more than this share is left out (own choice: a tenth is what the other checks of a
/// run allow the machine, too).
pub const CANARY_LIMIT: f64 = 0.10;

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
