//! What an autoscaler did in a run, and settings that were found for one: the part `scaling` of a run, and what
//! `plimsoll plan --autoscale --format json` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the document of `plan --autoscale`.
pub const AUTOSCALE_SCHEMA_VERSION: u32 = 1;

/// Worker pods over a run, and what an autoscaler did to them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Scaling {
    /// Who scaled, e.g. "HPA, 5 to 50 pods".
    pub by: String,
    /// Hours that worker pods existed, all together.
    pub pod_hours: f64,
    /// Mean number of pods.
    pub mean_pods: f64,
    /// Fewest pods that were not told to go.
    pub fewest_pods: u32,
    /// Most of them.
    pub most_pods: u32,
    /// Changes upwards.
    pub scale_ups: u32,
    /// Changes downwards.
    pub scale_downs: u32,
    /// Changes of direction within ten minutes: flapping.
    pub reversals: u32,
    /// Minutes in which a promise was broken by the latencies that ended in them.
    pub slo_minutes_lost: u32,
    /// Minutes with latencies.
    pub minutes: u32,
    /// Every change of the number of pods wanted.
    #[serde(default)]
    pub changes: Vec<ScaleChange>,
}

/// The number of pods wanted was changed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ScaleChange {
    /// When, from the begin of the schedule, seconds.
    pub at_seconds: f64,
    /// Pods before.
    pub before: u32,
    /// Pods after.
    pub after: u32,
}

/// The answer of `plimsoll plan --autoscale`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct AutoscaleDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// Seed.
    pub seed: u64,
    /// "HPA" or "KEDA".
    pub autoscaler: String,
    /// Length of the arrival curve that was measured, seconds.
    pub measured_seconds: f64,
    /// Whether the settings found keep every promise over the curve.
    pub kept: bool,
    /// Whether they do with other random numbers too.
    pub confirmed: bool,
    /// The settings, as written and as found.
    pub settings: Vec<AutoscaleSetting>,
    /// A fixed fleet, the settings as written, the settings found.
    pub fleets: Vec<FleetOverCurve>,
    /// What one change of direction within ten minutes counts as, pod-hours.
    pub reversal_pod_hours: f64,
    /// What to write into the profile.
    pub toml: String,
    /// Simulations of the curve.
    pub simulations: u32,
    /// Things the reader should know.
    pub warnings: Vec<String>,
}

/// One setting.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct AutoscaleSetting {
    /// What, e.g. "CPU utilisation".
    pub name: String,
    /// In the profile.
    pub written: String,
    /// Found.
    pub found: String,
}

/// One fleet over the arrival curve.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FleetOverCurve {
    /// Which, e.g. "fixed, 14 pods".
    pub name: String,
    /// Whether every promise is kept over the curve.
    pub kept: bool,
    /// Pods and their changes.
    pub scaling: Scaling,
    /// Each promise.
    pub promises: Vec<PromiseOverCurve>,
}

/// A promise over the whole curve.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PromiseOverCurve {
    /// The latency, e.g. "schedule_to_start.activity".
    pub metric: String,
    /// From 0 to 1.
    pub quantile: f64,
    /// Seconds.
    pub limit_seconds: f64,
    /// The quantile over all latencies of the curve, seconds.
    pub value_seconds: f64,
}
