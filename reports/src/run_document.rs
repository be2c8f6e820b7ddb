//! A run as a document: what `plimsoll simulate --format json` prints, and the summary part of `run.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::{Interval, QuantileCurve};

/// Version of the run document.
///
/// 2: numbers per workflow are null where they were not measured. Version 1 reads as ever.
pub const RUN_SCHEMA_VERSION: u32 = 2;

/// The answer of `plimsoll simulate`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct RunDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Simulated or measured.
    pub kind: RunKind,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// Seed.
    pub seed: u64,
    /// Whether the measured window is a steady state; absent for a simulated run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_state: Option<SteadyState>,
    /// Work and cost per workflow (a workflow started from outside; its children and further runs included).
    pub per_workflow: PerWorkflow,
    /// Latencies.
    pub latency: Latencies,
    /// Percentile curves behind them.
    pub latency_curves: Vec<QuantileCurve>,
    /// Workflows completed per second of the measured window.
    pub throughput_per_second: f64,
    /// Starts offered per second of the measured window.
    pub offered_per_second: f64,
    /// Counts over the whole run.
    pub counts: Counts,
    /// Mean utilisation (0 to 1) by resource over the measured window.
    pub utilisation: std::collections::BTreeMap<String, f64>,
    /// Length of the measured window, seconds.
    pub measured_seconds: f64,
    /// Length removed as warm-up, seconds.
    pub warmup_seconds: f64,
    /// Events simulated; 0 for a measured run.
    pub events_simulated: u64,
    /// What an autoscaler did to the worker pods; absent where the fleet was fixed, and for a measured run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<crate::scaling_document::Scaling>,
    /// What the model leaves out; empty for a measured run.
    pub not_modelled: Vec<crate::plan_document::NotModelled>,
    /// Things the reader should know.
    pub warnings: Vec<String>,
}

/// Where a run comes from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// By the model.
    Simulated,
    /// On a real cluster.
    Measured,
}

/// Whether the measured window is a steady state, of which alone a latency has a distribution.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SteadyState {
    /// No trend was found.
    Steady,
    /// Latencies or the work in flight had a trend: quantiles are of this window and of no other.
    Drifting,
    /// The target did not keep up: latencies grow as long as the load lasts, so that no quantile is defined.
    Overloaded,
    /// Too short to tell.
    Undecided,
}

/// Work and cost per workflow; null where it was not measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PerWorkflow {
    /// SQL statements, main and visibility database.
    #[serde(default)]
    pub statements: Option<f64>,
    /// Transactions that write (BEGIN … COMMIT), single-statement inserts excluded.
    #[serde(default)]
    pub write_transactions: Option<f64>,
    /// Temporal state transitions.
    #[serde(default)]
    pub state_transitions: Option<f64>,
    /// WAL flushes.
    #[serde(default)]
    pub fsyncs: Option<f64>,
    /// WAL bytes outside checkpoints' full-page images.
    #[serde(default)]
    pub wal_bytes: Option<f64>,
    /// Event history.
    #[serde(default)]
    pub history_bytes: Option<f64>,
    /// Growth of tables with their indexes, by name, bytes; those that were told apart.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub table_bytes: std::collections::BTreeMap<String, f64>,
    /// CPU.
    pub cpu_seconds: CpuSeconds,
    /// gRPC requests by service and method, as the services' `service_requests` counts them; empty in documents made before
    /// they were counted.
    #[serde(default)]
    pub requests: Requests,
}

/// gRPC requests per workflow by service and method: workers' polls and what task queue partitions forward included.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Requests {
    /// Served by the frontend.
    pub frontend: std::collections::BTreeMap<String, f64>,
    /// Served by history.
    pub history: std::collections::BTreeMap<String, f64>,
    /// Served by matching.
    pub matching: std::collections::BTreeMap<String, f64>,
}

/// CPU per workflow by service.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CpuSeconds {
    /// Frontend.
    #[serde(default)]
    pub frontend: Option<f64>,
    /// History.
    #[serde(default)]
    pub history: Option<f64>,
    /// Matching.
    #[serde(default)]
    pub matching: Option<f64>,
    /// Database.
    #[serde(default)]
    pub database: Option<f64>,
}

/// Latencies by metric; `None` where the profile has no such step.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Latencies {
    /// From the intended start to the result at the client, or to the close as the workers saw it.
    pub e2e: Option<Quantiles>,
    /// The start call.
    pub start: Option<Quantiles>,
    /// Workflow tasks.
    pub schedule_to_start_workflow: Option<Quantiles>,
    /// Activities.
    pub schedule_to_start_activity: Option<Quantiles>,
    /// Whatever else was measured, by its name in `run.hlog`: `e2e.service`, `signal.response`, …
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub further: std::collections::BTreeMap<String, Quantiles>,
}

/// Quantiles in seconds; `None` where the tail has too few samples.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Quantiles {
    /// Samples.
    pub samples: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: Option<Interval>,
    /// 90 %.
    pub p90: Option<Interval>,
    /// 95 %.
    pub p95: Option<Interval>,
    /// 99 %.
    pub p99: Option<Interval>,
    /// 99.9 %; measured runs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999: Option<Interval>,
    /// Independent samples that would tell as much about the median; measured runs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_samples: Option<f64>,
}

/// Counts over the whole run: `offered = completed + failed + unfinished + unsent`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Counts {
    /// Intended starts.
    pub offered: u64,
    /// Completed.
    pub completed: u64,
    /// Failed or timed out.
    pub failed: u64,
    /// Still running at the end.
    pub unfinished: u64,
    /// Not sent; a simulated run sends all.
    #[serde(default)]
    pub unsent: u64,
}
