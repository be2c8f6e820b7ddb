//! The cluster a workload runs on: services, shards, database, hosts.

use super::database::{Archival, Backup, Database, Visibility};
use super::server::ServerSettings;
use crate::units::{Bytes, Cores, Nanos, Rate};

/// A Temporal cluster and its database.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// What the report calls it.
    pub name: String,
    /// Who runs it.
    pub kind: ClusterKind,
    /// Temporal server version, e.g. "1.31.2".
    pub temporal_version: String,
    /// `numHistoryShards`; cannot be changed after creation. `None`: the planner chooses.
    pub history_shards: Option<u32>,
    /// Task queue partitions (read = write).
    pub task_queue_partitions: u32,
    /// The four services.
    pub services: Services,
    /// `maxConns` of the default store, per service pod.
    pub max_connections: u32,
    /// `maxConns` of the visibility store, per service pod.
    pub visibility_max_connections: u32,
    /// Whether the server starts activities with the workflow task's answer.
    pub eager_activities: bool,
    /// The database.
    pub database: Database,
    /// Where visibility is kept.
    pub visibility: Visibility,
    /// Backups of the database.
    pub backup: Backup,
    /// Archival of closed histories; `None`: there is none.
    pub archival: Option<Archival>,
    /// Limits and caches of the server.
    pub server: ServerSettings,
    /// Round trips between the parts.
    pub network: Network,
    /// Where the parts run.
    pub placement: Placement,
    /// How fast its machines are: CPU time of `plimsoll-load`'s canary. `None`: as fast as the calibration's.
    pub canary_cpu: Option<Nanos>,
}

/// Who runs the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterKind {
    /// Its user: everything is sized.
    SelfHosted,
    /// Temporal Cloud: only workers are sized; actions and limits are counted. Services, shards and database of such
    /// a [`Cluster`] are stand-ins that mean nothing.
    Cloud(CloudLimits),
}

/// Limits of a Temporal Cloud namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudLimits {
    /// Actions per second of the namespace before throttling.
    pub actions_per_second: Rate,
    /// The provider's published p50 of a start call.
    pub start_p50: Nanos,
    /// The provider's published p99 of a start call.
    pub start_p99: Nanos,
}

/// A pod or machine size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostSize {
    /// Cores that may be used (the CPU limit).
    pub cpu: Cores,
    /// Memory (the memory limit).
    pub memory: Bytes,
}

/// The pods of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Pods, fixed; `None`: the planner chooses from `min_pods` to `max_pods`, and `simulate` takes `min_pods`.
    pub pods: Option<u32>,
    /// Fewest pods the planner may answer with.
    pub min_pods: u32,
    /// Most pods the planner may answer with.
    pub max_pods: u32,
    /// CPU and memory limit of one pod.
    pub limit: HostSize,
    /// CPU and memory request of one pod.
    pub request: HostSize,
}

/// Temporal's four services.
#[derive(Clone, Debug, PartialEq)]
pub struct Services {
    /// gRPC gateway.
    pub frontend: Service,
    /// Workflow state, shards, queues.
    pub history: Service,
    /// Task queues.
    pub matching: Service,
    /// Internal background workflows.
    pub worker: Service,
}

/// Round-trip times.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Client or worker to frontend.
    pub client_to_frontend: Nanos,
    /// Service to service.
    pub between_services: Nanos,
    /// Service to database.
    pub service_to_database: Nanos,
}

/// Where the parts run.
#[derive(Clone, Debug, PartialEq)]
pub enum Placement {
    /// Every pod has its own cores, up to its limit.
    Separate,
    /// Everything, workers and clients included, shares these hosts' cores.
    Shared(Host),
}

/// One machine that carries everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Its size.
    pub size: HostSize,
}
