//! Checks of the cluster, and its defaults.

use super::Checker;
use crate::profile::{CloudLimits, Cluster, ClusterKind, Host, HostSize, Network, Placement, Service, Services};
use crate::raw::cluster::{RawAuto, RawCloud, RawCluster, RawNetwork, RawService, RawServices};
use crate::units::{Bytes, Cores, Nanos, Rate};

/// Temporal's largest tried shard count (its documentation: 1 to 128 K are in use).
const MAX_SHARDS: u32 = 131_072;
/// More partitions of one task queue than anybody has use for.
const MOST_PARTITIONS: u32 = 64;
/// More pods of one service than any cluster has: what the simulator can tell apart.
const MOST_PODS: u32 = 65_535;

impl Checker {
    pub(super) fn cluster(&mut self, raw: RawCluster) -> Cluster {
        let shards = raw.history_shards.and_then(RawAuto::fixed);
        let partitions = raw.task_queue_partitions;
        self.not_zero("history_shards", shards, "history shards");
        self.not_zero("task_queue_partitions", partitions, "task queue partitions");
        if partitions.is_some_and(|partitions| partitions > MOST_PARTITIONS) {
            let help =
                "a partition serves thousands of tasks a second; 4 is the default, 8 to 16 fit the busiest queues";
            self.note(
                "task_queue_partitions",
                format!("more than {MOST_PARTITIONS} partitions of a task queue"),
                "too many",
                help,
            );
        }
        self.not_zero("max_connections", raw.max_connections, "connections");
        self.not_zero("visibility_max_connections", raw.visibility_max_connections, "connections");
        if shards.is_some_and(|shards| shards > MAX_SHARDS) {
            let help = format!("the largest number in use is {MAX_SHARDS}; 512 to 4096 fits most clusters");
            self.note("history_shards", "more history shards than any cluster has", "too many", help);
        }
        let kind = match raw.cloud {
            None => ClusterKind::SelfHosted,
            Some(cloud) => ClusterKind::Cloud(self.under("cloud", |c| c.cloud(&cloud))),
        };
        let placement = match raw.shared_host {
            None => Placement::Separate,
            Some(size) => Placement::Shared(Host { size: self.host_size("shared_host", size) }),
        };
        if raw.canary_cpu == Some(Nanos::ZERO) {
            let help =
                "give the CPU time that a run's resources.csv has as canary_cpu, e.g. \"0.22ms\", or leave it out";
            self.note("canary_cpu", "a computation that takes no time", "zero", help);
        }
        let database = self.under("database", |c| c.database(raw.database.unwrap_or_default()));
        let visibility = raw.visibility.unwrap_or_default();
        let visibility = self.under("visibility", |c| c.visibility(visibility, &database.fsync));
        Cluster {
            name: self.name("name", raw.name.unwrap_or_else(|| "cluster".to_owned())),
            kind,
            temporal_version: raw.temporal_version.unwrap_or_else(|| "1.31.2".to_owned()),
            history_shards: shards,
            // matching.numTaskqueueReadPartitions and …WritePartitions.
            task_queue_partitions: partitions.unwrap_or(4),
            services: self.under("services", |c| c.services(raw.services.unwrap_or_default())),
            // The server's own configuration template: 20 to the default store, 10 to visibility.
            max_connections: raw.max_connections.unwrap_or(20),
            visibility_max_connections: raw.visibility_max_connections.unwrap_or(10),
            database,
            visibility,
            backup: self.under("backup", |c| c.backup(&raw.backup.unwrap_or_default())),
            archival: raw.archival.map(|raw| self.under("archival", |c| c.archival(&raw))),
            // system.enableActivityEagerExecution.
            eager_activities: raw.eager_activities.unwrap_or(false),
            server: self.under("server", |c| c.server(&raw.server.unwrap_or_default())),
            network: network(&raw.network.unwrap_or_default()),
            placement,
            canary_cpu: raw.canary_cpu.filter(|cpu| *cpu > Nanos::ZERO),
        }
    }

    /// Defaults: 500 actions/s per namespace, start calls at p50 14 ms and p99 69 ms (January 2026), all from
    /// docs.temporal.io/cloud.
    fn cloud(&mut self, raw: &RawCloud) -> CloudLimits {
        let limits = CloudLimits {
            actions_per_second: raw.actions_per_second.unwrap_or(Rate::per_second(500.0)),
            start_p50: raw.start_p50.unwrap_or(Nanos::from_millis(14)),
            start_p99: raw.start_p99.unwrap_or(Nanos::from_millis(69)),
        };
        if limits.actions_per_second.as_per_second() <= 0.0 {
            self.note(
                "actions_per_second",
                "a limit of zero actions",
                "zero",
                "give the namespace's limit, e.g. \"500/s\"",
            );
        }
        if limits.start_p99 <= limits.start_p50 || limits.start_p50 == Nanos::ZERO {
            self.note("start_p99", "start_p99 is not above start_p50", "too low", "a higher quantile takes longer");
        }
        limits
    }

    fn services(&mut self, raw: RawServices) -> Services {
        let mut service = |key: &str, raw: Option<RawService>| self.under(key, |c| c.service(&raw.unwrap_or_default()));
        Services {
            frontend: service("frontend", raw.frontend),
            history: service("history", raw.history),
            matching: service("matching", raw.matching),
            worker: service("worker", raw.worker),
        }
    }

    fn service(&mut self, raw: &RawService) -> Service {
        let pods = self.not_zero("pods", raw.pods.and_then(RawAuto::fixed), "pods");
        let min_pods = self.not_zero("min_pods", raw.min_pods, "pods").unwrap_or(1);
        let max_pods = self.not_zero("max_pods", raw.max_pods, "pods").unwrap_or(min_pods.max(200));
        if max_pods < min_pods {
            let message = format!("max_pods ({max_pods}) is below min_pods ({min_pods})");
            self.note("max_pods", message, "below min_pods", "raise max_pods, or lower min_pods");
        }
        if pods.unwrap_or(0).max(max_pods) > MOST_PODS {
            let message = format!("more than {MOST_PODS} pods of one service");
            self.note("max_pods", message, "too many", "no cluster has so many; give the pods of one cluster");
        }
        let limit = match raw.limit {
            Some(limit) => self.host_size("limit", limit),
            None => HostSize { cpu: Cores::new(2.0), memory: Bytes::gib(4) },
        };
        let request = match raw.request {
            Some(request) => self.host_size("request", request),
            None => HostSize { cpu: Cores::new(limit.cpu.get() / 2.0), memory: Bytes(limit.memory.0 / 2) },
        };
        if request.cpu.get() > limit.cpu.get() || request.memory > limit.memory {
            let help = "Kubernetes refuses a request above the limit: lower the request, or raise the limit";
            self.note("request", "the request is above the limit", "above the limit", help);
        }
        Service { pods, min_pods, max_pods, limit, request }
    }
}

/// Half a millisecond: assumed for two pods in one region that may be in different zones.
fn network(raw: &RawNetwork) -> Network {
    let zone = Nanos::from_micros(500);
    Network {
        client_to_frontend: raw.client_to_frontend.unwrap_or(zone),
        between_services: raw.between_services.unwrap_or(zone),
        service_to_database: raw.service_to_database.unwrap_or(zone),
    }
}
