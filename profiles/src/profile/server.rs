//! The server's dynamic configuration: rate limits and caches.

use crate::units::{Bytes, Nanos, Rate};

/// Limits and caches of the server, under the names of its dynamic configuration keys. A rate of `None` is no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// `frontend.rps`, per pod.
    pub frontend_rps: Option<Rate>,
    /// `frontend.namespaceRPS`, per pod.
    pub namespace_rps: Option<Rate>,
    /// `frontend.namespaceBurstRatio`: seconds of the rate that may come at once.
    pub namespace_burst_ratio: f64,
    /// `frontend.namespaceRPS.visibility`, per pod.
    pub visibility_rps: Option<Rate>,
    /// `frontend.namespaceCount`: long polls of one kind held at once, per pod.
    pub polls_per_frontend: u32,
    /// `history.rps`, per pod.
    pub history_rps: Option<Rate>,
    /// `matching.rps`, per pod.
    pub matching_rps: Option<Rate>,
    /// `history.persistenceMaxQPS`, persistence calls per pod.
    pub history_persistence_qps: Option<Rate>,
    /// `matching.persistenceMaxQPS`, persistence calls per pod.
    pub matching_persistence_qps: Option<Rate>,
    /// `history.shardIOConcurrency`: permits of a shard.
    pub shard_io_concurrency: u32,
    /// `history.hostLevelCacheMaxSize`: entries per pod.
    pub history_cache_entries: u32,
    /// `history.cacheTTL`.
    pub history_cache_ttl: Nanos,
    /// `history.eventsCacheMaxSizeBytes`, per shard.
    pub events_cache: Bytes,
}

impl Default for ServerSettings {
    /// The server's own defaults: `common/dynamicconfig/constants.go` of Temporal 1.31.2.
    fn default() -> Self {
        let rate = |per_second| Some(Rate::per_second(per_second));
        ServerSettings {
            frontend_rps: rate(2_400.0),
            namespace_rps: rate(2_400.0),
            namespace_burst_ratio: 2.0,
            visibility_rps: rate(10.0),
            polls_per_frontend: 1_200,
            history_rps: rate(3_000.0),
            matching_rps: rate(1_200.0),
            history_persistence_qps: rate(9_000.0),
            matching_persistence_qps: rate(3_000.0),
            shard_io_concurrency: 1,
            history_cache_entries: 128_000,
            history_cache_ttl: Nanos::from_secs(3_600),
            events_cache: Bytes(512 << 10),
        }
    }
}

impl ServerSettings {
    /// The rate at which one frontend pod serves one namespace that is alone on it: the lower of its two limits.
    pub fn frontend_limit(&self) -> Option<Rate> {
        match (self.frontend_rps, self.namespace_rps) {
            (Some(host), Some(namespace)) if host.as_per_second() < namespace.as_per_second() => Some(host),
            (host, namespace) => namespace.or(host),
        }
    }
}
