//! A sweep as a document: a grid of simulations, what `plimsoll sweep --format json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run_document::{Counts, Latencies, RunDocument};

/// Version of the sweep document.
pub const SWEEP_SCHEMA_VERSION: u32 = 1;

/// The answer of `plimsoll sweep`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SweepDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// Seed of every simulation: common random numbers make neighbours comparable.
    pub seed: u64,
    /// The keys that vary, in the order of `--vary`.
    pub vary: Vec<String>,
    /// One entry per point of the grid, in grid order.
    pub points: Vec<SweepPoint>,
}

/// One simulation of the grid.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SweepPoint {
    /// The value of each varied key, as written, in the order of `vary`.
    pub settings: Vec<String>,
    /// Starts offered per second.
    pub offered_per_second: f64,
    /// Workflows completed per second.
    pub throughput_per_second: f64,
    /// Counts over the whole run.
    pub counts: Counts,
    /// Latencies.
    pub latency: Latencies,
    /// Mean utilisation by resource.
    pub utilisation: BTreeMap<String, f64>,
    /// Whether the profile's promises are kept; absent where the profile makes none.
    pub slo_met: Option<bool>,
}

impl SweepPoint {
    /// The part of a run that a sweep keeps.
    pub fn from_run(settings: Vec<String>, run: &RunDocument, slo_met: Option<bool>) -> Self {
        SweepPoint {
            settings,
            offered_per_second: run.offered_per_second,
            throughput_per_second: run.throughput_per_second,
            counts: run.counts,
            latency: run.latency.clone(),
            utilisation: run.utilisation.clone(),
            slo_met,
        }
    }
}
