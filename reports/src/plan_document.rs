//! The plan as a document: what `plimsoll plan --format json` prints, and what text and HTML are drawn from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan_basis::PlanBasis;
use crate::quantity::{CurvePoint, Interval, QuantileCurve};

/// Version of the plan document; rises when a key changes its meaning or goes away.
pub const PLAN_SCHEMA_VERSION: u32 = 1;

/// The answer of `plimsoll plan`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PlanDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// E.g. "Temporal 1.31.2 · PostgreSQL 15".
    pub versions: String,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence that says it.
    pub verdict_text: String,
    /// Workers at the horizon (what to provision by then); `now` holds today's.
    pub workers: WorkersPlan,
    /// Services at the horizon.
    pub server: ServerPlan,
    /// Shards, for the horizon: they cannot be changed later.
    pub history_shards: u32,
    /// The database at the horizon.
    pub database: DatabasePlan,
    /// The same for today's load.
    pub now: SizedPlan,
    /// Label of the horizon, e.g. "18 months".
    pub horizon_label: String,
    /// Peak starts per second planned for: today and at the horizon (headroom excluded).
    pub load: LoadSummary,
    /// What breaks first, most loaded first.
    pub bottlenecks: Vec<Bottleneck>,
    /// The promises and what the plan keeps.
    pub slo: Vec<SloResult>,
    /// For each number the reason it is not one less (or what set it).
    pub reasons: Vec<Reason>,
    /// The rules of thumb beside the model.
    pub rules: Vec<RuleComparison>,
    /// Temporal Cloud's or the cluster's limits that the plan meets or breaks.
    pub limits: Vec<LimitCheck>,
    /// Latency percentile curves at the planned peak, by metric name.
    pub latency_curves: Vec<QuantileCurve>,
    /// Latency against load: one series per SLO metric; the plan's mark and the knee.
    pub load_curve: LoadCurve,
    /// Utilisation per resource at the planned peak.
    pub utilisation: Vec<Utilisation>,
    /// Storage over time.
    pub storage: StorageForecast,
    /// Backups, WAL archive, and how long a restore takes; null on Temporal Cloud.
    #[serde(default)]
    pub recovery: Option<RecoveryPlan>,
    /// Inputs by how much they move the plan, most first.
    pub sensitivity: Vec<Sensitivity>,
    /// Simulated events.
    pub events_simulated: u64,
    /// Simulations run.
    pub simulations: u32,
    /// Seed.
    pub seed: u64,
    /// What the model does not hold yet and may matter for this profile.
    pub not_modelled: Vec<NotModelled>,
    /// What the calibration was measured on and how far this plan is from it.
    pub calibration: CalibrationSummary,
    /// Things the reader should know (extrapolation, infeasible inputs, …).
    pub warnings: Vec<String>,
    /// What it was made from; `emit` needs it. Null in plans of before there was `emit`.
    #[serde(default)]
    pub basis: Option<PlanBasis>,
}

/// Whether the plan keeps every promise.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The fixed parts carry the load and the rest is sized to.
    Fits,
    /// No plan within the limits meets the SLO; `warnings` and `bottlenecks` say why.
    Infeasible,
}

/// Sizes for one load level.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SizedPlan {
    /// Workers.
    pub workers: WorkersPlan,
    /// Services.
    pub server: ServerPlan,
    /// Database.
    pub database: DatabasePlan,
}

/// The worker fleet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct WorkersPlan {
    /// Pods, the spare one for a lost pod included.
    pub pods: u32,
    /// Activity slots per pod.
    pub activity_slots: u32,
    /// Workflow task slots per pod.
    pub workflow_task_slots: u32,
    /// Pollers per pod.
    pub pollers: Pollers,
    /// Sticky cache per pod, in workflows.
    pub cached_workflows: u32,
    /// Cores per pod.
    pub cpu: f64,
    /// Memory per pod.
    pub memory_bytes: u64,
}

/// Pollers per pod.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Pollers {
    /// Workflow task pollers.
    pub workflow: u32,
    /// Activity pollers.
    pub activity: u32,
}

/// The four services.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ServerPlan {
    /// Frontend.
    pub frontend: ServicePlan,
    /// History.
    pub history: ServicePlan,
    /// Matching.
    pub matching: ServicePlan,
    /// Worker (internal).
    pub worker: ServicePlan,
}

/// One service. On Temporal Cloud every number is 0: the provider sizes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ServicePlan {
    /// Pods, the spare one for a lost pod included.
    pub pods: u32,
    /// Cores per pod (limit).
    pub cpu: f64,
    /// Memory per pod (limit).
    pub memory_bytes: u64,
}

/// The database. On Temporal Cloud every number is 0.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct DatabasePlan {
    /// Cores.
    pub vcpu: u32,
    /// Memory.
    pub memory_bytes: u64,
    /// Read I/O operations per second at peak.
    pub read_iops: f64,
    /// Write I/O operations per second at peak.
    pub write_iops: f64,
    /// Storage at the end of the retention (or growth) period.
    pub storage_bytes: u64,
    /// WAL at peak.
    pub wal_bytes_per_second: f64,
    /// Connections of all services together.
    pub connections: u32,
    /// Connections that PostgreSQL sees: PgBouncer's where it stands in between, else those of the services.
    #[serde(default)]
    pub server_connections: u32,
    /// Cores of visibility's own database; 0 where there is none.
    #[serde(default)]
    pub visibility_vcpu: u32,
    /// Documents to Elasticsearch per second at peak; 0 without it.
    #[serde(default)]
    pub documents_per_second: f64,
    /// Time between two checkpoints at peak.
    #[serde(default)]
    pub checkpoint_seconds: f64,
    /// Pages per second that a checkpoint writes while it is at it.
    #[serde(default)]
    pub checkpoint_pages_per_second: f64,
    /// Part of the WAL that is full-page images (0 to 1).
    #[serde(default)]
    pub full_page_share: f64,
    /// `max_wal_size` with which checkpoints come by time and not by size.
    #[serde(default)]
    pub max_wal_size_needed_bytes: u64,
    /// Cores that autovacuum uses at peak, beside the statements'.
    #[serde(default)]
    pub vacuum_cores: f64,
}

/// Planned load.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LoadSummary {
    /// Today's peak, starts per second.
    pub peak_per_second_now: f64,
    /// Peak at the horizon.
    pub peak_per_second_horizon: f64,
    /// Mean starts per second over the schedule, today.
    pub mean_per_second_now: f64,
    /// Headroom every plan keeps above the peak, 0.25 is 25 %.
    pub headroom: f64,
    /// Starts per second at which the planned system first breaks a promise; none found within the search: null.
    pub breaks_at_per_second: Option<f64>,
}

/// A resource that limits the plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Bottleneck {
    /// E.g. "history pods", "worker activity slots", "shard permits", "database CPU".
    pub resource: String,
    /// Utilisation at the planned peak (0 to 1), one pod of the kind lost.
    pub utilisation: f64,
    /// Starts per second at which it saturates.
    pub saturates_at_per_second: f64,
    /// In words.
    pub finding: String,
}

/// One promise.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SloResult {
    /// `start`, `schedule_to_start_workflow`, `schedule_to_start_activity`, `e2e`.
    pub metric: String,
    /// 0.99 is p99.
    pub quantile: f64,
    /// Seconds.
    pub limit_seconds: f64,
    /// What the plan reaches at the horizon's peak; `None`: too few samples.
    pub achieved_seconds: Option<Interval>,
    /// Whether the promise is kept.
    pub met: bool,
}

/// Why a number is what it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Reason {
    /// Path of the number in this document, e.g. "workers.pods".
    pub number: String,
    /// Label for people, e.g. "Worker pods".
    pub label: String,
    /// Today's value, formatted.
    pub now: String,
    /// The horizon's value, formatted.
    pub horizon: String,
    /// E.g. "8 pods: activity schedule-to-start p99 1.9 s > 200 ms".
    pub why: String,
}

/// A rule of thumb beside the model.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RuleComparison {
    /// Which rule: `workers`, `storage`, `database`.
    pub rule: String,
    /// What number, e.g. "worker pods", "storage".
    pub number: String,
    /// The rule's value.
    pub rule_value: f64,
    /// The model's value.
    pub model_value: f64,
    /// Unit of both.
    pub unit: String,
    /// Why they differ.
    pub why: String,
}

/// A limit of the cluster or of Temporal Cloud.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LimitCheck {
    /// E.g. "namespace actions per second".
    pub limit: String,
    /// What the load needs at the horizon's peak.
    pub needed: f64,
    /// What the limit allows.
    pub allowed: f64,
    /// Unit of both.
    pub unit: String,
    /// Within.
    pub ok: bool,
}

/// Latency against load, up to the knee.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LoadCurve {
    /// One series per metric and quantile, e.g. "schedule_to_start_activity p99".
    pub series: Vec<LoadSeries>,
    /// The plan's own mark: the peak it must carry, starts per second (the Plimsoll line).
    pub planned_per_second: f64,
    /// Where the first promise breaks, if it was found.
    pub knee_per_second: Option<f64>,
}

/// One series of a load curve.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LoadSeries {
    /// Name.
    pub name: String,
    /// x: starts per second, y: seconds.
    pub points: Vec<CurvePoint>,
    /// The promise in seconds, if there is one.
    pub limit_seconds: Option<f64>,
}

/// How busy a resource is at the planned peak.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Utilisation {
    /// Resource.
    pub resource: String,
    /// Mean over the measured window, 0 to 1.
    pub mean: f64,
}

/// Storage over time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct StorageForecast {
    /// Totals over time: x in days from now, y in bytes.
    pub total: Vec<CurvePoint>,
    /// Bytes per closed workflow, by table.
    pub bytes_per_workflow: Vec<TableBytes>,
    /// Bytes once the first retention is over, at today's load, by table.
    #[serde(default)]
    pub at_retention: Vec<TableBytes>,
    /// Bytes at the horizon, by table.
    pub at_horizon: Vec<TableBytes>,
}

/// Bytes of one table with its indexes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct TableBytes {
    /// Table.
    pub table: String,
    /// Bytes, indexes included.
    pub bytes: f64,
    /// Of these, indexes.
    #[serde(default)]
    pub indexes: f64,
}

/// Backups and what they promise, at the horizon's mean load.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RecoveryPlan {
    /// Daily backups kept.
    pub backups_kept: f64,
    /// Bytes of all of them.
    pub backup_bytes: f64,
    /// WAL written in a day.
    pub wal_per_day_bytes: f64,
    /// Archived WAL kept.
    pub wal_archive_bytes: f64,
    /// Archived histories in object storage at the horizon; 0 without archival.
    pub archive_bytes: f64,
    /// Longest time to restore: the newest backup and a day's WAL.
    pub restore_seconds: f64,
    /// Longest time to be without a database.
    pub rto_seconds: f64,
    /// Whether the restore keeps to it.
    pub rto_met: bool,
    /// Longest time whose writes are lost.
    pub lost_seconds: f64,
    /// Longest time whose writes may be lost.
    pub rpo_seconds: f64,
    /// Whether that keeps to it.
    pub rpo_met: bool,
    /// What the numbers rest on, as the profile has it.
    pub assumptions: String,
}

/// How much an uncertain input moves the plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Sensitivity {
    /// The input's path, e.g. `workflow[0].steps[1].takes.p99`.
    pub input: String,
    /// Low and high as written.
    pub low: String,
    /// High as written.
    pub high: String,
    /// Worker pods with the input low and high, all else at its middle.
    pub worker_pods: (u32, u32),
    /// Database cores likewise.
    pub database_vcpu: (u32, u32),
    /// In words.
    pub finding: String,
}

/// Something the model leaves out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct NotModelled {
    /// What.
    pub what: String,
    /// How it may change the plan.
    pub effect: String,
}

/// The calibration behind the numbers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CalibrationSummary {
    /// Its name.
    pub name: String,
    /// What it was measured on.
    pub measured_on: String,
    /// Highest rate measured, workflow starts per second.
    pub measured_up_to_per_second: f64,
    /// Planned rate over measured rate; above 1 the plan extrapolates.
    pub extrapolation: f64,
    /// By which share the latencies of this plan may be off for the calibration's sake; their intervals are wider by it.
    #[serde(default)]
    pub latency_error: f64,
    /// Known error of the model, in words, from data.
    pub known_error: String,
}
