//! `[[event]]` as it is written: what goes wrong while the schedule lasts.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::units::{Nanos, Probability};

/// Something that happens at a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Event")]
pub(crate) struct RawEvent {
    /// When, from the begin of the arrival schedule; a load generator's ramp and warm-up come before.
    pub at: Nanos,
    /// For how long. Of a lost pod, node or zone: until its replacements are ready. Default of region_lost: 15min, the sources' RTO; all others need it.
    #[serde(rename = "for")]
    pub duration: Option<Nanos>,
    /// What happens.
    pub kind: RawEventKind,
    /// How many pods (workers_stop: of the workers, default all; pod_lost: of the service, default 1).
    pub pods: Option<u32>,
    /// workers_stop: which of the worker pods is the first to stop, counted from 0: pods replaced one after the other are events of one pod each. Default: 0.
    pub first: Option<u32>,
    /// pod_lost: of which service.
    pub service: Option<RawServiceName>,
    /// node_lost, zone_lost: over how many nodes or zones the pods of each service and of the workers are spread evenly; one of them is lost. Default: 3 zones; as many nodes as the largest service has pods.
    pub of: Option<u32>,
    /// pod_lost of history, node_lost, zone_lost: how long each of the lost history pods' shards has no owner. Default: what the server's membership takes to notice, and the new owners to acquire the shards, ten at a time.
    pub shards_move: Option<Nanos>,
    /// slow_disk: the fsync takes so many times as long; slow_dependency: the activity does; burst: so many times the arrival rate. Default: 10, 5 and 10.
    pub factor: Option<f64>,
    /// slow_dependency, poison: which activity. Default: all.
    pub activity: Option<String>,
    /// slow_dependency: whether a circuit breaker is open meanwhile: attempts fail at once, and are retried as their policy says. Default: false.
    pub circuit_breaker: Option<bool>,
    /// poison: the share of activities, of those first tried within the event, that fail at every attempt. Default: 0.01.
    pub share: Option<Probability>,
    /// poison: whether their error is one that is not retried. Default: false, they are retried as their policy says.
    pub non_retryable: Option<bool>,
    /// region_lost: how old the newest backup is; what was started since is lost. Default: 1h, the sources' RPO.
    pub rpo: Option<Nanos>,
}

/// What happens.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EventKind")]
pub(crate) enum RawEventKind {
    /// Worker pods end their polls, finish what they have in hand, and come back with empty caches.
    WorkersStop,
    /// Pods of a service are killed; others take over, and replacements are ready after `for`.
    PodLost,
    /// A node is gone, with the pods of every service and of the workers that were on it; the database is elsewhere.
    NodeLost,
    /// A zone is gone, likewise.
    ZoneLost,
    /// The database takes no statement until its standby is promoted; then all connections are opened again.
    DatabaseFailover,
    /// The fsync of the write-ahead log is slower by `factor`.
    SlowDisk,
    /// What activities call is slower by `factor`.
    SlowDependency,
    /// A share of the activities fails at every attempt.
    Poison,
    /// The arrival rate is `factor` times as high; the load generator sends it, too.
    Burst,
    /// The frontend's certificate has expired: connections last until the server closes them by age, new ones are refused until it is renewed.
    CertificateExpiry,
    /// Everything is down until the standby region has taken over.
    RegionLost,
}

/// One of Temporal's services.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ServiceName")]
pub(crate) enum RawServiceName {
    /// The gRPC gateway.
    Frontend,
    /// Workflow state, shards, queues.
    History,
    /// Task queues.
    Matching,
    /// Internal background workflows.
    WorkerService,
}
