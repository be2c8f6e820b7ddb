//! A workload profile after checking: what runs, how often, on what, and what is promised.
//!
//! Everything here is already valid: shares add up to one, children have no cycles, slots are not zero.
//! Uncertain inputs (`{ low, mid, high }`) are resolved before this: a [`Profile`] is one world.

mod autoscaler;
mod cluster;
mod database;
mod event;
mod rollout;
mod server;
mod workflow;

pub use autoscaler::{
    Autoscaler, Hpa, Keda, KedaQueues, Milli, QueueTarget, ResourceName, ResourceTarget, Scaler, ScalingAmount,
    ScalingBehaviour, ScalingMetric, ScalingPolicy, ScalingRules, SelectPolicy, WorkerMetric,
};
pub use cluster::{CloudLimits, Cluster, ClusterKind, Host, HostSize, Network, Placement, Service, Services};
pub use database::{Archival, Backup, Database, Elasticsearch, PgBouncer, StorageClass, SynchronousCommit, Visibility};
pub use event::{Event, EventKind, ServiceName};
pub use rollout::{
    CanaryBy, CanaryStep, CutOffActivities, OldRuns, PodReplacement, PodShare, RollbackRule, Rollout, RolloutDrain,
    RolloutStrategy, fenceposts,
};
pub use server::ServerSettings;
pub use workflow::{
    Activity, Arm, Child, EndedByClient, Heartbeat, LocalActivity, ParentClosePolicy, Query, RetryPolicy, Span, Step,
    Timeouts, Update, WaitSignal, WorkflowType,
};

use crate::arrivals::Arrivals;
use crate::calibration::SdkCosts;
use crate::units::{Bytes, Cores, Nanos};

/// One workload on one cluster, with its promises.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What the report calls it.
    pub name: String,
    /// The SDK of the workers: decides defaults (slots, pollers, cache, sticky time-out).
    pub sdk: Sdk,
    /// When workflows are started.
    pub arrivals: Arrivals,
    /// What is started; shares of the types that have one add up to 1. Types without a share run only as children.
    pub workflows: Vec<WorkflowType>,
    /// What is promised.
    pub slo: Slo,
    /// The worker fleet.
    pub workers: Workers,
    /// What changes the number of worker pods while the schedule lasts.
    pub autoscaler: Option<Autoscaler>,
    /// How the load grows and how long closed workflows are kept.
    pub growth: Growth,
    /// The Temporal cluster and its database.
    pub cluster: Cluster,
    /// What happens while the schedule lasts, in order of time.
    pub events: Vec<Event>,
    /// A new version of the workers that is brought out meanwhile.
    pub rollout: Option<Rollout>,
    /// Name of a shipped calibration, or a path relative to the profile.
    pub calibration: String,
}

/// A Temporal SDK; what its workers do by default: [`Sdk::defaults`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// Go.
    Go,
    /// Java.
    Java,
    /// Python (on Core).
    Python,
    /// TypeScript (on Core).
    TypeScript,
    /// .NET (on Core).
    DotNet,
    /// Rust (Core itself).
    Rust,
}

/// Which latency a promise is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SloMetric {
    /// The StartWorkflowExecution call, as the client sees it.
    Start,
    /// From a workflow task's scheduling to its start on a worker.
    ScheduleToStartWorkflow,
    /// From an activity's scheduling to its start on a worker.
    ScheduleToStartActivity,
    /// From the intended start of a workflow to its result at the client.
    EndToEnd,
}

/// `quantile` of `metric` is at most `limit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SloTarget {
    /// Of what.
    pub metric: SloMetric,
    /// From 0 to 1, exclusive: 0.99 is p99.
    pub quantile: f64,
    /// The longest acceptable latency.
    pub limit: Nanos,
}

/// What is promised: at least one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The targets, in the order of the profile. `schedule_to_start` in a profile becomes both metrics.
    pub targets: Vec<SloTarget>,
}

/// The worker fleet. `None` is for the planner to choose; `simulate` takes the SDK's default (pods: 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Workers {
    /// Worker pods.
    pub pods: Option<u32>,
    /// The size of one worker pod.
    pub pod: HostSize,
    /// Activity slots per pod (`max_concurrent_activities`).
    pub activity_slots: Option<u32>,
    /// Workflow task slots per pod (`max_concurrent_workflow_tasks`).
    pub workflow_task_slots: Option<u32>,
    /// Local activity slots per pod.
    pub local_activity_slots: Option<u32>,
    /// Workflow task pollers per pod.
    pub workflow_task_pollers: Option<u32>,
    /// Activity task pollers per pod.
    pub activity_pollers: Option<u32>,
    /// Whether pollers scale by themselves ([`crate::PollerAutoscaling`]).
    pub poller_autoscaling: bool,
    /// Sticky cache size per pod, in workflows.
    pub cached_workflows: Option<u32>,
    /// Memory of a running activity, where the activity itself does not say.
    pub memory_per_activity: Bytes,
    /// Memory of a cached workflow.
    pub memory_per_cached_workflow: Bytes,
    /// Memory of an idle worker process.
    pub memory_base: Bytes,
    /// CPU beside what activities use themselves: a profile gives that of a workflow task, its code included, and of an activity. The rest
    /// is known of the load generator only.
    pub sdk_cpu: SdkCosts,
    /// The names that history events carry.
    pub names: Names,
    /// The planner never answers with more pods than this.
    pub max_pods: u32,
    /// How long a stopping worker lets running activities finish; `None`: not said (the SDKs' own default is zero).
    pub graceful_timeout: Option<Nanos>,
    /// Time between SIGTERM and SIGKILL; `None`: not said (Kubernetes' own default is 30 s).
    pub termination_grace: Option<Nanos>,
}

/// Lengths of the names that history events carry. Those of the load generator make a one-activity history 1,482 bytes, the short ones of
/// [`Names::MEASURED`] 1,192 (both measured).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// Identity of a worker; a client's is taken as long.
    pub identity: Bytes,
    /// The task queue.
    pub task_queue: Bytes,
    /// Build id of the worker.
    pub build_id: Bytes,
}

impl Names {
    /// Those of the measured runs, with which the sizes of events were told: `18786@vm@`, `q`, and the MD5 hash of the Go binary
    /// (histories of the calibration).
    pub const MEASURED: Names = Names { identity: Bytes(9), task_queue: Bytes(1), build_id: Bytes(32) };
}

/// How the load grows and how long closed workflows are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// How far ahead the plan looks.
    pub horizon: Nanos,
    /// Load at the horizon, as a multiple of today's.
    pub factor: f64,
    /// How long a namespace keeps closed workflows.
    pub retention: Nanos,
    /// Spare capacity above the peak that every plan keeps: 0.25 is 25 %.
    pub headroom: f64,
    /// Whether the plan must hold with one pod of each kind lost.
    pub survive_pod_loss: bool,
}

impl Workers {
    /// Cores of one worker pod.
    pub fn pod_cores(&self) -> Cores {
        self.pod.cpu
    }
}
