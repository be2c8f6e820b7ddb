//! The comparison as a document: what `plimsoll compare --format json` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::curves::QuantilePair;
use super::events::TimelineComparison;
use super::explain::Explanation;
use super::residuals::Residual;
use super::series::SeriesComparison;
use super::tolerances::Tolerance;
use crate::quantity::{Interval, QuantileCurve};
use crate::run_document::RunKind;

/// Version of the comparison document.
pub const COMPARISON_SCHEMA_VERSION: u32 = 1;

/// Two runs side by side; differences are those of `b` relative to `a`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Comparison {
    /// Version of this document.
    pub schema_version: u32,
    /// The reference.
    pub a: ComparedRun,
    /// The run held against it.
    pub b: ComparedRun,
    /// Whether no difference counts (see [`Difference::counts`]) and there was something to compare.
    pub within: bool,
    /// One sentence that says it.
    pub verdict_text: String,
    /// Latency metrics that both runs have.
    pub metrics: Vec<MetricComparison>,
    /// Everything else that both runs have: throughput, work and requests per workflow, utilisation, means of resource series,
    /// growth of storage.
    pub quantities: Vec<QuantityComparison>,
    /// Columns of `resources.csv` that both runs have, interval by interval.
    #[serde(default)]
    pub series: Vec<SeriesComparison>,
    /// The course of both from the begin of the schedule, and what each event cost; absent where nothing happened in either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timelines: Option<TimelineComparison>,
    /// Work per workflow by class (requests by method, statements by kind, CPU by process), the largest residual of a class
    /// first. They explain, and do not decide.
    #[serde(default)]
    pub residuals: Vec<Residual>,
    /// Where the runs differ, and what is responsible, in words.
    #[serde(default)]
    pub explanations: Vec<Explanation>,
    /// Names that only `a` has.
    pub only_in_a: Vec<String>,
    /// Names that only `b` has.
    pub only_in_b: Vec<String>,
    /// Things the reader should know: runs that do not trust themselves, other seeds, cut files.
    pub notes: Vec<String>,
}

/// A run as the comparison names it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ComparedRun {
    /// Simulated or measured.
    pub kind: RunKind,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// Seed.
    pub seed: u64,
}

impl ComparedRun {
    /// "simulated", "measured": how text and charts call the run.
    pub fn word(&self) -> &'static str {
        match self.kind {
            RunKind::Simulated => "simulated",
            RunKind::Measured => "measured",
        }
    }
}

/// One latency metric in both runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct MetricComparison {
    /// Metric, e.g. `e2e.response`.
    pub metric: String,
    /// Samples in `a`.
    pub samples_a: u64,
    /// Samples in `b`.
    pub samples_b: u64,
    /// Mean in `a`, seconds.
    pub mean_a: f64,
    /// Mean in `b`, seconds.
    pub mean_b: f64,
    /// p50, p90, p95, p99, p99.9: those with enough tail samples in both runs.
    pub quantiles: Vec<QuantileComparison>,
    /// Wasserstein-1 distance over the mean of `a`: how far, on average, a sample has to move. 0.05 is 5 %.
    pub wasserstein_relative: f64,
    /// The largest relative difference over the percentiles 1 to 99; absent below 100 samples.
    pub largest_gap: Option<QuantileGap>,
    /// Quantiles in pairs: every percentile and the tail, where both runs have ten samples on either side.
    #[serde(default)]
    pub pairs: Vec<QuantilePair>,
    /// Percentile curve of `a`.
    pub curve_a: QuantileCurve,
    /// Percentile curve of `b`.
    pub curve_b: QuantileCurve,
}

/// One quantile in both runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct QuantileComparison {
    /// 0.99 is p99.
    pub quantile: f64,
    /// Seconds in `a`.
    pub a: Interval,
    /// Seconds in `b`.
    pub b: Interval,
    /// Effective sample sizes behind the intervals.
    pub effective_samples: (f64, f64),
    /// The judgement.
    pub difference: Difference,
}

/// Where two distributions are furthest apart.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct QuantileGap {
    /// The quantile.
    pub quantile: f64,
    /// Difference of `b` relative to `a`.
    pub relative: f64,
}

/// A number in both runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct QuantityComparison {
    /// What kind of number.
    pub group: QuantityGroup,
    /// Its name, e.g. "statements", "history pods", "database_cpu".
    pub name: String,
    /// Unit: "per workflow", "share", "1/s", or the resource column's own.
    pub unit: String,
    /// In `a`; the interval is a point where the run gives none.
    pub a: Interval,
    /// In `b`.
    pub b: Interval,
    /// The judgement.
    pub difference: Difference,
}

/// Kinds of numbers that are compared.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum QuantityGroup {
    /// Workflows offered and completed per second.
    Throughput,
    /// Work and cost per workflow.
    PerWorkflow,
    /// gRPC requests per workflow by service.
    Requests,
    /// Mean utilisation of a resource.
    Utilisation,
    /// Mean of a column of `resources.csv` over the measured window.
    Resource,
    /// Growth of stored bytes per workflow over the measured window.
    Storage,
    /// What an event of the profile cost.
    Event,
}

impl QuantityGroup {
    /// The heading people read.
    pub fn heading(self) -> &'static str {
        match self {
            QuantityGroup::Throughput => "Throughput",
            QuantityGroup::PerWorkflow => "Per workflow",
            QuantityGroup::Requests => "Requests per workflow",
            QuantityGroup::Utilisation => "Utilisation",
            QuantityGroup::Resource => "Resources",
            QuantityGroup::Storage => "Storage per workflow",
            QuantityGroup::Event => "Events",
        }
    }
}

/// How far two values are apart, and whether that counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Difference {
    /// `(b − a) / a`; absent where `a` is 0 and `b` is not.
    pub relative: Option<f64>,
    /// The allowed relative difference.
    pub tolerance: f64,
    /// The allowed difference in the number's own unit, where there is one: either suffices.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tolerance_absolute: f64,
    /// Beyond the tolerance, and by more than the floor under which differences are noise.
    pub beyond_tolerance: bool,
    /// The two confidence intervals share a value.
    pub intervals_overlap: bool,
    /// Beyond the tolerance, and not explained by chance: the intervals do not overlap.
    pub counts: bool,
}

impl Difference {
    /// Judges `b` against `a`.
    pub fn judge(a: &Interval, b: &Interval, tolerance: Tolerance, floor: f64) -> Difference {
        let gap = b.estimate - a.estimate;
        let beyond_tolerance = gap.abs() > floor && !tolerance.allows(gap, a.estimate);
        let intervals_overlap = a.low <= b.high && b.low <= a.high;
        Difference {
            relative: relative(gap, a.estimate),
            tolerance: tolerance.relative,
            tolerance_absolute: tolerance.absolute,
            beyond_tolerance,
            intervals_overlap,
            counts: beyond_tolerance && !intervals_overlap,
        }
    }

    /// What was allowed.
    pub fn allowed(&self) -> Tolerance {
        Tolerance { relative: self.tolerance, absolute: self.tolerance_absolute }
    }
}

/// A difference relative to its reference; absent where only the reference is 0.
pub(crate) fn relative(gap: f64, reference: f64) -> Option<f64> {
    if gap == 0.0 {
        return Some(0.0);
    }
    (reference != 0.0).then(|| gap / reference.abs())
}

pub(crate) fn is_zero(value: &f64) -> bool {
    *value == 0.0
}
