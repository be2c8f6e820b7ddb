//! The validation as a document: what `plimsoll-load validate --format json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::steps::StepKey;
use crate::compare::{Explanation, Tolerance, is_zero};
use crate::quantity::QuantileCurve;
use crate::run_dir::Trust;

/// Version of the validation document.
pub const VALIDATION_SCHEMA_VERSION: u32 = 1;

/// A prediction held against measured runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Validation {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name of the measured runs.
    pub cluster: String,
    /// Versions of the measured system by component.
    pub versions: BTreeMap<String, String>,
    /// The model's run.
    pub predicted: ValidatedRun,
    /// The cluster's runs, those left out included.
    pub measured: Vec<ValidatedRun>,
    /// The load that the two were under; absent where a side does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<OfferedLoad>,
    /// The machine's speed in the runs and in the calibration; absent where one of them is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<MachineSpeed>,
    /// Whether every row and step is within, and there is at least one.
    pub within: bool,
    /// One sentence that says it.
    pub verdict_text: String,
    /// Every number that the model and at least one run have: those outside first, then by how much of its tolerance each
    /// uses up.
    pub rows: Vec<ValidationRow>,
    /// Workflow tasks and activities one by one, in the order of the workflow; empty where one side has none.
    pub steps: Vec<ValidationRow>,
    /// Percentile curves of the model, with the range of the runs.
    pub curves: Vec<ValidatedCurves>,
    /// Where the model is off, and what in it is responsible.
    pub explanations: Vec<Explanation>,
    /// Things the reader should know.
    pub notes: Vec<String>,
}

/// Workflows offered per second of the measured window: what a validation is given, not what it judges.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct OfferedLoad {
    /// To the model.
    pub predicted: f64,
    /// To the cluster, the median over the runs.
    pub measured: f64,
}

impl OfferedLoad {
    /// The model's relative to the runs'.
    pub fn relative(&self) -> f64 {
        self.predicted / self.measured - 1.0
    }

    /// Further apart than the chance of two Poisson schedules of a few minutes: the two are not of the same load (own choice:
    /// 5 %).
    pub fn differs(&self) -> bool {
        self.relative().abs() > 0.05
    }
}

/// How fast the machine was: CPU seconds of the canary's fixed computation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct MachineSpeed {
    /// When costs were measured.
    pub calibrated: f64,
    /// In the runs, the median over those that count.
    pub measured: f64,
}

impl MachineSpeed {
    /// What a cost of work in the calibration is multiplied by.
    pub fn factor(&self) -> f64 {
        self.measured / self.calibrated
    }

    /// In words: `the canary took 0.231 ms in the runs and 0.217 ms in the calibration: the model's costs of work are taken times 1.06`.
    pub fn words(&self) -> String {
        format!(
            "the canary took {:.3} ms in the runs and {:.3} ms in the calibration: the model's costs of work are taken times {:.2}",
            self.measured * 1e3,
            self.calibrated * 1e3,
            self.factor()
        )
    }
}

/// A run as the validation names it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ValidatedRun {
    /// What people call it.
    pub name: String,
    /// Seed.
    pub seed: u64,
    /// The run's verdict about itself.
    pub trust: Trust,
    /// By which share the machine-speed canary moved; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_moved: Option<f64>,
    /// CPU seconds of the canary's computation, the mean over the measured window; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_seconds: Option<f64>,
    /// Why it was left out; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

impl Validation {
    /// CPU seconds of the canary in the runs that count, the middle run's; `None` where there was none.
    pub fn canary_seconds(&self) -> Option<f64> {
        let used = self.measured.iter().filter(|run| run.left_out.is_none());
        let mut seconds: Vec<f64> = used.filter_map(|run| run.canary_seconds).collect();
        seconds.sort_by(f64::total_cmp);
        median(&seconds)
    }
}

/// Kinds of numbers, in the order in which people ask for them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum ValidationGroup {
    /// Workflows completed per second.
    Throughput,
    /// Work and cost per workflow.
    PerWorkflow,
    /// A quantile of a latency.
    Latency,
    /// A quantile of one task's latency.
    Step,
    /// Growth of stored bytes per workflow.
    Storage,
    /// How a backlog grows, and how long it takes to drain.
    Backlog,
}

/// One number, predicted and measured.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ValidationRow {
    /// What kind of number.
    pub group: ValidationGroup,
    /// Its name: `statements`, `cpu_seconds.history`, `e2e.response`, `activity.schedule_to_start`, …
    pub metric: String,
    /// Quantile (0 to 1) of a latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// Which step of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepKey>,
    /// Unit: "s", "bytes", "1/s", or nothing for a count per workflow.
    pub unit: String,
    /// The model's.
    pub predicted: f64,
    /// The median over the runs; of an even number the mean of the middle two.
    pub measured: f64,
    /// Each run's, in the order of the runs that were not left out and have it.
    pub runs: Vec<f64>,
    /// `(predicted − measured) / measured`; absent where only the measured is 0.
    pub error: Option<f64>,
    /// The range of the runs relative to their median, 0 for a single run; absent where the median is 0 and the range is not.
    pub spread: Option<f64>,
    /// The allowed relative error.
    pub tolerance: f64,
    /// The allowed error in the row's unit, where there is one: either suffices.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tolerance_absolute: f64,
    /// The error over what is allowed: above 1 it is beyond the tolerance. At most 10⁶.
    pub tolerance_used: f64,
    /// The error is within the tolerance.
    pub within_tolerance: bool,
    /// A latency that is no further from the median run than the runs are from each other: a second measured run is no closer. Counts
    /// and costs have no such allowance.
    pub within_spread: bool,
    /// Either; or the row is not judged.
    pub within: bool,
    /// A latency above 80 % of saturation is shown, and not judged: it depends on how long the load lasted.
    #[serde(default = "judged", skip_serializing_if = "is_judged")]
    pub judged: bool,
}

fn judged() -> bool {
    true
}

fn is_judged(judged: &bool) -> bool {
    *judged
}

/// The model's percentile curve and what the runs made of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ValidatedCurves {
    /// Metric, e.g. `e2e.response`.
    pub metric: String,
    /// The model's.
    pub predicted: QuantileCurve,
    /// The runs' at the quantiles that all of them have.
    pub measured: Vec<CurveRange>,
}

/// The range of the runs at one quantile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CurveRange {
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// The fastest run, seconds.
    pub low: f64,
    /// The median run, seconds.
    pub median: f64,
    /// The slowest run, seconds.
    pub high: f64,
}

impl ValidationRow {
    /// Holds a prediction against the runs; `None` without one.
    pub fn judge(named: Named, predicted: f64, runs: Vec<f64>, tolerance: Tolerance) -> Option<ValidationRow> {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let measured = median(&sorted)?;
        let gap = predicted - measured;
        let within_tolerance = tolerance.allows(gap, measured);
        let is_latency = matches!(named.group, ValidationGroup::Latency | ValidationGroup::Step);
        let within_spread = is_latency && runs.len() > 1 && gap.abs() <= high - low;
        let allowed = tolerance.limit(measured);
        let used = if gap == 0.0 { 0.0 } else { gap.abs() / allowed };
        Some(ValidationRow {
            group: named.group,
            metric: named.metric,
            quantile: named.quantile,
            step: named.step,
            unit: named.unit,
            predicted,
            measured,
            runs,
            error: crate::compare::relative(gap, measured),
            spread: crate::compare::relative(high - low, measured),
            tolerance: tolerance.relative,
            tolerance_absolute: tolerance.absolute,
            tolerance_used: used.min(1e6),
            within_tolerance,
            within_spread,
            within: within_tolerance || within_spread,
            judged: true,
        })
    }

    /// From now on the row is shown only.
    pub fn show_only(&mut self) {
        self.judged = false;
        self.within = true;
    }

    /// Whether it is the quantile of a latency.
    pub fn is_latency(&self) -> bool {
        matches!(self.group, ValidationGroup::Latency | ValidationGroup::Step)
    }

    /// What was allowed.
    pub fn allowed(&self) -> Tolerance {
        Tolerance { relative: self.tolerance, absolute: self.tolerance_absolute }
    }

    /// The smallest and the largest of the runs.
    pub fn range(&self) -> (f64, f64) {
        let low = self.runs.iter().copied().fold(f64::INFINITY, f64::min);
        (low, self.runs.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// What a row is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// What kind of number.
    pub group: ValidationGroup,
    /// Its name.
    pub metric: String,
    /// Quantile of a latency.
    pub quantile: Option<f64>,
    /// Step of the workflow.
    pub step: Option<StepKey>,
    /// Unit.
    pub unit: String,
}

/// The middle of sorted values, of an even number the mean of the middle two.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if !sorted.len().is_multiple_of(2) {
        return Some(upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row_of(group: ValidationGroup, predicted: f64, runs: &[f64], tolerance: Tolerance) -> ValidationRow {
        let named = Named { group, metric: "statements".into(), quantile: None, step: None, unit: String::new() };
        ValidationRow::judge(named, predicted, runs.to_vec(), tolerance).unwrap()
    }

    fn row(predicted: f64, runs: &[f64], tolerance: Tolerance) -> ValidationRow {
        row_of(ValidationGroup::PerWorkflow, predicted, runs, tolerance)
    }

    #[test]
    fn error_and_spread_are_relative_to_the_median_run() {
        let found = row(110.0, &[104.0, 96.0, 100.0], Tolerance::relative(0.1));
        assert_eq!((found.measured, found.error, found.spread), (100.0, Some(0.1), Some(0.08)));
        assert_eq!(found.runs, [104.0, 96.0, 100.0]);
        assert!(found.within_tolerance && !found.within_spread && found.within);
        assert!((found.tolerance_used - 1.0).abs() < 1e-9, "exactly at its tolerance");
        assert_eq!(row(90.0, &[80.0, 120.0], Tolerance::relative(0.1)).measured, 100.0);
    }

    #[test]
    fn a_latency_as_close_to_the_median_run_as_the_runs_are_to_each_other_passes_however_narrow_the_tolerance() {
        let strict = Tolerance::relative(0.01);
        let latency = |predicted, runs: &[f64]| row_of(ValidationGroup::Latency, predicted, runs, strict);
        let close = latency(88.0, &[100.0, 99.0, 111.0]);
        assert!(!close.within_tolerance && close.within_spread && close.within);
        let outside = latency(113.0, &[100.0, 99.0, 111.0]);
        assert!(!outside.within && outside.tolerance_used > 1.0);
        assert!(!latency(112.0, &[100.0]).within, "one run has no spread");
        assert!(!latency(102.0, &[100.0, 100.0, 100.0]).within);
    }

    #[test]
    fn a_count_has_its_tolerance_only() {
        let found = row(110.0, &[100.0, 99.0, 111.0], Tolerance::relative(0.01));
        assert!(!found.within_spread && !found.within);
    }

    #[test]
    fn what_is_shown_only_is_not_outside() {
        let mut found = row_of(ValidationGroup::Latency, 400.0, &[100.0], Tolerance::relative(0.1));
        assert!(!found.within);
        found.show_only();
        assert!(found.within && !found.judged && !found.within_tolerance);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<ValidationRow>(&text).unwrap(), found);
        let old = text.replace(",\"judged\":false", "");
        assert!(
            serde_json::from_str::<ValidationRow>(&old).unwrap().judged,
            "documents without the key judged every row"
        );
    }

    #[test]
    fn an_absolute_tolerance_is_enough() {
        let found = row(0.004, &[0.002], Tolerance { relative: 0.1, absolute: 0.002 });
        assert!(found.within_tolerance && found.error == Some(1.0));
    }

    #[test]
    fn a_prediction_of_what_never_happens_is_no_infinity() {
        let found = row(3.0, &[0.0, 0.0], Tolerance::relative(0.1));
        assert_eq!((found.error, found.spread, found.within), (None, Some(0.0), false));
        assert_eq!(found.tolerance_used, 1e6);
        assert!(row(0.0, &[0.0], Tolerance::default()).within);
    }
}
