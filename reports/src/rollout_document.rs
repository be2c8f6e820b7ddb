//! A rollout as a document: part of a simulated run, and what `plimsoll rollouts --format json` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the document of `plimsoll rollouts`.
pub const ROLLOUTS_SCHEMA_VERSION: u32 = 1;

/// What a rollout of a new worker version did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RolloutDocument {
    /// `rolling`, `blue-green` or `canary`.
    pub strategy: String,
    /// Worker pods before and after.
    pub replicas: u32,
    /// When it began, seconds from the begin of the run.
    pub begins_seconds: f64,
    /// From its begin until the new version had everything; null when that did not come.
    pub complete_seconds: Option<f64>,
    /// From its begin until the last pod of the version that goes was gone; null when that did not come.
    pub gone_seconds: Option<f64>,
    /// How it was taken back, if it was.
    pub rollback: Option<RollbackDocument>,
    /// Pods while it lasted.
    pub pods: PodBounds,
    /// Hours of pods while it lasted.
    pub pod_hours: f64,
    /// Of these, beyond those of the replicas.
    pub extra_pod_hours: f64,
    /// Activities cut off with their pod; each is tried again if its retry policy allows.
    pub activities_cut_off: u64,
    /// Mean time from there until the server knew and could try them again, seconds; null when none was cut off.
    pub mean_wait_for_retry_seconds: Option<f64>,
    /// Activities that were on their way to a pod that was gone; tried again after their time-out.
    pub activities_lost_on_their_way: u64,
    /// Workflow tasks whose worker was killed; scheduled again after 10 s.
    pub workflow_tasks_lost: u64,
    /// Workflows in the sticky caches of pods that went.
    pub caches_lost: u64,
    /// Histories that a worker ran again from the start while it lasted.
    pub histories_replayed: u64,
    /// Activity attempts that ended on the new version.
    pub new_version_attempts: u64,
    /// Of these, failed ones.
    pub new_version_failed: u64,
    /// What happened when.
    pub milestones: Vec<RolloutMilestone>,
    /// Latencies before, during and after.
    pub latency: Vec<RolloutLatency>,
}

/// A rollout that was taken back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RollbackDocument {
    /// From the rollout's begin until it was decided, seconds.
    pub decided_seconds: f64,
    /// Why.
    pub why: String,
    /// From the decision until the old version had all new work again, seconds; null when that did not come.
    pub back_seconds: Option<f64>,
}

/// Worker pods while a rollout lasted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct PodBounds {
    /// Fewest ready ones.
    pub fewest_ready: u32,
    /// Most that were starting or ready: what a Deployment counts.
    pub most: u32,
    /// Most with those that were draining.
    pub most_with_draining: u32,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RolloutMilestone {
    /// Seconds from the begin of the run.
    pub at_seconds: f64,
    /// What, e.g. `cut-over`.
    pub what: String,
}

/// A latency before, during and after a rollout.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RolloutLatency {
    /// Which: `e2e`, `schedule_to_start_workflow`, `schedule_to_start_activity`.
    pub metric: String,
    /// From the warm-up's end to the rollout's begin.
    pub before: Option<RolloutQuantiles>,
    /// From its begin until the last pod is gone, or the end of the run.
    pub during: Option<RolloutQuantiles>,
    /// From then on.
    pub after: Option<RolloutQuantiles>,
}

/// Quantiles of a part of a run, seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RolloutQuantiles {
    /// Samples.
    pub samples: u64,
    /// Median.
    pub p50: f64,
    /// 99 %; null with fewer than a thousand samples.
    pub p99: Option<f64>,
}

/// The answer of `plimsoll rollouts`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RolloutsDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// Seed of every simulation.
    pub seed: u64,
    /// Worker pods.
    pub replicas: u32,
    /// The strategy the profile names.
    pub chosen: String,
    /// One per strategy, in the order of the source's matrix.
    pub strategies: Vec<StrategyOutcome>,
    /// Things the reader should know.
    pub warnings: Vec<String>,
}

/// A strategy: the row of the source's decision matrix, and this profile's numbers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct StrategyOutcome {
    /// `rolling`, `blue-green` or `canary`.
    pub strategy: String,
    /// The source's words (document 003, section 10.1.5).
    pub source: SourceRow,
    /// The rollout, as the profile describes it.
    pub rollout: RolloutDocument,
    /// The same taken back when the new version is first out.
    pub taken_back: RolloutDocument,
}

/// A row of the source's decision matrix.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct SourceRow {
    /// How much work it is.
    pub complexity: String,
    /// How fast one is back.
    pub rollback_speed: String,
    /// What it costs.
    pub resource_cost: String,
    /// The risk left.
    pub risk: String,
    /// What it is best for.
    pub best_for: String,
    /// The Temporal feature it needs.
    pub temporal_feature: String,
}
