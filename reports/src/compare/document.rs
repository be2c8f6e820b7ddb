//! The comparison as a document: what `plimsoll compare --format json` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Everything else that both runs have: throughput, work per workflow, utilisation, resource series.
    pub quantities: Vec<QuantityComparison>,
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
    /// Workflows completed per second.
    Throughput,
    /// Work and cost per workflow.
    PerWorkflow,
    /// Mean utilisation of a resource.
    Utilisation,
    /// Mean of a column of `resources.csv` over the measured window.
    Resource,
}

impl QuantityGroup {
    /// The heading people read.
    pub fn heading(self) -> &'static str {
        match self {
            QuantityGroup::Throughput => "Throughput",
            QuantityGroup::PerWorkflow => "Per workflow",
            QuantityGroup::Utilisation => "Utilisation",
            QuantityGroup::Resource => "Resources",
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
    /// Beyond the tolerance, and by more than the floor under which differences are noise.
    pub beyond_tolerance: bool,
    /// The two confidence intervals share a value.
    pub intervals_overlap: bool,
    /// Beyond the tolerance, and not explained by chance: the intervals do not overlap.
    pub counts: bool,
}

impl Difference {
    /// Judges `b` against `a`.
    pub fn judge(a: &Interval, b: &Interval, tolerance: f64, floor: f64) -> Difference {
        let gap = b.estimate - a.estimate;
        let relative = if gap == 0.0 {
            Some(0.0)
        } else if a.estimate == 0.0 {
            None
        } else {
            Some(gap / a.estimate.abs())
        };
        let beyond_tolerance = gap.abs() > floor && relative.is_none_or(|relative| relative.abs() > tolerance);
        let intervals_overlap = a.low <= b.high && b.low <= a.high;
        let counts = beyond_tolerance && !intervals_overlap;
        Difference { relative, tolerance, beyond_tolerance, intervals_overlap, counts }
    }
}
