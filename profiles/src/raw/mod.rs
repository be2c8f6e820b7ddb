//! A profile as it is written: the shape of the TOML, before any check that needs more than one key.
//!
//! The doc comments of these structs are the descriptions in the published JSON Schema.

pub(crate) mod arrivals;
pub(crate) mod autoscaler;
pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod rollout;
pub(crate) mod server;
pub(crate) mod span;
pub(crate) mod workflow;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::units::{Bytes, Cores, Nanos};
use arrivals::RawArrivals;
use autoscaler::RawAutoscaler;
use cluster::RawCluster;
use rollout::RawRollout;
use span::RawQuantiles;
use workflow::RawWorkflow;

/// A workload, the cluster it runs on, and what is promised.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Profile", title = "Plimsoll workload profile")]
pub(crate) struct RawProfile {
    /// The schema of this file, for editors.
    #[serde(rename = "$schema")]
    #[allow(dead_code)]
    pub schema: Option<String>,
    /// What reports call this workload.
    pub name: String,
    /// A sentence or two for readers; changes nothing.
    #[allow(dead_code)]
    pub description: Option<String>,
    /// The SDK of the workers; decides defaults of slots, pollers, sticky cache and sticky time-out. Default: go.
    pub sdk: Option<RawSdk>,
    /// When workflows are started.
    pub arrivals: RawArrivals,
    /// The workflow types, each under its own [[workflow]].
    pub workflow: Vec<RawWorkflow>,
    /// What is promised. Default: schedule-to-start p99 at most 200ms, for workflow tasks and for activities.
    pub slo: Option<RawSlo>,
    /// The worker fleet. What is not given is chosen by the planner; `simulate` takes the SDK's defaults and one pod.
    pub workers: Option<RawWorkers>,
    /// What changes the number of worker pods while the schedule lasts; `plan` without --autoscale looks at a fixed fleet.
    pub autoscaler: Option<RawAutoscaler>,
    /// How the load grows and how long closed workflows are kept.
    pub growth: Option<RawGrowth>,
    /// The Temporal cluster and its database. Default: the shipped kubernetes-production.
    pub cluster: Option<RawCluster>,
    /// What happens while the schedule lasts, each under its own [[event]]; `plan` looks at steady load only.
    #[serde(default)]
    pub event: Vec<RawEvent>,
    /// A new version of the workers that is brought out while the schedule lasts; `plan` looks at steady load only.
    pub rollout: Option<RawRollout>,
    /// Name of a shipped calibration, or a path relative to the profile. Default: temporal-1.31-postgresql-15.
    pub calibration: Option<String>,
}

/// A Temporal SDK.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Sdk")]
pub(crate) enum RawSdk {
    /// Go.
    Go,
    /// Java.
    Java,
    /// Python.
    Python,
    /// TypeScript.
    TypeScript,
    /// .NET.
    DotNet,
    /// Rust.
    Rust,
}

/// What is promised: quantiles of latencies, at least one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Slo")]
pub(crate) struct RawSlo {
    /// The StartWorkflowExecution call, as the client sees it.
    pub start: Option<RawQuantiles>,
    /// From a task's scheduling to its start on a worker: workflow tasks and activities, each for itself.
    pub schedule_to_start: Option<RawQuantiles>,
    /// From a workflow task's scheduling to its start on a worker.
    pub schedule_to_start_workflow: Option<RawQuantiles>,
    /// From an activity's scheduling to its start on a worker.
    pub schedule_to_start_activity: Option<RawQuantiles>,
    /// From the intended start of a workflow to its result at the client.
    pub end_to_end: Option<RawQuantiles>,
}

/// The size of a pod or machine.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HostSize")]
pub(crate) struct RawHostSize {
    /// Cores it may use (the CPU limit).
    pub cpu: Cores,
    /// Memory (the memory limit).
    pub memory: Bytes,
}

/// The worker fleet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workers")]
pub(crate) struct RawWorkers {
    /// Worker pods. Default: the planner chooses.
    pub pods: Option<u32>,
    /// The size of one worker pod. Default: 1 core, 2GiB.
    pub pod: Option<RawHostSize>,
    /// Activity slots of one pod. Default: the planner chooses.
    pub activity_slots: Option<u32>,
    /// Workflow task slots of one pod. Default: the planner chooses.
    pub workflow_task_slots: Option<u32>,
    /// Local activity slots of one pod. Default: the planner chooses.
    pub local_activity_slots: Option<u32>,
    /// Workflow task pollers of one pod. Default: the planner chooses.
    pub workflow_task_pollers: Option<u32>,
    /// Activity pollers of one pod. Default: the planner chooses.
    pub activity_pollers: Option<u32>,
    /// Whether pollers scale by themselves: from 5 of each kind, one more whenever a task had to wait for a poller, up to 100. Default: false, the SDKs' default.
    pub poller_autoscaling: Option<bool>,
    /// Sticky cache of one pod, in workflows. Default: the planner chooses.
    pub cached_workflows: Option<u32>,
    /// Memory of a running activity that does not say its own. Default: 32MiB.
    pub memory_per_activity: Option<Bytes>,
    /// Memory of one workflow in the sticky cache. Default: 256KiB.
    pub memory_per_cached_workflow: Option<Bytes>,
    /// Memory of a worker process that does nothing. Default: 128MiB.
    pub memory_base: Option<Bytes>,
    /// Worker CPU of one workflow task, SDK and workflow code. Default: 1.5ms.
    pub cpu_per_workflow_task: Option<Nanos>,
    /// Worker CPU of one activity beside its own `cpu`. Default: 1ms.
    pub cpu_per_activity: Option<Nanos>,
    /// Length of a worker's identity, which every event of a task carries; a client's is taken as long. Default: 9B, as measured.
    pub identity_bytes: Option<Bytes>,
    /// Length of the task queue's name, which every scheduled task carries. Default: 1B, as measured.
    pub task_queue_bytes: Option<Bytes>,
    /// Length of the worker's build id, which every started task carries. Default: 32B, a hash.
    pub build_id_bytes: Option<Bytes>,
    /// Most pods the planner may answer with. Default: 1000.
    pub max_pods: Option<u32>,
}

/// Something that happens at a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Event")]
pub(crate) struct RawEvent {
    /// When, from the begin of the arrival schedule; a load generator's ramp and warm-up come before.
    pub at: Nanos,
    /// For how long.
    #[serde(rename = "for")]
    pub duration: Nanos,
    /// What happens.
    pub kind: RawEventKind,
    /// How many worker pods. Default: all.
    pub pods: Option<u32>,
}

/// What happens.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EventKind")]
pub(crate) enum RawEventKind {
    /// Worker pods end their polls, finish what they have in hand, and come back with empty caches.
    WorkersStop,
}

/// How the load grows and how long closed workflows are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Growth")]
pub(crate) struct RawGrowth {
    /// How far ahead the plan looks. Default: 12mo.
    pub horizon: Option<Nanos>,
    /// Load at the horizon as a multiple of today's. Default: 1, no growth.
    pub factor: Option<f64>,
    /// How long closed workflows are kept. Default: 7d.
    pub retention: Option<Nanos>,
    /// Spare capacity above the peak that every plan keeps; 0.25 is 25 %. Default: 0.25.
    pub headroom: Option<f64>,
    /// Whether the plan must hold with one pod of each kind lost. Default: true.
    pub survive_pod_loss: Option<bool>,
}
