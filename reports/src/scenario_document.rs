//! Failures tried on a profile as a document: what `plimsoll scenarios --format json` prints, and what a run says of its events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the scenarios document.
pub const SCENARIOS_SCHEMA_VERSION: u32 = 1;

/// The answer of `plimsoll scenarios`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ScenariosDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// Seed of every simulation.
    pub seed: u64,
    /// Workflows started per second, all the time: the schedule's peak.
    pub rate_per_second: f64,
    /// Sizes simulated.
    pub sizes: SimulatedSizes,
    /// What is promised, e.g. `workflow task schedule-to-start p99 ≤ 200 ms`.
    pub slo: Vec<String>,
    /// Time of the warm-up, seconds; the failure comes five minutes after it.
    pub warmup_seconds: f64,
    /// Minutes missed without any failure, of those simulated.
    pub missed_without: f64,
    /// One entry per failure.
    pub scenarios: Vec<Scenario>,
    /// Failures that were not simulated.
    pub refused: Vec<RefusedScenario>,
    /// Things the reader should know.
    pub warnings: Vec<String>,
}

/// Sizes of a simulation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SimulatedSizes {
    /// Worker pods.
    pub worker_pods: u32,
    /// Activity slots of each.
    pub activity_slots: u32,
    /// Frontend pods.
    pub frontend_pods: u32,
    /// History pods.
    pub history_pods: u32,
    /// Matching pods.
    pub matching_pods: u32,
    /// History shards.
    pub history_shards: u32,
    /// Database cores.
    pub database_cores: f64,
}

/// One failure, in a simulation of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Scenario {
    /// What people call it.
    pub name: String,
    /// What it did, and what would have prevented it.
    pub failure: FailureReport,
    /// The run minute by minute, from five minutes before the failure on.
    pub timeline: Vec<TimelinePoint>,
}

/// A minute of a scenario.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct TimelinePoint {
    /// End of the minute, seconds from the failure's begin; negative before.
    pub at_seconds: f64,
    /// Tasks that wait for a worker.
    pub backlog: u64,
    /// Calls and tasks held up by what is down.
    pub held_up: u64,
    /// Open workflows.
    pub open_workflows: u64,
    /// Workflows completed within the minute.
    pub completed: u64,
    /// Activities running.
    pub activities: u64,
    /// Whether a promise was missed.
    pub slo_missed: bool,
}

/// What an event did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FailureReport {
    /// Its kind, as in the profile.
    pub kind: String,
    /// Its begin, seconds from the begin of the schedule.
    pub at_seconds: f64,
    /// How long it lasts.
    pub for_seconds: f64,
    /// What it did.
    pub impact: FailureImpact,
    /// What it did to requests.
    pub requests: FailureRequests,
    /// What was tried against it, each simulated with the same random numbers.
    pub prevention: Vec<PreventionReport>,
    /// The index of what helped most; absent where nothing tried was better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<usize>,
}

/// Backlog and promises with an event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FailureImpact {
    /// The most that waited in the five minutes before: tasks without a worker, calls and tasks held up.
    pub backlog_before: u64,
    /// The most that waited from its begin on.
    pub backlog_peak: u64,
    /// When, seconds after its begin.
    pub backlog_peak_at_seconds: f64,
    /// Most open workflows.
    pub open_workflows_peak: u64,
    /// Minutes in which a promise was missed that is kept without the event.
    pub slo_minutes_lost: f64,
    /// When the backlog was back at its level before, seconds after the event's end; absent where it was not while it was watched.
    #[serde(default)]
    pub backlog_gone_seconds: Option<f64>,
    /// When the promises were kept again, too, seconds after the event's begin, to the minute.
    #[serde(default)]
    pub time_to_recover_seconds: Option<f64>,
    /// How long it was watched from its begin on, seconds: to the next event, or the schedule's end.
    pub watched_seconds: f64,
    /// Workflows failed in the whole run.
    pub workflows_failed: u64,
    /// Workflows open at its end.
    pub workflows_unfinished: u64,
    /// The system did not keep up, and the simulation ended early.
    pub overloaded: bool,
}

/// What failures did to requests, over the whole run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FailureRequests {
    /// Calls and tasks that met something that was down.
    pub failed_calls: u64,
    /// Tries made again.
    pub retries: u64,
    /// The longest that one of them waited, seconds.
    pub longest_wait_seconds: f64,
    /// Calls of clients and workers that waited longer than an SDK tries by itself (60 s): lost, if their callers do not try again.
    pub given_up: u64,
    /// History shards that changed their owner.
    pub shards_moved: u64,
    /// Database connections opened again.
    pub connections_opened: u64,
    /// Activities that lost their worker, retried after their time-out.
    pub activities_cut: u64,
    /// Workflow tasks that lost their worker.
    pub workflow_tasks_cut: u64,
    /// Poisoned activities.
    pub poisoned: u64,
    /// Their attempts.
    pub poisoned_attempts: u64,
    /// Attempts that an open circuit breaker refused.
    pub refused_attempts: u64,
    /// Region loss: workflows started since the newest backup, which are lost and have to be started again.
    pub started_since_backup: u64,
    /// Region loss: workflows closed since it.
    pub closed_since_backup: u64,
    /// Region loss: activities scheduled since it, which run twice.
    pub activities_since_backup: u64,
    /// Region loss: how much of the time since the backup was simulated, seconds.
    pub backup_age_seconds: f64,
}

/// Something tried against a failure.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PreventionReport {
    /// What was changed.
    pub what: String,
    /// What the event did all the same.
    pub impact: FailureImpact,
}

/// A failure that is not simulated.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct RefusedScenario {
    /// What people call it.
    pub name: String,
    /// Why not.
    pub reason: String,
}

impl FailureReport {
    /// What helped most.
    pub fn best(&self) -> Option<&PreventionReport> {
        self.prevention.get(self.best?)
    }
}
