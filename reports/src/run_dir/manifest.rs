//! `run.json`: everything about a run that is not a time series.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measurement::Measurement;
use super::scenario::Scenario;
use crate::run_document::{RunDocument, RunKind};

/// Version of the manifest; rises when a key changes its meaning or goes away.
///
/// 2: the summary's numbers per workflow may be null; a measured run has `measurement`. Version 1 reads as ever.
pub const MANIFEST_SCHEMA_VERSION: u32 = 2;

/// The content of `run.json`.
///
/// It is written when the run begins, with the verdict `incomplete` and no summary, and replaced when the run ends;
/// so a killed run says so itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Manifest {
    /// Version of this document.
    pub schema_version: u32,
    /// Simulated or measured.
    pub kind: RunKind,
    /// Profile name.
    pub profile_name: String,
    /// The whole profile as written, after overrides.
    pub profile: String,
    /// Cluster name.
    pub cluster_name: String,
    /// The whole cluster description as written.
    pub cluster: String,
    /// Seed.
    pub seed: u64,
    /// Versions by component, e.g. "plimsoll", "temporal", "postgresql", "sdk".
    pub versions: BTreeMap<String, String>,
    /// Which clock the times of this run come from.
    pub clock: Clock,
    /// Phases of the arrival schedule.
    pub phases: Vec<Phase>,
    /// What was offered and what became of it.
    pub sent: Sent,
    /// Whether the run can be trusted.
    pub verdict: RunVerdict,
    /// The columns of `resources.csv` after `seconds`, in order.
    pub resources: Vec<ResourceColumn>,
    /// What only a measured run has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<Measurement>,
    /// Where the profile's schedule begins, and what happened beside its events; runs of before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Scenario>,
    /// The run's results; absent while the run is under way or when it was killed.
    pub summary: Option<RunDocument>,
}

/// The clock of a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Clock {
    /// Where time comes from.
    pub source: ClockSource,
    /// Start of the run, RFC 3339 in UTC; absent when simulated, so that the same seed gives the same bytes.
    pub started_at: Option<String>,
}

impl Clock {
    /// Simulated time: begins at 0.
    pub fn simulated() -> Self {
        Clock { source: ClockSource::Simulated, started_at: None }
    }

    /// Wall-clock time, from the instant the first phase begins.
    pub fn wall(started_at: jiff::Timestamp) -> Self {
        Clock { source: ClockSource::Wall, started_at: Some(started_at.to_string()) }
    }
}

/// Where time comes from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ClockSource {
    /// The simulator's.
    Simulated,
    /// The machine's.
    Wall,
}

/// A phase of the arrival schedule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Phase {
    /// Name, or "phase 1" and so on.
    pub name: String,
    /// Begin, seconds from the start of the run.
    pub start_seconds: f64,
    /// End, seconds from the start of the run.
    pub end_seconds: f64,
}

/// Intended starts and what became of them: `offered = sent + unsent`, and `failed` of the sent.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Sent {
    /// Intended starts.
    pub offered: u64,
    /// Start requests sent.
    pub sent: u64,
    /// Not sent: the in-flight cap was reached, or the run was stopped.
    pub unsent: u64,
    /// Sent, and refused or failed.
    pub failed: u64,
}

/// Whether a run can be trusted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct RunVerdict {
    /// The verdict.
    pub verdict: Trust,
    /// Why, one sentence each; of a valid run, what its reader must know all the same.
    pub reasons: Vec<String>,
}

/// The verdict of a run about itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Its numbers mean what they say.
    Valid,
    /// Usable with the care that the reasons ask for.
    Suspect,
    /// Its numbers are not to be used.
    Invalid,
    /// Under way, or killed before its end.
    Incomplete,
}

impl Trust {
    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            Trust::Valid => "VALID",
            Trust::Suspect => "SUSPECT",
            Trust::Invalid => "INVALID",
            Trust::Incomplete => "INCOMPLETE",
        }
    }
}

/// A column of `resources.csv`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ResourceColumn {
    /// The column's header, e.g. "history_cpu".
    pub name: String,
    /// Unit, e.g. "cores", "1/s", "bytes", "share" (0 to 1).
    pub unit: String,
}
